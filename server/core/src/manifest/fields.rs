//! Taking the keys of a manifest one by one and noting everything that is wrong with them.

use serde_json::{Map, Value};

use super::{check_schema, lines, order};
use crate::error::{Error, FieldViolation, Violations};
use crate::runner::{Labels, check_labels};
use crate::words::Excerpt;

/// The top of a manifest while it is read.
pub(super) struct Fields<'a> {
    members: Map<String, Value>,
    text: &'a str,
    file: &'a str,
    faults: Violations,
}

impl<'a> Fields<'a> {
    /// Fails for a document that is not a mapping, or holds what JSON cannot.
    pub(super) fn open(mut document: serde_yaml_ng::Value, text: &'a str, file: &'a str) -> Result<Self, Error> {
        for key in ["inputs", "outputs"] {
            document.get_mut(key).into_iter().for_each(order::write);
        }
        match to_json(document).map_err(|problem| Error::field(file, problem))? {
            Value::Object(members) => Ok(Self { members, text, file, faults: Violations::new() }),
            _ => Err(Error::field(file, "A manifest is a mapping of keys to values, beginning with `id: …`.")),
        }
    }

    /// Fails with every fault, keys that nobody took included.
    pub(super) fn finish(mut self) -> Result<(), Error> {
        for key in std::mem::take(&mut self.members).keys() {
            self.add(
                &Excerpt(key).to_string(),
                "There is no such key in a manifest. Leave it out or correct its spelling.",
            );
        }
        self.faults.finish()
    }

    /// Notes a fault at a key, or at a path that begins with one.
    pub(super) fn add(&mut self, path: &str, message: &str) {
        let line = lines::find(self.text, path).map(|line| format!(" (line {line})"));
        self.faults.add(format!("{}: {path}", self.file), format!("{message}{}", line.unwrap_or_default()));
    }

    /// Takes a value, or notes what kept it from being read.
    pub(super) fn take<T>(&mut self, key: &str, value: Result<T, Error>) -> Option<T> {
        match value {
            Ok(value) => Some(value),
            Err(error) if error.fields.is_empty() => {
                self.add(key, &error.message);
                None
            }
            Err(error) => {
                for FieldViolation { field, message } in &error.fields {
                    self.add(field, message);
                }
                None
            }
        }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.members.contains_key(key)
    }

    /// A text of at most so many characters.
    pub(super) fn text(&mut self, key: &str, longest: usize, required: bool) -> Option<String> {
        match self.members.remove(key) {
            None | Some(Value::Null) if required => self.add(key, "This is required."),
            None | Some(Value::Null) => {}
            Some(Value::String(text)) if required && text.trim().is_empty() => self.add(key, "This must not be blank."),
            Some(Value::String(text)) if text.chars().count() > longest => {
                self.add(key, &format!("At most {longest} characters."));
            }
            Some(Value::String(text)) => return Some(text.trim().to_owned()),
            Some(_) => self.add(key, "Give a text; put it in quotes if YAML reads something else."),
        }
        None
    }

    /// One word of a set.
    pub(super) fn word<T>(&mut self, key: &str, parse: fn(&str, &str) -> Result<T, Error>) -> Option<T> {
        let text = self.text(key, 100, true)?;
        self.take(key, parse(&text, key))
    }

    /// True or false; false where it is left out.
    pub(super) fn switch(&mut self, key: &str) -> bool {
        match self.members.remove(key) {
            Some(Value::Bool(value)) => value,
            None | Some(Value::Null) => false,
            Some(_) => {
                self.add(key, "Give true or false.");
                false
            }
        }
    }

    /// A number of seconds from 1 to `most`.
    pub(super) fn seconds(&mut self, key: &str, most: u32) -> Option<u32> {
        let value = self.members.remove(key).filter(|value| !value.is_null())?;
        let seconds = value.as_u64().and_then(|value| u32::try_from(value).ok());
        let seconds = seconds.filter(|seconds| (1..=most).contains(seconds));
        if seconds.is_none() {
            self.add(key, &format!("Give a whole number of seconds from 1 to {most}."));
        }
        seconds
    }

    /// The path of a file in the template's directory.
    pub(super) fn file(&mut self, key: &str, extension: &str) -> Option<String> {
        let path = self.text(key, 255, true)?;
        let part = |part: &str| {
            !part.is_empty()
                && part != "."
                && part != ".."
                && !part.contains(|c: char| c.is_control() || c == '\\' || c == ':')
        };
        let inside = path.split('/').all(part) && path.ends_with(extension) && path.len() > extension.len();
        if !inside {
            self.add(key, &format!("Name a file in the template's directory that ends in `{extension}`."));
        }
        inside.then_some(path)
    }

    /// A JSON Schema.
    pub(super) fn schema(&mut self, key: &str, required: bool) -> Option<Value> {
        let Some(schema) = self.members.remove(key).filter(|schema| !schema.is_null()) else {
            if required {
                self.add(key, "This is required: a JSON Schema, at least `type: object`.");
            }
            return None;
        };
        let checked = check_schema(&schema, key);
        self.take(key, checked).map(|()| schema)
    }

    /// A mapping.
    pub(super) fn object(&mut self, key: &str) -> Option<Value> {
        let value = self.members.remove(key).filter(|value| !value.is_null())?;
        if !value.is_object() {
            self.add(key, "Give a mapping.");
        }
        Some(value)
    }

    /// A mapping of labels to their values; empty where it is left out.
    pub(super) fn labels(&mut self, key: &str) -> Labels {
        let Some(value) = self.members.remove(key).filter(|value| !value.is_null()) else { return Labels::new() };
        let Ok(labels) = serde_json::from_value::<Labels>(value) else {
            self.add(key, "Give a mapping of labels to texts, such as `tier: production`.");
            return Labels::new();
        };
        let mut wrong = Violations::new();
        check_labels(&labels, key, &mut wrong);
        self.take(key, wrong.finish()).map(|()| labels).unwrap_or_default()
    }

    /// A list of texts; empty where it is left out.
    pub(super) fn list(&mut self, key: &str) -> Vec<String> {
        let Some(value) = self.members.remove(key).filter(|value| !value.is_null()) else { return Vec::new() };
        let texts =
            value.as_array().and_then(|items| items.iter().map(|item| item.as_str().map(ToOwned::to_owned)).collect());
        texts.unwrap_or_else(|| {
            self.add(key, "Give a list of texts.");
            Vec::new()
        })
    }
}

/// YAML as JSON. What JSON cannot hold is refused: keys that are no texts, tags, infinite numbers.
fn to_json(value: serde_yaml_ng::Value) -> Result<Value, String> {
    use serde_yaml_ng::Value as Yaml;
    match value {
        Yaml::Null => Ok(Value::Null),
        Yaml::Bool(value) => Ok(Value::Bool(value)),
        Yaml::String(text) => Ok(Value::String(text)),
        Yaml::Number(number) => serde_json::to_value(&number)
            .ok()
            .filter(Value::is_number)
            .ok_or_else(|| format!("`{number}` is not a finite number.")),
        Yaml::Sequence(items) => items.into_iter().map(to_json).collect::<Result<_, _>>().map(Value::Array),
        Yaml::Mapping(members) => {
            let member = |(key, value)| match key {
                Yaml::String(key) => Ok((key, to_json(value)?)),
                other => Err(format!("Every key is a text; put {} in quotes.", describe(&other))),
            };
            members.into_iter().map(member).collect::<Result<_, _>>().map(Value::Object)
        }
        Yaml::Tagged(tagged) => {
            Err(format!("The YAML tag {} is not understood. Leave it out.", Excerpt(&tagged.tag.to_string())))
        }
    }
}

fn describe(key: &serde_yaml_ng::Value) -> String {
    match key {
        serde_yaml_ng::Value::Bool(value) => format!("`{value}`"),
        serde_yaml_ng::Value::Number(number) => format!("`{number}`"),
        _ => "what is a list, a mapping or empty".to_owned(),
    }
}
