//! Small things as people read them.

use std::borrow::Cow;

use chrono::{DateTime, Local};
use prost_types::value::Kind;
use prost_types::{Duration, Struct, Timestamp, Value};

/// The text without control characters: what others wrote must not steer the terminal.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    let steers = |c: char| c.is_control() && c != '\n' && c != '\t';
    if text.contains(steers) { text.replace(steers, "\u{fffd}").into() } else { text.into() }
}

/// The text on one line.
pub(crate) fn one_line(text: &str) -> String {
    plain(text).replace(['\n', '\t'], " ")
}

/// The last segment of a name.
pub(crate) fn id(name: &str) -> String {
    name.rsplit('/').next().unwrap_or(name).to_owned()
}

/// A name under a business unit as it is typed: `businessUnits/sandbox/deployments/logs` is `sandbox/logs`.
pub(crate) fn short(name: &str) -> String {
    match name.split('/').collect::<Vec<_>>()[..] {
        ["businessUnits", unit, _, id] => format!("{unit}/{id}"),
        ["templates", template, "versions", version] => format!("{template}@{version}"),
        _ => id(name),
    }
}

/// An enum's value without its type's name: `REQUEST_STATE_PLANNING` is `PLANNING`, the zero is empty.
pub(crate) fn word(name: &str, prefix: &str) -> String {
    let word = name.strip_prefix(prefix).map_or(name, |rest| rest.trim_start_matches('_'));
    if word == "UNSPECIFIED" { String::new() } else { word.to_owned() }
}

/// A time in the local zone, to the second.
pub(crate) fn time(stamp: Option<&Timestamp>) -> String {
    local(stamp).map(|time| time.format("%Y-%m-%d %H:%M:%S").to_string()).unwrap_or_default()
}

/// The time of day in the local zone.
pub(crate) fn clock(stamp: Option<&Timestamp>) -> String {
    local(stamp).map(|time| time.format("%H:%M:%S").to_string()).unwrap_or_default()
}

fn local(stamp: Option<&Timestamp>) -> Option<DateTime<Local>> {
    let stamp = stamp?;
    Some(DateTime::from_timestamp(stamp.seconds, u32::try_from(stamp.nanos).ok()?)?.with_timezone(&Local))
}

/// A length of time, to the second.
pub(crate) fn duration(length: Option<&Duration>) -> String {
    let seconds = length.and_then(|length| u64::try_from(length.seconds).ok());
    seconds.map(|s| humantime::format_duration(std::time::Duration::from_secs(s)).to_string()).unwrap_or_default()
}

/// `yes` or nothing.
pub(crate) fn yes(flag: bool) -> String {
    if flag { "yes".to_owned() } else { String::new() }
}

/// Names joined, each short.
pub(crate) fn names(names: &[String]) -> String {
    names.iter().map(|name| short(name)).collect::<Vec<_>>().join(", ")
}

/// A value as JSON; whole numbers without a point.
pub(crate) fn value(value: &Value) -> String {
    json(value).to_string()
}

/// A value as it is in JSON. Protobuf knows floating point numbers only: whole ones become integers again.
pub(crate) fn json(value: &Value) -> serde_json::Value {
    match &value.kind {
        None | Some(Kind::NullValue(_)) => serde_json::Value::Null,
        Some(Kind::BoolValue(flag)) => (*flag).into(),
        Some(Kind::StringValue(text)) => text.as_str().into(),
        Some(Kind::NumberValue(number)) => whole(*number).map_or_else(|| (*number).into(), Into::into),
        Some(Kind::ListValue(list)) => list.values.iter().map(json).collect(),
        Some(Kind::StructValue(members)) => object(members),
    }
}

/// An object as it is in JSON.
pub(crate) fn object(members: &Struct) -> serde_json::Value {
    members.fields.iter().map(|(key, value)| (key.clone(), json(value))).collect()
}

/// The integer, where the number is one that a floating point number holds exactly.
pub(crate) fn whole(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "checked: whole and within the exact range")]
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_they_are_typed() {
        assert_eq!(short("businessUnits/sandbox/deployments/logs"), "sandbox/logs");
        assert_eq!(short("templates/aws-s3/versions/1.0.0"), "aws-s3@1.0.0");
        assert_eq!(short("users/ada"), "ada");
        assert_eq!(short(""), "");
    }

    #[test]
    fn words_lose_their_type() {
        assert_eq!(word("REQUEST_STATE_PENDING_APPROVAL", "REQUEST_STATE"), "PENDING_APPROVAL");
        assert_eq!(word("TIER_UNSPECIFIED", "TIER"), "");
    }

    #[test]
    fn values_are_json() {
        let list = Value::from(vec![Value::from(1.0), Value::from(1.5), Value::from("a"), Value::from(true)]);
        assert_eq!(value(&list), r#"[1,1.5,"a",true]"#);
    }

    #[test]
    fn control_characters_are_replaced() {
        assert_eq!(one_line("a\nb\x07"), "a b\u{fffd}");
    }
}
