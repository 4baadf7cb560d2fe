//! The check of what is stored, by the same code that checks an export.

use flagstone_api::pb;
use flagstone_core::error::Violations;
use flagstone_core::names::AuditEventName;
use flagstone_db::audit::tree;
use flagstone_proof::{Check, FindingKind, Report};
use uuid::Uuid;

use super::export::in_groups;
use super::proof::{TARGET, newest, to_proto};
use crate::audit_tree::{self, SealingKeys};
use crate::cx::{Cx, Target};
use crate::error::{Error, Result};

/// Entries of one call.
const ENTRIES_MAX: i64 = 10_000;

/// Findings of one call.
const FINDINGS_MAX: usize = 100;

pub(super) async fn verify_audit(cx: Cx, req: pb::VerifyAuditRequest) -> Result<pb::AuditVerification> {
    let mut violations = Violations::new();
    violations.check(req.from_seq >= 0, "from_seq", "cannot be negative. Entries are numbered from 1.");
    violations.check(req.to_seq >= 0, "to_seq", "cannot be negative. Send 0 for the last entry.");
    violations.finish()?;
    let read = cx.read(Target::organization(TARGET)).await?;
    let (conn, organization_id) = (read.conn(), read.organization_id());
    let checkpoint = newest(conn, organization_id).await?;
    let from = req.from_seq.max(1);
    let last = if req.to_seq == 0 { checkpoint.size } else { req.to_seq.min(checkpoint.size) };
    if from > last {
        return Err(Error::field("from_seq", format!("is behind the last entry, {last}.")));
    }
    let to = last.min(from.saturating_add(ENTRIES_MAX - 1));
    let header = audit_tree::header(conn, organization_id, &checkpoint, from, to).await?;
    let keys = SealingKeys::load(&cx.app, conn).await?.keys;
    let mut check = Check::begin(&header, &keys, None);
    for group in in_groups(&header) {
        for block in audit_tree::blocks(conn, organization_id, &group).await? {
            check.block(block.subtree.start + 1, block.hash);
            for entry in block.entries {
                let leaf = entry.leaf(organization_id);
                check.entry(u64::try_from(entry.seq).unwrap_or_default(), entry.hash, leaf.as_deref());
            }
        }
    }
    let mut report = check.finish();
    if to == checkpoint.size {
        outside(&mut report, conn, organization_id).await?;
    }
    let findings = report.findings.iter().take(FINDINGS_MAX).map(finding).collect();
    Ok(pb::AuditVerification {
        ok: report.is_good(),
        findings,
        finding_count: number(report.finding_count),
        from_seq: from,
        to_seq: to,
        purged: number(report.purged),
        next_seq: if to < last { to + 1 } else { 0 },
        checkpoint: Some(to_proto(&checkpoint)),
    })
}

/// What stands in the tables beside the tree.
async fn outside(report: &mut Report, conn: &flagstone_db::Connection, organization_id: Uuid) -> Result<()> {
    let most = i64::try_from(FINDINGS_MAX).unwrap_or(i64::MAX);
    for id in tree::strays(conn, organization_id, most).await? {
        let message = format!("Event {id} stands among sealed events and was never sealed.");
        report.find(FindingKind::Inserted, 0, 0, &id.to_string(), message);
    }
    if let Some(seq) = tree::beyond(conn, organization_id).await? {
        let seq = u64::try_from(seq).unwrap_or_default();
        report.find(FindingKind::Inserted, seq, seq, "", format!("Entry {seq} stands behind the end of the tree."));
    }
    Ok(())
}

fn finding(finding: &flagstone_proof::Finding) -> pb::AuditFinding {
    let kind = match finding.kind {
        FindingKind::Changed => pb::AuditFindingKind::Changed,
        FindingKind::Removed => pb::AuditFindingKind::Removed,
        FindingKind::Inserted => pb::AuditFindingKind::Inserted,
        FindingKind::Reordered => pb::AuditFindingKind::Reordered,
        FindingKind::Renumbered => pb::AuditFindingKind::Renumbered,
        FindingKind::TailCut => pb::AuditFindingKind::TailCut,
        FindingKind::Block => pb::AuditFindingKind::Block,
        FindingKind::Root => pb::AuditFindingKind::Root,
        FindingKind::Signature => pb::AuditFindingKind::Signature,
    };
    let event = Uuid::parse_str(&finding.event).ok().map(|id| AuditEventName::new(id).to_string());
    pb::AuditFinding {
        kind: kind.into(),
        seq: number(finding.seq),
        last_seq: number(finding.last_seq),
        audit_event: event.unwrap_or_default(),
        message: finding.message.clone(),
    }
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
