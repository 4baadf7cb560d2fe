//! The parts of an exported file, NDJSON or CSV, one at a time.

use std::collections::VecDeque;
use std::io::{BufRead, Read};

use flagstone_proof::event::{self, Cells, FIELDS};
use flagstone_proof::export::{self, Header};
use flagstone_proof::{Hash, decode};

use crate::Error;
use crate::csv;

/// Longest line, in bytes.
const LINE_MAX: u64 = 64 << 20;

/// A part of an export.
pub(crate) enum Part {
    /// The hash of the block that begins with this entry.
    Block { first: u64, hash: Hash },
    /// An entry; without a leaf where its event is missing.
    Entry { seq: u64, hash: Hash, leaf: Option<String> },
    /// A line that is none of these.
    Unreadable(String),
}

/// An export that is being read.
pub(crate) struct Export<R> {
    pub(crate) header: Header,
    file: R,
    table: bool,
    line: u64,
    /// Parts of a row that were not handed out yet.
    waiting: VecDeque<Part>,
}

impl<R: BufRead> Export<R> {
    pub(crate) fn open(mut file: R) -> Result<Self, Error> {
        let wrong = || Error::Form("The file is no export of the audit: its beginning is missing.".to_owned());
        let table = !file.fill_buf()?.starts_with(b"{");
        let mut waiting = VecDeque::new();
        let header = if table {
            let heading = csv::row(&mut file)?.unwrap_or_default().join(",");
            let first = csv::row(&mut file)?.filter(|_| heading == export::heading()).ok_or_else(wrong)?;
            // An export without entries has a row without a number.
            if first.get(export::SEQ).is_some_and(|seq| !seq.is_empty()) {
                waiting.extend(of_row(&first, 2));
            }
            first.last().map(|cell| export::cell(cell).to_owned()).unwrap_or_default()
        } else {
            let mut line = String::new();
            file.by_ref().take(LINE_MAX).read_line(&mut line)?;
            line
        };
        let header: Header = serde_json::from_str(&header).map_err(|_| wrong())?;
        if header.flagstone_audit_export != 1 {
            let version = header.flagstone_audit_export;
            return Err(Error::Form(format!("The file has version {version} of the form; this program knows 1.")));
        }
        let line = if table { 2 } else { 1 };
        Ok(Self { header, file, table, line, waiting })
    }

    /// The next part; `None` at the end of the file.
    pub(crate) fn next(&mut self) -> Result<Option<Part>, Error> {
        if let Some(part) = self.waiting.pop_front() {
            return Ok(Some(part));
        }
        self.line += 1;
        if self.table {
            let Some(row) = csv::row(&mut self.file)? else { return Ok(None) };
            self.waiting.extend(of_row(&row, self.line));
            return Ok(self.waiting.pop_front());
        }
        let mut line = Vec::new();
        if self.file.by_ref().take(LINE_MAX).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        let part = std::str::from_utf8(&line).ok().and_then(of_line);
        Ok(Some(part.unwrap_or_else(|| unreadable(self.line))))
    }
}

fn unreadable(line: u64) -> Part {
    Part::Unreadable(format!("Line {line} of the file is neither an entry nor a block."))
}

/// The form is exact, as the server writes it: what the leaf's hash covers is the bytes of `event`.
fn of_line(line: &str) -> Option<Part> {
    let line = line.strip_suffix('\n').unwrap_or(line).strip_suffix('}')?;
    if let Some(rest) = line.strip_prefix("{\"block\":") {
        let (first, rest) = rest.split_once(",\"count\":")?;
        let (_, hash) = rest.split_once(",\"hash\":\"")?;
        return Some(Part::Block { first: first.parse().ok()?, hash: decode(hash.strip_suffix('"')?)? });
    }
    let (seq, rest) = line.strip_prefix("{\"seq\":")?.split_once(",\"leaf_hash\":\"")?;
    let (hash, event) = rest.split_once("\",\"event\":")?;
    let leaf = Some(event).filter(|event| *event != "null").map(str::to_owned);
    Some(Part::Entry { seq: seq.parse().ok()?, hash: decode(hash)?, leaf })
}

/// A row may begin a block.
fn of_row(row: &[String], line: u64) -> Vec<Part> {
    let read = || {
        let (cells, [leaf_hash, block_hash, _]) = row.split_last_chunk::<3>()?;
        let cells: Cells =
            cells.iter().map(|cell| export::cell(cell).to_owned()).collect::<Vec<_>>().try_into().ok()?;
        let seq: u64 = cells[export::SEQ].parse().ok()?;
        // A purged entry has only its number.
        let leaf = cells.iter().enumerate().any(|(at, cell)| at != export::SEQ && !cell.is_empty());
        let leaf = leaf.then(|| event::leaf(&cells));
        let mut parts = Vec::new();
        if !block_hash.is_empty() {
            parts.push(Part::Block { first: seq, hash: decode(export::cell(block_hash))? });
        }
        parts.push(Part::Entry { seq, hash: decode(export::cell(leaf_hash))?, leaf });
        Some(parts)
    };
    debug_assert_eq!(FIELDS[export::SEQ].0, "seq");
    read().unwrap_or_else(|| vec![unreadable(line)])
}
