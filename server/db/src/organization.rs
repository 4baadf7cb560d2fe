//! Organizations.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::organizations;

/// An organization.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = organizations)]
pub struct OrganizationRow {
    pub id: Uuid,
    pub slug: String,
    pub display_name: String,
    pub active: bool,
    pub settings: Value,
}

/// The organization of everybody who names none. `None` before the first start.
pub async fn default(mut conn: &Connection) -> Result<Option<OrganizationRow>, Error> {
    Ok(organizations::table
        .filter(organizations::is_default)
        .select(OrganizationRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// An organization, by row id.
pub async fn find(mut conn: &Connection, id: Uuid) -> Result<OrganizationRow, Error> {
    Ok(organizations::table.find(id).select(OrganizationRow::as_select()).first(&mut conn).await?)
}

/// Every organization, oldest first.
pub async fn all(mut conn: &Connection) -> Result<Vec<OrganizationRow>, Error> {
    Ok(organizations::table
        .order((organizations::create_time, organizations::id))
        .select(OrganizationRow::as_select())
        .load(&mut conn)
        .await?)
}

/// How many organizations there are.
pub async fn count(mut conn: &Connection) -> Result<i64, Error> {
    Ok(organizations::table.count().get_result(&mut conn).await?)
}

/// Makes the default organization.
pub async fn insert_default(conn: &mut Connection, slug: &str, display_name: &str) -> Result<OrganizationRow, Error> {
    Ok(diesel::insert_into(organizations::table)
        .values((
            organizations::id.eq(Uuid::now_v7()),
            organizations::slug.eq(slug),
            organizations::display_name.eq(display_name),
            organizations::is_default.eq(true),
        ))
        .returning(OrganizationRow::as_returning())
        .get_result(conn)
        .await?)
}
