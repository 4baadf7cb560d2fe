//! How often each principal called, minute by minute, as the replicas tell each other.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::upsert::excluded;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::rate_counts;

/// What one replica counted of one principal in one minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Insertable)]
#[diesel(table_name = rate_counts)]
pub struct RateCount {
    pub principal_id: Uuid,
    /// When the minute began.
    pub minute: DateTime<Utc>,
    pub replica: Uuid,
    pub calls: i64,
}

/// Stores what this replica counted: each count whole, not what was added.
pub async fn store(conn: &mut Connection, counts: &[RateCount]) -> Result<(), Error> {
    diesel::insert_into(rate_counts::table)
        .values(counts)
        .on_conflict((rate_counts::minute, rate_counts::principal_id, rate_counts::replica))
        .do_update()
        .set(rate_counts::calls.eq(excluded(rate_counts::calls)))
        .execute(conn)
        .await?;
    Ok(())
}

/// What each other replica counted of these principals since a minute began: principal, minute, calls.
pub async fn of_others(
    mut conn: &Connection,
    replica: Uuid,
    principals: &[Uuid],
    since: DateTime<Utc>,
) -> Result<Vec<(Uuid, DateTime<Utc>, i64)>, Error> {
    Ok(rate_counts::table
        .filter(rate_counts::minute.ge(since))
        .filter(rate_counts::principal_id.eq_any(principals))
        .filter(rate_counts::replica.ne(replica))
        .select((rate_counts::principal_id, rate_counts::minute, rate_counts::calls))
        .load(&mut conn)
        .await?)
}

/// Forgets minutes that count no more.
pub async fn purge(conn: &mut Connection, before: DateTime<Utc>) -> Result<usize, Error> {
    Ok(diesel::delete(rate_counts::table.filter(rate_counts::minute.lt(before))).execute(conn).await?)
}
