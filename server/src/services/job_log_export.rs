//! The export of a log: a file in chunks, the same bytes whoever asks and however often it is cut.
//!
//! The cursor of a chunk carries the hash of the file up to there, so that a resumed export ends with the hash of the whole
//! without reading it again. Whoever changes a cursor deceives nobody but themselves.

use async_stream::try_stream;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, SecondsFormat, Utc};
use flagstone_api::pb;
use flagstone_core::names::{JobName, parse};
use flagstone_core::{Error as CoreError, Violations};
use futures::Stream;
use serde_json::json;
use sha2::digest::common::hazmat::SerializableState;
use sha2::{Digest, Sha256};

use super::job::{find, judge};
use super::job_log::{head, lines_after};
use crate::convert::enum_name;
use crate::cx::Cx;
use crate::error::Result;
use crate::watch::{Waiter, Wake, in_band};

/// A chunk is sent once it has so many bytes: far below what clients take in one message.
const CHUNK: usize = 256 * 1024;

/// ExportJobLogs: the lines that there are now.
pub(super) async fn export_job_logs(
    cx: Cx,
    req: pb::ExportJobLogsRequest,
) -> Result<impl Stream<Item = Result<pb::ExportJobLogsResponse>> + Send + 'static> {
    use pb::export_job_logs_response::Event;
    let as_text = matches!(req.format(), pb::JobLogFormat::Text);
    let mut violations = Violations::new();
    let name = violations.take(parse::<JobName>(&req.name, "name"));
    let known = pb::JobLogFormat::try_from(req.format).is_ok();
    violations.check(known, "format", "is none of NDJSON and TEXT.");
    let place = violations.take(Place::read(&req.cursor));
    violations.finish()?;
    let (Some(name), Some(mut place)) = (name, place) else {
        return Err(crate::error::Error::internal("violations were lost"));
    };
    let (organization_id, _, row) = find(&cx, &name).await?;
    let (log, state) = head(&cx.app, organization_id, row.id).await?;
    let mut waiter = Waiter::new(&cx, Vec::new(), judge(&name));
    let message = |event| pb::ExportJobLogsResponse { event: Some(event) };
    let app = cx.app.clone();
    let items = try_stream! {
        yield message(Event::Open(pb::StreamOpen { cursor: place.written() }));
        let mut data = Vec::new();
        while place.after < log.last_seq {
            let chunks = lines_after(&app, organization_id, row.id, place.after).await?;
            let mut lines = chunks.into_iter().flat_map(|chunk| chunk.lines).peekable();
            if lines.peek().is_none() {
                // Deleted meanwhile, as `find` would say.
                Err::<(), _>(CoreError::not_found(&name))?;
            }
            for line in lines.take_while(|line| line.seq <= log.last_seq) {
                if as_text { data.extend_from_slice(&line.data) } else { write(&mut data, &line) }
                place.after = line.seq;
                if data.len() >= CHUNK || place.after == log.last_seq {
                    let data = std::mem::take(&mut data);
                    place.hash.update(&data);
                    waiter.said();
                    yield message(Event::Chunk(pb::JobLogExportChunk { cursor: place.written(), data }));
                }
            }
            let ended = match waiter.standing().await {
                Some(Wake::End(reason, status)) => Some((reason, status)),
                _ if app.shutdown.is_cancelled() => Some((pb::StreamEndReason::Shutdown, None)),
                _ => None,
            };
            if let Some((reason, status)) = ended {
                // What was read and not sent is read again.
                let end = pb::StreamEnd { reason: reason.into(), status, ..pb::StreamEnd::default() };
                yield message(Event::End(pb::JobLogExportEnd { end: Some(end), ..Default::default() }));
                return;
            }
        }
        let end = pb::StreamEnd {
            last_cursor: place.written(),
            reason: pb::StreamEndReason::Complete.into(),
            ..pb::StreamEnd::default()
        };
        yield message(Event::End(pb::JobLogExportEnd {
            end: Some(end),
            last_seq: log.last_seq,
            dropped: log.dropped,
            complete: state.is_over(),
            sha256: hex::encode(place.hash.finalize()),
        }));
    };
    Ok(in_band(&cx, items, cursor, end))
}

fn cursor(message: &pb::ExportJobLogsResponse) -> Option<&str> {
    use pb::export_job_logs_response::Event;
    match message.event.as_ref()? {
        Event::Open(open) => Some(&open.cursor),
        Event::Chunk(chunk) => Some(&chunk.cursor),
        Event::Heartbeat(heartbeat) => Some(&heartbeat.cursor),
        Event::End(_) => None,
    }
}

fn end(end: pb::StreamEnd) -> pb::ExportJobLogsResponse {
    use pb::export_job_logs_response::Event;
    let end = pb::JobLogExportEnd { end: Some(end), ..Default::default() };
    pb::ExportJobLogsResponse { event: Some(Event::End(end)) }
}

/// One line of the log as a line of JSON. Its bytes are there whatever they are.
fn write(out: &mut Vec<u8>, line: &pb::JobLogLine) {
    let time = line.time.and_then(|time| DateTime::from_timestamp(time.seconds, u32::try_from(time.nanos).ok()?));
    let mut object = json!({
        "seq": line.seq,
        "time": time.map(|time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Micros, true)),
        "attempt": line.attempt,
        "step": line.step,
        "stream": enum_name(line.stream().as_str_name(), "LOG_STREAM_"),
        "level": enum_name(line.level().as_str_name(), "LOG_LEVEL_"),
        "continued": line.continued,
    });
    match std::str::from_utf8(&line.data) {
        Ok(text) => object["data"] = text.into(),
        Err(_) => object["data_base64"] = STANDARD.encode(&line.data).into(),
    }
    out.extend_from_slice(object.to_string().as_bytes());
    out.push(b'\n');
}

/// A place in an export: the last line that was sent, and the hash of the file up to its end.
struct Place {
    after: i64,
    hash: Sha256,
}

impl Place {
    fn written(&self) -> String {
        format!("{}.{}", self.after, URL_SAFE_NO_PAD.encode(self.hash.serialize().as_slice()))
    }

    /// The place that a client sent; the beginning for none.
    fn read(cursor: &str) -> Result<Self, CoreError> {
        if cursor.is_empty() {
            return Ok(Self { after: 0, hash: Sha256::new() });
        }
        let read = || {
            let (after, state) = cursor.split_once('.')?;
            let after = after.parse().ok().filter(|after| *after >= 0)?;
            let state = URL_SAFE_NO_PAD.decode(state).ok()?;
            let state = state.as_slice().try_into().ok()?;
            Some(Self { after, hash: Sha256::deserialize(&state).ok()? })
        };
        read().ok_or_else(|| {
            CoreError::field("cursor", "is not a cursor of this export. Send one that it gave, or none to begin anew.")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written_and_its_hash_goes_on() {
        let mut place = Place::read("").unwrap();
        place.hash.update("one");
        place.after = 7;
        let mut read = Place::read(&place.written()).unwrap();
        assert_eq!(read.after, 7);
        read.hash.update("two");
        assert_eq!(read.hash.finalize(), Sha256::digest("onetwo"));
        for wrong in ["7", "7.", "-1.AAAA", "x.y", "7.AAAA"] {
            assert_eq!(Place::read(wrong).err().unwrap().fields[0].field, "cursor", "{wrong}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_kept() {
        let line = pb::JobLogLine { seq: 3, data: b"a\xffb".as_slice().into(), ..Default::default() };
        let mut out = Vec::new();
        write(&mut out, &line);
        let read: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(STANDARD.decode(read["data_base64"].as_str().unwrap()).unwrap(), b"a\xffb");
        assert!(read.get("data").is_none() && out.ends_with(b"\n"));
    }
}
