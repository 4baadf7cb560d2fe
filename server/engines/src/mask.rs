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

    proptest! {
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
