//! The accounts that people have elsewhere, and through which they come in.

use diesel::dsl::now;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::{external_identities, users};
use crate::user::UserRow;

diesel::define_sql_function! {
    /// A hash of 64 bits, for the key of a lock.
    fn hashtextextended(text: Text, seed: BigInt) -> BigInt;
}
diesel::define_sql_function! {
    /// Waits for a lock that ends with the transaction.
    fn pg_advisory_xact_lock(key: BigInt) -> diesel::sql_types::Bool;
}

/// Who somebody is elsewhere: the subject of an issuer.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    pub organization_id: Uuid,
    /// Kind of the provider.
    pub provider: &'a str,
    pub issuer: &'a str,
    pub subject: &'a str,
}

/// Holds up whoever else comes in as the same subject until this transaction ends, so that a first login twice at once makes
/// one account.
pub async fn lock(conn: &mut Connection, identity: &Identity<'_>) -> Result<(), Error> {
    let Identity { organization_id, provider, issuer, subject } = identity;
    let key = format!("{organization_id} {provider} {issuer} {subject}");
    // The function returns void, so nothing is read of its row.
    diesel::select(pg_advisory_xact_lock(hashtextextended(key, 0))).execute(conn).await?;
    Ok(())
}

/// The user of an identity, a deleted one too.
pub async fn find(mut conn: &Connection, identity: &Identity<'_>) -> Result<Option<UserRow>, Error> {
    Ok(external_identities::table
        .inner_join(
            users::table.on(users::organization_id
                .eq(external_identities::organization_id)
                .and(users::id.eq(external_identities::user_id))),
        )
        .filter(external_identities::organization_id.eq(identity.organization_id))
        .filter(external_identities::provider.eq(identity.provider))
        .filter(external_identities::issuer.eq(identity.issuer))
        .filter(external_identities::subject.eq(identity.subject))
        .select(UserRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// Whether a user has an identity at an issuer.
pub async fn is_linked(mut conn: &Connection, identity: &Identity<'_>, user_id: Uuid) -> Result<bool, Error> {
    let found = external_identities::table
        .filter(external_identities::organization_id.eq(identity.organization_id))
        .filter(external_identities::user_id.eq(user_id))
        .filter(external_identities::provider.eq(identity.provider))
        .filter(external_identities::issuer.eq(identity.issuer));
    Ok(diesel::select(diesel::dsl::exists(found)).get_result(&mut conn).await?)
}

/// Links an identity to a user. Returns the id of the link.
pub async fn insert(
    conn: &mut Connection,
    identity: &Identity<'_>,
    user_id: Uuid,
    email: &str,
    profile_url: &str,
) -> Result<Uuid, Error> {
    Ok(diesel::insert_into(external_identities::table)
        .values((
            external_identities::id.eq(Uuid::now_v7()),
            external_identities::organization_id.eq(identity.organization_id),
            external_identities::user_id.eq(user_id),
            external_identities::provider.eq(identity.provider),
            external_identities::issuer.eq(identity.issuer),
            external_identities::subject.eq(identity.subject),
            external_identities::email.eq(email),
            external_identities::profile_url.eq(profile_url),
            external_identities::last_use_time.eq(now.into_sql::<Timestamptz>().nullable()),
        ))
        .returning(external_identities::id)
        .get_result(conn)
        .await?)
}

/// Notes that somebody came in.
pub async fn touch(conn: &mut Connection, identity: &Identity<'_>) -> Result<(), Error> {
    diesel::update(external_identities::table)
        .filter(external_identities::organization_id.eq(identity.organization_id))
        .filter(external_identities::provider.eq(identity.provider))
        .filter(external_identities::issuer.eq(identity.issuer))
        .filter(external_identities::subject.eq(identity.subject))
        .set(external_identities::last_use_time.eq(now.into_sql::<Timestamptz>().nullable()))
        .execute(conn)
        .await?;
    Ok(())
}

/// Takes an identity from its user.
pub async fn delete(conn: &mut Connection, identity: &Identity<'_>) -> Result<(), Error> {
    diesel::delete(external_identities::table)
        .filter(external_identities::organization_id.eq(identity.organization_id))
        .filter(external_identities::provider.eq(identity.provider))
        .filter(external_identities::issuer.eq(identity.issuer))
        .filter(external_identities::subject.eq(identity.subject))
        .execute(conn)
        .await?;
    Ok(())
}
