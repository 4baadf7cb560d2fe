//! Jobs: the wide rows that are kept. What may be claimed is in `queue.rs`, who holds what in `lease.rs`.
//!
//! Whoever changes a job locks its request first, then the job, then its lease: the order of everybody.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use flagstone_core::Error as CoreError;
use flagstone_core::job::{JobKind, JobOperation, JobState};
use flagstone_core::words::UnknownWord;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::lease::from_now;
use crate::schema::{deployments, jobs, requests};

/// A job.
#[derive(Clone, Debug, Queryable, Selectable, Identifiable)]
#[diesel(table_name = jobs)]
pub struct JobRow {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub business_unit_id: Uuid,
    pub kind: String,
    pub operation: String,
    pub request_id: Uuid,
    pub deployment_id: Uuid,
    pub content_revision: i32,
    pub template_version_id: Uuid,
    pub plan_id: Option<Uuid>,
    pub queue: String,
    pub concurrency_key: String,
    pub idempotency_key: String,
    pub attempt: i32,
    pub max_attempts: i32,
    pub run_after_time: DateTime<Utc>,
    pub soft_timeout_seconds: i32,
    pub hard_timeout_seconds: i32,
    pub lease_id: Option<Uuid>,
    pub runner: Option<String>,
    pub fence: i64,
    pub apply_started: bool,
    pub progress: Value,
    pub error: Option<Value>,
    pub trigger: String,
    pub state: String,
    pub attempt_start_time: Option<DateTime<Utc>>,
    pub start_time: Option<DateTime<Utc>>,
    pub end_time: Option<DateTime<Utc>>,
    pub cancel_time: Option<DateTime<Utc>>,
    pub correlation_id: String,
    pub revision: i64,
    pub create_time: DateTime<Utc>,
    pub update_time: DateTime<Utc>,
    /// When it was deleted: from then on nobody sees it.
    pub delete_time: Option<DateTime<Utc>>,
}

impl JobRow {
    /// Resource name.
    pub fn name(&self) -> String {
        format!("jobs/{}", self.id)
    }

    /// What it does.
    pub fn kind(&self) -> Result<JobKind, CoreError> {
        self.kind.parse().map_err(unreadable)
    }

    /// To what end.
    pub fn operation(&self) -> Result<JobOperation, CoreError> {
        self.operation.parse().map_err(unreadable)
    }

    /// Where it stands.
    pub fn state(&self) -> Result<JobState, CoreError> {
        self.state.parse().map_err(unreadable)
    }
}

/// A stored word that this build does not know is our fault.
fn unreadable(unknown: UnknownWord) -> CoreError {
    CoreError::internal(unknown)
}

/// The unit a job belongs to. A deleted job is in none: its name leads nowhere any more.
pub async fn business_unit(mut conn: &Connection, organization_id: Uuid, id: Uuid) -> Result<Option<Uuid>, Error> {
    Ok(jobs::table
        .filter(jobs::organization_id.eq(organization_id))
        .filter(jobs::id.eq(id))
        .filter(jobs::delete_time.is_null())
        .select(jobs::business_unit_id)
        .first(&mut conn)
        .await
        .optional()?)
}

/// The organization of a job, for runners, whose credential does not tell it.
pub async fn organization(mut conn: &Connection, id: Uuid) -> Result<Option<Uuid>, Error> {
    Ok(jobs::table.find(id).select(jobs::organization_id).first(&mut conn).await.optional()?)
}

/// The job of an id.
pub async fn get(mut conn: &Connection, organization_id: Uuid, id: Uuid) -> Result<Option<JobRow>, Error> {
    Ok(jobs::table
        .filter(jobs::organization_id.eq(organization_id))
        .filter(jobs::id.eq(id))
        .select(JobRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// The jobs of ids, oldest first. Ids without a job are left out.
pub async fn of_ids(mut conn: &Connection, organization_id: Uuid, ids: &[Uuid]) -> Result<Vec<JobRow>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(jobs::table
        .filter(jobs::organization_id.eq(organization_id))
        .filter(jobs::id.eq_any(ids))
        .order((jobs::create_time, jobs::id))
        .select(JobRow::as_select())
        .load(&mut conn)
        .await?)
}

/// What a job works on.
#[derive(Clone, Debug, Queryable)]
pub struct Requested {
    pub requester_id: Uuid,
    pub tier: String,
    /// The team of the deployment.
    pub team_id: Option<Uuid>,
}

/// Who asked for what a job works on, in which tier, and whose it is.
pub async fn requested(mut conn: &Connection, organization_id: Uuid, id: Uuid) -> Result<Option<Requested>, Error> {
    Ok(jobs::table
        .inner_join(requests::table.on(requests::id.eq(jobs::request_id)))
        .left_join(
            deployments::table.on(deployments::id
                .nullable()
                .eq(requests::deployment_id)
                .and(deployments::organization_id.eq(requests::organization_id))),
        )
        .filter(jobs::organization_id.eq(organization_id))
        .filter(jobs::id.eq(id))
        .filter(requests::organization_id.eq(organization_id))
        .select((requests::requester_id, requests::tier, deployments::team_id.nullable()))
        .first(&mut conn)
        .await
        .optional()?)
}

/// Locks a job for a transition; its request is locked before it.
pub async fn lock(conn: &mut Connection, organization_id: Uuid, id: Uuid) -> Result<Option<JobRow>, Error> {
    Ok(jobs::table
        .filter(jobs::organization_id.eq(organization_id))
        .filter(jobs::id.eq(id))
        .select(JobRow::as_select())
        .for_update()
        .first(conn)
        .await
        .optional()?)
}

/// Gives a job to a runner: the attempt and the fence rise, the progress starts anew.
pub async fn start(
    conn: &mut Connection,
    job: &JobRow,
    lease_id: Uuid,
    runner: &str,
    state: JobState,
) -> Result<JobRow, Error> {
    // The first start stays.
    let start_time = job.start_time.is_none().then(|| jobs::start_time.eq(now));
    Ok(diesel::update(jobs::table.find(job.id))
        .filter(jobs::organization_id.eq(job.organization_id))
        .set((
            jobs::state.eq(state.as_str()),
            jobs::attempt.eq(jobs::attempt + 1),
            jobs::fence.eq(jobs::fence + 1),
            jobs::lease_id.eq(lease_id),
            jobs::runner.eq(runner),
            jobs::progress.eq(json!({})),
            jobs::error.eq(None::<Value>),
            jobs::attempt_start_time.eq(now),
            start_time,
            jobs::revision.eq(jobs::revision + 1),
            jobs::update_time.eq(now),
        ))
        .returning(JobRow::as_returning())
        .get_result(conn)
        .await?)
}

/// Records, before the engine starts, that something may change from here on.
pub async fn set_apply_started(conn: &mut Connection, job: &JobRow, state: JobState) -> Result<JobRow, Error> {
    Ok(diesel::update(jobs::table.find(job.id))
        .filter(jobs::organization_id.eq(job.organization_id))
        .set((
            jobs::state.eq(state.as_str()),
            jobs::apply_started.eq(true),
            jobs::revision.eq(jobs::revision + 1),
            jobs::update_time.eq(now),
        ))
        .returning(JobRow::as_returning())
        .get_result(conn)
        .await?)
}

/// Records that its end was asked for, while its runner still has it.
pub async fn ask_to_stop(conn: &mut Connection, job: &JobRow, state: JobState) -> Result<JobRow, Error> {
    Ok(diesel::update(jobs::table.find(job.id))
        .filter(jobs::organization_id.eq(job.organization_id))
        .set((
            jobs::state.eq(state.as_str()),
            jobs::cancel_time.eq(now),
            jobs::revision.eq(jobs::revision + 1),
            jobs::update_time.eq(now),
        ))
        .returning(JobRow::as_returning())
        .get_result(conn)
        .await?)
}

/// Ends a job. `error` is what stands in its row from now on.
pub async fn end(conn: &mut Connection, job: &JobRow, state: JobState, error: Option<&Value>) -> Result<JobRow, Error> {
    let cancel_time = (state == JobState::Cancelled && job.cancel_time.is_none()).then(|| jobs::cancel_time.eq(now));
    Ok(diesel::update(jobs::table.find(job.id))
        .filter(jobs::organization_id.eq(job.organization_id))
        .set((
            jobs::state.eq(state.as_str()),
            jobs::error.eq(error),
            jobs::lease_id.eq(None::<Uuid>),
            jobs::end_time.eq(now),
            cancel_time,
            jobs::revision.eq(jobs::revision + 1),
            jobs::update_time.eq(now),
        ))
        .returning(JobRow::as_returning())
        .get_result(conn)
        .await?)
}

/// Takes a job from its runner and puts it back into the line, not before `delay` from now.
pub async fn put_back(
    conn: &mut Connection,
    job: &JobRow,
    state: JobState,
    error: Option<&Value>,
    delay: Duration,
) -> Result<JobRow, Error> {
    Ok(diesel::update(jobs::table.find(job.id))
        .filter(jobs::organization_id.eq(job.organization_id))
        .set((
            jobs::state.eq(state.as_str()),
            jobs::error.eq(error),
            jobs::lease_id.eq(None::<Uuid>),
            jobs::run_after_time.eq(from_now(delay)),
            jobs::revision.eq(jobs::revision + 1),
            jobs::update_time.eq(now),
        ))
        .returning(JobRow::as_returning())
        .get_result(conn)
        .await?)
}

/// Takes a job out of the dead letters: the attempts begin anew, the fence goes on.
pub async fn replay(conn: &mut Connection, job: &JobRow, state: JobState) -> Result<JobRow, Error> {
    Ok(diesel::update(jobs::table.find(job.id))
        .filter(jobs::organization_id.eq(job.organization_id))
        .set((
            jobs::state.eq(state.as_str()),
            jobs::attempt.eq(0),
            jobs::error.eq(None::<Value>),
            jobs::progress.eq(json!({})),
            jobs::run_after_time.eq(now),
            jobs::end_time.eq(None::<DateTime<Utc>>),
            jobs::revision.eq(jobs::revision + 1),
            jobs::update_time.eq(now),
        ))
        .returning(JobRow::as_returning())
        .get_result(conn)
        .await?)
}

/// Ends a job's wait for its time.
pub async fn hasten(conn: &mut Connection, job: &JobRow, state: JobState) -> Result<JobRow, Error> {
    Ok(diesel::update(jobs::table.find(job.id))
        .filter(jobs::organization_id.eq(job.organization_id))
        .set((
            jobs::state.eq(state.as_str()),
            jobs::run_after_time.eq(now),
            jobs::revision.eq(jobs::revision + 1),
            jobs::update_time.eq(now),
        ))
        .returning(JobRow::as_returning())
        .get_result(conn)
        .await?)
}

/// Deletes a job that is over. The row stays for what names it; what it printed is the log's to delete.
pub async fn delete(conn: &mut Connection, job: &JobRow) -> Result<JobRow, Error> {
    Ok(diesel::update(jobs::table.find(job.id))
        .filter(jobs::organization_id.eq(job.organization_id))
        .set((
            jobs::delete_time.eq(now),
            jobs::error.eq(None::<Value>),
            jobs::progress.eq(json!({})),
            jobs::revision.eq(jobs::revision + 1),
            jobs::update_time.eq(now),
        ))
        .returning(JobRow::as_returning())
        .get_result(conn)
        .await?)
}

/// Stores how far the job under this fence is. False where the fence is no longer its own.
pub async fn set_progress(
    conn: &mut Connection,
    organization_id: Uuid,
    id: Uuid,
    fence: i64,
    progress: &Value,
) -> Result<bool, Error> {
    let changed = diesel::update(jobs::table.find(id))
        .filter(jobs::organization_id.eq(organization_id))
        .filter(jobs::fence.eq(fence))
        .filter(jobs::lease_id.is_not_null())
        .set((jobs::progress.eq(progress), jobs::revision.eq(jobs::revision + 1), jobs::update_time.eq(now)))
        .execute(conn)
        .await?;
    Ok(changed == 1)
}
