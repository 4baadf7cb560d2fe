//! Masks what looks like a secret although nobody named it.
//!
//! Each pattern begins with a fixed word, so that a stream is searched for all of them at once, and at most a word, a
//! few separators and the least length of a token are ever held back.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::MASK;

/// A word, separators, and a token that is masked.
struct Pattern {
    /// In lower case; found in any case.
    word: &'static str,
    separators: fn(u8) -> bool,
    /// Fewer make it no match. At most [`MAX_SEPARATORS`] are looked at.
    min_separators: usize,
    token: fn(u8) -> bool,
    /// Shorter tokens are ordinary words.
    min_token: usize,
    /// True when the word itself is part of the secret.
    masks_word: bool,
}

const MAX_SEPARATORS: usize = 8;
/// What stands between the name of a setting and its value, in JSON, shell, HCL and INI.
const fn is_assignment(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'"' | b'\'' | b'\\' | b'=' | b':')
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

const fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// The characters of RFC 6750's `b64token`.
const fn is_bearer(byte: u8) -> bool {
    is_base64(byte) || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

const fn assignment(word: &'static str) -> Pattern {
    Pattern { word, separators: is_assignment, min_separators: 1, token: is_base64, min_token: 16, masks_word: false }
}

/// All but private keys, which are blocks.
const PATTERNS: [Pattern; 6] = [
    assignment("secret_access_key"),
    assignment("secretaccesskey"),
    assignment("aws_session_token"),
    assignment("sessiontoken"),
    Pattern {
        word: "bearer",
        separators: is_blank,
        min_separators: 1,
        token: is_bearer,
        min_token: 16,
        masks_word: false,
    },
    // Flagstone's own tokens.
    Pattern { word: "fls_", separators: is_blank, min_separators: 0, token: is_word, min_token: 16, masks_word: true },
];

const KEY_BEGIN: &str = "-----begin ";
const KEY_END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";
/// Longest label, such as `OPENSSH PRIVATE KEY`.
const MAX_LABEL: usize = 40;
/// A block that does not end is masked for so many bytes: larger than any key, yet not the whole log.
const MAX_BLOCK: usize = 32 * 1024;

/// The words of [`PATTERNS`] in their order, then the beginning of a private key.
static WORDS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let words = PATTERNS.iter().map(|pattern| pattern.word).chain([KEY_BEGIN]);
    AhoCorasick::builder().ascii_case_insensitive(true).build(words).ok()
});

enum State {
    Text,
    /// Inside a token whose mask has been written.
    Token(fn(u8) -> bool),
    /// Inside a private key whose mask has been written, after so many bytes.
    Key(usize),
}

/// What a word turns out to be the beginning of.
enum Look {
    Nothing,
    /// Too early to say.
    Open,
    /// A secret, masked from here; the search goes on in this state from there.
    Secret {
        from: usize,
        to: usize,
        state: State,
    },
}

/// Masks one stream.
pub struct PatternMasker {
    pending: Vec<u8>,
    state: State,
}

impl Default for PatternMasker {
    fn default() -> Self {
        Self::new()
    }
}

impl PatternMasker {
    /// A masker at the beginning of a stream.
    pub const fn new() -> Self {
        Self { pending: Vec::new(), state: State::Text }
    }

    /// Takes more of the stream and appends to `output` what is certain.
    pub fn push(&mut self, input: &[u8], output: &mut Vec<u8>) {
        self.pending.extend_from_slice(input);
        self.advance(output, false);
    }

    /// Appends what was held back, and takes a token to be over. A private key goes on.
    pub fn finish(&mut self, output: &mut Vec<u8>) {
        self.advance(output, true);
        if matches!(self.state, State::Token(_)) {
            self.state = State::Text;
        }
    }

    fn advance(&mut self, output: &mut Vec<u8>, at_end: bool) {
        loop {
            let goes_on = match self.state {
                State::Text => self.in_text(output, at_end),
                State::Token(is_token) => self.in_token(is_token),
                State::Key(masked) => self.in_key(masked, at_end),
            };
            if !goes_on {
                return;
            }
        }
    }

    /// Looks for the next secret. True when one was found.
    fn in_text(&mut self, output: &mut Vec<u8>, at_end: bool) -> bool {
        let words = WORDS.as_ref().into_iter().flat_map(|words| words.find_iter(&self.pending));
        for word in words {
            let look = match PATTERNS.get(word.pattern().as_usize()) {
                Some(pattern) => look_at_token(&self.pending, word.start(), word.end(), pattern),
                None => look_at_key(&self.pending, word.start(), word.end()),
            };
            match look {
                Look::Secret { from, to, state } => {
                    output.extend_from_slice(&self.pending[..from]);
                    output.extend_from_slice(MASK.as_bytes());
                    self.pending.drain(..to);
                    self.state = state;
                    return true;
                }
                Look::Open if !at_end => {
                    output.extend(self.pending.drain(..word.start()));
                    return false;
                }
                Look::Open | Look::Nothing => {}
            }
        }
        let keep = if at_end { self.pending.len() } else { begun_word(&self.pending) };
        output.extend(self.pending.drain(..keep));
        false
    }

    /// Drops the rest of a token. True when its end was seen.
    fn in_token(&mut self, is_token: fn(u8) -> bool) -> bool {
        let end = self.pending.iter().position(|byte| !is_token(*byte));
        self.pending.drain(..end.unwrap_or(self.pending.len()));
        if end.is_some() {
            self.state = State::Text;
        }
        end.is_some()
    }

    /// Drops the rest of a private key. True when its end was seen, or is not to be expected any more.
    fn in_key(&mut self, masked: usize, at_end: bool) -> bool {
        let room = MAX_BLOCK - masked;
        let end = find(&self.pending, KEY_END).filter(|end| *end < room);
        if let Some(end) = end {
            let label = end + KEY_END.len();
            if let Some(dashes) = find(&self.pending[label..], DASHES) {
                self.pending.drain(..label + dashes + DASHES.len());
                self.state = State::Text;
                return true;
            }
        }
        let drop = match end {
            _ if at_end => self.pending.len(),
            Some(end) if self.pending.len() - end < KEY_END.len() + MAX_LABEL => end,
            _ => self.pending.len().saturating_sub(KEY_END.len() - 1),
        };
        let drop = drop.min(room);
        self.pending.drain(..drop);
        let is_over = drop == room;
        self.state = if is_over { State::Text } else { State::Key(masked + drop) };
        is_over
    }
}

fn look_at_token(text: &[u8], start: usize, word_end: usize, pattern: &Pattern) -> Look {
    let after = &text[word_end..];
    let separators = after.iter().take(MAX_SEPARATORS).take_while(|byte| (pattern.separators)(**byte)).count();
    let token = after[separators..].iter().take_while(|byte| (pattern.token)(**byte)).count();
    if separators >= pattern.min_separators && token >= pattern.min_token {
        let from = if pattern.masks_word { start } else { word_end + separators };
        return Look::Secret { from, to: word_end + separators + token, state: State::Token(pattern.token) };
    }
    if separators + token == after.len() { Look::Open } else { Look::Nothing }
}

fn look_at_key(text: &[u8], start: usize, word_end: usize) -> Look {
    let after = &text[word_end..];
    let label = after.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b' ').count();
    if label > MAX_LABEL {
        return Look::Nothing;
    }
    let rest = &after[label..];
    if rest.starts_with(DASHES) {
        let is_private = find(&after[..label].to_ascii_uppercase(), b"PRIVATE KEY").is_some();
        let to = word_end + label + DASHES.len();
        return if is_private { Look::Secret { from: start, to, state: State::Key(0) } } else { Look::Nothing };
    }
    if DASHES.starts_with(rest) { Look::Open } else { Look::Nothing }
}

/// Where the longest end of `text` begins that a word begins with, the text's length if there is none.
fn begun_word(text: &[u8]) -> usize {
    let words = || PATTERNS.iter().map(|pattern| pattern.word).chain([KEY_BEGIN]);
    let longest = words().map(str::len).max().unwrap_or_default();
    let is_begun = |end: &[u8]| {
        words().any(|word| word.len() > end.len() && word.as_bytes()[..end.len()].eq_ignore_ascii_case(end))
    };
    let earliest = (text.len() + 1).saturating_sub(longest);
    (earliest..text.len()).find(|from| is_begun(&text[*from..])).unwrap_or(text.len())
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mask(chunks: &[&[u8]]) -> String {
        let mut masker = PatternMasker::new();
        let mut output = Vec::new();
        for chunk in chunks {
            masker.push(chunk, &mut output);
        }
        masker.finish(&mut output);
        String::from_utf8(output).unwrap()
    }

    const KEY: &str =
        "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END OPENSSH PRIVATE KEY-----";
    const AWS: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    fn cases() -> Vec<(String, String)> {
        [
            (format!("AWS_SECRET_ACCESS_KEY={AWS}\n"), "AWS_SECRET_ACCESS_KEY=••••••\n"),
            (format!("{{\"SecretAccessKey\": \"{AWS}\"}}"), "{\"SecretAccessKey\": \"••••••\"}"),
            (format!("aws_secret_access_key = \"{AWS}\"x"), "aws_secret_access_key = \"••••••\"x"),
            ("secret_access_key = var.secret_access_key".into(), "secret_access_key = var.secret_access_key"),
            ("authorization: bearer eyJhbGciOi.eyJzdWIi.c2ln-_~ ok".into(), "authorization: bearer •••••• ok"),
            ("a bearer of news, bearer".into(), "a bearer of news, bearer"),
            ("token fls_0123456789abcdefABCDEF.".into(), "token ••••••."),
            ("fls_short fls".into(), "fls_short fls"),
            (format!("key: {KEY}\nend"), "key: ••••••\nend"),
            ("-----BEGIN PUBLIC KEY-----\nabc".into(), "-----BEGIN PUBLIC KEY-----\nabc"),
            ("-----BEGIN CERTIFICATE-----".into(), "-----BEGIN CERTIFICATE-----"),
        ]
        .map(|(input, output)| (input, output.to_owned()))
        .to_vec()
    }

    #[test]
    fn masks_what_looks_like_a_secret() {
        for (input, output) in cases() {
            assert_eq!(mask(&[input.as_bytes()]), output);
        }
    }

    #[test]
    fn a_key_over_several_messages_is_masked_until_its_end() {
        let mut masker = PatternMasker::new();
        let mut output = Vec::new();
        for line in KEY.lines().chain(["after"]) {
            masker.push(format!("x (local-exec): {line}\n").as_bytes(), &mut output);
            masker.finish(&mut output);
        }
        assert_eq!(String::from_utf8(output).unwrap(), "x (local-exec): ••••••\nx (local-exec): after\n");
    }

    #[test]
    fn a_key_that_never_ends_does_not_take_the_whole_log() {
        let input = format!("-----BEGIN PRIVATE KEY-----\n{}", "a line\n".repeat(20_000));
        let output = mask(&[input.as_bytes()]);
        assert!(output.starts_with(MASK) && output.len() > input.len() - 2 * MAX_BLOCK, "{}", output.len());
    }

    proptest! {
        #[test]
        fn chunks_make_no_difference(picked in proptest::collection::vec(0..11_usize, 1..4), sizes in proptest::collection::vec(1..12_usize, 0..60)) {
            let cases = cases();
            let input = picked.iter().map(|i| cases[*i].0.as_str()).collect::<Vec<_>>().join("\n");
            let mut rest = input.as_bytes();
            let mut chunks = Vec::new();
            for size in sizes {
                let (chunk, more) = rest.split_at(size.min(rest.len()));
                chunks.push(chunk);
                rest = more;
            }
            chunks.push(rest);
            prop_assert_eq!(mask(&chunks), mask(&[input.as_bytes()]));
        }
    }
}
