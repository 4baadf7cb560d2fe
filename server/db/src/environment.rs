//! Environments.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::environments;

/// An environment.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = environments)]
pub struct EnvironmentRow {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub business_unit_id: Uuid,
    pub slug: String,
    pub display_name: String,
    pub tier: String,
    pub rank: i32,
    pub region: String,
    pub state: String,
    pub creator: String,
    pub revision: i64,
    pub create_time: DateTime<Utc>,
    pub update_time: DateTime<Utc>,
}

/// An environment to make, ready at once.
#[derive(Debug, Insertable)]
#[diesel(table_name = environments)]
pub struct NewEnvironment<'a> {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub business_unit_id: Uuid,
    pub slug: &'a str,
    pub display_name: &'a str,
    pub tier: &'a str,
    pub rank: i32,
    pub region: &'a str,
    pub state: &'a str,
    pub creator: &'a str,
}

/// Makes an environment.
pub async fn insert(conn: &mut Connection, environment: &NewEnvironment<'_>) -> Result<(), Error> {
    diesel::insert_into(environments::table).values(environment).execute(conn).await?;
    Ok(())
}

/// The environment of an id, in a unit.
pub async fn find(
    mut conn: &Connection,
    organization_id: Uuid,
    business_unit_id: Uuid,
    slug: &str,
) -> Result<Option<EnvironmentRow>, Error> {
    Ok(environments::table
        .filter(environments::organization_id.eq(organization_id))
        .filter(environments::business_unit_id.eq(business_unit_id))
        .filter(environments::slug.eq(slug))
        .select(EnvironmentRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// The environment of a row id.
pub async fn get(mut conn: &Connection, organization_id: Uuid, id: Uuid) -> Result<Option<EnvironmentRow>, Error> {
    Ok(environments::table
        .filter(environments::organization_id.eq(organization_id))
        .filter(environments::id.eq(id))
        .select(EnvironmentRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// Ids of environments by their row ids, in no order.
pub async fn slugs(mut conn: &Connection, organization_id: Uuid, ids: &[Uuid]) -> Result<Vec<(Uuid, String)>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(environments::table
        .filter(environments::organization_id.eq(organization_id))
        .filter(environments::id.eq_any(ids))
        .select((environments::id, environments::slug))
        .load(&mut conn)
        .await?)
}
