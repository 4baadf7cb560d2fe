//! A scripted runner: it speaks the runner link over the network as a real one does, takes a job, and writes log lines as
//! fast or as slowly as a benchmark wants.

use std::net::SocketAddr;
use std::time::Duration;

use flagstone_api::pb;
use flagstone_api::pb::runner_link_service_client::RunnerLinkServiceClient;
use flagstone_api::pb::work_request::Message as Tell;
use flagstone_api::pb::work_response::Message as Told;
use flagstone_core::runner::PROTOCOL;
use flagstone_server::token::{self, TokenKind};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_postgres::Client;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::UnboundedReceiverStream;
use uuid::Uuid;

use crate::client::{self, Bearer, Caller};
use crate::{Error, Result};

/// How often it says that it lives: far below any lease.
const HEARTBEAT: Duration = Duration::from_secs(3);

/// A registered runner with an open work stream.
pub(crate) struct Runner {
    client: RunnerLinkServiceClient<Caller>,
    tell: mpsc::UnboundedSender<Tell>,
    jobs: mpsc::UnboundedReceiver<pb::JobAssignment>,
    tasks: Vec<JoinHandle<()>>,
}

/// A job that it has.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) lease: pb::JobLeaseRef,
    next_seq: i64,
}

impl Job {
    /// Number of the next line.
    pub(crate) fn next_seq(&self) -> i64 {
        self.next_seq
    }
}

impl Runner {
    /// Makes a credential in the database, which is an administrator's business, then registers like anybody.
    pub(crate) async fn register(database: &Client, address: SocketAddr) -> Result<Self> {
        let (token, sha256) = token::mint(TokenKind::Runner)?;
        let statement =
            "INSERT INTO runners (id, slug, adoption, embedded, token_sha256) VALUES ($1, $2, 'ADOPTED', false, $3)";
        let slug = format!("bench-{}", Uuid::new_v4().simple());
        database.execute(statement, &[&Uuid::new_v4(), &slug, &sha256.as_slice()]).await?;
        let bearer = Bearer::new(&token)?;
        let mut client = RunnerLinkServiceClient::new(client::caller(address, &bearer).await?);
        let engine = pb::RunnerEngine { engine: pb::Engine::Terraform.into(), version: "1.11.0".to_owned() };
        let register = pb::RegisterRunnerRequest {
            protocol_version: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            engines: vec![engine],
            capacity: 1,
            ..Default::default()
        };
        client.register_runner(register).await?;

        let (tell, told) = mpsc::unbounded_channel();
        let (found, jobs) = mpsc::unbounded_channel();
        let messages = UnboundedReceiverStream::new(told).map(|message| pb::WorkRequest { message: Some(message) });
        // Said before the stream is opened: the server answers its headers when it has something to say.
        tell.send(Tell::Capacity(pb::WorkCapacity { free: 0 })).map_err(|_| "the work stream is closed")?;
        let mut stream = client.work(messages).await?.into_inner();
        #[expect(clippy::disallowed_methods, reason = "a benchmark has no shutdown that waits for tasks")]
        let receive = tokio::spawn(async move {
            while let Ok(Some(message)) = stream.message().await {
                if let Some(Told::Assignment(job)) = message.message
                    && found.send(job).is_err()
                {
                    return;
                }
            }
        });
        Ok(Self { client, tell, jobs, tasks: vec![receive] })
    }

    /// Takes the next job and keeps its lease alive.
    pub(crate) async fn take(&mut self) -> Result<Job> {
        let closed = || Error::from("the work stream is closed");
        self.tell.send(Tell::Capacity(pb::WorkCapacity { free: 1 })).map_err(|_| closed())?;
        let assignment = tokio::time::timeout(Duration::from_secs(20), self.jobs.recv()).await?.ok_or_else(closed)?;
        self.tell.send(Tell::Capacity(pb::WorkCapacity { free: 0 })).map_err(|_| closed())?;
        let lease = assignment.job.ok_or("an assignment names its job")?;
        let (tell, beat) = (self.tell.clone(), pb::WorkHeartbeat { jobs: vec![lease.clone()] });
        #[expect(clippy::disallowed_methods, reason = "a benchmark has no shutdown that waits for tasks")]
        self.tasks.push(tokio::spawn(async move {
            while tell.send(Tell::Heartbeat(beat.clone())).is_ok() {
                tokio::time::sleep(HEARTBEAT).await;
            }
        }));
        Ok(Job { lease, next_seq: assignment.next_log_seq.max(1) })
    }

    /// Appends lines; returns when they are committed.
    pub(crate) async fn append(&mut self, job: &mut Job, lines: impl Iterator<Item = Vec<u8>>) -> Result<()> {
        let now = std::time::SystemTime::now();
        let lines: Vec<pb::JobLogLine> = (job.next_seq..)
            .zip(lines)
            .map(|(seq, data)| pb::JobLogLine {
                seq,
                time: Some(now.into()),
                step: "plan".to_owned(),
                stream: pb::LogStream::Stdout.into(),
                data: data.into(),
                ..pb::JobLogLine::default()
            })
            .collect();
        job.next_seq += i64::try_from(lines.len())?;
        let request = pb::AppendJobLogsRequest { job: Some(job.lease.clone()), lines, dropped: 0 };
        self.client.append_job_logs(request).await?;
        Ok(())
    }

    /// Ends a job as failed, which ends its log.
    pub(crate) async fn fail(&mut self, job: Job) -> Result<()> {
        for task in self.tasks.drain(1..) {
            task.abort();
        }
        let error = pb::JobError { message: "The benchmark is over.".to_owned(), ..pb::JobError::default() };
        let failed = pb::FailureOutcome { error: Some(error), transient: false };
        let request = pb::CompleteJobRequest {
            job: Some(job.lease),
            outcome: Some(pb::complete_job_request::Outcome::Failed(failed)),
        };
        self.client.complete_job(request).await?;
        Ok(())
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}
