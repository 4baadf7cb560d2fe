//! What principals are given: their bindings, those of their groups and their memberships in units, with what conditions
//! and restrictions ask of them. Always of the principals that are named, by their index, and never of the whole
//! organization: what a decision costs does not depend on how many others there are.

use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use diesel_async::RunQueryDsl;
use futures::try_join;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::{
    business_unit_members, group_members, groups, role_bindings, roles, service_accounts, team_members, teams, users,
};

/// A role given to a principal.
#[derive(Clone, Debug)]
pub struct GrantRow {
    pub principal_id: Uuid,
    /// `None` for a membership.
    pub binding_id: Option<Uuid>,
    pub role: String,
    pub permissions: Vec<String>,
    pub restriction: String,
    /// `None` for the whole organization.
    pub business_unit_id: Option<Uuid>,
    pub effect: String,
    pub condition: Option<String>,
    pub expire_time: Option<DateTime<Utc>>,
    pub through: Through,
}

/// Through what a role reaches a principal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Through {
    /// Bound to itself.
    Itself,
    /// Bound to a group, of the organization or of a unit.
    Group { slug: String, business_unit_id: Option<Uuid> },
    /// The role of a member of the unit.
    Membership,
}

/// A group that somebody is in.
#[derive(Clone, Debug, Queryable)]
pub struct GroupRow {
    pub principal_id: Uuid,
    pub slug: String,
    /// `None` for a group of the organization.
    pub business_unit_id: Option<Uuid>,
}

/// A team that somebody is in.
#[derive(Clone, Debug, Queryable)]
pub struct TeamRow {
    pub principal_id: Uuid,
    pub id: Uuid,
    pub slug: String,
}

/// Everything that the rights of some principals rest on.
#[derive(Clone, Debug, Default)]
pub struct Given {
    pub grants: Vec<GrantRow>,
    pub groups: Vec<GroupRow>,
    pub teams: Vec<TeamRow>,
}

type Bound = (Uuid, Uuid, String, Vec<String>, String, Option<Uuid>, String, Option<String>, Option<DateTime<Utc>>);

/// What these users and service accounts are given, in one round trip.
pub async fn of(conn: &Connection, organization_id: Uuid, principals: &[Uuid]) -> Result<Given, Error> {
    let (mut first, mut second, mut third, mut fourth, mut fifth) = (conn, conn, conn, conn, conn);
    let role = || role_bindings::role_id.eq(roles::id).and(roles::organization_id.eq(organization_id));
    let content = (
        roles::slug,
        roles::permissions,
        roles::restriction,
        role_bindings::business_unit_id,
        role_bindings::effect,
        role_bindings::condition,
        role_bindings::expire_time,
    );
    let own = role_bindings::table
        .inner_join(roles::table.on(role()))
        .filter(role_bindings::organization_id.eq(organization_id))
        .filter(role_bindings::subject_kind.ne("GROUP"))
        .filter(role_bindings::subject_id.eq_any(principals))
        .order(role_bindings::id)
        .select((
            role_bindings::subject_id,
            role_bindings::id,
            content.0,
            content.1,
            content.2,
            content.3,
            content.4,
            content.5,
            content.6,
        ))
        .load::<Bound>(&mut first);
    let of_groups = group_members::table
        .inner_join(
            groups::table.on(groups::id.eq(group_members::group_id).and(groups::organization_id.eq(organization_id))),
        )
        .inner_join(
            role_bindings::table.on(role_bindings::subject_id
                .eq(group_members::group_id)
                .and(role_bindings::subject_kind.eq("GROUP"))
                .and(role_bindings::organization_id.eq(organization_id))),
        )
        .inner_join(roles::table.on(role()))
        .filter(group_members::organization_id.eq(organization_id))
        .filter(group_members::user_id.eq_any(principals))
        .order((role_bindings::id, group_members::user_id))
        .select((
            (
                group_members::user_id,
                role_bindings::id,
                content.0,
                content.1,
                content.2,
                content.3,
                content.4,
                content.5,
                content.6,
            ),
            groups::slug,
            groups::business_unit_id,
        ))
        .load::<(Bound, String, Option<Uuid>)>(&mut second);
    let of_units = business_unit_members::table
        .inner_join(
            roles::table
                .on(business_unit_members::role_id.eq(roles::id).and(roles::organization_id.eq(organization_id))),
        )
        .filter(business_unit_members::organization_id.eq(organization_id))
        .filter(business_unit_members::user_id.eq_any(principals))
        .order((business_unit_members::business_unit_id, business_unit_members::user_id))
        .select((
            business_unit_members::user_id,
            roles::slug,
            roles::permissions,
            roles::restriction,
            business_unit_members::business_unit_id,
        ))
        .load::<(Uuid, String, Vec<String>, String, Uuid)>(&mut third);
    let in_groups = group_members::table
        .inner_join(
            groups::table.on(groups::id.eq(group_members::group_id).and(groups::organization_id.eq(organization_id))),
        )
        .filter(group_members::organization_id.eq(organization_id))
        .filter(group_members::user_id.eq_any(principals))
        .order((groups::slug, groups::id))
        .select((group_members::user_id, groups::slug, groups::business_unit_id))
        .load::<GroupRow>(&mut fourth);
    let in_teams = team_members::table
        .inner_join(
            teams::table.on(teams::id.eq(team_members::team_id).and(teams::organization_id.eq(organization_id))),
        )
        .filter(team_members::organization_id.eq(organization_id))
        .filter(team_members::user_id.eq_any(principals))
        .order((teams::slug, teams::id))
        .select((team_members::user_id, teams::id, teams::slug))
        .load::<TeamRow>(&mut fifth);
    let (own, of_groups, of_units, groups, teams) = try_join!(own, of_groups, of_units, in_groups, in_teams)?;

    let mut grants: Vec<GrantRow> = own.into_iter().map(|row| bound(row, Through::Itself)).collect();
    grants.extend(
        of_groups
            .into_iter()
            .map(|(row, slug, business_unit_id)| bound(row, Through::Group { slug, business_unit_id })),
    );
    grants.extend(of_units.into_iter().map(|(principal_id, role, permissions, restriction, unit)| GrantRow {
        principal_id,
        binding_id: None,
        role,
        permissions,
        restriction,
        business_unit_id: Some(unit),
        effect: "ALLOW".to_owned(),
        condition: None,
        expire_time: None,
        through: Through::Membership,
    }));
    Ok(Given { grants, groups, teams })
}

fn bound(row: Bound, through: Through) -> GrantRow {
    let (principal_id, binding_id, role, permissions, restriction, business_unit_id, effect, condition, expire_time) =
        row;
    GrantRow {
        principal_id,
        binding_id: Some(binding_id),
        role,
        permissions,
        restriction,
        business_unit_id,
        effect,
        condition,
        expire_time,
        through,
    }
}

/// Somebody who may be asked about: a user or a service account that was not deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrincipalRow {
    pub id: Uuid,
    pub is_user: bool,
    /// The last segment of the name.
    pub slug: String,
    pub active: bool,
    /// Of a user.
    pub email: Option<String>,
    /// Of a user; empty for a service account.
    pub full_name: String,
}

type Named = (Uuid, String, bool, String, String);

fn user_of((id, slug, active, email, full_name): Named) -> PrincipalRow {
    PrincipalRow { id, is_user: true, slug, active, email: Some(email), full_name }
}

fn account_of((id, slug, active): (Uuid, String, bool)) -> PrincipalRow {
    PrincipalRow { id, is_user: false, slug, active, email: None, full_name: String::new() }
}

/// A user by name.
pub async fn user(mut conn: &Connection, organization_id: Uuid, slug: &str) -> Result<Option<PrincipalRow>, Error> {
    let found = users::table
        .filter(users::organization_id.eq(organization_id))
        .filter(users::username.eq(slug))
        .filter(users::delete_time.is_null())
        .select((users::id, users::username, users::active, users::email, users::full_name))
        .first::<Named>(&mut conn)
        .await
        .optional()?;
    Ok(found.map(user_of))
}

/// A service account by name.
pub async fn service_account(
    mut conn: &Connection,
    organization_id: Uuid,
    slug: &str,
) -> Result<Option<PrincipalRow>, Error> {
    let found = service_accounts::table
        .filter(service_accounts::organization_id.eq(organization_id))
        .filter(service_accounts::slug.eq(slug))
        .filter(service_accounts::delete_time.is_null())
        .select((service_accounts::id, service_accounts::slug, service_accounts::active))
        .first::<(Uuid, String, bool)>(&mut conn)
        .await
        .optional()?;
    Ok(found.map(account_of))
}

/// Who could hold a permission: those who are active and have anything that gives it.
#[derive(Clone, Copy, Debug)]
pub struct Holders<'a> {
    pub organization_id: Uuid,
    /// Slug of the permission; `None` for one that every active user holds.
    pub permission: Option<&'a str>,
    /// Where: in this unit or in the whole organization; `None` for the organization alone.
    pub business_unit_id: Option<Uuid>,
    pub limit: i64,
}

/// Users who could hold a permission, in the order of their names, after the one that is named. A superset of those who
/// do: what denies and narrows is the evaluator's.
pub async fn users_with(mut conn: &Connection, holders: Holders<'_>, after: &str) -> Result<Vec<PrincipalRow>, Error> {
    let organization_id = holders.organization_id;
    let mut query = users::table
        .filter(users::organization_id.eq(organization_id))
        .filter(users::active)
        .filter(users::username.gt(after))
        .order(users::username)
        .limit(holders.limit)
        .select((users::id, users::username, users::active, users::email, users::full_name))
        .into_boxed();
    if let Some(permission) = holders.permission {
        let giving = || {
            roles::table
                .filter(roles::organization_id.eq(organization_id))
                .filter(roles::permissions.contains(vec![permission]))
                .select(roles::id)
        };
        let bound = || {
            role_bindings::table
                .filter(role_bindings::organization_id.eq(organization_id))
                .filter(role_bindings::role_id.eq_any(giving()))
                .filter(role_bindings::effect.eq("ALLOW"))
                .filter(
                    role_bindings::expire_time
                        .is_null()
                        .or(role_bindings::expire_time.gt(now.into_sql::<Timestamptz>().nullable()).assume_not_null()),
                )
                .filter(
                    role_bindings::business_unit_id
                        .is_null()
                        .or(role_bindings::business_unit_id.eq(holders.business_unit_id).assume_not_null()),
                )
        };
        let of_groups = group_members::table
            .filter(group_members::organization_id.eq(organization_id))
            .filter(
                group_members::group_id
                    .eq_any(bound().filter(role_bindings::subject_kind.eq("GROUP")).select(role_bindings::subject_id)),
            )
            .select(group_members::user_id);
        let of_units = business_unit_members::table
            .filter(business_unit_members::organization_id.eq(organization_id))
            .filter(business_unit_members::business_unit_id.nullable().eq(holders.business_unit_id).assume_not_null())
            .filter(business_unit_members::role_id.eq_any(giving()))
            .select(business_unit_members::user_id);
        query = query.filter(
            users::id
                .eq_any(bound().filter(role_bindings::subject_kind.eq("USER")).select(role_bindings::subject_id))
                .or(users::id.eq_any(of_groups))
                .or(users::id.eq_any(of_units)),
        );
    }
    Ok(query.load::<Named>(&mut conn).await?.into_iter().map(user_of).collect())
}

/// Service accounts who could hold a permission, as [`users_with`].
pub async fn service_accounts_with(
    mut conn: &Connection,
    holders: Holders<'_>,
    after: &str,
) -> Result<Vec<PrincipalRow>, Error> {
    let organization_id = holders.organization_id;
    // What every user holds, service accounts do not.
    let Some(permission) = holders.permission else { return Ok(Vec::new()) };
    let giving = roles::table
        .filter(roles::organization_id.eq(organization_id))
        .filter(roles::permissions.contains(vec![permission]))
        .select(roles::id);
    let bound = role_bindings::table
        .filter(role_bindings::organization_id.eq(organization_id))
        .filter(role_bindings::role_id.eq_any(giving))
        .filter(role_bindings::subject_kind.eq("SERVICE_ACCOUNT"))
        .filter(role_bindings::effect.eq("ALLOW"))
        .select(role_bindings::subject_id);
    let found = service_accounts::table
        .filter(service_accounts::organization_id.eq(organization_id))
        .filter(service_accounts::active)
        .filter(service_accounts::slug.gt(after))
        .filter(service_accounts::id.eq_any(bound))
        .order(service_accounts::slug)
        .limit(holders.limit)
        .select((service_accounts::id, service_accounts::slug, service_accounts::active))
        .load::<(Uuid, String, bool)>(&mut conn)
        .await?;
    Ok(found.into_iter().map(account_of).collect())
}
