//! What a dry run would do.

use std::fmt::Write as _;

use flagstone_api::pb::{ChangeAction, Effects};

use crate::text::{names, one_line, value};

/// The effects, one on each line.
pub(crate) fn effects(effects: &Effects) -> String {
    let mut text = String::from("Dry run: nothing was changed. It would\n");
    for change in &effects.changes {
        let verb = match change.action() {
            ChangeAction::Created => "create",
            ChangeAction::Updated => "change",
            ChangeAction::Deleted => "delete",
            ChangeAction::Unspecified => "touch",
        };
        let _ = writeln!(text, "  {verb} {} {}", change.object_type, one_line(&change.object));
        for field in &change.fields {
            let shown = |side: &Option<prost_types::Value>| side.as_ref().map_or_else(|| "–".to_owned(), value);
            let (before, after) = (one_line(&shown(&field.before)), one_line(&shown(&field.after)));
            let _ = writeln!(text, "      {}: {before} → {after}", one_line(&field.field));
        }
    }
    for job in &effects.jobs {
        let _ = writeln!(text, "  enqueue a {} job", job.kind);
    }
    for approval in &effects.approvals {
        if approval.auto_approved_reason.is_empty() {
            let who = names(&approval.approvers);
            let _ = writeln!(text, "  need {} × {} by {who}", approval.quorum, one_line(&approval.stage));
        } else {
            let _ = writeln!(text, "  be approved automatically: {}", one_line(&approval.auto_approved_reason));
        }
    }
    for violation in effects.policy_results.iter().flat_map(|result| &result.violations) {
        let _ = writeln!(
            text,
            "  violate {}: {} {}",
            violation.policy,
            one_line(&violation.message),
            one_line(&violation.fix)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use flagstone_api::pb::{EnqueuedJob, FieldChange, ObjectChange, RequiredApproval};

    #[test]
    fn every_effect_has_a_line() {
        let shown = Effects {
            changes: vec![ObjectChange {
                object: "businessUnits/a/requests/R-1".into(),
                object_type: "request".into(),
                action: ChangeAction::Created.into(),
                fields: vec![FieldChange {
                    field: "title".into(),
                    before: None,
                    after: Some(prost_types::Value::from("x")),
                }],
            }],
            jobs: vec![EnqueuedJob { kind: "PLAN".into(), ..Default::default() }],
            approvals: vec![RequiredApproval {
                stage: "Review".into(),
                quorum: 1,
                approvers: vec!["roles/it-engineer".into()],
                ..Default::default()
            }],
            ..Default::default()
        };
        assert_eq!(
            effects(&shown),
            "Dry run: nothing was changed. It would\n  create request businessUnits/a/requests/R-1\n      \
             title: – → \"x\"\n  enqueue a PLAN job\n  need 1 × Review by it-engineer\n"
        );
    }
}
