//! Plans: what an engine is going to change, as people approve it and as the platform binds itself to it.
//!
//! Three forms of one document. [`normalise`] makes what is stored and shown, with every secret masked. [`changes_digest`]
//! covers the unmasked changes, so that a changed secret is a changed plan although nobody sees it. [`diff`] says how a plan
//! differs from the one that was approved.

mod attributes;
mod diff;
mod digest;
mod mask;
mod normalise;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use diff::{Change, Difference, PlanView, UNKNOWN, diff};
pub use digest::{DigestParts, changes_digest, plan_digest};
pub use normalise::normalise;

use crate::words::words;

words! {
    /// What happens to one thing.
    pub enum Action: "plan action" {
        /// It comes into being.
        Create = "CREATE",
        /// A data source is read during the apply, since it depends on something that is not known yet.
        Read = "READ",
        /// It changes in place.
        Update = "UPDATE",
        /// It is destroyed and created anew.
        Replace = "REPLACE",
        /// It is destroyed.
        Destroy = "DESTROY",
        /// The engine stops looking after it; the thing itself stays.
        Forget = "FORGET",
        /// Only its address in the code changes.
        Move = "MOVE",
        /// It exists and comes under the engine's care, unchanged.
        Import = "IMPORT",
        /// Nothing. Only in the drift of a plan.
        NoOp = "NO_OP",
    }
}

/// What a plan changes, with secrets masked. Every list is sorted by address, name or path.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanChanges {
    /// What the apply will do. Resources that stay as they are are not listed.
    pub resources: Vec<ResourceChange>,
    pub outputs: Vec<OutputChange>,
    pub summary: Summary,
    /// What the engine put off to a later plan.
    pub deferred: Vec<ResourceChange>,
    /// What changed outside of the platform since the last apply. For people only: not part of the digest.
    pub drift: Vec<ResourceChange>,
    /// The checks of the template that did not pass. For people only: not part of the digest.
    pub failed_checks: Vec<FailedCheck>,
}

impl PlanChanges {
    /// True where an apply would change nothing, outputs included.
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty() && self.outputs.is_empty() && self.deferred.is_empty()
    }
}

/// How many resources are touched, each counted once. Reads, moves, imports and forgotten resources do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Created.
    pub add: u32,
    /// Updated in place.
    pub change: u32,
    /// Destroyed for good.
    pub destroy: u32,
    /// Destroyed and created anew.
    pub replace: u32,
}

impl Summary {
    /// True where no resource is destroyed, not even to be created anew.
    pub const fn destroys_nothing(self) -> bool {
        self.destroy == 0 && self.replace == 0
    }
}

/// The change of one resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResourceChange {
    /// Where it is in the code, for instance `aws_s3_bucket.this[0]`.
    pub address: String,
    /// Set for an object that an interrupted replacement left behind at this address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deposed: Option<String>,
    /// The provider's source address.
    pub provider: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub name: String,
    pub action: Action,
    /// Why the engine chose the action, as a sentence; absent where it gives no reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The attributes that make a replacement necessary.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replace_paths: Vec<String>,
    /// For a replacement: the new one is created before the old one is destroyed.
    #[serde(default)]
    pub create_before_destroy: bool,
    /// The address it had until now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_from: Option<String>,
    /// The provider's id under which it is imported; empty where that is not known yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub import_id: Option<String>,
    /// What differs, sorted by path.
    pub attributes: Vec<AttributeChange>,
    /// SHA-256 of the unmasked change. It tells that masked values differ. For the server only: whoever can guess a masked
    /// value could confirm the guess with it.
    pub fingerprint: String,
}

/// The change of one attribute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttributeChange {
    /// For instance `lifecycle_rule[0].days` or `tags["a.b"]`.
    pub path: String,
    /// Absent where there was none. Long values are cut, see [`capped`](crate::diff::capped).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// Absent where there will be none, or where it is `unknown`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// `before` is or holds the mask.
    #[serde(default)]
    pub before_sensitive: bool,
    /// `after` is or holds the mask, or will be secret once it is known.
    #[serde(default)]
    pub after_sensitive: bool,
    /// Known only after the apply.
    #[serde(default)]
    pub unknown: bool,
    /// A replacement is necessary because of it.
    #[serde(default)]
    pub forces_replacement: bool,
}

/// The change of one output of the template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputChange {
    pub name: String,
    pub action: Action,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// `before` or `after` is or holds the mask.
    #[serde(default)]
    pub sensitive: bool,
    /// Known, wholly or in part, only after the apply.
    #[serde(default)]
    pub unknown: bool,
    /// SHA-256 of the unmasked change, as of a resource.
    pub fingerprint: String,
}

/// A check of the template that failed or could not be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedCheck {
    /// What it checks, for instance `check.reachable` or `aws_s3_bucket.this`.
    pub address: String,
    /// `fail`, `error` or `unknown`, in the engine's words.
    pub status: String,
    pub problems: Vec<String>,
}

#[cfg(test)]
mod tests;
