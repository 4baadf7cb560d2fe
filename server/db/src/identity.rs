//! Who a credential stands for and what that person may do: what the server compiles and keeps in memory.

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
    business_unit_members, business_units, organizations, role_bindings, roles, runners, sessions, users,
};

/// Whether a session still stands, and which grants count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The organization and the user are active; the session was neither revoked nor has it expired.
    pub live: bool,
    /// The epoch of the organization's grants: compiled grants of another epoch are of no use.
    pub epoch: i64,
}

/// What a caller's rights rest on, in one indexed query. `None` where there is no such session.
pub async fn standing(
    mut conn: &Connection,
    organization_id: Uuid,
    session_id: Uuid,
    user_id: Uuid,
) -> Result<Option<Standing>, Error> {
    let found: Option<(i64, bool)> = sessions::table
        .inner_join(organizations::table.on(organizations::id.eq(sessions::organization_id)))
        .inner_join(
            users::table.on(users::organization_id.eq(sessions::organization_id).and(users::id.eq(sessions::user_id))),
        )
        .filter(sessions::id.eq(session_id))
        .filter(sessions::organization_id.eq(organization_id))
        .filter(sessions::user_id.eq(user_id))
        .select((
            organizations::grants_epoch,
            organizations::active
                .and(users::active)
                .and(sessions::revoke_time.is_null())
                .and(sessions::expire_time.gt(now.into_sql::<Timestamptz>())),
        ))
        .first(&mut conn)
        .await
        .optional()?;
    Ok(found.map(|(epoch, live)| Standing { live, epoch }))
}

/// The epoch of an organization's grants. `None` where there is no such organization.
pub async fn epoch(mut conn: &Connection, organization_id: Uuid) -> Result<Option<i64>, Error> {
    let epoch = organizations::table.find(organization_id).select(organizations::grants_epoch).first(&mut conn).await;
    Ok(epoch.optional()?)
}

/// Raises the epoch: whoever changes units, roles, bindings, members or what a session's caller is does this in the
/// same transaction, so that every process judges by the new ones.
pub async fn raise_epoch(conn: &mut Connection, organization_id: Uuid) -> Result<(), Error> {
    diesel::update(organizations::table.find(organization_id))
        .set(organizations::grants_epoch.eq(organizations::grants_epoch + 1))
        .execute(conn)
        .await?;
    Ok(())
}

/// A person, as a caller.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = users)]
pub struct PersonRow {
    pub id: Uuid,
    pub username: String,
    pub active: bool,
    pub must_change_password: bool,
}

/// A role given to a person: bound, or by membership in a unit.
#[derive(Clone, Debug, Queryable)]
pub struct GrantRow {
    pub role: String,
    pub permissions: Vec<String>,
    pub restriction: String,
    /// `None` for the whole organization.
    pub business_unit_id: Option<Uuid>,
    pub effect: String,
    pub condition: Option<String>,
    pub expire_time: Option<DateTime<Utc>>,
}

/// A person and everything given to them.
#[derive(Clone, Debug)]
pub struct Person {
    pub organization_active: bool,
    /// Read before the rest: what was read is at least as new.
    pub epoch: i64,
    pub person: PersonRow,
    pub grants: Vec<GrantRow>,
}

/// Loads a person with bindings and memberships. `None` where there is none of that id.
pub async fn person(mut conn: &Connection, organization_id: Uuid, user_id: Uuid) -> Result<Option<Person>, Error> {
    let found: Option<(bool, i64, PersonRow)> = users::table
        .inner_join(organizations::table)
        .filter(users::organization_id.eq(organization_id))
        .filter(users::id.eq(user_id))
        .select((organizations::active, organizations::grants_epoch, PersonRow::as_select()))
        .first(&mut conn)
        .await
        .optional()?;
    let Some((organization_active, epoch, person)) = found else { return Ok(None) };
    let (mut first, mut second) = (conn, conn);
    let bound = role_bindings::table
        .inner_join(
            roles::table.on(role_bindings::role_id.eq(roles::id).and(roles::organization_id.eq(organization_id))),
        )
        .filter(role_bindings::organization_id.eq(organization_id))
        .filter(role_bindings::subject_kind.eq("USER"))
        .filter(role_bindings::subject_id.eq(user_id))
        .select((
            roles::slug,
            roles::permissions,
            roles::restriction,
            role_bindings::business_unit_id,
            role_bindings::effect,
            role_bindings::condition,
            role_bindings::expire_time,
        ))
        .load::<GrantRow>(&mut first);
    let member = business_unit_members::table
        .inner_join(
            roles::table
                .on(business_unit_members::role_id.eq(roles::id).and(roles::organization_id.eq(organization_id))),
        )
        .filter(business_unit_members::organization_id.eq(organization_id))
        .filter(business_unit_members::user_id.eq(user_id))
        .select((roles::slug, roles::permissions, roles::restriction, business_unit_members::business_unit_id))
        .load::<(String, Vec<String>, String, Uuid)>(&mut second);
    let (mut grants, members) = try_join!(bound, member)?;
    grants.extend(members.into_iter().map(|(role, permissions, restriction, unit)| GrantRow {
        role,
        permissions,
        restriction,
        business_unit_id: Some(unit),
        effect: "ALLOW".to_owned(),
        condition: None,
        expire_time: None,
    }));
    Ok(Some(Person { organization_active, epoch, person, grants }))
}

/// A business unit, as names need it.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = business_units)]
pub struct UnitRow {
    pub id: Uuid,
    pub slug: String,
    pub code: String,
    pub owner_id: Option<Uuid>,
    pub active: bool,
}

/// Every unit of an organization, oldest first.
pub async fn units(mut conn: &Connection, organization_id: Uuid) -> Result<Vec<UnitRow>, Error> {
    Ok(business_units::table
        .filter(business_units::organization_id.eq(organization_id))
        .order((business_units::create_time, business_units::id))
        .select(UnitRow::as_select())
        .load(&mut conn)
        .await?)
}

/// A runner, as a caller.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = runners)]
pub struct RunnerCallerRow {
    pub id: Uuid,
    pub slug: String,
    pub organization_id: Option<Uuid>,
    pub adoption: String,
}

/// The runner of a token's hash. `None` where no runner has it, or the runner was rejected or removed.
pub async fn runner(mut conn: &Connection, token_sha256: &[u8]) -> Result<Option<RunnerCallerRow>, Error> {
    Ok(runners::table
        .filter(runners::token_sha256.eq(token_sha256))
        .filter(runners::adoption.ne_all(["REJECTED", "REMOVED"]))
        .select(RunnerCallerRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// Whether a runner may still come in.
pub async fn runner_stands(mut conn: &Connection, runner_id: Uuid) -> Result<bool, Error> {
    let adoption: Option<String> =
        runners::table.find(runner_id).select(runners::adoption).first(&mut conn).await.optional()?;
    Ok(adoption.is_some_and(|adoption| adoption != "REJECTED" && adoption != "REMOVED"))
}
