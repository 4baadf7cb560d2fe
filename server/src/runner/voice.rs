//! What an engine says, on its way into the job's log and progress.
//!
//! The first lines are sent at once, so that whoever watches sees something; after that at most every 50 ms, so that a
//! chatty engine makes few large chunks. Lines that are too many keep the head and the tail of the log.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::Utc;
use flagstone_api::pb;
use flagstone_engines::engine::{LogLevel, LogLine, LogStream, Progress, Sink, Step};
use flagstone_engines::lines::{HEAD, Overflow, TAIL};
use futures::future::BoxFuture;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use super::link::{Client, Failure, Link};
use crate::convert::timestamp;

/// The time between two chunks.
const CHUNK_PAUSE: Duration = Duration::from_millis(50);

/// A chunk that has so much data does not wait.
const CHUNK_FULL: usize = 32 * 1024;

/// Most data of one call, with room for what stands around it.
const CALL_MAX: usize = 512 * 1024;

/// Most lines of one call: short lines weigh more than their data.
const LINES_MAX: usize = 4_000;

/// An engine that has said so much more than was sent is slowed down.
const BACKLOG: usize = 4 * 1024 * 1024;

/// The time between two reports of progress.
const PROGRESS_PAUSE: Duration = Duration::from_millis(100);

/// Takes what an engine says, and sends it.
pub(super) struct Voice {
    spoken: Mutex<Spoken>,
    /// Something was said, or it is over.
    said: Notify,
    /// Something was sent.
    sent: Notify,
    progress: watch::Sender<Option<Progress>>,
}

struct Spoken {
    lines: VecDeque<pb::JobLogLine>,
    /// Data of `lines`.
    bytes: usize,
    /// There until the end.
    overflow: Option<Overflow<pb::JobLogLine>>,
    dropped: i64,
    over: bool,
    /// Nobody listens any more.
    deaf: bool,
}

impl Voice {
    /// A voice that has said nothing.
    pub(super) fn new() -> Self {
        Self {
            spoken: Mutex::new(Spoken {
                lines: VecDeque::new(),
                bytes: 0,
                overflow: Some(Overflow::new(HEAD, TAIL)),
                dropped: 0,
                over: false,
                deaf: false,
            }),
            said: Notify::new(),
            sent: Notify::new(),
            progress: watch::Sender::new(None),
        }
    }

    /// A line of the runner's own.
    pub(super) fn system(&self, step: Step, level: LogLevel, text: &str) {
        let data = format!("{text}\n").into();
        self.log(LogLine { step, stream: LogStream::System, level, data, continued: false });
    }

    /// The engine says nothing more: what was kept for the end is let go.
    pub(super) fn finish(&self) {
        let mut spoken = self.spoken();
        if let Some(overflow) = spoken.overflow.take() {
            let (dropped, tail) = overflow.finish();
            if let Some(dropped) = dropped {
                spoken.dropped = i64::try_from(dropped.lines).unwrap_or(i64::MAX);
                spoken.take(pb::JobLogLine {
                    time: Some(timestamp(Utc::now())),
                    stream: pb::LogStream::System.into(),
                    level: pb::LogLevel::Warning.into(),
                    data: dropped.marker().into_bytes().into(),
                    ..pb::JobLogLine::default()
                });
            }
            for line in tail {
                spoken.take(line);
            }
        }
        spoken.over = true;
        drop(spoken);
        self.said.notify_one();
    }

    /// Sends lines until all that was said before [`Voice::finish`] is with the server, or the lease is lost. `next_seq`
    /// is the number of the first line.
    pub(super) async fn send_lines(&self, link: &Link, job: &pb::JobLeaseRef, next_seq: i64, lost: &CancellationToken) {
        let mut seq = next_seq;
        let mut earliest = Instant::now();
        loop {
            let said = self.said.notified();
            let (waiting, over) = {
                let spoken = self.spoken();
                (spoken.bytes, spoken.over)
            };
            let empty = self.spoken().lines.is_empty();
            if empty && over {
                return;
            }
            if empty {
                said.await;
                continue;
            }
            if !over && waiting < CHUNK_FULL && Instant::now() < earliest {
                // Wakes early when the chunk is full or the engine has ended.
                let _ = timeout_at(earliest, said).await;
                continue;
            }
            let (mut lines, dropped) = self.spoken().next_batch();
            for line in &mut lines {
                line.seq = seq;
                seq += 1;
            }
            earliest = Instant::now() + CHUNK_PAUSE;
            let request = pb::AppendJobLogsRequest { job: Some(job.clone()), lines, dropped };
            let call = |mut client: Client| {
                let request = request.clone();
                async move { client.append_job_logs(request).await }
            };
            if let Err(failure) = link.insist(lost, call).await {
                tracing::debug!(job = job.job, ?failure, "The log of a job is not taken any more.");
                let mut spoken = self.spoken();
                spoken.deaf = true;
                spoken.lines.clear();
                spoken.bytes = 0;
            }
            self.sent.notify_waiters();
        }
    }

    /// Reports the latest progress now and then, until the future is dropped or the lease is lost.
    pub(super) async fn send_progress(&self, link: &Link, job: &pb::JobLeaseRef, lost: &CancellationToken) {
        let mut latest = self.progress.subscribe();
        while latest.changed().await.is_ok() {
            let progress = latest.borrow_and_update().as_ref().map(to_proto);
            let request = pb::ReportJobProgressRequest { job: Some(job.clone()), progress };
            let call = |mut client: Client| {
                let request = request.clone();
                async move { client.report_job_progress(request).await }
            };
            if let Err(Failure::Lost) = link.insist(lost, call).await {
                return;
            }
            sleep(PROGRESS_PAUSE).await;
        }
    }

    fn spoken(&self) -> MutexGuard<'_, Spoken> {
        self.spoken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spoken {
    fn take(&mut self, line: pb::JobLogLine) {
        if !self.deaf {
            self.bytes += line.data.len();
            self.lines.push_back(line);
        }
    }

    fn next_batch(&mut self) -> (Vec<pb::JobLogLine>, i64) {
        let (mut lines, mut bytes) = (Vec::new(), 0);
        while let Some(line) = self.lines.front() {
            if !lines.is_empty() && (bytes + line.data.len() > CALL_MAX || lines.len() == LINES_MAX) {
                break;
            }
            bytes += line.data.len();
            lines.extend(self.lines.pop_front());
        }
        self.bytes = self.bytes.saturating_sub(bytes);
        (lines, self.dropped)
    }
}

impl Sink for Voice {
    fn log(&self, line: LogLine) {
        let (bytes, ends_line) = (line.data.len(), !line.continued);
        let line = pb::JobLogLine {
            seq: 0,
            time: Some(timestamp(Utc::now())),
            step: line.step.as_str().to_owned(),
            stream: stream(line.stream).into(),
            level: level(line.level).into(),
            data: line.data,
            continued: line.continued,
            attempt: 0,
        };
        let mut spoken = self.spoken();
        let passed = match &mut spoken.overflow {
            Some(overflow) => overflow.push(line, bytes, ends_line),
            None => Some(line),
        };
        if let Some(line) = passed {
            spoken.take(line);
        }
        drop(spoken);
        self.said.notify_one();
    }

    fn progress(&self, progress: Progress) {
        self.progress.send_replace(Some(progress));
    }

    fn ready(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            loop {
                let sent = self.sent.notified();
                let full = {
                    let spoken = self.spoken();
                    !spoken.deaf && spoken.bytes > BACKLOG
                };
                if !full {
                    return;
                }
                sent.await;
            }
        })
    }
}

fn to_proto(progress: &Progress) -> pb::JobProgress {
    let number = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
    pb::JobProgress {
        step: progress.step.as_str().to_owned(),
        current: number(progress.current),
        total: number(progress.total),
        percent: progress.percent.into(),
        message: progress.message.clone(),
    }
}

const fn stream(stream: LogStream) -> pb::LogStream {
    match stream {
        LogStream::Stdout => pb::LogStream::Stdout,
        LogStream::Stderr => pb::LogStream::Stderr,
        LogStream::System => pb::LogStream::System,
    }
}

const fn level(level: LogLevel) -> pb::LogLevel {
    match level {
        LogLevel::Debug => pb::LogLevel::Debug,
        LogLevel::Info => pb::LogLevel::Info,
        LogLevel::Warning => pb::LogLevel::Warning,
        LogLevel::Error => pb::LogLevel::Error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(voice: &Voice, text: &str) {
        voice.system(Step::Plan, LogLevel::Info, text);
    }

    #[test]
    fn a_batch_stays_within_the_limits_of_a_call() {
        let voice = Voice::new();
        for _ in 0..40 {
            say(&voice, &"x".repeat(32 * 1024 - 1));
        }
        let (lines, _) = voice.spoken().next_batch();
        assert_eq!(lines.len(), CALL_MAX / (32 * 1024));
        for _ in 0..LINES_MAX {
            say(&voice, "");
        }
        let mut batches = 0;
        while !voice.spoken().lines.is_empty() {
            assert!(voice.spoken().next_batch().0.len() <= LINES_MAX);
            batches += 1;
        }
        assert!(batches > 1);
        assert_eq!(voice.spoken().bytes, 0);
    }

    #[tokio::test]
    async fn an_engine_waits_while_nothing_is_sent() {
        let voice = Voice::new();
        voice.ready().await;
        for _ in 0..=BACKLOG / (32 * 1024) {
            say(&voice, &"x".repeat(32 * 1024 - 1));
        }
        let mut ready = voice.ready();
        assert!(futures::poll!(&mut ready).is_pending());
        while !voice.spoken().lines.is_empty() {
            voice.spoken().next_batch();
        }
        voice.sent.notify_waiters();
        ready.await;
    }
}
