//! Who is there: the runner registers, keeps its work stream, and starts and stops attempts as the server says.
//!
//! A stream that breaks is opened anew and the jobs at hand are named on it. When the server was silent for a lease,
//! the leases are taken for lost: another runner may have the jobs by then.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use flagstone_api::pb;
use flagstone_api::pb::work_request::Message as Say;
use flagstone_api::pb::work_response::Message as Hear;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

use super::Runner;
use super::attempt::{Ask, Attempt, Left, Stop};
use super::directory::JobDirectory;
use super::recovery::recover;
use flagstone_core::runner::PROTOCOL;

/// The pauses between attempts to reach the server.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Messages under way to the server.
const OUTBOX: usize = 64;

/// The lease until the server has said how long it is.
const LEASE: Duration = Duration::from_secs(15);

/// The runner's life.
pub(super) struct Presence {
    runner: Arc<Runner>,
    /// The process is about to end.
    shutdown: CancellationToken,
    /// How long jobs may go on after that.
    patience: Duration,
    jobs: HashMap<String, Running>,
    attempts: JoinSet<(String, i64, Left)>,
    recoveries: JoinSet<()>,
    asks: mpsc::Receiver<Ask>,
    ask: mpsc::Sender<Ask>,
    /// When the server was last heard.
    heard: Instant,
    lease: Duration,
    drained: bool,
}

/// A job at hand.
struct Running {
    fence: i64,
    /// Which of the attempts it is.
    task: tokio::task::Id,
    /// It changes nothing, so that somebody else may do it again.
    may_rerun: bool,
    stop: Stop,
    /// Waits for the verdict on its apply.
    verdict: Option<oneshot::Sender<pb::WorkApplyVerdict>>,
}

/// How a stream ended.
#[derive(PartialEq, Eq)]
enum End {
    /// Open it anew.
    Broken,
    /// The runner is to go.
    Gone,
}

impl Presence {
    pub(super) fn new(runner: Arc<Runner>, shutdown: CancellationToken, patience: Duration) -> Self {
        let (ask, asks) = mpsc::channel(OUTBOX);
        Self {
            runner,
            shutdown,
            patience,
            jobs: HashMap::new(),
            attempts: JoinSet::new(),
            recoveries: JoinSet::new(),
            asks,
            ask,
            heard: Instant::now(),
            lease: LEASE,
            drained: false,
        }
    }

    /// Works until the process ends.
    pub(super) async fn run(mut self) {
        self.recover_leftovers();
        let mut pause = PAUSE_MIN;
        loop {
            match self.connect().await {
                Ok((outbox, inbox)) => {
                    pause = PAUSE_MIN;
                    if self.attend(outbox, inbox).await == End::Gone {
                        break;
                    }
                }
                Err(status) => {
                    tracing::warn!(%status, retry_in = ?pause, "The runner does not reach the server.");
                }
            }
            if self.wait_without_stream(pause).await == End::Gone {
                break;
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
        // Dropping the attempts lets their supervisors end the engines; the directories stay for the next start.
        self.let_go();
        self.attempts.shutdown().await;
        self.recoveries.shutdown().await;
    }

    fn recover_leftovers(&mut self) {
        match JobDirectory::leftovers(&self.runner.jobs_dir) {
            Ok(found) => found.into_iter().for_each(|directory| self.recover(directory)),
            Err(error) => tracing::error!(%error, "What earlier jobs left cannot be looked at."),
        }
    }

    fn recover(&mut self, directory: JobDirectory) {
        self.recoveries.spawn(recover(self.runner.clone(), directory, self.shutdown.clone()));
    }

    /// Registers and opens the work stream.
    async fn connect(&mut self) -> Result<(mpsc::Sender<pb::WorkRequest>, Streaming<pb::WorkResponse>), Status> {
        let version = match self.runner.engine.detect().await {
            Ok(found) => found.version,
            Err(error) => {
                // It takes jobs all the same: each of them then fails and says what is missing.
                tracing::warn!(%error, "The embedded runner has no engine.");
                String::new()
            }
        };
        let capacity = i32::try_from(self.runner.config.capacity).unwrap_or(i32::MAX);
        let engine = pb::RunnerEngine { engine: pb::Engine::Terraform.into(), version };
        let mut client = self.runner.link.client();
        let registered = client
            .register_runner(pb::RegisterRunnerRequest {
                protocol_version: PROTOCOL,
                version: env!("CARGO_PKG_VERSION").to_owned(),
                engines: vec![engine],
                capacity,
            })
            .await?
            .into_inner();
        self.lease = Duration::from_millis(u64::try_from(registered.lease_ms).unwrap_or_default().max(100));
        let (outbox, messages) = mpsc::channel(OUTBOX);
        // The jobs at hand first, so that they are the server's before it offers others.
        self.say(&outbox, self.heartbeat()).await;
        self.say(&outbox, self.capacity()).await;
        let inbox = client.work(ReceiverStream::new(messages)).await?.into_inner();
        self.heard = Instant::now();
        Ok((outbox, inbox))
    }

    /// Does what the stream says until it breaks or the runner is to go.
    async fn attend(&mut self, outbox: mpsc::Sender<pb::WorkRequest>, mut inbox: Streaming<pb::WorkResponse>) -> End {
        let mut beat = interval(self.lease / 3);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let shutdown = self.shutdown.clone();
        let mut deadline = None;
        loop {
            if self.drained && self.jobs.is_empty() {
                return End::Gone;
            }
            tokio::select! {
                message = inbox.message() => match message {
                    Ok(Some(message)) => {
                        self.heard = Instant::now();
                        if let Some(message) = message.message {
                            self.heed(message);
                        }
                    }
                    Ok(None) => return End::Broken,
                    Err(status) => {
                        tracing::debug!(%status, "The work stream broke.");
                        return End::Broken;
                    }
                },
                _ = beat.tick() => {
                    if self.heard.elapsed() > self.lease {
                        return End::Broken;
                    }
                    self.say(&outbox, self.heartbeat()).await;
                }
                Some(ask) = self.asks.recv() => {
                    if let Some(message) = self.note(ask) {
                        self.say(&outbox, message).await;
                    }
                }
                Some(ended) = self.attempts.join_next() => {
                    self.ended(ended);
                    self.say(&outbox, self.capacity()).await;
                }
                Some(_) = self.recoveries.join_next() => {}
                () = shutdown.cancelled(), if deadline.is_none() => {
                    self.drained = true;
                    self.hand_back();
                    deadline = Some(Instant::now() + self.patience);
                }
                () = sleep_until(deadline) => return End::Gone,
            }
        }
    }

    /// Goes on with the jobs at hand while there is no stream.
    async fn wait_without_stream(&mut self, pause: Duration) -> End {
        // Who waits for a verdict waits in vain.
        self.jobs.values_mut().for_each(|job| job.verdict = None);
        let over = Instant::now() + pause;
        while Instant::now() < over {
            if self.heard.elapsed() > self.lease {
                self.let_go();
            }
            let shutdown = self.shutdown.clone();
            tokio::select! {
                () = tokio::time::sleep_until(over) => {}
                () = sleep(self.lease / 3) => {}
                Some(ask) = self.asks.recv() => drop(ask),
                Some(ended) = self.attempts.join_next() => self.ended(ended),
                () = shutdown.cancelled() => return End::Gone,
            }
        }
        End::Broken
    }

    fn heed(&mut self, message: Hear) {
        match message {
            Hear::Assignment(assignment) => self.begin(assignment),
            Hear::Cancel(cancel) => {
                if let Some(job) = self.find(cancel.job.as_ref()) {
                    job.stop.reason.store(cancel.reason, Ordering::Relaxed);
                    job.stop.cancel.cancel();
                }
            }
            Hear::ApplyVerdict(verdict) => {
                let waiting = self.find(verdict.job.as_ref()).and_then(|job| job.verdict.take());
                if let Some(waiting) = waiting {
                    // An attempt that was dropped meanwhile does not start anything.
                    let _ = waiting.send(verdict);
                }
            }
            Hear::Revoked(revoked) => {
                for lost in &revoked.jobs {
                    if let Some(job) = self.find(Some(lost)) {
                        job.stop.lost.cancel();
                    }
                }
            }
            Hear::Drain(_) => self.drained = true,
            Hear::Ping(_) => {}
        }
    }

    fn begin(&mut self, assignment: pb::JobAssignment) {
        let Some(job) = assignment.job.clone() else { return };
        let stop = Stop::default();
        let may_rerun = assignment.kind() == pb::JobKind::Plan;
        let attempt = Attempt { runner: self.runner.clone(), assignment, stop: stop.clone(), asks: self.ask.clone() };
        let (name, fence) = (job.job.clone(), job.fence);
        let task = self.attempts.spawn(async move { (name, fence, attempt.run().await) }).id();
        let running = Running { fence, task, may_rerun, stop, verdict: None };
        if let Some(older) = self.jobs.insert(job.job, running) {
            // The same job under a newer fence: this runner had lost it without noticing.
            older.stop.lost.cancel();
        }
    }

    fn ended(&mut self, ended: Result<(String, i64, Left), tokio::task::JoinError>) {
        match ended {
            Ok((job, fence, left)) => {
                if self.jobs.get(&job).is_some_and(|running| running.fence == fence) {
                    self.jobs.remove(&job);
                }
                if let Left::Lost(directory) = left {
                    self.recover(directory);
                }
            }
            // Its lease runs out, since it is not named any more, and its directory is found at the next start.
            Err(error) => {
                tracing::error!(%error, "An attempt panicked.");
                self.jobs.retain(|_, running| running.task != error.id());
            }
        }
    }

    fn note(&mut self, ask: Ask) -> Option<Say> {
        let job = self.find(ask.start.job.as_ref())?;
        job.verdict = Some(ask.verdict);
        Some(Say::ApplyStart(ask.start))
    }

    fn find(&mut self, job: Option<&pb::JobLeaseRef>) -> Option<&mut Running> {
        let job = job?;
        self.jobs.get_mut(&job.job).filter(|running| running.fence == job.fence)
    }

    /// Stops what changes nothing, so that another runner has it soon. What changes something gets its time.
    fn hand_back(&self) {
        for job in self.jobs.values().filter(|job| job.may_rerun) {
            job.stop.reason.store(pb::WorkCancelReason::Cancelled.into(), Ordering::Relaxed);
            job.stop.cancel.cancel();
        }
    }

    /// Drops every attempt: their leases are over, or the process ends.
    fn let_go(&mut self) {
        for job in self.jobs.values() {
            job.stop.lost.cancel();
        }
    }

    fn heartbeat(&self) -> Say {
        let jobs = self.jobs.iter().map(|(job, running)| pb::JobLeaseRef { job: job.clone(), fence: running.fence });
        Say::Heartbeat(pb::WorkHeartbeat { jobs: jobs.collect() })
    }

    fn capacity(&self) -> Say {
        let taken = u32::try_from(self.jobs.len()).unwrap_or(u32::MAX);
        let free = if self.drained { 0 } else { self.runner.config.capacity.saturating_sub(taken) };
        Say::Capacity(pb::WorkCapacity { free: i32::try_from(free).unwrap_or(i32::MAX) })
    }

    async fn say(&self, outbox: &mpsc::Sender<pb::WorkRequest>, message: Say) {
        // A stream that broke is noticed on its other side.
        let _ = outbox.send(pb::WorkRequest { message: Some(message) }).await;
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
