//! What the first start puts into an empty organization, beside roles, people and policies.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::{business_units, environments, users};

/// A business unit to make.
#[derive(Debug, Insertable)]
#[diesel(table_name = business_units)]
pub struct NewUnit<'a> {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub slug: &'a str,
    pub code: &'a str,
    pub display_name: &'a str,
    pub description: &'a str,
    pub owner_id: Option<Uuid>,
    pub creator: &'a str,
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
    pub state: &'a str,
    pub creator: &'a str,
}

/// Whether the organization has no people yet.
pub async fn is_empty(mut conn: &Connection, organization_id: Uuid) -> Result<bool, Error> {
    let somebody: Option<Uuid> = users::table
        .filter(users::organization_id.eq(organization_id))
        .select(users::id)
        .first(&mut conn)
        .await
        .optional()?;
    Ok(somebody.is_none())
}

/// The row id of a business unit.
pub async fn unit(mut conn: &Connection, organization_id: Uuid, slug: &str) -> Result<Option<Uuid>, Error> {
    Ok(business_units::table
        .filter(business_units::organization_id.eq(organization_id))
        .filter(business_units::slug.eq(slug))
        .select(business_units::id)
        .first(&mut conn)
        .await
        .optional()?)
}

/// Makes a business unit.
pub async fn insert_unit(conn: &mut Connection, unit: &NewUnit<'_>) -> Result<(), Error> {
    diesel::insert_into(business_units::table).values(unit).execute(conn).await?;
    Ok(())
}

/// Makes an environment.
pub async fn insert_environment(conn: &mut Connection, environment: &NewEnvironment<'_>) -> Result<(), Error> {
    diesel::insert_into(environments::table).values(environment).execute(conn).await?;
    Ok(())
}
