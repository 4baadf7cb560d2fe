//! Exports that somebody changed: what is found, and where.
#![expect(clippy::unwrap_used, reason = "the helpers of tests may panic like the tests themselves")]

use std::io::Write;
use std::process::Command;
use std::time::Instant;

use ed25519_dalek::SigningKey;
use flagstone_proof::event::{Cells, Event, leaf};
use flagstone_proof::export::{Header, SEQ, block_line, entry_line, heading, row};
use flagstone_proof::tree::{Frontier, Hash, fold, leaf_hash, subtrees, whole};
use flagstone_proof::{Checkpoint, Keys, encode};
use flagstone_verify::{FindingKind, Older, Report, verify};
use serde_json::json;

const SEED: [u8; 32] = [42; 32];

fn key() -> SigningKey {
    SigningKey::from_bytes(&SEED)
}

fn keys() -> Keys {
    let mut keys = Keys::default();
    assert!(keys.add(key().verifying_key().as_bytes()));
    keys
}

fn id(seq: u64) -> String {
    format!("0198c0de-0000-7000-8000-{seq:012x}")
}

/// An event with everything that makes files hard to read.
fn cells(seq: u64) -> Cells {
    let (effects, details) = (json!({"note": "a \"b\", c\nd", "n": seq}), json!({}));
    Event {
        action: "request.create",
        business_unit: "",
        correlation_id: "c-1",
        details: &details,
        duration_ms: 3,
        effects: &effects,
        id: &id(seq),
        ip: "192.0.2.1",
        object: "businessUnits/eng/requests/x",
        object_type: "request",
        on_behalf_of: "",
        organization: "g",
        origin: "API",
        outcome: "SUCCESS",
        principal: "users/ada",
        seq,
        team: "",
        time: "2026-11-20T16:39:40.123456Z",
        user_agent: "=cmd|' /C calc'!A0",
    }
    .cells()
}

/// A sealed audit.
#[derive(Clone)]
struct Audit {
    /// Number, event, leaf hash, and the entry that it was when it was sealed; 0 for what was inserted.
    rows: Vec<(u64, Option<Cells>, Hash, u64)>,
    nodes: Vec<Hash>,
    size: u64,
    note: String,
}

impl Audit {
    fn of(size: u64) -> Self {
        Self::purged(size, 0)
    }

    fn purged(size: u64, purged: u64) -> Self {
        let rows: Vec<(u64, Option<Cells>, Hash, u64)> = (1..=size)
            .map(|seq| {
                let cells = cells(seq);
                let hash = leaf_hash(leaf(&cells).as_bytes());
                (seq, (seq > purged).then_some(cells), hash, seq)
            })
            .collect();
        let hashes: Vec<Hash> = rows.iter().map(|row| row.2).collect();
        let mut frontier = Frontier::default();
        hashes.iter().for_each(|hash| assert!(frontier.push(0, *hash)));
        let checkpoint = Checkpoint {
            organization: "g".into(),
            size,
            root: frontier.root(),
            time: "2026-11-20T17:00:00.000000Z".into(),
            purged,
        };
        Self { rows, nodes: hashes, size, note: checkpoint.sign("k", &key()) }
    }

    fn subtree(&self, start: u64, end: u64) -> Hash {
        let at = |index: u64| usize::try_from(index).unwrap();
        let parts = subtrees(start, end, 62)
            .map(|part| whole(self.nodes[at(part.start)..at(part.start + part.count())].to_vec()));
        fold(&parts.collect::<Vec<_>>())
    }

    /// The entries `from` to `to` as a file. What stands in `rows` is written, whatever it is.
    fn file(&self, from: u64, to: u64, table: bool) -> Vec<u8> {
        let hash = |part: flagstone_proof::tree::Subtree| self.subtree(part.start, part.start + part.count());
        let header = Header {
            flagstone_audit_export: 1,
            checkpoint: self.note.clone(),
            from,
            to,
            before: subtrees(0, from - 1, 62).map(|part| encode(&hash(part))).collect(),
            after: subtrees(to, self.size, 62).map(|part| encode(&hash(part))).collect(),
        };
        let mut out = if table { heading() + "\n" } else { header.line() + "\n" };
        let mut blocks = header.blocks().peekable();
        for (index, (seq, cells, leaf_hash, origin)) in
            self.rows[usize::try_from(from - 1).unwrap()..].iter().enumerate()
        {
            if *origin > to {
                break;
            }
            let block = blocks.next_if(|block| block.start + 1 == *origin).map(|block| (block, hash(block)));
            if table {
                let first = (index == 0).then(|| header.line());
                let block = block.map(|(_, hash)| hash);
                out += &(row(*seq, cells.as_ref(), leaf_hash, block.as_ref(), first.as_deref()) + "\n");
            } else {
                if let Some((block, hash)) = block {
                    out += &(block_line(block, &hash) + "\n");
                }
                out += &(entry_line(*seq, leaf_hash, cells.as_ref().map(leaf).as_deref()) + "\n");
            }
        }
        out.into_bytes()
    }

    fn check(&self, older: Option<Older>) -> Report {
        let mut reports = [false, true].map(|table| {
            let file = self.file(1, self.size, table);
            let older = match &older {
                Some(Older::Checkpoint(checkpoint)) => Some(Older::Checkpoint(checkpoint.clone())),
                _ => None,
            };
            verify(file.as_slice(), &keys(), older).unwrap()
        });
        // In a table the hash of a block moves with the row that it stands in.
        let told = |report: &Report| {
            kinds(report).into_iter().filter(|(kind, ..)| *kind != FindingKind::Root).collect::<Vec<_>>()
        };
        // Where it begins is the same; behind a row too many, a table has more to complain of.
        assert_eq!(told(&reports[0]).first(), told(&reports[1]).first(), "both forms tell the same place first");
        std::mem::take(&mut reports[0])
    }

    fn change(&mut self, seq: u64, recompute: bool) {
        let (_, Some(cells), hash, _) = &mut self.rows[usize::try_from(seq - 1).unwrap()] else { panic!("purged") };
        cells[14] = "users/eve".into();
        if recompute {
            *hash = leaf_hash(leaf(cells).as_bytes());
        }
    }

    fn renumber(&mut self, place: usize, seq: u64) {
        self.rows[place].0 = seq;
        if let Some(cells) = &mut self.rows[place].1 {
            cells[SEQ] = seq.to_string();
        }
    }
}

fn kinds(report: &Report) -> Vec<(FindingKind, u64, u64)> {
    report.findings.iter().map(|finding| (finding.kind, finding.seq, finding.last_seq)).collect()
}

#[test]
fn what_nobody_changed_passes_whole_and_in_parts() {
    for size in [1, 2, 255, 256, 257, 1_000] {
        let audit = Audit::of(size);
        let report = audit.check(None);
        assert!(report.is_good(), "{size}: {report:?}");
        assert_eq!(report.entries, size);
        for (from, to) in [(1, 1), (size, size), (size.div_ceil(3), size.div_ceil(2)), (size + 1, size)] {
            let report = verify(audit.file(from, to, false).as_slice(), &keys(), None).unwrap();
            assert!(report.is_good(), "{from} to {to} of {size}: {report:?}");
        }
    }
}

#[test]
fn a_changed_entry_is_named_with_its_event() {
    let mut audit = Audit::of(600);
    audit.change(300, false);
    let report = audit.check(None);
    assert_eq!(kinds(&report), [(FindingKind::Changed, 300, 300)]);
    assert_eq!(report.findings[0].event, id(300));
}

#[test]
fn a_change_with_its_leaf_hash_is_found_in_its_block() {
    let mut audit = Audit::of(600);
    audit.change(300, true);
    assert_eq!(kinds(&audit.check(None)), [(FindingKind::Block, 257, 512)]);
}

#[test]
fn a_removed_entry_is_named() {
    let mut audit = Audit::of(600);
    audit.rows.remove(299);
    assert_eq!(kinds(&audit.check(None)), [(FindingKind::Removed, 300, 300)]);
    // Its event alone: the row of the tree still tells of it.
    let mut audit = Audit::of(600);
    audit.rows[299].1 = None;
    assert_eq!(kinds(&audit.check(None)), [(FindingKind::Removed, 300, 300)]);
}

#[test]
fn a_removed_entry_is_named_although_the_others_moved_up() {
    let mut audit = Audit::of(600);
    audit.rows.remove(299);
    for place in 299..audit.rows.len() {
        audit.renumber(place, place as u64 + 1);
    }
    let found = kinds(&audit.check(None));
    assert_eq!(found[0], (FindingKind::Renumbered, 300, 300), "{found:?}");
    assert_eq!(found.last(), Some(&(FindingKind::TailCut, 600, 600)), "{found:?}");
}

#[test]
fn an_inserted_entry_is_named() {
    let mut audit = Audit::of(600);
    let forged = cells(300);
    let hash = leaf_hash(leaf(&forged).as_bytes());
    audit.rows.insert(300, (300, Some(forged), hash, 0));
    assert!(kinds(&audit.check(None)).contains(&(FindingKind::Inserted, 300, 300)));
    // With all others moved down.
    let mut audit = Audit::of(600);
    let mut forged = cells(300);
    forged[14] = "users/eve".into();
    let hash = leaf_hash(leaf(&forged).as_bytes());
    audit.rows.insert(299, (300, Some(forged), hash, 0));
    for place in 300..audit.rows.len() {
        audit.renumber(place, place as u64 + 1);
    }
    let report = audit.check(None);
    let found = kinds(&report);
    assert!(
        found.contains(&(FindingKind::Renumbered, 301, 301)) && found.contains(&(FindingKind::Inserted, 601, 601)),
        "{found:?}"
    );
    assert!(
        found.iter().all(|(_, seq, _)| *seq == 0 || *seq > 300),
        "the entry after the forged one is the first: {found:?}"
    );
}

#[test]
fn swapped_entries_are_named_near_and_far() {
    for (a, b) in [(10, 11), (10, 590)] {
        let mut audit = Audit::of(600);
        audit.rows.swap(a - 1, b - 1);
        let found = kinds(&audit.check(None));
        assert!(
            found.iter().any(|(kind, seq, _)| *kind == FindingKind::Reordered && [a as u64, b as u64].contains(seq)),
            "{found:?}"
        );
        assert!(found.iter().all(|(_, seq, _)| [0, a as u64, b as u64].contains(seq)), "{found:?}");
    }
}

#[test]
fn exchanged_numbers_are_named() {
    let mut audit = Audit::of(600);
    audit.rows.swap(9, 10);
    audit.renumber(9, 10);
    audit.renumber(10, 11);
    assert_eq!(kinds(&audit.check(None)), [(FindingKind::Renumbered, 10, 10), (FindingKind::Renumbered, 11, 11)]);
}

#[test]
fn a_cut_end_is_named() {
    for left in [0, 1, 300, 511, 599] {
        let mut audit = Audit::of(600);
        audit.rows.truncate(left);
        if left == 0 {
            // The header stays: the file begins, and has nothing.
            let report = verify(audit.file(1, 600, false).as_slice(), &keys(), None).unwrap();
            assert_eq!(kinds(&report), [(FindingKind::TailCut, 1, 600)]);
            continue;
        }
        assert_eq!(kinds(&audit.check(None)), [(FindingKind::TailCut, left as u64 + 1, 600)]);
    }
}

#[test]
fn a_forger_who_computes_everything_anew_cannot_sign_it() {
    let mut audit = Audit::of(600);
    audit.change(300, true);
    audit.nodes = audit.rows.iter().map(|row| row.2).collect();
    assert_eq!(kinds(&audit.check(None)), [(FindingKind::Root, 0, 0)]);
    // With a key of the forger's own.
    let forged = Audit::of(600);
    let checkpoint = Checkpoint::open(&forged.note, &keys()).unwrap();
    let own = Audit { note: checkpoint.sign("k", &SigningKey::from_bytes(&[1; 32])), ..forged };
    assert_eq!(kinds(&own.check(None)), [(FindingKind::Signature, 0, 0)]);
}

#[test]
fn an_older_export_names_what_a_forger_with_the_key_changed() {
    let (old, mut audit) = (Audit::of(600), Audit::of(900));
    audit.change(300, true);
    audit.nodes = audit.rows.iter().map(|row| row.2).collect();
    let mut checkpoint = Checkpoint::open(&audit.note, &keys()).unwrap();
    checkpoint.root = audit.subtree(0, 900);
    audit.note = checkpoint.sign("k", &key());
    assert!(audit.check(None).is_good(), "by itself it is whole");
    let older = Older::Export(Box::new(std::io::Cursor::new(old.file(1, 600, true))));
    let report = verify(audit.file(1, 900, false).as_slice(), &keys(), Some(older)).unwrap();
    assert!(kinds(&report).contains(&(FindingKind::Changed, 300, 300)), "{report:?}");
    assert!(kinds(&report).contains(&(FindingKind::Root, 1, 600)), "{report:?}");
}

#[test]
fn a_newer_export_continues_an_older_checkpoint() {
    for (old, new) in [(1, 1), (255, 256), (300, 900), (512, 513), (600, 600)] {
        let older = Checkpoint::open(&Audit::of(old).note, &keys()).unwrap();
        let report = Audit::of(new).check(Some(Older::Checkpoint(older)));
        assert!(report.is_good() && report.remarks.is_empty(), "{old} to {new}: {report:?}");
    }
    let newer = Checkpoint::open(&Audit::of(900).note, &keys()).unwrap();
    assert_eq!(kinds(&Audit::of(600).check(Some(Older::Checkpoint(newer)))), [(FindingKind::TailCut, 601, 900)]);
}

#[test]
fn purged_entries_pass_and_no_others() {
    let audit = Audit::purged(600, 300);
    let report = audit.check(None);
    assert!(report.is_good(), "{report:?}");
    assert_eq!((report.entries, report.purged), (600, 300));
    let mut audit = audit;
    audit.rows[300].1 = None;
    assert_eq!(kinds(&audit.check(None)), [(FindingKind::Removed, 301, 301)]);
}

#[test]
fn what_is_no_export_is_told_as_such() {
    for file in ["", "{}\n", "a,b\n1,2\n", "\u{0}\u{1}", "[1]", "{\"flagstone_audit_export\":2}"] {
        assert!(verify(file.as_bytes(), &keys(), None).is_err(), "{file:?}");
    }
}

/// Done when 4 of the issue: each kind of tampering by position, in an export of 100,000 entries, in under 10 s.
#[test]
fn a_hundred_thousand_entries_are_searched_in_seconds() {
    let audit = Audit::of(100_000);
    /// What is done to the export, how, and what is found where.
    type Tampering = (&'static str, fn(&mut Audit), FindingKind, u64);
    let tampered: [Tampering; 6] = [
        ("update", |audit| audit.change(70_001, false), FindingKind::Changed, 70_001),
        ("delete", |audit| drop(audit.rows.remove(70_000)), FindingKind::Removed, 70_001),
        (
            "insert",
            |audit| {
                let mut copy = audit.rows[70_000].clone();
                copy.3 = 0;
                audit.rows.insert(70_001, copy);
            },
            FindingKind::Inserted,
            70_001,
        ),
        ("reorder", |audit| audit.rows.swap(70_000, 70_001), FindingKind::Reordered, 70_001),
        ("cut tail", |audit| audit.rows.truncate(70_000), FindingKind::TailCut, 70_001),
        ("renumber", |audit| audit.renumber(70_000, 70_002), FindingKind::Renumbered, 70_002),
    ];
    for (what, tamper, kind, seq) in tampered {
        let mut audit = audit.clone();
        tamper(&mut audit);
        let file = audit.file(1, 100_000, false);
        let start = Instant::now();
        let report = verify(file.as_slice(), &keys(), None).unwrap();
        let took = start.elapsed();
        assert!(
            report.findings.iter().any(|found| (found.kind, found.seq) == (kind, seq)),
            "{what}: {:?}",
            kinds(&report)
        );
        assert!(took.as_secs() < 10, "{what} took {took:?}");
        println!("{what}: {took:?} for {} MB", file.len() / 1_000_000);
    }
}

#[test]
fn the_program_says_what_it_found_and_exits_with_a_code() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let write = |name: &str, bytes: &[u8]| std::fs::File::create(path(name)).unwrap().write_all(bytes).unwrap();
    let audit = Audit::of(300);
    let mut changed = audit.clone();
    changed.change(7, false);
    write("good.ndjson", &audit.file(1, 300, false));
    write("bad.csv", &changed.file(1, 300, true));
    write("checkpoint", Audit::of(100).note.as_bytes());
    let der = [
        &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00],
        key().verifying_key().as_bytes().as_slice(),
    ]
    .concat();
    write("key.pem", format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", encode(&der)).as_bytes());
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flagstone-verify"));
        let output = command.current_dir(&directory).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, out) = run(&["good.ndjson", "--key", "key.pem", "--previous", "checkpoint"]);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.starts_with("OK: entries 1 to 300"), "{out}");
    let (code, out) = run(&["bad.csv", "--key", "key.pem"]);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.starts_with(&format!("CHANGED 7 {}", id(7))), "{out}");
    assert_eq!(run(&["bad.csv"]).0, Some(2));
    assert_eq!(run(&["absent", "--key", "key.pem"]).0, Some(3));
    assert_eq!(run(&["good.ndjson", "--key", "good.ndjson"]).0, Some(3));
}
