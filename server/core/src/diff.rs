//! What changed between two values, field by field, for audit entries, events and dry runs.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::canonical;
use crate::redact::{is_secret_member, mask, redact};

/// A value of a diff takes at most this many bytes as JSON; a longer one is replaced by its size and hash.
pub const VALUE_MAX: usize = 2048;

/// One field that differs.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct FieldDiff {
    /// Dotted path, for instance `inputs.bucket_name`. A key that is not a plain word stands in backticks. Empty if
    /// the whole value is no object.
    pub field: String,
    /// The value before; nothing if the field was not there.
    pub before: Option<Value>,
    /// The value after; nothing if the field is not there any more.
    pub after: Option<Value>,
}

/// Every field that differs, sorted by path. Objects are compared member by member, lists as a whole. Secrets are
/// compared as they are and shown masked, so that a changed password is a change that tells nothing else.
pub fn diff(before: Option<&Value>, after: Option<&Value>) -> Vec<FieldDiff> {
    let mut fields: BTreeMap<String, Sides<'_>> = BTreeMap::new();
    if let Some(value) = before {
        walk(value, String::new(), false, &mut |path, leaf| fields.entry(path).or_default().before = Some(leaf));
    }
    if let Some(value) = after {
        walk(value, String::new(), false, &mut |path, leaf| fields.entry(path).or_default().after = Some(leaf));
    }
    fields
        .into_iter()
        .filter(|(_, sides)| sides.differ())
        .map(|(field, sides)| FieldDiff {
            field,
            before: sides.before.map(Leaf::shown),
            after: sides.after.map(Leaf::shown),
        })
        .collect()
}

/// The value as it may be shown: redacted, and replaced by `{"truncated": bytes, "sha256": hex}` where it is longer
/// than [`VALUE_MAX`]. The hash is of the redacted value: that of a secret would let it be guessed.
pub fn capped(redacted: Value) -> Value {
    let text = canonical::canonical_json(&redacted);
    if text.len() <= VALUE_MAX {
        return redacted;
    }
    json!({ "truncated": text.len(), "sha256": canonical::sha256_hex(&redacted) })
}

#[derive(Clone, Copy, Default)]
struct Sides<'a> {
    before: Option<Leaf<'a>>,
    after: Option<Leaf<'a>>,
}

impl Sides<'_> {
    /// By value, as hashes see it: a whole number is the same with and without a fraction.
    fn differ(&self) -> bool {
        let form = |leaf: Leaf<'_>| canonical::canonical_json(leaf.value);
        self.before.map(form) != self.after.map(form)
    }
}

#[derive(Clone, Copy)]
struct Leaf<'a> {
    value: &'a Value,
    secret: bool,
}

impl Leaf<'_> {
    fn shown(self) -> Value {
        capped(if self.secret { mask(self.value) } else { redact(self.value) })
    }
}

fn walk<'a>(value: &'a Value, path: String, secret: bool, leaf: &mut dyn FnMut(String, Leaf<'a>)) {
    match value {
        // What is secret is one field, whatever it consists of.
        Value::Object(members) if !secret && !members.is_empty() => {
            for (key, member) in members {
                walk(member, join(&path, key), is_secret_member(members, key), leaf);
            }
        }
        _ => leaf(path, Leaf { value, secret }),
    }
}

/// A key with a dot in it must not look like two.
fn join(path: &str, key: &str) -> String {
    let plain = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    let key = if plain { key.to_owned() } else { format!("`{}`", key.replace('`', "``")) };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::MASK;

    fn field(field: &str, before: Option<Value>, after: Option<Value>) -> FieldDiff {
        FieldDiff { field: field.to_owned(), before, after }
    }

    #[test]
    fn only_what_differs_is_told_by_path() {
        let before = json!({"b": {"x": 1, "same": [1]}, "a": [1, 2], "gone": true, "e": {}});
        let after = json!({"b": {"x": 2, "same": [1]}, "a": [2, 1], "new": null, "e": {}});
        assert_eq!(
            diff(Some(&before), Some(&after)),
            [
                field("a", Some(json!([1, 2])), Some(json!([2, 1]))),
                field("b.x", Some(json!(1)), Some(json!(2))),
                field("gone", Some(json!(true)), None),
                field("new", None, Some(Value::Null)),
            ]
        );
        assert!(diff(Some(&before), Some(&before)).is_empty());
        assert!(diff(None, None).is_empty());
        assert!(diff(Some(&json!({"a": [1]})), Some(&json!({"a": [1.0]}))).is_empty());
    }

    #[test]
    fn creation_and_deletion_tell_every_field() {
        let value = json!({"a": {"b": 1}, "c": []});
        let expected = [field("a.b", None, Some(json!(1))), field("c", None, Some(json!([])))];
        assert_eq!(diff(None, Some(&value)), expected);
        assert!(diff(Some(&value), None).iter().all(|one| one.before.is_some() && one.after.is_none()));
    }

    #[test]
    fn an_object_may_become_a_plain_value() {
        assert_eq!(
            diff(Some(&json!({"a": {"b": 1}})), Some(&json!({"a": 2}))),
            [field("a", None, Some(json!(2))), field("a.b", Some(json!(1)), None)]
        );
        assert_eq!(diff(Some(&json!(1)), Some(&json!(2))), [field("", Some(json!(1)), Some(json!(2)))]);
    }

    #[test]
    fn keys_with_dots_stay_one_step() {
        let found = diff(None, Some(&json!({"a.b": 1, "a": {"b": 2}, "": 3})));
        let fields: Vec<_> = found.iter().map(|one| one.field.as_str()).collect();
        assert_eq!(fields, ["``", "`a.b`", "a.b"]);
    }

    #[test]
    fn a_changed_secret_is_a_change_that_tells_nothing() {
        let before = json!({"password": "old", "env": [{"name": "TOKEN", "value": "t1"}], "auth_token": {"v": "1"}});
        let after = json!({"password": "new", "env": [{"name": "TOKEN", "value": "t2"}], "auth_token": {"v": "1"}});
        let env = json!([{"name": "TOKEN", "value": MASK}]);
        assert_eq!(
            diff(Some(&before), Some(&after)),
            [field("env", Some(env.clone()), Some(env)), field("password", Some(MASK.into()), Some(MASK.into()))]
        );
    }

    #[test]
    fn long_values_are_replaced_by_size_and_hash() {
        let long = "x".repeat(VALUE_MAX);
        let found = diff(None, Some(&json!({"fits": "x".repeat(VALUE_MAX - 2), "long": long})));
        assert_eq!(found[0].after.as_ref().and_then(Value::as_str).map(str::len), Some(VALUE_MAX - 2));
        assert_eq!(
            found[1].after,
            Some(json!({"truncated": VALUE_MAX + 2, "sha256": canonical::sha256_hex(&long.into())}))
        );
    }
}
