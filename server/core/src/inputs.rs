//! Inputs of a template: its JSON Schema (2020-12), the defaults that the schema gives, and every violation of it in
//! words for people. The same schema draws the form in the browser, so that both sides give the same verdict (R109). What
//! JSON Schema cannot say, because it concerns several inputs, stands in the schema as `x-rules`.

mod messages;
mod rules;
mod secrets;

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::{Map, Value};

use self::rules::Rule;
use crate::error::{Error, FieldViolation, Kind, Reason, Violations};

/// Largest schema and largest inputs, in bytes of JSON.
pub const MAX_BYTES: usize = 256 * 1024;

/// Deepest nesting of inputs. A schema may nest twice as deep, since each level of a value takes two of the schema.
pub const MAX_DEPTH: usize = 32;

/// A compiled schema. Compile once and keep it: compiling takes much longer than validating.
#[derive(Debug)]
pub struct InputSchema {
    schema: Value,
    validator: Validator,
    rules: Vec<Rule>,
}

impl InputSchema {
    /// Compiles a schema. Refused, all faults at once and with `field` in front of their paths: another draft than
    /// 2020-12, a root that is not an object, references that leave the document, patterns that need backtracking,
    /// defaults that the schema itself refuses, rules that cannot be read, and what is larger than [`MAX_BYTES`].
    pub fn compile(schema: &Value, field: &str) -> Result<Self, Error> {
        check_size(schema, field, MAX_DEPTH * 2)?;
        let mut violations = Violations::new();
        violations.check(
            schema.get("type") == Some(&Value::from("object")),
            format!("{field}.type"),
            "Inputs are an object: set `type: object`.",
        );
        if let Some(draft) = schema.get("$schema") {
            violations.check(
                draft.as_str().is_some_and(|uri| uri.trim_end_matches('#') == DRAFT_URI),
                format!("{field}.$schema"),
                format!("Only JSON Schema 2020-12 is understood: leave `$schema` out or set it to {DRAFT_URI}."),
            );
        }
        check_references(schema, field, &mut violations);
        violations.finish()?;

        // Formats are checked, not only noted. The linear-time regex engine keeps a pattern from stalling the server.
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .offline()
            .should_validate_formats(true)
            .with_pattern_options(PatternOptions::regex())
            .build(schema)
            .map_err(|error| {
                let path = messages::field_path(field, error.instance_path());
                Error::field(path, format!("This is not a valid JSON Schema 2020-12: {}", error.masked()))
            })?;
        let rules = rules::read(schema, field)?;
        let schema = Self { schema: schema.clone(), validator, rules };
        schema.check_defaults(field)?;
        Ok(schema)
    }

    /// The schema as it was given.
    pub fn as_value(&self) -> &Value {
        &self.schema
    }

    /// Fills in what the caller left out and the schema has a default for, also inside objects and lists that the caller
    /// gave. A missing object without a default stays missing. Fails when the result exceeds [`MAX_BYTES`].
    pub fn apply_defaults(&self, inputs: &mut Value) -> Result<(), Error> {
        let mut budget = MAX_BYTES;
        self.fill(&self.schema, inputs, 0, &mut budget).ok_or_else(|| too_large("inputs"))
    }

    /// Every violation of the schema and of its rules, which are judged on what they are given: fill in the defaults
    /// first. `prefix` is the path of the inputs in the call's message, for instance `request.create.inputs`; a
    /// violation names the place below it, `….lifecycle_rules[0].days`. Messages never repeat what was sent, since it may
    /// be a secret.
    pub fn validate(&self, inputs: &Value, prefix: &str) -> Vec<FieldViolation> {
        let mut violations: Vec<FieldViolation> = self
            .validator
            .iter_errors(inputs)
            .flat_map(|error| messages::explain(&self.schema, &error, prefix))
            .collect();
        let well_formed = violations.is_empty();
        violations.extend(self.rules.iter().flat_map(|rule| rule.violations(inputs, prefix, well_formed)));
        violations.sort_by(|a, b| (&a.field, &a.message).cmp(&(&b.field, &b.message)));
        violations.dedup();
        violations
    }

    /// Everything a caller's inputs must pass: size, depth, schema. Returns them with the defaults filled in.
    pub fn accept(&self, inputs: &Value, prefix: &str) -> Result<Value, Error> {
        check_inputs_size(inputs, prefix)?;
        let mut filled = inputs.clone();
        self.apply_defaults(&mut filled)?;
        let violations = self.validate(&filled, prefix);
        if violations.is_empty() { Ok(filled) } else { Err(Error::invalid(violations)) }
    }

    /// Adds defaults below one value; `None` when the budget of bytes is used up.
    fn fill(&self, schema: &Value, value: &mut Value, depth: usize, budget: &mut usize) -> Option<()> {
        if depth > MAX_DEPTH {
            // Deeper values are refused anyway. This ends a schema that contains itself.
            return Some(());
        }
        for part in self.applicable(schema) {
            match value {
                Value::Object(members) => self.fill_members(part, members, depth, budget)?,
                Value::Array(items) => {
                    if let Some(of_items) = part.get("items") {
                        for item in items {
                            self.fill(of_items, item, depth + 1, budget)?;
                        }
                    }
                }
                _ => {}
            }
        }
        Some(())
    }

    fn fill_members(
        &self,
        schema: &Value,
        members: &mut Map<String, Value>,
        depth: usize,
        budget: &mut usize,
    ) -> Option<()> {
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return Some(()) };
        for (name, property) in properties {
            let parts = self.applicable(property);
            let default = parts.iter().find_map(|part| part.get("default"));
            if let (false, Some(default)) = (members.contains_key(name), default) {
                *budget = budget.checked_sub(name.len() + default.to_string().len())?;
                members.insert(name.clone(), default.clone());
            }
            if let Some(member) = members.get_mut(name) {
                self.fill(property, member, depth + 1, budget)?;
            }
        }
        Some(())
    }

    /// The schema itself with what it refers to and what must hold beside it (`$ref`, `allOf`): the parts whose defaults
    /// apply without looking at the value. Each part once, so that a schema that contains itself ends.
    fn applicable<'a>(&'a self, schema: &'a Value) -> Vec<&'a Value> {
        let mut parts: Vec<&Value> = vec![schema];
        let mut next = 0;
        while let Some(part) = parts.get(next).copied() {
            next += 1;
            let referred = part.get("$ref").and_then(Value::as_str).and_then(|reference| self.resolve(reference));
            let beside = part.get("allOf").and_then(Value::as_array).into_iter().flatten();
            for found in referred.into_iter().chain(beside) {
                if !parts.iter().any(|known| std::ptr::eq(*known, found)) {
                    parts.push(found);
                }
            }
        }
        parts
    }

    /// What a reference inside the document points to. Anchors are left to the validator.
    fn resolve(&self, reference: &str) -> Option<&Value> {
        self.schema.pointer(reference.strip_prefix('#')?)
    }

    /// Refuses defaults at the top that the schema itself does not accept (R111).
    fn check_defaults(&self, field: &str) -> Result<(), Error> {
        let mut defaults = Value::Object(Map::new());
        self.apply_defaults(&mut defaults)?;
        let mut violations = Violations::new();
        for error in self.validator.iter_errors(&defaults).filter(|error| !error.instance_path().is_empty()) {
            for violation in messages::explain(&self.schema, &error, &format!("{field}.properties")) {
                violations.add(violation.field, format!("The default is refused by the schema. {}", violation.message));
            }
        }
        violations.finish()
    }
}

const DRAFT_URI: &str = "https://json-schema.org/draft/2020-12/schema";

/// Refuses inputs that are too large or too deep, before anything walks through them. `field` is their path.
pub fn check_inputs_size(inputs: &Value, field: &str) -> Result<(), Error> {
    check_size(inputs, field, MAX_DEPTH)
}

fn check_size(value: &Value, field: &str, max_depth: usize) -> Result<(), Error> {
    if !is_within_depth(value, max_depth) {
        return Err(Error::field(field, format!("Nested deeper than {max_depth} levels. Flatten it.")));
    }
    if value.to_string().len() > MAX_BYTES { Err(too_large(field)) } else { Ok(()) }
}

fn too_large(field: &str) -> Error {
    let message = format!("At most {} KiB of JSON are accepted here. Make it smaller.", MAX_BYTES / 1024);
    let mut error = Error::new(Kind::Invalid, Reason::PayloadTooLarge, format!("{field}: {message}"));
    error.fields.push(FieldViolation::new(field, message));
    error.with("limit", &MAX_BYTES)
}

fn is_within_depth(value: &Value, depth: usize) -> bool {
    match value {
        Value::Array(items) => depth > 0 && items.iter().all(|item| is_within_depth(item, depth - 1)),
        Value::Object(members) => depth > 0 && members.values().all(|member| is_within_depth(member, depth - 1)),
        _ => true,
    }
}

/// Refuses every reference that leaves the document, and `$id`, which would change what a reference means. A schema is
/// read by the server and must never make it fetch anything.
fn check_references(schema: &Value, path: &str, violations: &mut Violations) {
    match schema {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                check_references(item, &format!("{path}[{index}]"), violations);
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                let place = format!("{path}.{key}");
                let reference = matches!(key.as_str(), "$ref" | "$dynamicRef" | "$recursiveRef");
                // A property may be called `$ref`; its schema is then an object, never text.
                match member.as_str() {
                    Some(text) if reference && !text.starts_with('#') => violations
                        .add(place, "References stay inside the schema: write `#/$defs/…` and put the schema there."),
                    Some(_) if key == "$id" => {
                        violations.add(place, "A template's schema has no `$id`: leave it out.");
                    }
                    _ => check_references(member, &place, violations),
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
