//! The keys that sign access tokens. Only workers and reads get at them; a call's role cannot.

use diesel::dsl::now;
use diesel::prelude::*;
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
    pub public_jwk: Value,
    /// The private part, sealed.
    pub ciphertext: Vec<u8>,
}

/// A signing key to store.
#[derive(Debug, Insertable)]
#[diesel(table_name = signing_keys)]
pub struct NewSigningKey<'a> {
    pub id: &'a str,
    pub alg: &'a str,
    pub public_jwk: &'a Value,
    pub ciphertext: &'a [u8],
}

/// The key to sign with: the newest that is active and not retired.
pub async fn current(mut conn: &Connection) -> Result<Option<SigningKeyRow>, Error> {
    Ok(signing_keys::table
        .filter(signing_keys::retire_time.is_null())
        .filter(signing_keys::activate_time.le(now))
        .order((signing_keys::activate_time.desc(), signing_keys::id))
        .select(SigningKeyRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// A key that tokens may be signed with, by its id.
pub async fn find(mut conn: &Connection, id: &str) -> Result<Option<SigningKeyRow>, Error> {
    Ok(signing_keys::table
        .find(id)
        .filter(signing_keys::retire_time.is_null())
        .select(SigningKeyRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// Stores a key.
pub async fn insert(conn: &mut Connection, key: &NewSigningKey<'_>) -> Result<(), Error> {
    diesel::insert_into(signing_keys::table).values(key).execute(conn).await?;
    Ok(())
}
