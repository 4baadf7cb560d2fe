//! What text from people may hold, the same for every name and description: characters that can be read. What cannot be
//! seen can deceive: a control character breaks a log, a mark that turns the direction makes one name look like another.

use crate::Error;

/// Whether a text is the name of something: 1 to `longest` characters, not blank, on one line, nothing that cannot be seen.
pub fn is_title(text: &str, longest: usize) -> bool {
    !text.trim().is_empty() && text.chars().count() <= longest && !text.chars().any(|c| c.is_control() || turns(c))
}

/// Whether a text is a description: at most `longest` characters, maybe none, on any number of lines.
pub fn is_prose(text: &str, longest: usize) -> bool {
    text.chars().count() <= longest && is_readable(text)
}

/// Whether a text of any length holds only what can be seen, on any number of lines. The database has no NUL, not even to
/// compare with.
pub fn is_readable(text: &str) -> bool {
    !text.chars().any(|c| (c.is_control() && !matches!(c, '\n' | '\r' | '\t')) || turns(c))
}

/// The rule of [`is_readable`] for people, after the name of the field.
pub const READABLE: &str = "holds a control character or a mark that turns the direction. Leave it out.";

/// The rule of [`is_title`] for people.
pub fn title_rule(longest: usize) -> String {
    format!("Give 1 to {longest} characters on one line, without control characters and marks that turn the direction.")
}

/// The rule of [`is_prose`] for people.
pub fn prose_rule(longest: usize) -> String {
    format!("At most {longest} characters, without control characters and marks that turn the direction.")
}

/// A text that may be empty: a description of at most `longest` characters. The violation names `field`.
pub fn optional(value: &str, longest: usize, field: &str) -> Result<(), Error> {
    if is_prose(value, longest) { Ok(()) } else { Err(Error::field(field, prose_rule(longest))) }
}

/// The name of something, of 1 to `longest` characters. The violation names `field`.
pub fn required(value: &str, longest: usize, field: &str) -> Result<(), Error> {
    if is_title(value, longest) { Ok(()) } else { Err(Error::field(field, title_rule(longest))) }
}

/// Marks that override or isolate the direction of what follows. Letters that are written from right to left need none.
const fn turns(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_every_script_pass() {
        for name in ["Payments", "a", "Zahlungen & Co. 100 %_", "支付", "תשלומים", "🚀 Launch", &"ü".repeat(255)]
        {
            assert!(is_title(name, 255), "{name}");
            assert!(is_prose(name, 255), "{name}");
        }
        assert!(is_prose("One line.\n\tAnother.\r\n", 1000) && is_prose("", 10));
    }

    #[test]
    fn what_cannot_be_seen_is_refused() {
        for name in ["", " \t ", "a\0b", "a\nb", "pay\u{202e}stnem", "x\u{2066}y", "x\u{200f}", &"x".repeat(256)] {
            assert!(!is_title(name, 255), "{name:?}");
        }
        for text in ["a\0", "a\u{1b}[31m", "a\u{202d}b", &"x".repeat(11)] {
            assert!(!is_prose(text, 10), "{text:?}");
        }
    }
}
