//! People: their accounts, and who an identifier may mean at a login.
//!
//! A deleted account stays as a row, inactive, because requests, deployments and the audit name it. Whoever looks for a
//! person of now asks for accounts without `delete_time`.

mod belongings;
mod removal;
mod search;

pub use belongings::{GrantOf, GroupOf, MembershipOf, TeamOf, grants_of, groups_of, memberships_of, teams_of};
pub use removal::{Removed, owned_units, remove};
pub use search::{RoleCount, Stats, lookup, stats};

use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::{business_unit_members, organizations, role_bindings, roles, users};

/// An account.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = users)]
pub struct UserRow {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub username: String,
    pub email: String,
    pub full_name: String,
    pub active: bool,
    pub must_change_password: bool,
    /// In PHC form; `None` for whoever comes in by another way.
    pub password_hash: Option<String>,
    pub active_business_unit_id: Option<Uuid>,
    pub creator: String,
    pub revision: i64,
    pub create_time: DateTime<Utc>,
    pub update_time: DateTime<Utc>,
    /// What the person's clients keep.
    pub preferences: Value,
    pub delete_time: Option<DateTime<Utc>>,
}

/// What an administrator changes of an account.
#[derive(Debug, AsChangeset)]
#[diesel(table_name = users)]
pub struct UserContent<'a> {
    /// In lower case.
    pub email: &'a str,
    pub full_name: &'a str,
    pub active: bool,
}

/// An account to make.
#[derive(Debug, Insertable)]
#[diesel(table_name = users)]
pub struct NewUser<'a> {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub username: &'a str,
    /// In lower case.
    pub email: &'a str,
    pub full_name: &'a str,
    pub must_change_password: bool,
    pub password_hash: Option<&'a str>,
    pub creator: &'a str,
}

/// Someone whom an identifier may mean.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub user: UserRow,
    /// Id of the organization, as people write it.
    pub organization: String,
    /// Whether the account and its organization are active.
    pub active: bool,
}

/// Whom an identifier (username, or e-mail address in lower case) means, in one organization or in all of them, oldest
/// first. At most `limit`.
pub async fn candidates(
    mut conn: &Connection,
    identifier: &str,
    organization: Option<&str>,
    limit: i64,
) -> Result<Vec<Candidate>, Error> {
    let mut query = users::table
        .inner_join(organizations::table)
        .filter(users::username.eq(identifier).or(users::email.eq(identifier)))
        .filter(users::delete_time.is_null())
        .order((users::create_time, users::id))
        .limit(limit)
        .select((UserRow::as_select(), organizations::slug, organizations::active))
        .into_boxed();
    if let Some(organization) = organization {
        query = query.filter(organizations::slug.eq(organization));
    }
    let found: Vec<(UserRow, String, bool)> = query.load(&mut conn).await?;
    Ok(found
        .into_iter()
        .map(|(user, organization, active)| Candidate { active: active && user.active, user, organization })
        .collect())
}

/// An account of an organization.
pub async fn find(mut conn: &Connection, organization_id: Uuid, id: Uuid) -> Result<UserRow, Error> {
    Ok(users::table
        .filter(users::organization_id.eq(organization_id))
        .filter(users::id.eq(id))
        .select(UserRow::as_select())
        .first(&mut conn)
        .await?)
}

/// The account that has this username, unless it was deleted.
pub async fn by_username(
    mut conn: &Connection,
    organization_id: Uuid,
    username: &str,
) -> Result<Option<UserRow>, Error> {
    Ok(users::table
        .filter(users::organization_id.eq(organization_id))
        .filter(users::username.eq(username))
        .filter(users::delete_time.is_null())
        .select(UserRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// The account that has this address, in lower case, unless it was deleted.
pub async fn by_email(mut conn: &Connection, organization_id: Uuid, email: &str) -> Result<Option<UserRow>, Error> {
    Ok(users::table
        .filter(users::organization_id.eq(organization_id))
        .filter(users::email.eq(email))
        .filter(users::delete_time.is_null())
        .select(UserRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// Usernames of accounts, deleted ones too, by row id.
pub async fn usernames(
    mut conn: &Connection,
    organization_id: Uuid,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, String)>, Error> {
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

/// Usernames that begin like this one and may be in its way, those of deleted accounts included.
pub async fn usernames_like(mut conn: &Connection, organization_id: Uuid, base: &str) -> Result<Vec<String>, Error> {
    // `_` stands for any letter in a pattern: what comes too much is in nobody's way.
    Ok(users::table
        .filter(users::organization_id.eq(organization_id))
        .filter(users::username.like(format!("{base}%")))
        .select(users::username)
        .load(&mut conn)
        .await?)
}

/// An account, kept from changing until the transaction ends.
pub async fn lock(conn: &mut Connection, organization_id: Uuid, id: Uuid) -> Result<UserRow, Error> {
    Ok(users::table
        .filter(users::organization_id.eq(organization_id))
        .filter(users::id.eq(id))
        .select(UserRow::as_select())
        .for_update()
        .first(conn)
        .await?)
}

/// Makes an account.
pub async fn insert(conn: &mut Connection, user: &NewUser<'_>) -> Result<UserRow, Error> {
    Ok(diesel::insert_into(users::table).values(user).returning(UserRow::as_returning()).get_result(conn).await?)
}

/// Makes an account unless its username is taken. An address that is taken is an error.
pub async fn insert_if_free(conn: &mut Connection, user: &NewUser<'_>) -> Result<Option<UserRow>, Error> {
    Ok(diesel::insert_into(users::table)
        .values(user)
        .on_conflict((users::organization_id, users::username))
        .do_nothing()
        .returning(UserRow::as_returning())
        .get_result(conn)
        .await
        .optional()?)
}

/// Changes what an administrator may change.
pub async fn update(conn: &mut Connection, user: &UserRow, content: &UserContent<'_>) -> Result<UserRow, Error> {
    Ok(diesel::update(users::table)
        .filter(users::organization_id.eq(user.organization_id))
        .filter(users::id.eq(user.id))
        .set((content, users::revision.eq(users::revision + 1), users::update_time.eq(now)))
        .returning(UserRow::as_returning())
        .get_result(conn)
        .await?)
}

/// Changes what people may change of themselves.
pub async fn update_profile(
    conn: &mut Connection,
    user: &UserRow,
    full_name: &str,
    preferences: &Value,
) -> Result<UserRow, Error> {
    Ok(diesel::update(users::table)
        .filter(users::organization_id.eq(user.organization_id))
        .filter(users::id.eq(user.id))
        .set((
            users::full_name.eq(full_name),
            users::preferences.eq(preferences),
            users::revision.eq(users::revision + 1),
            users::update_time.eq(now),
        ))
        .returning(UserRow::as_returning())
        .get_result(conn)
        .await?)
}

/// Sets a password that somebody else chose: its owner has to change it.
pub async fn give_password(conn: &mut Connection, user: &UserRow, password_hash: &str) -> Result<UserRow, Error> {
    Ok(diesel::update(users::table)
        .filter(users::organization_id.eq(user.organization_id))
        .filter(users::id.eq(user.id))
        .set((
            users::password_hash.eq(password_hash),
            users::must_change_password.eq(true),
            users::revision.eq(users::revision + 1),
            users::update_time.eq(now),
        ))
        .returning(UserRow::as_returning())
        .get_result(conn)
        .await?)
}

/// The account with an e-mail address, kept from changing until the transaction ends.
pub async fn lock_by_email(
    conn: &mut Connection,
    organization_id: Uuid,
    email: &str,
) -> Result<Option<UserRow>, Error> {
    Ok(users::table
        .filter(users::organization_id.eq(organization_id))
        .filter(users::email.eq(email))
        .filter(users::delete_time.is_null())
        .select(UserRow::as_select())
        .for_update()
        .first(conn)
        .await
        .optional()?)
}

/// Sets a password that its owner chose.
pub async fn set_password(conn: &mut Connection, user: &UserRow, password_hash: &str) -> Result<UserRow, Error> {
    Ok(diesel::update(users::table)
        .filter(users::organization_id.eq(user.organization_id))
        .filter(users::id.eq(user.id))
        .set((
            users::password_hash.eq(password_hash),
            users::must_change_password.eq(false),
            users::revision.eq(users::revision + 1),
            users::update_time.eq(now),
        ))
        .returning(UserRow::as_returning())
        .get_result(conn)
        .await?)
}

/// Sets the unit that clients fill in for a person.
pub async fn set_active_unit(conn: &mut Connection, user: &UserRow, unit_id: Option<Uuid>) -> Result<UserRow, Error> {
    Ok(diesel::update(users::table)
        .filter(users::organization_id.eq(user.organization_id))
        .filter(users::id.eq(user.id))
        .set((
            users::active_business_unit_id.eq(unit_id),
            users::revision.eq(users::revision + 1),
            users::update_time.eq(now),
        ))
        .returning(UserRow::as_returning())
        .get_result(conn)
        .await?)
}

/// A user's units with the role in each, as (unit, role id), by unit.
pub async fn memberships(
    mut conn: &Connection,
    organization_id: Uuid,
    user_id: Uuid,
) -> Result<Vec<(Uuid, String)>, Error> {
    Ok(business_unit_members::table
        .inner_join(
            roles::table
                .on(business_unit_members::role_id.eq(roles::id).and(roles::organization_id.eq(organization_id))),
        )
        .filter(business_unit_members::organization_id.eq(organization_id))
        .filter(business_unit_members::user_id.eq(user_id))
        .select((business_unit_members::business_unit_id, roles::slug))
        .load(&mut conn)
        .await?)
}

/// The roles that are bound to a user in the whole organization and have not expired, by id.
pub async fn organization_roles(
    mut conn: &Connection,
    organization_id: Uuid,
    user_id: Uuid,
) -> Result<Vec<String>, Error> {
    Ok(role_bindings::table
        .inner_join(
            roles::table.on(role_bindings::role_id.eq(roles::id).and(roles::organization_id.eq(organization_id))),
        )
        .filter(role_bindings::organization_id.eq(organization_id))
        .filter(role_bindings::subject_kind.eq("USER"))
        .filter(role_bindings::subject_id.eq(user_id))
        .filter(role_bindings::business_unit_id.is_null())
        .filter(role_bindings::effect.eq("ALLOW"))
        .filter(
            role_bindings::expire_time
                .is_null()
                .or(role_bindings::expire_time.gt(now.into_sql::<Timestamptz>().nullable())),
        )
        .order(roles::slug)
        .select(roles::slug)
        .distinct()
        .load(&mut conn)
        .await?)
}
