//! What a password must be, the same on every path that sets one (R008).

use zxcvbn::Score;

use crate::FieldViolation;

/// Fewest characters.
pub const MIN_CHARACTERS: usize = 12;

/// Most bytes. Hashing is made to be slow: the length of what is hashed needs a limit.
pub const MAX_BYTES: usize = 1024;

/// The characters that count as special when an organization asks for character classes.
pub const SPECIAL: &str = "!@#$%^&*()_+-=[]{};:,.<>?";

/// A username or the local part of an address shorter than this is in many good passwords by chance.
const MIN_PERSONAL: usize = 3;

/// Every reason why this is no password for this person, as violations of `field`. `classes` is the organization's
/// `password_character_classes`. The password itself is never part of a message.
pub fn check(password: &str, username: &str, email: &str, classes: bool, field: &str) -> Vec<FieldViolation> {
    if password.len() > MAX_BYTES {
        return vec![FieldViolation::new(field, format!("The password is longer than {MAX_BYTES} bytes."))];
    }
    let mut problems = Vec::new();
    let length = password.chars().count();
    if length < MIN_CHARACTERS {
        problems.push(format!("The password has {length} characters; it needs at least {MIN_CHARACTERS}."));
    }
    let personal = personal_parts(username, email);
    let lower = password.to_lowercase();
    if personal.iter().any(|part| lower.contains(part)) {
        problems.push("The password contains the username or the e-mail address. Leave them out.".to_owned());
    }
    problems.extend(guessable(password, &personal));
    if classes {
        problems.extend(missing_classes(password));
    }
    problems.into_iter().map(|problem| FieldViolation::new(field, problem)).collect()
}

fn personal_parts(username: &str, email: &str) -> Vec<String> {
    let local = email.split('@').next().unwrap_or_default();
    [username, email, local]
        .into_iter()
        .filter(|part| part.chars().count() >= MIN_PERSONAL)
        .map(str::to_lowercase)
        .collect()
}

/// Common passwords and simple variations of them, by what an attacker would try first.
fn guessable(password: &str, personal: &[String]) -> Option<String> {
    let personal: Vec<_> = personal.iter().map(String::as_str).collect();
    let estimate = zxcvbn::zxcvbn(password, &personal);
    if estimate.score() >= Score::Three {
        return None;
    }
    let why = estimate
        .feedback()
        .and_then(|feedback| feedback.warning())
        .map_or_else(String::new, |warning| format!(" {warning}"));
    Some(format!("The password is too easy to guess.{why} Use several unrelated words or a password manager."))
}

fn missing_classes(password: &str) -> Option<String> {
    let special = format!("one of {SPECIAL}");
    let missing: Vec<&str> = [
        ("an upper-case letter", password.contains(char::is_uppercase)),
        ("a lower-case letter", password.contains(char::is_lowercase)),
        ("a digit", password.contains(|c: char| c.is_ascii_digit())),
        (&special, password.contains(|c| SPECIAL.contains(c))),
    ]
    .into_iter()
    .filter_map(|(class, is_there)| (!is_there).then_some(class))
    .collect();
    (!missing.is_empty()).then(|| format!("The password lacks {}.", missing.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(password: &str, classes: bool) -> Vec<String> {
        check(password, "ada.lovelace", "ada@example.org", classes, "password")
            .into_iter()
            .map(|violation| violation.message)
            .collect()
    }

    #[test]
    fn good_passwords_pass() {
        for password in ["correct horse battery staple", "tr0mb0ne-Vexing-pillar", "ünïcödé wörter sind güt"] {
            assert_eq!(problems(password, false), Vec::<String>::new(), "{password}");
        }
        assert!(problems("tr0mb0ne-Vexing-pillar", true).is_empty());
        assert!(problems(&"Kq7#vLp9!".repeat(100), false).is_empty());
    }

    #[test]
    fn short_common_and_personal_ones_are_refused() {
        for (password, reason) in [
            ("", "at least 12"),
            ("kX9#vQ2!pLz", "at least 12"),
            ("password1234", "too easy"),
            ("qwertyuiop12", "too easy"),
            ("aaaaaaaaaaaaaaaa", "too easy"),
            ("vexing-ADA.lovelace-trombone", "username"),
            ("vexing-ada@example.org-trombone", "e-mail"),
        ] {
            assert!(problems(password, false).iter().any(|message| message.contains(reason)), "{password}: {reason}");
        }
        assert!(problems(&"x".repeat(MAX_BYTES + 1), false)[0].contains("1024 bytes"));
    }

    #[test]
    fn character_classes_count_only_where_they_are_asked_for() {
        assert_eq!(
            problems("correct horse battery staple", true),
            ["The password lacks an upper-case letter, a digit, one of !@#$%^&*()_+-=[]{};:,.<>?."]
        );
    }

    #[test]
    fn every_reason_is_told_at_once_and_never_the_password() {
        let found = check("adalove", "adalove", "", true, "user.password");
        assert_eq!(found.len(), 4);
        assert!(found.iter().all(|violation| violation.field == "user.password"));
        assert!(found.iter().all(|violation| !violation.message.contains("adalove")));
    }

    #[test]
    fn a_very_short_username_does_not_count() {
        assert!(check("correct horse battery staple", "c", "a@example.org", false, "password").is_empty());
    }
}
