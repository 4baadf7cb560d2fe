//! Roles, and giving them to people.

pub mod uses;

use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::{business_unit_members, invitations, role_bindings, roles, users};

/// A role.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = roles)]
pub struct RoleRow {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub slug: String,
    pub display_name: String,
    pub description: String,
    pub scope: String,
    pub permissions: Vec<String>,
    pub restriction: String,
    pub builtin: bool,
    pub creator: String,
    pub revision: i64,
    pub create_time: DateTime<Utc>,
    pub update_time: DateTime<Utc>,
}

/// A role of one's own, to store.
#[derive(Debug, Insertable)]
#[diesel(table_name = roles)]
pub struct NewRole<'a> {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub slug: &'a str,
    pub display_name: &'a str,
    pub description: &'a str,
    pub scope: &'a str,
    pub permissions: &'a [String],
    pub restriction: &'a str,
    pub creator: &'a str,
}

/// The new content of a role of one's own.
#[derive(Debug, AsChangeset)]
#[diesel(table_name = roles)]
pub struct RoleContent<'a> {
    pub display_name: &'a str,
    pub description: &'a str,
    pub permissions: &'a [String],
    pub restriction: &'a str,
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

/// A role of an organization, by id.
pub async fn find(mut conn: &Connection, organization_id: Uuid, slug: &str) -> Result<Option<RoleRow>, Error> {
    Ok(roles::table
        .filter(roles::organization_id.eq(organization_id))
        .filter(roles::slug.eq(slug))
        .select(RoleRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// The roles of these row ids, in no order.
pub async fn by_ids(mut conn: &Connection, organization_id: Uuid, ids: &[Uuid]) -> Result<Vec<RoleRow>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(roles::table
        .filter(roles::organization_id.eq(organization_id))
        .filter(roles::id.eq_any(ids))
        .select(RoleRow::as_select())
        .load(&mut conn)
        .await?)
}

/// The roles of an organization that are bound in a business unit, by id.
pub async fn of_units(mut conn: &Connection, organization_id: Uuid) -> Result<Vec<RoleRow>, Error> {
    Ok(roles::table
        .filter(roles::organization_id.eq(organization_id))
        .filter(roles::scope.eq("BUSINESS_UNIT"))
        .order(roles::slug)
        .select(RoleRow::as_select())
        .load(&mut conn)
        .await?)
}

/// Every role of an organization, by id.
pub async fn all(mut conn: &Connection, organization_id: Uuid) -> Result<Vec<RoleRow>, Error> {
    Ok(roles::table
        .filter(roles::organization_id.eq(organization_id))
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

/// The active users who hold a role in the whole organization, by a binding of their own without condition or end.
pub async fn users_bound_to(mut conn: &Connection, organization_id: Uuid, role_id: Uuid) -> Result<Vec<Uuid>, Error> {
    Ok(role_bindings::table
        .inner_join(
            users::table.on(users::id.eq(role_bindings::subject_id).and(users::organization_id.eq(organization_id))),
        )
        .filter(role_bindings::organization_id.eq(organization_id))
        .filter(role_bindings::role_id.eq(role_id))
        .filter(role_bindings::business_unit_id.is_null())
        .filter(role_bindings::effect.eq("ALLOW"))
        .filter(role_bindings::condition.is_null())
        .filter(role_bindings::expire_time.is_null())
        .filter(users::active)
        .order(users::username)
        .select(users::id)
        .load(&mut conn)
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

/// Locks the role of an id, to change or delete it.
pub async fn lock(conn: &mut Connection, organization_id: Uuid, slug: &str) -> Result<Option<RoleRow>, Error> {
    Ok(roles::table
        .filter(roles::organization_id.eq(organization_id))
        .filter(roles::slug.eq(slug))
        .select(RoleRow::as_select())
        .for_update()
        .first(conn)
        .await
        .optional()?)
}

/// The role of an id, kept from changing until the transaction ends, to give it to somebody as it is now.
pub async fn hold(conn: &mut Connection, organization_id: Uuid, slug: &str) -> Result<Option<RoleRow>, Error> {
    Ok(roles::table
        .filter(roles::organization_id.eq(organization_id))
        .filter(roles::slug.eq(slug))
        .select(RoleRow::as_select())
        .for_share()
        .first(conn)
        .await
        .optional()?)
}

/// Makes a role of one's own.
pub async fn insert(conn: &mut Connection, role: &NewRole<'_>) -> Result<RoleRow, Error> {
    Ok(diesel::insert_into(roles::table).values(role).returning(RoleRow::as_returning()).get_result(conn).await?)
}

/// Gives a locked role new content. The row's revision rises, and with it its etag.
pub async fn update(conn: &mut Connection, role: &RoleRow, content: &RoleContent<'_>) -> Result<RoleRow, Error> {
    Ok(diesel::update(roles::table.find(role.id))
        .filter(roles::organization_id.eq(role.organization_id))
        .set((content, roles::revision.eq(roles::revision + 1), roles::update_time.eq(now)))
        .returning(RoleRow::as_returning())
        .get_result(conn)
        .await?)
}

/// Deletes a locked role that nothing uses, with the invitations to it that are over.
pub async fn delete(conn: &mut Connection, role: &RoleRow) -> Result<(), Error> {
    diesel::delete(invitations::table)
        .filter(invitations::organization_id.eq(role.organization_id))
        .filter(invitations::role_id.eq(role.id))
        .filter(invitations::state.ne("PENDING"))
        .execute(conn)
        .await?;
    diesel::delete(roles::table.find(role.id))
        .filter(roles::organization_id.eq(role.organization_id))
        .execute(conn)
        .await?;
    Ok(())
}
