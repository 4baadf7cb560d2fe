//! Failed authentications, counted over all processes. Of no organization: the identifier may exist in none.

use chrono::{DateTime, Utc};
use diesel::dsl::{IntervalDsl, now};
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use diesel_async::RunQueryDsl;

use crate::Connection;
use crate::error::Error;
use crate::schema::auth_failures;

/// One failure of an address in the last hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Queryable)]
pub struct FailureRow {
    /// It was with the identifier that was asked for.
    pub same_identifier: bool,
    pub time: DateTime<Utc>,
    /// The database's clock.
    pub now: DateTime<Utc>,
}

/// Failures of an address in the last hour, newest first, at most `limit`.
pub async fn recent(
    mut conn: &Connection,
    address: &str,
    identifier_sha256: &[u8],
    limit: i64,
) -> Result<Vec<FailureRow>, Error> {
    Ok(auth_failures::table
        .filter(auth_failures::address.eq(address))
        .filter(auth_failures::time.gt(now.into_sql::<Timestamptz>() - 1.hour()))
        .order((auth_failures::time.desc(), auth_failures::id.desc()))
        .limit(limit)
        .select((
            auth_failures::identifier_sha256.eq(identifier_sha256),
            auth_failures::time,
            now.into_sql::<Timestamptz>(),
        ))
        .load(&mut conn)
        .await?)
}

/// Notes a failure.
pub async fn insert(mut conn: &Connection, address: &str, identifier_sha256: &[u8]) -> Result<(), Error> {
    diesel::insert_into(auth_failures::table)
        .values((auth_failures::address.eq(address), auth_failures::identifier_sha256.eq(identifier_sha256)))
        .execute(&mut conn)
        .await?;
    Ok(())
}

/// Forgets failures that count no more, at most `limit`. Returns how many.
pub async fn purge(conn: &mut Connection, limit: i64) -> Result<usize, Error> {
    let old: Vec<i64> = auth_failures::table
        .filter(auth_failures::time.lt(now.into_sql::<Timestamptz>() - 2.hours()))
        .select(auth_failures::id)
        .limit(limit)
        .load(conn)
        .await?;
    Ok(diesel::delete(auth_failures::table.filter(auth_failures::id.eq_any(old))).execute(conn).await?)
}
