//! Cuts a stream of bytes into log lines, and bounds how many of them are kept.
//!
//! Everything here works on bytes: invalid UTF-8, NUL and ANSI sequences pass as they came. Every byte is in exactly
//! one piece, so that the pieces in their order are the stream again.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// Most bytes of a piece, the line's ending included.
pub const MAX_LINE: usize = 32 * 1024;
/// Bytes of its head that a job's log keeps.
pub const HEAD: usize = 64 * 1024 * 1024;
/// Bytes of its tail that a job's log keeps.
pub const TAIL: usize = 1024 * 1024;

/// A line, or a part of one.
///
/// A line ends with `\n`, `\r\n`, a lone `\r` (a progress bar that redraws itself) or the end of the stream, and its
/// ending belongs to it. A line longer than [`MAX_LINE`], or one of which a part was flushed, goes on in the next piece
/// of the same stream: **`continued` is true on every piece of a line but its last.** So a reader puts a line together
/// by appending pieces up to and including the first whose `continued` is false. Only when the stream ended right after
/// a flushed part does a line end with a piece whose `continued` is true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    pub data: Bytes,
    pub continued: bool,
}

/// Cuts one stream.
#[derive(Debug, Default)]
pub struct LineSplitter {
    /// The beginning of a line whose end has not been seen.
    pending: BytesMut,
    /// How much of `pending` is known to hold no ending.
    searched: usize,
}

impl LineSplitter {
    /// A splitter at the beginning of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes more of the stream and gives `emit` every piece that is now certain. A `\r` at the very end waits for the
    /// byte after it.
    pub fn push(&mut self, bytes: &[u8], mut emit: impl FnMut(Piece)) {
        // In portions, so that one enormous chunk is not copied as a whole and moved for every line in it.
        for portion in bytes.chunks(MAX_LINE) {
            self.pending.extend_from_slice(portion);
            while let Some(piece) = self.take_piece() {
                emit(piece);
            }
        }
    }

    /// Gives the beginning of a line that may go on: for a caller that saw nothing new for a while (200 ms) and wants a
    /// prompt without an ending to be seen.
    pub fn flush(&mut self) -> Option<Piece> {
        let ended = self.pending.last() == Some(&b'\r');
        self.take_rest(!ended)
    }

    /// Gives what is left at the end of the stream.
    pub fn finish(mut self) -> Option<Piece> {
        self.take_rest(false)
    }

    /// True when a part of a line waits for more.
    pub fn is_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    fn take_rest(&mut self, continued: bool) -> Option<Piece> {
        self.searched = 0;
        (!self.pending.is_empty()).then(|| Piece { data: self.pending.split().freeze(), continued })
    }

    fn take_piece(&mut self) -> Option<Piece> {
        let end = self.line_end();
        let (len, continued) = match end {
            Some(end) if end <= MAX_LINE => (end, false),
            // `\r\n` stays together, else its `\r` would look like an ending of its own.
            Some(end) if end == MAX_LINE + 1 && self.pending[..end].ends_with(b"\r\n") => (MAX_LINE - 1, true),
            _ if self.pending.len() > MAX_LINE + 1 => (MAX_LINE, true),
            _ => return None,
        };
        self.searched = self.searched.saturating_sub(len);
        Some(Piece { data: self.pending.split_to(len).freeze(), continued })
    }

    /// Where the first line of `pending` ends, its ending included, if that is certain.
    fn line_end(&mut self) -> Option<usize> {
        let unsearched = &self.pending[self.searched..];
        let Some(offset) = unsearched.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
            self.searched = self.pending.len();
            return None;
        };
        self.searched += offset;
        match (self.pending[self.searched], self.pending.get(self.searched + 1)) {
            (b'\r', Some(b'\n')) => Some(self.searched + 2),
            (b'\r', None) => None,
            _ => Some(self.searched + 1),
        }
    }
}

/// Keeps the head and the tail of a log that grows too large, and counts what it drops between them. It holds only the
/// tail: the head passes through.
#[derive(Debug)]
pub struct Overflow<T> {
    head_left: usize,
    tail_limit: usize,
    tail: VecDeque<Entry<T>>,
    tail_bytes: usize,
    dropped: Dropped,
    is_full: bool,
}

#[derive(Debug)]
struct Entry<T> {
    item: T,
    bytes: usize,
    ends_line: bool,
}

/// What an [`Overflow`] has dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Lines whose last piece was dropped.
    pub lines: u64,
    pub bytes: u64,
}

impl Dropped {
    /// The line that stands in the log where the dropped ones were.
    pub fn marker(self) -> String {
        format!("… {} lines ({} bytes) dropped: the log is too large …\n", self.lines, self.bytes)
    }
}

impl<T> Overflow<T> {
    /// Keeps `head` bytes from the beginning and `tail` bytes from the end: [`HEAD`] and [`TAIL`] for a job.
    pub fn new(head: usize, tail: usize) -> Self {
        Self {
            head_left: head,
            tail_limit: tail,
            tail: VecDeque::new(),
            tail_bytes: 0,
            dropped: Dropped::default(),
            is_full: false,
        }
    }

    /// Gives the item back while there is room in the head; keeps it for the tail, or drops an older one, afterwards.
    /// `bytes` is the length of its data, `ends_line` the opposite of [`Piece::continued`].
    pub fn push(&mut self, item: T, bytes: usize, ends_line: bool) -> Option<T> {
        if !self.is_full && bytes <= self.head_left {
            self.head_left -= bytes;
            return Some(item);
        }
        // For good: a smaller item that still fitted would overtake this one.
        self.is_full = true;
        self.tail.push_back(Entry { item, bytes, ends_line });
        self.tail_bytes += bytes;
        while self.tail_bytes > self.tail_limit {
            let Some(oldest) = self.tail.pop_front() else { break };
            self.tail_bytes -= oldest.bytes;
            self.dropped.bytes += oldest.bytes as u64;
            self.dropped.lines += u64::from(oldest.ends_line);
        }
        None
    }

    /// What was dropped so far.
    pub const fn dropped(&self) -> Dropped {
        self.dropped
    }

    /// The end of the log: what was dropped, if anything, and the tail that comes after its marker.
    pub fn finish(self) -> (Option<Dropped>, impl Iterator<Item = T>) {
        let dropped = (self.dropped != Dropped::default()).then_some(self.dropped);
        (dropped, self.tail.into_iter().map(|entry| entry.item))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(chunks: &[&[u8]]) -> Vec<(Vec<u8>, bool)> {
        let mut splitter = LineSplitter::new();
        let mut pieces = Vec::new();
        for chunk in chunks {
            splitter.push(chunk, |piece| pieces.push(piece));
        }
        pieces.extend(splitter.finish());
        pieces.into_iter().map(|piece| (piece.data.to_vec(), piece.continued)).collect()
    }

    #[test]
    fn keeps_each_line_s_own_ending() {
        let pieces = split(&[b"a\nb\r", b"\nc\rd\r", b"\x00\xff\x1b[31m\n\n", b"rest"]);
        let lines: Vec<&[u8]> = pieces.iter().map(|(data, _)| data.as_slice()).collect();
        assert_eq!(lines, [b"a\n".as_slice(), b"b\r\n", b"c\r", b"d\r", b"\x00\xff\x1b[31m\n", b"\n", b"rest"]);
        assert!(pieces.iter().all(|(_, continued)| !continued));
    }

    #[test]
    fn a_long_line_goes_on_until_its_last_piece() {
        let mut line = vec![b'x'; 2 * MAX_LINE + 5];
        line.push(b'\n');
        let pieces = split(&[&line, b"next\n"]);
        let shape: Vec<(usize, bool)> = pieces.iter().map(|(data, continued)| (data.len(), *continued)).collect();
        assert_eq!(shape, [(MAX_LINE, true), (MAX_LINE, true), (6, false), (5, false)]);
    }

    #[test]
    fn a_line_of_exactly_the_limit_is_one_piece_and_its_ending_is_never_torn() {
        for ending in ["\n", "\r", "\r\n"] {
            let line = format!("{}{ending}z\n", "x".repeat(MAX_LINE - ending.len()));
            assert_eq!(split(&[line.as_bytes()])[0], (line.as_bytes()[..MAX_LINE].to_vec(), false), "{ending:?}");
        }
        let line = format!("{}\r\nz", "x".repeat(MAX_LINE - 1));
        let shape: Vec<(usize, bool)> =
            split(&[line.as_bytes()]).iter().map(|(data, continued)| (data.len(), *continued)).collect();
        assert_eq!(shape, [(MAX_LINE - 1, true), (2, false), (1, false)]);
    }

    #[test]
    fn a_flushed_prompt_goes_on_in_the_next_piece() {
        let mut splitter = LineSplitter::new();
        let mut pieces = Vec::new();
        splitter.push(b"Password: ", |piece| pieces.push(piece));
        assert!(pieces.is_empty() && splitter.is_pending());
        assert_eq!(splitter.flush(), Some(Piece { data: Bytes::from_static(b"Password: "), continued: true }));
        assert_eq!(splitter.flush(), None);
        splitter.push(b"ok\n", |piece| pieces.push(piece));
        assert_eq!(pieces, [Piece { data: Bytes::from_static(b"ok\n"), continued: false }]);
    }

    #[test]
    fn an_overflowing_log_keeps_head_and_tail_and_counts_the_rest() {
        let mut overflow = Overflow::new(10, 8);
        let mut kept = Vec::new();
        for line in ["aaaa\n", "bbbb\n", "cccc\n", "d\n", "eeee\n"] {
            kept.extend(overflow.push(line, line.len(), true));
        }
        assert_eq!(kept, ["aaaa\n", "bbbb\n"]);
        let (dropped, tail) = overflow.finish();
        assert_eq!(dropped, Some(Dropped { lines: 1, bytes: 5 }));
        assert_eq!(dropped.unwrap().marker(), "… 1 lines (5 bytes) dropped: the log is too large …\n");
        assert_eq!(tail.collect::<Vec<_>>(), ["d\n", "eeee\n"]);
    }

    #[test]
    fn a_log_that_fits_in_head_and_tail_loses_nothing() {
        let mut overflow = Overflow::new(4, 100);
        assert_eq!(overflow.push(1, 3, true), Some(1));
        assert_eq!(overflow.push(2, 3, true), None);
        assert_eq!(overflow.push(3, 1, true), None, "must not overtake the one before it");
        let (dropped, tail) = overflow.finish();
        assert_eq!((dropped, tail.collect::<Vec<_>>()), (None, vec![2, 3]));
    }

    proptest! {
        #[test]
        fn the_pieces_are_the_stream(
            chunks in proptest::collection::vec(
                (proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'x'), any::<u8>()], 0..40),
                 prop_oneof![8 => Just(1_usize), 1 => 1..3000_usize], any::<bool>()),
                0..12,
            ),
        ) {
            let mut splitter = LineSplitter::new();
            let mut pieces = Vec::new();
            let mut input = Vec::new();
            for (chunk, times, flush) in chunks {
                let chunk = chunk.repeat(times);
                splitter.push(&chunk, |piece| pieces.push(piece));
                input.extend(chunk);
                if flush {
                    pieces.extend(splitter.flush());
                }
            }
            pieces.extend(splitter.finish());
            for piece in &pieces {
                prop_assert!(!piece.data.is_empty() && piece.data.len() <= MAX_LINE);
                let ended = piece.data.ends_with(b"\n") || piece.data.ends_with(b"\r");
                prop_assert!(!piece.continued || !ended || piece.data.len() >= MAX_LINE - 1);
            }
            prop_assert_eq!(pieces.concat_data(), input);
        }
    }

    trait ConcatData {
        fn concat_data(&self) -> Vec<u8>;
    }

    impl ConcatData for Vec<Piece> {
        fn concat_data(&self) -> Vec<u8> {
            self.iter().flat_map(|piece| piece.data.iter().copied()).collect()
        }
    }
}
