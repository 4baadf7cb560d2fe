//! The export: a file for `flagstone-verify`, in chunks. The form is `flagstone_proof::export`.

use async_stream::try_stream;
use flagstone_api::pb;
use flagstone_core::Error as CoreError;
use flagstone_core::error::Violations;
use flagstone_db::audit::tree::{self, CheckpointRow};
use flagstone_proof::event::Cells;
use flagstone_proof::export::{Header, block_line, entry_line, heading, row};
use flagstone_proof::tree::Subtree;
use futures::{FutureExt, Stream};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::proof::{TARGET, newest, to_proto};
use crate::audit_tree::{self, Block};
use crate::cx::{Cx, Target};
use crate::error::Result;
use crate::watch::{Judge, Waiter, Wake, in_band};

/// Entries read at a time: four blocks.
const GROUP: u64 = 1_024;

/// A chunk is sent once it has so many bytes: far below what clients take in one message.
const CHUNK: usize = 256 * 1024;

/// The blocks of an export in groups that are read at a time.
pub(super) fn in_groups(header: &Header) -> impl Iterator<Item = Vec<Subtree>> + Send + use<> {
    let mut blocks = header.blocks().peekable();
    std::iter::from_fn(move || {
        let mut group = vec![blocks.next()?];
        let mut count = group[0].count();
        while let Some(next) = blocks.next_if(|next| count + next.count() <= GROUP) {
            count += next.count();
            group.push(next);
        }
        Some(group)
    })
}

/// ExportAuditEvents.
pub(super) async fn export_audit_events(
    cx: Cx,
    req: pb::ExportAuditEventsRequest,
) -> Result<impl Stream<Item = Result<pb::ExportAuditEventsResponse>> + Send + 'static> {
    use pb::export_audit_events_response::Event;
    let table = matches!(req.format(), pb::AuditExportFormat::Csv);
    let mut violations = Violations::new();
    let known = pb::AuditExportFormat::try_from(req.format).is_ok();
    violations.check(known, "format", "is none of NDJSON and CSV.");
    violations.check(req.from_seq >= 0, "from_seq", "cannot be negative. Entries are numbered from 1.");
    violations.check(req.to_seq >= 0, "to_seq", "cannot be negative. Send 0 for the last sealed entry.");
    let place = violations.take(Place::read(&req.cursor)).flatten();
    violations.finish()?;
    let export = Export::open(&cx, &req, place.as_ref()).await?;
    let Export { organization_id, checkpoint, header } = export;
    let mut waiter = Waiter::new(&cx, Vec::new(), judge());
    let after = place.as_ref().map_or(0, |place| place.after);
    let resumed = after > 0;
    let message = |event| pb::ExportAuditEventsResponse { event: Some(event) };
    let app = cx.app.clone();
    let items = try_stream! {
        let mut sent = Place { id: checkpoint.id, after };
        yield message(Event::Open(pb::StreamOpen { cursor: sent.written() }));
        let mut hash = Sha256::new();
        let mut entries = 0;
        let mut data = if resumed { String::new() } else { beginning(&header, table) };
        for group in in_groups(&header) {
            let end = group.last().map_or(0, |last| last.start + last.count());
            if end <= after {
                continue;
            }
            let blocks = audit_tree::blocks(&*app.db.reads.get().await?, organization_id, &group).await?;
            for block in &blocks {
                entries += write(&mut data, organization_id, &header, block, table);
            }
            let last = end == header.to;
            if data.len() >= CHUNK || last {
                let bytes = std::mem::take(&mut data).into_bytes();
                hash.update(&bytes);
                sent.after = end;
                waiter.said();
                yield message(Event::Chunk(pb::AuditExportChunk { cursor: sent.written(), data: bytes }));
            }
            if let Some(Wake::End(reason, status)) = waiter.standing().await {
                let end = pb::StreamEnd {
                    last_cursor: sent.written(), reason: reason.into(), status, oldest_cursor: String::new(),
                };
                yield message(Event::End(pb::AuditExportEnd { end: Some(end), entries, ..Default::default() }));
                return;
            }
            if app.shutdown.is_cancelled() {
                let end = pb::StreamEnd {
                    last_cursor: sent.written(), reason: pb::StreamEndReason::Shutdown.into(), ..Default::default()
                };
                yield message(Event::End(pb::AuditExportEnd { end: Some(end), entries, ..Default::default() }));
                return;
            }
        }
        if !data.is_empty() {
            let bytes = std::mem::take(&mut data).into_bytes();
            hash.update(&bytes);
            yield message(Event::Chunk(pb::AuditExportChunk { cursor: sent.written(), data: bytes }));
        }
        let end = pb::StreamEnd {
            last_cursor: sent.written(), reason: pb::StreamEndReason::Complete.into(), ..Default::default()
        };
        yield message(Event::End(pb::AuditExportEnd {
            end: Some(end),
            entries,
            sha256: if resumed { String::new() } else { hex::encode(hash.finalize()) },
            checkpoint: Some(to_proto(&checkpoint)),
        }));
    };
    Ok(in_band(&cx, items, cursor, end))
}

fn cursor(message: &pb::ExportAuditEventsResponse) -> Option<&str> {
    use pb::export_audit_events_response::Event;
    match message.event.as_ref()? {
        Event::Open(open) => Some(&open.cursor),
        Event::Chunk(chunk) => Some(&chunk.cursor),
        Event::Heartbeat(heartbeat) => Some(&heartbeat.cursor),
        Event::End(_) => None,
    }
}

fn end(end: pb::StreamEnd) -> pb::ExportAuditEventsResponse {
    use pb::export_audit_events_response::Event;
    let end = pb::AuditExportEnd { end: Some(end), ..Default::default() };
    pb::ExportAuditEventsResponse { event: Some(Event::End(end)) }
}

/// Judges anew whether the caller may export.
fn judge() -> Judge {
    Box::new(|cx| async move { cx.read(Target::organization(TARGET)).await.map(drop) }.boxed())
}

/// An export that was let in.
struct Export {
    organization_id: Uuid,
    checkpoint: CheckpointRow,
    header: Header,
}

impl Export {
    async fn open(cx: &Cx, req: &pb::ExportAuditEventsRequest, place: Option<&Place>) -> Result<Self> {
        let read = cx.read(Target::organization(TARGET)).await?;
        let (conn, organization_id) = (read.conn(), read.organization_id());
        let checkpoint = match place {
            None => newest(conn, organization_id).await?,
            // The file was begun under this one.
            Some(place) => {
                let found = tree::checkpoint_by_id(conn, organization_id, place.id).await?;
                found.ok_or_else(wrong_cursor)?
            }
        };
        let from = req.from_seq.max(1);
        let to = if req.to_seq == 0 { checkpoint.size } else { req.to_seq };
        let mut violations = Violations::new();
        let size = checkpoint.size;
        violations.check(to <= size, "to_seq", format!("is above {size}, up to where everything is sealed."));
        violations.check(from <= to + 1, "from_seq", format!("is behind the last entry, {to}."));
        violations.finish()?;
        let header = audit_tree::header(conn, organization_id, &checkpoint, from, to).await?;
        Ok(Self { organization_id, checkpoint, header })
    }
}

/// What a file begins with. A table has its header in the first row of an entry, or in one of its own where there is none.
fn beginning(header: &Header, table: bool) -> String {
    match (table, header.from > header.to) {
        (false, _) => format!("{}\n", header.line()),
        (true, false) => format!("{}\n", heading()),
        (true, true) => {
            let row = heading().split(',').skip(1).map(|_| ",").collect::<String>();
            format!("{}\n{row}\"{}\"\n", heading(), header.line().replace('"', "\"\""))
        }
    }
}

/// Adds a block to the file, and tells how many entries it has.
fn write(out: &mut String, organization_id: Uuid, header: &Header, block: &Block, table: bool) -> i64 {
    if !table {
        out.push_str(&block_line(block.subtree, &block.hash));
        out.push('\n');
    }
    for (index, entry) in block.entries.iter().enumerate() {
        let seq = u64::try_from(entry.seq).unwrap_or_default();
        if table {
            let cells: Option<Cells> = entry.cells(organization_id);
            let first = (seq == header.from).then(|| header.line());
            let of_block = (index == 0).then_some(&block.hash);
            out.push_str(&row(seq, cells.as_ref(), &entry.hash, of_block, first.as_deref()));
        } else {
            out.push_str(&entry_line(seq, &entry.hash, entry.leaf(organization_id).as_deref()));
        }
        out.push('\n');
    }
    i64::try_from(block.entries.len()).unwrap_or(i64::MAX)
}

/// A place in an export: its checkpoint, and the last entry that was sent.
struct Place {
    id: i64,
    after: u64,
}

impl Place {
    fn written(&self) -> String {
        format!("{}-{}", self.id, self.after)
    }

    /// The place that a client sent; `None` for none.
    fn read(cursor: &str) -> Result<Option<Self>, CoreError> {
        if cursor.is_empty() {
            return Ok(None);
        }
        let place = cursor.split_once('-').and_then(|(id, after)| Some((id.parse().ok()?, after.parse().ok()?)));
        place.map(|(id, after)| Some(Self { id, after })).ok_or_else(wrong_cursor)
    }
}

fn wrong_cursor() -> CoreError {
    CoreError::field("cursor", "is not a cursor of this export. Send one that it gave, or none to begin anew.")
}
