//! Answers of mutations, kept so that a repeated call gets the same bytes.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel_async::RunQueryDsl;
use futures::try_join;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::idempotency_keys;

/// The answer of a call that was made before.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = idempotency_keys)]
pub struct Stored {
    pub method: String,
    pub body_sha256: Vec<u8>,
    pub response: Vec<u8>,
    pub sealed: bool,
}

/// An answer to keep.
#[derive(Debug, Insertable)]
#[diesel(table_name = idempotency_keys)]
pub struct NewKey<'a> {
    pub organization_id: Uuid,
    pub principal: &'a str,
    pub request_id: Uuid,
    pub method: &'a str,
    pub body_sha256: &'a [u8],
    pub response: &'a [u8],
    pub sealed: bool,
}

diesel::define_sql_function! {
    /// 64 bits of a text, for a lock.
    fn hashtextextended(text: Text, seed: BigInt) -> BigInt;
}
diesel::define_sql_function! {
    /// Waits for a lock that ends with the transaction. Its answer is void, which nobody reads.
    fn pg_advisory_xact_lock(key: BigInt) -> Text;
}

/// Waits until no other call with this id is under way, and returns its answer if there is one. One round trip: the
/// look-up is sent behind the lock and takes its snapshot after it.
pub async fn claim(
    conn: &Connection,
    organization_id: Uuid,
    principal: &str,
    request_id: Uuid,
) -> Result<Option<Stored>, Error> {
    let key = format!("{organization_id}/{principal}/{request_id}");
    let (mut first, mut second) = (conn, conn);
    let lock = diesel::select(pg_advisory_xact_lock(hashtextextended(key, 0))).execute(&mut first);
    let look_up = idempotency_keys::table
        .filter(idempotency_keys::organization_id.eq(organization_id))
        .filter(idempotency_keys::principal.eq(principal))
        .filter(idempotency_keys::request_id.eq(request_id))
        .select(Stored::as_select())
        .first(&mut second);
    let (_, stored) = try_join!(lock, async { look_up.await.optional() })?;
    Ok(stored)
}

/// Keeps an answer.
pub async fn store(mut conn: &Connection, key: NewKey<'_>) -> Result<(), Error> {
    diesel::insert_into(idempotency_keys::table).values(key).execute(&mut conn).await?;
    Ok(())
}

/// Forgets answers older than a day, at most `limit` of them. Returns how many.
pub async fn purge(conn: &mut Connection, limit: i64) -> Result<usize, Error> {
    let old = idempotency_keys::table
        .filter(
            idempotency_keys::create_time
                .lt(diesel::dsl::sql::<diesel::sql_types::Timestamptz>("now() - interval '24 hours'")),
        )
        .select((idempotency_keys::organization_id, idempotency_keys::principal, idempotency_keys::request_id))
        .limit(limit)
        .load::<(Uuid, String, Uuid)>(conn)
        .await?;
    let mut purged = 0;
    for (organization_id, principal, request_id) in old {
        purged += diesel::delete(idempotency_keys::table.find((organization_id, principal, request_id)))
            .execute(conn)
            .await?;
    }
    Ok(purged)
}
