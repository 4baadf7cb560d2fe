//! What those who run the platform do with jobs: replay a dead letter, run one now, delete one that is over.

use flagstone_core::job::{JobEvent, JobState};
use flagstone_core::machine::StateMachine;
use flagstone_core::request::{FailedPhase, RequestState};
use flagstone_core::{Error as CoreError, Reason};
use flagstone_db::job::JobRow;
use flagstone_db::request::RequestRow;
use flagstone_db::{artifact, job, job_log, queue, request};
use uuid::Uuid;

use super::job::{object, record, view};
use super::request::{replay_plan, state_of};
use crate::error::{Error, Result};
use crate::ledger::QUEUE_TOPIC;
use crate::tx::Tx;

/// A job and its request, of which the request is locked: nothing but a heartbeat changes the job beside it.
pub struct Locked {
    pub job: JobRow,
    request: RequestRow,
}

/// Locks the request of a job; `None` where there is no such job any more.
pub async fn lock_request(tx: &mut Tx, job_id: Uuid) -> Result<Option<Locked>> {
    let organization_id = tx.organization_id;
    let Some(found) = job::get(tx, organization_id, job_id).await? else { return Ok(None) };
    let request = request::lock(tx, organization_id, found.request_id).await?;
    let request = request.ok_or_else(|| Error::internal("a job's request is gone"))?;
    let job = job::get(tx, organization_id, job_id).await?.filter(|job| job.delete_time.is_none());
    Ok(job.map(|job| Locked { job, request }))
}

/// Locks the requests of jobs, all before anything else and in one order: two calls about many jobs cannot wait for each
/// other. The jobs are returned in the order asked for, `None` for what is no job.
pub async fn lock_requests(tx: &mut Tx, ids: &[Uuid]) -> Result<Vec<Option<Locked>>> {
    let mut rows = job::of_ids(tx, tx.organization_id, ids).await?;
    rows.sort_by_key(|row| (row.request_id, row.id));
    let mut locked = Vec::with_capacity(rows.len());
    for row in &rows {
        locked.extend(lock_request(tx, row.id).await?);
    }
    let take = |id: &Uuid| locked.iter().position(|found| found.job.id == *id).map(|at| locked.swap_remove(at));
    Ok(ids.iter().map(take).collect())
}

/// Takes a job out of the dead letters. Its attempts begin anew, its fence does not: what an earlier runner of it still
/// sends stays refused. Where it cannot be, nothing was written.
pub async fn replay(tx: &mut Tx, found: &Locked) -> Result<JobRow> {
    let Locked { job: before, request } = found;
    let name = before.name();
    let may_rerun = before.kind()?.may_rerun();
    if before.state()? == JobState::DeadLettered && !may_rerun {
        return Err(wrong_state(
            &name,
            "It is an apply, which is never run again. Retry its request with RetryRequest: it is planned anew.",
        ));
    }
    let state = before.state()?.next(JobEvent::Replay { may_rerun }, &name)?;
    let waits_for_it = state_of(request)? == RequestState::Failed
        && request.failed_phase.as_deref() == Some(FailedPhase::Plan.as_str())
        && request.content_revision == before.content_revision
        && request.job_ids.last() == Some(&before.id);
    if !waits_for_it {
        return Err(wrong_state(
            &name,
            "Its request has moved on since it failed: nothing waits for this job any more. See the request.",
        ));
    }
    replay_plan(tx, request, &name).await?;
    let organization_id = tx.organization_id;
    job::lock(tx, organization_id, before.id).await?;
    let after = job::replay(tx, before, state).await?;
    queue::unbury(tx, &after).await?;
    queue::make_ready(tx, &after).await?;
    record(tx, Some(before), &after);
    tx.ledger.topic(QUEUE_TOPIC);
    Ok(after)
}

/// Puts a job that waits before all others of its organization.
pub async fn run_now(tx: &mut Tx, found: &Locked) -> Result<JobRow> {
    let before = &found.job;
    let state = match before.state()? {
        JobState::Queued => JobState::Queued,
        JobState::RetryWait => JobState::RetryWait.next(JobEvent::BackoffOver, &before.name())?,
        other => {
            let why = format!("It is {other}. Only a job that is QUEUED or RETRY_WAIT waits for its turn.");
            return Err(wrong_state(&before.name(), &why));
        }
    };
    let organization_id = tx.organization_id;
    job::lock(tx, organization_id, before.id).await?;
    let after = job::hasten(tx, before, state).await?;
    queue::to_front(tx, &after).await?;
    record(tx, Some(before), &after);
    tx.ledger.topic(QUEUE_TOPIC);
    Ok(after)
}

/// Deletes a job that is over, with its log. Where it cannot be, nothing was written.
pub async fn delete(tx: &mut Tx, found: &Locked) -> Result<()> {
    let before = &found.job;
    let state = before.state()?;
    if !state.is_over() {
        let why = format!("It is {state}. Only a job that has ended can be deleted; CancelJob ends it.");
        return Err(wrong_state(&before.name(), &why));
    }
    let organization_id = tx.organization_id;
    job::lock(tx, organization_id, before.id).await?;
    let after = job::delete(tx, before).await?;
    job_log::delete(tx, organization_id, after.id).await?;
    artifact::discard(tx, organization_id, after.id).await?;
    queue::unbury(tx, &after).await?;
    tx.record(object(before), Some(&view(before)), None);
    Ok(())
}

fn wrong_state(name: &str, why: &str) -> Error {
    CoreError::precondition(Reason::WrongState, format!("{name}: {why}")).with("name", &name).into()
}
