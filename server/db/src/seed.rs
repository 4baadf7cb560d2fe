//! Whether a start has something to put into an organization.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::{business_units, users};

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
