//! The one clock: the database's.

use chrono::{DateTime, Utc};
use diesel_async::RunQueryDsl;

use crate::Connection;
use crate::error::Error;

diesel::define_sql_function! {
    /// The time by the clock, not of the transaction.
    fn clock_timestamp() -> Timestamptz;
}

/// What it says now.
pub async fn read(mut conn: &Connection) -> Result<DateTime<Utc>, Error> {
    Ok(diesel::select(clock_timestamp()).get_result(&mut conn).await?)
}
