//! People's places in business units.

use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use diesel_async::RunQueryDsl;
use futures::try_join;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::{business_unit_members, business_units, group_members, groups, role_bindings, roles, users};

/// A membership.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = business_unit_members)]
pub struct BusinessUnitMemberRow {
    pub organization_id: Uuid,
    pub business_unit_id: Uuid,
    pub user_id: Uuid,
    pub role_id: Uuid,
    pub creator: String,
    pub create_time: DateTime<Utc>,
    pub revision: i64,
    pub update_time: DateTime<Utc>,
}

/// A user, as far as a list of members tells.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = users)]
pub struct MemberUserRow {
    pub id: Uuid,
    pub username: String,
    pub full_name: String,
    pub email: String,
    pub active: bool,
}

/// How a user is named.
#[derive(Clone, Copy, Debug)]
pub enum UserKey<'a> {
    Username(&'a str),
    /// In lower case.
    Email(&'a str),
}

/// A role that holds for a user in a unit by a binding.
#[derive(Clone, Debug)]
pub struct BoundRole {
    pub user_id: Uuid,
    pub role: String,
    /// The group that has it: its id, and that of its unit, if it is a unit's.
    pub group: Option<(String, Option<String>)>,
    pub organization_wide: bool,
    pub conditional: bool,
}

/// The user of a username or address who was not deleted.
pub async fn user(
    mut conn: &Connection,
    organization_id: Uuid,
    key: UserKey<'_>,
) -> Result<Option<MemberUserRow>, Error> {
    let select = users::table
        .filter(users::organization_id.eq(organization_id))
        .filter(users::delete_time.is_null())
        .select(MemberUserRow::as_select())
        .into_boxed();
    let select = match key {
        UserKey::Username(username) => select.filter(users::username.eq(username)),
        UserKey::Email(email) => select.filter(users::email.eq(email)),
    };
    Ok(select.first(&mut conn).await.optional()?)
}

/// Users by row id, in no order.
pub async fn users(mut conn: &Connection, organization_id: Uuid, ids: &[Uuid]) -> Result<Vec<MemberUserRow>, Error> {
    Ok(users::table
        .filter(users::organization_id.eq(organization_id))
        .filter(users::id.eq_any(ids))
        .select(MemberUserRow::as_select())
        .load(&mut conn)
        .await?)
}

/// Ids of roles by their row ids, in no order.
pub async fn roles(mut conn: &Connection, organization_id: Uuid, ids: &[Uuid]) -> Result<Vec<(Uuid, String)>, Error> {
    Ok(roles::table
        .filter(roles::organization_id.eq(organization_id))
        .filter(roles::id.eq_any(ids))
        .select((roles::id, roles::slug))
        .load(&mut conn)
        .await?)
}

/// Locks a membership, to change it.
pub async fn lock(
    conn: &mut Connection,
    organization_id: Uuid,
    business_unit_id: Uuid,
    user_id: Uuid,
) -> Result<Option<BusinessUnitMemberRow>, Error> {
    Ok(business_unit_members::table
        .filter(business_unit_members::organization_id.eq(organization_id))
        .filter(business_unit_members::business_unit_id.eq(business_unit_id))
        .filter(business_unit_members::user_id.eq(user_id))
        .select(BusinessUnitMemberRow::as_select())
        .for_update()
        .first(conn)
        .await
        .optional()?)
}

/// Makes a user a member of a unit.
pub async fn insert(
    conn: &mut Connection,
    organization_id: Uuid,
    business_unit_id: Uuid,
    user_id: Uuid,
    role_id: Uuid,
    creator: &str,
) -> Result<BusinessUnitMemberRow, Error> {
    Ok(diesel::insert_into(business_unit_members::table)
        .values((
            business_unit_members::organization_id.eq(organization_id),
            business_unit_members::business_unit_id.eq(business_unit_id),
            business_unit_members::user_id.eq(user_id),
            business_unit_members::role_id.eq(role_id),
            business_unit_members::creator.eq(creator),
        ))
        .returning(BusinessUnitMemberRow::as_returning())
        .get_result(conn)
        .await?)
}

/// Gives a member another role.
pub async fn set_role(
    conn: &mut Connection,
    member: &BusinessUnitMemberRow,
    role_id: Uuid,
) -> Result<BusinessUnitMemberRow, Error> {
    Ok(diesel::update(business_unit_members::table)
        .filter(business_unit_members::organization_id.eq(member.organization_id))
        .filter(business_unit_members::business_unit_id.eq(member.business_unit_id))
        .filter(business_unit_members::user_id.eq(member.user_id))
        .set((
            business_unit_members::role_id.eq(role_id),
            business_unit_members::revision.eq(business_unit_members::revision + 1),
            business_unit_members::update_time.eq(now),
        ))
        .returning(BusinessUnitMemberRow::as_returning())
        .get_result(conn)
        .await?)
}

/// Ends a membership, and those in the groups of the unit. Answers with the groups, as (row id, id), by id.
pub async fn remove(conn: &mut Connection, member: &BusinessUnitMemberRow) -> Result<Vec<(Uuid, String)>, Error> {
    let mut groups: Vec<(Uuid, String)> = group_members::table
        .inner_join(
            groups::table
                .on(groups::id.eq(group_members::group_id).and(groups::organization_id.eq(member.organization_id))),
        )
        .filter(group_members::organization_id.eq(member.organization_id))
        .filter(group_members::user_id.eq(member.user_id))
        .filter(groups::business_unit_id.eq(member.business_unit_id))
        .select((groups::id, groups::slug))
        .load(conn)
        .await?;
    groups.sort_by(|a, b| a.1.cmp(&b.1));
    diesel::delete(group_members::table)
        .filter(group_members::organization_id.eq(member.organization_id))
        .filter(group_members::user_id.eq(member.user_id))
        .filter(group_members::group_id.eq_any(groups.iter().map(|(id, _)| *id)))
        .execute(conn)
        .await?;
    diesel::delete(business_unit_members::table)
        .filter(business_unit_members::organization_id.eq(member.organization_id))
        .filter(business_unit_members::business_unit_id.eq(member.business_unit_id))
        .filter(business_unit_members::user_id.eq(member.user_id))
        .execute(conn)
        .await?;
    Ok(groups)
}

/// The roles that hold for users in a unit by bindings of their own and of their groups, those of the organization
/// included, that have not expired. In no order.
pub async fn bound_roles(
    conn: &Connection,
    organization_id: Uuid,
    business_unit_id: Uuid,
    user_ids: &[Uuid],
) -> Result<Vec<BoundRole>, Error> {
    let (mut first, mut second) = (conn, conn);
    let live = || {
        role_bindings::organization_id
            .eq(organization_id)
            .and(role_bindings::effect.eq("ALLOW"))
            .and(
                role_bindings::expire_time
                    .is_null()
                    .or(role_bindings::expire_time.gt(now.into_sql::<Timestamptz>().nullable()).assume_not_null()),
            )
            .and(
                role_bindings::business_unit_id
                    .is_null()
                    .or(role_bindings::business_unit_id.eq(business_unit_id).assume_not_null()),
            )
    };
    let role = || role_bindings::role_id.eq(roles::id).and(roles::organization_id.eq(organization_id));
    let own = role_bindings::table
        .inner_join(roles::table.on(role()))
        .filter(live())
        .filter(role_bindings::subject_kind.eq("USER"))
        .filter(role_bindings::subject_id.eq_any(user_ids))
        .select((
            role_bindings::subject_id,
            roles::slug,
            role_bindings::business_unit_id.is_null(),
            role_bindings::condition.is_not_null(),
        ))
        .load::<(Uuid, String, bool, bool)>(&mut first);
    let of_groups = role_bindings::table
        .inner_join(roles::table.on(role()))
        .inner_join(
            groups::table.on(groups::id.eq(role_bindings::subject_id).and(groups::organization_id.eq(organization_id))),
        )
        .inner_join(
            group_members::table
                .on(group_members::group_id.eq(groups::id).and(group_members::organization_id.eq(organization_id))),
        )
        .left_join(
            business_units::table.on(business_units::id
                .nullable()
                .eq(groups::business_unit_id)
                .and(business_units::organization_id.eq(organization_id))),
        )
        .filter(live())
        .filter(role_bindings::subject_kind.eq("GROUP"))
        .filter(group_members::user_id.eq_any(user_ids))
        .select((
            group_members::user_id,
            roles::slug,
            groups::slug,
            business_units::slug.nullable(),
            role_bindings::business_unit_id.is_null(),
            role_bindings::condition.is_not_null(),
        ))
        .load::<(Uuid, String, String, Option<String>, bool, bool)>(&mut second);
    let (own, of_groups) = try_join!(own, of_groups)?;
    let own = own.into_iter().map(|(user_id, role, organization_wide, conditional)| BoundRole {
        user_id,
        role,
        group: None,
        organization_wide,
        conditional,
    });
    let of_groups = of_groups.into_iter().map(|(user_id, role, group, unit, organization_wide, conditional)| {
        BoundRole { user_id, role, group: Some((group, unit)), organization_wide, conditional }
    });
    Ok(own.chain(of_groups).collect())
}
