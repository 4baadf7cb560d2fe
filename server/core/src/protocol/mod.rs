//! The protocol between the queue and its runners: lease, claim, complete, cancel, reap.
//!
//! Here are its decisions, as pure functions of what a locked row says. The server calls them inside its transactions;
//! [`queue`] puts them together into the whole queue as the database has it, which the model checker explores and
//! [`replay`] holds recorded histories against. So what is checked and what runs cannot drift apart.

pub mod queue;
pub mod replay;

#[cfg(test)]
mod model;

use crate::job::{JobEvent, JobKind, JobState};

/// What is decided by of a job, as its row has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Facts {
    /// What it does.
    pub kind: JobKind,
    /// Where it stands.
    pub state: JobState,
    /// Attempts since it was enqueued or replayed.
    pub attempt: u32,
    /// Attempts after which a passing error is final.
    pub max_attempts: u32,
    /// Rises with every lease.
    pub fence: i64,
    /// Some runner has a lease on it.
    pub leased: bool,
    /// It is recorded that its engine may change something.
    pub apply_started: bool,
}

/// How a job comes to leave its runner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The work is done.
    Succeeded,
    /// The runner says that it failed.
    Failed {
        /// Another attempt may help.
        transient: bool,
    },
    /// The hard time limit passed.
    TimedOut {
        /// Its engine is known to have ended.
        ended: bool,
    },
    /// Its process has ended, since that was asked for.
    ProcessEnded,
    /// Its runner is lost, or gives it back.
    Lost {
        /// Its engine is known to have ended.
        ended: bool,
    },
}

/// What becomes of the lock on the workspace, and of the concurrency key with it, when a job leaves its runner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// Nothing works on the deployment any more.
    Free,
    /// The engine may still be on its way out: kept until the supervisor's limit.
    KeepForWindDown,
}

/// What is answered to a runner that is about to start an apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApplyStart {
    /// It is no apply, or one that was recorded to have started before. A second start is what must never be.
    Refuse,
    /// Its end was asked for: it ends here, without having begun.
    End,
    /// The plan is to be judged.
    Judge,
}

impl Facts {
    /// Whether a write under this fence is one of the lease that the job has now. Everything else is stale.
    pub const fn is_current(&self, fence: i64) -> bool {
        self.leased && self.fence == fence
    }

    /// Whether the job may run again after its runner was lost: nothing has been changed outside, or nothing ever is.
    pub const fn may_rerun(&self) -> bool {
        self.kind.may_rerun() || !self.apply_started
    }

    /// The event that an ending is to the job's table of states, and what becomes of its lock. Whether the table allows
    /// the event is for the caller to ask.
    pub const fn end(&self, ending: Ending) -> (JobEvent, Lock) {
        let cancelling = matches!(self.state, JobState::Cancelling);
        match ending {
            // What it did is kept all the same.
            Ending::Succeeded if cancelling => (JobEvent::ProcessEnded, Lock::Free),
            Ending::Succeeded => (JobEvent::Complete, Lock::Free),
            Ending::Failed { .. } if cancelling => (JobEvent::ProcessEnded, Lock::Free),
            Ending::Failed { transient } => {
                (JobEvent::failed(transient, self.apply_started, self.attempt, self.max_attempts), Lock::Free)
            }
            Ending::TimedOut { ended } if cancelling => (JobEvent::ProcessEnded, self.lock_after(ended)),
            Ending::TimedOut { ended } => (JobEvent::TimeLimit, self.lock_after(ended)),
            Ending::ProcessEnded => (JobEvent::ProcessEnded, Lock::Free),
            Ending::Lost { ended } => (JobEvent::LeaseLost { may_rerun: self.may_rerun() }, self.lock_after(ended)),
        }
    }

    /// How a job ends whose runner says that it stopped the work without a result.
    pub const fn stopped(&self, by_time_limit: bool) -> Ending {
        match self.state {
            _ if by_time_limit => Ending::TimedOut { ended: true },
            JobState::Cancelling => Ending::ProcessEnded,
            _ => Ending::Lost { ended: true },
        }
    }

    /// Whether its work can be reported as done: an apply only if it was recorded that it started.
    pub const fn may_succeed(&self) -> bool {
        !matches!(self.kind, JobKind::Apply) || self.apply_started
    }

    /// What is answered to the announcement that its apply is about to start.
    pub const fn apply_start(&self) -> ApplyStart {
        match self.state {
            _ if !matches!(self.kind, JobKind::Apply) || self.apply_started => ApplyStart::Refuse,
            JobState::Cancelling => ApplyStart::End,
            _ => ApplyStart::Judge,
        }
    }

    /// Whether a job is taken from its runner because that says that the engine of its attempt under `fence` is gone.
    /// `is_holder` says that it is the runner which had the job last.
    pub const fn is_lost_by_recovery(&self, fence: i64, is_holder: bool) -> bool {
        self.fence == fence && is_holder && self.state.is_leased()
    }

    /// Whether the end of the engine of this fence frees the concurrency key: nobody has a lease on the job, and no newer
    /// attempt has left the key to an engine that may still be on its way out.
    pub const fn may_free_key(&self, fence: i64) -> bool {
        !self.leased && self.fence == fence
    }

    /// Whether the engine of this fence may take the lock on its workspace, which `locked_by_other` has or nobody.
    pub const fn may_lock(&self, fence: i64, locked_by_other: bool) -> bool {
        self.is_current(fence) && !locked_by_other
    }

    /// Whether a state of the engine of this fence may become the workspace's: it comes with the lock, or under a live
    /// lease while nobody has the lock.
    pub const fn may_store(&self, fence: i64, has_lock: bool, is_locked: bool) -> bool {
        has_lock || (self.is_current(fence) && !is_locked)
    }

    /// An apply that has begun leaves its workspace locked until its engine is known to have ended.
    const fn lock_after(&self, ended: bool) -> Lock {
        if self.apply_started && !ended { Lock::KeepForWindDown } else { Lock::Free }
    }
}

/// Whether a lease may be taken away: it is the one that was looked at, and it is over at this moment, by the
/// database's clock, with its row locked.
pub const fn may_reap(is_the_same: bool, is_over: bool) -> bool {
    is_the_same && is_over
}
