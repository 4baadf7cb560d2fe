//! The order of properties. A JSON object has none, the database sorts its keys and a `Struct` of the contract is a map, but
//! the author has written the inputs in the order in which people should be asked for them. So each property gets its place
//! as `x-order`, counted from 0 in each object, while the manifest is still YAML.

use serde_yaml_ng::{Mapping, Value};

const KEYWORD: &str = "x-order";

/// Keywords that hold schemas for the same value as the schema they stand in: one by one, in a list, or by name.
const BESIDE: &[&str] = &["then", "else"];
const BESIDE_LISTS: &[&str] = &["allOf", "anyOf", "oneOf"];
const BESIDE_MAPS: &[&str] = &["dependentSchemas"];

/// Keywords that hold schemas for values inside of it.
const INSIDE: &[&str] = &["items", "additionalProperties", "unevaluatedProperties", "unevaluatedItems"];
const INSIDE_LISTS: &[&str] = &["prefixItems"];
const INSIDE_MAPS: &[&str] = &["patternProperties", "$defs"];

/// Writes the order into every property of a schema. One that the author wrote is replaced: the file is the order.
pub(super) fn write(schema: &mut Value) {
    write_beside(schema, &mut Vec::new());
}

/// `names` are the properties that the value has so far. A condition that mentions one of them again does not move it.
fn write_beside(schema: &mut Value, names: &mut Vec<String>) {
    let Some(schema) = schema.as_mapping_mut() else { return };
    for (name, property) in schema.get_mut("properties").and_then(Value::as_mapping_mut).into_iter().flatten() {
        let Some(name) = name.as_str() else { continue };
        let place = names.iter().position(|known| known == name).unwrap_or_else(|| {
            names.push(name.to_owned());
            names.len() - 1
        });
        write(property);
        if let Some(property) = property.as_mapping_mut() {
            property.insert(KEYWORD.into(), place.into());
        }
    }
    each(schema, BESIDE, BESIDE_LISTS, BESIDE_MAPS, &mut |schema| write_beside(schema, names));
    each(schema, INSIDE, INSIDE_LISTS, INSIDE_MAPS, &mut write);
}

fn each(schema: &mut Mapping, one: &[&str], lists: &[&str], maps: &[&str], visit: &mut dyn FnMut(&mut Value)) {
    for (key, value) in schema {
        let Some(key) = key.as_str() else { continue };
        if one.contains(&key) {
            visit(value);
        } else if lists.contains(&key) {
            value.as_sequence_mut().into_iter().flatten().for_each(&mut *visit);
        } else if maps.contains(&key) {
            value.as_mapping_mut().into_iter().flatten().for_each(|(_, value)| visit(value));
        }
    }
}
