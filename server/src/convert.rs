//! Conversions between our values and the contract's that several services share.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use flagstone_api::google::rpc::bad_request;
use flagstone_api::pb;
use flagstone_core::FieldViolation;
use flagstone_core::names::BusinessUnitName;
use flagstone_core::tier::Tier;
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value as ProtoValue};
use serde_json::{Map, Number, Value, json};
use uuid::Uuid;

use crate::directory::Directory;
use crate::error::{Error, Result};

/// Largest whole number that a double holds exactly: 2^53.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A JSON value as `google.protobuf.Value`. A number beyond 2^53 loses digits there, as in every JSON reader of a
/// browser.
pub fn value_to_proto(value: &Value) -> ProtoValue {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(*value),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Array(values) => Kind::ListValue(ListValue { values: values.iter().map(value_to_proto).collect() }),
        Value::Object(fields) => Kind::StructValue(object_to_struct(fields)),
    };
    ProtoValue { kind: Some(kind) }
}

/// A `google.protobuf.Value` as JSON. A whole number is written without fraction, `3` and not `3.0`, so that a schema
/// that asks for an integer takes it; NaN and infinity, which JSON does not have, become null.
pub fn value_from_proto(value: &ProtoValue) -> Value {
    match &value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(value)) => Value::Bool(*value),
        Some(Kind::NumberValue(number)) => number_from_double(*number),
        Some(Kind::StringValue(text)) => Value::String(text.clone()),
        Some(Kind::ListValue(list)) => Value::Array(list.values.iter().map(value_from_proto).collect()),
        Some(Kind::StructValue(fields)) => struct_to_json(fields),
    }
}

/// A `google.protobuf.Struct` as a JSON object.
pub fn struct_to_json(fields: &Struct) -> Value {
    Value::Object(fields.fields.iter().map(|(key, value)| (key.clone(), value_from_proto(value))).collect())
}

/// A JSON object as `google.protobuf.Struct`; any other value gives an empty one.
pub fn json_to_struct(value: &Value) -> Struct {
    value.as_object().map(object_to_struct).unwrap_or_default()
}

fn object_to_struct(fields: &Map<String, Value>) -> Struct {
    let fields: BTreeMap<_, _> = fields.iter().map(|(key, value)| (key.clone(), value_to_proto(value))).collect();
    Struct { fields }
}

fn number_from_double(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() <= EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
        return Value::from(number as i64);
    }
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}

/// A time of the database as a timestamp.
pub fn timestamp(time: DateTime<Utc>) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: time.timestamp(),
        nanos: i32::try_from(time.timestamp_subsec_nanos()).unwrap_or_default(),
    }
}

/// A span of time; one beyond what the message holds becomes its longest.
pub fn duration(span: Duration) -> prost_types::Duration {
    prost_types::Duration::try_from(span).unwrap_or(prost_types::Duration { seconds: 315_576_000_000, nanos: 0 })
}

/// Whole seconds as a span of time.
pub const fn seconds(seconds: i64) -> prost_types::Duration {
    prost_types::Duration { seconds, nanos: 0 }
}

/// A tier as the contract spells it.
pub const fn tier_to_proto(tier: Tier) -> pb::Tier {
    match tier {
        Tier::Development => pb::Tier::Development,
        Tier::Staging => pb::Tier::Staging,
        Tier::Production => pb::Tier::Production,
    }
}

/// The tier of the contract's number; `None` for unspecified and for numbers that this build does not know.
pub fn tier_from_proto(number: i32) -> Option<Tier> {
    match pb::Tier::try_from(number).ok()? {
        pb::Tier::Unspecified => None,
        pb::Tier::Development => Some(Tier::Development),
        pb::Tier::Staging => Some(Tier::Staging),
        pb::Tier::Production => Some(Tier::Production),
    }
}

/// The word of an enum's member as the database spells it: `QUEUED` of `JOB_STATE_QUEUED`.
pub fn enum_name<'a>(full: &'a str, prefix: &str) -> &'a str {
    full.strip_prefix(prefix).unwrap_or(full)
}

/// The number of an enum's member whose word the database holds; 0, which answers never carry otherwise, for a word that
/// the contract does not have. `named` is the enum's `from_str_name`.
pub fn enum_number<E: Into<i32>>(named: fn(&str) -> Option<E>, prefix: &str, word: &str) -> i32 {
    named(&format!("{prefix}{word}")).map_or(0, Into::into)
}

/// The name of the unit that a row refers to.
pub fn unit_name(directory: &Directory, id: Uuid) -> Result<&BusinessUnitName> {
    let unit = directory.unit_by_id(id);
    unit.map(|unit| &unit.name).ok_or_else(|| Error::internal(format!("unit {id} is not in the directory")))
}

/// The verdict of a policy as the audit keeps it.
pub fn policy_result_to_json(result: &pb::PolicyResult) -> Value {
    json!({
        "policy": result.policy,
        "version": result.version,
        "enforced": result.enforced,
        "violated": result.violated,
        "violations": result.violations.iter().map(|violation| json!({
            "field": violation.field, "message": violation.message, "fix": violation.fix,
        })).collect::<Vec<_>>(),
    })
}

/// A wrong field as the contract tells it.
pub fn field_violation(violation: FieldViolation) -> bad_request::FieldViolation {
    bad_request::FieldViolation {
        field: violation.field,
        description: violation.message,
        reason: "FIELD_INVALID".to_owned(),
        localized_message: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_survives_the_way_there_and_back() {
        let value = json!({"a": [1, 2.5, -3, null, true, "x"], "b": {"c": {}}, "big": 9_007_199_254_740_991_i64});
        assert_eq!(value_from_proto(&value_to_proto(&value)), value);
        assert_eq!(struct_to_json(&json_to_struct(&value)), value);
    }

    #[test]
    fn whole_numbers_are_integers_and_what_json_lacks_is_null() {
        let of = |number| value_from_proto(&ProtoValue { kind: Some(Kind::NumberValue(number)) });
        assert_eq!(of(3.0).to_string(), "3");
        assert_eq!(of(-0.0).to_string(), "0");
        assert_eq!(of(1e300), json!(1e300));
        assert_eq!(of(f64::NAN), Value::Null);
        assert_eq!(of(f64::INFINITY), Value::Null);
    }

    #[test]
    fn tiers_are_the_same_in_both() {
        for tier in Tier::ALL {
            let proto = tier_to_proto(tier);
            assert_eq!(tier_from_proto(proto.into()), Some(tier));
            assert_eq!(enum_name(proto.as_str_name(), "TIER_"), tier.as_str());
        }
        assert_eq!(enum_number(pb::Tier::from_str_name, "TIER_", "STAGING"), i32::from(pb::Tier::Staging));
        assert_eq!(enum_number(pb::Tier::from_str_name, "TIER_", "NOWHERE"), 0);
        assert_eq!(tier_from_proto(0), None);
        assert_eq!(tier_from_proto(99), None);
    }
}
