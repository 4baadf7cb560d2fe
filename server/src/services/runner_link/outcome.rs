//! How a job ended, told by its runner or found by the runner that came after it.

use flagstone_api::pb;
use flagstone_core::job::{ErrorClass, JobKind, JobState};
use flagstone_core::protocol::Ending;
use flagstone_core::{Error as CoreError, Reason};
use flagstone_db::job::JobRow;
use flagstone_db::{lease, workspace};

use super::artifacts::handed_in;
use super::{begin, lease_ref, lock_held, stale};
use crate::convert::{enum_name, value_from_proto};
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::flow::apply::{OutputValue, apply_succeeded};
use crate::flow::job::{self as jobs, JobError, Loss};
use crate::flow::plan::{PlanArtifacts, plan_ready};
use crate::flow::state::{self, Disposition};
use crate::services::job::state_to_proto;
use crate::tx::Tx;

/// Largest state that is taken here. A larger one goes through the state backend only.
const STATE_MAX: usize = 8 * 1024 * 1024;

/// CompleteJob. Repeated after an answer that was lost it answers again, as long as nothing else has happened.
pub(super) async fn complete_job(cx: Cx, req: pb::CompleteJobRequest) -> Result<pb::CompleteJobResponse> {
    use pb::complete_job_request::Outcome;
    let (job_id, fence) = lease_ref(req.job.as_ref())?;
    let outcome = req.outcome.ok_or_else(|| Error::field("outcome", "This is required."))?;
    let runner = cx.caller.principal();
    let mut tx = begin(&cx, job_id, "job.complete").await?;
    let before = match lock_held(&mut tx, &runner, job_id, fence).await {
        Ok(row) => row,
        Err(error) => {
            let row = jobs::lock(&mut tx, job_id).await?;
            let repeated = row.filter(|row| is_same_end(row, fence, &runner, &outcome));
            let state = repeated.ok_or(error)?.state()?;
            return Ok(pb::CompleteJobResponse { state: state_to_proto(state).into() });
        }
    };
    let after = match outcome {
        Outcome::Planned(planned) => plan(&mut tx, &before, fence, planned).await?,
        Outcome::Applied(applied) => apply(&mut tx, &before, applied).await?,
        Outcome::Failed(failed) => {
            let (error, transient) = read_failure(failed);
            if error.class == ErrorClass::Timeout && before.state()? == JobState::Running {
                jobs::time_out(&mut tx, &before, true).await?
            } else {
                jobs::fail(&mut tx, &before, &error, transient).await?
            }
        }
        Outcome::Cancelled(cancelled) => cancel(&mut tx, &before, cancelled.reason()).await?,
    };
    let state = after.state()?;
    tx.commit_worker().await?;
    Ok(pb::CompleteJobResponse { state: state_to_proto(state).into() })
}

/// Whether a job has ended, or waits for its next attempt, by this very outcome: the answer to it was lost.
fn is_same_end(row: &JobRow, fence: i64, runner: &str, outcome: &pb::complete_job_request::Outcome) -> bool {
    use pb::complete_job_request::Outcome;
    let mine = row.fence == fence && row.runner.as_deref() == Some(runner) && row.lease_id.is_none();
    let lost = row.error.as_ref().is_some_and(|error| error["error_class"] == ErrorClass::RunnerLost.as_str());
    let Ok(state) = row.state() else { return false };
    mine && !lost
        && match outcome {
            Outcome::Planned(_) | Outcome::Applied(_) => matches!(state, JobState::Succeeded | JobState::Cancelled),
            Outcome::Failed(_) => state != JobState::Succeeded && state != JobState::Queued,
            Outcome::Cancelled(_) => matches!(state, JobState::Cancelled | JobState::Failed),
        }
}

async fn plan(tx: &mut Tx, before: &JobRow, fence: i64, planned: pb::PlanOutcome) -> Result<JobRow> {
    expect_kind(before, JobKind::Plan)?;
    let mut files = handed_in(&tx.app, tx, before, fence).await?;
    let mut take = |kind: &str| {
        let index = files.iter().position(|(row, _)| row.kind == kind);
        index.map(|index| files.swap_remove(index)).ok_or_else(|| {
            CoreError::precondition(Reason::WrongState, format!("The {kind} of the plan was not handed in before."))
        })
    };
    let (row, file) = take("PLAN_FILE")?;
    let (_, document) = take("PLAN_JSON")?;
    let (_, text) = take("PLAN_TEXT")?;
    let document = serde_json::from_slice(&document)
        .map_err(|error| Error::field("planned", format!("The PLAN_JSON that was handed in is no JSON: {error}.")))?;
    let artifacts = PlanArtifacts {
        document,
        text: String::from_utf8_lossy(&text).into_owned(),
        file,
        file_sha256: hex::encode(row.sha256),
        provider_lock_hash: planned.provider_lock_hash,
    };
    let after = jobs::succeed(tx, before).await?;
    if after.state()? == JobState::Succeeded {
        plan_ready(tx, &after, artifacts).await?;
    } else {
        crate::flow::apply::job_cancelled(tx, &after).await?;
    }
    Ok(after)
}

async fn apply(tx: &mut Tx, before: &JobRow, applied: pb::ApplyOutcome) -> Result<JobRow> {
    expect_kind(before, JobKind::Apply)?;
    if !before.facts()?.may_succeed() {
        let message = "Its apply was never recorded as started. Send apply_start and wait for the verdict first.";
        return Err(CoreError::precondition(Reason::WrongState, message).into());
    }
    // The state tells what there is; the runner only what it saw.
    let newest = workspace::newest_state(tx, before.organization_id, before.deployment_id).await?;
    let resource_count = newest.map_or(applied.resource_count, |newest| newest.resource_count);
    let outputs: Vec<OutputValue> = applied
        .outputs
        .into_iter()
        .map(|output| OutputValue {
            name: output.output,
            value: output.value.as_ref().map(value_from_proto).unwrap_or_default(),
            sensitive: output.sensitive,
        })
        .collect();
    let after = jobs::succeed(tx, before).await?;
    if after.state()? == JobState::Succeeded {
        apply_succeeded(tx, &after, &outputs, resource_count).await?;
    } else {
        crate::flow::apply::job_cancelled(tx, &after).await?;
    }
    Ok(after)
}

/// The process was ended: since that was asked for, since its time was over, or since the runner itself has to stop.
async fn cancel(tx: &mut Tx, before: &JobRow, reason: pb::WorkCancelReason) -> Result<JobRow> {
    match before.facts()?.stopped(reason == pb::WorkCancelReason::Timeout) {
        Ending::TimedOut { ended } => jobs::time_out(tx, before, ended).await,
        Ending::ProcessEnded => jobs::process_ended(tx, before).await,
        _ => jobs::lose(tx, before, Loss::GaveUp).await,
    }
}

/// RecoverJob: the engine of a runner that was lost is gone.
pub(super) async fn recover_job(cx: Cx, req: pb::RecoverJobRequest) -> Result<pb::RecoverJobResponse> {
    let (job_id, fence) = lease_ref(req.job.as_ref())?;
    if req.state.len() > STATE_MAX {
        return Err(Error::field("state", format!("has more than {STATE_MAX} bytes.")));
    }
    let runner = cx.caller.principal();
    let mut tx = begin(&cx, job_id, "job.recover").await?;
    let found = jobs::lock(&mut tx, job_id).await?.ok_or_else(|| stale(job_id, fence))?;
    if fence < 1 || fence > found.fence {
        return Err(Error::field("job.fence", "This job never had that fence."));
    }
    let disposition = match req.state.is_empty() {
        true => None,
        false => Some(state::store(&mut tx, &found, fence, &req.state).await?),
    };
    let mut row = found;
    let is_holder = row.runner.as_deref() == Some(&*runner);
    if row.facts()?.is_lost_by_recovery(fence, is_holder) {
        if let Some(lease_id) = row.lease_id {
            lease::lock(&mut tx, lease_id).await?;
        }
        row = jobs::lose(&mut tx, &row, Loss::GaveUp).await?;
    }
    jobs::end_wind_down(&mut tx, &row, fence).await?;
    tx.ledger.detail("fence", fence);
    tx.commit_worker().await?;
    tracing::info!(job = %job_id, fence, state = disposition.map(Disposition::as_str), "A lost job was recovered.");
    let disposition = match disposition {
        None => pb::StateDisposition::Unspecified,
        Some(Disposition::Stored) => pb::StateDisposition::Stored,
        Some(Disposition::Orphaned) => pb::StateDisposition::Orphaned,
        Some(Disposition::Known) => pb::StateDisposition::Known,
    };
    // Whatever was in it is with us now.
    Ok(pb::RecoverJobResponse { disposition: disposition.into(), discard: true })
}

fn read_failure(failed: pb::FailureOutcome) -> (JobError, bool) {
    let sent = failed.error.unwrap_or_default();
    let class = enum_name(sent.error_class().as_str_name(), "ERROR_CLASS_").parse().unwrap_or(ErrorClass::Unknown);
    let mut error = JobError::new(class, sent.message);
    if !sent.suggestion.is_empty() {
        error.suggestion = sent.suggestion;
    }
    (error, failed.transient)
}

fn expect_kind(job: &JobRow, kind: JobKind) -> Result<()> {
    if job.kind()? == kind {
        return Ok(());
    }
    Err(Error::field("outcome", format!("{} is of kind {}; this outcome is not.", job.name(), job.kind)))
}
