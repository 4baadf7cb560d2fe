//! The keys that sign access tokens and the heads of the audit's tree. Only workers and reads get at their private parts; a
//! call's role cannot. A key that signs nothing any more stays, sealed: what it signed of the audit is checked for ever.

use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use diesel_async::RunQueryDsl;
use serde_json::Value;

use crate::Connection;
use crate::error::Error;
use crate::schema::signing_keys;

/// A signing key.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = signing_keys)]
pub struct SigningKeyRow {
    /// The `kid` of tokens.
    pub id: String,
    /// The private part, sealed.
    pub ciphertext: Vec<u8>,
    /// When it begins to sign.
    pub activate_time: DateTime<Utc>,
    /// When its signatures stop counting.
    pub retire_time: Option<DateTime<Utc>>,
}

/// A signing key without its private part.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = signing_keys)]
pub struct PublicKeyRow {
    pub id: String,
    pub alg: String,
    pub public_jwk: Value,
    pub activate_time: DateTime<Utc>,
    pub retire_time: Option<DateTime<Utc>>,
    pub create_time: DateTime<Utc>,
}

/// A signing key to store.
#[derive(Debug, Insertable)]
#[diesel(table_name = signing_keys)]
pub struct NewSigningKey<'a> {
    pub id: &'a str,
    pub alg: &'a str,
    pub public_jwk: &'a Value,
    pub ciphertext: &'a [u8],
    pub activate_time: DateTime<Utc>,
}

/// The key to sign with: the newest that is active and not retired.
pub async fn current(mut conn: &Connection) -> Result<Option<SigningKeyRow>, Error> {
    Ok(signing_keys::table
        .filter(
            signing_keys::retire_time
                .is_null()
                .or(signing_keys::retire_time.gt(now.into_sql::<Timestamptz>().nullable())),
        )
        .filter(signing_keys::activate_time.le(now))
        .order((signing_keys::activate_time.desc(), signing_keys::id.desc()))
        .select(SigningKeyRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// The keys whose signatures count, the newest first.
pub async fn live(mut conn: &Connection) -> Result<Vec<SigningKeyRow>, Error> {
    Ok(signing_keys::table
        .filter(
            signing_keys::retire_time
                .is_null()
                .or(signing_keys::retire_time.gt(now.into_sql::<Timestamptz>().nullable())),
        )
        .order((signing_keys::activate_time.desc(), signing_keys::id.desc()))
        .select(SigningKeyRow::as_select())
        .load(&mut conn)
        .await?)
}

/// The public parts of the keys whose signatures count, the newest first.
pub async fn public_parts(mut conn: &Connection) -> Result<Vec<PublicKeyRow>, Error> {
    Ok(signing_keys::table
        .filter(
            signing_keys::retire_time
                .is_null()
                .or(signing_keys::retire_time.gt(now.into_sql::<Timestamptz>().nullable())),
        )
        .order((signing_keys::activate_time.desc(), signing_keys::id.desc()))
        .select(PublicKeyRow::as_select())
        .load(&mut conn)
        .await?)
}

/// Makes rotations wait for each other, until the end of the transaction, and returns the database's time.
pub async fn lock(conn: &mut Connection) -> Result<DateTime<Utc>, Error> {
    diesel::sql_query("SELECT pg_advisory_xact_lock(hashtextextended('flagstone signing keys', 0))")
        .execute(conn)
        .await?;
    Ok(diesel::select(now.into_sql::<Timestamptz>()).get_result(conn).await?)
}

/// Stores a key.
pub async fn insert(conn: &mut Connection, key: &NewSigningKey<'_>) -> Result<PublicKeyRow, Error> {
    Ok(diesel::insert_into(signing_keys::table)
        .values(key)
        .returning(PublicKeyRow::as_returning())
        .get_result(conn)
        .await?)
}

/// Says when the signatures of every key but one stop counting, where nothing said so before.
pub async fn retire_others(conn: &mut Connection, id: &str, retire_time: DateTime<Utc>) -> Result<(), Error> {
    diesel::update(signing_keys::table)
        .filter(signing_keys::id.ne(id))
        .filter(signing_keys::retire_time.is_null())
        .set(signing_keys::retire_time.eq(retire_time))
        .execute(conn)
        .await?;
    Ok(())
}
