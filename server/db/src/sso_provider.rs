//! Who may vouch for the people of an organization.

use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::sso_providers;

/// A provider.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = sso_providers)]
pub struct SsoProviderRow {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub slug: String,
    pub kind: String,
    pub display_name: String,
    pub issuer: String,
    pub client_id: String,
    /// Sealed; `None` for a client without one.
    pub client_secret: Option<Vec<u8>>,
    pub scopes: Vec<String>,
    pub email_domains: Vec<String>,
    pub active: bool,
    pub creator: String,
    pub revision: i64,
    pub create_time: DateTime<Utc>,
    pub update_time: DateTime<Utc>,
}

/// What an update can change of a provider, whole: `None` empties a column.
#[derive(Debug, AsChangeset, Insertable)]
#[diesel(table_name = sso_providers, treat_none_as_null = true)]
pub struct SsoProviderContent<'a> {
    pub display_name: &'a str,
    pub issuer: &'a str,
    pub client_id: &'a str,
    pub client_secret: Option<&'a [u8]>,
    pub scopes: &'a [String],
    pub email_domains: &'a [String],
    pub active: bool,
}

/// A provider to make.
#[derive(Debug, Insertable)]
#[diesel(table_name = sso_providers)]
pub struct NewSsoProvider<'a> {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub slug: &'a str,
    pub kind: &'a str,
    #[diesel(embed)]
    pub content: SsoProviderContent<'a>,
    pub creator: &'a str,
}

/// Makes a provider. `None` where the organization has one of that id.
pub async fn insert(conn: &mut Connection, provider: NewSsoProvider<'_>) -> Result<Option<SsoProviderRow>, Error> {
    Ok(diesel::insert_into(sso_providers::table)
        .values(provider)
        .on_conflict((sso_providers::organization_id, sso_providers::slug))
        .do_nothing()
        .returning(SsoProviderRow::as_returning())
        .get_result(conn)
        .await
        .optional()?)
}

/// The provider of an id.
pub async fn find(mut conn: &Connection, organization_id: Uuid, slug: &str) -> Result<Option<SsoProviderRow>, Error> {
    Ok(sso_providers::table
        .filter(sso_providers::organization_id.eq(organization_id))
        .filter(sso_providers::slug.eq(slug))
        .select(SsoProviderRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// The provider of a row id.
pub async fn get(mut conn: &Connection, organization_id: Uuid, id: Uuid) -> Result<Option<SsoProviderRow>, Error> {
    Ok(sso_providers::table
        .filter(sso_providers::organization_id.eq(organization_id))
        .filter(sso_providers::id.eq(id))
        .select(SsoProviderRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// The providers through which people come in, by id.
pub async fn active(mut conn: &Connection, organization_id: Uuid) -> Result<Vec<SsoProviderRow>, Error> {
    Ok(sso_providers::table
        .filter(sso_providers::organization_id.eq(organization_id))
        .filter(sso_providers::active)
        .order(sso_providers::slug)
        .select(SsoProviderRow::as_select())
        .load(&mut conn)
        .await?)
}

/// Locks the provider of an id, to change it.
pub async fn lock(conn: &mut Connection, organization_id: Uuid, slug: &str) -> Result<Option<SsoProviderRow>, Error> {
    Ok(sso_providers::table
        .filter(sso_providers::organization_id.eq(organization_id))
        .filter(sso_providers::slug.eq(slug))
        .select(SsoProviderRow::as_select())
        .for_update()
        .first(conn)
        .await
        .optional()?)
}

/// Gives a locked provider new content. The row's revision rises, and with it its etag.
pub async fn update(
    conn: &mut Connection,
    provider: &SsoProviderRow,
    content: &SsoProviderContent<'_>,
) -> Result<SsoProviderRow, Error> {
    Ok(diesel::update(sso_providers::table.find(provider.id))
        .filter(sso_providers::organization_id.eq(provider.organization_id))
        .set((content, sso_providers::revision.eq(sso_providers::revision + 1), sso_providers::update_time.eq(now)))
        .returning(SsoProviderRow::as_returning())
        .get_result(conn)
        .await?)
}

/// Deletes a locked provider, and with it the logins that are under way through it. Its sessions stay.
pub async fn delete(conn: &mut Connection, provider: &SsoProviderRow) -> Result<(), Error> {
    diesel::delete(sso_providers::table.find(provider.id))
        .filter(sso_providers::organization_id.eq(provider.organization_id))
        .execute(conn)
        .await?;
    Ok(())
}
