//! The main line's objects as the ledger records them: which fields people see change. Secrets are masked in the rows
//! already; sealed columns never get here.

use flagstone_db::approval::ApprovalRow;
use flagstone_db::deployment::DeploymentRow;
use flagstone_db::request::RequestRow;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::ledger::ObjectRef;
use crate::tx::Tx;

/// Resource name of a unit, by its row id.
pub fn unit_name(tx: &Tx, business_unit_id: Uuid) -> Result<String> {
    tx.directory
        .unit_by_id(business_unit_id)
        .map(|unit| unit.name.to_string())
        .ok_or_else(|| Error::internal(format!("unit {business_unit_id} is not in the directory")))
}

/// Resource name of a request.
pub fn request_name(tx: &Tx, request: &RequestRow) -> Result<String> {
    Ok(format!("{}/requests/{}", unit_name(tx, request.business_unit_id)?, request.id))
}

/// Resource name of a deployment.
pub fn deployment_name(tx: &Tx, deployment: &DeploymentRow) -> Result<String> {
    Ok(format!("{}/deployments/{}", unit_name(tx, deployment.business_unit_id)?, deployment.slug))
}

/// Records what happened to a request.
pub fn record_request(tx: &mut Tx, before: Option<&RequestRow>, after: &RequestRow) -> Result<()> {
    let object = ObjectRef {
        object_type: "request",
        name: request_name(tx, after)?,
        id: after.id,
        business_unit_id: Some(after.business_unit_id),
    };
    tx.record(object, before.map(request).as_ref(), Some(&request(after)));
    Ok(())
}

/// Records what happened to a deployment.
pub fn record_deployment(tx: &mut Tx, before: Option<&DeploymentRow>, after: &DeploymentRow) -> Result<()> {
    let object = ObjectRef {
        object_type: "deployment",
        name: deployment_name(tx, after)?,
        id: after.id,
        business_unit_id: Some(after.business_unit_id),
    };
    tx.record(object, before.map(deployment).as_ref(), Some(&deployment(after)));
    Ok(())
}

/// Records what happened to an approval.
pub fn record_approval(tx: &mut Tx, before: Option<&ApprovalRow>, after: &ApprovalRow) {
    let object = ObjectRef {
        object_type: "approval",
        name: format!("approvals/{}", after.id),
        id: after.id,
        business_unit_id: Some(after.business_unit_id),
    };
    tx.record(object, before.map(approval).as_ref(), Some(&approval(after)));
}

fn request(row: &RequestRow) -> Value {
    json!({
        "code": format!("R-{}", row.number),
        "kind": row.kind,
        "title": row.title,
        "description": row.description,
        "requester": row.requester,
        "tier": row.tier,
        "payload": row.payload,
        "tags": row.tags,
        "content_hash": row.content_hash,
        "content_revision": row.content_revision,
        "state": row.state,
        "failed_phase": row.failed_phase,
        "error": row.error,
        "plan": row.plan_id,
        "approval": row.approval_id,
        "jobs": row.job_ids,
        "revision": row.revision_number,
    })
}

fn deployment(row: &DeploymentRow) -> Value {
    json!({
        "display_name": row.display_name,
        "state": row.state,
        "tier": row.tier,
        "owner": row.owner,
        "inputs": row.inputs,
        "outputs": row.outputs,
        "tags": row.tags,
        "cost_center": row.cost_center,
        "project_code": row.project_code,
        "current_revision": row.current_revision,
        "resource_count": row.resource_count,
    })
}

fn approval(row: &ApprovalRow) -> Value {
    json!({
        "state": row.state,
        "current_stage": row.current_stage,
        "method": row.method,
        "policy_reason": row.policy_reason,
        "content_hash": row.content_hash,
        "plan_digest": row.plan_digest,
        "stages": row.stages,
    })
}
