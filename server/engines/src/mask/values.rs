//! Masks known values in a stream.

use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};
use zeroize::Zeroizing;

use super::MASK;
use super::variants::variants;
use crate::engine::SecretValue;

/// All forms of all secrets, compiled. Cheap to clone.
#[derive(Clone)]
pub struct Needles(Arc<Compiled>);

struct Compiled {
    /// Finds overlapping matches too: where two secrets overlap, masking one must not leave the rest of the other.
    automaton: Option<AhoCorasick>,
    /// Sorted, to ask whether any begins with some bytes.
    sorted: Zeroizing<Vec<Vec<u8>>>,
    longest: usize,
}

impl Needles {
    /// Compiles the forms of `values`.
    pub fn new<'a>(values: impl IntoIterator<Item = &'a SecretValue>) -> Self {
        let mut sorted: Vec<Vec<u8>> = values.into_iter().flat_map(|value| variants(value.expose())).collect();
        sorted.sort_unstable();
        sorted.dedup();
        let longest = sorted.iter().map(Vec::len).max().unwrap_or_default();
        // It fails only beyond 2^31 bytes of needles, which no job has; then nothing may be printed, see `push`.
        let automaton = AhoCorasick::builder().match_kind(MatchKind::Standard).build(&sorted).ok();
        Self(Arc::new(Compiled { automaton, sorted: Zeroizing::new(sorted), longest }))
    }

    /// True when a needle begins with `bytes` and is longer.
    fn may_become_one(&self, bytes: &[u8]) -> bool {
        let sorted = &self.0.sorted;
        // All that begin with `bytes` stand together, behind everything smaller; `bytes` itself would be the first.
        let after = sorted.partition_point(|needle| needle.as_slice() <= bytes);
        sorted.get(after).is_some_and(|needle| needle.starts_with(bytes))
    }
}

/// Masks one stream. Holds back only the longest end of it that a needle begins with.
pub struct ValueMasker {
    needles: Needles,
    pending: Vec<u8>,
    /// How many bytes of `pending` belong to a secret whose mask has been written already.
    covered: usize,
}

impl ValueMasker {
    /// A masker at the beginning of a stream.
    pub fn new(needles: Needles) -> Self {
        Self { needles, pending: Vec::new(), covered: 0 }
    }

    /// Takes more of the stream and appends to `output` what is certain.
    pub fn push(&mut self, input: &[u8], output: &mut Vec<u8>) {
        if self.needles.0.sorted.is_empty() {
            output.extend_from_slice(input);
            return;
        }
        self.pending.extend_from_slice(input);
        let hold_from = self.hold_from();
        self.release(hold_from, output);
    }

    /// Appends what was held back.
    pub fn finish(&mut self, output: &mut Vec<u8>) {
        self.release(self.pending.len(), output);
        self.covered = 0;
    }

    /// Where the earliest end of `pending` begins that may still become a secret.
    fn hold_from(&self) -> usize {
        let earliest = (self.pending.len() + 1).saturating_sub(self.needles.0.longest);
        (earliest..self.pending.len())
            .find(|from| self.needles.may_become_one(&self.pending[*from..]))
            .unwrap_or(self.pending.len())
    }

    /// Writes `pending` up to `until`, each stretch of overlapping secrets as one mask. A stretch that crosses `until`
    /// is masked now; its rest stays in `pending`, since another secret may begin in it, but counts as covered.
    fn release(&mut self, until: usize, output: &mut Vec<u8>) {
        let mut done = self.covered.min(until);
        let mut covered_to = self.covered;
        for (start, end) in self.stretches() {
            if start >= until {
                break;
            }
            if start >= covered_to {
                output.extend_from_slice(&self.pending[done..start]);
                output.extend_from_slice(MASK.as_bytes());
            }
            covered_to = covered_to.max(end);
            done = covered_to.min(until);
        }
        output.extend_from_slice(&self.pending[done..until]);
        self.covered = covered_to.saturating_sub(until);
        self.pending.drain(..until);
    }

    /// Where secrets are: maximal stretches in order, those that overlap as one.
    fn stretches(&self) -> Vec<(usize, usize)> {
        let Some(automaton) = &self.needles.0.automaton else { return vec![(0, self.pending.len())] };
        let mut stretches: Vec<(usize, usize)> = Vec::new();
        // They come in the order of their ends.
        for found in automaton.find_overlapping_iter(&self.pending) {
            let mut start = found.start();
            while let Some((last_start, _)) = stretches.pop_if(|(_, last_end)| *last_end > start) {
                start = start.min(last_start);
            }
            stretches.push((start, found.end()));
        }
        stretches
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mask(values: &[&[u8]], chunks: &[&[u8]]) -> Vec<u8> {
        let values: Vec<_> = values.iter().map(|value| SecretValue::new(*value)).collect();
        let mut masker = ValueMasker::new(Needles::new(&values));
        let mut output = Vec::new();
        for chunk in chunks {
            masker.push(chunk, &mut output);
        }
        masker.finish(&mut output);
        output
    }

    fn masked(values: &[&str], chunks: &[&str]) -> String {
        let values: Vec<_> = values.iter().map(|value| value.as_bytes()).collect();
        let chunks: Vec<_> = chunks.iter().map(|chunk| chunk.as_bytes()).collect();
        String::from_utf8(mask(&values, &chunks)).unwrap()
    }

    #[test]
    fn masks_over_chunk_borders() {
        assert_eq!(masked(&["secret"], &["a sec", "ret b"]), "a •••••• b");
        assert_eq!(masked(&["secret"], &["a sec", "tor b"]), "a sector b");
        assert_eq!(masked(&["secret"], &["s", "e", "c", "r", "e", "t", "s"]), "••••••s");
    }

    #[test]
    fn takes_the_longest_and_masks_overlapping_secrets_whole() {
        assert_eq!(masked(&["abcd", "abcdefgh"], &["abcd", "efgh."]), "••••••.");
        assert_eq!(masked(&["abcd", "abcdefgh"], &["abcd", "efgx."]), "••••••efgx.");
        assert_eq!(masked(&["abcd", "cdxx"], &["abcdxx"]), "••••••");
        assert_eq!(masked(&["abcd", "cdxx"], &["abcd", "xx."]), "••••••.");
        assert_eq!(masked(&["aaaa"], &["aaaaaa", "aaaaaaa", "b"]), "••••••b");
    }

    #[test]
    fn holds_back_only_what_may_become_a_secret() {
        let mut masker = ValueMasker::new(Needles::new(&[SecretValue::new("zzzz-long-secret")]));
        let mut output = Vec::new();
        masker.push(b"nothing here; z", &mut output);
        assert_eq!(output, b"nothing here; ");
    }

    #[test]
    fn ignores_values_that_are_too_short() {
        assert_eq!(masked(&["abc", "", "   "], &["abc   "]), "abc   ");
    }

    fn chunked(bytes: &[u8], mut sizes: impl Iterator<Item = usize>) -> Vec<&[u8]> {
        let mut rest = bytes;
        std::iter::from_fn(|| {
            let (chunk, more) = rest.split_at(sizes.next().unwrap_or(usize::MAX).min(rest.len()));
            rest = more;
            (!chunk.is_empty()).then_some(chunk)
        })
        .collect()
    }

    fn holds(text: &[u8], part: &[u8]) -> bool {
        text.windows(part.len()).any(|window| window == part)
    }

    proptest! {
        #[test]
        fn a_planted_secret_never_comes_out(
            secret in proptest::collection::vec(any::<u8>(), 8..40),
            before in proptest::collection::vec(any::<u8>(), 0..60),
            after in proptest::collection::vec(any::<u8>(), 0..60),
            sizes in proptest::collection::vec(1..20_usize, 0..40),
            form in 0..8_usize,
        ) {
            prop_assume!(secret.trim_ascii().len() >= 8);
            let forms: Vec<_> = variants(&secret).into_iter().collect();
            let planted = &forms[form * forms.len() / 8];
            let input = [before.as_slice(), planted, &after].concat();
            let output = mask(&[&secret], &chunked(&input, sizes.into_iter()));
            prop_assert!(!holds(&output, planted), "{}", String::from_utf8_lossy(&output));
            prop_assert!(holds(&output, MASK.as_bytes()));
        }

        /// Few letters make overlaps, repetitions and near misses common.
        #[test]
        fn chunks_make_no_difference(
            secrets in proptest::collection::vec("[ab]{4,9}", 0..4),
            input in "[ab\n]{0,80}",
            sizes in proptest::collection::vec(1..9_usize, 0..40),
        ) {
            let secrets: Vec<_> = secrets.iter().map(String::as_bytes).collect();
            let output = mask(&secrets, &chunked(input.as_bytes(), sizes.into_iter()));
            for secret in &secrets {
                prop_assert!(!holds(&output, secret));
            }
            prop_assert_eq!(output, mask(&secrets, &[input.as_bytes()]));
        }

        #[test]
        fn without_a_secret_in_it_the_stream_is_unchanged(
            input in "[a-f]{0,200}", sizes in proptest::collection::vec(1..9_usize, 0..40),
        ) {
            let output = mask(&[b"XYZXYZXYZ", b"aaaaX", b"abcX"], &chunked(input.as_bytes(), sizes.into_iter()));
            prop_assert_eq!(output, input.into_bytes());
        }
    }
}
