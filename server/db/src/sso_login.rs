//! Logins on their way through a provider. What leads to a row is stored as a hash, and a row works once.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::pg::data_types::PgInterval;
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::sso_logins;

/// A login under way.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = sso_logins)]
pub struct SsoLoginRow {
    pub organization_id: Uuid,
    pub provider_id: Uuid,
    /// Nonce and PKCE verifier, sealed.
    pub secrets: Vec<u8>,
    pub return_path: String,
    /// Set where a signed-in user links an account.
    pub link_user_id: Option<Uuid>,
    pub invitation_id: Option<Uuid>,
}

/// A login to begin.
#[derive(Clone, Copy, Debug)]
pub struct NewSsoLogin<'a> {
    pub state_sha256: &'a [u8],
    pub organization_id: Uuid,
    pub provider_id: Uuid,
    /// Of what only the browser that began it has.
    pub browser_sha256: &'a [u8],
    pub secrets: &'a [u8],
    pub return_path: &'a str,
    pub link_user_id: Option<Uuid>,
    pub invitation_id: Option<Uuid>,
    pub lifetime: Duration,
}

/// Begins a login. Returns until when it can be completed.
pub async fn insert(conn: &mut Connection, login: &NewSsoLogin<'_>) -> Result<DateTime<Utc>, Error> {
    let lifetime = PgInterval::from_microseconds(i64::try_from(login.lifetime.as_micros()).unwrap_or(i64::MAX));
    Ok(diesel::insert_into(sso_logins::table)
        .values((
            sso_logins::state_sha256.eq(login.state_sha256),
            sso_logins::organization_id.eq(login.organization_id),
            sso_logins::provider_id.eq(login.provider_id),
            sso_logins::browser_sha256.eq(login.browser_sha256),
            sso_logins::secrets.eq(login.secrets),
            sso_logins::return_path.eq(login.return_path),
            sso_logins::link_user_id.eq(login.link_user_id),
            sso_logins::invitation_id.eq(login.invitation_id),
            sso_logins::expire_time.eq(now.into_sql::<Timestamptz>() + lifetime),
        ))
        .returning(sso_logins::expire_time)
        .get_result(conn)
        .await?)
}

/// Whose a login is that can be completed, and whether this browser began it. Of any organization: the state is all that
/// is known of the caller.
pub async fn find(
    mut conn: &Connection,
    state_sha256: &[u8],
    browser_sha256: &[u8],
) -> Result<Option<(Uuid, bool)>, Error> {
    Ok(sso_logins::table
        .find(state_sha256)
        .filter(sso_logins::expire_time.gt(now.into_sql::<Timestamptz>()))
        .select((sso_logins::organization_id, sso_logins::browser_sha256.eq(browser_sha256)))
        .first(&mut conn)
        .await
        .optional()?)
}

/// Takes a login out, so that it can be completed once. `None` where another call was faster, or its time is over.
pub async fn take(
    conn: &mut Connection,
    organization_id: Uuid,
    state_sha256: &[u8],
    browser_sha256: &[u8],
) -> Result<Option<SsoLoginRow>, Error> {
    Ok(diesel::delete(sso_logins::table.find(state_sha256))
        .filter(sso_logins::organization_id.eq(organization_id))
        .filter(sso_logins::browser_sha256.eq(browser_sha256))
        .filter(sso_logins::expire_time.gt(now.into_sql::<Timestamptz>()))
        .returning(SsoLoginRow::as_returning())
        .get_result(conn)
        .await
        .optional()?)
}

/// Forgets logins that nobody completed in time, at most `limit`. Returns how many.
pub async fn purge(conn: &mut Connection, limit: i64) -> Result<usize, Error> {
    let old: Vec<Vec<u8>> = sso_logins::table
        .filter(sso_logins::expire_time.lt(now.into_sql::<Timestamptz>()))
        .select(sso_logins::state_sha256)
        .limit(limit)
        .load(conn)
        .await?;
    Ok(diesel::delete(sso_logins::table.filter(sso_logins::state_sha256.eq_any(old))).execute(conn).await?)
}
