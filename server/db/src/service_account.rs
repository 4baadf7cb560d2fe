//! Service accounts, and what is given to one. A deleted account stays as an inactive row, which history names.

use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::grants::{self, Given};
use crate::schema::{organizations, role_bindings, roles, service_accounts};

/// A service account.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = service_accounts)]
pub struct ServiceAccountRow {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub slug: String,
    pub kind: String,
    pub description: String,
    pub active: bool,
    pub ci_trust_rules: Value,
    pub last_use_time: Option<DateTime<Utc>>,
    pub creator: String,
    pub revision: i64,
    pub create_time: DateTime<Utc>,
    pub update_time: DateTime<Utc>,
}

/// A service account to store.
#[derive(Debug, Insertable)]
#[diesel(table_name = service_accounts)]
pub struct NewServiceAccount<'a> {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub slug: &'a str,
    pub kind: &'a str,
    pub description: &'a str,
    pub active: bool,
    pub ci_trust_rules: &'a Value,
    pub creator: &'a str,
}

/// A service account as a caller, with everything given to it.
#[derive(Clone, Debug)]
pub struct Account {
    pub organization_active: bool,
    /// Read before the rest: what was read is at least as new.
    pub epoch: i64,
    /// The settings of the organization: some switch rights off.
    pub settings: Value,
    pub account: ServiceAccountRow,
    pub given: Given,
}

/// A role binding of an account, as its page shows it.
#[derive(Clone, Debug, Queryable)]
pub struct BoundRole {
    pub id: Uuid,
    pub role: String,
    pub business_unit_id: Option<Uuid>,
    pub effect: String,
    pub condition: Option<String>,
    pub expire_time: Option<DateTime<Utc>>,
}

/// Stores an account. `None` where its id is or was taken.
pub async fn insert(
    conn: &mut Connection,
    account: &NewServiceAccount<'_>,
) -> Result<Option<ServiceAccountRow>, Error> {
    Ok(diesel::insert_into(service_accounts::table)
        .values(account)
        .on_conflict((service_accounts::organization_id, service_accounts::slug))
        .do_nothing()
        .returning(ServiceAccountRow::as_returning())
        .get_result(conn)
        .await
        .optional()?)
}

/// The account of an id, unless it was deleted.
pub async fn find(
    mut conn: &Connection,
    organization_id: Uuid,
    slug: &str,
) -> Result<Option<ServiceAccountRow>, Error> {
    Ok(service_accounts::table
        .filter(service_accounts::organization_id.eq(organization_id))
        .filter(service_accounts::slug.eq(slug))
        .filter(service_accounts::delete_time.is_null())
        .select(ServiceAccountRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// Locks the account of an id, to change it or what belongs to it.
pub async fn lock(
    conn: &mut Connection,
    organization_id: Uuid,
    slug: &str,
) -> Result<Option<ServiceAccountRow>, Error> {
    Ok(service_accounts::table
        .filter(service_accounts::organization_id.eq(organization_id))
        .filter(service_accounts::slug.eq(slug))
        .filter(service_accounts::delete_time.is_null())
        .select(ServiceAccountRow::as_select())
        .for_update()
        .first(conn)
        .await
        .optional()?)
}

/// Loads an account with its bindings. `None` where there is none of that row id.
pub async fn account(mut conn: &Connection, organization_id: Uuid, id: Uuid) -> Result<Option<Account>, Error> {
    let found: Option<(bool, i64, Value, ServiceAccountRow)> = service_accounts::table
        .inner_join(organizations::table.on(organizations::id.eq(service_accounts::organization_id)))
        .filter(service_accounts::organization_id.eq(organization_id))
        .filter(service_accounts::id.eq(id))
        .select((
            organizations::active,
            organizations::grants_epoch,
            organizations::settings,
            ServiceAccountRow::as_select(),
        ))
        .first(&mut conn)
        .await
        .optional()?;
    let Some((organization_active, epoch, settings, account)) = found else { return Ok(None) };
    let given = grants::of(conn, organization_id, &[id]).await?;
    Ok(Some(Account { organization_active, epoch, settings, account, given }))
}

/// The role bindings of an account, oldest first.
pub async fn bound_roles(mut conn: &Connection, organization_id: Uuid, id: Uuid) -> Result<Vec<BoundRole>, Error> {
    Ok(role_bindings::table
        .inner_join(
            roles::table.on(role_bindings::role_id.eq(roles::id).and(roles::organization_id.eq(organization_id))),
        )
        .filter(role_bindings::organization_id.eq(organization_id))
        .filter(role_bindings::subject_kind.eq("SERVICE_ACCOUNT"))
        .filter(role_bindings::subject_id.eq(id))
        .order((role_bindings::create_time, role_bindings::id))
        .select((
            role_bindings::id,
            roles::slug,
            role_bindings::business_unit_id,
            role_bindings::effect,
            role_bindings::condition,
            role_bindings::expire_time,
        ))
        .load(&mut conn)
        .await?)
}

/// Gives a locked account new content. The row's revision rises, and with it its etag.
pub async fn update(
    conn: &mut Connection,
    account: &ServiceAccountRow,
    description: &str,
    active: bool,
    ci_trust_rules: &Value,
) -> Result<ServiceAccountRow, Error> {
    Ok(diesel::update(service_accounts::table.find(account.id))
        .filter(service_accounts::organization_id.eq(account.organization_id))
        .set((
            service_accounts::description.eq(description),
            service_accounts::active.eq(active),
            service_accounts::ci_trust_rules.eq(ci_trust_rules),
            service_accounts::revision.eq(service_accounts::revision + 1),
            service_accounts::update_time.eq(now),
        ))
        .returning(ServiceAccountRow::as_returning())
        .get_result(conn)
        .await?)
}

/// Deletes a locked account, and what was given to it.
pub async fn delete(conn: &mut Connection, account: &ServiceAccountRow) -> Result<(), Error> {
    diesel::update(service_accounts::table.find(account.id))
        .filter(service_accounts::organization_id.eq(account.organization_id))
        .set((
            service_accounts::active.eq(false),
            service_accounts::delete_time.eq(now.into_sql::<Timestamptz>().nullable()),
            service_accounts::revision.eq(service_accounts::revision + 1),
            service_accounts::update_time.eq(now),
        ))
        .execute(conn)
        .await?;
    diesel::delete(role_bindings::table)
        .filter(role_bindings::organization_id.eq(account.organization_id))
        .filter(role_bindings::subject_kind.eq("SERVICE_ACCOUNT"))
        .filter(role_bindings::subject_id.eq(account.id))
        .execute(conn)
        .await?;
    Ok(())
}
