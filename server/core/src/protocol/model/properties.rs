//! What must hold in every state, and between each state and the next.

use super::faults::{Fault, does};
use super::world::{Action, JOBS, Message, Phase, RUNNERS, Say, World};
use crate::job::{JobKind, JobState};
use crate::protocol::queue::Step;

/// What is wrong with a state, if anything.
pub(super) fn of_state(world: &World, fault: Fault) -> Option<&'static str> {
    for (index, job) in world.jobs.iter().enumerate() {
        let leased = job.lease.is_some();
        // In the line, with a runner, or over: exactly one of them.
        let places = u8::from(job.ready) + u8::from(leased) + u8::from(job.state.is_over());
        if places != 1 {
            return Some(if places == 0 { "a job is lost" } else { "a job is in two places" });
        }
        if leased != job.state.is_leased() {
            return Some("a job's state and its lease differ");
        }
        if leased && !job.holds_key {
            return Some("a job runs without its key");
        }
        let winds_down = job.lock.is_some_and(|lock| lock.winding_down);
        if job.holds_key && !leased && !winds_down {
            return Some("the key of a job that does not run is not free");
        }
        if job.lock.is_some() && !job.holds_key {
            return Some("a workspace is locked while its key is free");
        }
        if job.kind == JobKind::Apply && world.starts[index] > 1 {
            return Some("an apply was started twice");
        }
        for other in &world.jobs[index + 1..] {
            if other.key == job.key && other.state.is_leased() && job.state.is_leased() {
                return Some("two jobs of one key run");
            }
            if other.key == job.key && other.holds_key && job.holds_key {
                return Some("two jobs have one key");
            }
        }
    }
    of_engines(world).or_else(|| of_writes(world, fault))
}

/// Whatever an engine changes, it does so alone, for a job that is known to have started and keeps its key and its lock.
fn of_engines(world: &World) -> Option<&'static str> {
    let mut at_work = [0_u8; 2];
    for runner in &world.runners {
        for (job, hand) in world.jobs.iter().zip(&runner.hands) {
            if !matches!(hand.phase, Phase::Engine | Phase::Orphan) {
                continue;
            }
            at_work[job.key as usize] += 1;
            if !job.apply_started {
                return Some("an engine changes things of which nothing is recorded");
            }
            if !job.holds_key || job.lock.is_none_or(|lock| lock.fence != hand.fence) {
                return Some("an engine works on a workspace that is free for others");
            }
        }
    }
    at_work.iter().any(|count| *count > 1).then_some("two engines work on one deployment")
}

/// A write is taken from whoever has the lease, and from nobody else. No fence is with two runners.
fn of_writes(world: &World, fault: Fault) -> Option<&'static str> {
    for index in 0..JOBS {
        for (runner, own) in world.runners.iter().enumerate() {
            let hand = own.hands[index];
            if hand.phase == Phase::Idle {
                continue;
            }
            if may_write(world, runner, index, hand.fence, fault) {
                return Some("a write is taken from a runner whose lease is lost");
            }
            for other in runner + 1..RUNNERS {
                let other = world.runners[other].hands[index];
                if other.phase != Phase::Idle && other.fence == hand.fence {
                    return Some("one fence was given to two runners");
                }
            }
        }
    }
    let late = world.late.filter(|late| late.say != Say::Recover);
    late.filter(|late| may_write(world, late.runner, late.job, late.fence, fault))
        .map(|_| "a late write is taken from a runner whose lease is lost")
}

fn may_write(world: &World, runner: usize, job: usize, fence: i64, fault: Fault) -> bool {
    let row = &world.jobs[job];
    let has_lease = row.lease.is_some_and(|lease| lease.runner as usize == runner) && row.fence == fence;
    if has_lease {
        return false;
    }
    let mut jobs = world.jobs;
    does(&mut jobs, Step::Write { job, fence, runner: runner as u32 }, fault).is_ok()
}

/// What is wrong with what happened, if anything.
pub(super) fn of_action(before: &World, action: Action, after: &World) -> Option<&'static str> {
    for (was, is) in before.jobs.iter().zip(&after.jobs) {
        if is.fence < was.fence {
            return Some("a fence fell");
        }
        if is.lease.is_some() && was.lease.is_none() && is.fence == was.fence {
            return Some("a lease came without a new fence");
        }
        if is.fence != was.fence && (was.lease.is_some() || !was.ready) {
            return Some("a job was given to a second runner");
        }
        if was.state.is_terminal() && (is.state != was.state || is.fence != was.fence) {
            return Some("an end was not the end");
        }
        if was.state == JobState::DeadLettered && is.state != was.state && !matches!(action, Action::Replay { .. }) {
            return Some("a dead letter rose by itself");
        }
        if was.apply_started && !is.apply_started {
            return Some("it was forgotten that an apply started");
        }
        if was.apply_started && is.fence != was.fence {
            return Some("an apply that has started was handed out again");
        }
    }
    match action {
        Action::Reap { job } | Action::ReapLate { job } => {
            let (was, is) = (&before.jobs[job], &after.jobs[job]);
            (was.lease.is_some_and(|lease| !lease.expired) && is.lease != was.lease)
                .then_some("a job was taken from a runner that was heard of")
        }
        Action::Tell { message, .. } | Action::Deliver { message, .. } => of_message(before, message, after),
        _ => None,
    }
}

/// Only what comes under the lease changes a job. That an engine is gone may also free what was kept for it.
fn of_message(before: &World, message: Message, after: &World) -> Option<&'static str> {
    let Message { runner, job, fence, say } = message;
    let (was, is) = (&before.jobs[job], &after.jobs[job]);
    let has_lease = was.fence == fence && was.lease.is_some_and(|lease| lease.runner as usize == runner);
    let is_written = if say == Say::Recover { is.state != was.state } else { is != was };
    (is_written && !has_lease).then_some("something was written without a lease")
}
