//! Deleting an account: what it could do ends, its row stays.

use diesel::dsl::now;
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::UserRow;
use crate::error::Error;
use crate::schema::{
    api_tokens, business_unit_members, business_units, external_identities, group_members, role_bindings, team_members,
    users,
};
use crate::{Connection, password_reset, session};

/// What ended with an account.
#[derive(Clone, Debug)]
pub struct Removed {
    /// The row that stays.
    pub user: UserRow,
    /// The sessions that ended.
    pub sessions: Vec<Uuid>,
    pub tokens: usize,
    pub bindings: usize,
    pub memberships: usize,
    pub groups: usize,
    pub teams: usize,
}

/// Ids of the units that somebody owns.
pub async fn owned_units(mut conn: &Connection, organization_id: Uuid, user_id: Uuid) -> Result<Vec<String>, Error> {
    Ok(business_units::table
        .filter(business_units::organization_id.eq(organization_id))
        .filter(business_units::delete_time.is_null())
        .filter(business_units::owner_id.eq(user_id))
        .order(business_units::slug)
        .select(business_units::slug)
        .load(&mut conn)
        .await?)
}

/// Ends everything that an account is and has but its name.
pub async fn remove(conn: &mut Connection, user: &UserRow) -> Result<Removed, Error> {
    let (organization_id, user_id) = (user.organization_id, user.id);
    let sessions = session::revoke_all(conn, organization_id, user_id).await?;
    password_reset::end(conn, organization_id, user_id).await?;
    let tokens = diesel::update(api_tokens::table)
        .filter(api_tokens::organization_id.eq(organization_id))
        .filter(api_tokens::user_id.eq(user_id))
        .filter(api_tokens::revoke_time.is_null())
        .set(api_tokens::revoke_time.eq(now.into_sql::<Timestamptz>().nullable()))
        .execute(conn)
        .await?;
    let bindings = diesel::delete(role_bindings::table)
        .filter(role_bindings::organization_id.eq(organization_id))
        .filter(role_bindings::subject_kind.eq("USER"))
        .filter(role_bindings::subject_id.eq(user_id))
        .execute(conn)
        .await?;
    let memberships = diesel::delete(business_unit_members::table)
        .filter(business_unit_members::organization_id.eq(organization_id))
        .filter(business_unit_members::user_id.eq(user_id))
        .execute(conn)
        .await?;
    let groups = diesel::delete(group_members::table)
        .filter(group_members::organization_id.eq(organization_id))
        .filter(group_members::user_id.eq(user_id))
        .execute(conn)
        .await?;
    let teams = diesel::delete(team_members::table)
        .filter(team_members::organization_id.eq(organization_id))
        .filter(team_members::user_id.eq(user_id))
        .execute(conn)
        .await?;
    // The account at the provider may come in again, as somebody new.
    diesel::delete(external_identities::table)
        .filter(external_identities::organization_id.eq(organization_id))
        .filter(external_identities::user_id.eq(user_id))
        .execute(conn)
        .await?;
    let user = diesel::update(users::table)
        .filter(users::organization_id.eq(organization_id))
        .filter(users::id.eq(user_id))
        .set((
            users::active.eq(false),
            users::password_hash.eq(None::<String>),
            users::active_business_unit_id.eq(None::<Uuid>),
            users::delete_time.eq(now.into_sql::<Timestamptz>().nullable()),
            users::revision.eq(users::revision + 1),
            users::update_time.eq(now),
        ))
        .returning(UserRow::as_returning())
        .get_result(conn)
        .await?;
    Ok(Removed { user, sessions, tokens, bindings, memberships, groups, teams })
}
