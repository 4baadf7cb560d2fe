//! Checkpoints and proofs.

use flagstone_api::pb;
use flagstone_core::error::Violations;
use flagstone_core::names::{AuditEventName, parse};
use flagstone_core::{Error as CoreError, Reason};
use flagstone_db::Connection;
use flagstone_db::audit::tree::{self, CheckpointRow};
use flagstone_proof::tree::{consistency, inclusion};
use uuid::Uuid;

use crate::audit_tree;
use crate::convert::timestamp;
use crate::cx::{Cx, Target};
use crate::error::{Error, Result};

/// What is said to be verified, for denials.
pub(super) const TARGET: &str = "auditEvents";

pub(super) async fn get_audit_checkpoint(cx: Cx, req: pb::GetAuditCheckpointRequest) -> Result<pb::AuditCheckpoint> {
    if req.size < 0 {
        return Err(Error::field("size", "cannot be negative. Send 0 for the newest checkpoint."));
    }
    let read = cx.read(Target::organization(TARGET)).await?;
    if req.size == 0 {
        return Ok(to_proto(&newest(read.conn(), read.organization_id()).await?));
    }
    let found = tree::checkpoint(read.conn(), read.organization_id(), Some(req.size)).await?;
    let found = found.ok_or_else(|| CoreError::not_found(&format!("the checkpoint of size {}", req.size)))?;
    Ok(to_proto(&found))
}

/// The newest checkpoint.
pub(super) async fn newest(conn: &Connection, organization_id: Uuid) -> Result<CheckpointRow> {
    let found = tree::checkpoint(conn, organization_id, None).await?;
    Ok(found.ok_or_else(unsealed)?)
}

/// The answer where there will be something in a moment.
fn unsealed() -> CoreError {
    let message = "It is not sealed yet. Events are sealed within two seconds: try again in a moment.";
    CoreError::precondition(Reason::WrongState, message)
}

pub(super) fn to_proto(row: &CheckpointRow) -> pb::AuditCheckpoint {
    pb::AuditCheckpoint {
        size: row.size,
        root_hash: row.root.clone(),
        time: Some(timestamp(row.time)),
        key_id: row.key_id.clone(),
        note: row.note.clone(),
        purged: row.purged,
    }
}

pub(super) async fn get_audit_proof(cx: Cx, req: pb::GetAuditProofRequest) -> Result<pb::AuditProof> {
    use pb::get_audit_proof_request::Of;
    let mut violations = Violations::new();
    violations.check(req.size >= 0, "size", "cannot be negative. Send 0 for the tree of the newest checkpoint.");
    let event = match &req.of {
        None => {
            let message = "say what to prove: seq, audit_event or old_size.";
            violations.check(false, "seq", message);
            None
        }
        Some(Of::Seq(seq)) => {
            violations.check(*seq > 0, "seq", "Entries are numbered from 1.");
            None
        }
        Some(Of::OldSize(size)) => {
            violations.check(*size > 0, "old_size", "An empty tree proves nothing: send at least 1.");
            None
        }
        Some(Of::AuditEvent(name)) => violations.take(parse::<AuditEventName>(name, "audit_event")),
    };
    violations.finish()?;
    let read = cx.read(Target::organization(TARGET)).await?;
    let (conn, organization_id) = (read.conn(), read.organization_id());
    let checkpoint = newest(conn, organization_id).await?;
    let size = if req.size == 0 { checkpoint.size } else { req.size };
    let within = |field: &str, number: i64, most: i64| match number <= most {
        true => Ok(u64::try_from(number).unwrap_or_default()),
        false => Err(Error::field(field, format!("is above {most}, up to where everything is sealed."))),
    };
    let tree_size = within("size", size, checkpoint.size)?;
    let root = audit_tree::range(conn, organization_id, (0, tree_size)).await?;
    let mut proof = pb::AuditProof {
        size,
        root_hash: root.to_vec(),
        checkpoint: Some(to_proto(&checkpoint)),
        ..Default::default()
    };
    let ranges = if let Some(Of::OldSize(old)) = req.of {
        let old_size = within("old_size", old, size)?;
        proof.old_size = old;
        proof.old_root_hash = audit_tree::range(conn, organization_id, (0, old_size)).await?.to_vec();
        consistency(old_size, tree_size)
    } else {
        let seq = match (&event, &req.of) {
            (Some(name), _) => {
                let ids = [*name.id()];
                let leaves = tree::leaves_of(conn, organization_id, &ids).await?;
                let known = !leaves.is_empty() || !tree::events(conn, organization_id, &ids).await?.is_empty();
                let missing = || if known { unsealed() } else { CoreError::not_found(name) };
                leaves.first().map(|leaf| leaf.seq).ok_or_else(missing)?
            }
            (None, Some(Of::Seq(seq))) => *seq,
            (None, _) => return Err(Error::internal("violations were lost")),
        };
        let index = within("seq", seq, size)? - 1;
        let leaf = tree::leaves(conn, organization_id, seq - 1, seq).await?.pop();
        let leaf = leaf.ok_or_else(|| CoreError::not_found(&format!("entry {seq} of the audit")))?;
        let event = tree::events(conn, organization_id, &[leaf.event_id]).await?.pop();
        proof.seq = seq;
        proof.leaf_hash = leaf.hash;
        proof.leaf = event.map(|event| audit_tree::leaf(organization_id, seq, &event).into_bytes()).unwrap_or_default();
        inclusion(index, tree_size)
    };
    let hashes = ranges.into_iter().map(|range| audit_tree::range(conn, organization_id, range));
    proof.hashes = futures::future::try_join_all(hashes).await?.into_iter().map(|hash| hash.to_vec()).collect();
    Ok(proof)
}
