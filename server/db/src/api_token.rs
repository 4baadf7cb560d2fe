//! API tokens. The secret itself is nowhere: its SHA-256 finds the row.

use chrono::{DateTime, Utc};
use diesel::dsl::{IntervalDsl, now};
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::identity::Standing;
use crate::schema::{api_tokens, organizations, service_accounts, users};

/// An API token.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = api_tokens)]
pub struct ApiTokenRow {
    pub id: Uuid,
    pub organization_id: Uuid,
    /// Whose it is, unless it is a service account's.
    pub user_id: Option<Uuid>,
    pub service_account_id: Option<Uuid>,
    pub display_name: String,
    pub prefix: String,
    pub permissions: Vec<String>,
    /// `None` for every unit.
    pub business_unit_ids: Option<Vec<Uuid>>,
    pub expire_time: DateTime<Utc>,
    pub last_use_time: Option<DateTime<Utc>>,
    pub last_use_ip: String,
    pub revoke_time: Option<DateTime<Utc>>,
    pub creator: String,
    pub create_time: DateTime<Utc>,
}

/// An API token to store.
#[derive(Debug, Insertable)]
#[diesel(table_name = api_tokens)]
pub struct NewApiToken<'a> {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub user_id: Option<Uuid>,
    pub service_account_id: Option<Uuid>,
    pub display_name: &'a str,
    pub prefix: &'a str,
    pub sha256: &'a [u8],
    pub permissions: &'a [String],
    pub business_unit_ids: Option<&'a [Uuid]>,
    pub expire_time: DateTime<Utc>,
    pub creator: &'a str,
}

/// When and from where a token was used.
#[derive(Clone, Debug)]
pub struct Use {
    pub token_id: Uuid,
    pub ip: String,
}

/// Stores a token.
pub async fn insert(conn: &mut Connection, token: &NewApiToken<'_>) -> Result<ApiTokenRow, Error> {
    Ok(diesel::insert_into(api_tokens::table)
        .values(token)
        .returning(ApiTokenRow::as_returning())
        .get_result(conn)
        .await?)
}

/// The token of a secret's hash, whatever became of it. Of any organization: the secret is all that is known of the caller.
pub async fn find(mut conn: &Connection, sha256: &[u8]) -> Result<Option<ApiTokenRow>, Error> {
    Ok(api_tokens::table
        .filter(api_tokens::sha256.eq(sha256))
        .select(ApiTokenRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// Locks a token, to change it.
pub async fn lock(conn: &mut Connection, organization_id: Uuid, id: Uuid) -> Result<Option<ApiTokenRow>, Error> {
    Ok(api_tokens::table
        .filter(api_tokens::organization_id.eq(organization_id))
        .filter(api_tokens::id.eq(id))
        .select(ApiTokenRow::as_select())
        .for_update()
        .first(conn)
        .await
        .optional()?)
}

/// What a token's rights rest on: that its organization and holder are active and it is neither revoked nor expired.
/// `None` where there is no such token.
pub async fn standing(mut conn: &Connection, organization_id: Uuid, id: Uuid) -> Result<Option<Standing>, Error> {
    let found: Option<(i64, bool, Option<bool>, Option<bool>)> = api_tokens::table
        .inner_join(organizations::table.on(organizations::id.eq(api_tokens::organization_id)))
        .left_join(users::table.on(
            users::organization_id.eq(api_tokens::organization_id).and(users::id.nullable().eq(api_tokens::user_id)),
        ))
        .left_join(
            service_accounts::table.on(service_accounts::organization_id
                .eq(api_tokens::organization_id)
                .and(service_accounts::id.nullable().eq(api_tokens::service_account_id))),
        )
        .filter(api_tokens::id.eq(id))
        .filter(api_tokens::organization_id.eq(organization_id))
        .select((
            organizations::grants_epoch,
            organizations::active
                .and(api_tokens::revoke_time.is_null())
                .and(api_tokens::expire_time.gt(now.into_sql::<Timestamptz>())),
            users::active.nullable(),
            service_accounts::active.nullable(),
        ))
        .first(&mut conn)
        .await
        .optional()?;
    Ok(found
        .map(|(epoch, token, user, account)| Standing { live: token && user.or(account).unwrap_or_default(), epoch }))
}

/// Ends a locked token.
pub async fn revoke(conn: &mut Connection, token: &ApiTokenRow) -> Result<ApiTokenRow, Error> {
    Ok(diesel::update(api_tokens::table.find(token.id))
        .filter(api_tokens::organization_id.eq(token.organization_id))
        .set(api_tokens::revoke_time.eq(now.into_sql::<Timestamptz>().nullable()))
        .returning(ApiTokenRow::as_returning())
        .get_result(conn)
        .await?)
}

/// Ends every live token of a service account. Returns which.
pub async fn revoke_all(
    conn: &mut Connection,
    organization_id: Uuid,
    service_account_id: Uuid,
) -> Result<Vec<Uuid>, Error> {
    Ok(diesel::update(api_tokens::table)
        .filter(api_tokens::organization_id.eq(organization_id))
        .filter(api_tokens::service_account_id.eq(service_account_id))
        .filter(api_tokens::revoke_time.is_null())
        .set(api_tokens::revoke_time.eq(now.into_sql::<Timestamptz>().nullable()))
        .returning(api_tokens::id)
        .get_results(conn)
        .await?)
}

/// Notes that tokens were used, and with them their service accounts: of each at most once a minute.
pub async fn note_uses(conn: &mut Connection, uses: &[Use]) -> Result<(), Error> {
    let stale = || now.into_sql::<Timestamptz>() - 1.minute();
    for used in uses {
        let account: Option<Option<Uuid>> = diesel::update(api_tokens::table.find(used.token_id))
            .filter(api_tokens::last_use_time.is_null().or(api_tokens::last_use_time.lt(stale().nullable())))
            .set((
                api_tokens::last_use_time.eq(now.into_sql::<Timestamptz>().nullable()),
                api_tokens::last_use_ip.eq(&used.ip),
            ))
            .returning(api_tokens::service_account_id)
            .get_result(conn)
            .await
            .optional()?;
        if let Some(Some(account)) = account {
            diesel::update(service_accounts::table.find(account))
                .set(service_accounts::last_use_time.eq(now.into_sql::<Timestamptz>().nullable()))
                .execute(conn)
                .await?;
        }
    }
    Ok(())
}
