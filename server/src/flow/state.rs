//! States of workspaces as engines hand them in. The one that comes with the lock, or under a live lease while nobody
//! has it, becomes the workspace's; one that comes late is kept aside and never lost.

use flagstone_core::Error as CoreError;
use flagstone_db::job::JobRow;
use flagstone_db::workspace::{self, NewState, StateRow};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::error::Result;
use crate::ledger::ObjectRef;
use crate::tx::Tx;
use crate::vault::Vault;

/// Largest state, in bytes.
pub const STATE_MAX: usize = 64 * 1024 * 1024;

/// What became of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// It is the workspace's state now.
    Stored,
    /// It is kept aside.
    Orphaned,
    /// It was there already.
    Known,
}

impl Disposition {
    /// As the audit tells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "STORED",
            Self::Orphaned => "ORPHANED",
            Self::Known => "KNOWN",
        }
    }
}

/// What the platform reads of a state. The rest is the engine's own.
#[derive(Debug, Deserialize)]
struct Head {
    #[serde(default)]
    lineage: String,
    #[serde(default)]
    serial: i64,
    #[serde(default)]
    resources: Vec<Resource>,
}

#[derive(Debug, Deserialize)]
struct Resource {
    #[serde(default)]
    mode: String,
    #[serde(default)]
    instances: Vec<serde::de::IgnoredAny>,
}

impl Head {
    /// Reads a state. A list would do for serde in the place of an object, since every field has a default.
    fn read(state: &[u8]) -> Result<Self, CoreError> {
        let wrong = |why: &str| CoreError::field("state", format!("is not a state of the engine: {why}"));
        if state.trim_ascii_start().first() != Some(&b'{') {
            return Err(wrong("it is no JSON object"));
        }
        serde_json::from_slice(state).map_err(|error| wrong(&error.to_string()))
    }

    /// Objects that the state manages; data sources are not among them.
    fn resource_count(&self) -> i32 {
        let managed = self.resources.iter().filter(|resource| resource.mode == "managed");
        i32::try_from(managed.map(|resource| resource.instances.len()).sum::<usize>()).unwrap_or(i32::MAX)
    }
}

/// Takes a state that the engine of a job handed in under a fence. The rows of the request and of the job are locked.
///
/// A state that is no JSON object of a state's form is INVALID_ARGUMENT.
pub async fn store(tx: &mut Tx, job: &JobRow, fence: i64, state: &[u8]) -> Result<Disposition> {
    let head = Head::read(state)?;
    let sha256 = Sha256::digest(state);
    let found = workspace::lock_or_create(tx, job).await?;
    let (organization_id, deployment_id) = (job.organization_id, job.deployment_id);
    let disposition = if workspace::has_state(tx, organization_id, deployment_id, head.serial, &sha256).await? {
        Disposition::Known
    } else {
        let is_rightful = job.facts()?.may_store(fence, found.is_locked_by(job.id, fence), found.lock_job_id.is_some());
        let is_next = found.lineage.is_empty() || (found.lineage == head.lineage && head.serial > found.serial);
        if is_rightful && is_next { Disposition::Stored } else { Disposition::Orphaned }
    };
    if disposition != Disposition::Known {
        let bound_to = bound_to(organization_id, deployment_id, head.serial, fence);
        let ciphertext = tx.app.vault.seal(&bound_to, state)?;
        workspace::add_state(
            tx,
            &NewState {
                organization_id,
                deployment_id,
                serial: head.serial,
                fence,
                lineage: &head.lineage,
                ciphertext: &ciphertext,
                sha256: &sha256,
                resource_count: head.resource_count(),
                job_id: job.id,
                state: disposition.as_str(),
            },
        )
        .await?;
    }
    for (key, value) in [
        ("state", json!(disposition.as_str())),
        ("serial", json!(head.serial)),
        ("fence", json!(fence)),
        ("sha256", json!(hex::encode(sha256))),
        ("resource_count", json!(head.resource_count())),
    ] {
        tx.ledger.detail(key, value);
    }
    if disposition == Disposition::Stored {
        let object = ObjectRef {
            object_type: "workspace",
            name: format!("{}/workspace", deployment_name(tx, job).await?),
            id: deployment_id,
            business_unit_id: Some(job.business_unit_id),
        };
        let view = |lineage: &str, serial: i64| -> Value { json!({"lineage": lineage, "serial": serial}) };
        let before = view(&found.lineage, found.serial);
        tx.record(object, Some(&before), Some(&view(&head.lineage, head.serial)));
    }
    Ok(disposition)
}

/// Opens a stored state.
pub fn open(vault: &Vault, organization_id: Uuid, deployment_id: Uuid, row: &StateRow) -> Result<Vec<u8>> {
    let bound_to = bound_to(organization_id, deployment_id, row.serial, row.fence);
    Ok(vault.open(&bound_to, &row.ciphertext)?)
}

/// Resource name of the deployment that a job works on.
pub async fn deployment_name(tx: &Tx, job: &JobRow) -> Result<String> {
    let found = flagstone_db::deployment::get(tx, job.organization_id, job.deployment_id)
        .await?
        .ok_or_else(|| CoreError::internal("a job's deployment is gone"))?;
    super::objects::deployment_name(tx, &found)
}

fn bound_to(organization_id: Uuid, deployment_id: Uuid, serial: i64, fence: i64) -> String {
    format!("{organization_id}/deployments/{deployment_id}/states/{serial}.{fence}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_a_state_manages() {
        let state = json!({
            "version": 4, "serial": 7, "lineage": "l",
            "resources": [
                {"mode": "managed", "type": "a", "instances": [{}, {"index_key": 1}]},
                {"mode": "data", "type": "b", "instances": [{}]},
                {"mode": "managed", "type": "c", "instances": []},
            ],
        });
        let head = Head::read(state.to_string().as_bytes()).unwrap();
        assert_eq!((head.lineage.as_str(), head.serial, head.resource_count()), ("l", 7, 2));
        assert_eq!(Head::read(b" {}").unwrap().resource_count(), 0);
        Head::read(b"[]").unwrap_err();
    }
}
