//! The installation itself: one row, and the lock under which a start changes what all processes share.

use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;

use crate::Connection;
use crate::error::Error;
use crate::schema::installation;

/// Held while a start sets things up, by one process at a time: "start" in ASCII.
const LOCK: i64 = 0x73_7461_7274;

/// The one row's id.
const ID: i32 = 1;

diesel::define_sql_function! {
    /// Waits for a lock that ends with the transaction.
    fn pg_advisory_xact_lock(key: BigInt) -> diesel::sql_types::Nullable<diesel::sql_types::Text>;
}

/// Waits until no other process sets things up. Ends with the transaction.
pub async fn lock(conn: &mut Connection) -> Result<(), Error> {
    // The function's own answer is void, which nothing reads.
    diesel::select(pg_advisory_xact_lock(LOCK)).execute(conn).await?;
    Ok(())
}

/// What tells whether the master key is the one that everything was sealed with. `None` before the first start.
pub async fn master_key_check(mut conn: &Connection) -> Result<Option<Vec<u8>>, Error> {
    Ok(installation::table.find(ID).select(installation::master_key_check).first(&mut conn).await.optional()?)
}

/// Makes the row.
pub async fn insert(conn: &mut Connection, master_key_check: &[u8]) -> Result<(), Error> {
    diesel::insert_into(installation::table)
        .values((installation::id.eq(ID), installation::master_key_check.eq(master_key_check)))
        .execute(conn)
        .await?;
    Ok(())
}

/// Fails unless the database answers and has the installation's row.
pub async fn ping(mut conn: &Connection) -> Result<(), Error> {
    installation::table.find(ID).select(installation::id).first::<i32>(&mut conn).await?;
    Ok(())
}
