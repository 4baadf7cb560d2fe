//! Roles, and giving them to people.

use diesel::dsl::now;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::{business_unit_members, role_bindings, roles};

/// A role that ships.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = roles)]
pub struct RoleRow {
    pub id: Uuid,
    pub slug: String,
    pub display_name: String,
    pub description: String,
    pub scope: String,
    pub permissions: Vec<String>,
    pub restriction: String,
}

/// What a role that ships says.
#[derive(Clone, Copy, Debug)]
pub struct BuiltinRole<'a> {
    pub slug: &'a str,
    pub display_name: &'a str,
    pub description: &'a str,
    pub scope: &'a str,
    pub permissions: &'a [String],
    pub restriction: &'a str,
    /// Principal, for one that is made.
    pub creator: &'a str,
}

/// The roles of an organization that ship.
pub async fn builtin(mut conn: &Connection, organization_id: Uuid) -> Result<Vec<RoleRow>, Error> {
    Ok(roles::table
        .filter(roles::organization_id.eq(organization_id))
        .filter(roles::builtin)
        .order(roles::slug)
        .select(RoleRow::as_select())
        .load(&mut conn)
        .await?)
}

/// Makes a role that ships, or brings it up to date.
pub async fn put_builtin(
    conn: &mut Connection,
    organization_id: Uuid,
    role: &BuiltinRole<'_>,
) -> Result<RoleRow, Error> {
    let content = (
        roles::display_name.eq(role.display_name),
        roles::description.eq(role.description),
        roles::scope.eq(role.scope),
        roles::permissions.eq(role.permissions),
        roles::restriction.eq(role.restriction),
        roles::builtin.eq(true),
    );
    Ok(diesel::insert_into(roles::table)
        .values((
            roles::id.eq(Uuid::now_v7()),
            roles::organization_id.eq(organization_id),
            roles::slug.eq(role.slug),
            roles::creator.eq(role.creator),
            content,
        ))
        .on_conflict((roles::organization_id, roles::slug))
        .do_update()
        .set((content, roles::revision.eq(roles::revision + 1), roles::update_time.eq(now)))
        .returning(RoleRow::as_returning())
        .get_result(conn)
        .await?)
}

/// Gives a role to a user in the whole organization.
pub async fn bind_user(
    conn: &mut Connection,
    organization_id: Uuid,
    role_id: Uuid,
    user_id: Uuid,
    creator: &str,
) -> Result<Uuid, Error> {
    Ok(diesel::insert_into(role_bindings::table)
        .values((
            role_bindings::id.eq(Uuid::now_v7()),
            role_bindings::organization_id.eq(organization_id),
            role_bindings::role_id.eq(role_id),
            role_bindings::subject_kind.eq("USER"),
            role_bindings::subject_id.eq(user_id),
            role_bindings::creator.eq(creator),
        ))
        .returning(role_bindings::id)
        .get_result(conn)
        .await?)
}

/// Makes a user a member of a unit.
pub async fn add_member(
    conn: &mut Connection,
    organization_id: Uuid,
    business_unit_id: Uuid,
    user_id: Uuid,
    role_id: Uuid,
    creator: &str,
) -> Result<(), Error> {
    diesel::insert_into(business_unit_members::table)
        .values((
            business_unit_members::organization_id.eq(organization_id),
            business_unit_members::business_unit_id.eq(business_unit_id),
            business_unit_members::user_id.eq(user_id),
            business_unit_members::role_id.eq(role_id),
            business_unit_members::creator.eq(creator),
        ))
        .execute(conn)
        .await?;
    Ok(())
}
