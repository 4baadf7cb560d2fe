//! Who is there: the runner registers, keeps its work stream, and starts and stops attempts as the server says.
//!
//! A stream that breaks is opened anew, to the next server where there are several, and the jobs at hand are named on it.
//! When the server was silent for a lease, the leases are taken for lost: another runner may have the jobs by then.
//!
//! A process that is asked to end takes nothing new. What has not begun it hands back at once, the rest gets its time; then
//! the engines are interrupted, so that they save their state, and at last let go.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use flagstone_api::pb;
use flagstone_api::pb::work_request::Message as Say;
use flagstone_api::pb::work_response::Message as Hear;
use flagstone_core::runner::PROTOCOL;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

use super::Runner;
use super::attempt::{Ask, Attempt, Left, Stop};
use super::directory::JobDirectory;
use super::link::is_passing;
use super::recovery::recover;

/// The pauses between attempts to reach the server.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Messages under way to the server.
const OUTBOX: usize = 64;

/// The lease until the server has said how long it is.
const LEASE: Duration = Duration::from_secs(15);

/// How long jobs may go on when the process is about to end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Until then nothing that runs is disturbed.
    pub(super) finish: Duration,
    /// So much longer may engines need that were interrupted.
    pub(super) interrupt: Duration,
}

/// The runner's life.
pub(super) struct Presence {
    runner: Arc<Runner>,
    /// The process is about to end.
    shutdown: CancellationToken,
    /// How long jobs may go on after that.
    patience: Patience,
    /// When that is over, once it has begun.
    deadline: Option<Instant>,
    interrupted: bool,
    jobs: HashMap<String, Running>,
    attempts: JoinSet<(String, i64, Left)>,
    recoveries: JoinSet<()>,
    asks: mpsc::Receiver<Ask>,
    ask: mpsc::Sender<Ask>,
    /// When the server was last heard.
    heard: Instant,
    lease: Duration,
    /// It takes nothing new, and goes when it has nothing left.
    drained: bool,
    /// Somebody drained it: it takes nothing new, and stays.
    paused: bool,
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

impl Running {
    /// Has the engine end in order. Its outcome is told, and a job that changed nothing goes back to the queue.
    fn cancel(&self) {
        self.stop.reason.store(pb::WorkCancelReason::Cancelled.into(), Ordering::Relaxed);
        self.stop.cancel.cancel();
    }
}

/// How a stream ended.
#[derive(PartialEq, Eq)]
enum End {
    /// Open it anew.
    Broken,
    /// The runner is to go.
    Gone,
}

/// What a message of the server asks for beyond what it says.
#[derive(PartialEq, Eq)]
enum Heeded {
    Done,
    /// The server is to be told what is free.
    TellCapacity,
}

impl Presence {
    pub(super) fn new(runner: Arc<Runner>, shutdown: CancellationToken, patience: Patience) -> Self {
        let (ask, asks) = mpsc::channel(OUTBOX);
        Self {
            runner,
            shutdown,
            patience,
            deadline: None,
            interrupted: false,
            jobs: HashMap::new(),
            attempts: JoinSet::new(),
            recoveries: JoinSet::new(),
            asks,
            ask,
            heard: Instant::now(),
            lease: LEASE,
            drained: false,
            paused: false,
        }
    }

    /// Works until the process ends. Fails where a runner elsewhere is refused for good: its credential opens nothing any
    /// more, or the server does not speak its version of the link or know its labels.
    pub(super) async fn run(mut self) -> Result<(), Status> {
        self.recover_leftovers();
        let mut pause = PAUSE_MIN;
        let mut refused = Ok(());
        loop {
            match self.connect().await {
                Ok((outbox, inbox)) => {
                    pause = PAUSE_MIN;
                    if self.attend(outbox, inbox).await == End::Gone {
                        break;
                    }
                }
                // What is refused to the embedded runner is the server's own fault, and may pass.
                Err(status) if !self.runner.embedded && !is_passing(&status) => {
                    refused = Err(status);
                    break;
                }
                Err(status) => {
                    tracing::warn!(%status, retry_in = ?pause, "The runner does not reach the server.");
                }
            }
            self.runner.link.turn_to_next();
            if self.wait_without_stream(pause).await == End::Gone {
                break;
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
        // Dropping the attempts lets their supervisors end the engines; the directories stay for the next start.
        self.let_go();
        self.attempts.shutdown().await;
        self.recoveries.shutdown().await;
        refused
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
                tracing::warn!(%error, "The runner has no engine.");
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
                labels: self.runner.labels.clone(),
            })
            .await?
            .into_inner();
        if registered.protocol_version / 1000 != PROTOCOL / 1000 {
            tracing::warn!(version = registered.protocol_version, "The server agreed on a version that is not ours.");
        }
        if registered.state() == pb::RunnerState::Pending {
            tracing::info!(runner = registered.runner, "This runner waits until somebody adopts it.");
        }
        // On this stream nobody has said otherwise yet.
        self.paused = false;
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
        loop {
            if self.drained && self.jobs.is_empty() {
                return End::Gone;
            }
            tokio::select! {
                message = inbox.message() => match message {
                    Ok(Some(message)) => {
                        self.heard = Instant::now();
                        if message.message.map(|message| self.heed(message)) == Some(Heeded::TellCapacity) {
                            self.say(&outbox, self.capacity()).await;
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
                () = shutdown.cancelled(), if self.deadline.is_none() => {
                    self.leave();
                    self.say(&outbox, self.capacity()).await;
                }
                () = sleep_until(self.deadline) => if self.interrupt() == End::Gone {
                    return End::Gone;
                },
            }
        }
    }

    /// Goes on with the jobs at hand while there is no stream.
    async fn wait_without_stream(&mut self, pause: Duration) -> End {
        // Who waits for a verdict waits in vain.
        self.jobs.values_mut().for_each(|job| job.verdict = None);
        let over = Instant::now() + pause;
        while Instant::now() < over {
            if self.drained && self.jobs.is_empty() {
                return End::Gone;
            }
            if self.heard.elapsed() > self.lease {
                self.let_go();
            }
            let shutdown = self.shutdown.clone();
            tokio::select! {
                () = tokio::time::sleep_until(over) => {}
                () = sleep(self.lease / 3) => {}
                Some(ask) = self.asks.recv() => drop(ask),
                Some(ended) = self.attempts.join_next() => self.ended(ended),
                () = shutdown.cancelled(), if self.deadline.is_none() => self.leave(),
                () = sleep_until(self.deadline) => if self.interrupt() == End::Gone {
                    return End::Gone;
                },
            }
        }
        End::Broken
    }

    fn heed(&mut self, message: Hear) -> Heeded {
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
            Hear::Drain(drain) => match drain.reason() {
                pb::WorkDrainReason::RunnerDrained => {
                    tracing::info!(jobs = self.jobs.len(), "This runner is drained: it takes nothing new.");
                    self.paused = true;
                }
                _ if self.runner.embedded => self.drained = true,
                // Its stream ends in a moment; the jobs go on, and another server is found.
                _ => tracing::info!("The server shuts down."),
            },
            Hear::Resume(_) => {
                tracing::info!("This runner takes jobs again.");
                self.paused = false;
                return Heeded::TellCapacity;
            }
            Hear::Ping(_) => {}
        }
        Heeded::Done
    }

    fn begin(&mut self, assignment: pb::JobAssignment) {
        let Some(job) = assignment.job.clone() else { return };
        let stop = Stop::default();
        let may_rerun = assignment.kind() == pb::JobKind::Plan;
        let attempt = Attempt { runner: self.runner.clone(), assignment, stop: stop.clone(), asks: self.ask.clone() };
        let (name, fence) = (job.job.clone(), job.fence);
        let task = self.attempts.spawn(async move { (name, fence, attempt.run().await) }).id();
        let running = Running { fence, task, may_rerun, stop, verdict: None };
        if self.drained {
            // Offered before the server heard that this runner takes nothing new: it goes back at once.
            running.cancel();
        }
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

    /// The process is about to end: nothing new, and what can be done elsewhere is handed back.
    fn leave(&mut self) {
        self.drained = true;
        self.deadline = Some(Instant::now() + self.patience.finish);
        tracing::info!(jobs = self.jobs.len(), "This runner ends when its jobs have.");
        // A server that ends has no time for plans. A runner elsewhere keeps what has begun.
        let is_kept = |job: &Running| match self.runner.embedded {
            true => !job.may_rerun,
            false => job.stop.begun.load(Ordering::Relaxed),
        };
        self.jobs.values().filter(|job| !is_kept(job)).for_each(Running::cancel);
    }

    /// The time to finish is over: engines are interrupted and get a little more to save what they have. After that the
    /// runner goes.
    fn interrupt(&mut self) -> End {
        if self.interrupted || self.patience.interrupt.is_zero() {
            return End::Gone;
        }
        self.interrupted = true;
        self.deadline = Some(Instant::now() + self.patience.interrupt);
        tracing::warn!(jobs = self.jobs.len(), "The time to finish is over: the engines are interrupted.");
        self.jobs.values().for_each(Running::cancel);
        End::Broken
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
        let free = if self.drained || self.paused { 0 } else { self.runner.config.capacity.saturating_sub(taken) };
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
