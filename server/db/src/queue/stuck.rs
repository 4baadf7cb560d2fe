//! What hangs: a request under way for which nothing works and nothing waits.

use std::time::Duration;

use diesel::QueryableByName;
use diesel::data_types::PgInterval;
use diesel::sql_types::{BigInt, Interval, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;

/// A request that hangs, and the job that was its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, QueryableByName)]
pub struct Stuck {
    #[diesel(sql_type = SqlUuid)]
    pub organization_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    pub job_id: Uuid,
}

/// Requests in PLANNING, APPROVED or APPLYING that did not change for `age` and whose last job is not live: it neither
/// stands in the line nor has a lease. At most `limit`.
pub async fn requests(mut conn: &Connection, age: Duration, limit: i64) -> Result<Vec<Stuck>, Error> {
    let age = PgInterval::from_microseconds(i64::try_from(age.as_micros()).unwrap_or(i64::MAX));
    // The index of requests under way holds these and one state more.
    let query = diesel::sql_query(
        "SELECT r.organization_id, j.id AS job_id FROM requests r
         JOIN jobs j ON j.organization_id = r.organization_id AND j.id = r.job_ids[array_upper(r.job_ids, 1)]
         WHERE r.state IN ('PLANNING', 'APPROVED', 'APPLYING') AND greatest(r.update_time, j.update_time) < now() - $1
           AND NOT (j.state IN ('QUEUED', 'RETRY_WAIT') AND EXISTS (SELECT FROM ready_jobs l WHERE l.job_id = j.id))
           AND NOT (j.state IN ('RUNNING', 'CANCELLING') AND EXISTS (SELECT FROM leases l WHERE l.id = j.lease_id))
         ORDER BY r.update_time LIMIT $2",
    );
    Ok(query.bind::<Interval, _>(age).bind::<BigInt, _>(limit).load(&mut conn).await?)
}
