//! Requests, plans and timelines as the contract shows them.

use std::collections::HashMap;

use flagstone_api::pb;
use flagstone_api::pb::request::Payload;
use flagstone_core::etag::Etag;
use flagstone_core::names::{RequestName, parse};
use flagstone_core::plan::{Action, PlanChanges};
use flagstone_core::request::RequestKind;
use flagstone_core::tier::Tier;
use flagstone_core::{Error as CoreError, page};
use flagstone_db::plan::{PlanRow, PlanSummaryRow};
use flagstone_db::request::{RequestEventRow, RequestRow};
use flagstone_db::{Connection, deployment, environment, plan, request};
use serde_json::Value;
use uuid::Uuid;

use crate::convert::{json_to_struct, tier_to_proto, timestamp, value_to_proto};
use crate::cx::{Admitted, Cx, Facts, Read, Target};
use crate::error::{Error, Result};
use crate::flow;

/// What allows to know that a request exists.
pub const REQUEST_READABLE: &[&str] = &["business_unit:requests:read", "user:requests:read:own"];

/// What only a request can tell of itself. Its team is that of its deployment; to read it, that does not matter (rule 8).
pub fn facts<'a>(name: &'a str, row: &RequestRow, team_id: Option<Uuid>) -> Result<Facts<'a>> {
    let tier = flow::request::tier_of(row)?;
    let creator_id = Some(row.requester_id);
    Ok(Facts { tier: Some(tier), creator_id, team_id, ..Facts::of(name, REQUEST_READABLE) })
}

/// Requests as the contract shows them, in the order of the rows. Three look-ups, whatever their number.
pub async fn to_proto(conn: &Connection, admitted: &Admitted, rows: &[RequestRow]) -> Result<Vec<pb::Request>> {
    let organization_id = admitted.organization_id();
    let plan_ids: Vec<Uuid> = rows.iter().filter_map(|row| row.plan_id).collect();
    let deployment_ids: Vec<Uuid> = rows.iter().filter_map(|row| row.deployment_id).collect();
    let environment_ids: Vec<Uuid> = rows.iter().map(|row| row.environment_id).collect();
    let (plans, deployments, environments) = futures::try_join!(
        plan::summaries(conn, organization_id, &plan_ids),
        deployment::slugs(conn, organization_id, &deployment_ids),
        environment::slugs(conn, organization_id, &environment_ids),
    )?;
    let plans: HashMap<Uuid, PlanSummaryRow> = plans.into_iter().map(|plan| (plan.id, plan)).collect();
    let deployments: HashMap<Uuid, String> = deployments.into_iter().collect();
    let environments: HashMap<Uuid, String> = environments.into_iter().collect();
    rows.iter()
        .map(|row| {
            let unit = admitted
                .user
                .directory
                .unit_by_id(row.business_unit_id)
                .ok_or_else(|| Error::internal("a request's unit is not in the directory"))?
                .name
                .to_string();
            let deployment = row.deployment_id.and_then(|id| deployments.get(&id));
            let deployment = deployment.map(|slug| format!("{unit}/deployments/{slug}")).unwrap_or_default();
            let environment = environments.get(&row.environment_id);
            one(
                row,
                &unit,
                deployment,
                environment.map(|slug| format!("{unit}/environments/{slug}")).unwrap_or_default(),
                row.plan_id.and_then(|id| plans.get(&id)),
            )
        })
        .collect()
}

fn one(
    row: &RequestRow,
    unit: &str,
    deployment: String,
    environment: String,
    plan: Option<&PlanSummaryRow>,
) -> Result<pb::Request> {
    let mut tags: std::collections::BTreeMap<String, String> =
        serde_json::from_value(row.tags.clone()).map_err(Error::internal)?;
    tags.remove(flagstone_core::tags::BUSINESS_UNIT);
    Ok(pb::Request {
        name: format!("{unit}/requests/{}", row.id),
        code: format!("R-{}", row.number),
        kind: kind(&row.kind)?.into(),
        title: row.title.clone(),
        description: row.description.clone(),
        payload: Some(payload(row)?),
        tags,
        requester: row.requester.clone(),
        environment,
        tier: tier(&row.tier)?.into(),
        revision: match row.revision_number {
            Some(number) if row.state == "COMPLETED" => format!("{deployment}/revisions/{number}"),
            _ => String::new(),
        },
        deployment,
        content_hash: row.content_hash.clone(),
        content_revision: row.content_revision,
        plan: plan.map(summary_to_proto),
        approval: row.approval_id.map(|id| format!("approvals/{id}")).unwrap_or_default(),
        jobs: row.job_ids.iter().map(|id| format!("jobs/{id}")).collect(),
        state: state(&row.state)?.into(),
        failed_phase: match row.failed_phase.as_deref() {
            Some(phase) => pb::FailedPhase::from_str_name(&format!("FAILED_PHASE_{phase}")).unwrap_or_default().into(),
            None => pb::FailedPhase::Unspecified.into(),
        },
        error: row.error.as_ref().map(error_to_proto),
        policy_results: policy_results(&row.policy_results),
        create_time: Some(timestamp(row.create_time)),
        update_time: Some(timestamp(row.update_time)),
        creator: row.creator.clone(),
        etag: Etag::of(row.revision),
        effects: None,
    })
}

/// A kind as the contract numbers it.
pub fn kind(stored: &str) -> Result<pb::RequestKind> {
    pb::RequestKind::from_str_name(&format!("REQUEST_KIND_{stored}"))
        .ok_or_else(|| Error::internal(format!("`{stored}` is no kind of request")))
}

/// A state as the contract numbers it.
pub fn state(stored: &str) -> Result<pb::RequestState> {
    pb::RequestState::from_str_name(&format!("REQUEST_STATE_{stored}"))
        .ok_or_else(|| Error::internal(format!("`{stored}` is no state of a request")))
}

/// A tier as the contract numbers it.
pub fn tier(stored: &str) -> Result<pb::Tier> {
    Ok(tier_to_proto(stored.parse::<Tier>().map_err(Error::internal)?))
}

/// A plan in short.
pub fn summary_to_proto(row: &PlanSummaryRow) -> pb::PlanSummary {
    pb::PlanSummary {
        digest: row.digest.clone(),
        add: row.add_count,
        change: row.change_count,
        destroy: row.destroy_count,
        create_time: Some(timestamp(row.create_time)),
        expire_time: Some(timestamp(row.expire_time)),
    }
}

/// A stored error as people read it.
pub fn error_to_proto(stored: &Value) -> pb::OperationError {
    let text = |key: &str| stored.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    pb::OperationError { error_class: text("error_class"), message: text("message"), suggestion: text("suggestion") }
}

fn payload(row: &RequestRow) -> Result<Payload> {
    let text = |key: &str| row.payload.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let inputs = || row.payload.get("inputs").map(json_to_struct);
    Ok(match flow::request::kind_of(row)? {
        RequestKind::Create => Payload::Create(pb::CreatePayload {
            template_version: text("template_version"),
            environment: text("environment"),
            deployment_id: text("deployment_id"),
            display_name: text("display_name"),
            inputs: inputs(),
            cost_center: text("cost_center"),
            project_code: text("project_code"),
        }),
        RequestKind::Update => Payload::Update(pb::UpdatePayload {
            deployment: text("deployment"),
            template_version: text("template_version"),
            inputs: inputs(),
        }),
        RequestKind::Destroy => Payload::Destroy(pb::DestroyPayload { deployment: text("deployment") }),
    })
}

fn policy_results(stored: &Value) -> Vec<pb::PolicyResult> {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let list = |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    stored
        .as_array()
        .into_iter()
        .flatten()
        .map(|result| {
            let enforced = result.get("enforced").and_then(Value::as_bool).unwrap_or(true);
            let violations: Vec<pb::PolicyViolation> = list(result, "violations")
                .iter()
                .map(|violation| pb::PolicyViolation {
                    policy: text(violation, "policy"),
                    field: text(violation, "field"),
                    message: text(violation, "message"),
                    fix: text(violation, "fix"),
                    enforced,
                })
                .collect();
            pb::PolicyResult {
                policy: text(result, "policy"),
                version: result.get("version").and_then(Value::as_i64).and_then(|n| n.try_into().ok()).unwrap_or(0),
                enforced,
                violated: !violations.is_empty(),
                violations,
            }
        })
        .collect()
}

/// A plan with everything that people may see of it.
pub fn plan_to_proto(read: &Read, row: &RequestRow, found: PlanRow) -> Result<pb::Plan> {
    let changes: PlanChanges = serde_json::from_value(found.changes).map_err(Error::internal)?;
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok(pb::Plan {
        request: format!("{}/requests/{}", read.unit()?.name, row.id),
        job: format!("jobs/{}", found.job_id),
        summary: Some(pb::PlanSummary {
            digest: found.digest,
            add: found.add_count,
            change: found.change_count,
            destroy: found.destroy_count,
            create_time: Some(timestamp(found.create_time)),
            expire_time: Some(timestamp(found.expire_time)),
        }),
        changes: changes.resources.into_iter().map(resource_to_proto).collect(),
        outputs: changes
            .outputs
            .into_iter()
            .map(|output| pb::OutputChange {
                output: output.name,
                before: output.before.as_ref().map(value_to_proto),
                after: output.after.as_ref().map(value_to_proto),
                unknown: output.unknown,
                sensitive: output.sensitive,
            })
            .collect(),
        text: found.text,
        truncated: found.truncated,
        differences: found
            .differences
            .as_array()
            .into_iter()
            .flatten()
            .map(|difference| pb::PlanDifference {
                path: text(difference, "path"),
                approved: text(difference, "approved"),
                current: text(difference, "current"),
            })
            .collect(),
        provider_lock_hash: found.provider_lock_hash,
        state_lineage: found.state_lineage,
        state_serial: found.state_serial,
        file_sha256: found.file_sha256,
    })
}

fn resource_to_proto(resource: flagstone_core::plan::ResourceChange) -> pb::ResourceChange {
    pb::ResourceChange {
        address: resource.address,
        r#type: resource.kind,
        provider: resource.provider,
        action: match resource.action {
            Action::Create => pb::ResourceAction::Create,
            Action::Read => pb::ResourceAction::Read,
            Action::Update => pb::ResourceAction::Update,
            Action::Replace => pb::ResourceAction::Replace,
            Action::Destroy => pb::ResourceAction::Destroy,
            Action::Forget => pb::ResourceAction::Forget,
            Action::Move => pb::ResourceAction::Move,
            Action::Import => pb::ResourceAction::Import,
            Action::NoOp => pb::ResourceAction::Unspecified,
        }
        .into(),
        attributes: resource
            .attributes
            .into_iter()
            .map(|attribute| pb::AttributeChange {
                path: attribute.path,
                before: attribute.before.as_ref().map(value_to_proto),
                after: attribute.after.as_ref().map(value_to_proto),
                unknown: attribute.unknown,
                sensitive: attribute.before_sensitive || attribute.after_sensitive,
                forces_replacement: attribute.forces_replacement,
            })
            .collect(),
        reason: resource.reason.unwrap_or_default(),
        previous_address: resource.moved_from.unwrap_or_default(),
    }
}

/// Entries of a timeline as the contract shows them.
pub fn timeline_to_proto(rows: Vec<RequestEventRow>) -> Result<Vec<pb::TimelineEntry>> {
    rows.into_iter()
        .map(|row| {
            Ok(pb::TimelineEntry {
                number: row.number,
                state: state(&row.state)?.into(),
                event: row.event,
                principal: row.principal,
                comment: row.comment,
                object: row.object,
                time: Some(timestamp(row.time)),
            })
        })
        .collect()
}

/// One page of a timeline. Its pages are numbered by the entries themselves.
pub async fn list_request_timeline(
    cx: Cx,
    req: pb::ListRequestTimelineRequest,
) -> Result<pb::ListRequestTimelineResponse> {
    let name: RequestName = parse(&req.parent, "parent")?;
    let read = cx.read(Target::in_unit(&name, name.business_unit())).await?;
    let organization_id = read.organization_id();
    let row = request::find(read.conn(), organization_id, read.unit()?.id, name.id())
        .await?
        .ok_or_else(|| CoreError::not_found(&name))?;
    read.check(&facts(&name.to_string(), &row, None)?).await?;
    let size = page::page_size(req.page_size)?;
    let key = cx.app.vault.derive_key("page-token");
    let scope = page::scope_hash(organization_id, &cx.method.path, &[&row.id.to_string()]);
    let after = match req.page_token.as_str() {
        "" => 0,
        token => match page::PageToken::open(&key, scope, token)?.values.as_slice() {
            [page::KeyPart::Int(number)] => i32::try_from(*number).map_err(Error::internal)?,
            _ => return Err(Error::internal("a page token of this list has one number")),
        },
    };
    let mut rows = request::events(read.conn(), organization_id, row.id, after, i64::from(size) + 1).await?;
    let more = rows.len() > size as usize;
    rows.truncate(size as usize);
    let next_page_token = match rows.last() {
        Some(last) if more => {
            let key_of_last = page::PageKey { values: vec![page::KeyPart::Int(i64::from(last.number))] };
            page::PageToken::seal(&key, scope, &key_of_last)?
        }
        _ => String::new(),
    };
    Ok(pb::ListRequestTimelineResponse { entries: timeline_to_proto(rows)?, next_page_token })
}
