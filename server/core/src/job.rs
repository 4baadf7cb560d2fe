//! Jobs: the units of asynchronous work, when they are tried again and when they must not be.

use std::time::Duration;

use crate::machine::StateMachine;
use crate::request::RequestKind;
use crate::words::words;

words! {
    /// What a job does.
    pub enum JobKind: "job kind" {
        /// Works out what would change.
        Plan = "PLAN",
        /// Carries out a saved plan; also one that destroys.
        Apply = "APPLY",
    }
}

impl JobKind {
    /// True if the job changes nothing outside, so that it can be run again after its runner was lost or replayed
    /// from the dead letters. Never true of an apply: nobody knows how far it came.
    pub const fn may_rerun(self) -> bool {
        match self {
            Self::Plan => true,
            Self::Apply => false,
        }
    }
}

words! {
    /// To what end a job works.
    pub enum JobOperation: "job operation" {
        /// Something new is made.
        Create = "CREATE",
        /// Something there is changed.
        Update = "UPDATE",
        /// Something there is removed.
        Destroy = "DESTROY",
    }
}

impl From<RequestKind> for JobOperation {
    fn from(kind: RequestKind) -> Self {
        match kind {
            RequestKind::Create => Self::Create,
            RequestKind::Update => Self::Update,
            RequestKind::Destroy => Self::Destroy,
        }
    }
}

words! {
    /// The line a job waits in.
    pub enum QueueName: "queue" {
        /// People wait for it.
        High = "HIGH",
        /// Everything else.
        Default = "DEFAULT",
        /// Whenever there is room.
        Low = "LOW",
    }
}

impl QueueName {
    /// The order of claiming: a lower number goes first.
    pub const fn priority(self) -> i16 {
        match self {
            Self::High => 10,
            Self::Default => 20,
            Self::Low => 30,
        }
    }
}

/// The place in the line of what somebody wants to run now: before every queue.
pub const FRONT: i16 = 0;

words! {
    /// Where a job stands.
    pub enum JobState: "job state" {
        /// Waits for a runner.
        Queued = "QUEUED",
        /// A runner has it.
        Running = "RUNNING",
        /// Failed for a passing reason; waits before the next attempt.
        RetryWait = "RETRY_WAIT",
        /// Was asked to stop; the process is being ended.
        Cancelling = "CANCELLING",
        /// Done.
        Succeeded = "SUCCEEDED",
        /// Ended with an error that another attempt does not cure, or must not try to.
        Failed = "FAILED",
        /// Stopped because somebody asked for it.
        Cancelled = "CANCELLED",
        /// All attempts are used up; may be replayed.
        DeadLettered = "DEAD_LETTERED",
    }
}

/// What happens to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobEvent {
    /// A runner takes it. The attempt and the fence rise.
    Lease,
    /// The engine is about to change something.
    ApplyStarting,
    /// The work is done.
    Complete,
    /// An error that another attempt does not cure, or any error once the apply has started.
    PermanentError,
    /// An error that may pass, before any apply started.
    TransientError {
        /// The job may be tried again.
        attempts_left: bool,
    },
    /// The wait before the next attempt is over.
    BackoffOver,
    /// The runner was not heard of until the lease ended.
    LeaseLost {
        /// [`JobKind::may_rerun`] of the job.
        may_rerun: bool,
    },
    /// Somebody asked to stop it.
    Cancel,
    /// The process of a job that was asked to stop has ended.
    ProcessEnded,
    /// The hard time limit passed.
    TimeLimit,
    /// Somebody takes it out of the dead letters. The attempts start anew, the fence does not.
    Replay {
        /// [`JobKind::may_rerun`] of the job. An apply is tried again through a new plan instead.
        may_rerun: bool,
    },
}

impl JobEvent {
    /// Every event, with every value of its guards.
    pub const ALL: [Self; 14] = [
        Self::Lease,
        Self::ApplyStarting,
        Self::Complete,
        Self::PermanentError,
        Self::TransientError { attempts_left: true },
        Self::TransientError { attempts_left: false },
        Self::BackoffOver,
        Self::LeaseLost { may_rerun: true },
        Self::LeaseLost { may_rerun: false },
        Self::Cancel,
        Self::ProcessEnded,
        Self::TimeLimit,
        Self::Replay { may_rerun: true },
        Self::Replay { may_rerun: false },
    ];

    /// The event of a job that ended with an error, by the facts of the job.
    pub const fn failed(transient: bool, apply_started: bool, attempt: u32, max_attempts: u32) -> Self {
        if transient && !apply_started {
            Self::TransientError { attempts_left: attempt < max_attempts }
        } else {
            Self::PermanentError
        }
    }
}

impl JobState {
    /// True if nothing can happen to the job any more. A dead letter may still be replayed.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }

    /// True if the job does nothing and will not start by itself: its log is complete.
    pub const fn is_over(self) -> bool {
        self.is_terminal() || matches!(self, Self::DeadLettered)
    }

    /// True while the job waits for its turn.
    pub const fn is_waiting(self) -> bool {
        matches!(self, Self::Queued | Self::RetryWait)
    }

    /// True while a runner holds a lease on the job.
    pub const fn is_leased(self) -> bool {
        matches!(self, Self::Running | Self::Cancelling)
    }
}

impl StateMachine for JobState {
    type Event = JobEvent;

    const STATES: &'static [Self] = Self::ALL;

    fn word(self) -> &'static str {
        self.as_str()
    }

    fn step(self, event: JobEvent) -> Option<Self> {
        use JobEvent as Event;
        match (self, event) {
            (Self::Queued, Event::Lease) => Some(Self::Running),
            (Self::Running, Event::ApplyStarting) => Some(Self::Running),
            (Self::Running, Event::Complete) => Some(Self::Succeeded),
            (Self::Running, Event::PermanentError | Event::TimeLimit) => Some(Self::Failed),
            (Self::Running, Event::TransientError { attempts_left: true }) => Some(Self::RetryWait),
            (Self::Running, Event::TransientError { attempts_left: false }) => Some(Self::DeadLettered),
            (Self::RetryWait, Event::BackoffOver) => Some(Self::Queued),
            (Self::Running, Event::LeaseLost { may_rerun: true }) => Some(Self::Queued),
            (Self::Running, Event::LeaseLost { may_rerun: false }) => Some(Self::Failed),
            (Self::Queued | Self::RetryWait, Event::Cancel) => Some(Self::Cancelled),
            (Self::Running, Event::Cancel) => Some(Self::Cancelling),
            (Self::Cancelling, Event::ProcessEnded | Event::LeaseLost { .. }) => Some(Self::Cancelled),
            (Self::DeadLettered, Event::Replay { may_rerun: true }) => Some(Self::Queued),
            _ => None,
        }
    }
}

words! {
    /// What kind of error ended a job.
    pub enum ErrorClass: "error class" {
        /// The cloud did not accept the credential.
        Credential = "CREDENTIAL",
        /// The engine or the template's code failed.
        Engine = "ENGINE",
        /// Something could not be reached.
        Network = "NETWORK",
        /// A repository could not be read or written.
        Git = "GIT",
        /// The inputs or the template are not valid.
        Validation = "VALIDATION",
        /// The credential may not do this.
        Permission = "PERMISSION",
        /// A limit of the cloud account is reached.
        Quota = "QUOTA",
        /// Something of that name is there, or somebody else holds the state.
        Conflict = "CONFLICT",
        /// Something that is referred to is not there.
        NotFound = "NOT_FOUND",
        /// It took too long.
        Timeout = "TIMEOUT",
        /// The runner was not heard of until the lease ended.
        RunnerLost = "RUNNER_LOST",
        /// None of these.
        Unknown = "UNKNOWN",
    }
}

impl ErrorClass {
    /// What a person should do, as a sentence or two.
    pub const fn suggestion(self) -> &'static str {
        match self {
            Self::Credential => "Check the runner's cloud credentials: they are missing, wrong or expired.",
            Self::Engine => "Read the end of the job's log; it names the resource and the line of the template.",
            Self::Network => "Check that the runner reaches the provider and the registry, then retry.",
            Self::Git => "Check the repository's address, the branch and the access of the runner.",
            Self::Validation => "Correct the inputs named in the error and submit the request again.",
            Self::Permission => "Give the runner's cloud credentials the right that the error names.",
            Self::Quota => "Raise the limit of the cloud account, or ask for less.",
            Self::Conflict => "Choose another name, or wait until the other change has ended, then retry.",
            Self::NotFound => "Check the names in the inputs: something that they refer to does not exist.",
            Self::Timeout => "See in the log what it waited for; then retry, or raise the template's time limit.",
            Self::RunnerLost => {
                "The runner disappeared. Look at what exists, then retry: a fresh plan shows what is left to do."
            }
            Self::Unknown => "Read the end of the job's log, then retry or report the job's name.",
        }
    }

    /// True if the same work may succeed a little later without anybody's doing.
    pub const fn is_transient(self) -> bool {
        matches!(self, Self::Network | Self::Conflict | Self::RunnerLost)
    }
}

/// How long to wait after a failed attempt, by what failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The least. A limit or a lock that stands in the way does not go away at once.
    pub floor: Duration,
    /// The longest wait above the floor after the first attempt; it doubles with every further one.
    pub base: Duration,
    /// The longest wait above the floor at all.
    pub cap: Duration,
}

impl Backoff {
    /// The backoff of a class of errors: as long as what is in the way usually lasts.
    pub const fn of(class: ErrorClass) -> Self {
        match class {
            // Nobody has to give anything back first.
            ErrorClass::Network | ErrorClass::RunnerLost | ErrorClass::Unknown | ErrorClass::Engine => {
                Self::seconds(0, 1, 300)
            }
            // Hosts of code ask for patience after a burst of calls.
            ErrorClass::Git | ErrorClass::Timeout => Self::seconds(2, 5, 300),
            // What somebody grants or makes meanwhile takes a while to be known everywhere.
            ErrorClass::Credential | ErrorClass::Permission | ErrorClass::NotFound | ErrorClass::Validation => {
                Self::seconds(5, 10, 300)
            }
            // Somebody else's change has to end.
            ErrorClass::Conflict => Self::seconds(10, 20, 600),
            // Limits of rates are counted by minutes, and others are given back when something is destroyed.
            ErrorClass::Quota => Self::seconds(30, 60, 1_800),
        }
    }

    const fn seconds(floor: u64, base: u64, cap: u64) -> Self {
        Self { floor: Duration::from_secs(floor), base: Duration::from_secs(base), cap: Duration::from_secs(cap) }
    }

    /// How long to wait after attempt number `attempt` (from 1) failed. `random` is uniform in 0..1; spreading over the
    /// whole span keeps jobs that failed together from coming back together.
    pub fn wait(self, attempt: u32, random: f64) -> Duration {
        let doublings = attempt.saturating_sub(1).min(16);
        let longest = self.base.saturating_mul(1 << doublings).min(self.cap);
        // A number that is none waits the whole span.
        let share = if random.is_nan() { 1.0 } else { random.clamp(0.0, 1.0) };
        self.floor + longest.mul_f64(share)
    }

    /// The longest wait of all.
    pub fn longest(self) -> Duration {
        self.floor + self.cap
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::machine::testing::{check_table, table};

    #[test]
    fn the_table_is_the_domains() {
        let terminal: Vec<_> = JobState::ALL.iter().copied().filter(|state| state.is_terminal()).collect();
        // A replay of an apply is listed as an event and possible nowhere.
        let events: Vec<_> =
            JobEvent::ALL.into_iter().filter(|event| *event != JobEvent::Replay { may_rerun: false }).collect();
        check_table(&[JobState::Queued], &terminal, &events);
        assert_eq!(
            table::<JobState>(&JobEvent::ALL),
            "QUEUED + Lease -> RUNNING\n\
             QUEUED + Cancel -> CANCELLED\n\
             RUNNING + ApplyStarting -> RUNNING\n\
             RUNNING + Complete -> SUCCEEDED\n\
             RUNNING + PermanentError -> FAILED\n\
             RUNNING + TransientError { attempts_left: true } -> RETRY_WAIT\n\
             RUNNING + TransientError { attempts_left: false } -> DEAD_LETTERED\n\
             RUNNING + LeaseLost { may_rerun: true } -> QUEUED\n\
             RUNNING + LeaseLost { may_rerun: false } -> FAILED\n\
             RUNNING + Cancel -> CANCELLING\n\
             RUNNING + TimeLimit -> FAILED\n\
             RETRY_WAIT + BackoffOver -> QUEUED\n\
             RETRY_WAIT + Cancel -> CANCELLED\n\
             CANCELLING + LeaseLost { may_rerun: true } -> CANCELLED\n\
             CANCELLING + LeaseLost { may_rerun: false } -> CANCELLED\n\
             CANCELLING + ProcessEnded -> CANCELLED\n\
             DEAD_LETTERED + Replay { may_rerun: true } -> QUEUED"
        );
    }

    #[test]
    fn only_an_apply_is_never_run_again() {
        for &kind in JobKind::ALL {
            assert_eq!(kind.may_rerun(), kind != JobKind::Apply, "{kind}");
        }
    }

    #[test]
    fn an_error_after_the_apply_started_is_permanent() {
        assert_eq!(JobEvent::failed(true, true, 1, 5), JobEvent::PermanentError);
        assert_eq!(JobEvent::failed(false, false, 1, 5), JobEvent::PermanentError);
        assert_eq!(JobEvent::failed(true, false, 4, 5), JobEvent::TransientError { attempts_left: true });
        assert_eq!(JobEvent::failed(true, false, 5, 5), JobEvent::TransientError { attempts_left: false });
    }

    #[test]
    fn queues_are_claimed_from_high_to_low() {
        assert!(QueueName::High.priority() < QueueName::Default.priority());
        assert!(QueueName::Default.priority() < QueueName::Low.priority());
        assert!(QueueName::ALL.iter().all(|queue| FRONT < queue.priority()));
    }

    #[test]
    fn backoff_doubles_up_to_the_cap() {
        let network = Backoff::of(ErrorClass::Network);
        let longest: Vec<_> = (0..=11).map(|attempt| network.wait(attempt, 1.0).as_secs()).collect();
        assert_eq!(longest, [1, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(network.wait(u32::MAX, 0.5), Duration::from_secs(150));
        assert_eq!(network.wait(3, f64::NAN), Duration::from_secs(4));
        assert_eq!(network.wait(3, 0.0), Duration::ZERO);
    }

    #[test]
    fn what_others_have_to_give_back_is_waited_for_longer() {
        let of = Backoff::of;
        for attempt in 1..10 {
            for random in [0.0, 0.3, 1.0] {
                let wait = |class| of(class).wait(attempt, random);
                assert!(wait(ErrorClass::Network) < wait(ErrorClass::Conflict), "attempt {attempt}");
                assert!(wait(ErrorClass::Conflict) < wait(ErrorClass::Quota), "attempt {attempt}");
            }
        }
        assert_eq!(of(ErrorClass::Quota).wait(1, 0.0), Duration::from_secs(30));
        assert_eq!(of(ErrorClass::Quota).wait(1, 1.0), Duration::from_secs(90));
    }

    proptest! {
        /// No sequence of events brings a job that was an apply back to a runner once it has started to change things.
        #[test]
        fn a_started_apply_is_never_leased_again(picks in prop::collection::vec(any::<prop::sample::Index>(), 0..60)) {
            let mut state = JobState::Queued;
            let mut started = false;
            for pick in picks {
                let event = match *pick.get(&JobEvent::ALL) {
                    JobEvent::LeaseLost { .. } => JobEvent::LeaseLost { may_rerun: JobKind::Apply.may_rerun() },
                    JobEvent::Replay { .. } => JobEvent::Replay { may_rerun: JobKind::Apply.may_rerun() },
                    JobEvent::TransientError { .. } => JobEvent::failed(true, started, 1, 9),
                    other => other,
                };
                let Some(next) = state.step(event) else { continue };
                prop_assert!(!(started && event == JobEvent::Lease));
                started |= event == JobEvent::ApplyStarting;
                state = next;
            }
        }

        #[test]
        fn backoff_stays_in_its_span(attempt: u32, random: f64, pick: prop::sample::Index) {
            let backoff = Backoff::of(*pick.get(ErrorClass::ALL));
            let wait = backoff.wait(attempt, random);
            prop_assert!(backoff.floor <= wait && wait <= backoff.longest());
        }

        /// Of the same luck a later attempt never waits less.
        #[test]
        fn backoff_never_shrinks(attempt in 0_u32..40, random in 0.0..=1.0_f64, pick: prop::sample::Index) {
            let backoff = Backoff::of(*pick.get(ErrorClass::ALL));
            prop_assert!(backoff.wait(attempt, random) <= backoff.wait(attempt + 1, random));
        }
    }
}
