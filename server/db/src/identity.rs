//! Who a credential stands for and what that person may do: what the server compiles and keeps in memory.

use chrono::{DateTime, Utc};
use diesel::dsl::{exists, now};
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::grants::{self, Given};
use crate::schema::{business_units, organizations, runners, sessions, teams, users};

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
    pub email: String,
    pub active: bool,
    pub must_change_password: bool,
}

/// A person and everything given to them.
#[derive(Clone, Debug)]
pub struct Person {
    pub organization_active: bool,
    /// Read before the rest: what was read is at least as new.
    pub epoch: i64,
    /// The settings of the organization: some switch rights off.
    pub settings: Value,
    pub person: PersonRow,
    pub given: Given,
}

/// Loads a person with bindings, groups, teams and memberships. `None` where there is none of that id.
pub async fn person(mut conn: &Connection, organization_id: Uuid, user_id: Uuid) -> Result<Option<Person>, Error> {
    let found: Option<(bool, i64, Value, PersonRow)> = users::table
        .inner_join(organizations::table)
        .filter(users::organization_id.eq(organization_id))
        .filter(users::id.eq(user_id))
        .select((organizations::active, organizations::grants_epoch, organizations::settings, PersonRow::as_select()))
        .first(&mut conn)
        .await
        .optional()?;
    let Some((organization_active, epoch, settings, person)) = found else { return Ok(None) };
    let given = grants::of(conn, organization_id, &[user_id]).await?;
    Ok(Some(Person { organization_active, epoch, settings, person, given }))
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
    /// Of a unit that was deleted: history names it.
    pub delete_time: Option<DateTime<Utc>>,
}

/// Every unit of an organization that is or was, oldest first.
pub async fn units(mut conn: &Connection, organization_id: Uuid) -> Result<Vec<UnitRow>, Error> {
    Ok(business_units::table
        .filter(business_units::organization_id.eq(organization_id))
        .order((business_units::create_time, business_units::id))
        .select(UnitRow::as_select())
        .load(&mut conn)
        .await?)
}

/// Id and slug of every team of an organization.
pub async fn teams(mut conn: &Connection, organization_id: Uuid) -> Result<Vec<(Uuid, String)>, Error> {
    Ok(teams::table
        .filter(teams::organization_id.eq(organization_id))
        .select((teams::id, teams::slug))
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

/// The runner of a token's hash. `None` where no runner has it, the runner was rejected or removed, or the one organization
/// that it serves is not active.
pub async fn runner(mut conn: &Connection, token_sha256: &[u8]) -> Result<Option<RunnerCallerRow>, Error> {
    Ok(runners::table
        .filter(runners::token_sha256.eq(token_sha256))
        .filter(runners::adoption.ne_all(["REJECTED", "REMOVED"]))
        .filter(
            runners::organization_id.is_null().or(exists(
                organizations::table
                    .filter(organizations::id.nullable().eq(runners::organization_id))
                    .filter(organizations::active),
            )),
        )
        .select(RunnerCallerRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// Whether a runner may still come in.
pub async fn runner_stands(mut conn: &Connection, runner_id: Uuid) -> Result<bool, Error> {
    let found: Option<(String, Option<bool>)> = runners::table
        .left_join(organizations::table.on(organizations::id.nullable().eq(runners::organization_id)))
        .filter(runners::id.eq(runner_id))
        .select((runners::adoption, organizations::active.nullable()))
        .first(&mut conn)
        .await
        .optional()?;
    Ok(found.is_some_and(|(adoption, organization_active)| {
        // A runner of the whole installation has no organization.
        adoption != "REJECTED" && adoption != "REMOVED" && organization_active != Some(false)
    }))
}
