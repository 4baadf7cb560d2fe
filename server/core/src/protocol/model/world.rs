//! The world around the queue: three runners that crash, pause, lose what they were told and repeat what they said, their
//! engines, and a reaper that acts on what it saw a while ago.

use super::faults::{Fault, does};
use crate::job::{JobEvent, JobKind, JobState};
use crate::machine::StateMachine;
use crate::protocol::Ending;
use crate::protocol::queue::{Answer, Job, Lease, Refused, Step};

pub(super) const JOBS: usize = 3;
pub(super) const RUNNERS: usize = 3;

/// What there is only so much of: it happens to somebody, or is somebody's wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// A runner's process dies.
    Crash,
    /// A runner is not heard of for a while, and comes back as if nothing had been.
    Pause,
    /// Somebody asks for the end of a job.
    Cancel,
    /// An attempt fails for a passing reason.
    Retry,
    /// An attempt fails for good.
    Fail,
    /// Somebody takes a job out of the dead letters.
    Replay,
    /// A message stays in the network: it comes later than what was said after it, once more, or never.
    Delay,
    /// The reaper acts on what it saw a while ago.
    Look,
    /// The server ends a job for its hard time limit.
    TimeLimit,
    /// A runner that drains hands a job back.
    Return,
}

impl Trouble {
    /// Every kind, one bit each.
    pub(super) const ALL: u16 = 0x3FF;

    /// These kinds, one bit each.
    pub(super) const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// What one run of the model begins with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scene {
    /// Kind and key of each job.
    pub(super) jobs: [(JobKind, u32); JOBS],
    /// Attempts that each of them has.
    pub(super) attempts: u32,
    /// So much trouble may come, in any mixture.
    pub(super) trouble: u8,
    /// Of these kinds, as [`Trouble::bit`].
    pub(super) kinds: u16,
    /// Of each kind at most one.
    pub(super) once: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Health {
    Up,
    /// It does nothing and is not heard of. Its engines may go on.
    Paused,
    /// Its process is gone. Its engines are wound down by their supervisors.
    Down,
}

/// How far a runner is with a job, as it believes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Idle,
    Working,
    /// It was told that the apply may start.
    Told,
    /// Its engine changes things.
    Engine,
    /// The same, after the runner itself let go of it.
    Orphan,
    /// It did what it was to do, and says so until it is answered.
    Done,
    /// It did not, and says so until it is answered.
    GaveUp,
    /// The engine is gone, its directory is there to be recovered.
    Leftover,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hand {
    pub(super) phase: Phase,
    pub(super) fence: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Runner {
    pub(super) health: Health,
    pub(super) hands: [Hand; JOBS],
}

/// What a runner says of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Say {
    ApplyStart,
    Succeeded,
    Transient,
    Permanent,
    Stopped,
    Recover,
}

/// A message on its way, for as long as it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) runner: usize,
    pub(super) job: usize,
    pub(super) fence: i64,
    pub(super) say: Say,
}

/// What the reaper found to be over and is about to take away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) job: usize,
    /// The job still has that lease.
    pub(super) there: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct World {
    pub(super) jobs: [Job; JOBS],
    pub(super) runners: [Runner; RUNNERS],
    pub(super) late: Option<Message>,
    pub(super) seen: Option<Seen>,
    /// How often an engine began to change something for a job.
    pub(super) starts: [u8; JOBS],
    /// How much trouble may still come.
    pub(super) trouble: u8,
    /// Of which kinds.
    pub(super) kinds: u16,
    /// Of each kind at most one. The same in all states of a run.
    once: bool,
}

/// What happens next. Also the names in a counterexample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Claim {
        runner: usize,
        jobs: u8,
    },
    Renew {
        runner: usize,
    },
    Expire {
        job: usize,
    },
    Look {
        job: usize,
    },
    Reap {
        job: usize,
    },
    ReapLate {
        job: usize,
    },
    Abandon {
        job: usize,
    },
    TimeOut {
        job: usize,
    },
    Cancel {
        job: usize,
    },
    Replay {
        job: usize,
    },
    EndWindDown {
        job: usize,
    },
    Tell {
        message: Message,
        plan_holds: bool,
    },
    Delay {
        message: Message,
    },
    Deliver {
        message: Message,
        plan_holds: bool,
    },
    StartEngine {
        runner: usize,
        job: usize,
    },
    /// A runner notices that its lease is over.
    LetGo {
        runner: usize,
        job: usize,
    },
    EngineEnds {
        runner: usize,
        job: usize,
    },
    Crash {
        runner: usize,
    },
    Restart {
        runner: usize,
    },
    Pause {
        runner: usize,
    },
    Wake {
        runner: usize,
    },
}

impl Action {
    /// What kind of trouble it is, if the queue itself suffers it.
    const fn trouble(self) -> Option<Trouble> {
        Some(match self {
            Self::Cancel { .. } => Trouble::Cancel,
            Self::Replay { .. } => Trouble::Replay,
            Self::TimeOut { .. } => Trouble::TimeLimit,
            _ => return None,
        })
    }
}

const IDLE: Hand = Hand { phase: Phase::Idle, fence: 0 };

impl World {
    /// The jobs of a scene, just enqueued, and its runners with nothing to do.
    pub(super) fn new(scene: &Scene) -> Self {
        let runner = Runner { health: Health::Up, hands: [IDLE; JOBS] };
        Self {
            jobs: scene.jobs.map(|(kind, key)| Job::new(kind, key, scene.attempts)),
            runners: [runner; RUNNERS],
            late: None,
            seen: None,
            starts: [0; JOBS],
            trouble: scene.trouble,
            kinds: scene.kinds,
            once: scene.once,
        }
    }

    /// Everything that may happen next, each with what it leads to.
    pub(super) fn next(&self, fault: Fault, out: &mut Vec<(Action, World)>) {
        for runner in 0..RUNNERS {
            self.of_runner(runner, fault, out);
        }
        for job in 0..JOBS {
            self.of_job(job, fault, out);
        }
        if let Some(message) = self.late {
            for plan_holds in answers(message.say) {
                let mut after = *self;
                // Nobody waits for the answer any more.
                if after.tell(message, *plan_holds, fault).is_ok() {
                    out.push((Action::Deliver { message, plan_holds: *plan_holds }, after));
                }
            }
        }
        if let Some(Seen { job, there }) = self.seen {
            let mut after = *self;
            after.seen = None;
            let batch = self.jobs[job].lease.filter(|_| there).map_or(u32::MAX, |lease| lease.batch);
            // Refused, it passes on to the next.
            let _ = after.step(Step::Reap { job, batch }, fault);
            out.push((Action::ReapLate { job }, after));
        }
    }

    fn of_runner(&self, runner: usize, fault: Fault, out: &mut Vec<(Action, World)>) {
        let id = number(runner);
        let own = &self.runners[runner];
        match own.health {
            Health::Up => {}
            Health::Paused => out.push((Action::Wake { runner }, self.with_health(runner, Health::Up))),
            Health::Down => out.push((Action::Restart { runner }, self.with_health(runner, Health::Up))),
        }
        for job in 0..JOBS {
            if own.hands[job].phase == Phase::Orphan {
                let mut after = *self;
                after.runners[runner].hands[job].phase = Phase::Leftover;
                out.push((Action::EngineEnds { runner, job }, after));
            }
        }
        if own.health != Health::Up {
            return;
        }
        self.claims(runner, fault, out);
        if self.jobs.iter().any(|job| job.lease.is_some_and(|lease| lease.runner == id && lease.expired)) {
            let mut after = *self;
            if after.step(Step::Renew { runner: id }, fault).is_ok() {
                out.push((Action::Renew { runner }, after));
            }
        }
        for job in 0..JOBS {
            if own.hands[job].phase != Phase::Idle {
                self.of_hand(runner, job, fault, out);
            }
        }
        // Trouble with a runner that has nothing is no trouble.
        let is_busy = own.hands.iter().any(|hand| hand.phase != Phase::Idle);
        if is_busy && self.allows(Trouble::Pause) {
            let mut after = self.with_health(runner, Health::Paused);
            after.suffer(Trouble::Pause);
            out.push((Action::Pause { runner }, after));
        }
        if is_busy && self.allows(Trouble::Crash) {
            let mut after = self.with_health(runner, Health::Down);
            after.suffer(Trouble::Crash);
            for job in 0..JOBS {
                after.drop_hand(runner, job);
            }
            out.push((Action::Crash { runner }, after));
        }
    }

    /// A runner takes some of the jobs that are free, all of them under one lease.
    fn claims(&self, runner: usize, fault: Fault, out: &mut Vec<(Action, World)>) {
        for wanted in 1_u8..1 << JOBS {
            let mut after = *self;
            let Some(batch) = self.free_batch() else { return };
            let taken = (0..JOBS).filter(|job| wanted & (1 << job) != 0).all(|job| {
                let hand = self.runners[runner].hands[job].phase;
                matches!(hand, Phase::Idle | Phase::Working)
                    && after.step(Step::Claim { job, batch, runner: number(runner) }, fault).is_ok()
            });
            if !taken {
                continue;
            }
            for job in (0..JOBS).filter(|job| wanted & (1 << job) != 0) {
                after.runners[runner].hands[job] = Hand { phase: Phase::Working, fence: after.jobs[job].fence };
            }
            out.push((Action::Claim { runner, jobs: wanted }, after));
        }
    }

    /// What a runner does next with a job that it has, or believes to have.
    fn of_hand(&self, runner: usize, job: usize, fault: Fault, out: &mut Vec<(Action, World)>) {
        let Hand { phase, fence } = self.runners[runner].hands[job];
        let is_apply = self.jobs[job].kind == JobKind::Apply;
        let mut says: [Option<Say>; 4] = [None; 4];
        match phase {
            Phase::Idle | Phase::Orphan => return,
            Phase::Working if is_apply => {
                says = [Some(Say::ApplyStart), Some(Say::Transient), Some(Say::Permanent), Some(Say::Stopped)];
            }
            Phase::Working => {
                says = [Some(Say::Succeeded), Some(Say::Transient), Some(Say::Permanent), Some(Say::Stopped)];
            }
            Phase::Told => {
                let mut after = *self;
                match after.step(Step::LockWorkspace { job, fence }, fault) {
                    Ok(_) => {
                        after.starts[job] = (after.starts[job] + 1).min(3);
                        after.runners[runner].hands[job].phase = Phase::Engine;
                    }
                    // The engine says that somebody else has the state.
                    Err(_) => after.runners[runner].hands[job].phase = Phase::Leftover,
                }
                out.push((Action::StartEngine { runner, job }, after));
            }
            Phase::Engine => {
                says = [Some(Say::Succeeded), Some(Say::Transient), Some(Say::Permanent), Some(Say::Stopped)];
            }
            Phase::Done => says[0] = Some(Say::Succeeded),
            Phase::GaveUp => says[0] = Some(Say::Permanent),
            Phase::Leftover => says[0] = Some(Say::Recover),
        }
        for say in says.into_iter().flatten() {
            self.tells(Message { runner, job, fence, say }, fault, out);
        }
        if phase != Phase::Leftover && !self.jobs[job].is_with(number(runner), fence) {
            let mut after = *self;
            after.drop_hand(runner, job);
            out.push((Action::LetGo { runner, job }, after));
        }
    }

    /// A message is said: it arrives at once, or stays in the network.
    fn tells(&self, message: Message, fault: Fault, out: &mut Vec<(Action, World)>) {
        let Message { runner, job, say, .. } = message;
        let mut said = *self;
        let hand = &mut said.runners[runner].hands[job];
        let was = hand.phase;
        hand.phase = match say {
            Say::Recover => hand.phase,
            Say::Succeeded => Phase::Done,
            // Who waits for a verdict in vain does not start.
            Say::ApplyStart | Say::Transient | Say::Permanent | Say::Stopped => Phase::GaveUp,
        };
        let is_asked = self.jobs[job].state == JobState::Cancelling;
        match say {
            Say::Stopped if is_asked => {}
            Say::Transient if !said.allows(Trouble::Retry) => return,
            Say::Stopped if !said.allows(Trouble::Return) => return,
            // Who has given up says no more than that.
            Say::Permanent if was == Phase::GaveUp => {}
            Say::Permanent if !said.allows(Trouble::Fail) => return,
            Say::Transient => said.suffer(Trouble::Retry),
            Say::Stopped => said.suffer(Trouble::Return),
            Say::Permanent => said.suffer(Trouble::Fail),
            Say::ApplyStart | Say::Succeeded | Say::Recover => {}
        }
        if said.allows(Trouble::Delay) && said.late.is_none() {
            let mut after = said;
            after.suffer(Trouble::Delay);
            after.late = Some(message);
            out.push((Action::Delay { message }, after));
        }
        for plan_holds in answers(say) {
            let mut after = said;
            let answer = after.tell(message, *plan_holds, fault);
            let hand = &mut after.runners[runner].hands[job];
            match answer {
                Ok(Answer::Start) => hand.phase = Phase::Told,
                Ok(Answer::Done | Answer::DoNotStart) => *hand = IDLE,
                // The attempt is over without anybody having been told how: what is left is brought back.
                Err(_) => after.drop_hand(runner, job),
            }
            out.push((Action::Tell { message, plan_holds: *plan_holds }, after));
        }
    }

    /// The server takes a message.
    fn tell(&mut self, message: Message, plan_holds: bool, fault: Fault) -> Result<Answer, Refused> {
        let Message { runner, job, fence, say } = message;
        let id = number(runner);
        let complete = |ending| Step::Complete { job, fence, runner: id, ending };
        let step = match say {
            Say::ApplyStart => Step::ApplyStart { job, fence, runner: id, holds: plan_holds },
            Say::Succeeded => complete(Ending::Succeeded),
            Say::Transient => complete(Ending::Failed { transient: true }),
            Say::Permanent => complete(Ending::Failed { transient: false }),
            Say::Stopped => complete(self.jobs[job].facts().stopped(false)),
            Say::Recover => {
                let is_holder = self.jobs[job].lease.is_some_and(|lease| lease.runner == id);
                Step::Recover { job, fence, is_holder }
            }
        };
        self.step(step, fault)
    }

    fn of_job(&self, job: usize, fault: Fault, out: &mut Vec<(Action, World)>) {
        let row = &self.jobs[job];
        let mut add = |action: Action, step| {
            let mut after = *self;
            if let Some(kind) = action.trouble() {
                after.suffer(kind);
            }
            if after.step(step, fault).is_ok() {
                out.push((action, after));
            }
        };
        if let Some(Lease { batch, runner, expired }) = row.lease {
            let own = &self.runners[runner as usize];
            if !expired && own.health != Health::Up && !self.is_covered_before(job, batch) {
                add(Action::Expire { job }, Step::Expire { batch });
            }
            if own.health == Health::Up && own.hands[job].fence != row.fence {
                add(Action::Abandon { job }, Step::Abandon { job, fence: row.fence });
            }
            if self.allows(Trouble::TimeLimit) {
                add(Action::TimeOut { job }, Step::TimeOut { job });
            }
            if expired {
                add(Action::Reap { job }, Step::Reap { job, batch });
            }
        }
        if self.allows(Trouble::Cancel) && row.state.step(JobEvent::Cancel).is_some() {
            add(Action::Cancel { job }, Step::Cancel { job });
        }
        if self.allows(Trouble::Replay) && row.state == JobState::DeadLettered {
            add(Action::Replay { job }, Step::Replay { job });
        }
        // What the time is for: a supervisor has ended its engine by then.
        if row.lock.is_some_and(|lock| lock.winding_down) && !self.is_at_work(job) {
            add(Action::EndWindDown { job }, Step::EndWindDown { job });
        }
        if self.seen.is_none() && self.allows(Trouble::Look) && row.lease.is_some_and(|lease| lease.expired) {
            let mut after = Self { seen: Some(Seen { job, there: true }), ..*self };
            after.suffer(Trouble::Look);
            out.push((Action::Look { job }, after));
        }
    }

    fn suffer(&mut self, kind: Trouble) {
        self.trouble -= 1;
        if self.once {
            self.kinds &= !kind.bit();
        }
    }

    fn allows(&self, kind: Trouble) -> bool {
        self.trouble > 0 && self.kinds & kind.bit() != 0
    }

    /// One transaction. What the reaper saw before it is no longer there once the lease is gone.
    fn step(&mut self, step: Step, fault: Fault) -> Result<Answer, Refused> {
        let answer = does(&mut self.jobs, step, fault)?;
        if let Some(seen) = &mut self.seen {
            seen.there &= self.jobs[seen.job].lease.is_some();
        }
        Ok(answer)
    }

    /// Whether an engine changes things for a job.
    pub(super) fn is_at_work(&self, job: usize) -> bool {
        self.runners.iter().any(|runner| matches!(runner.hands[job].phase, Phase::Engine | Phase::Orphan))
    }

    /// Whether nothing is left to happen to any job.
    pub(super) fn is_over(&self) -> bool {
        self.jobs.iter().all(|job| job.state.is_over() && !job.holds_key && job.lock.is_none())
    }

    fn with_health(&self, runner: usize, health: Health) -> Self {
        let mut after = *self;
        after.runners[runner].health = health;
        after
    }

    /// A runner gives up an attempt without telling anybody.
    fn drop_hand(&mut self, runner: usize, job: usize) {
        let is_apply = self.jobs[job].kind == JobKind::Apply;
        let hand = &mut self.runners[runner].hands[job];
        *hand = match hand.phase {
            Phase::Working | Phase::Told | Phase::Done | Phase::GaveUp if is_apply => {
                Hand { phase: Phase::Leftover, ..*hand }
            }
            Phase::Engine => Hand { phase: Phase::Orphan, ..*hand },
            Phase::Orphan | Phase::Leftover => *hand,
            _ => IDLE,
        };
    }

    /// A number that no lease has.
    fn free_batch(&self) -> Option<u32> {
        (0..3).find(|batch| !self.jobs.iter().any(|job| job.lease.is_some_and(|lease| lease.batch == *batch)))
    }

    /// Whether an earlier job has the same lease, so that its end was told already.
    fn is_covered_before(&self, job: usize, batch: u32) -> bool {
        self.jobs[..job].iter().any(|other| other.lease.is_some_and(|lease| lease.batch == batch))
    }
}

pub(super) fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap()
}

/// How the plan of an apply may be judged; everything else is answered in one way.
fn answers(say: Say) -> &'static [bool] {
    if say == Say::ApplyStart { &[true, false] } else { &[true] }
}
