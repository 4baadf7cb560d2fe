//! The form of an exported file: what is in it, and how it is written. What reads it is the verifier.
//!
//! An export holds the entries `from` to `to` of the tree that its checkpoint signs. They are cut into blocks: the fewest
//! whole subtrees of at most 256 entries. Each block comes with its hash, so that a changed entry is found in its block also
//! where its leaf hash was changed with it. The hashes of the blocks, and those of what lies `before` and `after` them, lead to
//! the root. A purged event has its leaf hash alone.
//!
//! NDJSON: one object a line.
//!
//! ```text
//! {"flagstone_audit_export":1,"checkpoint":"…","from":1,"to":300,"before":[],"after":[]}
//! {"block":1,"count":256,"hash":"…"}
//! {"seq":1,"leaf_hash":"…","event":{…}}
//! ```
//!
//! CSV: the fields of [`FIELDS`], each in a column of its own, then `leaf_hash`, `block_hash` (in the first row of a block)
//! and `export` (in the first row of the file, the first line of the NDJSON). A purged entry has only its `seq`. A cell that a
//! spreadsheet would take for a formula begins with an apostrophe, as does one that begins with an apostrophe.

use serde::{Deserialize, Serialize};

use crate::event::{Cells, FIELDS};
use crate::tree::{Hash, Subtree, subtrees};
use crate::{decode, encode};

/// Blocks have at most 2^8 entries.
pub const BLOCK_LEVEL: u32 = 8;

/// Where `seq` stands among the fields.
pub const SEQ: usize = 15;

/// What an export begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// 1, the version of the form.
    pub flagstone_audit_export: u32,
    /// The signed note.
    pub checkpoint: String,
    /// First entry.
    pub from: u64,
    /// Last entry.
    pub to: u64,
    /// Hashes of the subtrees before the first entry, in order.
    pub before: Vec<String>,
    /// Hashes of the subtrees behind the last entry up to the end of the tree, in order.
    pub after: Vec<String>,
}

impl Header {
    /// The subtrees that the file's entries are cut into.
    pub fn blocks(&self) -> impl Iterator<Item = Subtree> + use<> {
        subtrees(self.from.saturating_sub(1), self.to, BLOCK_LEVEL)
    }

    /// The line of an NDJSON file.
    pub fn line(&self) -> String {
        // Texts and numbers cannot fail to be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// A text as a hash list's entry, read.
pub fn hashes(texts: &[String]) -> Option<Vec<Hash>> {
    texts.iter().map(|text| decode(text)).collect()
}

/// A block's line of an NDJSON file. Its first entry is `block.start + 1`.
pub fn block_line(block: Subtree, hash: &Hash) -> String {
    format!("{{\"block\":{},\"count\":{},\"hash\":\"{}\"}}", block.start + 1, block.count(), encode(hash))
}

/// An entry's line of an NDJSON file; `leaf` is `None` where there is no event any more.
pub fn entry_line(seq: u64, leaf_hash: &Hash, leaf: Option<&str>) -> String {
    format!("{{\"seq\":{seq},\"leaf_hash\":\"{}\",\"event\":{}}}", encode(leaf_hash), leaf.unwrap_or("null"))
}

/// The heading of a CSV file.
pub fn heading() -> String {
    let mut columns: Vec<&str> = FIELDS.iter().map(|(name, _)| *name).collect();
    columns.extend(["leaf_hash", "block_hash", "export"]);
    columns.join(",")
}

/// A row of a CSV file.
pub fn row(seq: u64, cells: Option<&Cells>, leaf_hash: &Hash, block: Option<&Hash>, header: Option<&str>) -> String {
    let mut out = String::new();
    match cells {
        Some(cells) => cells.iter().for_each(|cell| push(&mut out, cell)),
        None => (0..FIELDS.len())
            .for_each(|index| push(&mut out, &if index == SEQ { seq.to_string() } else { String::new() })),
    }
    push(&mut out, &encode(leaf_hash));
    push(&mut out, &block.map(|hash| encode(hash)).unwrap_or_default());
    push(&mut out, header.unwrap_or_default());
    out.pop();
    out
}

/// One cell and a comma.
fn push(out: &mut String, cell: &str) {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\'']);
    let quoted = formula || cell.contains(['"', ',', '\n', '\r']);
    if quoted {
        out.push('"');
        if formula {
            out.push('\'');
        }
        out.push_str(&cell.replace('"', "\"\""));
        out.push('"');
    } else {
        out.push_str(cell);
    }
    out.push(',');
}

/// What a cell of a CSV file says: without the apostrophe that keeps it from being a formula.
pub fn cell(written: &str) -> &str {
    written.strip_prefix('\'').unwrap_or(written)
}
