//! Keeping secrets out of what people see of a plan.
//!
//! Terraform marks sensitive values by path, but the marks get lost where a provider copies a value: the `output` of a
//! `terraform_data` shows the secret of its `input` unmarked. So secrets are masked by their value as well: each text that is
//! marked anywhere in the document is masked everywhere in it.

use std::collections::BTreeSet;

use aho_corasick::AhoCorasick;
use serde_json::Value;

use crate::error::Error;
use crate::redact::MASK;

/// Shorter texts are masked by path only: by value they would hide half of every plan.
const MIN_LENGTH: usize = 4;

/// Too common to be a secret by value.
const COMMON: [&str; 3] = ["true", "false", "null"];

/// Every secret text of one plan.
pub(super) struct Secrets {
    matcher: Option<AhoCorasick>,
}

impl Secrets {
    /// Collects what the document marks as sensitive, and adds what the caller knows to be secret.
    pub(super) fn of(document: &Value, known: &[String]) -> Result<Self, Error> {
        let mut texts = BTreeSet::new();
        for text in known {
            add_text(text, &mut texts);
        }
        collect_marked(document, &mut texts);
        collect_variables(document, &mut texts);
        if texts.is_empty() {
            return Ok(Self { matcher: None });
        }
        AhoCorasick::new(&texts).map(|matcher| Self { matcher: Some(matcher) }).map_err(Error::internal)
    }

    /// Whether a text holds a secret.
    pub(super) fn in_text(&self, text: &str) -> bool {
        self.matcher.as_ref().is_some_and(|matcher| matcher.is_match(text))
    }

    /// The text, or the mask where it holds a secret.
    pub(super) fn mask_text(&self, text: &str) -> String {
        if self.in_text(text) { MASK.to_owned() } else { text.to_owned() }
    }

    /// The value with everything masked that `marks` mark or that holds a secret, keys included; and whether there was
    /// anything to mask. `marks` has the shape of the value, with `true` for sensitive parts.
    pub(super) fn mask(&self, value: &Value, marks: Option<&Value>) -> (Value, bool) {
        if value.is_null() {
            return (Value::Null, false);
        }
        if marks_whole(value, marks) {
            return (Value::from(MASK), true);
        }
        match value {
            Value::Object(members) => {
                let mut any = false;
                let masked = members.iter().map(|(key, member)| {
                    let (member, hit) = self.mask(member, marks.and_then(|marks| marks.get(key)));
                    any |= hit || self.in_text(key);
                    (self.mask_text(key), member)
                });
                (Value::Object(masked.collect()), any)
            }
            Value::Array(items) => {
                let mut any = false;
                let masked = items.iter().enumerate().map(|(index, item)| {
                    let (item, hit) = self.mask(item, marks.and_then(|marks| marks.get(index)));
                    any |= hit;
                    item
                });
                (Value::Array(masked.collect()), any)
            }
            Value::String(text) if self.in_text(text) => (Value::from(MASK), true),
            Value::Number(number) if self.in_text(&number.to_string()) => (Value::from(MASK), true),
            scalar => (scalar.clone(), false),
        }
    }
}

/// Whether the marks cover the value as a whole: they say so, or they do not have its shape and mark something.
pub(super) fn marks_whole(value: &Value, marks: Option<&Value>) -> bool {
    match (value, marks) {
        (_, None) => false,
        (_, Some(Value::Bool(marked))) => *marked,
        (Value::Object(_), Some(Value::Object(_))) | (Value::Array(_), Some(Value::Array(_))) => false,
        (_, Some(marks)) => holds_true(marks),
    }
}

/// Whether anything in the marks is true.
pub(super) fn holds_true(marks: &Value) -> bool {
    match marks {
        Value::Bool(marked) => *marked,
        Value::Array(items) => items.iter().any(holds_true),
        Value::Object(members) => members.values().any(holds_true),
        _ => false,
    }
}

/// The pairs of value and marks that a plan document uses, wherever they stand: changes, prior state, planned values.
const MARKED: [(&str, &str); 3] =
    [("before", "before_sensitive"), ("after", "after_sensitive"), ("values", "sensitive_values")];

fn collect_marked(value: &Value, texts: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (value_key, marks_key) in MARKED {
                if let (Some(value), Some(marks)) = (members.get(value_key), members.get(marks_key)) {
                    add_marked(value, Some(marks), texts);
                }
            }
            // Outputs in the state say it in one word.
            if let (Some(Value::Bool(true)), Some(value)) = (members.get("sensitive"), members.get("value")) {
                add_all(value, texts);
            }
            members.values().for_each(|member| collect_marked(member, texts));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_marked(item, texts)),
        _ => {}
    }
}

/// The values of the variables that the template declares sensitive.
fn collect_variables(document: &Value, texts: &mut BTreeSet<String>) {
    let declared = document.pointer("/configuration/root_module/variables").and_then(Value::as_object);
    for (name, variable) in declared.into_iter().flatten() {
        let value = document.get("variables").and_then(|variables| variables.get(name)?.get("value"));
        if let (Some(Value::Bool(true)), Some(value)) = (variable.get("sensitive"), value) {
            add_all(value, texts);
        }
    }
}

fn add_marked(value: &Value, marks: Option<&Value>, texts: &mut BTreeSet<String>) {
    if marks_whole(value, marks) {
        return add_all(value, texts);
    }
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                add_marked(member, marks.and_then(|marks| marks.get(key)), texts);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                add_marked(item, marks.and_then(|marks| marks.get(index)), texts);
            }
        }
        _ => {}
    }
}

fn add_all(value: &Value, texts: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => add_text(text, texts),
        Value::Number(number) => add_text(&number.to_string(), texts),
        Value::Array(items) => items.iter().for_each(|item| add_all(item, texts)),
        Value::Object(members) => members.values().for_each(|member| add_all(member, texts)),
        Value::Null | Value::Bool(_) => {}
    }
}

fn add_text(text: &str, texts: &mut BTreeSet<String>) {
    // `jsonencode` writes a secret with its quotes and line ends escaped.
    let escaped = Value::from(text).to_string();
    for form in [text, text.trim(), escaped.trim_matches('"')] {
        if form.len() >= MIN_LENGTH && !COMMON.contains(&form) {
            texts.insert(form.to_owned());
        }
    }
}
