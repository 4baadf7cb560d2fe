//! Jobs: every transition is one function here. Each takes the row as it is, locked behind its request's row, writes it
//! and records it. What a job's end means for its request is in `plan` and `apply`.

use std::time::Duration;

use flagstone_core::job::{Backoff, ErrorClass, JobEvent, JobKind, JobState};
use flagstone_core::machine::StateMachine;
use flagstone_db::job::JobRow;
use flagstone_db::{artifact, job, lease, queue, request, workspace};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{apply, plan};
use crate::error::{Error, Result};
use crate::ledger::ObjectRef;
use crate::tx::Tx;

/// Why a job failed, as people read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobError {
    pub class: ErrorClass,
    /// What happened.
    pub message: String,
    /// What to do about it.
    pub suggestion: String,
}

impl JobError {
    /// An error of a class, with the suggestion of that class.
    pub fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), suggestion: class.suggestion().to_owned() }
    }

    /// The form in which rows keep it.
    pub fn to_json(&self) -> Value {
        json!({"error_class": self.class, "message": self.message, "suggestion": self.suggestion})
    }

    fn runner_lost(job: &JobRow, why: Loss) -> Self {
        let runner = job.runner.as_deref().unwrap_or("The runner");
        let message = match why {
            Loss::Silent => format!("{runner} was not heard of until its lease ended."),
            Loss::GaveUp => format!("{runner} stopped before the job had ended."),
        };
        Self::new(ErrorClass::RunnerLost, message)
    }
}

/// How a runner came to lose a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Nobody knows what it does: its engine may still be on its way out.
    Silent,
    /// It, or the runner that came after it, says so: its engine has ended.
    GaveUp,
}

/// The object that a job is in the ledger.
pub fn object(row: &JobRow) -> ObjectRef {
    ObjectRef { object_type: "job", name: row.name(), id: row.id, business_unit_id: Some(row.business_unit_id) }
}

/// What becomes of the lock on the workspace, and of the concurrency key with it, when a job leaves its runner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lock {
    /// Nothing works on the deployment any more.
    Free,
    /// The engine may still be on its way out: kept until the supervisor's limit.
    KeepForWindDown,
}

/// Records what happened to a job.
pub fn record(tx: &mut Tx, before: Option<&JobRow>, after: &JobRow) {
    tx.record(object(after), before.map(view).as_ref(), Some(&view(after)));
}

pub(super) fn view(row: &JobRow) -> Value {
    json!({
        "kind": row.kind,
        "operation": row.operation,
        "state": row.state,
        "attempt": row.attempt,
        "fence": row.fence,
        "runner": row.runner,
        "apply_started": row.apply_started,
        "progress": row.progress,
        "error": row.error,
        "run_after_time": row.run_after_time,
        "cancel_time": row.cancel_time,
    })
}

/// Locks a job behind its request: the order in which everybody locks them.
pub async fn lock(tx: &mut Tx, job_id: Uuid) -> Result<Option<JobRow>> {
    let organization_id = tx.organization_id;
    let Some(found) = job::get(tx, organization_id, job_id).await? else { return Ok(None) };
    request::lock(tx, organization_id, found.request_id).await?;
    Ok(job::lock(tx, organization_id, job_id).await?)
}

/// A runner takes a job that was taken out of the line.
pub async fn start(tx: &mut Tx, before: &JobRow, lease_id: Uuid, runner: &str) -> Result<JobRow> {
    let mut state = before.state()?;
    if state == JobState::RetryWait {
        state = state.next(JobEvent::BackoffOver, &before.name())?;
    }
    let state = state.next(JobEvent::Lease, &before.name())?;
    let after = job::start(tx, before, lease_id, runner, state).await?;
    record(tx, Some(before), &after);
    Ok(after)
}

/// The engine is about to change something. From the commit on the job is never run again.
pub async fn set_apply_started(tx: &mut Tx, before: &JobRow) -> Result<JobRow> {
    let state = before.state()?.next(JobEvent::ApplyStarting, &before.name())?;
    let after = job::set_apply_started(tx, before, state).await?;
    record(tx, Some(before), &after);
    Ok(after)
}

/// The work is done. A job whose end was asked for meanwhile is CANCELLED all the same: what it did is kept.
pub async fn succeed(tx: &mut Tx, before: &JobRow) -> Result<JobRow> {
    let event = if before.state()? == JobState::Cancelling { JobEvent::ProcessEnded } else { JobEvent::Complete };
    let state = before.state()?.next(event, &before.name())?;
    end(tx, before, state, None, Lock::Free).await
}

/// The runner says that the job failed, and that another attempt may help where `transient`. What follows for the
/// request happens here too.
pub async fn fail(tx: &mut Tx, before: &JobRow, error: &JobError, transient: bool) -> Result<JobRow> {
    if before.state()? == JobState::Cancelling {
        return process_ended(tx, before).await;
    }
    let (attempt, max_attempts) = (unsigned(before.attempt), unsigned(before.max_attempts));
    let event = JobEvent::failed(transient, before.apply_started, attempt, max_attempts);
    let state = before.state()?.next(event, &before.name())?;
    if state == JobState::RetryWait {
        let delay = Backoff::of(error.class).wait(attempt, random()?);
        return put_back(tx, before, state, Some(error), delay).await;
    }
    let after = end(tx, before, state, Some(error), Lock::Free).await?;
    failed(tx, &after, error).await?;
    Ok(after)
}

/// The hard time limit passed. The engine has ended where `ended`, else it may still be on its way out.
pub async fn time_out(tx: &mut Tx, before: &JobRow, ended: bool) -> Result<JobRow> {
    if before.state()? == JobState::Cancelling {
        return cancelled(tx, before, JobEvent::ProcessEnded, lock_after(before, ended)).await;
    }
    let state = before.state()?.next(JobEvent::TimeLimit, &before.name())?;
    let minutes = f64::from(before.hard_timeout_seconds) / 60.0;
    let error =
        JobError::new(ErrorClass::Timeout, format!("The job took longer than {minutes:.1} minutes and was stopped."));
    let after = end(tx, before, state, Some(&error), lock_after(before, ended)).await?;
    failed(tx, &after, &error).await?;
    Ok(after)
}

/// Somebody asks for the end of a job: what waits is CANCELLED, what runs is asked to stop. Nothing follows here for
/// the request: whoever asks does that.
pub async fn cancel(tx: &mut Tx, before: &JobRow) -> Result<JobRow> {
    let state = before.state()?.next(JobEvent::Cancel, &before.name())?;
    if state == JobState::Cancelled {
        return end(tx, before, state, None, Lock::Free).await;
    }
    let after = job::ask_to_stop(tx, before, state).await?;
    record(tx, Some(before), &after);
    Ok(after)
}

/// Asks for the end of a job whose request no longer wants it. The request is locked. Nothing happens to a job that has
/// ended or is ending.
pub async fn stop(tx: &mut Tx, job_id: Uuid) -> Result<()> {
    let organization_id = tx.organization_id;
    let Some(before) = job::lock(tx, organization_id, job_id).await? else { return Ok(()) };
    if before.state()?.step(JobEvent::Cancel).is_some() {
        cancel(tx, &before).await?;
    }
    Ok(())
}

/// The process of a job has ended whose end was asked for.
pub async fn process_ended(tx: &mut Tx, before: &JobRow) -> Result<JobRow> {
    cancelled(tx, before, JobEvent::ProcessEnded, Lock::Free).await
}

/// The runner of a leased job is lost.
pub async fn lose(tx: &mut Tx, before: &JobRow, why: Loss) -> Result<JobRow> {
    let error = JobError::runner_lost(before, why);
    let ended = why == Loss::GaveUp;
    let may_rerun = before.kind()?.may_rerun() || !before.apply_started;
    let event = JobEvent::LeaseLost { may_rerun };
    if before.state()? == JobState::Cancelling {
        return cancelled(tx, before, event, lock_after(before, ended)).await;
    }
    let state = before.state()?.next(event, &before.name())?;
    if state == JobState::Queued {
        return put_back(tx, before, state, Some(&error), Duration::ZERO).await;
    }
    let after = end(tx, before, state, Some(&error), lock_after(before, ended)).await?;
    failed(tx, &after, &error).await?;
    Ok(after)
}

/// Frees what was kept for the engine of a lost runner: its last state has come, or its time is over.
pub async fn end_wind_down(tx: &mut Tx, row: &JobRow, fence: i64) -> Result<()> {
    workspace::free_lock(tx, row, fence).await?;
    if row.lease_id.is_none() {
        queue::release_key(tx, row).await?;
    }
    tx.ledger.topic(crate::ledger::QUEUE_TOPIC);
    Ok(())
}

/// An apply that has begun leaves its workspace locked until its engine is known to have ended.
const fn lock_after(job: &JobRow, ended: bool) -> Lock {
    if job.apply_started && !ended { Lock::KeepForWindDown } else { Lock::Free }
}

async fn cancelled(tx: &mut Tx, before: &JobRow, event: JobEvent, lock: Lock) -> Result<JobRow> {
    let state = before.state()?.next(event, &before.name())?;
    let after = end(tx, before, state, None, lock).await?;
    apply::job_cancelled(tx, &after).await?;
    Ok(after)
}

/// Tells the request that its job failed for good.
async fn failed(tx: &mut Tx, job: &JobRow, error: &JobError) -> Result<()> {
    match job.kind()? {
        JobKind::Plan => plan::plan_failed(tx, job, error).await,
        JobKind::Apply => apply::apply_failed(tx, job, error).await,
    }
}

async fn end(tx: &mut Tx, before: &JobRow, state: JobState, error: Option<&JobError>, lock: Lock) -> Result<JobRow> {
    let after = job::end(tx, before, state, error.map(JobError::to_json).as_ref()).await?;
    release(tx, before, lock).await?;
    artifact::discard(tx, after.organization_id, after.id).await?;
    if state == JobState::DeadLettered {
        queue::bury(tx, &after).await?;
    }
    record(tx, Some(before), &after);
    // Whoever follows the log learns that it is complete.
    tx.ledger.topic(crate::ledger::log_topic(after.id));
    Ok(after)
}

async fn put_back(
    tx: &mut Tx,
    before: &JobRow,
    state: JobState,
    error: Option<&JobError>,
    delay: Duration,
) -> Result<JobRow> {
    let after = job::put_back(tx, before, state, error.map(JobError::to_json).as_ref(), delay).await?;
    queue::make_ready(tx, &after).await?;
    release(tx, before, Lock::Free).await?;
    artifact::discard(tx, after.organization_id, after.id).await?;
    record(tx, Some(before), &after);
    Ok(after)
}

/// Gives back what a job had: its place in the line or its lease, its key, its lock.
async fn release(tx: &mut Tx, before: &JobRow, lock: Lock) -> Result<()> {
    match before.lease_id {
        Some(lease_id) => lease::drop_unused(tx, lease_id).await?,
        None if before.state()? == JobState::Queued || before.state()? == JobState::RetryWait => {
            queue::remove(tx, before).await?;
        }
        None => {}
    }
    match lock {
        Lock::Free => {
            workspace::free_lock(tx, before, before.fence).await?;
            queue::release_key(tx, before).await?;
        }
        Lock::KeepForWindDown => {
            let wind_down = tx.app.config.jobs.wind_down;
            let workspace = workspace::lock_or_create(tx, before).await?;
            workspace::keep_lock(tx, &workspace, before, wind_down).await?;
        }
    }
    // A key that is free lets the next job of it run.
    tx.ledger.topic(crate::ledger::QUEUE_TOPIC);
    Ok(())
}

fn unsigned(count: i32) -> u32 {
    u32::try_from(count).unwrap_or_default()
}

/// Uniform in 0..1.
fn random() -> Result<f64> {
    Ok(f64::from(getrandom::u32().map_err(Error::internal)?) / f64::from(u32::MAX))
}
