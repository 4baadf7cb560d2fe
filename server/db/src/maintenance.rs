//! What only one replica at a time does, and what the change feed forgets.

use diesel::dsl::{exists, sql};
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
/// objects anew; the newest change of each organization stays, since a feed without any could not tell. Returns how many.
pub async fn purge_change_events(conn: &mut Connection, limit: i64) -> Result<usize, Error> {
    let newer = diesel::alias!(change_events as newer);
    let old: Vec<i64> = change_events::table
        .filter(change_events::time.lt(sql::<Timestamptz>("now() - interval '30 days'")))
        .filter(exists(
            newer
                .filter(newer.field(change_events::organization_id).eq(change_events::organization_id))
                .filter(newer.field(change_events::xid).gt(change_events::xid)),
        ))
        .order(change_events::time)
        .limit(limit)
        .select(change_events::position)
        .load(conn)
        .await?;
    Ok(diesel::delete(change_events::table.filter(change_events::position.eq_any(old))).execute(conn).await?)
}

#[cfg(test)]
mod tests {
    use diesel_async::SimpleAsyncConnection;

    use super::*;
    use crate::change_event::{self, Cursor};
    use crate::testing::TestDatabase;

    /// Otherwise a cursor of long ago would resume where nothing is left, and miss what was forgotten without a word.
    #[tokio::test]
    async fn the_newest_change_of_an_organization_is_not_forgotten() {
        let database = TestDatabase::create().await;
        let mut owner = database.owner().await;
        let organizations = [uuid::Uuid::from_u128(1), uuid::Uuid::from_u128(2)];
        owner.batch_execute("SET session_replication_role = replica").await.unwrap();
        for (organization, xid) in [(0, 11), (0, 12), (0, 13), (1, 12)] {
            let insert = format!(
                "INSERT INTO change_events (xid, organization_id, object_type, object, object_id, action, principal,
                   correlation_id, time)
                 VALUES ({xid}, '{}', 'job', 'j', gen_random_uuid(), 'UPDATED', 'system', '', now() - interval '1 year')",
                organizations[organization]
            );
            owner.batch_execute(&insert).await.unwrap();
        }
        assert_eq!(purge_change_events(&mut owner, 100).await.unwrap(), 2);
        for (organization, xid) in [(0, 13), (1, 12)] {
            let oldest = change_event::oldest(&owner, organizations[organization]).await.unwrap();
            assert_eq!(oldest.map(|Cursor { xid, .. }| xid), Some(xid));
        }
    }
}
