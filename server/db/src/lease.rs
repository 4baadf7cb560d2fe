//! Leases: for how long a runner has its jobs, by the database's clock alone.
//!
//! A claim leaves one lease for its whole batch. A write of a runner takes the lease's row FOR KEY SHARE, taking the
//! lease away takes it FOR UPDATE: so no write of an older fence gets in beside its loss.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::data_types::PgInterval;
use diesel::dsl::{now, sql};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Interval, Timestamptz};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::job::JobRow;
use crate::schema::{jobs, leases};

/// A lease of one batch of jobs.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = leases)]
pub struct LeaseRow {
    pub id: Uuid,
    /// Resource name of the runner.
    pub runner: String,
    /// The jobs of the batch: those that ended are among them.
    pub job_ids: Vec<Uuid>,
    pub expire_time: DateTime<Utc>,
}

/// The database's time so long from now.
#[diesel::dsl::auto_type]
pub(crate) fn from_now(delay: Duration) -> _ {
    let interval: PgInterval = interval(delay);
    now.into_sql::<Timestamptz>() + interval
}

/// The database's time so long ago.
#[diesel::dsl::auto_type]
pub(crate) fn before_now(delay: Duration) -> _ {
    let interval: PgInterval = interval(delay);
    now.into_sql::<Timestamptz>() - interval
}

fn interval(duration: Duration) -> PgInterval {
    PgInterval::from_microseconds(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX))
}

/// Gives a runner a lease on a batch of jobs.
pub async fn grant(
    conn: &mut Connection,
    id: Uuid,
    runner: &str,
    job_ids: &[Uuid],
    lease: Duration,
) -> Result<LeaseRow, Error> {
    Ok(diesel::insert_into(leases::table)
        .values((
            leases::id.eq(id),
            leases::runner.eq(runner),
            leases::job_ids.eq(job_ids),
            leases::expire_time.eq(from_now(lease)),
        ))
        .returning(LeaseRow::as_returning())
        .get_result(conn)
        .await?)
}

/// Extends a runner's leases that are still there, and returns them.
pub async fn renew(conn: &mut Connection, runner: &str, ids: &[Uuid], lease: Duration) -> Result<Vec<LeaseRow>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(diesel::update(leases::table)
        .filter(leases::id.eq_any(ids))
        .filter(leases::runner.eq(runner))
        .set(leases::expire_time.eq(from_now(lease)))
        .returning(LeaseRow::as_returning())
        .get_results(conn)
        .await?)
}

/// The job that a runner has under this fence, if the lease is still its own. Nobody takes the lease away, and nobody
/// ends the job, before the transaction that `conn` is in ends.
pub async fn hold(mut conn: &Connection, runner: &str, job_id: Uuid, fence: i64) -> Result<Option<JobRow>, Error> {
    Ok(jobs::table
        .inner_join(leases::table.on(jobs::lease_id.eq(leases::id.nullable())))
        .filter(jobs::id.eq(job_id))
        .filter(jobs::fence.eq(fence))
        .filter(leases::runner.eq(runner))
        .select(JobRow::as_select())
        .for_key_share()
        .first(&mut conn)
        .await
        .optional()?)
}

/// The jobs of these ids that the runner has under leases of its own.
pub async fn held_jobs(mut conn: &Connection, runner: &str, job_ids: &[Uuid]) -> Result<Vec<JobRow>, Error> {
    if job_ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(jobs::table
        .inner_join(leases::table.on(jobs::lease_id.eq(leases::id.nullable())))
        .filter(jobs::id.eq_any(job_ids))
        .filter(leases::runner.eq(runner))
        .select(JobRow::as_select())
        .load(&mut conn)
        .await?)
}

/// When the lease ends under which a job runs; `None` where it is gone.
pub async fn expire_times(mut conn: &Connection, ids: &[Uuid]) -> Result<Vec<(Uuid, DateTime<Utc>)>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(leases::table.filter(leases::id.eq_any(ids)).select((leases::id, leases::expire_time)).load(&mut conn).await?)
}

/// Leases that ended, the longest over first, at most `limit`.
pub async fn expired(mut conn: &Connection, limit: i64) -> Result<Vec<LeaseRow>, Error> {
    Ok(leases::table
        .filter(leases::expire_time.le(now))
        .order(leases::expire_time)
        .limit(limit)
        .select(LeaseRow::as_select())
        .load(&mut conn)
        .await?)
}

/// Locks a lease that has ended, so that nothing more is written under it. False where it is gone or was extended.
pub async fn lock_expired(conn: &mut Connection, id: Uuid) -> Result<bool, Error> {
    let found: Option<Uuid> = leases::table
        .filter(leases::id.eq(id))
        .filter(leases::expire_time.le(now))
        .select(leases::id)
        .for_update()
        .first(conn)
        .await
        .optional()?;
    Ok(found.is_some())
}

/// Locks a lease whatever its time, so that nothing more is written under it.
pub async fn lock(conn: &mut Connection, id: Uuid) -> Result<(), Error> {
    leases::table.find(id).select(leases::id).for_update().first::<Uuid>(conn).await.optional()?;
    Ok(())
}

/// Removes a lease under which no job runs any more.
pub async fn drop_unused(conn: &mut Connection, id: Uuid) -> Result<(), Error> {
    let Some(job_ids) = leases::table.find(id).select(leases::job_ids).first::<Vec<Uuid>>(conn).await.optional()?
    else {
        return Ok(());
    };
    let in_use: i64 =
        jobs::table.filter(jobs::id.eq_any(&job_ids)).filter(jobs::lease_id.eq(id)).count().get_result(conn).await?;
    if in_use == 0 {
        diesel::delete(leases::table.find(id)).execute(conn).await?;
    }
    Ok(())
}

/// Jobs that still run although their hard time limit and `grace` are over: (organization, job).
pub async fn overdue_jobs(mut conn: &Connection, grace: Duration) -> Result<Vec<(Uuid, Uuid)>, Error> {
    let leased: Vec<Vec<Uuid>> = leases::table.select(leases::job_ids).load(&mut conn).await?;
    let ids: Vec<Uuid> = leased.into_iter().flatten().collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let is_over = sql::<Bool>("attempt_start_time + make_interval(secs => hard_timeout_seconds) + ")
        .bind::<Interval, _>(interval(grace))
        .sql(" <= now()");
    Ok(jobs::table
        .filter(jobs::id.eq_any(ids))
        .filter(jobs::lease_id.is_not_null())
        .filter(is_over)
        .select((jobs::organization_id, jobs::id))
        .load(&mut conn)
        .await?)
}
