//! The kinds of demand: reading their config, and finding what violates them.

use serde::Deserialize;
use serde_json::Value;

use super::{PolicyKind, Subject};
use crate::error::{FieldViolation, Violations};
use crate::tags;

/// A policy's demand, read from its config.
#[derive(Debug)]
pub(super) enum Rule {
    RequiredTags(RequiredTags),
    TagFormat,
    AllowedValues(AllowedValues),
    RestrictedKeys(RestrictedKeys),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RequiredTags {
    tags: Vec<String>,
    any_of: Vec<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AllowedValues {
    field: String,
    values: Vec<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RestrictedKeys {
    keys: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl Rule {
    /// Reads a config, or tells every fault of it. `field` is its path.
    pub(super) fn parse(kind: PolicyKind, config: &Value, field: &str) -> Result<Self, Vec<FieldViolation>> {
        let unreadable =
            |error: serde_json::Error| vec![FieldViolation::new(field, format!("Cannot be read: {error}."))];
        let read = config.clone();
        let rule = match kind {
            PolicyKind::RequiredTags => serde_json::from_value(read).map(Self::RequiredTags),
            PolicyKind::TagFormat => serde_json::from_value(read).map(|Nothing {}| Self::TagFormat),
            PolicyKind::AllowedValues => serde_json::from_value(read).map(Self::AllowedValues),
            PolicyKind::RestrictedKeys => serde_json::from_value(read).map(Self::RestrictedKeys),
        }
        .map_err(unreadable)?;
        let faults = rule.faults(field);
        if faults.is_empty() { Ok(rule) } else { Err(faults) }
    }

    fn faults(&self, field: &str) -> Vec<FieldViolation> {
        let mut faults = Violations::new();
        match self {
            Self::TagFormat => {}
            Self::RequiredTags(RequiredTags { tags, any_of }) => {
                faults.check(
                    !tags.is_empty() || !any_of.is_empty(),
                    field,
                    "Name at least one tag, in `tags` or in `any_of`.",
                );
                let listed = tags.iter().enumerate().map(|(index, key)| (format!("{field}.tags[{index}]"), key));
                let grouped = any_of.iter().enumerate().flat_map(|(group, keys)| {
                    keys.iter().enumerate().map(move |(index, key)| (format!("{field}.any_of[{group}][{index}]"), key))
                });
                for (place, key) in listed.chain(grouped) {
                    faults.check(tags::is_key(key), place, "No tag can have this key.");
                }
                for (group, _) in any_of.iter().enumerate().filter(|(_, keys)| keys.is_empty()) {
                    faults.add(format!("{field}.any_of[{group}]"), "An empty group can never be fulfilled.");
                }
            }
            Self::AllowedValues(AllowedValues { field: name, values }) => {
                let blank = name.split('.').any(str::is_empty);
                faults.check(!blank, format!("{field}.field"), "Name a field, for instance `inputs.region`.");
                faults.check(!values.is_empty(), format!("{field}.values"), "Name at least one value.");
            }
            Self::RestrictedKeys(RestrictedKeys { keys }) => {
                let usable = !keys.is_empty() && keys.iter().all(|key| !key.trim().is_empty());
                faults.check(usable, format!("{field}.keys"), "Name at least one key, and none that is blank.");
            }
        }
        faults.finish().err().map(|error| error.fields).unwrap_or_default()
    }

    /// Everything about the subject that violates it.
    pub(super) fn findings(&self, subject: &Subject<'_>) -> Vec<FieldViolation> {
        match self {
            Self::TagFormat => tags::check(subject.tags, subject.tags_field),
            Self::RequiredTags(rule) => rule.findings(subject),
            Self::AllowedValues(rule) => rule.findings(subject),
            Self::RestrictedKeys(rule) => {
                let mut findings = Vec::new();
                rule.search(subject.fields, subject.fields_prefix, &mut findings);
                findings
            }
        }
    }
}

impl RequiredTags {
    fn findings(&self, subject: &Subject<'_>) -> Vec<FieldViolation> {
        let tagged = |key: &str| subject.tags.get(key).is_some_and(|value| !value.trim().is_empty());
        let filled =
            |name: &str| subject.fields.get(name).and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty());
        let missing = self.tags.iter().filter(|key| !tagged(key)).map(|key| {
            FieldViolation::new(format!("{}[{key}]", subject.tags_field), format!("The tag `{key}` is missing."))
        });
        let unfulfilled = self.any_of.iter().filter(|group| !group.iter().any(|name| tagged(name) || filled(name)));
        let groups = unfulfilled.map(|group| {
            let names: Vec<String> = group.iter().map(|name| format!("`{name}`")).collect();
            FieldViolation::new(subject.tags_field, format!("One of {} is needed.", names.join(", ")))
        });
        missing.chain(groups).collect()
    }
}

impl AllowedValues {
    fn findings(&self, subject: &Subject<'_>) -> Vec<FieldViolation> {
        let value = self.field.split('.').try_fold(subject.fields, |value, name| value.get(name));
        match value {
            Some(value) if !value.is_null() && !self.values.contains(value) => {
                let allowed: Vec<String> = self.values.iter().map(ToString::to_string).collect();
                let field = format!("{}.{}", subject.fields_prefix, self.field);
                vec![FieldViolation::new(field, format!("Only {} is allowed.", allowed.join(", ")))]
            }
            _ => Vec::new(),
        }
    }
}

impl RestrictedKeys {
    fn search(&self, value: &Value, path: &str, findings: &mut Vec<FieldViolation>) {
        match value {
            Value::Object(members) => {
                for (key, member) in members {
                    let place = format!("{path}.{key}");
                    if self.restricts(key) {
                        findings.push(FieldViolation::new(&place, format!("The key `{key}` is not allowed.")));
                    }
                    self.search(member, &place, findings);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.search(item, &format!("{path}[{index}]"), findings);
                }
            }
            _ => {}
        }
    }

    fn restricts(&self, key: &str) -> bool {
        let key = key.to_lowercase();
        self.keys
            .iter()
            .map(|word| word.to_lowercase())
            .any(|word| key.strip_suffix(&word).is_some_and(|start| start.is_empty() || start.ends_with(['_', '-'])))
    }
}
