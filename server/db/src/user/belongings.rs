//! What belongs to people: roles, memberships, groups and teams, of a page of people in one query each.

use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::{business_unit_members, group_members, groups, role_bindings, roles, team_members, teams};

/// A role that is bound to a person, directly or by a group.
#[derive(Clone, Debug)]
pub struct GrantOf {
    pub user_id: Uuid,
    /// Id of the role.
    pub role: String,
    /// `None` for the whole organization.
    pub business_unit_id: Option<Uuid>,
    pub deny: bool,
    pub expire_time: Option<DateTime<Utc>>,
    /// The group it comes by, and the group's unit.
    pub group: Option<(String, Option<Uuid>)>,
}

/// A person's place in a unit.
#[derive(Clone, Debug, Queryable)]
pub struct MembershipOf {
    pub user_id: Uuid,
    pub business_unit_id: Uuid,
    /// Id of the role.
    pub role: String,
}

/// A group that a person is a member of.
#[derive(Clone, Debug, Queryable)]
pub struct GroupOf {
    pub user_id: Uuid,
    pub group: String,
    /// `None` for a group of the organization.
    pub business_unit_id: Option<Uuid>,
}

/// A team that a person is a member of.
#[derive(Clone, Debug, Queryable)]
pub struct TeamOf {
    pub user_id: Uuid,
    pub team: String,
}

/// What one row of a binding says, whoever has it.
type BindingColumns = (Uuid, String, Option<Uuid>, String, Option<DateTime<Utc>>);

/// The bindings that have not expired, by role.
pub async fn grants_of(mut conn: &Connection, organization_id: Uuid, user_ids: &[Uuid]) -> Result<Vec<GrantOf>, Error> {
    let direct: Vec<BindingColumns> = role_bindings::table
        .inner_join(
            roles::table.on(role_bindings::role_id.eq(roles::id).and(roles::organization_id.eq(organization_id))),
        )
        .filter(role_bindings::organization_id.eq(organization_id))
        .filter(role_bindings::subject_kind.eq("USER"))
        .filter(role_bindings::subject_id.eq_any(user_ids))
        .filter(
            role_bindings::expire_time
                .is_null()
                .or(role_bindings::expire_time.gt(now.into_sql::<Timestamptz>().nullable())),
        )
        .select((
            role_bindings::subject_id,
            roles::slug,
            role_bindings::business_unit_id,
            role_bindings::effect,
            role_bindings::expire_time,
        ))
        .load(&mut conn)
        .await?;
    let by_group: Vec<(BindingColumns, (String, Option<Uuid>))> = group_members::table
        .inner_join(
            groups::table.on(groups::id.eq(group_members::group_id).and(groups::organization_id.eq(organization_id))),
        )
        .inner_join(
            role_bindings::table.on(role_bindings::subject_id
                .eq(group_members::group_id)
                .and(role_bindings::subject_kind.eq("GROUP"))
                .and(role_bindings::organization_id.eq(organization_id))),
        )
        .inner_join(
            roles::table.on(role_bindings::role_id.eq(roles::id).and(roles::organization_id.eq(organization_id))),
        )
        .filter(group_members::organization_id.eq(organization_id))
        .filter(group_members::user_id.eq_any(user_ids))
        .filter(
            role_bindings::expire_time
                .is_null()
                .or(role_bindings::expire_time.gt(now.into_sql::<Timestamptz>().nullable())),
        )
        .select((
            (
                group_members::user_id,
                roles::slug,
                role_bindings::business_unit_id,
                role_bindings::effect,
                role_bindings::expire_time,
            ),
            (groups::slug, groups::business_unit_id),
        ))
        .load(&mut conn)
        .await?;
    let grant = |(user_id, role, business_unit_id, effect, expire_time): BindingColumns, group| GrantOf {
        user_id,
        role,
        business_unit_id,
        deny: effect == "DENY",
        expire_time,
        group,
    };
    let mut found: Vec<GrantOf> = direct.into_iter().map(|row| grant(row, None)).collect();
    found.extend(by_group.into_iter().map(|(row, group)| grant(row, Some(group))));
    found.sort_by(|a, b| (&a.role, &a.group).cmp(&(&b.role, &b.group)));
    Ok(found)
}

/// The memberships in units.
pub async fn memberships_of(
    mut conn: &Connection,
    organization_id: Uuid,
    user_ids: &[Uuid],
) -> Result<Vec<MembershipOf>, Error> {
    Ok(business_unit_members::table
        .inner_join(
            roles::table
                .on(business_unit_members::role_id.eq(roles::id).and(roles::organization_id.eq(organization_id))),
        )
        .filter(business_unit_members::organization_id.eq(organization_id))
        .filter(business_unit_members::user_id.eq_any(user_ids))
        .select((business_unit_members::user_id, business_unit_members::business_unit_id, roles::slug))
        .load(&mut conn)
        .await?)
}

/// The groups, by id.
pub async fn groups_of(mut conn: &Connection, organization_id: Uuid, user_ids: &[Uuid]) -> Result<Vec<GroupOf>, Error> {
    Ok(group_members::table
        .inner_join(
            groups::table.on(groups::id.eq(group_members::group_id).and(groups::organization_id.eq(organization_id))),
        )
        .filter(group_members::organization_id.eq(organization_id))
        .filter(group_members::user_id.eq_any(user_ids))
        .order((groups::slug, groups::id))
        .select((group_members::user_id, groups::slug, groups::business_unit_id))
        .load(&mut conn)
        .await?)
}

/// The teams, by id: one's own, and those of the groups that teams are linked to.
pub async fn teams_of(mut conn: &Connection, organization_id: Uuid, user_ids: &[Uuid]) -> Result<Vec<TeamOf>, Error> {
    let own: Vec<TeamOf> = team_members::table
        .inner_join(
            teams::table.on(teams::id.eq(team_members::team_id).and(teams::organization_id.eq(organization_id))),
        )
        .filter(team_members::organization_id.eq(organization_id))
        .filter(team_members::user_id.eq_any(user_ids))
        .select((team_members::user_id, teams::slug))
        .load(&mut conn)
        .await?;
    let linked: Vec<TeamOf> = teams::table
        .inner_join(
            group_members::table.on(teams::linked_group_id
                .eq(group_members::group_id.nullable())
                .and(group_members::organization_id.eq(organization_id))),
        )
        .filter(teams::organization_id.eq(organization_id))
        .filter(group_members::user_id.eq_any(user_ids))
        .select((group_members::user_id, teams::slug))
        .load(&mut conn)
        .await?;
    let mut found: Vec<TeamOf> = own.into_iter().chain(linked).collect();
    found.sort_by(|a, b| (a.user_id, &a.team).cmp(&(b.user_id, &b.team)));
    found.dedup_by(|a, b| (a.user_id, &a.team) == (b.user_id, &b.team));
    Ok(found)
}
