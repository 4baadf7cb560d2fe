//! What is read from a saved plan without Terraform. A saved plan is a ZIP archive that carries, beside the plan, the
//! configuration and the provider lock it was made with.

use std::fs;
use std::io::{self, Cursor, Read};
use std::path::Path;

use serde_json::Value;
use sha2::{Digest, Sha256};
use zip::ZipArchive;
use zip::result::ZipError;

/// Longest provider lock that is read: a few hundred bytes for each provider.
const MAX_LOCK: u64 = 1024 * 1024;

/// A saved plan's file.
pub(super) struct PlanFile {
    /// Of the whole file, lower-case hex.
    pub(super) sha256: String,
    /// The provider lock; absent when the plan uses none but what is built in.
    pub(super) lock: Option<Vec<u8>>,
    /// SHA-256 of `lock`, or of nothing.
    pub(super) lock_hash: String,
}

impl PlanFile {
    /// Reads the file once: hash and lock are those of the same bytes.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        let bytes = fs::read(path)?;
        let lock = read_lock(&bytes)?;
        Ok(Self { sha256: sha256(&bytes), lock_hash: sha256(lock.as_deref().unwrap_or_default()), lock })
    }
}

fn read_lock(plan: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let mut archive = ZipArchive::new(Cursor::new(plan)).map_err(io::Error::other)?;
    let mut text = Vec::new();
    match archive.by_name(".terraform.lock.hcl") {
        Ok(file) => file.take(MAX_LOCK).read_to_end(&mut text)?,
        Err(ZipError::FileNotFound) => return Ok(None),
        Err(error) => return Err(io::Error::other(error)),
    };
    // Without providers it holds nothing but a comment, which differs between releases.
    let names_one = text.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"provider "));
    Ok(names_one.then_some(text))
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// How many resources a plan destroys, replacements included. `plan` is the answer of `show -json`.
pub(super) fn destroys(plan: &Value) -> u32 {
    let changes = plan["resource_changes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_destroy = |change: &&Value| {
        change["change"]["actions"].as_array().is_some_and(|actions| actions.iter().any(|action| action == "delete"))
    };
    u32::try_from(changes.iter().filter(is_destroy).count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn counts_deletions_and_replacements() {
        let change = |actions: Value| json!({"change": {"actions": actions}});
        let plan = json!({"resource_changes": [
            change(json!(["create"])), change(json!(["delete"])), change(json!(["delete", "create"])),
            change(json!(["create", "delete"])), change(json!(["no-op"])), change(json!(["update"])),
        ]});
        assert_eq!(destroys(&plan), 3);
        assert_eq!(destroys(&Value::Null), 0);
    }
}
