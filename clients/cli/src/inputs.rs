//! Template inputs and tags, as they are typed and as they stand in a file.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

use prost_types::{Struct, Value, value::Kind};
use serde_json::{Map, Value as Json};

use crate::config::named;
use crate::failure::Failure;
use crate::text;

/// What the server shows in place of a secret.
const MASK: &str = "••••••";

/// Larger integers are not exact in a protobuf number.
const LARGEST_EXACT: u64 = 1 << 53;

/// One `key=text` or `key:=json`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Input {
    key: String,
    value: Json,
}

/// Reads `key=text` or `key:=json`.
pub(crate) fn input(typed: &str) -> Result<Input, String> {
    let form = "expected KEY=TEXT or KEY:=JSON";
    let (key, text) = typed.split_once('=').ok_or(form)?;
    let (key, value) = match key.strip_suffix(':') {
        Some(key) => (key, serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?),
        None => (key, Json::from(text)),
    };
    if key.is_empty() { Err(form.to_owned()) } else { Ok(Input { key: key.to_owned(), value }) }
}

/// Reads `key=value` of a tag.
pub(crate) fn tag(typed: &str) -> Result<(String, String), String> {
    match typed.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

/// The tags as a map; a key that is there twice is refused.
pub(crate) fn tags(typed: Vec<(String, String)>) -> Result<BTreeMap<String, String>, Failure> {
    let mut tags = BTreeMap::new();
    for (key, value) in typed {
        if tags.insert(key.clone(), value).is_some() {
            return Err(Failure::Usage(format!("The tag `{key}` is given twice.")));
        }
    }
    Ok(tags)
}

/// The inputs of the file, YAML or JSON, with the typed ones over them; `-` is stdin.
pub(crate) fn gather(file: Option<&Path>, typed: Vec<Input>) -> Result<Struct, Failure> {
    let base = file.map(read).transpose()?.unwrap_or_default();
    to_struct(over(base, typed)?)
}

/// The inputs that a deployment has, with the typed ones over them. A secret is masked in what the server shows and
/// cannot be sent back: it has to be typed, or all inputs given in a file.
pub(crate) fn change(present: &Struct, typed: Vec<Input>) -> Result<Struct, Failure> {
    let Json::Object(base) = text::object(present) else { return Ok(Struct::default()) };
    let changed = over(base, typed)?;
    let masked: Vec<_> = changed.iter().filter(|(_, value)| has_mask(value)).map(|(key, _)| key.as_str()).collect();
    if masked.is_empty() {
        return to_struct(changed);
    }
    Err(Failure::Usage(format!(
        "The present value of {} is secret and cannot be read. Give all inputs with --inputs-file.",
        masked.join(", ")
    )))
}

fn read(path: &Path) -> Result<Map<String, Json>, Failure> {
    let mut text = String::new();
    if path == Path::new("-") {
        io::stdin().read_to_string(&mut text)?;
    } else {
        text = fs::read_to_string(path).map_err(|error| named(path, &error))?;
    }
    // JSON is YAML too.
    serde_yaml_ng::from_str(&text)
        .map_err(|error| Failure::Usage(format!("{} is not an object of inputs: {error}", path.display())))
}

fn over(mut base: Map<String, Json>, typed: Vec<Input>) -> Result<Map<String, Json>, Failure> {
    let mut seen = Vec::new();
    for Input { key, value } in typed {
        if seen.contains(&key) {
            return Err(Failure::Usage(format!("The input `{key}` is given twice.")));
        }
        base.insert(key.clone(), value);
        seen.push(key);
    }
    Ok(base)
}

fn has_mask(value: &Json) -> bool {
    match value {
        Json::String(text) => text == MASK,
        Json::Array(items) => items.iter().any(has_mask),
        Json::Object(members) => members.values().any(has_mask),
        _ => false,
    }
}

fn to_struct(inputs: Map<String, Json>) -> Result<Struct, Failure> {
    let fields = inputs.into_iter().map(|(key, value)| Ok((key.clone(), to_value(&key, value)?)));
    Ok(Struct { fields: fields.collect::<Result<_, Failure>>()? })
}

fn to_value(path: &str, value: Json) -> Result<Value, Failure> {
    let kind = match value {
        Json::Null => Kind::NullValue(0),
        Json::Bool(flag) => Kind::BoolValue(flag),
        Json::String(text) => Kind::StringValue(text),
        Json::Number(number) => {
            let integer = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
            match number.as_f64() {
                Some(float) if integer.is_none_or(|integer| integer <= LARGEST_EXACT) => Kind::NumberValue(float),
                _ => {
                    let text = format!("The input `{path}` is {number}, which a number cannot hold exactly.");
                    return Err(Failure::Usage(text));
                }
            }
        }
        Json::Array(items) => {
            return Ok(items.into_iter().map(|item| to_value(path, item)).collect::<Result<Vec<_>, _>>()?.into());
        }
        Json::Object(members) => Kind::StructValue(to_struct(members)?),
    };
    Ok(kind.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(inputs: &Struct) -> String {
        text::object(inputs).to_string()
    }

    fn typed(inputs: &[&str]) -> Vec<Input> {
        inputs.iter().map(|text| input(text).unwrap()).collect()
    }

    #[test]
    fn text_and_json_are_told_apart() {
        let inputs = typed(&["name=a=b", "count:=3", "list:=[1,true]", "empty=", "text=3"]);
        let inputs = gather(None, inputs).unwrap();
        assert_eq!(json(&inputs), r#"{"count":3,"empty":"","list":[1,true],"name":"a=b","text":"3"}"#);
    }

    #[test]
    fn what_is_no_input_is_refused() {
        for wrong in ["", "a", "=a", ":=1", "a:=nonsense"] {
            assert!(input(wrong).is_err(), "{wrong:?}");
        }
        assert!(gather(None, typed(&["a=1", "a=2"])).is_err());
        assert!(gather(None, typed(&["a:=9007199254740993"])).is_err());
    }

    #[test]
    fn a_file_is_yaml_or_json_and_typed_inputs_go_over_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inputs");
        fs::write(&path, "name: a\nnested:\n  on: true\n").unwrap();
        let inputs = gather(Some(&path), typed(&["name=b"])).unwrap();
        assert_eq!(json(&inputs), r#"{"name":"b","nested":{"on":true}}"#);
        fs::write(&path, r#"{"name": "c"}"#).unwrap();
        assert_eq!(json(&gather(Some(&path), vec![]).unwrap()), r#"{"name":"c"}"#);
        fs::write(&path, "- a list").unwrap();
        assert!(matches!(gather(Some(&path), vec![]), Err(Failure::Usage(_))));
    }

    #[test]
    fn a_change_keeps_the_rest_but_never_sends_a_mask() {
        let present = gather(None, typed(&["a=1", "password=••••••"])).unwrap();
        let changed = change(&present, typed(&["a=2", "password=new"])).unwrap();
        assert_eq!(json(&changed), r#"{"a":"2","password":"new"}"#);
        let refused = change(&present, typed(&["a=2"])).unwrap_err();
        assert!(refused.to_string().contains("password"), "{refused}");
    }
}
