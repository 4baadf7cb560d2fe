//! Logs of jobs: the tail, and its twin in pages.
//!
//! Lines are numbered without gap, so that a place in the log is a number. Readers take stored chunks after their
//! number; a chunk that begins before it is cut.

use std::time::Duration;

use async_stream::try_stream;
use flagstone_api::pb;
use flagstone_core::job::JobState;
use flagstone_core::names::{JobName, parse};
use flagstone_core::page::{KeyPart, PageKey, PageToken, scope_hash};
use flagstone_core::{Error as CoreError, Reason, Violations};
use flagstone_db::job_log::{ChunkRow, LogRow};
use flagstone_db::{job, job_log};
use futures::{Stream, try_join};
use prost::Message;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::job::{find, judge, state_to_proto};
use crate::app::App;
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::ledger::{log_topic, object_topic};
use crate::watch::{Waiter, Wake, answer_by};

/// Chunks read at a time.
const BATCH: i64 = 16;

/// Lines of a page where the call does not say, and at most.
const PAGE_DEFAULT: usize = 500;
const PAGE_MAX: usize = 5_000;

/// Most bytes of data on a page.
const PAGE_BYTES: usize = 1024 * 1024;

/// Longest text to look for, in characters.
const TEXT_MAX: usize = 100;

/// Longest wait for a line.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// Most lines looked at for one page: a filter that matches nothing must not read a whole log at once.
const SCAN_MAX: i64 = 100_000;

/// TailJobLogs: the log from a cursor, then live.
pub(super) async fn tail_job_logs(
    cx: Cx,
    req: pb::TailJobLogsRequest,
) -> Result<impl Stream<Item = Result<pb::TailJobLogsResponse>> + Send + 'static> {
    use pb::tail_job_logs_response::Event;
    let mut violations = Violations::new();
    let name = violations.take(parse::<JobName>(&req.name, "name"));
    let after = violations.take(decode_cursor(&req.cursor));
    violations.finish()?;
    let (Some(name), Some(mut after)) = (name, after) else { return Err(Error::internal("violations were lost")) };
    let (organization_id, _, row) = find(&cx, &name).await?;
    let mut waiter = Waiter::new(&cx, vec![log_topic(row.id), object_topic(row.id)], judge(&name));
    let message = |event| pb::TailJobLogsResponse { event: Some(event) };
    Ok(try_stream! {
        yield message(Event::Open(pb::StreamOpen { cursor: after.to_string() }));
        loop {
            let chunks = match lines_after(&cx.app, organization_id, row.id, after).await {
                Ok(chunks) => chunks,
                // A database that is away for a moment ends nothing.
                Err(Error::Core(error)) if error.kind == flagstone_core::Kind::Unavailable => Vec::new(),
                Err(error) => Err(error)?,
            };
            let found = !chunks.is_empty();
            for mut chunk in chunks {
                after = chunk.lines.last().map_or(after, |line| line.seq);
                chunk.cursor = after.to_string();
                waiter.said();
                yield message(Event::Chunk(chunk));
            }
            if found {
                // A log that never pauses ends all the same with the right to read it.
                if let Some(Wake::End(reason, status)) = waiter.standing().await {
                    yield message(Event::End(cut(after, reason, status)));
                    return;
                }
                continue;
            }
            let (log, state) = match head(&cx.app, organization_id, row.id).await {
                Ok(head) => head,
                Err(Error::Core(error)) if error.kind == flagstone_core::Kind::Unavailable => {
                    match waiter.wait().await {
                        Wake::End(reason, status) => {
                            yield message(Event::End(cut(after, reason, status)));
                            return;
                        }
                        Wake::Look | Wake::Heartbeat => continue,
                    }
                }
                Err(error) => Err(error)?,
            };
            if log.last_seq > after {
                // Written since the look.
                continue;
            }
            if state.is_over() || !req.follow {
                yield message(Event::End(end(after, &log, state)));
                return;
            }
            match waiter.wait().await {
                Wake::Look => {}
                Wake::Heartbeat => {
                    yield message(Event::Heartbeat(pb::StreamHeartbeat { cursor: after.to_string() }));
                }
                Wake::End(reason, status) => {
                    yield message(Event::End(cut(after, reason, status)));
                    return;
                }
            }
        }
    })
}

/// ListJobLogs: a page, after a wait for it where the caller asked for that.
pub(super) async fn list_job_logs(cx: Cx, req: pb::ListJobLogsRequest) -> Result<pb::ListJobLogsResponse> {
    let query = Query::of(&cx, &req)?;
    let (organization_id, _, row) = find(&cx, &query.parent).await?;
    let mut waiter = Waiter::new(&cx, vec![log_topic(row.id), object_topic(row.id)], judge(&query.parent));
    let deadline = answer_by(&cx, query.wait);
    loop {
        let page = query.page(&cx.app, organization_id, row.id).await?;
        let nothing_yet = page.lines.is_empty() && page.next_page_token.is_empty() && !page.complete;
        if !nothing_yet || Instant::now() >= deadline {
            return Ok(page);
        }
        if let Ok(Wake::End(..)) = timeout_at(deadline, waiter.wait()).await {
            return Ok(page);
        }
    }
}

/// One call of ListJobLogs, checked.
struct Query {
    parent: JobName,
    size: usize,
    after: i64,
    wait: Duration,
    step: String,
    min_level: i32,
    contains: String,
    excludes: String,
    token_key: [u8; 32],
    token_scope: [u8; 32],
}

impl Query {
    fn of(cx: &Cx, req: &pb::ListJobLogsRequest) -> Result<Self> {
        let mut violations = Violations::new();
        let parent = violations.take(parse::<JobName>(&req.parent, "parent"));
        let size = usize::try_from(req.page_size);
        violations.check(size.is_ok(), "page_size", "cannot be negative. Send 0 for 500 lines.");
        violations.check(req.after >= 0, "after", "cannot be negative. Lines are numbered from 1.");
        violations.check(
            req.after == 0 || req.page_token.is_empty(),
            "after",
            "cannot stand together with page_token, which says where to go on. Send one of them.",
        );
        for (field, text) in [("contains", &req.contains), ("excludes", &req.excludes)] {
            let fits = text.chars().count() <= TEXT_MAX;
            violations.check(fits, field, format!("has more than {TEXT_MAX} characters. Look for less."));
        }
        let wait = match &req.wait {
            None => Some(Duration::ZERO),
            Some(wait) => Duration::try_from(*wait).ok().filter(|wait| *wait <= WAIT_MAX),
        };
        violations.check(wait.is_some(), "wait", "is not between 0 and 30 seconds.");
        let token_key = cx.app.vault.derive_key("page-token");
        let level = req.min_level.to_string();
        let arguments = [&*req.parent, &req.step, &level, &req.contains, &req.excludes];
        let token_scope = scope_hash(cx.user()?.organization_id, &cx.method.path, &arguments);
        let mut after = req.after;
        if !req.page_token.is_empty() {
            match PageToken::open(&token_key, token_scope, &req.page_token)?.values.as_slice() {
                [KeyPart::Int(seq)] => after = *seq,
                _ => violations.add("page_token", "is not a token of this list."),
            }
        }
        violations.finish().map_err(|mut error| {
            // As in every search: it is the text that is too long, unless something else is wrong too.
            if error.fields.iter().all(|violation| ["contains", "excludes"].contains(&violation.field.as_str())) {
                error.reason = Reason::SearchTooLong;
            }
            error
        })?;
        let (Some(parent), Ok(size), Some(wait)) = (parent, size, wait) else {
            return Err(Error::internal("violations were lost"));
        };
        Ok(Self {
            parent,
            size: if size == 0 { PAGE_DEFAULT } else { size.min(PAGE_MAX) },
            after,
            wait,
            step: req.step.clone(),
            min_level: req.min_level,
            contains: req.contains.to_lowercase(),
            excludes: req.excludes.to_lowercase(),
            token_key,
            token_scope,
        })
    }

    /// The page as it is now.
    async fn page(&self, app: &App, organization_id: Uuid, job_id: Uuid) -> Result<pb::ListJobLogsResponse> {
        // The head first: whatever it counts is there to be read.
        let (log, state) = head(app, organization_id, job_id).await?;
        let (mut lines, mut bytes, mut at) = (Vec::new(), 0, self.after);
        let scan_end = self.after.saturating_add(SCAN_MAX);
        'chunks: while at < log.last_seq && at < scan_end {
            let chunks = lines_after(app, organization_id, job_id, at).await?;
            if chunks.is_empty() {
                break;
            }
            for line in chunks.into_iter().flat_map(|chunk| chunk.lines) {
                if !self.matches(&line) {
                    at = line.seq;
                    continue;
                }
                bytes += line.data.len();
                if lines.len() == self.size || (bytes > PAGE_BYTES && !lines.is_empty()) {
                    break 'chunks;
                }
                at = line.seq;
                lines.push(line);
            }
        }
        let complete = state.is_over();
        let next_page_token = if at < log.last_seq {
            PageToken::seal(&self.token_key, self.token_scope, &PageKey { values: vec![KeyPart::Int(at)] })?
        } else {
            String::new()
        };
        Ok(pb::ListJobLogsResponse {
            lines,
            next_page_token,
            last_seq: log.last_seq,
            complete,
            sha256: if complete { hex::encode(&log.sha256) } else { String::new() },
        })
    }

    fn matches(&self, line: &pb::JobLogLine) -> bool {
        if !self.step.is_empty() && line.step != self.step || line.level < self.min_level {
            return false;
        }
        if self.contains.is_empty() && self.excludes.is_empty() {
            return true;
        }
        let text = String::from_utf8_lossy(&line.data).to_lowercase();
        (self.contains.is_empty() || text.contains(&self.contains))
            && (self.excludes.is_empty() || !text.contains(&self.excludes))
    }
}

/// The lines after a number as they are stored, cut where they begin before it.
pub(super) async fn lines_after(
    app: &App,
    organization_id: Uuid,
    job_id: Uuid,
    after: i64,
) -> Result<Vec<pb::JobLogChunk>> {
    let conn = app.db.reads.get().await?;
    let rows = job_log::chunks_after(&conn, organization_id, job_id, after, BATCH).await?;
    rows.into_iter().map(|row| cut_before(row, after)).collect()
}

/// The lines of a chunk after a number.
fn cut_before(row: ChunkRow, after: i64) -> Result<pb::JobLogChunk> {
    let mut chunk = pb::JobLogChunk::decode(row.lines.as_slice()).map_err(Error::internal)?;
    if row.first_seq <= after {
        chunk.lines.retain(|line| line.seq > after);
    }
    Ok(chunk)
}

/// How far the log and its job are. The job is looked at first: once it is over, its log grows no more.
pub(super) async fn head(app: &App, organization_id: Uuid, job_id: Uuid) -> Result<(LogRow, JobState)> {
    let conn = app.db.reads.get().await?;
    // Sent in this order on one connection, each sees what was committed before it.
    let (row, log) = try_join!(job::get(&conn, organization_id, job_id), job_log::get(&conn, organization_id, job_id))?;
    let missing = || Error::from(CoreError::not_found(&format!("jobs/{job_id}")));
    Ok((log.ok_or_else(missing)?, row.ok_or_else(missing)?.state()?))
}

/// The end of a tail that has shown everything.
fn end(after: i64, log: &LogRow, state: JobState) -> pb::JobLogEnd {
    let complete = state.is_over();
    pb::JobLogEnd {
        end: Some(pb::StreamEnd {
            last_cursor: after.to_string(),
            reason: pb::StreamEndReason::Complete.into(),
            ..pb::StreamEnd::default()
        }),
        complete,
        last_seq: log.last_seq,
        sha256: if complete { hex::encode(&log.sha256) } else { String::new() },
        dropped: log.dropped,
        state: if complete { state_to_proto(state).into() } else { 0 },
    }
}

/// The end of a tail that may be resumed.
fn cut(after: i64, reason: pb::StreamEndReason, status: Option<flagstone_api::google::rpc::Status>) -> pb::JobLogEnd {
    pb::JobLogEnd {
        end: Some(pb::StreamEnd {
            last_cursor: after.to_string(),
            reason: reason.into(),
            status,
            ..pb::StreamEnd::default()
        }),
        last_seq: after,
        ..pb::JobLogEnd::default()
    }
}

/// The number of the last line that a reader has.
fn decode_cursor(cursor: &str) -> Result<i64, CoreError> {
    if cursor.is_empty() {
        return Ok(0);
    }
    cursor.parse().ok().filter(|seq| *seq >= 0).ok_or_else(|| {
        CoreError::field(
            "cursor",
            "is not a cursor of this log. Send one that this stream gave, or none to start anew.",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(seqs: std::ops::RangeInclusive<i64>) -> ChunkRow {
        let (first_seq, last_seq) = (*seqs.start(), *seqs.end());
        let lines = seqs.map(|seq| pb::JobLogLine { seq, ..pb::JobLogLine::default() }).collect();
        let chunk = pb::JobLogChunk { cursor: String::new(), lines };
        ChunkRow { first_seq, last_seq, lines: chunk.encode_to_vec() }
    }

    #[test]
    fn a_chunk_is_cut_where_the_reader_stands() {
        let seqs = |after| {
            let chunk = cut_before(row(5..=8), after).unwrap();
            chunk.lines.iter().map(|line| line.seq).collect::<Vec<_>>()
        };
        assert_eq!(seqs(0), [5, 6, 7, 8]);
        assert_eq!(seqs(4), [5, 6, 7, 8]);
        assert_eq!(seqs(6), [7, 8]);
        assert!(seqs(8).is_empty());
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        assert_eq!(decode_cursor("").unwrap(), 0);
        assert_eq!(decode_cursor("17").unwrap(), 17);
        for wrong in ["-1", "x", "1.5", "99999999999999999999"] {
            assert_eq!(decode_cursor(wrong).unwrap_err().fields[0].field, "cursor", "{wrong}");
        }
    }
}
