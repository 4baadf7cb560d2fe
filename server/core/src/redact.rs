//! Keeps secrets out of what is stored for people to read: audit entries, events, logs, diffs.

use std::fmt;

use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// What stands in the place of a secret.
pub const MASK: &str = "••••••";

/// Words that make a key secret wherever they stand in it, written without separators.
const ANYWHERE: [&str; 9] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "privatekey",
    "credential",
    "apikey",
    "accesskey",
    "connectionstring",
];

/// Words that make a key secret at its beginning or end. Inside a key they are too common.
const AT_AN_END: [&str; 9] =
    ["token", "tokens", "authorization", "cookie", "kubeconfig", "pwd", "signature", "bearer", "sshkey"];

/// True if what stands under this key is not for reading. Case and separators do not count: `client_secret`,
/// `ClientSecret` and `CLIENT-SECRET` are the same key. Better one value masked too many than one too few.
pub fn is_secret_key(key: &str) -> bool {
    let plain: String = key.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    ANYWHERE.iter().any(|word| plain.contains(word))
        || AT_AN_END.iter().any(|word| plain.starts_with(word) || plain.ends_with(word))
}

/// The value with everything under a secret key masked, at any depth, in lists too. Also masked is the `value` of an
/// object whose `name` or `key` is secret, which is how environment variables and headers are written.
pub fn redact(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(redact).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(key, member)| {
                (key.clone(), if is_secret_member(members, key) { mask(member) } else { redact(member) })
            })
            .collect(),
        plain => plain.clone(),
    }
}

/// True if the member `key` of this object is not for reading.
pub(crate) fn is_secret_member(members: &Map<String, Value>, key: &str) -> bool {
    let named_secret = || {
        ["name", "key"].into_iter().filter_map(|label| members.get(label)).filter_map(Value::as_str).any(is_secret_key)
    };
    is_secret_key(key) || (key == "value" && named_secret())
}

/// The mask, for anything that could tell something. Absent values and switches stay: `password_set: true` is no
/// secret.
pub(crate) fn mask(value: &Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) => value.clone(),
        _ => MASK.into(),
    }
}

/// A text that must not be printed, stored or sent by accident: no `Display`, no serialisation, a `Debug` that says
/// nothing. Its memory is overwritten when it is dropped.
#[derive(Clone, Default)]
pub struct SecretString(Zeroizing<String>);

impl SecretString {
    /// Takes the text. The caller must not keep a copy.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself. Every call is a place to look at in a review.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for SecretString {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for SecretString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretString({MASK})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn secret_keys_are_known_in_every_spelling() {
        for key in [
            "password",
            "Password",
            "db_password",
            "PASSWORD_HASH",
            "newPassword",
            "old-password-2",
            "secret",
            "client_secret",
            "clientSecret",
            "SecretAccessKey",
            "token",
            "access_token",
            "refreshToken",
            "token_value",
            "tokens",
            "private_key",
            "PRIVATE-KEY",
            "authorization",
            "Authorization",
            "proxy-authorization",
            "api_key",
            "AWS_SECRET_ACCESS_KEY",
            "credentials",
            "set-cookie",
            "kubeconfig",
            "ssh_key",
            "connection_string",
        ] {
            assert!(is_secret_key(key), "{key}");
        }
        for key in ["name", "bucket_name", "key", "value", "tier", "author", "region", "", "mytokenizer", "keys"] {
            assert!(!is_secret_key(key), "{key}");
        }
    }

    #[test]
    fn secrets_are_masked_at_every_depth() {
        let value = json!({
            "name": "db",
            "list": [{"Password": "p"}, [{"inner": {"api_key": 7}}]],
            "credentials": {"user": "u", "pin": 1},
            "tokens": ["a", "b"],
            "password_set": true,
            "secret": null,
            "env": [{"name": "DB_PASSWORD", "value": "p"}, {"name": "PORT", "value": "80"}],
        });
        let expected = json!({
            "name": "db",
            "list": [{"Password": MASK}, [{"inner": {"api_key": MASK}}]],
            "credentials": MASK,
            "tokens": MASK,
            "password_set": true,
            "secret": null,
            "env": [{"name": "DB_PASSWORD", "value": MASK}, {"name": "PORT", "value": "80"}],
        });
        assert_eq!(redact(&value), expected);
    }

    #[test]
    fn a_secret_string_tells_nothing() {
        let secret = SecretString::from("hunter2".to_owned());
        assert_eq!(format!("{secret:?}"), "SecretString(••••••)");
        assert_eq!(secret.expose(), "hunter2");
    }

    /// Wraps `inner` into lists and objects as the path says.
    fn wrap(inner: Value, path: &[Option<String>]) -> Value {
        path.iter().rev().fold(inner, |value, step| match step {
            Some(key) => json!({ key.clone(): value, "other": 1 }),
            None => json!([0, value]),
        })
    }

    proptest! {
        #[test]
        fn a_planted_secret_never_comes_out(
            path in prop::collection::vec(prop::option::of("[a-z_]{1,8}"), 0..6),
            below in prop::collection::vec(prop::option::of("[a-z_]{1,8}"), 0..3),
            key in prop::sample::select(vec!["password", "API_KEY", "my-secret", "accessToken", "PrivateKey"]),
        ) {
            let planted = json!({ key: wrap("PLANTED".into(), &below) });
            prop_assert!(!redact(&wrap(planted, &path)).to_string().contains("PLANTED"));
        }

        #[test]
        fn redacting_twice_changes_nothing(keys in prop::collection::vec("[a-zA-Z_]{1,10}", 1..6)) {
            let value: Value = keys.iter().map(|key| (key.clone(), json!({"token": "t", key.clone(): [1]}))).collect::<Map<_, _>>().into();
            let once = redact(&value);
            prop_assert_eq!(redact(&once), once.clone());
        }
    }
}
