//! Business units.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::{business_units, users};

/// A business unit.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = business_units)]
pub struct BusinessUnitRow {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub slug: String,
    pub code: String,
    pub display_name: String,
    pub description: String,
    pub owner_id: Option<Uuid>,
    pub active: bool,
    pub creator: String,
    pub revision: i64,
    pub create_time: DateTime<Utc>,
    pub update_time: DateTime<Utc>,
}

/// The business unit of a row id.
pub async fn get(mut conn: &Connection, organization_id: Uuid, id: Uuid) -> Result<Option<BusinessUnitRow>, Error> {
    Ok(business_units::table
        .filter(business_units::organization_id.eq(organization_id))
        .filter(business_units::id.eq(id))
        .select(BusinessUnitRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// Usernames of the owners of these units, by the owners' row ids, in no order.
pub async fn owners(
    mut conn: &Connection,
    organization_id: Uuid,
    units: &[BusinessUnitRow],
) -> Result<Vec<(Uuid, String)>, Error> {
    let ids: Vec<Uuid> = units.iter().filter_map(|unit| unit.owner_id).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(users::table
        .filter(users::organization_id.eq(organization_id))
        .filter(users::id.eq_any(ids))
        .select((users::id, users::username))
        .load(&mut conn)
        .await?)
}
