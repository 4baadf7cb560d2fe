//! Following jobs and requests, their log and their changes, and taking exports of logs and of the audit.

use flagstone_api::pb::{
    AuditExportChunk, AuditExportEnd, ExportAuditEventsRequest, ExportAuditEventsResponse, ExportJobLogsRequest,
    ExportJobLogsResponse, JobLogChunk, JobLogEnd, JobLogExportChunk, JobLogExportEnd, JobUpdate, RequestUpdate,
    StreamEnd, TailJobLogsRequest, TailJobLogsResponse, WatchJobRequest, WatchJobResponse, WatchRequestRequest,
    WatchRequestResponse, export_audit_events_response, export_job_logs_response, tail_job_logs_response,
    watch_job_response, watch_request_response,
};
use futures::Stream;
use futures::future::{BoxFuture, FutureExt};
use sha2::{Digest, Sha256};
use tonic::{Status, Streaming};

use crate::client::Client;
use crate::error::Error;
use crate::resume::{Event, Feed, Step, resumed};

impl Client {
    /// The log of a job (`jobs/{id}`) after `cursor`; an empty one starts with the first line. With `follow` until the job
    /// has ended, else until the last line there is.
    ///
    /// The stream is opened again with the last cursor after a cut, so each line comes once. Line numbers are checked, and
    /// from the first line on also the SHA-256 over all data.
    ///
    /// # Errors
    /// DATA_LOSS `CHECKSUM_MISMATCH` where a line is missing or the hash differs; what the server answers; UNAVAILABLE
    /// after two minutes without a message.
    pub fn tail_job_logs(
        &self,
        job: &str,
        cursor: &str,
        follow: bool,
    ) -> impl Stream<Item = Result<Event<JobLogChunk, JobLogEnd>, Error>> + Send + use<> {
        let whole = cursor.is_empty();
        let feed = Logs {
            request: TailJobLogsRequest { name: job.to_owned(), cursor: String::new(), follow },
            last_seq: whole.then_some(0),
            hash: whole.then(Sha256::new),
        };
        resumed(self.clone(), feed, cursor.to_owned())
    }

    /// A job (`jobs/{id}`) as it is, then again after every change, until it has ended. Survives cuts as
    /// [`Client::tail_job_logs`] does.
    ///
    /// # Errors
    /// What the server answers; UNAVAILABLE after two minutes without a message.
    pub fn watch_job(
        &self,
        job: &str,
        cursor: &str,
    ) -> impl Stream<Item = Result<Event<JobUpdate>, Error>> + Send + use<> {
        let feed = Jobs { name: job.to_owned(), last: String::new() };
        resumed(self.clone(), feed, cursor.to_owned())
    }

    /// A request as it is, then again after every change, until it has ended. Each timeline entry comes once. Survives cuts
    /// as [`Client::tail_job_logs`] does.
    ///
    /// # Errors
    /// What the server answers; UNAVAILABLE after two minutes without a message.
    pub fn watch_request(
        &self,
        request: &str,
        cursor: &str,
    ) -> impl Stream<Item = Result<Event<RequestUpdate>, Error>> + Send + use<> {
        let feed = Requests { name: request.to_owned(), last: String::new(), last_entry: 0 };
        resumed(self.clone(), feed, cursor.to_owned())
    }

    /// An export of the audit, chunk by chunk: joined they are the file. Survives cuts as [`Client::tail_job_logs`] does;
    /// where there was none, the SHA-256 over the whole file is checked.
    ///
    /// # Errors
    /// DATA_LOSS `CHECKSUM_MISMATCH` where the hash differs; what the server answers; UNAVAILABLE after two minutes without a
    /// message.
    pub fn export_audit_events(
        &self,
        request: ExportAuditEventsRequest,
    ) -> impl Stream<Item = Result<Event<AuditExportChunk, AuditExportEnd>, Error>> + Send + use<> {
        let cursor = request.cursor.clone();
        let feed = Export { request, hash: Sha256::new() };
        resumed(self.clone(), feed, cursor)
    }

    /// The log of a job as a file, in chunks. Survives cuts as [`Client::tail_job_logs`] does, and checks the SHA-256 of
    /// the file where the request has no cursor.
    ///
    /// # Errors
    /// DATA_LOSS `CHECKSUM_MISMATCH` where the hash differs; what the server answers; UNAVAILABLE after two minutes
    /// without a message.
    pub fn export_job_logs(
        &self,
        request: ExportJobLogsRequest,
    ) -> impl Stream<Item = Result<Event<JobLogExportChunk, JobLogExportEnd>, Error>> + Send + use<> {
        let cursor = request.cursor.clone();
        let feed = LogExport { hash: cursor.is_empty().then(Sha256::new), request };
        resumed(self.clone(), feed, cursor)
    }
}

struct Export {
    request: ExportAuditEventsRequest,
    /// Over all chunks.
    hash: Sha256,
}

impl Feed for Export {
    type Message = ExportAuditEventsResponse;
    type Item = AuditExportChunk;
    type End = AuditExportEnd;

    fn open(&self, client: Client, cursor: String) -> BoxFuture<'static, Result<Streaming<Self::Message>, Status>> {
        // The place that `open` told holds the checkpoint: a file that was begun goes on under it.
        let request = ExportAuditEventsRequest { cursor, ..self.request.clone() };
        async move { Ok(client.audit().export_audit_events(request).await?.into_inner()) }.boxed()
    }

    fn read(&mut self, message: Self::Message) -> Result<Step<Self::Item, Self::End>, Error> {
        use export_audit_events_response::Event;
        Ok(match message.event {
            Some(Event::Open(open)) => Step::Open(open.cursor),
            Some(Event::Chunk(chunk)) => {
                self.hash.update(&chunk.data);
                Step::Item(chunk.cursor.clone(), Some(chunk))
            }
            Some(Event::Heartbeat(heartbeat)) => Step::Heartbeat(heartbeat.cursor),
            Some(Event::End(end)) => {
                let hash = hex::encode(self.hash.clone().finalize());
                if !end.sha256.is_empty() && end.sha256 != hash {
                    return Err(Error::corrupt(
                        "The export that arrived does not have the SHA-256 that it should have.",
                    ));
                }
                Step::End(end.end.clone().unwrap_or_default(), end)
            }
            None => Step::Unknown,
        })
    }
}

struct LogExport {
    request: ExportJobLogsRequest,
    /// Over all chunks; only from the first one on.
    hash: Option<Sha256>,
}

impl Feed for LogExport {
    type Message = ExportJobLogsResponse;
    type Item = JobLogExportChunk;
    type End = JobLogExportEnd;

    fn open(&self, client: Client, cursor: String) -> BoxFuture<'static, Result<Streaming<Self::Message>, Status>> {
        let request = ExportJobLogsRequest { cursor, ..self.request.clone() };
        async move { Ok(client.jobs().export_job_logs(request).await?.into_inner()) }.boxed()
    }

    fn read(&mut self, message: Self::Message) -> Result<Step<Self::Item, Self::End>, Error> {
        use export_job_logs_response::Event;
        Ok(match message.event {
            Some(Event::Open(open)) => Step::Open(open.cursor),
            Some(Event::Chunk(chunk)) => {
                if let Some(hash) = &mut self.hash {
                    hash.update(&chunk.data);
                }
                Step::Item(chunk.cursor.clone(), Some(chunk))
            }
            Some(Event::Heartbeat(heartbeat)) => Step::Heartbeat(heartbeat.cursor),
            Some(Event::End(end)) => {
                let hash = self.hash.clone().map(|hash| hex::encode(hash.finalize()));
                if !end.sha256.is_empty() && hash.is_some_and(|hash| hash != end.sha256) {
                    return Err(Error::corrupt("The log that arrived does not have the SHA-256 that it should have."));
                }
                Step::End(end.end.clone().unwrap_or_default(), end)
            }
            None => Step::Unknown,
        })
    }
}

struct Logs {
    request: TailJobLogsRequest,
    /// Number of the last line; `None` until one came, where the tail does not start with the first.
    last_seq: Option<i64>,
    /// Over the data of all lines; only from the first line on.
    hash: Option<Sha256>,
}

impl Logs {
    /// Drops lines that came before and checks that none is missing.
    fn lines(&mut self, mut chunk: JobLogChunk) -> Result<Option<JobLogChunk>, Error> {
        if let Some(last) = self.last_seq {
            chunk.lines.retain(|line| line.seq > last);
        }
        for line in &chunk.lines {
            if let Some(last) = self.last_seq.filter(|last| line.seq != last + 1) {
                return Err(Error::corrupt(format!("Line {} of the log came after line {last}.", line.seq)));
            }
            self.last_seq = Some(line.seq);
            if let Some(hash) = &mut self.hash {
                hash.update(&line.data);
            }
        }
        Ok((!chunk.lines.is_empty()).then_some(chunk))
    }

    fn end(&self, end: &JobLogEnd) -> Result<(), Error> {
        if !end.complete {
            return Ok(());
        }
        if let Some(last) = self.last_seq.filter(|last| *last != end.last_seq) {
            return Err(Error::corrupt(format!(
                "The log ends with line {}, but {last} was the last to come.",
                end.last_seq
            )));
        }
        match &self.hash {
            Some(hash) if hex::encode(hash.clone().finalize()) != end.sha256 => {
                Err(Error::corrupt("The log that arrived does not have the SHA-256 that it should have."))
            }
            _ => Ok(()),
        }
    }
}

impl Feed for Logs {
    type Message = TailJobLogsResponse;
    type Item = JobLogChunk;
    type End = JobLogEnd;

    fn open(&self, client: Client, cursor: String) -> BoxFuture<'static, Result<Streaming<Self::Message>, Status>> {
        let request = TailJobLogsRequest { cursor, ..self.request.clone() };
        async move { Ok(client.jobs().tail_job_logs(request).await?.into_inner()) }.boxed()
    }

    fn read(&mut self, message: Self::Message) -> Result<Step<Self::Item, Self::End>, Error> {
        use tail_job_logs_response::Event;
        Ok(match message.event {
            Some(Event::Open(open)) => Step::Open(open.cursor),
            Some(Event::Chunk(chunk)) => Step::Item(chunk.cursor.clone(), self.lines(chunk)?),
            Some(Event::Heartbeat(heartbeat)) => Step::Heartbeat(heartbeat.cursor),
            Some(Event::End(end)) => {
                self.end(&end)?;
                Step::End(end.end.clone().unwrap_or_default(), end)
            }
            None => Step::Unknown,
        })
    }
}

struct Jobs {
    name: String,
    /// Cursor of the last update.
    last: String,
}

impl Feed for Jobs {
    type Message = WatchJobResponse;
    type Item = JobUpdate;
    type End = StreamEnd;

    fn open(&self, client: Client, cursor: String) -> BoxFuture<'static, Result<Streaming<Self::Message>, Status>> {
        let request = WatchJobRequest { name: self.name.clone(), cursor };
        async move { Ok(client.jobs().watch_job(request).await?.into_inner()) }.boxed()
    }

    fn read(&mut self, message: Self::Message) -> Result<Step<Self::Item, Self::End>, Error> {
        use watch_job_response::Event;
        Ok(match message.event {
            Some(Event::Open(open)) => Step::Open(open.cursor),
            Some(Event::Update(update)) => {
                let new = update.cursor != self.last;
                self.last.clone_from(&update.cursor);
                Step::Item(update.cursor.clone(), new.then_some(update))
            }
            Some(Event::Heartbeat(heartbeat)) => Step::Heartbeat(heartbeat.cursor),
            Some(Event::End(end)) => Step::End(end.clone(), end),
            None => Step::Unknown,
        })
    }
}

struct Requests {
    name: String,
    /// Cursor of the last update.
    last: String,
    /// Number of the last timeline entry.
    last_entry: i32,
}

impl Requests {
    /// The update without what came before.
    fn update(&mut self, mut update: RequestUpdate) -> Option<RequestUpdate> {
        let new = update.cursor != self.last;
        self.last.clone_from(&update.cursor);
        update.timeline.retain(|entry| entry.number > self.last_entry);
        if let Some(entry) = update.timeline.last() {
            self.last_entry = entry.number;
        }
        new.then_some(update)
    }
}

impl Feed for Requests {
    type Message = WatchRequestResponse;
    type Item = RequestUpdate;
    type End = StreamEnd;

    fn open(&self, client: Client, cursor: String) -> BoxFuture<'static, Result<Streaming<Self::Message>, Status>> {
        let request = WatchRequestRequest { name: self.name.clone(), cursor };
        async move { Ok(client.requests().watch_request(request).await?.into_inner()) }.boxed()
    }

    fn read(&mut self, message: Self::Message) -> Result<Step<Self::Item, Self::End>, Error> {
        use watch_request_response::Event;
        Ok(match message.event {
            Some(Event::Open(open)) => Step::Open(open.cursor),
            Some(Event::Update(update)) => Step::Item(update.cursor.clone(), self.update(update)),
            Some(Event::Heartbeat(heartbeat)) => Step::Heartbeat(heartbeat.cursor),
            Some(Event::End(end)) => Step::End(end.clone(), end),
            None => Step::Unknown,
        })
    }
}
