//! The plan digest: what an approval is bound to (M02). It changes whenever anything that is going to happen changes,
//! and with nothing else.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::normalise::{counted_changes, entries};
use crate::canonical::{canonical_json, sha256_hex};
use crate::error::Error;

/// SHA-256 over the unmasked changes of a plan document, as `terraform show -json` writes it.
///
/// Covered are the changes of resources and outputs and what is deferred, whole, whatever later versions of the engine
/// add to them. Not covered are the order of keys and resources, the time and the engine's version, drift, checks, and
/// resources that stay as they are. Secrets go into the hash, never into anything else.
pub fn changes_digest(document: &Value) -> Result<[u8; 32], Error> {
    let mut resources: Vec<Value> = counted_changes(document)?.map(resource_fingerprint).map(Value::from).collect();
    let deferred = entries(document, "deferred_changes").filter_map(|entry| entry.get("resource_change"));
    let mut deferred: Vec<Value> = deferred.map(resource_fingerprint).map(Value::from).collect();
    let outputs = document.get("output_changes").and_then(Value::as_object).into_iter().flatten();
    let mut outputs: Vec<Value> = outputs
        .filter(|(_, change)| !is_no_op(change))
        .map(|(name, change)| Value::from(output_fingerprint(name, change)))
        .collect();
    for list in [&mut resources, &mut deferred, &mut outputs] {
        list.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
    }
    let whole =
        json!({"form": "flagstone.changes.v1", "resources": resources, "deferred": deferred, "outputs": outputs});
    Ok(Sha256::digest(canonical_json(&whole)).into())
}

/// Everything that an approval binds beside the changes themselves.
#[derive(Clone, Copy, Debug)]
pub struct DigestParts<'a> {
    /// Of [`changes_digest`].
    pub changes_digest: [u8; 32],
    /// The inputs that were planned, unmasked.
    pub inputs: &'a Value,
    /// Of the template version's artifact, in hexadecimal.
    pub template_sha256: &'a str,
    /// Of the providers that were chosen, in hexadecimal.
    pub provider_lock_hash: &'a str,
    /// Of the workspace state that was planned against.
    pub state_lineage: &'a str,
    /// The policies that applied, with their versions. The order does not matter.
    pub policies: &'a [(String, i32)],
}

/// The plan digest, in lower-case hexadecimal.
pub fn plan_digest(parts: &DigestParts<'_>) -> String {
    let mut policies: Vec<&(String, i32)> = parts.policies.iter().collect();
    policies.sort_unstable();
    sha256_hex(&json!({
        "form": "flagstone.plan.v1",
        "changes": hex::encode(parts.changes_digest),
        "inputs": sha256_hex(parts.inputs),
        "template": parts.template_sha256,
        "provider_lock": parts.provider_lock_hash,
        "state_lineage": parts.state_lineage,
        "policies": policies,
    }))
}

/// SHA-256 of one resource's unmasked change, in hexadecimal.
pub(super) fn resource_fingerprint(change: &Value) -> String {
    let mut change = change.clone();
    // A set of paths: the engine gives it no order.
    if let Some(paths) = change.pointer_mut("/change/replace_paths").and_then(Value::as_array_mut) {
        paths.sort_by_cached_key(canonical_json);
    }
    sha256_hex(&change)
}

/// SHA-256 of one output's unmasked change, in hexadecimal.
pub(super) fn output_fingerprint(name: &str, change: &Value) -> String {
    sha256_hex(&json!([name, change]))
}

/// Whether a change says that nothing happens.
pub(super) fn is_no_op(change: &Value) -> bool {
    change.get("actions") == Some(&json!(["no-op"]))
}
