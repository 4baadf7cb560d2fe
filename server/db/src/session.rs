//! Sessions and the refresh tokens that keep them alive. Times are the database's.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::dsl::{IntervalDsl, now};
use diesel::pg::data_types::PgInterval;
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::{organizations, refresh_tokens, sessions, users};

/// A session to open.
#[derive(Clone, Copy, Debug)]
pub struct NewSession<'a> {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub user_id: Uuid,
    /// What the client says it is.
    pub device: &'a str,
    pub ip: &'a str,
    pub lifetime: Duration,
    /// Who vouched for the user, where it was no password.
    pub sso_provider_id: Option<Uuid>,
    /// What that provider wants to see at the logout, sealed.
    pub sso_id_token: Option<&'a [u8]>,
}

/// A session.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = sessions)]
pub struct SessionRow {
    pub id: Uuid,
    pub user_id: Uuid,
    pub device: String,
    pub ip: String,
    pub last_use_time: DateTime<Utc>,
    pub expire_time: DateTime<Utc>,
    pub create_time: DateTime<Utc>,
}

/// A refresh token and whose it is.
#[derive(Clone, Debug)]
pub struct RefreshRow {
    pub organization_id: Uuid,
    pub session_id: Uuid,
    pub user_id: Uuid,
    pub username: String,
    /// It was exchanged before.
    pub retired: bool,
    /// It and its session may still be used.
    pub live: bool,
    /// The user and the organization are active.
    pub active: bool,
}

fn span(lifetime: Duration) -> PgInterval {
    i32::try_from(lifetime.as_secs()).unwrap_or(i32::MAX).seconds()
}

/// Opens a session. Returns when it ends if it is not renewed.
pub async fn insert(conn: &mut Connection, session: &NewSession<'_>) -> Result<DateTime<Utc>, Error> {
    Ok(diesel::insert_into(sessions::table)
        .values((
            sessions::id.eq(session.id),
            sessions::organization_id.eq(session.organization_id),
            sessions::user_id.eq(session.user_id),
            sessions::device.eq(session.device),
            sessions::ip.eq(session.ip),
            sessions::expire_time.eq(now.into_sql::<Timestamptz>() + span(session.lifetime)),
            sessions::sso_provider_id.eq(session.sso_provider_id),
            sessions::sso_id_token.eq(session.sso_id_token),
        ))
        .returning(sessions::expire_time)
        .get_result(conn)
        .await?)
}

/// Stores the hash of a refresh token. Returns when it ends.
pub async fn insert_token(
    conn: &mut Connection,
    organization_id: Uuid,
    session_id: Uuid,
    sha256: &[u8],
    lifetime: Duration,
) -> Result<DateTime<Utc>, Error> {
    Ok(diesel::insert_into(refresh_tokens::table)
        .values((
            refresh_tokens::sha256.eq(sha256),
            refresh_tokens::organization_id.eq(organization_id),
            refresh_tokens::session_id.eq(session_id),
            refresh_tokens::expire_time.eq(now.into_sql::<Timestamptz>() + span(lifetime)),
        ))
        .returning(refresh_tokens::expire_time)
        .get_result(conn)
        .await?)
}

/// Whose a refresh token is, by its hash. Of any organization: the token is all that is known of the caller.
pub async fn find_token(mut conn: &Connection, sha256: &[u8]) -> Result<Option<RefreshRow>, Error> {
    let found: Option<(Uuid, Uuid, Uuid, String, bool, bool, bool)> = refresh_tokens::table
        .inner_join(
            sessions::table.on(sessions::id
                .eq(refresh_tokens::session_id)
                .and(sessions::organization_id.eq(refresh_tokens::organization_id))),
        )
        .inner_join(
            users::table.on(users::id.eq(sessions::user_id).and(users::organization_id.eq(sessions::organization_id))),
        )
        .inner_join(organizations::table.on(organizations::id.eq(refresh_tokens::organization_id)))
        .filter(refresh_tokens::sha256.eq(sha256))
        .select((
            refresh_tokens::organization_id,
            sessions::id,
            users::id,
            users::username,
            refresh_tokens::retire_time.is_not_null(),
            sessions::revoke_time
                .is_null()
                .and(sessions::expire_time.gt(now.into_sql::<Timestamptz>()))
                .and(refresh_tokens::expire_time.gt(now.into_sql::<Timestamptz>())),
            users::active.and(organizations::active),
        ))
        .first(&mut conn)
        .await
        .optional()?;
    Ok(found.map(|(organization_id, session_id, user_id, username, retired, live, active)| RefreshRow {
        organization_id,
        session_id,
        user_id,
        username,
        retired,
        live,
        active,
    }))
}

/// Retires a refresh token. False where another call was faster.
pub async fn retire_token(conn: &mut Connection, organization_id: Uuid, sha256: &[u8]) -> Result<bool, Error> {
    let retired = diesel::update(refresh_tokens::table)
        .filter(refresh_tokens::organization_id.eq(organization_id))
        .filter(refresh_tokens::sha256.eq(sha256))
        .filter(refresh_tokens::retire_time.is_null())
        .set(refresh_tokens::retire_time.eq(now.into_sql::<Timestamptz>().nullable()))
        .execute(conn)
        .await?;
    Ok(retired == 1)
}

/// How long the `limit`th last refresh of a session is ago, if that is less than a minute.
pub async fn refreshed(
    mut conn: &Connection,
    organization_id: Uuid,
    session_id: Uuid,
    limit: i64,
) -> Result<Option<Duration>, Error> {
    let found: Option<(Option<DateTime<Utc>>, DateTime<Utc>)> = refresh_tokens::table
        .filter(refresh_tokens::organization_id.eq(organization_id))
        .filter(refresh_tokens::session_id.eq(session_id))
        .filter(refresh_tokens::retire_time.gt((now.into_sql::<Timestamptz>() - 1.minute()).nullable()))
        .order(refresh_tokens::retire_time.desc())
        .offset(limit - 1)
        .select((refresh_tokens::retire_time, now.into_sql::<Timestamptz>()))
        .first(&mut conn)
        .await
        .optional()?;
    Ok(found.and_then(|(retired, time)| (time - retired?).to_std().ok()))
}

/// Notes that a session is used, and gives it another lifetime.
pub async fn renew(
    conn: &mut Connection,
    organization_id: Uuid,
    session_id: Uuid,
    lifetime: Duration,
) -> Result<(), Error> {
    diesel::update(sessions::table)
        .filter(sessions::organization_id.eq(organization_id))
        .filter(sessions::id.eq(session_id))
        .set((
            sessions::last_use_time.eq(now),
            sessions::expire_time.eq(now.into_sql::<Timestamptz>() + span(lifetime)),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Ends a session. False where it had ended before.
pub async fn revoke(conn: &mut Connection, organization_id: Uuid, session_id: Uuid) -> Result<bool, Error> {
    let revoked = diesel::update(sessions::table)
        .filter(sessions::organization_id.eq(organization_id))
        .filter(sessions::id.eq(session_id))
        .filter(sessions::revoke_time.is_null())
        .set(sessions::revoke_time.eq(now.into_sql::<Timestamptz>().nullable()))
        .execute(conn)
        .await?;
    Ok(revoked == 1)
}

/// Ends a live session of a user. False where there is none of that id.
pub async fn revoke_of(
    conn: &mut Connection,
    organization_id: Uuid,
    user_id: Uuid,
    session_id: Uuid,
) -> Result<bool, Error> {
    let revoked = diesel::update(sessions::table)
        .filter(sessions::organization_id.eq(organization_id))
        .filter(sessions::user_id.eq(user_id))
        .filter(sessions::id.eq(session_id))
        .filter(sessions::revoke_time.is_null())
        .filter(sessions::expire_time.gt(now.into_sql::<Timestamptz>()))
        .set(sessions::revoke_time.eq(now.into_sql::<Timestamptz>().nullable()))
        .execute(conn)
        .await?;
    Ok(revoked == 1)
}

/// Ends every live session of a user. Returns the sessions that ended.
pub async fn revoke_all(conn: &mut Connection, organization_id: Uuid, user_id: Uuid) -> Result<Vec<Uuid>, Error> {
    // No session has this id.
    revoke_others(conn, organization_id, user_id, Uuid::nil()).await
}

/// Ends every live session of a user but one. Returns the sessions that ended.
pub async fn revoke_others(
    conn: &mut Connection,
    organization_id: Uuid,
    user_id: Uuid,
    except: Uuid,
) -> Result<Vec<Uuid>, Error> {
    Ok(diesel::update(sessions::table)
        .filter(sessions::organization_id.eq(organization_id))
        .filter(sessions::user_id.eq(user_id))
        .filter(sessions::id.ne(except))
        .filter(sessions::revoke_time.is_null())
        .filter(sessions::expire_time.gt(now.into_sql::<Timestamptz>()))
        .set(sessions::revoke_time.eq(now.into_sql::<Timestamptz>().nullable()))
        .returning(sessions::id)
        .get_results(conn)
        .await?)
}

/// Who vouched for a session, and what that provider wants to see at the logout, sealed. `None` where nobody did.
pub async fn voucher(
    mut conn: &Connection,
    organization_id: Uuid,
    session_id: Uuid,
) -> Result<Option<(Uuid, Option<Vec<u8>>)>, Error> {
    let found: Option<(Option<Uuid>, Option<Vec<u8>>)> = sessions::table
        .filter(sessions::organization_id.eq(organization_id))
        .filter(sessions::id.eq(session_id))
        .select((sessions::sso_provider_id, sessions::sso_id_token))
        .first(&mut conn)
        .await
        .optional()?;
    Ok(found.and_then(|(provider_id, id_token)| provider_id.map(|provider_id| (provider_id, id_token))))
}

/// Forgets sessions whose time is over, with their refresh tokens, and refresh tokens that expired. At most `limit` of
/// each. Returns how many rows.
pub async fn purge(conn: &mut Connection, limit: i64) -> Result<usize, Error> {
    let old: Vec<Uuid> = sessions::table
        .filter(sessions::expire_time.lt(now.into_sql::<Timestamptz>()))
        .select(sessions::id)
        .limit(limit)
        .load(conn)
        .await?;
    let ended = diesel::delete(sessions::table.filter(sessions::id.eq_any(old))).execute(conn).await?;
    let old: Vec<Vec<u8>> = refresh_tokens::table
        .filter(refresh_tokens::expire_time.lt(now.into_sql::<Timestamptz>()))
        .select(refresh_tokens::sha256)
        .limit(limit)
        .load(conn)
        .await?;
    let expired =
        diesel::delete(refresh_tokens::table.filter(refresh_tokens::sha256.eq_any(old))).execute(conn).await?;
    Ok(ended + expired)
}
