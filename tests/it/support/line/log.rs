//! A job's log as a reader gets it.

use flagstone_client::{Client, Error, Event, pb};
use futures::{StreamExt, pin_mut};
use prost::Message;
use sha2::{Digest, Sha256};
use tokio::time::timeout;

use super::PATIENCE;
use crate::support::TestApp;
use crate::support::http::grpc_web;

/// A whole log with its in-band end.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    pub(crate) lines: Vec<pb::JobLogLine>,
    pub(crate) end: pb::JobLogEnd,
}

impl Log {
    /// Follows the log of a job (`jobs/{id}`) from the first line to its end. The client has checked numbers and hash.
    pub(crate) async fn of(client: &Client, job: &str) -> Self {
        let tail = client.tail_job_logs(job, "", true);
        pin_mut!(tail);
        let mut lines = Vec::new();
        loop {
            let next = timeout(PATIENCE, tail.next()).await.expect("the log ends in time");
            match next.expect("a log does not end without its end").expect("the log can be read") {
                Event::Item(chunk) => lines.extend(chunk.lines),
                Event::End(end) => return Self { lines, end },
            }
        }
    }

    /// The bytes of all lines.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.lines.iter().flat_map(|line| line.data.to_vec()).collect()
    }

    /// The bytes as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }
}

/// SHA-256 in hex over the data of lines.
pub(crate) fn sha256<'a>(lines: impl IntoIterator<Item = &'a pb::JobLogLine>) -> String {
    let mut hash = Sha256::new();
    for line in lines {
        hash.update(&line.data);
    }
    hex::encode(hash.finalize())
}

/// One tail on one connection, without the client's resumption: what arrived until `messages` of them had, or until the
/// end. The cursor is that of the last message.
pub(crate) async fn cut_tail(client: &Client, job: &str, cursor: &str, messages: usize) -> Result<Cut, Error> {
    let request = pb::TailJobLogsRequest { name: job.to_owned(), cursor: cursor.to_owned(), follow: true };
    let mut stream = client.jobs().tail_job_logs(request).await?.into_inner();
    let mut cut = Cut { lines: Vec::new(), cursor: cursor.to_owned(), end: None };
    for _ in 0..messages {
        use pb::tail_job_logs_response::Event;
        let message = timeout(PATIENCE, stream.message()).await.expect("a tail is never silent for so long")?;
        match message.expect("a tail does not end without its end").event.expect("an event") {
            Event::Open(open) => cut.cursor = open.cursor,
            Event::Heartbeat(heartbeat) => cut.cursor = heartbeat.cursor,
            Event::Chunk(chunk) => {
                cut.cursor = chunk.cursor;
                cut.lines.extend(chunk.lines);
            }
            Event::End(end) => {
                cut.end = Some(end);
                break;
            }
        }
    }
    Ok(cut)
}

/// What one cut tail brought.
pub(crate) struct Cut {
    pub(crate) lines: Vec<pb::JobLogLine>,
    /// Where to resume.
    pub(crate) cursor: String,
    /// Only where the tail came to its end.
    pub(crate) end: Option<pb::JobLogEnd>,
}

/// A whole log as a browser gets it: one call by gRPC-web over HTTP/1.1.
pub(crate) async fn web_tail(app: &TestApp, job: &str) -> Log {
    use pb::tail_job_logs_response::Event;
    let bearer = format!("Bearer {}", app.session("dev").await.access_token);
    let request = pb::TailJobLogsRequest { name: job.to_owned(), follow: true, ..Default::default() };
    let path = "/flagstone.v1.JobService/TailJobLogs";
    let answer = grpc_web(app.address, path, &[("authorization", &bearer)], &request).await;
    assert!(answer.error().is_none(), "{:?}", answer.error());
    let (mut lines, mut end) = (Vec::new(), None);
    for message in answer.messages {
        match pb::TailJobLogsResponse::decode(message).expect("a message of the stream").event {
            Some(Event::Chunk(chunk)) => lines.extend(chunk.lines),
            Some(Event::End(last)) => end = Some(last),
            _ => {}
        }
    }
    Log { lines, end: end.expect("the end is in band") }
}
