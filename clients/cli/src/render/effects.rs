//! What a dry run would do.

use std::fmt::Write as _;

use flagstone_api::pb::{ChangeAction, Effects, ObjectChange};
use prost_types::Value;
use prost_types::value::Kind;

use crate::text::{names, one_line, value};

/// The effects, one on each line.
pub(crate) fn effects(effects: &Effects) -> String {
    let mut text = String::from("Dry run: nothing was changed. It would\n");
    // Jobs are told below, in a line each: their rows say nothing more to a person.
    for change in effects.changes.iter().filter(|change| change.object_type != "job") {
        object(change, &mut text);
    }
    for job in &effects.jobs {
        let _ = writeln!(text, "  enqueue the job {}", job.kind);
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

/// One object's change. Of an object that is made or goes, only the fields that say something are told.
fn object(change: &ObjectChange, text: &mut String) {
    let verb = match change.action() {
        ChangeAction::Created => "create",
        ChangeAction::Updated => "change",
        ChangeAction::Deleted => "delete",
        ChangeAction::Unspecified => "touch",
    };
    let _ = writeln!(text, "  {verb} {} {}", change.object_type, one_line(&change.object));
    let shown = |side: &Option<Value>| side.as_ref().filter(|value| !is_empty(value)).map(|it| one_line(&value(it)));
    for field in &change.fields {
        let path = one_line(&field.field);
        let _ = match (shown(&field.before), shown(&field.after)) {
            (None, None) => Ok(()),
            (None, Some(after)) => writeln!(text, "      {path}: {after}"),
            (Some(before), after) => writeln!(text, "      {path}: {before} → {}", after.as_deref().unwrap_or("–")),
        };
    }
}

/// Null, and text, lists and objects with nothing in them.
fn is_empty(value: &Value) -> bool {
    match &value.kind {
        None | Some(Kind::NullValue(_)) => true,
        Some(Kind::StringValue(text)) => text.is_empty(),
        Some(Kind::ListValue(list)) => list.values.is_empty(),
        Some(Kind::StructValue(members)) => members.fields.is_empty(),
        Some(Kind::BoolValue(_) | Kind::NumberValue(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flagstone_api::pb::{EnqueuedJob, FieldChange, RequiredApproval};

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
             title: \"x\"\n  enqueue the job PLAN\n  need 1 × Review by it-engineer\n"
        );
    }
}
