//! Templates and their versions.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::{template_versions, templates};

/// A template.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = templates)]
pub struct TemplateRow {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub slug: String,
    pub display_name: String,
    pub description: String,
    pub author: String,
    pub category: String,
    pub kind: String,
    pub provider: String,
    pub icon: String,
    pub recommended: bool,
    pub guide: String,
    pub locked: bool,
    pub latest_version_id: Option<Uuid>,
    pub estimated_duration_seconds: i32,
    pub creator: String,
    pub revision: i64,
    pub create_time: DateTime<Utc>,
    pub update_time: DateTime<Utc>,
}

/// A version of a template. Its artifact is stored apart.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = template_versions)]
pub struct TemplateVersionRow {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub template_id: Uuid,
    pub version: String,
    /// The version as a text whose byte order is the order of versions.
    pub sort_key: String,
    pub engine: String,
    pub manifest: Value,
    pub input_schema: Value,
    pub output_schema: Value,
    pub entrypoint: String,
    pub artifact_sha256: Vec<u8>,
    pub artifact_size: i64,
    pub soft_timeout_seconds: i32,
    pub hard_timeout_seconds: i32,
    pub state: String,
    pub creator: String,
    pub create_time: DateTime<Utc>,
}

/// The two segments of a version's name.
#[derive(Clone, Debug, Queryable)]
pub struct VersionName {
    /// Row id of the version.
    pub id: Uuid,
    /// Id of the template.
    pub template: String,
    pub version: String,
}

/// The template of an id.
pub async fn find(mut conn: &Connection, organization_id: Uuid, slug: &str) -> Result<Option<TemplateRow>, Error> {
    Ok(templates::table
        .filter(templates::organization_id.eq(organization_id))
        .filter(templates::slug.eq(slug))
        .select(TemplateRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// The template of a row id.
pub async fn get(mut conn: &Connection, organization_id: Uuid, id: Uuid) -> Result<Option<TemplateRow>, Error> {
    Ok(templates::table
        .filter(templates::organization_id.eq(organization_id))
        .filter(templates::id.eq(id))
        .select(TemplateRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// A version of a template, by its number such as `1.2.3`.
pub async fn version(
    mut conn: &Connection,
    organization_id: Uuid,
    template_id: Uuid,
    version: &str,
) -> Result<Option<TemplateVersionRow>, Error> {
    Ok(template_versions::table
        .filter(template_versions::organization_id.eq(organization_id))
        .filter(template_versions::template_id.eq(template_id))
        .filter(template_versions::version.eq(version))
        .select(TemplateVersionRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// A version of the template of an id, by its number: both in one look-up.
pub async fn find_version(
    mut conn: &Connection,
    organization_id: Uuid,
    slug: &str,
    version: &str,
) -> Result<Option<TemplateVersionRow>, Error> {
    Ok(template_versions::table
        .inner_join(templates::table.on(templates::id.eq(template_versions::template_id)))
        .filter(template_versions::organization_id.eq(organization_id))
        .filter(templates::organization_id.eq(organization_id))
        .filter(templates::slug.eq(slug))
        .filter(template_versions::version.eq(version))
        .select(TemplateVersionRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// The version of a row id.
pub async fn version_by_id(
    mut conn: &Connection,
    organization_id: Uuid,
    id: Uuid,
) -> Result<Option<TemplateVersionRow>, Error> {
    Ok(template_versions::table
        .filter(template_versions::organization_id.eq(organization_id))
        .filter(template_versions::id.eq(id))
        .select(TemplateVersionRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// Names of versions by their row ids, in no order.
pub async fn version_names(
    mut conn: &Connection,
    organization_id: Uuid,
    ids: &[Uuid],
) -> Result<Vec<VersionName>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(template_versions::table
        .inner_join(templates::table.on(templates::id.eq(template_versions::template_id)))
        .filter(template_versions::organization_id.eq(organization_id))
        .filter(templates::organization_id.eq(organization_id))
        .filter(template_versions::id.eq_any(ids))
        .select((template_versions::id, templates::slug, template_versions::version))
        .load(&mut conn)
        .await?)
}
