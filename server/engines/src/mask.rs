//! Takes secrets out of everything an engine prints, before a byte leaves the runner.
//!
//! Two nets, one behind the other. [`values`] finds the secrets that the runner knows, in every form that programs
//! commonly give them. [`patterns`] finds what looks like a secret although nobody named it. Both work on a stream:
//! a secret that arrives in two chunks is found, and only as much is held back as may still turn out to be one.

pub mod patterns;
pub mod values;
mod variants;

use crate::engine::SecretValue;
use patterns::PatternMasker;
use values::{Needles, ValueMasker};

pub use flagstone_core::redact::MASK;

/// The secrets of a job, compiled once. Cheap to clone.
#[derive(Clone)]
pub struct Secrets {
    needles: Needles,
}

impl Secrets {
    /// Compiles the values and all their forms. Values shorter than 4 bytes are ignored: masking them would hide
    /// nothing and tear ordinary words apart.
    pub fn new<'a>(values: impl IntoIterator<Item = &'a SecretValue>) -> Self {
        Self { needles: Needles::new(values) }
    }

    /// A masker for one stream.
    pub fn masker(&self) -> Masker {
        Masker { values: ValueMasker::new(self.needles.clone()), patterns: PatternMasker::new() }
    }

    /// Masks a text that stands alone, such as an error message.
    pub fn mask(&self, text: &str) -> String {
        let mut masked = Vec::with_capacity(text.len());
        let mut masker = self.masker();
        masker.push(text.as_bytes(), &mut masked);
        masker.finish(&mut masked);
        // Forms of a secret and patterns may begin or end inside a character only where the text was no UTF-8 anyway.
        String::from_utf8_lossy(&masked).into_owned()
    }
}

/// Masks one stream.
pub struct Masker {
    values: ValueMasker,
    patterns: PatternMasker,
}

impl Masker {
    /// Takes more of the stream and appends to `output` what is certain.
    pub fn push(&mut self, input: &[u8], output: &mut Vec<u8>) {
        let mut without_values = Vec::with_capacity(input.len());
        self.values.push(input, &mut without_values);
        self.patterns.push(&without_values, output);
    }

    /// Appends what was held back: the message that was pushed is whole, and what follows belongs to the next one. A
    /// block that is being masked, such as a private key over many lines, goes on being masked.
    pub fn end_message(&mut self, output: &mut Vec<u8>) {
        let mut without_values = Vec::new();
        self.values.finish(&mut without_values);
        self.patterns.push(&without_values, output);
        self.patterns.finish(output);
    }

    /// Appends what was held back at the end of the stream.
    pub fn finish(mut self, output: &mut Vec<u8>) {
        self.end_message(output);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secrets(values: &[&str]) -> Secrets {
        Secrets::new(&values.iter().map(|value| SecretValue::new(*value)).collect::<Vec<_>>())
    }

    #[test]
    fn both_nets_catch() {
        let masked = secrets(&["hunter2hunter2"]).mask("pw=hunter2hunter2 auth: Bearer abcdefghijklmnopqrstuvwx end");
        assert_eq!(masked, "pw=•••••• auth: Bearer •••••• end");
    }

    #[test]
    fn a_secret_s_debug_output_shows_nothing() {
        assert!(!format!("{:?}", SecretValue::new("hunter2")).contains("hunter2"));
    }

    /// The forms that a secret must not come out in, whatever stands around it: as it is, in base64 however the bytes
    /// before shift it, in a URL, in JSON, and in JSON inside of JSON.
    fn disguised(secret: &str, form: usize, shift: usize) -> Vec<u8> {
        use base64::Engine as _;
        use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
        let shifted = format!("{}{secret}", &"><>"[..shift]);
        let json = |text: &str| serde_json::Value::from(text).to_string();
        let text = match form {
            0 => secret.to_owned(),
            1 => STANDARD.encode(&shifted),
            2 => URL_SAFE_NO_PAD.encode(&shifted),
            3 => percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC).to_string(),
            4 => json(secret),
            _ => json(&json(secret)),
        };
        text.into_bytes()
    }

    /// What must not be in the output: all that is certain of a secret's form. Characters of base64 that also hold bits of
    /// the bytes around are not.
    fn telling(disguise: &[u8], form: usize, shift: usize, length: usize) -> &[u8] {
        match form {
            1 | 2 => &disguise[(shift * 8).div_ceil(6)..(shift + length) * 8 / 6],
            4 => &disguise[1..disguise.len() - 1],
            5 => &disguise[3..disguise.len() - 3],
            _ => disguise,
        }
    }

    proptest! {
        #[test]
        fn a_secret_is_masked_in_every_form_wherever_the_stream_is_cut(
            secret in "[a-zA-Z0-9@/+ \"\\\\<>&=é-]{8,40}",
            (form, shift) in (0..6_usize, 0..3_usize),
            before in "[ -~]{0,30}",
            after in "[ -~]{0,30}",
            at in any::<prop::sample::Index>(),
            again in any::<prop::sample::Index>(),
        ) {
            prop_assume!(secret.trim_ascii() == secret && secret.len() >= 8);
            let disguise = disguised(&secret, form, shift);
            let hidden = telling(&disguise, form, shift, secret.len());
            let stream = [before.as_bytes(), &disguise, after.as_bytes()].concat();
            let mut cuts = [at.index(stream.len() + 1), again.index(stream.len() + 1)];
            cuts.sort_unstable();
            let mut masker = secrets(&[&secret]).masker();
            let mut output = Vec::new();
            for chunk in [&stream[..cuts[0]], &stream[cuts[0]..cuts[1]], &stream[cuts[1]..]] {
                masker.push(chunk, &mut output);
            }
            masker.finish(&mut output);
            let shown = output.windows(hidden.len()).any(|window| window == hidden);
            prop_assert!(!shown, "form {form}: {}", String::from_utf8_lossy(&output));
        }

        #[test]
        fn without_secrets_the_output_is_the_input(
            input in proptest::collection::vec(any::<u8>(), 0..2000), cuts in proptest::collection::vec(1..50_usize, 0..50),
        ) {
            // Random bytes do not hold the patterns; should they ever, the seed shows it.
            let mut masker = secrets(&[]).masker();
            let mut output = Vec::new();
            let mut rest = input.as_slice();
            for cut in cuts {
                let (chunk, more) = rest.split_at(cut.min(rest.len()));
                masker.push(chunk, &mut output);
                rest = more;
            }
            masker.push(rest, &mut output);
            masker.finish(&mut output);
            prop_assert_eq!(output, input);
        }
    }
}
