//! What only one replica at a time does, and what the change feed forgets.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Timestamptz};
use diesel_async::RunQueryDsl;

use crate::Connection;
use crate::error::Error;
use crate::schema::change_events;

/// The lock of maintenance: "tidy" in ASCII.
const LOCK: i64 = 0x7469_6479;

diesel::define_sql_function! {
    /// Takes a lock that ends with the transaction, unless somebody has it.
    fn pg_try_advisory_xact_lock(key: BigInt) -> diesel::sql_types::Bool;
}

/// Whether this transaction alone does maintenance until it ends.
pub async fn claim(conn: &mut Connection) -> Result<bool, Error> {
    Ok(diesel::select(pg_try_advisory_xact_lock(LOCK)).get_result(conn).await?)
}

/// Forgets change events of more than 30 days ago, at most `limit`. Who comes with an older cursor has to read the
/// objects anew. Returns how many.
pub async fn purge_change_events(conn: &mut Connection, limit: i64) -> Result<usize, Error> {
    let old: Vec<i64> = change_events::table
        .filter(change_events::time.lt(sql::<Timestamptz>("now() - interval '30 days'")))
        .order(change_events::time)
        .limit(limit)
        .select(change_events::position)
        .load(conn)
        .await?;
    Ok(diesel::delete(change_events::table.filter(change_events::position.eq_any(old))).execute(conn).await?)
}
