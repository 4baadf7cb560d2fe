//! Violations of a schema in words for people. A message says what is expected and how the author of the template
//! describes the field; it never repeats the value.

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::paths::{Location, LocationSegment};
use jsonschema::{JsonType, ValidationError};
use serde_json::Value;

use crate::error::FieldViolation;
use crate::words::Excerpt;

/// The field path of a place in the inputs: `prefix.lifecycle_rules[0].days`.
pub(super) fn field_path(prefix: &str, location: &Location) -> String {
    let mut path = prefix.to_owned();
    for segment in location.segments() {
        match segment {
            LocationSegment::Property(name) => path = member_path(&path, &name),
            LocationSegment::Index(index) => path.push_str(&format!("[{index}]")),
        }
    }
    path
}

pub(super) fn member_path(path: &str, name: &str) -> String {
    if path.is_empty() { Excerpt(name).to_string() } else { format!("{path}.{}", Excerpt(name)) }
}

/// One violation for each thing that is wrong: a schema error about several properties gives one for each of them.
pub(super) fn explain(schema: &Value, error: &ValidationError<'_>, prefix: &str) -> Vec<FieldViolation> {
    let path = field_path(prefix, error.instance_path());
    let owner = owner_of(schema, error);
    match error.kind() {
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            let about = owner.and_then(|owner| owner.get("properties")?.get(name));
            vec![FieldViolation::new(member_path(&path, name), with_purpose("This is required.", about))]
        }
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            let known = known_properties(owner);
            unexpected
                .iter()
                .map(|name| FieldViolation::new(member_path(&path, name), format!("There is no such input.{known}")))
                .collect()
        }
        kind => vec![FieldViolation::new(path, with_purpose(&sentence(kind, error), owner))],
    }
}

/// The schema that holds the keyword that failed, for its title and description.
fn owner_of<'a>(schema: &'a Value, error: &ValidationError<'_>) -> Option<&'a Value> {
    let pointer = error.schema_path().as_str();
    schema.pointer(pointer.rsplit_once('/').map_or("", |(owner, _)| owner))
}

/// Adds how the author describes the field.
fn with_purpose(sentence: &str, about: Option<&Value>) -> String {
    let text = |key: &str| about.and_then(|about| about.get(key)).and_then(Value::as_str).unwrap_or_default().trim();
    let (title, description) = (text("title"), text("description"));
    match (title.is_empty(), description.is_empty()) {
        (true, true) => sentence.to_owned(),
        (false, true) => format!("{sentence} ({title})"),
        (true, false) => format!("{sentence} {description}"),
        (false, false) => format!("{sentence} {title}: {description}"),
    }
}

fn known_properties(owner: Option<&Value>) -> String {
    let properties = owner.and_then(|owner| owner.get("properties")).and_then(Value::as_object);
    match properties {
        Some(properties) if !properties.is_empty() => {
            let names: Vec<&str> = properties.keys().map(String::as_str).take(30).collect();
            let more = if properties.len() > names.len() { ", …" } else { "" };
            format!(" Known here: {}{more}.", names.join(", "))
        }
        _ => " Leave it out.".to_owned(),
    }
}

fn sentence(kind: &ValidationErrorKind, error: &ValidationError<'_>) -> String {
    use ValidationErrorKind as K;
    match kind {
        K::Type { kind: TypeKind::Single(one) } => format!("Give {}.", type_word(*one)),
        K::Type { kind: TypeKind::Multiple(set) } => {
            let words: Vec<&str> = set.iter().map(type_word).collect();
            format!("Give {}.", words.join(" or "))
        }
        K::Enum { options } => {
            let options: Vec<String> = options.as_array().into_iter().flatten().map(plain).collect();
            format!("Choose one of {}.", options.join(", "))
        }
        K::Constant { expected_value } => format!("Only {} is allowed here.", plain(expected_value)),
        K::Minimum { limit } => format!("At least {limit}."),
        K::Maximum { limit } => format!("At most {limit}."),
        K::ExclusiveMinimum { limit } => format!("More than {limit}."),
        K::ExclusiveMaximum { limit } => format!("Less than {limit}."),
        K::MultipleOf { multiple_of } => format!("A multiple of {multiple_of}."),
        K::MinLength { limit } => format!("At least {}.", counted(*limit, "character")),
        K::MaxLength { limit } => format!("At most {}.", counted(*limit, "character")),
        K::MinItems { limit } => format!("At least {}.", counted(*limit, "item")),
        K::MaxItems { limit } => format!("At most {}.", counted(*limit, "item")),
        K::MinProperties { limit } => format!("At least {}.", counted(*limit, "entry")),
        K::MaxProperties { limit } => format!("At most {}.", counted(*limit, "entry")),
        K::Pattern { pattern } => format!("Must match the pattern `{pattern}`."),
        K::Format { format } => format!("Must have the format `{format}`."),
        K::UniqueItems => "The items must differ from each other.".to_owned(),
        K::AnyOf { .. } => "Fits none of the forms that are allowed here.".to_owned(),
        K::OneOfNotValid { .. } => "Fits none of the forms of which one is needed here.".to_owned(),
        K::OneOfMultipleValid { .. } => "Fits several forms of which only one may fit.".to_owned(),
        K::PropertyNames { error } => format!("A key of it is not allowed. {}", sentence(error.kind(), error)),
        K::FalseSchema => "Nothing is allowed here. Leave it out.".to_owned(),
        // `masked` writes no value into the message.
        _ => format!("Not accepted: {}.", error.masked_with("the value")),
    }
}

fn counted(limit: u64, unit: &str) -> String {
    match (limit, unit) {
        (1, _) => format!("1 {unit}"),
        (_, "entry") => format!("{limit} entries"),
        _ => format!("{limit} {unit}s"),
    }
}

/// A value of the schema as one would type it into a form.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), |text| format!("`{text}`"))
}

const fn type_word(kind: JsonType) -> &'static str {
    match kind {
        JsonType::Null => "null",
        JsonType::Boolean => "true or false",
        JsonType::Integer => "a whole number",
        JsonType::Number => "a number",
        JsonType::String => "text",
        JsonType::Array => "a list",
        JsonType::Object => "an object",
    }
}
