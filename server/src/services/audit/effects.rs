//! The effects of an audit event, from the JSON that [`Ledger::to_json`](crate::ledger::Ledger::to_json) made.

use flagstone_api::pb;
use serde::Deserialize;
use serde_json::Value;

use crate::convert::{enum_number, value_to_proto};
use crate::error::{Error, Result};

/// What is stored. Events that changed nothing store an empty object; what later versions add is skipped.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Stored {
    changes: Vec<Change>,
    approvals: Vec<Approval>,
    policy_results: Vec<PolicyResult>,
    jobs: Vec<Job>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Change {
    object: String,
    object_type: String,
    action: String,
    fields: Vec<FieldChange>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct FieldChange {
    field: String,
    /// JSON has no other word for a field that was not there.
    before: Option<Value>,
    after: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Approval {
    approval_policy: String,
    stage: String,
    quorum: i32,
    approvers: Vec<String>,
    auto_approved_reason: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PolicyResult {
    policy: String,
    version: i32,
    enforced: bool,
    violated: bool,
    violations: Vec<Violation>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Violation {
    field: String,
    message: String,
    fix: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Job {
    kind: String,
    subject: String,
    concurrency_key: String,
}

/// The effects as people see them.
pub(super) fn from_json(stored: Value) -> Result<pb::Effects> {
    let Stored { changes, approvals, policy_results, jobs } =
        serde_json::from_value(stored).map_err(Error::internal)?;
    Ok(pb::Effects {
        changes: changes.into_iter().map(change).collect(),
        approvals: approvals
            .into_iter()
            .map(|approval| pb::RequiredApproval {
                approval_policy: approval.approval_policy,
                stage: approval.stage,
                quorum: approval.quorum,
                approvers: approval.approvers,
                auto_approved_reason: approval.auto_approved_reason,
            })
            .collect(),
        policy_results: policy_results.into_iter().map(policy_result).collect(),
        jobs: jobs
            .into_iter()
            .map(|job| pb::EnqueuedJob {
                kind: job.kind,
                subject: job.subject,
                concurrency_key: job.concurrency_key,
                warning: job.warning,
            })
            .collect(),
    })
}

fn change(change: Change) -> pb::ObjectChange {
    pb::ObjectChange {
        action: enum_number(pb::ChangeAction::from_str_name, "CHANGE_ACTION_", &change.action),
        object: change.object,
        object_type: change.object_type,
        fields: change
            .fields
            .into_iter()
            .map(|field| pb::FieldChange {
                field: field.field,
                before: field.before.as_ref().map(value_to_proto),
                after: field.after.as_ref().map(value_to_proto),
            })
            .collect(),
    }
}

fn policy_result(result: PolicyResult) -> pb::PolicyResult {
    let violations = result.violations.into_iter().map(|violation| pb::PolicyViolation {
        policy: result.policy.clone(),
        field: violation.field,
        message: violation.message,
        fix: violation.fix,
        enforced: result.enforced,
    });
    pb::PolicyResult {
        violations: violations.collect(),
        policy: result.policy,
        version: result.version,
        enforced: result.enforced,
        violated: result.violated,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::ledger::{Ledger, ObjectRef};

    /// The audit tells what a dry run would have told.
    #[test]
    fn what_the_ledger_stores_reads_back_as_its_effects() {
        let object = |name: &str, id| ObjectRef {
            object_type: "request",
            name: name.to_owned(),
            id: Uuid::from_u128(id),
            business_unit_id: None,
        };
        let mut ledger = Ledger::default();
        ledger.record(object("a", 1), None, Some(&json!({"title": "x", "tags": {"team": "a"}})));
        ledger.record(object("b", 2), Some(&json!({"state": "DRAFT"})), Some(&json!({"state": "PLANNING"})));
        ledger.approval(pb::RequiredApproval {
            approval_policy: "approvalPolicies/production".to_owned(),
            stage: "Approval".to_owned(),
            quorum: 2,
            approvers: vec!["roles/bu-owner".to_owned()],
            auto_approved_reason: String::new(),
        });
        ledger.policies([pb::PolicyResult {
            policy: "policies/tags".to_owned(),
            version: 3,
            enforced: true,
            violated: true,
            violations: vec![pb::PolicyViolation {
                policy: "policies/tags".to_owned(),
                field: "request.tags".to_owned(),
                message: "m".to_owned(),
                fix: "f".to_owned(),
                enforced: true,
            }],
        }]);
        ledger.job(pb::EnqueuedJob {
            kind: "PLAN".to_owned(),
            subject: "a".to_owned(),
            concurrency_key: "k".to_owned(),
            warning: "w".to_owned(),
        });
        assert_eq!(from_json(ledger.to_json()).unwrap(), ledger.effects());
        assert_eq!(from_json(json!({})).unwrap(), pb::Effects::default());
    }
}
