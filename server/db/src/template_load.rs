//! Storing templates that a start has read: a version once and for ever, what a template says of itself as of the newest.

use diesel::dsl::now;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::{artifacts, template_versions, templates};

/// What a template says of itself.
#[derive(Clone, Copy, Debug)]
pub struct TemplateContent<'a> {
    pub slug: &'a str,
    pub display_name: &'a str,
    pub description: &'a str,
    pub author: &'a str,
    pub category: &'a str,
    pub kind: &'a str,
    pub provider: &'a str,
    pub icon: &'a str,
    pub recommended: bool,
    pub guide: &'a str,
    pub estimated_duration_seconds: i32,
}

/// A version to store.
#[derive(Debug, Insertable)]
#[diesel(table_name = template_versions)]
pub struct NewVersion<'a> {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub template_id: Uuid,
    pub version: &'a str,
    /// Its byte order is the order of versions.
    pub sort_key: &'a str,
    pub engine: &'a str,
    pub manifest: &'a Value,
    pub input_schema: &'a Value,
    pub output_schema: &'a Value,
    pub entrypoint: &'a str,
    pub artifact_sha256: &'a [u8],
    pub artifact_size: i64,
    pub soft_timeout_seconds: i32,
    pub hard_timeout_seconds: i32,
    pub state: &'a str,
    pub creator: &'a str,
}

/// The packed files of a version. `None` where the version is not stored.
pub async fn stored(
    mut conn: &Connection,
    organization_id: Uuid,
    template: &str,
    version: &str,
) -> Result<Option<Vec<u8>>, Error> {
    Ok(template_versions::table
        .inner_join(
            templates::table.on(templates::id
                .eq(template_versions::template_id)
                .and(templates::organization_id.eq(template_versions::organization_id))),
        )
        .inner_join(
            artifacts::table.on(artifacts::organization_id
                .eq(template_versions::organization_id)
                .and(artifacts::sha256.eq(template_versions::artifact_sha256))),
        )
        .filter(template_versions::organization_id.eq(organization_id))
        .filter(templates::slug.eq(template))
        .filter(template_versions::version.eq(version))
        .select(artifacts::content)
        .first(&mut conn)
        .await
        .optional()?)
}

/// The row of a template, made where there is none.
pub async fn ensure(
    conn: &mut Connection,
    organization_id: Uuid,
    content: &TemplateContent<'_>,
    creator: &str,
) -> Result<Uuid, Error> {
    let known: Option<Uuid> = templates::table
        .filter(templates::organization_id.eq(organization_id))
        .filter(templates::slug.eq(content.slug))
        .select(templates::id)
        .for_update()
        .first(conn)
        .await
        .optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    Ok(diesel::insert_into(templates::table)
        .values((
            templates::id.eq(Uuid::now_v7()),
            templates::organization_id.eq(organization_id),
            templates::slug.eq(content.slug),
            templates::display_name.eq(content.display_name),
            templates::description.eq(content.description),
            templates::author.eq(content.author),
            templates::category.eq(content.category),
            templates::kind.eq(content.kind),
            templates::provider.eq(content.provider),
            templates::icon.eq(content.icon),
            templates::recommended.eq(content.recommended),
            templates::guide.eq(content.guide),
            templates::estimated_duration_seconds.eq(content.estimated_duration_seconds),
            templates::creator.eq(creator),
        ))
        .returning(templates::id)
        .get_result(conn)
        .await?)
}

/// Stores packed files, unless the organization has them already.
pub async fn insert_artifact(
    conn: &mut Connection,
    organization_id: Uuid,
    sha256: &[u8],
    content: &[u8],
) -> Result<(), Error> {
    diesel::insert_into(artifacts::table)
        .values((
            artifacts::organization_id.eq(organization_id),
            artifacts::sha256.eq(sha256),
            artifacts::content.eq(content),
        ))
        .on_conflict((artifacts::organization_id, artifacts::sha256))
        .do_nothing()
        .execute(conn)
        .await?;
    Ok(())
}

/// Stores a version. If it is the newest, the template becomes what it says. True where it is.
pub async fn insert_version(
    conn: &mut Connection,
    version: &NewVersion<'_>,
    content: &TemplateContent<'_>,
) -> Result<bool, Error> {
    diesel::insert_into(template_versions::table).values(version).execute(conn).await?;
    let newest: Uuid = template_versions::table
        .filter(template_versions::organization_id.eq(version.organization_id))
        .filter(template_versions::template_id.eq(version.template_id))
        .order(template_versions::sort_key.desc())
        .select(template_versions::id)
        .first(conn)
        .await?;
    if newest != version.id {
        return Ok(false);
    }
    diesel::update(templates::table)
        .filter(templates::organization_id.eq(version.organization_id))
        .filter(templates::id.eq(version.template_id))
        .set((
            templates::display_name.eq(content.display_name),
            templates::description.eq(content.description),
            templates::author.eq(content.author),
            templates::category.eq(content.category),
            templates::kind.eq(content.kind),
            templates::provider.eq(content.provider),
            templates::icon.eq(content.icon),
            templates::recommended.eq(content.recommended),
            templates::guide.eq(content.guide),
            templates::estimated_duration_seconds.eq(content.estimated_duration_seconds),
            templates::latest_version_id.eq(version.id),
            templates::revision.eq(templates::revision + 1),
            templates::update_time.eq(now),
        ))
        .execute(conn)
        .await?;
    Ok(true)
}
