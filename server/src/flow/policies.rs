//! The organization's guardrails and approval policies, from rows to rules.

use flagstone_api::pb;
use flagstone_core::approval_policy::{ApprovalPolicy, Route};
use flagstone_core::policy::{Policy, PolicyResult};
use flagstone_db::{Connection, approval_policy, policy};
use serde_json::Value;
use uuid::Uuid;

use crate::error::{Error, Result};

/// The active guardrails of an organization.
pub async fn guardrails(conn: &Connection, organization_id: Uuid) -> Result<Vec<Policy>> {
    policy::active(conn, organization_id).await?.into_iter().map(guardrail).collect()
}

/// A guardrail from its row. A row that cannot be read is our fault and stops the call: it must not let things pass.
fn guardrail(row: policy::PolicyRow) -> Result<Policy> {
    Ok(Policy {
        kind: row.kind.parse().map_err(Error::internal)?,
        target: row.target.parse().map_err(Error::internal)?,
        scope: serde_json::from_value(row.scope).map_err(Error::internal)?,
        class: row.violation_class.parse().map_err(Error::internal)?,
        id: row.slug,
        version: row.version,
        description: row.description,
        config: row.config,
        enforced: row.enforced,
        message: row.message,
        fix: row.fix,
    })
}

/// An approval policy with its row id.
pub struct StoredApprovalPolicy {
    pub id: Uuid,
    pub policy: ApprovalPolicy,
}

/// The active approval policies of an organization.
pub async fn approval_policies(conn: &Connection, organization_id: Uuid) -> Result<Vec<StoredApprovalPolicy>> {
    approval_policy::active(conn, organization_id).await?.into_iter().map(stored_approval_policy).collect()
}

/// An approval policy from its row.
pub fn stored_approval_policy(row: approval_policy::ApprovalPolicyRow) -> Result<StoredApprovalPolicy> {
    let auto_approve = row.auto_approve.filter(|value| !value.is_null());
    Ok(StoredApprovalPolicy {
        id: row.id,
        policy: ApprovalPolicy {
            matches: serde_json::from_value(row.match_rule).map_err(Error::internal)?,
            stages: serde_json::from_value(row.stages).map_err(Error::internal)?,
            auto_approve: auto_approve.map(serde_json::from_value).transpose().map_err(Error::internal)?,
            id: row.slug,
            display_name: row.display_name,
            description: row.description,
            priority: row.priority,
            allow_self: row.allow_self,
            distinct_across_stages: row.distinct_across_stages,
            ttl_seconds: row.ttl_seconds,
            active: row.active,
        },
    })
}

/// Names and versions of the guardrails that applied: a plan is bound to them.
pub fn versions(results: &[PolicyResult]) -> Vec<(String, i32)> {
    results.iter().map(|result| (result.policy.clone(), result.version)).collect()
}

/// The verdicts as they are stored with a request.
pub fn results_to_json(results: &[PolicyResult]) -> Value {
    Value::Array(
        results
            .iter()
            .map(|result| {
                serde_json::json!({
                    "policy": result.policy,
                    "version": result.version,
                    "enforced": result.enforced,
                    "violations": result.violations,
                })
            })
            .collect(),
    )
}

/// The verdicts as people see them.
pub fn results_to_proto(results: &[PolicyResult]) -> Vec<pb::PolicyResult> {
    results
        .iter()
        .map(|result| pb::PolicyResult {
            policy: result.policy.clone(),
            version: result.version,
            enforced: result.enforced,
            violated: !result.violations.is_empty(),
            violations: result
                .violations
                .iter()
                .map(|violation| pb::PolicyViolation {
                    policy: violation.policy.clone(),
                    field: violation.field.clone(),
                    message: violation.message.clone(),
                    fix: violation.fix.clone(),
                    enforced: violation.enforced,
                })
                .collect(),
        })
        .collect()
}

/// What people, or the policy itself, will have to say.
pub fn required_approvals(policy: &ApprovalPolicy, route: &Route<'_>) -> Vec<pb::RequiredApproval> {
    let name = format!("approvalPolicies/{}", policy.id);
    match route {
        Route::Automatic { reason } => vec![pb::RequiredApproval {
            approval_policy: name,
            stage: String::new(),
            quorum: 0,
            approvers: Vec::new(),
            auto_approved_reason: reason.clone(),
        }],
        Route::People { stages, .. } => stages
            .iter()
            .map(|stage| pb::RequiredApproval {
                approval_policy: name.clone(),
                stage: stage.title.clone(),
                quorum: i32::try_from(stage.quorum).unwrap_or(i32::MAX),
                approvers: stage.approvers.iter().map(ToString::to_string).collect(),
                auto_approved_reason: String::new(),
            })
            .collect(),
    }
}
