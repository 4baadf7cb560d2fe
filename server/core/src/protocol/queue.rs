//! The queue as the database has it, and everything that may happen to it, one transaction at a time.
//!
//! One [`Job`] stands for the rows that there are of a job: its own, its place in the line, its lease, its hold on the
//! concurrency key and its lock on the workspace. A [`Step`] is what one transaction does. It is refused, and changes
//! nothing, exactly where production refuses it.

use super::{ApplyStart, Ending, Facts, Lock, may_reap};
use crate::job::{JobEvent, JobKind, JobState};
use crate::machine::StateMachine;

/// A lease as it covers one job. The jobs of one batch have it alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    /// Which.
    pub batch: u32,
    /// The runner that has it.
    pub runner: u32,
    /// Its time is over. It lives on until it is taken away.
    pub expired: bool,
}

/// The lock on a job's workspace, while the job has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WorkspaceLock {
    /// Of the engine that has it.
    pub fence: i64,
    /// It is kept for an engine that may be on its way out.
    pub winding_down: bool,
}

/// A job in all its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Job {
    /// What it does.
    pub kind: JobKind,
    /// One job of a key runs at a time. The key is that of the workspace.
    pub key: u32,
    /// Where it stands.
    pub state: JobState,
    /// Attempts since it was enqueued or replayed.
    pub attempt: u32,
    /// Attempts after which a passing error is final.
    pub max_attempts: u32,
    /// Rises with every lease.
    pub fence: i64,
    /// It is recorded that its engine may change something.
    pub apply_started: bool,
    /// It stands in the line.
    pub ready: bool,
    /// Its lease.
    pub lease: Option<Lease>,
    /// The hold on its key is its own.
    pub holds_key: bool,
    /// The lock on its workspace is its own.
    pub lock: Option<WorkspaceLock>,
}

/// What one transaction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A runner takes a job of the line; the jobs of one batch are taken by one step each.
    Claim {
        /// Which.
        job: usize,
        /// Under which lease.
        batch: u32,
        /// Who.
        runner: u32,
    },
    /// A runner is heard of: its leases last on.
    Renew {
        /// Who.
        runner: u32,
    },
    /// The time of a lease is over.
    Expire {
        /// Which.
        batch: u32,
    },
    /// A runner announces that it is about to start an apply.
    ApplyStart {
        /// Which.
        job: usize,
        /// Under which fence.
        fence: i64,
        /// Who.
        runner: u32,
        /// The plan is the one that was approved, and still holds.
        holds: bool,
    },
    /// A runner writes: a line, a file, its progress.
    Write {
        /// Of which job.
        job: usize,
        /// Under which fence.
        fence: i64,
        /// Who.
        runner: u32,
    },
    /// A runner tells how the job ended.
    Complete {
        /// Which.
        job: usize,
        /// Under which fence.
        fence: i64,
        /// Who.
        runner: u32,
        /// How.
        ending: Ending,
    },
    /// Somebody asks for the end of a job.
    Cancel {
        /// Which.
        job: usize,
    },
    /// The reaper takes a job from a runner that was not heard of.
    Reap {
        /// Which.
        job: usize,
        /// The lease that it found to be over.
        batch: u32,
    },
    /// A job is taken from a runner that is there but does not name it.
    Abandon {
        /// Which.
        job: usize,
        /// Under which fence.
        fence: i64,
    },
    /// The server ends a job that runs past its hard time limit.
    TimeOut {
        /// Which.
        job: usize,
    },
    /// Somebody takes a job out of the dead letters.
    Replay {
        /// Which.
        job: usize,
    },
    /// A runner says that the engine of an attempt of its own is gone.
    Recover {
        /// Which.
        job: usize,
        /// Of the attempt.
        fence: i64,
        /// It is the runner which had the job last.
        is_holder: bool,
    },
    /// The time is over for which the lock was kept for a lost runner's engine.
    EndWindDown {
        /// Whose.
        job: usize,
    },
    /// An engine takes the lock on its workspace.
    LockWorkspace {
        /// Of which job.
        job: usize,
        /// Under which fence.
        fence: i64,
    },
}

/// What is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Done.
    Done,
    /// The apply may start: that is recorded.
    Start,
    /// The apply must not start.
    DoNotStart,
}

/// Why a step does not happen. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The job does not stand in the line.
    NotInLine,
    /// Another job has the key.
    KeyIsHeld,
    /// The lease of this runner under this fence is over.
    Stale,
    /// The lease was heard of again, or is another one.
    NotOver,
    /// The job's state does not allow it.
    WrongState,
    /// Another engine has the workspace.
    Locked,
}

impl Job {
    /// A job that was just enqueued.
    pub const fn new(kind: JobKind, key: u32, max_attempts: u32) -> Self {
        Self {
            kind,
            key,
            state: JobState::Queued,
            attempt: 0,
            max_attempts,
            fence: 0,
            apply_started: false,
            ready: true,
            lease: None,
            holds_key: false,
            lock: None,
        }
    }

    /// What decisions look at.
    pub const fn facts(&self) -> Facts {
        Facts {
            kind: self.kind,
            state: self.state,
            attempt: self.attempt,
            max_attempts: self.max_attempts,
            fence: self.fence,
            leased: self.lease.is_some(),
            apply_started: self.apply_started,
        }
    }

    /// Whether a runner has it under this fence.
    pub fn is_with(&self, runner: u32, fence: i64) -> bool {
        self.facts().is_current(fence) && self.lease.is_some_and(|lease| lease.runner == runner)
    }

    fn go(&mut self, event: JobEvent) -> Result<(), Refused> {
        self.state = self.state.step(event).ok_or(Refused::WrongState)?;
        Ok(())
    }

    /// The job leaves its runner, or the line, and goes where its new state says.
    fn end(&mut self, ending: Ending) -> Result<(), Refused> {
        let (event, lock) = self.facts().end(ending);
        self.go(event)?;
        self.ready = matches!(self.state, JobState::Queued | JobState::RetryWait);
        self.lease = None;
        match lock {
            Lock::Free => self.free(),
            Lock::KeepForWindDown => self.lock = Some(WorkspaceLock { fence: self.fence, winding_down: true }),
        }
        Ok(())
    }

    fn free(&mut self) {
        self.lock = None;
        self.holds_key = false;
    }

    /// The engine of a fence is gone.
    fn end_wind_down(&mut self, fence: i64) {
        if self.lock.is_some_and(|lock| lock.fence <= fence) {
            self.lock = None;
        }
        if self.facts().may_free_key(fence) {
            self.holds_key = false;
        }
    }

    fn start_apply(&mut self, holds: bool) -> Result<Answer, Refused> {
        match self.facts().apply_start() {
            ApplyStart::Refuse => {}
            ApplyStart::End => self.end(Ending::ProcessEnded)?,
            ApplyStart::Judge if holds => {
                self.go(JobEvent::ApplyStarting)?;
                self.apply_started = true;
                return Ok(Answer::Start);
            }
            // Its request is planned anew.
            ApplyStart::Judge => {
                self.go(JobEvent::Cancel)?;
                self.end(Ending::ProcessEnded)?;
            }
        }
        Ok(Answer::DoNotStart)
    }
}

/// Whether a job may be taken from the line: it stands there, and nobody has its key.
pub fn may_claim(jobs: &[Job], job: usize) -> Result<(), Refused> {
    if !jobs[job].ready {
        return Err(Refused::NotInLine);
    }
    let key = jobs[job].key;
    if jobs.iter().any(|other| other.holds_key && other.key == key) {
        return Err(Refused::KeyIsHeld);
    }
    Ok(())
}

/// Does what one transaction does, and says what it answers. Refused, nothing has changed.
pub fn step(jobs: &mut [Job], step: Step) -> Result<Answer, Refused> {
    match step {
        Step::Claim { job, batch, runner } => {
            may_claim(jobs, job)?;
            let mut after = jobs[job];
            if after.state == JobState::RetryWait {
                after.go(JobEvent::BackoffOver)?;
            }
            after.go(JobEvent::Lease)?;
            after.attempt += 1;
            after.fence += 1;
            after.ready = false;
            after.lease = Some(Lease { batch, runner, expired: false });
            after.holds_key = true;
            jobs[job] = after;
        }
        Step::Renew { runner } => {
            for lease in jobs.iter_mut().filter_map(|job| job.lease.as_mut()) {
                lease.expired &= lease.runner != runner;
            }
        }
        Step::Expire { batch } => {
            for lease in jobs.iter_mut().filter_map(|job| job.lease.as_mut()) {
                lease.expired |= lease.batch == batch;
            }
        }
        Step::LockWorkspace { job, fence } => {
            let other = jobs
                .iter()
                .enumerate()
                .any(|(index, other)| index != job && other.key == jobs[job].key && other.lock.is_some());
            let other = other || jobs[job].lock.is_some_and(|lock| lock.fence != fence);
            if !jobs[job].facts().may_lock(fence, other) {
                return Err(Refused::Locked);
            }
            jobs[job].lock = Some(WorkspaceLock { fence, winding_down: false });
        }
        Step::ApplyStart { job, .. }
        | Step::Write { job, .. }
        | Step::Complete { job, .. }
        | Step::Cancel { job }
        | Step::Reap { job, .. }
        | Step::Abandon { job, .. }
        | Step::TimeOut { job }
        | Step::Replay { job }
        | Step::Recover { job, .. }
        | Step::EndWindDown { job } => {
            // What is refused half-way leaves nothing behind.
            let mut after = jobs[job];
            let answer = one(&mut after, step)?;
            jobs[job] = after;
            return Ok(answer);
        }
    }
    Ok(Answer::Done)
}

/// What concerns one job alone.
fn one(job: &mut Job, step: Step) -> Result<Answer, Refused> {
    match step {
        Step::ApplyStart { fence, runner, holds, .. } => {
            held(job, runner, fence)?;
            return job.start_apply(holds);
        }
        Step::Write { fence, runner, .. } => held(job, runner, fence)?,
        Step::Complete { fence, runner, ending, .. } => {
            held(job, runner, fence)?;
            if ending == Ending::Succeeded && !job.facts().may_succeed() {
                return Err(Refused::WrongState);
            }
            job.end(ending)?;
        }
        Step::Cancel { .. } => {
            job.go(JobEvent::Cancel)?;
            if job.state == JobState::Cancelled {
                job.ready = false;
                job.free();
            }
        }
        Step::Reap { batch, .. } => {
            let lease = job.lease.filter(|lease| may_reap(lease.batch == batch, lease.expired));
            lease.ok_or(Refused::NotOver)?;
            job.end(Ending::Lost { ended: false })?;
        }
        Step::Abandon { fence, .. } => {
            if !job.facts().is_current(fence) {
                return Err(Refused::Stale);
            }
            job.end(Ending::Lost { ended: false })?;
        }
        Step::TimeOut { .. } => {
            job.lease.ok_or(Refused::Stale)?;
            job.end(Ending::TimedOut { ended: false })?;
        }
        Step::Replay { .. } => {
            job.go(JobEvent::Replay { may_rerun: job.kind.may_rerun() })?;
            job.attempt = 0;
            job.ready = true;
        }
        Step::Recover { fence, is_holder, .. } => {
            if job.facts().is_lost_by_recovery(fence, is_holder) {
                job.end(Ending::Lost { ended: true })?;
            }
            job.end_wind_down(fence);
        }
        Step::EndWindDown { .. } => {
            let lock = job.lock.filter(|lock| lock.winding_down).ok_or(Refused::NotOver)?;
            job.end_wind_down(lock.fence);
        }
        Step::Claim { .. } | Step::Renew { .. } | Step::Expire { .. } | Step::LockWorkspace { .. } => {}
    }
    Ok(Answer::Done)
}

fn held(job: &Job, runner: u32, fence: i64) -> Result<(), Refused> {
    if job.is_with(runner, fence) { Ok(()) } else { Err(Refused::Stale) }
}
