//! Business units. A deleted one stays as a row, for everything that refers to it; nothing here finds it, except
//! [`owners`] and what is asked by row id for history.

use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::{
    business_unit_members, business_units, deployments, groups, invitations, role_bindings, teams, users,
};

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

/// A business unit to make.
#[derive(Debug, Insertable)]
#[diesel(table_name = business_units)]
pub struct NewBusinessUnit<'a> {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub slug: &'a str,
    pub code: &'a str,
    pub display_name: &'a str,
    pub description: &'a str,
    pub owner_id: Option<Uuid>,
    pub creator: &'a str,
}

/// The new content of a business unit, whole.
#[derive(Debug, AsChangeset)]
#[diesel(table_name = business_units, treat_none_as_null = true)]
pub struct BusinessUnitContent<'a> {
    pub display_name: &'a str,
    pub description: &'a str,
    pub owner_id: Option<Uuid>,
    pub active: bool,
}

/// What a deleted unit leaves behind nowhere.
#[derive(Clone, Debug, Default)]
pub struct Emptied {
    /// The members, as (user, role).
    pub members: Vec<(Uuid, Uuid)>,
    /// Row ids and ids of the unit's groups.
    pub groups: Vec<(Uuid, String)>,
    /// Bindings in the unit and of its groups.
    pub role_bindings: Vec<Uuid>,
    /// Invitations that nobody had accepted.
    pub invitations: Vec<Uuid>,
}

/// Makes a business unit.
pub async fn insert(conn: &mut Connection, unit: &NewBusinessUnit<'_>) -> Result<BusinessUnitRow, Error> {
    Ok(diesel::insert_into(business_units::table)
        .values(unit)
        .returning(BusinessUnitRow::as_returning())
        .get_result(conn)
        .await?)
}

/// The business unit of a row id.
pub async fn get(mut conn: &Connection, organization_id: Uuid, id: Uuid) -> Result<Option<BusinessUnitRow>, Error> {
    Ok(business_units::table
        .filter(business_units::organization_id.eq(organization_id))
        .filter(business_units::id.eq(id))
        .filter(business_units::delete_time.is_null())
        .select(BusinessUnitRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// Locks the business unit of a row id, to change it: nothing is begun in it until the transaction ends.
pub async fn lock(conn: &mut Connection, organization_id: Uuid, id: Uuid) -> Result<Option<BusinessUnitRow>, Error> {
    Ok(business_units::table
        .filter(business_units::organization_id.eq(organization_id))
        .filter(business_units::id.eq(id))
        .filter(business_units::delete_time.is_null())
        .select(BusinessUnitRow::as_select())
        .for_update()
        .first(conn)
        .await
        .optional()?)
}

/// Keeps a business unit from being changed or deleted until the transaction ends, for something to be begun in it: whether
/// it is active. `None` where it is gone. Many can hold one unit at a time.
pub async fn hold(conn: &mut Connection, organization_id: Uuid, id: Uuid) -> Result<Option<bool>, Error> {
    Ok(business_units::table
        .filter(business_units::organization_id.eq(organization_id))
        .filter(business_units::id.eq(id))
        .filter(business_units::delete_time.is_null())
        .select(business_units::active)
        .for_key_share()
        .first(conn)
        .await
        .optional()?)
}

/// Gives a business unit new content.
pub async fn update(
    conn: &mut Connection,
    unit: &BusinessUnitRow,
    content: &BusinessUnitContent<'_>,
) -> Result<BusinessUnitRow, Error> {
    Ok(diesel::update(business_units::table)
        .filter(business_units::organization_id.eq(unit.organization_id))
        .filter(business_units::id.eq(unit.id))
        .set((content, business_units::revision.eq(business_units::revision + 1), business_units::update_time.eq(now)))
        .returning(BusinessUnitRow::as_returning())
        .get_result(conn)
        .await?)
}

/// How many deployments of a unit are not DELETED.
pub async fn deployments(mut conn: &Connection, organization_id: Uuid, id: Uuid) -> Result<i64, Error> {
    Ok(deployments::table
        .filter(deployments::organization_id.eq(organization_id))
        .filter(deployments::business_unit_id.eq(id))
        .filter(deployments::state.ne("DELETED"))
        .count()
        .get_result(&mut conn)
        .await?)
}

/// Deletes a business unit, which is locked, with everything that gave anybody something in it.
pub async fn delete(conn: &mut Connection, unit: &BusinessUnitRow) -> Result<Emptied, Error> {
    let (organization_id, id) = (unit.organization_id, unit.id);
    let groups: Vec<(Uuid, String)> = groups::table
        .filter(groups::organization_id.eq(organization_id))
        .filter(groups::business_unit_id.eq(id))
        .order(groups::slug)
        .select((groups::id, groups::slug))
        .load(conn)
        .await?;
    let group_ids: Vec<Uuid> = groups.iter().map(|(id, _)| *id).collect();
    let of_groups = role_bindings::subject_kind.eq("GROUP").and(role_bindings::subject_id.eq_any(group_ids.as_slice()));
    let role_bindings = diesel::delete(role_bindings::table)
        .filter(role_bindings::organization_id.eq(organization_id))
        .filter(role_bindings::business_unit_id.eq(id).assume_not_null().or(of_groups))
        .returning(role_bindings::id)
        .get_results(conn)
        .await?;
    diesel::update(teams::table)
        .filter(teams::organization_id.eq(organization_id))
        .filter(teams::linked_group_id.eq_any(&group_ids))
        .set(teams::linked_group_id.eq(None::<Uuid>))
        .execute(conn)
        .await?;
    diesel::delete(groups::table)
        .filter(groups::organization_id.eq(organization_id))
        .filter(groups::business_unit_id.eq(id))
        .execute(conn)
        .await?;
    let members = diesel::delete(business_unit_members::table)
        .filter(business_unit_members::organization_id.eq(organization_id))
        .filter(business_unit_members::business_unit_id.eq(id))
        .returning((business_unit_members::user_id, business_unit_members::role_id))
        .get_results(conn)
        .await?;
    let invitations = diesel::update(invitations::table)
        .filter(invitations::organization_id.eq(organization_id))
        .filter(invitations::business_unit_id.eq(id))
        .filter(invitations::state.eq("PENDING"))
        .set((
            invitations::state.eq("REVOKED"),
            invitations::revision.eq(invitations::revision + 1),
            invitations::update_time.eq(now),
        ))
        .returning(invitations::id)
        .get_results(conn)
        .await?;
    diesel::update(users::table)
        .filter(users::organization_id.eq(organization_id))
        .filter(users::active_business_unit_id.eq(id))
        .set(users::active_business_unit_id.eq(None::<Uuid>))
        .execute(conn)
        .await?;
    diesel::update(business_units::table)
        .filter(business_units::organization_id.eq(organization_id))
        .filter(business_units::id.eq(id))
        .set((
            business_units::active.eq(false),
            business_units::delete_time.eq(now),
            business_units::revision.eq(business_units::revision + 1),
            business_units::update_time.eq(now),
        ))
        .execute(conn)
        .await?;
    Ok(Emptied { members, groups, role_bindings, invitations })
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
