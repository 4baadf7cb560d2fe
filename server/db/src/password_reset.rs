//! Links with which people choose a password. One of a user works at a time, and once.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::dsl::{IntervalDsl, now};
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::{organizations, password_resets, users};

/// A link to make.
#[derive(Clone, Copy, Debug)]
pub struct NewReset<'a> {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub user_id: Uuid,
    pub token_sha256: &'a [u8],
    pub lifetime: Duration,
    pub creator: &'a str,
}

/// A link and whose it is.
#[derive(Clone, Debug, Queryable)]
pub struct ResetRow {
    pub organization_id: Uuid,
    pub user_id: Uuid,
    pub username: String,
    /// Id of the organization, as people write it.
    pub organization: String,
    /// It was neither used nor replaced, its time is not over, and user and organization are active.
    pub live: bool,
}

/// Makes a link; the one before stops working. Returns when it ends.
pub async fn replace(conn: &mut Connection, reset: &NewReset<'_>) -> Result<DateTime<Utc>, Error> {
    end(conn, reset.organization_id, reset.user_id).await?;
    let lifetime = i32::try_from(reset.lifetime.as_secs()).unwrap_or(i32::MAX).seconds();
    Ok(diesel::insert_into(password_resets::table)
        .values((
            password_resets::id.eq(reset.id),
            password_resets::organization_id.eq(reset.organization_id),
            password_resets::user_id.eq(reset.user_id),
            password_resets::token_sha256.eq(reset.token_sha256),
            password_resets::expire_time.eq(now.into_sql::<Timestamptz>() + lifetime),
            password_resets::creator.eq(reset.creator),
        ))
        .returning(password_resets::expire_time)
        .get_result(conn)
        .await?)
}

/// Whose a link is, by the hash of its token. Of any organization: the token is all that is known of the caller.
pub async fn find(mut conn: &Connection, token_sha256: &[u8]) -> Result<Option<ResetRow>, Error> {
    Ok(password_resets::table
        .inner_join(users::table.on(
            users::id.eq(password_resets::user_id).and(users::organization_id.eq(password_resets::organization_id)),
        ))
        .inner_join(organizations::table.on(organizations::id.eq(password_resets::organization_id)))
        .filter(password_resets::token_sha256.eq(token_sha256))
        .select((
            password_resets::organization_id,
            users::id,
            users::username,
            organizations::slug,
            password_resets::end_time
                .is_null()
                .and(password_resets::expire_time.gt(now.into_sql::<Timestamptz>()))
                .and(users::active)
                .and(organizations::active),
        ))
        .first(&mut conn)
        .await
        .optional()?)
}

/// Uses a link up. False where it does not work any more.
pub async fn take(conn: &mut Connection, organization_id: Uuid, token_sha256: &[u8]) -> Result<bool, Error> {
    let taken = diesel::update(password_resets::table)
        .filter(password_resets::organization_id.eq(organization_id))
        .filter(password_resets::token_sha256.eq(token_sha256))
        .filter(password_resets::end_time.is_null())
        .filter(password_resets::expire_time.gt(now.into_sql::<Timestamptz>()))
        .set(password_resets::end_time.eq(now.into_sql::<Timestamptz>().nullable()))
        .execute(conn)
        .await?;
    Ok(taken == 1)
}

/// Makes the links of a user stop working.
pub async fn end(conn: &mut Connection, organization_id: Uuid, user_id: Uuid) -> Result<(), Error> {
    diesel::update(password_resets::table)
        .filter(password_resets::organization_id.eq(organization_id))
        .filter(password_resets::user_id.eq(user_id))
        .filter(password_resets::end_time.is_null())
        .set(password_resets::end_time.eq(now.into_sql::<Timestamptz>().nullable()))
        .execute(conn)
        .await?;
    Ok(())
}

/// Forgets links whose time is over, at most `limit`. Returns how many.
pub async fn purge(conn: &mut Connection, limit: i64) -> Result<usize, Error> {
    let old: Vec<Uuid> = password_resets::table
        .filter(password_resets::expire_time.lt(now.into_sql::<Timestamptz>()))
        .select(password_resets::id)
        .limit(limit)
        .load(conn)
        .await?;
    Ok(diesel::delete(password_resets::table.filter(password_resets::id.eq_any(old))).execute(conn).await?)
}
