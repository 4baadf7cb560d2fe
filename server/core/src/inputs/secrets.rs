//! Secret inputs: what a schema marks with `x-flagstone-secret: true`, `format: password` or `writeOnly: true` is shown to
//! nobody. Every schema that could apply to a value counts, whichever branch of it holds: one mark is enough.

use serde_json::Value;

use super::{InputSchema, MAX_DEPTH};
use crate::redact::MASK;

impl InputSchema {
    /// Where secrets can be, for instance `database.password` or `users[].token`; `*` stands for any key. Sorted.
    pub fn secret_paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.collect_paths(&self.schema, String::new(), 0, &mut paths);
        paths.sort_unstable();
        paths.dedup();
        paths
    }

    /// The inputs as people may see them: each secret value is replaced by the mask.
    pub fn mask_secrets(&self, inputs: &Value) -> Value {
        let mut masked = inputs.clone();
        self.each_secret(&[&self.schema], &mut masked, 0, &mut |secret| *secret = Value::from(MASK));
        masked
    }

    /// The secret texts in the inputs, for the runner to mask by value. Numbers are given as they are written.
    pub fn secret_values(&self, inputs: &Value) -> Vec<String> {
        let mut values = Vec::new();
        let mut copy = inputs.clone();
        self.each_secret(&[&self.schema], &mut copy, 0, &mut |secret| collect_texts(secret, &mut values));
        values.sort_unstable();
        values.dedup();
        values
    }

    fn each_secret(&self, schemas: &[&Value], value: &mut Value, depth: usize, visit: &mut dyn FnMut(&mut Value)) {
        let schemas = self.all_branches(schemas);
        if schemas.iter().any(|schema| is_secret(schema)) {
            if !value.is_null() {
                visit(value);
            }
            return;
        }
        if depth > MAX_DEPTH {
            return;
        }
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    let below: Vec<&Value> = schemas.iter().flat_map(|schema| member_schemas(schema, name)).collect();
                    self.each_secret(&below, member, depth + 1, visit);
                }
            }
            Value::Array(items) => {
                let below: Vec<&Value> = schemas.iter().flat_map(|schema| item_schemas(schema)).collect();
                for item in items {
                    self.each_secret(&below, item, depth + 1, visit);
                }
            }
            _ => {}
        }
    }

    /// The schemas with everything they can bring in beside them: references and all branches.
    fn all_branches<'a>(&'a self, schemas: &[&'a Value]) -> Vec<&'a Value> {
        let mut parts = schemas.to_vec();
        let mut next = 0;
        while let Some(part) = parts.get(next).copied() {
            next += 1;
            let referred = part.get("$ref").and_then(Value::as_str).and_then(|reference| self.resolve(reference));
            let listed = ["allOf", "anyOf", "oneOf"].iter().filter_map(|key| part.get(key)?.as_array()).flatten();
            let single = ["if", "then", "else"].iter().filter_map(|key| part.get(key));
            let dependent =
                part.get("dependentSchemas").and_then(Value::as_object).into_iter().flat_map(|map| map.values());
            for found in referred.into_iter().chain(listed).chain(single).chain(dependent) {
                if !parts.iter().any(|known| std::ptr::eq(*known, found)) {
                    parts.push(found);
                }
            }
        }
        parts
    }

    fn collect_paths(&self, schema: &Value, path: String, depth: usize, paths: &mut Vec<String>) {
        let parts = self.all_branches(&[schema]);
        if parts.iter().any(|part| is_secret(part)) {
            paths.push(path);
            return;
        }
        // A schema that contains itself has endless paths; the first few levels tell enough.
        if depth > 8 || paths.len() > 1000 {
            return;
        }
        for part in parts {
            for (name, member) in part.get("properties").and_then(Value::as_object).into_iter().flatten() {
                let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                self.collect_paths(member, below, depth + 1, paths);
            }
            for member in any_member_schemas(part) {
                let below = if path.is_empty() { "*".to_owned() } else { format!("{path}.*") };
                self.collect_paths(member, below, depth + 1, paths);
            }
            for item in item_schemas(part) {
                self.collect_paths(item, format!("{path}[]"), depth + 1, paths);
            }
        }
    }
}

fn is_secret(schema: &Value) -> bool {
    let marked = |key: &str| schema.get(key) == Some(&Value::Bool(true));
    marked("x-flagstone-secret") || marked("writeOnly") || schema.get("format") == Some(&Value::from("password"))
}

/// What can apply to a member. Patterns are not matched: a member that might be secret is treated as secret.
fn member_schemas<'a>(schema: &'a Value, name: &str) -> Vec<&'a Value> {
    match schema.get("properties").and_then(|properties| properties.get(name)) {
        Some(own) => pattern_schemas(schema).chain([own]).collect(),
        None => any_member_schemas(schema).collect(),
    }
}

fn any_member_schemas(schema: &Value) -> impl Iterator<Item = &Value> {
    let rest = ["additionalProperties", "unevaluatedProperties"].iter().filter_map(|key| schema.get(key));
    pattern_schemas(schema).chain(rest)
}

fn pattern_schemas(schema: &Value) -> impl Iterator<Item = &Value> {
    schema.get("patternProperties").and_then(Value::as_object).into_iter().flat_map(|map| map.values())
}

fn item_schemas(schema: &Value) -> Vec<&Value> {
    let positional = schema.get("prefixItems").and_then(Value::as_array).into_iter().flatten();
    let rest = ["items", "contains", "unevaluatedItems"].iter().filter_map(|key| schema.get(key));
    positional.chain(rest).collect()
}

fn collect_texts(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Number(number) => texts.push(number.to_string()),
        Value::Array(items) => items.iter().for_each(|item| collect_texts(item, texts)),
        Value::Object(members) => members.values().for_each(|member| collect_texts(member, texts)),
        Value::Null | Value::Bool(_) => {}
    }
}
