//! The forms in which programs print a value.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_encode};

/// Shorter values are not masked.
pub(super) const MIN_VALUE: usize = 4;
/// Shorter lines of a value with several lines are not masked by themselves.
const MIN_LINE: usize = 8;
/// Shorter middles of a base64 text are not masked by themselves: too many other texts hold them.
const MIN_BASE64_CORE: usize = 6;

/// RFC 3986: everything but the unreserved characters.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// What `encodeURIComponent` of JavaScript leaves as it is.
const JAVASCRIPT: &AsciiSet = &COMPONENT.remove(b'!').remove(b'*').remove(b'\'').remove(b'(').remove(b')');
/// What forms leave as it is; a space becomes `+`.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'*').remove(b' ');
/// Only what a URL cannot hold in its user part.
const USERINFO: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'/')
    .add(b':')
    .add(b';')
    .add(b'=')
    .add(b'@')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'|')
    .add(b'%');

/// Every form of a value, the value itself among them; none for a value that is too short.
pub(super) fn variants(value: &[u8]) -> BTreeSet<Vec<u8>> {
    let mut found = BTreeSet::new();
    let trimmed = value.trim_ascii();
    if trimmed.len() < MIN_VALUE {
        return found;
    }
    // Both with the line ending that a file gives it and without.
    for value in [value, trimmed] {
        found.insert(value.to_vec());
        hex(value, &mut found);
        base64(value, &mut found);
        url(value, &mut found);
        json(value, &mut found);
    }
    // A log goes by lines: those of a private key, say, arrive one by one.
    let mut lines: Vec<_> = trimmed.split(|byte| matches!(byte, b'\n' | b'\r')).map(<[u8]>::trim_ascii).collect();
    if lines.len() > 1 {
        lines.retain(|line| line.len() >= MIN_LINE);
        found.extend(lines.into_iter().map(<[u8]>::to_vec));
    }
    found
}

fn hex(value: &[u8], found: &mut BTreeSet<Vec<u8>>) {
    found.insert(hex::encode(value).into_bytes());
    found.insert(hex::encode_upper(value).into_bytes());
}

/// The value encoded by itself, and the middle of every longer text that holds it: three bytes become four characters,
/// so that what comes before decides between three ways of encoding the rest.
fn base64(value: &[u8], found: &mut BTreeSet<Vec<u8>>) {
    for engine in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD] {
        found.insert(engine.encode(value).into_bytes());
    }
    for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
        for before in 0..3 {
            let mut shifted = vec![0; before];
            shifted.extend_from_slice(value);
            let text = engine.encode(&shifted).into_bytes();
            // Characters that also hold bits of the bytes before or after are left out.
            let core = &text[(before * 8).div_ceil(6)..shifted.len() * 8 / 6];
            if core.len() >= MIN_BASE64_CORE {
                found.insert(core.to_vec());
            }
        }
    }
}

fn url(value: &[u8], found: &mut BTreeSet<Vec<u8>>) {
    for set in [COMPONENT, JAVASCRIPT, NON_ALPHANUMERIC, USERINFO] {
        percent(percent_encode(value, set).to_string(), found);
    }
    percent(percent_encode(value, FORM).to_string().replace(' ', "+"), found);
}

/// As it is, and with lower-case digits in the escapes alone.
fn percent(encoded: String, found: &mut BTreeSet<Vec<u8>>) {
    let mut lower = encoded.clone().into_bytes();
    let mut at = 0;
    while at + 2 < lower.len() {
        if lower[at] == b'%' {
            lower[at + 1..at + 3].make_ascii_lowercase();
            at += 2;
        }
        at += 1;
    }
    found.insert(lower);
    found.insert(encoded.into_bytes());
}

/// As the inside of a JSON string, and as that of a JSON text inside a JSON string.
fn json(value: &[u8], found: &mut BTreeSet<Vec<u8>>) {
    let Ok(text) = std::str::from_utf8(value) else { return };
    for style in [JsonStyle::Plain, JsonStyle::Html, JsonStyle::Slash, JsonStyle::Ascii] {
        let once = json_escape(text, style);
        found.insert(json_escape(&once, style).into_bytes());
        found.insert(once.into_bytes());
    }
}

#[derive(Clone, Copy, PartialEq)]
enum JsonStyle {
    Plain,
    /// Go and Terraform: `<`, `>`, `&` as `\u003c` and so on.
    Html,
    /// PHP: `/` as `\/`.
    Slash,
    /// Python: everything beyond ASCII as `\uXXXX`.
    Ascii,
}

fn json_escape(text: &str, style: JsonStyle) -> String {
    use std::fmt::Write as _;
    let mut escaped = String::with_capacity(text.len() + 8);
    for char in text.chars() {
        // Writing to a String cannot fail.
        let _ = match char {
            '"' => write!(escaped, "\\\""),
            '\\' => write!(escaped, "\\\\"),
            '\n' => write!(escaped, "\\n"),
            '\r' => write!(escaped, "\\r"),
            '\t' => write!(escaped, "\\t"),
            '/' if style == JsonStyle::Slash => write!(escaped, "\\/"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' if style == JsonStyle::Html => {
                write!(escaped, "\\u{:04x}", u32::from(char))
            }
            _ if char < ' ' || (style == JsonStyle::Ascii && !char.is_ascii()) => {
                char.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(escaped, "\\u{unit:04x}"))
            }
            _ => write!(escaped, "{char}"),
        };
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(value: &str, form: &str) {
        assert!(variants(value.as_bytes()).contains(form.as_bytes()), "{form} is no form of {value}");
    }

    #[test]
    fn knows_the_common_forms() {
        has("p@ss w/rd", "p@ss w/rd");
        has("p@ss w/rd\n", "p@ss w/rd");
        has("p@ss w/rd", "p%40ss%20w%2Frd");
        has("p@ss w/rd", "p%40ss%20w%2frd");
        has("p@ss w/rd", "p%40ss+w%2Frd");
        has("p@ss w/rd", "cEBzcyB3L3Jk");
        has("quo\"te<", "quo\\\"te<");
        has("quo\"te<", "quo\\\"te\\u003c");
        has("quo\"te", "quo\\\\\\\"te");
        has("grün", "gr\\u00fcn");
        has("abcd", "61626364");
        has("first line\nsecond line", "second line");
        assert!(variants(b"abc\n").is_empty());
    }

    #[test]
    fn finds_a_value_inside_any_longer_base64_text() {
        let value = b"correct horse";
        let forms = variants(value);
        for before in 0..4 {
            for after in 0..4 {
                let text = [&vec![b'>'; before][..], value, &vec![b'?'; after]].concat();
                for engine in [&STANDARD, &URL_SAFE, &STANDARD_NO_PAD] {
                    let encoded = engine.encode(&text);
                    let found = forms.iter().any(|form| encoded.as_bytes().windows(form.len()).any(|w| w == form));
                    assert!(found, "{before} before, {after} after: {encoded}");
                }
            }
        }
    }
}
