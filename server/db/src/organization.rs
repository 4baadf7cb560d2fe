//! Organizations. A deleted one stays as a row, for its audit; nothing here finds it, except by row id.

use chrono::{DateTime, Utc};
use diesel::dsl::{exists, now, sql};
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::{business_units, deployments, invitations, organizations, users};

diesel::define_sql_function! {
    fn lower(text: diesel::sql_types::Text) -> diesel::sql_types::Text;
}

/// An organization.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = organizations)]
pub struct OrganizationRow {
    pub id: Uuid,
    pub slug: String,
    pub display_name: String,
    pub active: bool,
    pub is_default: bool,
    pub settings: Value,
    pub revision: i64,
    pub create_time: DateTime<Utc>,
    pub update_time: DateTime<Utc>,
    pub description: String,
    pub logo_url: String,
    pub onboarding: Value,
    pub creator: String,
}

/// An organization to make.
#[derive(Debug, Insertable)]
#[diesel(table_name = organizations)]
pub struct NewOrganization<'a> {
    pub id: Uuid,
    pub slug: &'a str,
    pub display_name: &'a str,
    pub description: &'a str,
    pub logo_url: &'a str,
    pub creator: &'a str,
}

/// What changes of an organization; `None` stays as it is.
#[derive(Debug, Default, AsChangeset)]
#[diesel(table_name = organizations)]
pub struct OrganizationChange<'a> {
    pub display_name: Option<&'a str>,
    pub description: Option<&'a str>,
    pub logo_url: Option<&'a str>,
    pub active: Option<bool>,
    pub settings: Option<&'a Value>,
    pub onboarding: Option<&'a Value>,
}

/// The first invitation of an organization, whose creator is none of its people.
#[derive(Debug)]
pub struct FirstInvitation<'a> {
    pub id: Uuid,
    pub organization_id: Uuid,
    /// In lower case.
    pub email: &'a str,
    pub role_id: Uuid,
    pub token_sha256: &'a [u8],
    pub creator: &'a str,
}

/// What of an organization's first run is there.
#[derive(Clone, Copy, Debug)]
pub struct FirstRun {
    pub has_business_unit: bool,
    /// Somebody of the organization invited somebody, or there is more than one user.
    pub has_company: bool,
    pub has_runner: bool,
    pub has_deployment: bool,
}

/// The organization of everybody who names none. `None` before the first start.
pub async fn default(mut conn: &Connection) -> Result<Option<OrganizationRow>, Error> {
    Ok(organizations::table
        .filter(organizations::is_default)
        .select(OrganizationRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// An organization, by row id.
pub async fn find(mut conn: &Connection, id: Uuid) -> Result<OrganizationRow, Error> {
    Ok(organizations::table.find(id).select(OrganizationRow::as_select()).first(&mut conn).await?)
}

/// The organization of an id, if it is active: of no id, the default one.
pub async fn active_of_hint(mut conn: &Connection, slug: &str) -> Result<Option<OrganizationRow>, Error> {
    let mut query =
        organizations::table.filter(organizations::active).select(OrganizationRow::as_select()).into_boxed();
    query = match slug {
        "" => query.filter(organizations::is_default),
        slug => query.filter(organizations::slug.eq(slug)),
    };
    Ok(query.first(&mut conn).await.optional()?)
}

/// An organization, by id.
pub async fn by_slug(mut conn: &Connection, slug: &str) -> Result<Option<OrganizationRow>, Error> {
    Ok(organizations::table
        .filter(organizations::slug.eq(slug))
        .filter(organizations::delete_time.is_null())
        .select(OrganizationRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// Locks an organization, by id, to change it.
pub async fn lock(conn: &mut Connection, slug: &str) -> Result<Option<OrganizationRow>, Error> {
    Ok(organizations::table
        .filter(organizations::slug.eq(slug))
        .filter(organizations::delete_time.is_null())
        .select(OrganizationRow::as_select())
        .for_update()
        .first(conn)
        .await
        .optional()?)
}

/// Locks an organization, by row id, to change it.
pub async fn lock_own(conn: &mut Connection, id: Uuid) -> Result<OrganizationRow, Error> {
    Ok(organizations::table.find(id).select(OrganizationRow::as_select()).for_update().first(conn).await?)
}

/// Whether another organization has this display name, ignoring case.
pub async fn is_called(mut conn: &Connection, display_name: &str, but: Uuid) -> Result<bool, Error> {
    Ok(diesel::select(exists(
        organizations::table
            .filter(lower(organizations::display_name).eq(lower(display_name)))
            .filter(organizations::delete_time.is_null())
            .filter(organizations::id.ne(but)),
    ))
    .get_result(&mut conn)
    .await?)
}

/// Every organization, oldest first.
pub async fn all(mut conn: &Connection) -> Result<Vec<OrganizationRow>, Error> {
    Ok(organizations::table
        .filter(organizations::delete_time.is_null())
        .order((organizations::create_time, organizations::id))
        .select(OrganizationRow::as_select())
        .load(&mut conn)
        .await?)
}

/// How many organizations there are.
pub async fn count(mut conn: &Connection) -> Result<i64, Error> {
    Ok(organizations::table.filter(organizations::delete_time.is_null()).count().get_result(&mut conn).await?)
}

/// Makes the default organization.
pub async fn insert_default(conn: &mut Connection, slug: &str, display_name: &str) -> Result<OrganizationRow, Error> {
    Ok(diesel::insert_into(organizations::table)
        .values((
            organizations::id.eq(Uuid::now_v7()),
            organizations::slug.eq(slug),
            organizations::display_name.eq(display_name),
            organizations::is_default.eq(true),
        ))
        .returning(OrganizationRow::as_returning())
        .get_result(conn)
        .await?)
}

/// Makes an organization.
pub async fn insert(conn: &mut Connection, organization: &NewOrganization<'_>) -> Result<OrganizationRow, Error> {
    Ok(diesel::insert_into(organizations::table)
        .values(organization)
        .returning(OrganizationRow::as_returning())
        .get_result(conn)
        .await?)
}

/// Changes an organization.
pub async fn update(
    conn: &mut Connection,
    id: Uuid,
    change: &OrganizationChange<'_>,
) -> Result<OrganizationRow, Error> {
    Ok(diesel::update(organizations::table.find(id))
        .set((change, organizations::revision.eq(organizations::revision + 1), organizations::update_time.eq(now)))
        .returning(OrganizationRow::as_returning())
        .get_result(conn)
        .await?)
}

/// How many users an organization has; those that were deleted do not count.
pub async fn users(mut conn: &Connection, id: Uuid) -> Result<i64, Error> {
    Ok(users::table
        .filter(users::organization_id.eq(id))
        .filter(users::delete_time.is_null())
        .count()
        .get_result(&mut conn)
        .await?)
}

/// Deletes an organization, which is locked, and ends its pending invitations. Answers with how many these were.
pub async fn delete(conn: &mut Connection, id: Uuid) -> Result<usize, Error> {
    let revoked = diesel::update(invitations::table)
        .filter(invitations::organization_id.eq(id))
        .filter(invitations::state.eq("PENDING"))
        .set((
            invitations::state.eq("REVOKED"),
            invitations::revision.eq(invitations::revision + 1),
            invitations::update_time.eq(now),
        ))
        .execute(conn)
        .await?;
    diesel::update(organizations::table.find(id))
        .set((
            organizations::active.eq(false),
            organizations::delete_time.eq(now),
            organizations::revision.eq(organizations::revision + 1),
            organizations::update_time.eq(now),
        ))
        .execute(conn)
        .await?;
    Ok(revoked)
}

/// Invites the first administrator for 7 days. Answers with the end.
pub async fn invite_first(conn: &mut Connection, invitation: &FirstInvitation<'_>) -> Result<DateTime<Utc>, Error> {
    Ok(diesel::insert_into(invitations::table)
        .values((
            invitations::id.eq(invitation.id),
            invitations::organization_id.eq(invitation.organization_id),
            invitations::email.eq(invitation.email),
            invitations::role_id.eq(invitation.role_id),
            invitations::token_sha256.eq(invitation.token_sha256),
            invitations::state.eq("PENDING"),
            invitations::expire_time.eq(sql::<Timestamptz>("now() + interval '7 days'")),
            invitations::creator.eq(invitation.creator),
        ))
        .returning(invitations::expire_time)
        .get_result(conn)
        .await?)
}

/// What of an organization's first run is there.
pub async fn first_run(conn: &Connection, id: Uuid) -> Result<FirstRun, Error> {
    let (mut first, mut second, mut third, mut fourth) = (conn, conn, conn, conn);
    let unit = diesel::select(exists(
        business_units::table
            .filter(business_units::organization_id.eq(id))
            .filter(business_units::delete_time.is_null()),
    ))
    .get_result::<bool>(&mut first);
    let invited = diesel::select(exists(
        invitations::table.filter(invitations::organization_id.eq(id)).filter(invitations::creator.ne("system")),
    ))
    .get_result::<bool>(&mut second);
    let people = users::table
        .filter(users::organization_id.eq(id))
        .filter(users::delete_time.is_null())
        .limit(2)
        .select(users::id)
        .load::<Uuid>(&mut third);
    let deployment = diesel::select(exists(
        deployments::table.filter(deployments::organization_id.eq(id)).filter(deployments::provisioned),
    ))
    .get_result::<bool>(&mut fourth);
    let (has_business_unit, invited, people, has_deployment) = futures::try_join!(unit, invited, people, deployment)?;
    Ok(FirstRun {
        has_business_unit,
        has_company: invited || people.len() > 1,
        has_runner: crate::runner::any_online(conn, id, &serde_json::json!({})).await?,
        has_deployment,
    })
}
