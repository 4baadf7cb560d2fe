//! The saved plan: one file that carries what was planned, of what it was planned, and what an apply needs.
//!
//! A line of JSON with the hash of the rest, then the rest. The hash tells a file that was damaged or changed by hand from
//! a whole one; what protects an approval is that the platform compares the hash of the whole file and the digest of the
//! changes in it.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::document::{Changes, MAX_PLAN};
use super::operation_word;
use super::state::Base;
use super::workdir::create_private;
use crate::engine::Operation;
use crate::error::{EngineError, ErrorClass};

/// The form of the file. Another one is another version of it.
const FORM: &str = "flagstone.command-plan.v1";

/// Most bytes of a file: a plan, and inputs of a size that the platform takes.
const MAX_FILE: u64 = 3 * MAX_PLAN as u64;

/// What a saved plan holds. **Sensitive values are in the clear.**
#[derive(Clone, Debug)]
pub(super) struct SavedPlan {
    pub(super) operation: Operation,
    /// Of the template's files.
    pub(super) template_sha256: String,
    /// With which it was planned, and will be applied.
    pub(super) inputs: Value,
    /// The state that it was planned against.
    pub(super) base: Base,
    pub(super) changes: Changes,
}

/// A saved plan's file.
pub(super) struct PlanFile {
    pub(super) saved: SavedPlan,
    /// Of the whole file, lower-case hex.
    pub(super) sha256: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    form: String,
    sha256: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    operation: String,
    template_sha256: String,
    inputs: Value,
    base: Base,
    plan: Value,
    private: Value,
}

impl SavedPlan {
    /// Writes the file, and returns the SHA-256 of all of it.
    pub(super) fn write(&self, path: &Path) -> io::Result<String> {
        let (plan, private) = self.changes.parts();
        let body = serde_json::to_vec(&Body {
            operation: operation_word(self.operation).to_owned(),
            template_sha256: self.template_sha256.clone(),
            inputs: self.inputs.clone(),
            base: self.base.clone(),
            plan: plan.clone(),
            private: private.clone(),
        })?;
        let head = json!({"form": FORM, "sha256": sha256(&body)}).to_string();
        let whole = [head.as_bytes(), b"\n", body.as_slice()].concat();
        create_private(path)?.write_all(&whole)?;
        Ok(sha256(&whole))
    }
}

impl PlanFile {
    /// Reads a file once: what is returned is of the bytes that the hash is of.
    pub(super) fn read(path: &Path) -> Result<Self, EngineError> {
        let refuse = |why: &str| {
            EngineError::new(ErrorClass::Engine, format!("The saved plan cannot be read: {why}."))
                .suggest("Plan the request again.")
        };
        let size = fs::metadata(path).map_err(|error| refuse(&error.to_string()))?.len();
        if size > MAX_FILE {
            return Err(refuse(&format!("it has more than {MAX_FILE} bytes")));
        }
        let bytes = fs::read(path).map_err(|error| refuse(&error.to_string()))?;
        let end = bytes.iter().position(|byte| *byte == b'\n').ok_or_else(|| refuse("it is none of this engine"))?;
        let (head, body) = (&bytes[..end], &bytes[end + 1..]);
        let head: Head = serde_json::from_slice(head).map_err(|_| refuse("it is none of this engine"))?;
        if head.form != FORM {
            return Err(refuse("it is of another version of the runner"));
        }
        if head.sha256 != sha256(body) {
            return Err(refuse("it was changed after it was made"));
        }
        let body: Body = serde_json::from_slice(body).map_err(|error| refuse(&error.to_string()))?;
        let operations = [Operation::Create, Operation::Update, Operation::Destroy];
        let operation = operations.into_iter().find(|operation| operation_word(*operation) == body.operation);
        let saved = SavedPlan {
            operation: operation.ok_or_else(|| refuse("its operation is not known"))?,
            template_sha256: body.template_sha256,
            inputs: body.inputs,
            base: body.base,
            changes: Changes::from_parts(body.plan, body.private),
        };
        Ok(Self { saved, sha256: sha256(&bytes) })
    }
}

/// In lower-case hex.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_changed_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("plan");
        let saved = SavedPlan {
            operation: Operation::Destroy,
            template_sha256: "t".to_owned(),
            inputs: json!({"a": 1}),
            base: Base::default(),
            changes: Changes::from_parts(json!({"format_version": "1.0"}), json!("mine")),
        };
        let written = saved.write(&path).unwrap();
        let read = PlanFile::read(&path).unwrap();
        assert_eq!((read.sha256, read.saved.operation), (written, Operation::Destroy));
        assert_eq!(read.saved.changes.parts(), saved.changes.parts());
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(&path, &changed).unwrap();
            let Err(error) = PlanFile::read(&path) else { panic!("byte {at} was changed") };
            assert_eq!(error.suggestion, "Plan the request again.");
        }
        fs::write(&path, [whole.as_slice(), b" "].concat()).unwrap();
        assert!(PlanFile::read(&path).is_err(), "something was added");
        fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        assert!(PlanFile::read(&path).is_err(), "something was cut off");
    }
}
