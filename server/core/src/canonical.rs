//! One spelling of a JSON value, so that equal values have equal hashes.

use serde_json::{Number, Value};
use sha2::{Digest, Sha256};

/// The value without white space, the keys of every object in byte order, and whole numbers without a fraction.
///
/// Numbers count by value, not by spelling: `1` and `1.0` are the same, because a number that went through
/// `google.protobuf.Struct` comes back as a double.
pub fn canonical_json(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

/// SHA-256 of the canonical form, in lower-case hexadecimal.
pub fn sha256_hex(value: &Value) -> String {
    hex::encode(Sha256::digest(canonical_json(value)))
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => out.push_str(&value.to_string()),
        Value::Number(number) => write_number(number, out),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            // Sorted here: whether serde_json keeps the order of insertion is a feature any crate may switch on.
            let mut keys: Vec<_> = members.iter().collect();
            keys.sort_unstable_by_key(|(key, _)| *key);
            out.push('{');
            for (index, (key, member)) in keys.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(&Value::String(key.clone()), out);
                out.push(':');
                write(member, out);
            }
            out.push('}');
        }
    }
}

fn write_number(number: &Number, out: &mut String) {
    /// Up to here every whole number has a double of its own.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() <= EXACT => {
            // The range is checked above, and -0.0 becomes 0.
            #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53 fits")]
            let whole = float as i64;
            out.push_str(&whole.to_string());
        }
        _ => out.push_str(&number.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_sorted_at_every_depth() {
        let value: Value = serde_json::from_str(r#"{"b":[{"z":1,"a":"ü\n"}],"a":null,"aa":true}"#).unwrap();
        assert_eq!(canonical_json(&value), r#"{"a":null,"aa":true,"b":[{"a":"ü\n","z":1}]}"#);
    }

    #[test]
    fn numbers_count_by_value() {
        assert_eq!(
            canonical_json(&json!([1.0, -0.0, 1e3, 1.5, -7, 18_446_744_073_709_551_615_u64])),
            "[1,0,1000,1.5,-7,18446744073709551615]"
        );
        assert_ne!(canonical_json(&json!("1")), canonical_json(&json!(1)));
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..8)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_form_is_json_and_stable(value in values()) {
            let text = canonical_json(&value);
            let again: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(&again, &value);
            prop_assert_eq!(canonical_json(&again), text);
        }
    }
}
