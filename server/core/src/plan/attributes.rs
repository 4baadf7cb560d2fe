//! The attributes that differ between two sides of a change, with their marks.

use std::collections::BTreeSet;

use serde_json::Value;

use super::AttributeChange;
use super::mask::{Secrets, marks_whole};
use crate::diff::capped;

/// One step into a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// Reads the path of an attribute as the engine writes it: a list of names and positions.
pub(super) fn steps(path: &Value) -> Vec<Step> {
    let step = |step: &Value| match step {
        Value::Number(number) => Step::Index(number.as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or_default()),
        Value::String(name) => Step::Key(name.clone()),
        other => Step::Key(other.to_string()),
    };
    path.as_array().into_iter().flatten().map(step).collect()
}

/// The path as people write it: `rule[0].days`, `tags["a.b"]`.
pub(super) fn written(steps: &[Step], secrets: &Secrets) -> String {
    let mut path = String::new();
    for step in steps {
        match step {
            Step::Index(index) => path.push_str(&format!("[{index}]")),
            Step::Key(key) => {
                let key = secrets.mask_text(key);
                let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
                if key.is_empty() || !key.chars().all(plain) {
                    path.push_str(&format!("[{}]", Value::from(key)));
                } else {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(&key);
                }
            }
        }
    }
    path
}

/// One side of a change at one place: the value, and the marks of what is sensitive in it.
#[derive(Clone, Copy, Default)]
pub(super) struct Side<'a> {
    pub(super) value: Option<&'a Value>,
    pub(super) marks: Option<&'a Value>,
}

impl<'a> Side<'a> {
    pub(super) fn new(value: Option<&'a Value>, marks: Option<&'a Value>) -> Self {
        // Terraform writes an attribute that is not set as null or leaves it out.
        Self { value: value.filter(|value| !value.is_null()), marks }
    }

    fn member(self, key: &str) -> Self {
        Self::new(self.value.and_then(|value| value.get(key)), below(self.marks, |marks| marks.get(key)))
    }

    fn item(self, index: usize) -> Self {
        Self::new(self.value.and_then(|value| value.get(index)), below(self.marks, |marks| marks.get(index)))
    }

    fn sensitive(self) -> bool {
        match self.value {
            Some(value) => marks_whole(value, self.marks),
            None => self.marks == Some(&Value::Bool(true)),
        }
    }
}

/// What marks say about a part: a mark of the whole holds for each part.
fn below<'a>(marks: Option<&'a Value>, part: impl FnOnce(&'a Value) -> Option<&'a Value>) -> Option<&'a Value> {
    match marks {
        Some(Value::Bool(_)) => marks,
        marks => marks.and_then(part),
    }
}

/// Collects the attributes that differ.
pub(super) struct Walk<'a> {
    secrets: &'a Secrets,
    replace_paths: &'a [Vec<Step>],
    path: Vec<Step>,
    found: Vec<AttributeChange>,
}

impl<'a> Walk<'a> {
    /// Everything that differs between two sides, sorted by path. `unknown` has the shape of the later side, with `true` for
    /// what only the apply will tell.
    pub(super) fn between(
        before: Side<'_>,
        after: Side<'_>,
        unknown: Option<&Value>,
        replace_paths: &'a [Vec<Step>],
        secrets: &'a Secrets,
    ) -> Vec<AttributeChange> {
        let mut walk = Self { secrets, replace_paths, path: Vec::new(), found: Vec::new() };
        walk.visit(before, after, unknown);
        walk.found.sort_by(|a, b| a.path.cmp(&b.path));
        walk.found
    }

    fn visit(&mut self, before: Side<'_>, after: Side<'_>, unknown: Option<&Value>) {
        let whole = unknown == Some(&Value::Bool(true)) || before.sensitive() || after.sensitive();
        let shape = if whole { Shape::Scalar } else { Shape::of([before.value, after.value, unknown]) };
        let so_far = self.found.len();
        match shape {
            Shape::Object(keys) => {
                for key in keys {
                    self.path.push(Step::Key(key.to_owned()));
                    self.visit(before.member(key), after.member(key), below(unknown, |unknown| unknown.get(key)));
                    self.path.pop();
                }
            }
            Shape::Array(length) => {
                for index in 0..length {
                    self.path.push(Step::Index(index));
                    self.visit(before.item(index), after.item(index), below(unknown, |unknown| unknown.get(index)));
                    self.path.pop();
                }
            }
            Shape::Scalar => return self.leaf(before, after, unknown == Some(&Value::Bool(true))),
        }
        // An empty list or object that appears or goes away has no parts that differ.
        if self.found.len() == so_far && before.value != after.value && !self.path.is_empty() {
            self.leaf(before, after, false);
        }
    }

    fn leaf(&mut self, before: Side<'_>, after: Side<'_>, unknown: bool) {
        let (before_marked, after_marked) = (before.sensitive(), after.sensitive());
        if !unknown && before.value == after.value && before_marked == after_marked {
            return;
        }
        // A value that becomes secret was the same value before: one mark hides both sides.
        let hide = before_marked || after_marked;
        let (shown_before, before_hit) = self.shown(before, hide);
        let (shown_after, after_hit) = if unknown { (None, false) } else { self.shown(after, hide) };
        let forces = self.replace_paths.iter().any(|path| self.path.starts_with(path) || path.starts_with(&self.path));
        self.found.push(AttributeChange {
            path: written(&self.path, self.secrets),
            before: shown_before,
            after: shown_after,
            before_sensitive: before_marked || before_hit,
            after_sensitive: after_marked || after_hit,
            unknown,
            forces_replacement: forces,
        });
    }

    fn shown(&self, side: Side<'_>, hide: bool) -> (Option<Value>, bool) {
        match side.value {
            None => (None, false),
            Some(value) => {
                let all = Value::Bool(true);
                let (masked, hit) = self.secrets.mask(value, if hide { Some(&all) } else { side.marks });
                (Some(capped(masked)), hit)
            }
        }
    }
}

/// How to go on below a place.
enum Shape<'a> {
    /// Objects on every side that has anything, with the keys of all.
    Object(BTreeSet<&'a str>),
    /// Lists on every side that has anything, with the length of the longest.
    Array(usize),
    Scalar,
}

impl<'a> Shape<'a> {
    fn of(sides: [Option<&'a Value>; 3]) -> Self {
        // `false` in the unknown marks says nothing about the shape.
        let [before, after, unknown] = sides;
        let unknown = unknown.filter(|unknown| !unknown.is_boolean());
        let present: Vec<&Value> = [before, after, unknown].into_iter().flatten().collect();
        if present.is_empty() {
            return Self::Scalar;
        }
        let objects: Vec<_> = present.iter().filter_map(|value| value.as_object()).collect();
        if objects.len() == present.len() {
            return Self::Object(objects.into_iter().flat_map(|members| members.keys().map(String::as_str)).collect());
        }
        let arrays: Vec<_> = present.iter().filter_map(|value| value.as_array()).collect();
        if arrays.len() == present.len() {
            return Self::Array(arrays.into_iter().map(Vec::len).max().unwrap_or_default());
        }
        Self::Scalar
    }
}
