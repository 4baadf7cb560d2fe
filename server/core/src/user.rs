//! What an account may be called, and how its username comes about.

use serde_json::Value;

use crate::canonical::canonical_json;
use crate::error::Violations;
use crate::text;

/// Longest e-mail address, in characters.
pub const EMAIL_MAX: usize = 320;

/// Longest part of an address before the `@`, in characters.
const LOCAL_MAX: usize = 64;

/// Longest full name, in characters.
pub const FULL_NAME_MAX: usize = 255;

/// Longest preferences, in bytes of JSON.
pub const PREFERENCES_MAX: usize = 16 * 1024;

/// Longest username that is made of an address. There is room for a number behind it.
const USERNAME_BASE_MAX: usize = 56;

/// What an account is called that has no letter or digit before its `@`.
const NAMELESS: &str = "user";

/// The one spelling of an address, in which it is stored and compared: without white space around it, in lower case.
/// What is no address is noted as wrong. Letters beyond ASCII are not taken: two addresses that look alike would be two
/// people.
pub fn email(sent: &str, field: &str, wrong: &mut Violations) -> String {
    let email = sent.trim().to_ascii_lowercase();
    let message = format!("Give an e-mail address such as ada@example.org, at most {EMAIL_MAX} characters.");
    wrong.check(is_email(&email), field, message);
    email
}

fn is_email(email: &str) -> bool {
    let Some((local, domain)) = email.split_once('@') else { return false };
    let is_local = |byte: u8| byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&byte);
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    email.len() <= EMAIL_MAX
        && (1..=LOCAL_MAX).contains(&local.len())
        && local.bytes().all(is_local)
        && domain.split('.').all(is_label)
}

/// Notes what is wrong with a full name.
pub fn check_full_name(full_name: &str, field: &str, wrong: &mut Violations) {
    wrong.check(text::is_title(full_name, FULL_NAME_MAX), field, text::title_rule(FULL_NAME_MAX));
}

/// Notes what is wrong with preferences: an object that the server keeps and does not read.
pub fn check_preferences(preferences: &Value, field: &str, wrong: &mut Violations) {
    let json = canonical_json(preferences);
    let message = format!("At most {} KiB as JSON, without the character NUL.", PREFERENCES_MAX / 1024);
    wrong.check(json.len() <= PREFERENCES_MAX && !json.contains("\\u0000"), field, message);
}

/// What a username is made of: the part of the address before the `@`, in the letters of usernames, a letter or digit
/// first. A tag such as `+news` is left out.
pub fn username_base(email: &str) -> String {
    let local = email.split('@').next().unwrap_or_default().split('+').next().unwrap_or_default();
    let kept = local.to_ascii_lowercase();
    let kept: String = kept
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
        .take(USERNAME_BASE_MAX)
        .collect();
    let kept = kept.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    // `users/me` is whoever asks.
    if kept.is_empty() || kept == "me" { NAMELESS.to_owned() } else { kept.to_owned() }
}

/// The first of `a`, `a1`, `a2` … that is not taken.
pub fn free_username(base: &str, taken: &[String]) -> String {
    std::iter::once(base.to_owned())
        .chain((1_u64..).map(|number| format!("{base}{number}")))
        .find(|name| !taken.contains(name))
        .unwrap_or_else(|| base.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::names::{Segment, Username};

    fn is_good(sent: &str) -> bool {
        let mut wrong = Violations::new();
        email(sent, "email", &mut wrong);
        wrong.is_empty()
    }

    #[test]
    fn addresses_have_one_spelling() {
        let mut wrong = Violations::new();
        assert_eq!(email(" Ada.Lovelace@Example.ORG ", "email", &mut wrong), "ada.lovelace@example.org");
        assert!(wrong.is_empty());
        for good in ["a@b", "dev@flagstone.localhost", "o'neil+tag@sub.example.org", "100%_x@example.org"] {
            assert!(is_good(good), "{good}");
        }
        let long = format!("{}@example.org", "a".repeat(65));
        let longer = format!("a@{}", "example.".repeat(50));
        for bad in [
            "",
            "@",
            "a@",
            "@b",
            "a b@c",
            "a@b c",
            "a@@b",
            "a@b@c",
            "a\0@b.org",
            "a\n@b.org",
            "<a@b.org>",
            "a@-b.org",
            "a@b..org",
            "\u{202e}a@b.org",
            "jürgen@example.org",
            "аda@example.org",
            &long,
            &longer,
        ] {
            assert!(!is_good(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_username_comes_from_the_address_and_is_always_one() {
        for (address, expected) in [
            ("ada@example.org", "ada"),
            ("Ada.Lovelace+news@example.org", "ada.lovelace"),
            ("o'neil@example.org", "oneil"),
            ("_x_@example.org", "x"),
            ("%@example.org", "user"),
            ("me@example.org", "user"),
            ("+@example.org", "user"),
        ] {
            let base = username_base(address);
            assert_eq!(base, expected, "{address}");
            assert!(Username::read(&base).is_some(), "{base}");
        }
        let long = username_base(&format!("{}@example.org", "a".repeat(64)));
        assert!(Username::read(&free_username(&long, std::slice::from_ref(&long))).is_some());
    }

    #[test]
    fn the_second_of_a_name_is_numbered_one() {
        let taken = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(free_username("a", &taken(&[])), "a");
        assert_eq!(free_username("a", &taken(&["a"])), "a1");
        assert_eq!(free_username("a", &taken(&["a", "a1", "a3"])), "a2");
        assert_eq!(free_username("a", &taken(&["a1"])), "a");
    }

    #[test]
    fn preferences_have_a_size() {
        let told = |value: &Value| {
            let mut wrong = Violations::new();
            check_preferences(value, "preferences", &mut wrong);
            wrong.is_empty()
        };
        assert!(told(&json!({"theme": "dark"})));
        assert!(!told(&json!({"x": "y".repeat(PREFERENCES_MAX)})));
        assert!(!told(&json!({"x": "a\0b"})));
    }
}
