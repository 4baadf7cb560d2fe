//! The rules that hold for every tag, whatever the policies say (invariant 15 of the domain).

use std::collections::BTreeMap;

use crate::FieldViolation;
use crate::text;
use crate::words::Excerpt;

/// The tag with the code of the business unit. The platform sets it on every deployment; nobody else does.
pub const BUSINESS_UNIT: &str = "business_unit";

/// Keys beginning with one of these, in any case, belong to the platform.
pub const RESERVED_PREFIXES: [&str; 3] = ["system-", "flagstone-", "internal-"];

/// Longest key, in bytes (a key is ASCII).
pub const KEY_MAX: usize = 100;

/// Longest value, in characters.
pub const VALUE_MAX: usize = 255;

/// Every violation of the tag rules. `field` is the path of the map, for instance `request.tags`; a violation names
/// one entry of it, `request.tags[owner]`.
pub fn check(tags: &BTreeMap<String, String>, field: &str) -> Vec<FieldViolation> {
    let mut violations = Vec::new();
    for (key, value) in tags {
        let problems = [key_problem(key), value_problem(value)];
        let path = format!("{field}[{}]", Excerpt(key));
        violations.extend(problems.into_iter().flatten().map(|problem| FieldViolation::new(path.clone(), problem)));
    }
    violations
}

/// True for `^[a-z][a-z0-9_-]{0,99}$`.
pub fn is_key(key: &str) -> bool {
    key.len() <= KEY_MAX
        && key.starts_with(|first: char| first.is_ascii_lowercase())
        && key.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}

fn key_problem(key: &str) -> Option<String> {
    let lower = key.to_lowercase();
    if lower == BUSINESS_UNIT {
        return Some("The platform sets this tag from the business unit. Leave it out.".to_owned());
    }
    if let Some(prefix) = RESERVED_PREFIXES.into_iter().find(|prefix| lower.starts_with(prefix)) {
        return Some(format!("Keys beginning with `{prefix}` are reserved for the platform. Choose another key."));
    }
    (!is_key(key)).then(|| {
        format!("A tag key begins with a lower-case letter and holds at most {KEY_MAX} of a-z, 0-9, `_` and `-`.")
    })
}

fn value_problem(value: &str) -> Option<String> {
    if value.trim().is_empty() {
        return Some("A tag needs a value that is not blank. Give one, or leave the tag out.".to_owned());
    }
    if !text::is_readable(value) {
        return Some(format!("The value {}", text::READABLE));
    }
    let length = value.chars().count();
    (length > VALUE_MAX).then(|| format!("The value has {length} characters; at most {VALUE_MAX} are allowed."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(key: &str, value: &str) -> usize {
        check(&BTreeMap::from([(key.to_owned(), value.to_owned())]), "tags").len()
    }

    #[test]
    fn good_tags_pass() {
        for key in ["a", "data_sensitivity", "cost-center", "x1", &"k".repeat(100), "systems-team", "business_units"] {
            assert_eq!(problems(key, "v"), 0, "{key}");
        }
        assert_eq!(problems("owner", &"ü".repeat(255)), 0);
    }

    #[test]
    fn bad_keys_are_refused() {
        let long = "k".repeat(101);
        for key in ["", "A", "1a", "-a", "a b", "a.b", "ä", "Owner", &long, "business_unit", "Business_Unit"] {
            assert_eq!(problems(key, "v"), 1, "{key}");
        }
        for key in ["system-x", "System-x", "FLAGSTONE-y", "internal-"] {
            let found = check(&BTreeMap::from([(key.to_owned(), "v".to_owned())]), "tags");
            assert!(found[0].message.contains("reserved"), "{key}");
        }
    }

    #[test]
    fn bad_values_are_refused() {
        for value in ["", " \t\n", "\u{a0}", &"v".repeat(256)] {
            assert_eq!(problems("owner", value), 1, "{value:?}");
        }
    }

    #[test]
    fn every_violation_is_told_at_its_entry() {
        let tags = BTreeMap::from([("System-x".to_owned(), String::new()), ("owner".to_owned(), " ".to_owned())]);
        let fields: Vec<_> = check(&tags, "request.tags").into_iter().map(|violation| violation.field).collect();
        assert_eq!(fields, ["request.tags[System-x]", "request.tags[System-x]", "request.tags[owner]"]);
    }
}
