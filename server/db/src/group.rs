//! Groups and their members.

use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::{business_unit_members, group_members, groups, role_bindings, teams};

/// A group.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = groups)]
pub struct GroupRow {
    pub id: Uuid,
    pub organization_id: Uuid,
    /// `None` for a group of the organization.
    pub business_unit_id: Option<Uuid>,
    pub slug: String,
    pub display_name: String,
    pub description: String,
    pub creator: String,
    pub revision: i64,
    pub create_time: DateTime<Utc>,
    pub update_time: DateTime<Utc>,
}

/// A group to store.
#[derive(Debug, Insertable)]
#[diesel(table_name = groups)]
pub struct NewGroup<'a> {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub business_unit_id: Option<Uuid>,
    pub slug: &'a str,
    pub display_name: &'a str,
    pub description: &'a str,
    pub creator: &'a str,
}

/// A member of a group.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = group_members)]
pub struct GroupMemberRow {
    pub organization_id: Uuid,
    pub group_id: Uuid,
    pub user_id: Uuid,
    pub creator: String,
    pub create_time: DateTime<Utc>,
}

/// A group of the organization, or of a unit, by id.
pub async fn find(
    mut conn: &Connection,
    organization_id: Uuid,
    business_unit_id: Option<Uuid>,
    slug: &str,
) -> Result<Option<GroupRow>, Error> {
    Ok(groups::table
        .filter(groups::organization_id.eq(organization_id))
        .filter(groups::business_unit_id.is_not_distinct_from(business_unit_id))
        .filter(groups::slug.eq(slug))
        .select(GroupRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// Locks a group of the organization, or of a unit, by id.
pub async fn lock(
    conn: &mut Connection,
    organization_id: Uuid,
    business_unit_id: Option<Uuid>,
    slug: &str,
) -> Result<Option<GroupRow>, Error> {
    Ok(groups::table
        .filter(groups::organization_id.eq(organization_id))
        .filter(groups::business_unit_id.is_not_distinct_from(business_unit_id))
        .filter(groups::slug.eq(slug))
        .select(GroupRow::as_select())
        .for_update()
        .first(conn)
        .await
        .optional()?)
}

/// Makes a group.
pub async fn insert(conn: &mut Connection, group: &NewGroup<'_>) -> Result<GroupRow, Error> {
    Ok(diesel::insert_into(groups::table).values(group).returning(GroupRow::as_returning()).get_result(conn).await?)
}

/// Renames a locked group. The row's revision rises, and with it its etag.
pub async fn update(
    conn: &mut Connection,
    group: &GroupRow,
    display_name: &str,
    description: &str,
) -> Result<GroupRow, Error> {
    Ok(diesel::update(groups::table.find(group.id))
        .filter(groups::organization_id.eq(group.organization_id))
        .set((
            groups::display_name.eq(display_name),
            groups::description.eq(description),
            groups::revision.eq(groups::revision + 1),
            groups::update_time.eq(now),
        ))
        .returning(GroupRow::as_returning())
        .get_result(conn)
        .await?)
}

/// Deletes a locked group with its memberships and what is bound to it.
pub async fn delete(conn: &mut Connection, group: &GroupRow) -> Result<(), Error> {
    diesel::delete(role_bindings::table)
        .filter(role_bindings::organization_id.eq(group.organization_id))
        .filter(role_bindings::subject_kind.eq("GROUP"))
        .filter(role_bindings::subject_id.eq(group.id))
        .execute(conn)
        .await?;
    diesel::delete(groups::table.find(group.id))
        .filter(groups::organization_id.eq(group.organization_id))
        .execute(conn)
        .await?;
    Ok(())
}

/// Ids of the teams that are linked to a group.
pub async fn linked_teams(mut conn: &Connection, group: &GroupRow) -> Result<Vec<String>, Error> {
    Ok(teams::table
        .filter(teams::organization_id.eq(group.organization_id))
        .filter(teams::linked_group_id.eq(group.id))
        .order(teams::slug)
        .select(teams::slug)
        .load(&mut conn)
        .await?)
}

/// How many members groups have, by the groups' row ids. A group without members is not among them.
pub async fn member_counts(
    mut conn: &Connection,
    organization_id: Uuid,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, i64)>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(group_members::table
        .filter(group_members::organization_id.eq(organization_id))
        .filter(group_members::group_id.eq_any(ids))
        .group_by(group_members::group_id)
        .select((group_members::group_id, diesel::dsl::count_star()))
        .load(&mut conn)
        .await?)
}

/// Makes a user a member of a group. `None` for one who is.
pub async fn add_member(
    conn: &mut Connection,
    group: &GroupRow,
    user_id: Uuid,
    creator: &str,
) -> Result<Option<GroupMemberRow>, Error> {
    Ok(diesel::insert_into(group_members::table)
        .values((
            group_members::organization_id.eq(group.organization_id),
            group_members::group_id.eq(group.id),
            group_members::user_id.eq(user_id),
            group_members::creator.eq(creator),
        ))
        .on_conflict_do_nothing()
        .returning(GroupMemberRow::as_returning())
        .get_result(conn)
        .await
        .optional()?)
}

/// Takes a user out of a group. True for one who was in it.
pub async fn remove_member(conn: &mut Connection, group: &GroupRow, user_id: Uuid) -> Result<bool, Error> {
    let removed = diesel::delete(group_members::table)
        .filter(group_members::organization_id.eq(group.organization_id))
        .filter(group_members::group_id.eq(group.id))
        .filter(group_members::user_id.eq(user_id))
        .execute(conn)
        .await?;
    Ok(removed == 1)
}

/// Whether a user is a member of a unit, who then stays one until the transaction ends.
pub async fn hold_unit_member(
    conn: &mut Connection,
    organization_id: Uuid,
    business_unit_id: Uuid,
    user_id: Uuid,
) -> Result<bool, Error> {
    let found: Option<Uuid> = business_unit_members::table
        .filter(business_unit_members::organization_id.eq(organization_id))
        .filter(business_unit_members::business_unit_id.eq(business_unit_id))
        .filter(business_unit_members::user_id.eq(user_id))
        .select(business_unit_members::user_id)
        .for_share()
        .first(conn)
        .await
        .optional()?;
    Ok(found.is_some())
}
