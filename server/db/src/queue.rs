//! The queue: what may be claimed, and one job at a time per concurrency key.
//!
//! `ready_jobs` is narrow and emptied by the claim, so that a claim reads no history. A claim waits for nobody: what
//! another claim or a change of the request holds at that moment is passed over and found by the next one.

use chrono::{DateTime, Utc};
use diesel::dsl::{exists, not, now};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use flagstone_core::job::{FRONT, JobKind, JobOperation, JobState, QueueName};
use uuid::Uuid;

use crate::error::Error;
use crate::job::JobRow;
use crate::schema::{concurrency_holds, dead_letters, jobs, queue_pauses, ready_jobs, requests, template_versions};
use crate::{Connection, job_log};

pub mod pause;
pub mod stats;
pub mod stuck;
mod turn;

pub use turn::{Turn, next_turn};

/// A job's place in the line.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = ready_jobs)]
pub struct ReadyRow {
    pub priority: i16,
    pub run_after_time: DateTime<Utc>,
    /// The engine that it needs.
    pub engine: String,
}

/// A job to enqueue.
#[derive(Clone, Debug)]
pub struct NewJob<'a> {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub business_unit_id: Uuid,
    pub kind: JobKind,
    pub operation: JobOperation,
    pub request_id: Uuid,
    pub deployment_id: Uuid,
    pub content_revision: i32,
    pub template_version_id: Uuid,
    /// The plan to carry out; for an apply.
    pub plan_id: Option<Uuid>,
    pub queue: QueueName,
    /// One job of the same key runs at a time.
    pub concurrency_key: &'a str,
    /// A second job of the same key is the first one.
    pub idempotency_key: &'a str,
    pub max_attempts: i32,
    pub soft_timeout_seconds: i32,
    pub hard_timeout_seconds: i32,
    /// Name of whoever caused it.
    pub trigger: &'a str,
    pub correlation_id: &'a str,
    /// Not before this time; `None` for at once.
    pub run_after_time: Option<DateTime<Utc>>,
}

/// Enqueues a job in the transaction that `conn` is in: the row, its place in the line and the head of its log. Where
/// a job with the same idempotency key exists, that one is returned and nothing is changed.
pub async fn enqueue(conn: &mut Connection, job: &NewJob<'_>) -> Result<JobRow, Error> {
    let inserted = diesel::insert_into(jobs::table)
        .values((
            jobs::id.eq(job.id),
            jobs::organization_id.eq(job.organization_id),
            jobs::business_unit_id.eq(job.business_unit_id),
            jobs::kind.eq(job.kind.as_str()),
            jobs::operation.eq(job.operation.as_str()),
            jobs::request_id.eq(job.request_id),
            jobs::deployment_id.eq(job.deployment_id),
            jobs::content_revision.eq(job.content_revision),
            jobs::template_version_id.eq(job.template_version_id),
            jobs::plan_id.eq(job.plan_id),
            jobs::queue.eq(job.queue.as_str()),
            jobs::concurrency_key.eq(job.concurrency_key),
            jobs::idempotency_key.eq(job.idempotency_key),
            jobs::max_attempts.eq(job.max_attempts),
            job.run_after_time.map(|time| jobs::run_after_time.eq(time)),
            jobs::soft_timeout_seconds.eq(job.soft_timeout_seconds),
            jobs::hard_timeout_seconds.eq(job.hard_timeout_seconds),
            jobs::trigger.eq(job.trigger),
            jobs::correlation_id.eq(job.correlation_id),
            jobs::state.eq(JobState::Queued.as_str()),
        ))
        .on_conflict((jobs::organization_id, jobs::idempotency_key))
        .do_nothing()
        .returning(JobRow::as_returning())
        .get_result(conn)
        .await
        .optional()?;
    let Some(row) = inserted else {
        return Ok(jobs::table
            .filter(jobs::organization_id.eq(job.organization_id))
            .filter(jobs::idempotency_key.eq(job.idempotency_key))
            .select(JobRow::as_select())
            .first(conn)
            .await?);
    };
    make_ready(conn, &row).await?;
    job_log::open(conn, row.organization_id, row.id).await?;
    Ok(row)
}

/// Puts a job into the line, from its `run_after_time` on.
pub async fn make_ready(conn: &mut Connection, job: &JobRow) -> Result<(), Error> {
    let queue: QueueName = job.queue.parse().map_err(Error::other)?;
    let engine: String = template_versions::table
        .filter(template_versions::organization_id.eq(job.organization_id))
        .filter(template_versions::id.eq(job.template_version_id))
        .select(template_versions::engine)
        .first(conn)
        .await?;
    diesel::insert_into(ready_jobs::table)
        .values((
            ready_jobs::job_id.eq(job.id),
            ready_jobs::organization_id.eq(job.organization_id),
            ready_jobs::priority.eq(queue.priority()),
            ready_jobs::run_after_time.eq(job.run_after_time),
            ready_jobs::concurrency_key.eq(&job.concurrency_key),
            ready_jobs::engine.eq(engine),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Takes a job out of the line.
pub async fn remove(conn: &mut Connection, job: &JobRow) -> Result<(), Error> {
    diesel::delete(ready_jobs::table.find(job.id))
        .filter(ready_jobs::organization_id.eq(job.organization_id))
        .execute(conn)
        .await?;
    Ok(())
}

/// Whose jobs a runner may take.
#[derive(Clone, Debug)]
pub struct Claimant {
    /// The one organization it serves; `None` for all.
    pub organization_id: Option<Uuid>,
    /// The engines it has, as stored.
    pub engines: Vec<String>,
}

/// Takes at most `limit` jobs of the turn's organization and place out of the line, and their concurrency keys with
/// them. The rows of these jobs' requests are locked. They are returned as they were, in the order of claiming.
pub async fn take(conn: &mut Connection, turn: &Turn, engines: &[String], limit: i64) -> Result<Vec<JobRow>, Error> {
    let organization_id = turn.organization_id;
    let limit = limit.min(turn.room(conn).await?);
    let held = concurrency_holds::table
        .filter(concurrency_holds::organization_id.eq(ready_jobs::organization_id))
        .filter(concurrency_holds::concurrency_key.eq(ready_jobs::concurrency_key));
    // Paused since somebody looked whose turn it is.
    let paused = queue_pauses::table
        .filter(queue_pauses::organization_id.eq(ready_jobs::organization_id))
        .filter(queue_pauses::priority.eq(ready_jobs::priority));
    let ready: Vec<Uuid> = ready_jobs::table
        .filter(ready_jobs::organization_id.eq(organization_id))
        .filter(ready_jobs::priority.eq(turn.priority))
        .filter(ready_jobs::run_after_time.le(now))
        .filter(ready_jobs::engine.eq_any(engines))
        .filter(not(exists(held)))
        .filter(not(exists(paused)))
        .order((ready_jobs::run_after_time, ready_jobs::job_id))
        .limit(limit)
        .select(ready_jobs::job_id)
        .for_update()
        .skip_locked()
        .load(conn)
        .await?;
    if ready.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<JobRow> = jobs::table
        .filter(jobs::organization_id.eq(organization_id))
        .filter(jobs::id.eq_any(&ready))
        .select(JobRow::as_select())
        .load(conn)
        .await?;
    // Requests come before jobs in the order of locking; one that somebody changes just now waits for the next claim.
    let free: Vec<Uuid> = requests::table
        .filter(requests::organization_id.eq(organization_id))
        .filter(requests::id.eq_any(rows.iter().map(|job| job.request_id)))
        .select(requests::id)
        .for_update()
        .skip_locked()
        .load(conn)
        .await?;
    let mut wanted: Vec<&JobRow> = rows.iter().filter(|job| free.contains(&job.request_id)).collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    // Two claims that want the same two keys ask for them in the same order.
    wanted.sort_by(|a, b| a.concurrency_key.cmp(&b.concurrency_key));
    let holds: Vec<_> = wanted
        .iter()
        .map(|job| {
            (
                concurrency_holds::organization_id.eq(organization_id),
                concurrency_holds::concurrency_key.eq(&job.concurrency_key),
                concurrency_holds::job_id.eq(job.id),
            )
        })
        .collect();
    let taken: Vec<Uuid> = diesel::insert_into(concurrency_holds::table)
        .values(holds)
        .on_conflict_do_nothing()
        .returning(concurrency_holds::job_id)
        .get_results(conn)
        .await?;
    diesel::delete(ready_jobs::table)
        .filter(ready_jobs::organization_id.eq(organization_id))
        .filter(ready_jobs::job_id.eq_any(&taken))
        .execute(conn)
        .await?;
    turn::note(conn, organization_id).await?;
    let position = |job: &JobRow| ready.iter().position(|id| *id == job.id);
    let mut rows: Vec<JobRow> = rows.into_iter().filter(|job| taken.contains(&job.id)).collect();
    rows.sort_by_key(position);
    Ok(rows)
}

/// Gives a job's concurrency key back.
pub async fn release_key(conn: &mut Connection, job: &JobRow) -> Result<(), Error> {
    diesel::delete(concurrency_holds::table)
        .filter(concurrency_holds::organization_id.eq(job.organization_id))
        .filter(concurrency_holds::concurrency_key.eq(&job.concurrency_key))
        .filter(concurrency_holds::job_id.eq(job.id))
        .execute(conn)
        .await?;
    Ok(())
}

/// The job that holds a concurrency key.
pub async fn holder(
    mut conn: &Connection,
    organization_id: Uuid,
    concurrency_key: &str,
) -> Result<Option<Uuid>, Error> {
    Ok(concurrency_holds::table
        .filter(concurrency_holds::organization_id.eq(organization_id))
        .filter(concurrency_holds::concurrency_key.eq(concurrency_key))
        .select(concurrency_holds::job_id)
        .first(&mut conn)
        .await
        .optional()?)
}

/// How many jobs of its organization stand in the line before this one; `None` where it does not stand there. Those of
/// other organizations are nobody's business, and take turns with these.
pub async fn jobs_ahead(mut conn: &Connection, organization_id: Uuid, job_id: Uuid) -> Result<Option<i64>, Error> {
    let place: Option<(i16, DateTime<Utc>)> = ready_jobs::table
        .filter(ready_jobs::organization_id.eq(organization_id))
        .filter(ready_jobs::job_id.eq(job_id))
        .select((ready_jobs::priority, ready_jobs::run_after_time))
        .first(&mut conn)
        .await
        .optional()?;
    let Some((priority, run_after_time)) = place else { return Ok(None) };
    let ahead = ready_jobs::table
        .filter(ready_jobs::organization_id.eq(organization_id))
        .filter(ready_jobs::run_after_time.le(now))
        .filter(
            ready_jobs::priority.lt(priority).or(ready_jobs::priority.eq(priority).and(
                ready_jobs::run_after_time
                    .lt(run_after_time)
                    .or(ready_jobs::run_after_time.eq(run_after_time).and(ready_jobs::job_id.lt(job_id))),
            )),
        )
        .count()
        .get_result(&mut conn)
        .await?;
    Ok(Some(ahead))
}

/// Where a job stands in the line; `None` where it does not.
pub async fn place(mut conn: &Connection, organization_id: Uuid, job_id: Uuid) -> Result<Option<ReadyRow>, Error> {
    Ok(ready_jobs::table
        .filter(ready_jobs::organization_id.eq(organization_id))
        .filter(ready_jobs::job_id.eq(job_id))
        .select(ReadyRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// Puts a job that waits before all others of its organization, as of now.
pub async fn to_front(conn: &mut Connection, job: &JobRow) -> Result<(), Error> {
    diesel::update(ready_jobs::table.find(job.id))
        .filter(ready_jobs::organization_id.eq(job.organization_id))
        .set((ready_jobs::priority.eq(FRONT), ready_jobs::run_after_time.eq(job.run_after_time)))
        .execute(conn)
        .await?;
    Ok(())
}

/// Notes that a job is a dead letter.
pub async fn bury(conn: &mut Connection, job: &JobRow) -> Result<(), Error> {
    diesel::insert_into(dead_letters::table)
        .values((
            dead_letters::job_id.eq(job.id),
            dead_letters::organization_id.eq(job.organization_id),
            dead_letters::queue.eq(&job.queue),
        ))
        .on_conflict_do_nothing()
        .execute(conn)
        .await?;
    Ok(())
}

/// Notes that a job is a dead letter no more: it was replayed or deleted.
pub async fn unbury(conn: &mut Connection, job: &JobRow) -> Result<(), Error> {
    diesel::delete(dead_letters::table.find(job.id))
        .filter(dead_letters::organization_id.eq(job.organization_id))
        .execute(conn)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests;
