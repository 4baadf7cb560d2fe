use std::sync::atomic::{AtomicUsize, Ordering};

use flagstone_api::google::rpc;
use flagstone_api::pb::{
    self, JobLogChunk, JobLogEnd, JobLogLine, StreamEnd, StreamEndReason, StreamOpen, TailJobLogsRequest,
    TailJobLogsResponse, tail_job_logs_response as tail,
};
use futures::TryStreamExt;
use prost::Message;
use sha2::{Digest, Sha256};
use tonic::Code;

use super::fake::{Call, Reply, serve};
use crate::{Client, Error, Event};

fn encode(event: tail::Event) -> Vec<u8> {
    TailJobLogsResponse { event: Some(event) }.encode_to_vec()
}

/// The lines with these numbers; the cursor is the last number.
fn chunk(seqs: impl IntoIterator<Item = i64>) -> Vec<u8> {
    let line = |seq| JobLogLine { seq, data: format!("line {seq}\n").into(), ..Default::default() };
    let lines: Vec<_> = seqs.into_iter().map(line).collect();
    let cursor = lines.last().unwrap().seq.to_string();
    encode(tail::Event::Chunk(JobLogChunk { cursor, lines }))
}

fn open(cursor: &str) -> Vec<u8> {
    encode(tail::Event::Open(StreamOpen { cursor: cursor.into() }))
}

fn end(reason: StreamEndReason, last: i64, sha256: String) -> Vec<u8> {
    let complete = reason == StreamEndReason::Complete;
    let end = StreamEnd { last_cursor: last.to_string(), reason: reason.into(), ..Default::default() };
    encode(tail::Event::End(JobLogEnd { end: Some(end), complete, last_seq: last, sha256, ..Default::default() }))
}

fn sha256(last: i64) -> String {
    let data: String = (1..=last).map(|seq| format!("line {seq}\n")).collect();
    hex::encode(Sha256::digest(data))
}

/// Follows the log of a server that says what comes after a cursor, given how often it was asked before.
async fn tail(
    cursor: &str,
    reply: impl Fn(&str, usize) -> Reply + Send + Sync + 'static,
) -> Result<Vec<Event<JobLogChunk, JobLogEnd>>, Error> {
    let asked = AtomicUsize::new(0);
    let (url, _) = serve(move |call: &Call| {
        reply(&call.message::<TailJobLogsRequest>().cursor, asked.fetch_add(1, Ordering::SeqCst))
    })
    .await;
    let client = Client::connect(url).await.unwrap();
    client.tail_job_logs("jobs/1", cursor, true).try_collect().await
}

fn seqs(events: &[Event<JobLogChunk, JobLogEnd>]) -> Vec<i64> {
    let lines = |event: &Event<JobLogChunk, JobLogEnd>| match event {
        Event::Item(chunk) => chunk.lines.iter().map(|line| line.seq).collect(),
        Event::End(_) => vec![],
    };
    events.iter().flat_map(lines).collect()
}

#[tokio::test]
async fn a_tail_that_is_cut_again_and_again_has_every_line_once() {
    let events = tail("", |cursor, asked| {
        let last: i64 = cursor.parse().unwrap_or(0);
        let next = chunk(last + 1..=last + 2);
        match asked {
            0 | 1 => Reply::cut([open(cursor), next]),
            // Without an end, although properly closed.
            2 => Reply::stream([open(cursor), next]),
            // The server sends lines again that were received.
            3 => Reply::cut([open(cursor), chunk(1..=last + 3)]),
            4 => Reply::stream([open(cursor), next, end(StreamEndReason::Shutdown, last + 2, String::new())]),
            5 => Reply::error(Code::Unavailable, "UNAVAILABLE"),
            6 => Reply::stream([open(cursor), end(StreamEndReason::CredentialExpired, last, String::new())]),
            _ => Reply::stream([open(cursor), chunk(last + 1..=20), end(StreamEndReason::Complete, 20, sha256(20))]),
        }
    })
    .await
    .unwrap();
    assert_eq!(seqs(&events), (1..=20).collect::<Vec<_>>());
    assert!(matches!(events.last(), Some(Event::End(end)) if end.sha256 == sha256(20)));
}

#[tokio::test]
async fn a_missing_line_is_told() {
    let error = tail("", |_, _| Reply::stream([open(""), chunk(1..=1), chunk(3..=3)])).await.unwrap_err();
    assert_eq!(error.code, Code::DataLoss);
    assert!(error.message.contains("Line 3 of the log came after line 1"), "{error}");
}

#[tokio::test]
async fn a_log_that_starts_late_or_stops_early_is_told() {
    let late = tail("", |_, _| Reply::stream([open(""), chunk(2..=2)])).await.unwrap_err();
    assert_eq!(late.code, Code::DataLoss);
    let early = |_: &str, _| Reply::stream([chunk(1..=2), end(StreamEndReason::Complete, 3, sha256(3))]);
    assert_eq!(tail("", early).await.unwrap_err().code, Code::DataLoss);
}

#[tokio::test]
async fn another_hash_is_told() {
    let reply = |_: &str, _| Reply::stream([chunk(1..=2), end(StreamEndReason::Complete, 2, sha256(3))]);
    assert!(tail("", reply).await.unwrap_err().is(pb::ErrorReason::ChecksumMismatch));
}

#[tokio::test]
async fn a_tail_from_the_middle_has_no_hash_to_check() {
    let reply = |_: &str, _| Reply::stream([open("4"), chunk(5..=6), end(StreamEndReason::Complete, 6, sha256(6))]);
    assert_eq!(seqs(&tail("4", reply).await.unwrap()), [5, 6]);
}

#[tokio::test]
async fn what_a_server_refuses_is_not_asked_again() {
    let error = tail("", |_, _| Reply::error(Code::NotFound, "NOT_FOUND")).await.unwrap_err();
    assert!(error.is(pb::ErrorReason::NotFound));
}

#[tokio::test]
async fn an_end_with_an_error_is_that_error() {
    let status = rpc::Status { code: Code::DataLoss as i32, message: "Gone.".into(), details: vec![] };
    let end = StreamEnd { reason: StreamEndReason::Error.into(), status: Some(status), ..Default::default() };
    let end = encode(tail::Event::End(JobLogEnd { end: Some(end), ..Default::default() }));
    let error = tail("", move |_, _| Reply::stream([open(""), end.clone()])).await.unwrap_err();
    assert_eq!((error.code, error.message.as_str()), (Code::DataLoss, "Gone."));
}

#[tokio::test]
async fn a_cursor_that_is_too_old_is_told() {
    let end =
        StreamEnd { reason: StreamEndReason::ResyncRequired.into(), oldest_cursor: "9".into(), ..Default::default() };
    let end = encode(tail::Event::End(JobLogEnd { end: Some(end), ..Default::default() }));
    let error = tail("1", move |_, _| Reply::stream([end.clone()])).await.unwrap_err();
    assert!(error.is(pb::ErrorReason::ResyncRequired));
    assert_eq!(error.metadata["oldest_cursor"], "9");
}

#[tokio::test]
async fn a_watch_that_is_cut_has_every_timeline_entry_once() {
    let update = |cursor: &str, numbers: &[i32]| {
        let entry = |number: &i32| pb::TimelineEntry { number: *number, ..Default::default() };
        let timeline = numbers.iter().map(entry).collect();
        let update = pb::RequestUpdate { cursor: cursor.into(), timeline, ..Default::default() };
        let event = Some(pb::watch_request_response::Event::Update(update));
        pb::WatchRequestResponse { event }.encode_to_vec()
    };
    let end = StreamEnd { reason: StreamEndReason::Complete.into(), ..Default::default() };
    let end = pb::WatchRequestResponse { event: Some(pb::watch_request_response::Event::End(end)) }.encode_to_vec();
    let asked = AtomicUsize::new(0);
    let (url, _) = serve(move |_: &Call| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::cut([update("a", &[1, 2])]),
        _ => Reply::stream([update("a", &[1, 2]), update("b", &[2, 3]), end.clone()]),
    })
    .await;
    let client = Client::connect(url).await.unwrap();
    let events: Vec<_> = client.watch_request("businessUnits/a/requests/R-1", "").try_collect().await.unwrap();
    let numbers = |event: &Event<pb::RequestUpdate>| match event {
        Event::Item(update) => update.timeline.iter().map(|entry| entry.number).collect(),
        Event::End(_) => vec![],
    };
    assert_eq!(events.len(), 3);
    assert_eq!(events.iter().flat_map(numbers).collect::<Vec<_>>(), [1, 2, 3]);
}
