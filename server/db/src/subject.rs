//! Whom roles are given to: people, groups and programs, by row id and by name.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::{groups, service_accounts, users};

/// A person, as others see them.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = users)]
pub struct PersonRow {
    pub id: Uuid,
    pub username: String,
    pub full_name: String,
    pub active: bool,
}

/// People by their row ids, in no order; deleted ones included, since history names them.
pub async fn people(mut conn: &Connection, organization_id: Uuid, ids: &[Uuid]) -> Result<Vec<PersonRow>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(users::table
        .filter(users::organization_id.eq(organization_id))
        .filter(users::id.eq_any(ids))
        .select(PersonRow::as_select())
        .load(&mut conn)
        .await?)
}

/// Groups by their row ids, in no order: `(row id, unit, id, display name)`.
pub async fn groups(
    mut conn: &Connection,
    organization_id: Uuid,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, Option<Uuid>, String, String)>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(groups::table
        .filter(groups::organization_id.eq(organization_id))
        .filter(groups::id.eq_any(ids))
        .select((groups::id, groups::business_unit_id, groups::slug, groups::display_name))
        .load(&mut conn)
        .await?)
}

/// Service accounts by their row ids, in no order; deleted ones included.
pub async fn service_accounts(
    mut conn: &Connection,
    organization_id: Uuid,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, String)>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(service_accounts::table
        .filter(service_accounts::organization_id.eq(organization_id))
        .filter(service_accounts::id.eq_any(ids))
        .select((service_accounts::id, service_accounts::slug))
        .load(&mut conn)
        .await?)
}

/// A person who was not deleted, by username, kept as they are until the transaction ends.
pub async fn hold_person(
    conn: &mut Connection,
    organization_id: Uuid,
    username: &str,
) -> Result<Option<PersonRow>, Error> {
    Ok(users::table
        .filter(users::organization_id.eq(organization_id))
        .filter(users::username.eq(username))
        .filter(users::delete_time.is_null())
        .select(PersonRow::as_select())
        .for_share()
        .first(conn)
        .await
        .optional()?)
}

/// A service account that was not deleted, by id, kept as it is until the transaction ends.
pub async fn hold_service_account(
    conn: &mut Connection,
    organization_id: Uuid,
    slug: &str,
) -> Result<Option<Uuid>, Error> {
    Ok(service_accounts::table
        .filter(service_accounts::organization_id.eq(organization_id))
        .filter(service_accounts::slug.eq(slug))
        .filter(service_accounts::delete_time.is_null())
        .select(service_accounts::id)
        .for_share()
        .first(conn)
        .await
        .optional()?)
}
