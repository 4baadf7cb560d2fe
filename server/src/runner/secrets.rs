//! Which of a job's inputs are secrets, by the paths that the server names.

use flagstone_engines::engine::SecretValue;
use serde_json::Value;

/// The secret texts at these paths, for instance `database.password` or `users[].token`; `*` stands for any key. A
/// number is given as it is written; of an object or a list everything in it.
pub(super) fn secret_values(inputs: &Value, paths: &[String]) -> Vec<SecretValue> {
    let mut found = Vec::new();
    for path in paths {
        let steps: Vec<&str> = path.split('.').collect();
        walk(inputs, &steps, &mut found);
    }
    found.into_iter().map(SecretValue::new).collect()
}

fn walk(value: &Value, steps: &[&str], found: &mut Vec<String>) {
    let Some((step, rest)) = steps.split_first() else { return collect(value, found) };
    let lists = step.matches("[]").count();
    let key = step.trim_end_matches("[]");
    let children: Vec<&Value> = match value {
        Value::Object(fields) if key == "*" => fields.values().collect(),
        Value::Object(fields) => fields.get(key).into_iter().collect(),
        _ => Vec::new(),
    };
    for child in children {
        for item in items(child, lists) {
            walk(item, rest, found);
        }
    }
}

/// The items of a list of lists, so many deep.
fn items(value: &Value, depth: usize) -> Vec<&Value> {
    match (depth, value) {
        (0, value) => vec![value],
        (_, Value::Array(list)) => list.iter().flat_map(|item| items(item, depth - 1)).collect(),
        _ => Vec::new(),
    }
}

fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(number) => found.push(number.to_string()),
        Value::String(text) => found.push(text.clone()),
        Value::Array(list) => list.iter().for_each(|item| collect(item, found)),
        Value::Object(fields) => fields.values().for_each(|item| collect(item, found)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn finds_what_the_paths_name() {
        let inputs = json!({
            "database": {"password": "p1", "name": "open"},
            "users": [{"token": "t1"}, {"token": 42}, {}],
            "labels": {"a": {"secret": "s1"}, "b": {"secret": "s2"}},
            "matrix": [["m1"], ["m2"]],
        });
        let of = |path: &str| -> Vec<String> {
            let values = secret_values(&inputs, &[path.to_owned()]);
            values.iter().map(|value| String::from_utf8(value.expose().to_vec()).unwrap()).collect()
        };
        assert_eq!(of("database.password"), ["p1"]);
        assert_eq!(of("users[].token"), ["t1", "42"]);
        assert_eq!(of("labels.*.secret"), ["s1", "s2"]);
        assert_eq!(of("matrix[][]"), ["m1", "m2"]);
        assert_eq!(of("database").len(), 2);
        assert!(of("nothing.here").is_empty());
    }
}
