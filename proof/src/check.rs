//! The check of an export, entry by entry, in bounded memory.
//!
//! Only the keys are trusted. The checkpoint is what they signed; the hashes of the blocks are right if they lead to its
//! root; a leaf hash is right if it leads to that of its block; an event is right if it has its leaf hash. Whoever changes an
//! event is found at the entry. Whoever changes its leaf hash with it is found in the block. Whoever computes everything anew
//! cannot sign the root: it is found that something was changed, and an older export or checkpoint tells since when.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::checkpoint::{Checkpoint, Keys};
use crate::export::{Header, hashes};
use crate::tree::{Frontier, Hash, Subtree, leaf_hash, subtrees, whole};

/// Findings that are kept; the others are counted.
const KEPT: usize = 1_000;

/// Entries and gaps out of order that are remembered, to tell a moved entry from a missing one.
const REMEMBERED: usize = 100_000;

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingKind {
    /// The event is not what was sealed.
    Changed,
    /// The entry is missing, or its event.
    Removed,
    /// The entry was never sealed, or stands there twice.
    Inserted,
    /// The entry stands at another place.
    Reordered,
    /// The entry has another number than it was sealed under.
    Renumbered,
    /// Everything after an entry is missing.
    TailCut,
    /// Events and their leaf hashes were changed together, somewhere in these entries.
    Block,
    /// The hashes do not lead to the signed root, or not from an older one.
    Root,
    /// The checkpoint is not signed by a given key.
    Signature,
}

/// Something that is not as it was sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub kind: FindingKind,
    /// The entry, or the first of several; 0 where it is about the whole.
    pub seq: u64,
    /// The last of several.
    pub last_seq: u64,
    /// UUID of the event, where it is known.
    pub event: String,
    /// A sentence for people.
    pub message: String,
}

/// What a check found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What it was held against; `None` where its signature is wrong.
    pub checkpoint: Option<Checkpoint>,
    pub from: u64,
    pub to: u64,
    /// Entries that were there.
    pub entries: u64,
    /// Of them, purged.
    pub purged: u64,
    /// In the order of the entries.
    pub findings: Vec<Finding>,
    /// How many there are; not all may be kept.
    pub finding_count: u64,
    /// What the user should know although it is no finding.
    pub remarks: Vec<String>,
}

impl Report {
    /// True if nothing was found.
    pub const fn is_good(&self) -> bool {
        self.finding_count == 0
    }

    /// Adds a finding.
    pub fn find(&mut self, kind: FindingKind, seq: u64, last_seq: u64, event: &str, message: String) {
        self.finding_count += 1;
        if self.findings.len() < KEPT {
            self.findings.push(Finding { kind, seq, last_seq, event: event.to_owned(), message });
        }
    }
}

/// A block that is being read.
struct Block {
    subtree: Subtree,
    /// As the file says it.
    hash: Option<Hash>,
    /// Leaf hashes by place.
    leaves: Vec<Option<Hash>>,
    /// The last entry that came.
    last: u64,
    /// Whether something was found in it.
    found: bool,
}

impl Block {
    fn contains(&self, seq: u64) -> bool {
        self.subtree.start < seq && seq <= self.subtree.start + self.subtree.count()
    }

    const fn first(&self) -> u64 {
        self.subtree.start + 1
    }

    const fn last_of_all(&self) -> u64 {
        self.subtree.start + self.subtree.count()
    }
}

/// A check that is under way.
pub struct Check {
    report: Report,
    size: u64,
    root: Hash,
    /// Blocks that have not begun.
    ahead: Box<dyn Iterator<Item = Subtree> + Send>,
    block: Option<Block>,
    after: Vec<Hash>,
    /// By the hashes of blocks that the file says; `None` once one was missing.
    told: Option<Frontier>,
    /// By the leaf hashes in the file; `None` once one was missing.
    computed: Option<Frontier>,
    /// Entries that came before their block: the hash of each.
    early: BTreeMap<u64, Hash>,
    /// Entries that were missing when their block was over: first and last.
    missing: BTreeMap<u64, u64>,
    /// By how much the last renumbered entry was moved.
    shift: i64,
    /// The older tree that this one has to continue.
    old: Option<(u64, Hash)>,
    old_judged: bool,
}

/// What is read of a leaf to name it.
#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    id: std::borrow::Cow<'a, str>,
    seq: u64,
}

impl Check {
    /// Begins with the header of an export. `old` is an older checkpoint, whose signature was checked.
    pub fn begin(header: &Header, keys: &Keys, old: Option<&Checkpoint>) -> Self {
        let mut report = Report { from: header.from, to: header.to, ..Report::default() };
        let checkpoint = match Checkpoint::open(&header.checkpoint, keys) {
            Ok(checkpoint) => Some(checkpoint),
            Err(error) => {
                report.find(FindingKind::Signature, 0, 0, "", error.to_string());
                None
            }
        };
        let size = checkpoint.as_ref().map_or(header.to, |checkpoint| checkpoint.size);
        let root = checkpoint.as_ref().map_or([0; 32], |checkpoint| checkpoint.root);
        let (before, after) = (hashes(&header.before), hashes(&header.after));
        let sound = header.from >= 1 && header.from <= header.to + 1 && header.to <= size;
        if !sound {
            let message = format!("The file says it has entries {} to {} of {size}.", header.from, header.to);
            report.find(FindingKind::Root, 0, 0, "", message);
        }
        let mut told = Frontier::default();
        let mut parts = subtrees(0, if sound { header.from - 1 } else { 0 }, 63);
        let whole = before.iter().flatten().all(|hash| parts.next().is_some_and(|part| told.push(part.level, *hash)));
        if before.is_none() || after.is_none() || !whole || parts.next().is_some() {
            let message = "The hashes of the entries outside of the file are not whole.".to_owned();
            report.find(FindingKind::Root, 0, 0, "", message);
        }
        report.checkpoint = checkpoint;
        let mut check = Self {
            report,
            size,
            root,
            ahead: if sound { Box::new(header.blocks()) } else { Box::new(std::iter::empty()) },
            block: None,
            after: after.unwrap_or_default(),
            computed: Some(told.clone()),
            told: Some(told),
            early: BTreeMap::new(),
            missing: BTreeMap::new(),
            shift: 0,
            old: None,
            old_judged: false,
        };
        if let Some(old) = old {
            check.continues(old);
        }
        check
    }

    fn continues(&mut self, old: &Checkpoint) {
        let Some(own) = &self.report.checkpoint else { return };
        if own.organization != old.organization {
            let message = "The older checkpoint is of another organization.".to_owned();
            self.report.find(FindingKind::Root, 0, 0, "", message);
        } else if old.size > own.size {
            let message =
                format!("The older checkpoint has {} entries, this one {}: the end was cut off.", old.size, own.size);
            self.report.find(FindingKind::TailCut, own.size + 1, old.size, "", message);
            self.old_judged = true;
        } else {
            self.old = Some((old.size, old.root));
            self.judge_old(None);
        }
    }

    /// Takes the hash of the next block.
    pub fn block(&mut self, first: u64, hash: Hash) {
        if let Some(block) = &mut self.block
            && block.first() == first
            && block.hash.is_none()
        {
            block.hash = Some(hash);
            return;
        }
        while self.next_block() {
            let Some(block) = &mut self.block else { return };
            if block.first() == first {
                block.hash = Some(hash);
                return;
            }
            if block.first() > first {
                break;
            }
        }
        let message = format!("No block begins with entry {first}, or not here.");
        self.report.find(FindingKind::Root, first, first, "", message);
    }

    /// Takes an entry. `leaf` is `None` where the event is missing.
    pub fn entry(&mut self, seq: u64, claimed: Hash, leaf: Option<&str>) {
        self.report.entries += 1;
        let named = leaf.and_then(|leaf| serde_json::from_str::<Named<'_>>(leaf).ok());
        let event = named.as_ref().map(|named| named.id.to_string()).unwrap_or_default();
        let before = self.report.finding_count;
        self.judge_leaf(seq, &claimed, leaf, named.map(|named| named.seq), &event);
        self.place(seq, claimed, &event);
        if self.report.finding_count != before
            && let Some(block) = &mut self.block
        {
            block.found = true;
        }
    }

    /// Notes that a part of the file cannot be read.
    pub fn unreadable(&mut self, message: String) {
        let at = self.block.as_ref().map_or(self.report.from, |block| block.last + 1);
        if let Some(block) = &mut self.block {
            block.found = true;
        }
        self.report.find(FindingKind::Changed, at, at, "", message);
    }

    /// Adds a finding of the caller's own, for instance of a comparison with an older export.
    pub fn find(&mut self, kind: FindingKind, seq: u64, event: &str, message: String) {
        if let Some(block) = self.block.as_mut().filter(|block| block.contains(seq)) {
            block.found = true;
        }
        self.report.find(kind, seq, seq, event, message);
    }

    /// Whether an event has its leaf hash, and its number.
    fn judge_leaf(&mut self, seq: u64, claimed: &Hash, leaf: Option<&str>, inner: Option<u64>, event: &str) {
        let purged = self.report.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.purged);
        let Some(leaf) = leaf else {
            if seq <= purged {
                self.report.purged += 1;
            } else {
                let message = format!("The event of entry {seq} is missing; only its hash is left.");
                self.report.find(FindingKind::Removed, seq, seq, "", message);
            }
            return;
        };
        if leaf_hash(leaf.as_bytes()) == *claimed {
            if inner.is_some_and(|inner| inner != seq) {
                let inner = inner.unwrap_or_default();
                let message = format!("Entry {seq} was sealed as entry {inner}.");
                self.report.find(FindingKind::Renumbered, seq, seq, event, message);
            }
            return;
        }
        match self.sealed_as(seq, claimed, leaf, inner) {
            Some(original) => {
                let message = format!("Entry {seq} was sealed as entry {original}.");
                self.report.find(FindingKind::Renumbered, seq, seq, event, message);
            }
            None => {
                let message = format!("Entry {seq} is not what was sealed: its content was changed.");
                self.report.find(FindingKind::Changed, seq, seq, event, message);
            }
        }
    }

    /// The number under which a leaf has its hash, if only its number was changed, and not by much.
    fn sealed_as(&mut self, seq: u64, claimed: &Hash, leaf: &str, inner: Option<u64>) -> Option<u64> {
        let inner = inner?;
        let written = format!("\"seq\":{inner},");
        let at = leaf.rfind(&written)?;
        let fits = |shift: i64| {
            let original = seq.checked_add_signed(shift).filter(|number| *number > 0 && *number != inner)?;
            let leaf = format!("{}\"seq\":{original},{}", &leaf[..at], &leaf[at + written.len()..]);
            (leaf_hash(leaf.as_bytes()) == *claimed).then_some(original)
        };
        if let Some(original) = fits(self.shift) {
            return Some(original);
        }
        // A search for each of many changed entries would take long: the first ones tell enough.
        if self.report.finding_count > 100 {
            return None;
        }
        let near = (1..=300).flat_map(|shift| [shift, -shift]);
        let (shift, original) = near.chain([0]).find_map(|shift| Some((shift, fits(shift)?)))?;
        self.shift = shift;
        Some(original)
    }

    /// Puts an entry into its place.
    fn place(&mut self, seq: u64, claimed: Hash, event: &str) {
        if seq < self.report.from || seq > self.report.to {
            let message = format!("Entry {seq} is not among those that the file says it has.");
            self.report.find(FindingKind::Inserted, seq, seq, event, message);
            return;
        }
        // The line with the hash of the next block is missing, if the block at hand is full or the entry begins another.
        let over = self.block.as_ref().is_none_or(|block| seq == block.last_of_all() + 1);
        if over && !self.early.contains_key(&seq) {
            self.next_block();
        }
        match &mut self.block {
            Some(block) if block.contains(seq) => {
                let Some(slot) = usize::try_from(seq - block.first()).ok().and_then(|at| block.leaves.get_mut(at))
                else {
                    return;
                };
                if slot.is_some() {
                    let message = format!("Entry {seq} stands there twice.");
                    self.report.find(FindingKind::Inserted, seq, seq, event, message);
                    return;
                }
                *slot = Some(claimed);
                if seq < block.last {
                    let message = format!("Entry {seq} stands behind entry {}.", block.last);
                    self.report.find(FindingKind::Reordered, seq, seq, event, message);
                }
                block.last = block.last.max(seq);
            }
            Some(block) if seq < block.first() => {
                if self.take_missing(seq) {
                    let message = format!("Entry {seq} stands far behind its place.");
                    self.report.find(FindingKind::Reordered, seq, seq, event, message);
                } else {
                    let message = format!("Entry {seq} stands there twice.");
                    self.report.find(FindingKind::Inserted, seq, seq, event, message);
                }
            }
            _ => {
                let known = self.early.len() >= REMEMBERED || self.early.insert(seq, claimed).is_some();
                let (kind, what) = if known {
                    (FindingKind::Inserted, "stands there twice")
                } else {
                    (FindingKind::Reordered, "stands before its place")
                };
                self.report.find(kind, seq, seq, event, format!("Entry {seq} {what}."));
            }
        }
    }

    /// Strikes an entry off those that were missing.
    fn take_missing(&mut self, seq: u64) -> bool {
        let Some((&first, &last)) = self.missing.range(..=seq).next_back() else { return false };
        if seq > last {
            return false;
        }
        self.missing.remove(&first);
        if first < seq {
            self.missing.insert(first, seq - 1);
        }
        if seq < last {
            self.missing.insert(seq + 1, last);
        }
        true
    }

    /// Ends the block at hand and begins the next; false where there is none.
    fn next_block(&mut self) -> bool {
        self.close_block();
        let Some(subtree) = self.ahead.next() else { return false };
        let count = usize::try_from(subtree.count()).unwrap_or(usize::MAX);
        let mut leaves = vec![None; count];
        let mut found = false;
        for (at, slot) in leaves.iter_mut().enumerate() {
            if self.early.is_empty() {
                break;
            }
            let seq = subtree.start + 1 + at as u64;
            *slot = self.early.remove(&seq);
            found |= slot.is_some();
        }
        self.block = Some(Block { subtree, hash: None, leaves, last: subtree.start, found });
        true
    }

    fn close_block(&mut self) {
        let Some(mut block) = self.block.take() else { return };
        for (at, slot) in block.leaves.iter().enumerate() {
            if slot.is_none() {
                block.found = true;
                let seq = block.first() + at as u64;
                let room = self.missing.len() < REMEMBERED;
                if let Some(last) = self.missing.values_mut().next_back().filter(|last| **last + 1 == seq) {
                    *last = seq;
                } else if room {
                    self.missing.insert(seq, seq);
                } else {
                    let message = format!("Entry {seq} is missing.");
                    self.report.find(FindingKind::Removed, seq, seq, "", message);
                }
            }
        }
        let leaves: Option<Vec<Hash>> = block.leaves.iter().copied().collect();
        self.judge_old(leaves.as_deref());
        let level = block.subtree.level;
        let computed = leaves.map(whole);
        if let (Some(computed), Some(told)) = (computed, block.hash)
            && computed != told
            && !block.found
        {
            let (first, last) = (block.first(), block.last_of_all());
            let message =
                format!("Among the entries {first} to {last}, events were changed together with their hashes.");
            self.report.find(FindingKind::Block, first, last, "", message);
        }
        let push = |frontier: Option<Frontier>, hash: Option<Hash>| {
            let (mut frontier, hash) = (frontier?, hash?);
            frontier.push(level, hash).then_some(frontier)
        };
        self.told = push(self.told.take(), block.hash);
        self.computed = push(self.computed.take(), computed);
    }

    /// Holds the tree against the older one, where its end lies in the next leaves.
    fn judge_old(&mut self, leaves: Option<&[Hash]>) {
        let (Some((size, root)), false, Some(frontier)) = (self.old, self.old_judged, &self.computed) else { return };
        let Some(more) = size.checked_sub(frontier.size()) else {
            // The old tree ends before the file begins.
            return;
        };
        let leaves = leaves.unwrap_or_default();
        let Some(leaves) = usize::try_from(more).ok().and_then(|more| leaves.get(..more)) else { return };
        let mut tree = frontier.clone();
        for leaf in leaves {
            tree.push(0, *leaf);
        }
        self.old_judged = true;
        if tree.root() != root {
            let message = format!("The first {size} entries are not those of the older checkpoint.");
            self.report.find(FindingKind::Root, 1, size, "", message);
        }
    }

    /// Ends the check.
    pub fn finish(mut self) -> Report {
        // What the file ends before is one gap, however large.
        let seen = self.block.as_ref().is_none_or(|block| block.leaves.iter().any(Option::is_some));
        let rest_begins = if seen { None } else { self.block.as_ref().map(Block::first) };
        if rest_begins.is_some() {
            self.block = None;
        }
        self.close_block();
        let rest_begins = rest_begins.or_else(|| self.ahead.next().map(|subtree| subtree.start + 1));
        if rest_begins.is_some() {
            (self.told, self.computed) = (None, None);
        }
        self.tell_missing(rest_begins);
        self.judge_root();
        if self.old.is_some() && !self.old_judged {
            let what = "The older checkpoint could not be compared: its last entry is not in this file.";
            self.report.remarks.push(what.to_owned());
        }
        self.report.findings.sort_by_key(|finding| (finding.seq == 0, finding.seq));
        self.report
    }

    fn tell_missing(&mut self, rest_begins: Option<u64>) {
        let to = self.report.to;
        let mut gaps: Vec<(u64, u64)> = std::mem::take(&mut self.missing).into_iter().collect();
        if let Some(first) = rest_begins.filter(|first| *first <= to) {
            match gaps.last_mut() {
                Some((_, last)) if *last + 1 == first => *last = to,
                _ => gaps.push((first, to)),
            }
        }
        for (first, last) in gaps {
            let (kind, message) = match (last == to, first == last) {
                (true, _) => {
                    let message = format!("The end was cut off: entries {first} to {last} are missing.");
                    (FindingKind::TailCut, message)
                }
                (false, true) => (FindingKind::Removed, format!("Entry {first} is missing.")),
                (false, false) => (FindingKind::Removed, format!("Entries {first} to {last} are missing.")),
            };
            self.report.find(kind, first, last, "", message);
        }
    }

    fn judge_root(&mut self) {
        if self.report.checkpoint.is_none() {
            return;
        }
        let after: Vec<Subtree> = subtrees(self.report.to, self.size, 63).collect();
        let root = |frontier: Option<Frontier>| {
            let mut frontier = frontier?;
            let fits = after.len() == self.after.len();
            let whole = after.iter().zip(&self.after).all(|(part, hash)| frontier.push(part.level, *hash));
            (fits && whole).then(|| frontier.root())
        };
        let told = root(self.told.take());
        let computed = root(self.computed.take());
        let good = Some(self.root);
        let message = match (told == good, computed == good) {
            (true, _) => return,
            (false, true) => {
                "The entries lead to the signed root, the hashes of blocks in the file do not: these were changed."
            }
            (false, false) if self.report.is_good() => {
                "The hashes in the file do not lead to the signed root: something was changed and all hashes with it. An older \
                 export or checkpoint tells since when."
            }
            // What was found explains it.
            (false, false) if told.is_none() => return,
            (false, false) => {
                "The hashes of blocks in the file do not lead to the signed root either: more may have been changed."
            }
        };
        self.report.find(FindingKind::Root, 0, 0, "", message.to_owned());
    }
}

impl FindingKind {
    /// As programs print it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "CHANGED",
            Self::Removed => "REMOVED",
            Self::Inserted => "INSERTED",
            Self::Reordered => "REORDERED",
            Self::Renumbered => "RENUMBERED",
            Self::TailCut => "TAIL_CUT",
            Self::Block => "BLOCK",
            Self::Root => "ROOT",
            Self::Signature => "SIGNATURE",
        }
    }
}

impl Report {
    /// The report as lines of text: a line for each finding that was kept, then what was looked at.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for finding in &self.findings {
            let place = match (finding.seq, finding.last_seq) {
                (0, _) => "-".to_owned(),
                (first, last) if first == last => first.to_string(),
                (first, last) => format!("{first}-{last}"),
            };
            let event = if finding.event.is_empty() { "-" } else { &finding.event };
            // What a file says must not steer a terminal.
            let text = format!("{} {place} {event} {}", finding.kind.as_str(), finding.message);
            lines.push(text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect());
        }
        let kept = self.findings.len() as u64;
        if self.finding_count > kept {
            lines.push(format!("... and {} more.", self.finding_count - kept));
        }
        lines.extend(self.remarks.iter().cloned());
        let signed = self
            .checkpoint
            .as_ref()
            .map(|checkpoint| format!(" Checkpoint of {} entries, signed {}.", checkpoint.size, checkpoint.time));
        let verdict = if self.is_good() { "OK" } else { "TAMPERED" };
        lines.push(format!(
            "{verdict}: entries {} to {}, {} read, {} purged, {} findings.{}",
            self.from,
            self.to,
            self.entries,
            self.purged,
            self.finding_count,
            signed.unwrap_or_default()
        ));
        lines
    }
}
