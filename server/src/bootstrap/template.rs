//! Publishes the templates that were read.

use std::sync::Arc;

use flagstone_db::organization::OrganizationRow;
use flagstone_db::template_load::{self, NewVersion, TemplateContent};
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Failure, Furnishing, SYSTEM, begin};
use crate::app::App;
use crate::error::Result;
use crate::ledger::{Ledger, ObjectRef};
use crate::templates::{Package, compress, is_same, sort_key};

/// A template as it is stored.
#[derive(Clone, Debug)]
pub struct Packed {
    package: Package,
    /// The compressed package.
    artifact: Vec<u8>,
    sha256: [u8; 32],
}

impl Packed {
    /// Compresses a package.
    pub fn new(package: Package) -> std::io::Result<Self> {
        let artifact = compress(&package.tar)?;
        Ok(Self { sha256: Sha256::digest(&artifact).into(), artifact, package })
    }
}

/// Stores a version that is not stored yet. A version that is stored with other files is refused: published versions never
/// change, since deployments were made with them.
pub(super) async fn publish(app: &Arc<App>, organization: &OrganizationRow, packed: &Packed) -> Result<(), Failure> {
    let organization_id = organization.id;
    let Package { directory, manifest, tar, .. } = &packed.package;
    let (id, version) = (manifest.id.as_str(), manifest.version.to_string());
    let stored = {
        let conn = app.db.reads.get().await?;
        template_load::stored(&conn, organization_id, id, &version).await?
    };
    if let Some(stored) = stored {
        if is_same(&stored, tar) {
            return Ok(());
        }
        return Err(Failure::sentence(format!(
            "{directory} was changed, but version {version} of the template {id} is published already and never \
             changes: raise `version` in {directory}/template.yaml."
        )));
    }

    let name = format!("templates/{id}/versions/{version}");
    let mut tx = begin(app, organization_id, "template.publish", &name).await?;
    // Another process may have been faster.
    if template_load::stored(&tx, organization_id, id, &version).await?.is_some_and(|stored| is_same(&stored, tar)) {
        return Ok(());
    }
    let mut ledger = Ledger::default();
    let trial = app.config.trial;
    store(&mut Furnishing { conn: &mut tx, organization, trial, ledger: &mut ledger }, packed).await?;
    tx.ledger = ledger;
    tx.commit_worker().await?;
    tracing::info!(template = name, "Published a version of a template.");
    Ok(())
}

/// Stores a version in the transaction of the furnishing.
pub(super) async fn store(into: &mut Furnishing<'_>, packed: &Packed) -> Result<()> {
    let Package { manifest, guide, .. } = &packed.package;
    let (id, version) = (manifest.id.as_str(), manifest.version.to_string());
    let organization_id = into.organization.id;
    let seconds = |seconds: u32| i32::try_from(seconds).unwrap_or(i32::MAX);
    let content = TemplateContent {
        slug: id,
        display_name: &manifest.name,
        description: &manifest.description,
        author: &manifest.author,
        category: &manifest.category,
        kind: manifest.kind.as_str(),
        provider: manifest.provider.as_str(),
        icon: &manifest.icon,
        recommended: manifest.recommended,
        guide,
        estimated_duration_seconds: seconds(manifest.estimated_duration_seconds.unwrap_or_default()),
    };
    let template_id = template_load::ensure(into.conn, organization_id, &content, SYSTEM).await?;
    template_load::insert_artifact(into.conn, organization_id, &packed.sha256, &packed.artifact).await?;
    let row = NewVersion {
        id: Uuid::now_v7(),
        organization_id,
        template_id,
        version: &version,
        sort_key: &sort_key(&manifest.version),
        engine: manifest.engine.as_str(),
        manifest: &json!(manifest),
        input_schema: &manifest.inputs,
        output_schema: &manifest.outputs,
        entrypoint: &manifest.entrypoint,
        artifact_sha256: &packed.sha256,
        artifact_size: i64::try_from(packed.artifact.len()).unwrap_or(i64::MAX),
        soft_timeout_seconds: seconds(manifest.soft_timeout_seconds),
        hard_timeout_seconds: seconds(manifest.hard_timeout_seconds),
        state: "PUBLISHED",
        creator: SYSTEM,
    };
    let newest = template_load::insert_version(into.conn, &row, &content).await?;
    let name = format!("templates/{id}/versions/{version}");
    let object = ObjectRef { object_type: "template_version", name, id: row.id, business_unit_id: None };
    let after = json!({
        "state": row.state, "engine": row.engine, "artifact_sha256": hex::encode(packed.sha256), "newest": newest,
    });
    into.ledger.record(object, None, Some(&after));
    Ok(())
}
