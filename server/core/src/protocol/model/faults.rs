//! Faults that somebody might make in the server, to see that the checker sees them.

use crate::job::{JobKind, JobState};
use crate::protocol::Ending;
use crate::protocol::queue::{Answer, Job, Lease, Refused, Step, step};

/// What is done wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    FenceIsNotChecked,
    CompletionIsTakenAfterReap,
    StartedApplyGoesBackIntoTheLine,
    KeyIsFreedAtTheLossOfAnApply,
    ReaperDoesNotLookAgain,
    ReplayResetsTheFence,
    CancelForgetsTheLine,
    HoldStaysAtCompletion,
    StartIsNotRecorded,
    SecondStartIsAllowed,
    ClaimDoesNotLookAtTheKey,
    LostPlanIsNotPutBack,
    CancelEndsWhatRuns,
    OldRecoveryFreesTheKey,
    ClaimKeepsTheFence,
    FailureAfterTheStartIsTriedAgain,
    NobodyReaps,
}

impl Fault {
    pub(super) const ALL: [Self; 17] = [
        Self::FenceIsNotChecked,
        Self::CompletionIsTakenAfterReap,
        Self::StartedApplyGoesBackIntoTheLine,
        Self::KeyIsFreedAtTheLossOfAnApply,
        Self::ReaperDoesNotLookAgain,
        Self::ReplayResetsTheFence,
        Self::CancelForgetsTheLine,
        Self::HoldStaysAtCompletion,
        Self::StartIsNotRecorded,
        Self::SecondStartIsAllowed,
        Self::ClaimDoesNotLookAtTheKey,
        Self::LostPlanIsNotPutBack,
        Self::CancelEndsWhatRuns,
        Self::OldRecoveryFreesTheKey,
        Self::ClaimKeepsTheFence,
        Self::FailureAfterTheStartIsTriedAgain,
        Self::NobodyReaps,
    ];
}

/// A step of the queue with a fault built around it. What the fault is about is altered before or after the real step.
pub(super) fn does(jobs: &mut [Job], wanted: Step, fault: Fault) -> Result<Answer, Refused> {
    if fault == Fault::None {
        return step(jobs, wanted);
    }
    let before: Vec<Job> = jobs.to_vec();
    let mut changed = wanted;
    match (fault, &mut changed) {
        (
            Fault::FenceIsNotChecked,
            Step::Complete { job, fence, runner, .. }
            | Step::ApplyStart { job, fence, runner, .. }
            | Step::Write { job, fence, runner },
        ) => {
            if let Some(lease) = jobs[*job].lease {
                (*fence, *runner) = (jobs[*job].fence, lease.runner);
            }
        }
        (Fault::CompletionIsTakenAfterReap, Step::Complete { job, fence, runner, .. }) => {
            let row = &mut jobs[*job];
            if row.lease.is_none() && row.fence == *fence {
                row.lease = Some(Lease { batch: 0, runner: *runner, expired: false });
                if !row.state.is_over() {
                    row.state = JobState::Running;
                }
            }
        }
        (Fault::ReaperDoesNotLookAgain, Step::Reap { job, batch }) => {
            if let Some(lease) = &mut jobs[*job].lease {
                lease.expired = true;
                *batch = lease.batch;
            }
        }
        (Fault::SecondStartIsAllowed, Step::ApplyStart { job, .. }) => jobs[*job].apply_started = false,
        (Fault::ClaimDoesNotLookAtTheKey, Step::Claim { .. }) => {
            jobs.iter_mut().for_each(|job| job.holds_key = false);
        }
        (Fault::FailureAfterTheStartIsTriedAgain, Step::Complete { job, ending: Ending::Failed { .. }, .. }) => {
            jobs[*job].apply_started = false;
        }
        (Fault::NobodyReaps, Step::Reap { .. } | Step::Abandon { .. }) => return Err(Refused::NotOver),
        _ => {}
    }
    let answer = step(jobs, changed).inspect_err(|_| jobs.copy_from_slice(&before))?;
    for (index, was) in before.iter().enumerate() {
        alter(&mut jobs[index], was, wanted, fault);
    }
    Ok(answer)
}

/// What a fault makes of one job after the real step.
fn alter(row: &mut Job, was: &Job, wanted: Step, fault: Fault) {
    let changed = row != was;
    let was_lost = changed
        && was.lease.is_some()
        && row.lease.is_none()
        && matches!(wanted, Step::Reap { .. } | Step::Abandon { .. } | Step::Recover { .. });
    match (fault, wanted) {
        (Fault::StartedApplyGoesBackIntoTheLine, _) if was_lost && was.state == JobState::Running => {
            row.state = JobState::Queued;
            row.ready = true;
            row.lock = None;
            row.holds_key = false;
        }
        (Fault::KeyIsFreedAtTheLossOfAnApply, _) if was_lost => {
            row.lock = None;
            row.holds_key = false;
        }
        (Fault::LostPlanIsNotPutBack, _) if was_lost => row.ready = false,
        (Fault::ReplayResetsTheFence, Step::Replay { .. }) if changed => row.fence = 0,
        (Fault::CancelForgetsTheLine, Step::Cancel { .. }) if changed => row.ready = was.ready,
        (Fault::HoldStaysAtCompletion, Step::Complete { .. }) if changed => row.holds_key = true,
        // It is known, and not looked at.
        (Fault::FailureAfterTheStartIsTriedAgain, _) => row.apply_started |= was.apply_started,
        (Fault::StartIsNotRecorded, Step::ApplyStart { .. }) => row.apply_started = was.apply_started,
        (Fault::ClaimDoesNotLookAtTheKey, _) => row.holds_key |= was.holds_key && row.lease.is_some(),
        (Fault::CancelEndsWhatRuns, Step::Cancel { .. }) if changed && row.state == JobState::Cancelling => {
            row.state = JobState::Cancelled;
            row.lease = None;
            row.lock = None;
            row.holds_key = false;
        }
        (Fault::OldRecoveryFreesTheKey, Step::Recover { fence, .. })
            if row.kind == JobKind::Apply && row.lease.is_none() && fence < row.fence =>
        {
            row.holds_key = false;
        }
        (Fault::ClaimKeepsTheFence, Step::Claim { .. }) if changed && was.fence > 0 => row.fence = was.fence,
        _ => {}
    }
}
