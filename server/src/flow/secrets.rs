//! Inputs and outputs as they are, sealed. Each is bound to its row: a ciphertext moved to another row does not open.

use flagstone_core::Error as CoreError;
use serde_json::Value;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::vault::Vault;

/// Which row a sealed value belongs to.
#[derive(Clone, Copy, Debug)]
pub enum Owner {
    Request(Uuid),
    Deployment(Uuid),
    /// A deployment's revision, by number.
    Revision(Uuid, i32),
    /// A plan's saved file.
    Plan(Uuid),
}

impl Owner {
    fn bound_to(self, organization_id: Uuid, what: &str) -> String {
        match self {
            Self::Request(id) => format!("{organization_id}/requests/{id}/{what}"),
            Self::Deployment(id) => format!("{organization_id}/deployments/{id}/{what}"),
            Self::Revision(id, number) => format!("{organization_id}/deployments/{id}/revisions/{number}/{what}"),
            Self::Plan(id) => format!("{organization_id}/plans/{id}/{what}"),
        }
    }
}

/// Seals a JSON value. `what` is `inputs` or `outputs`.
pub fn seal(vault: &Vault, organization_id: Uuid, owner: Owner, what: &str, value: &Value) -> Result<Vec<u8>> {
    let bytes = serde_json::to_vec(value).map_err(Error::internal)?;
    Ok(vault.seal(&owner.bound_to(organization_id, what), &bytes)?)
}

/// Opens a sealed JSON value.
pub fn open(vault: &Vault, organization_id: Uuid, owner: Owner, what: &str, sealed: &[u8]) -> Result<Value> {
    let bytes = vault.open(&owner.bound_to(organization_id, what), sealed)?;
    serde_json::from_slice(&bytes).map_err(Error::internal)
}

/// Seals a plan's saved file.
pub fn seal_file(vault: &Vault, organization_id: Uuid, plan_id: Uuid, file: &[u8]) -> Result<Vec<u8>> {
    Ok(vault.seal(&Owner::Plan(plan_id).bound_to(organization_id, "file"), file)?)
}

/// Opens a plan's saved file. Fails where a bit of it was changed, or where it is another plan's.
pub fn open_file(vault: &Vault, organization_id: Uuid, plan_id: Uuid, sealed: &[u8]) -> Result<Vec<u8>, CoreError> {
    vault.open(&Owner::Plan(plan_id).bound_to(organization_id, "file"), sealed)
}
