//! What people do to a request, and what follows from it at once: submit, change, cancel, retry.

use flagstone_api::pb;
use flagstone_core::deployment::{DeploymentEvent, DeploymentState, RevisionEvent, RevisionState};
use flagstone_core::job::{JobKind, JobOperation, QueueName};
use flagstone_core::machine::StateMachine;
use flagstone_core::request::{FailedPhase, RequestEvent, RequestKind, RequestState};
use flagstone_core::tier::Tier;
use flagstone_core::{Error as CoreError, Reason};
use flagstone_db::deployment::{DeploymentChange, DeploymentRow, NewDeployment};
use flagstone_db::job::JobRow;
use flagstone_db::queue::NewJob;
use flagstone_db::request::{NewEvent, NewRequest, RequestChange, RequestRow};
use flagstone_db::template::TemplateVersionRow;
use flagstone_db::{deployment, plan, queue, request, revision, template};
use serde_json::{Value, json};
use uuid::Uuid;

use super::approval::supersede;
use super::content::Proposal;
use super::objects::{self, record_deployment, record_request};
use super::secrets::{self, Owner};
use super::{job as jobs, policies};
use crate::directory::Unit;
use crate::error::{Error, Result};
use crate::tx::Tx;

/// Attempts of a plan, which has no side effects.
const PLAN_ATTEMPTS: i32 = 3;

/// Attempts of an apply: only one that has not started to change anything is tried again.
const APPLY_ATTEMPTS: i32 = 3;

/// Stores a request, and unless it is a draft sends it on its way.
pub async fn create(tx: &mut Tx, unit: &Unit, proposal: &Proposal, draft: bool) -> Result<RequestRow> {
    let (organization_id, requester) = (tx.organization_id, tx.principal.clone());
    let requester_id = tx.admitted()?.user.id;
    let id = Uuid::now_v7();
    let number = request::next_number(tx, organization_id).await?;
    let deployment = match (&proposal.deployment, draft) {
        (None, true) => None,
        (None, false) => Some(reserve(tx, unit, proposal, id, number).await?),
        (Some(target), true) => Some(target.clone()),
        (Some(target), false) => Some(occupy(tx, target.id, id).await?),
    };
    let state = RequestState::initial(draft);
    let inputs_ciphertext =
        secrets::seal(&tx.app.vault, organization_id, Owner::Request(id), "inputs", &proposal.inputs)?;
    let row = request::insert(
        tx,
        &NewRequest {
            id,
            organization_id,
            business_unit_id: unit.id,
            number,
            kind: proposal.kind.as_str(),
            title: &proposal.title,
            description: &proposal.description,
            requester_id,
            requester: &requester,
            environment_id: proposal.environment.id,
            tier: proposal.tier.as_str(),
            deployment_id: deployment.map(|deployment| deployment.id),
            template_version_id: proposal.version.id,
            payload: &proposal.payload,
            tags: &serde_json::to_value(&proposal.tags).map_err(Error::internal)?,
            inputs_ciphertext: &inputs_ciphertext,
            content_hash: &proposal.content_hash,
            state: state.as_str(),
            policy_results: &policies::results_to_json(&proposal.policy_results),
            creator: &requester,
        },
    )
    .await?;
    tx.about(objects::request_name(tx, &row)?);
    tx.ledger.policies(policies::results_to_proto(&proposal.policy_results));
    let row = if draft {
        add_event(tx, &row, "drafted", "", "").await?;
        row
    } else {
        add_event(tx, &row, "submitted", "", "").await?;
        enqueue_plan(tx, row, &proposal.version).await?
    };
    record_request(tx, None, &row)?;
    Ok(row)
}

/// Sends a draft on its way. `proposal` is its content, checked anew.
pub async fn submit(tx: &mut Tx, unit: &Unit, draft: &RequestRow, proposal: &Proposal) -> Result<RequestRow> {
    let name = objects::request_name(tx, draft)?;
    let state = state_of(draft)?.next(RequestEvent::Submit, &name)?;
    let deployment = match &proposal.deployment {
        None => reserve(tx, unit, proposal, draft.id, draft.number).await?,
        Some(target) => occupy(tx, target.id, draft.id).await?,
    };
    let change = RequestChange {
        state: Some(state.to_string()),
        deployment_id: Some(Some(deployment.id)),
        ..content_change(tx, draft.id, proposal)?
    };
    let row = request::update(tx, draft, &change).await?;
    tx.ledger.policies(policies::results_to_proto(&proposal.policy_results));
    add_event(tx, &row, "submitted", "", "").await?;
    let row = enqueue_plan(tx, row, &proposal.version).await?;
    record_request(tx, Some(draft), &row)?;
    Ok(row)
}

/// Gives a request new content before its apply starts. What was planned and approved for the old content is void.
pub async fn change_content(tx: &mut Tx, before: &RequestRow, proposal: &Proposal) -> Result<RequestRow> {
    let name = objects::request_name(tx, before)?;
    let same = before.content_hash == proposal.content_hash;
    let event = RequestEvent::ContentChanged;
    // Also where only the title changes: a request that is being applied is nobody's to edit.
    let state = state_of(before)?.next(event, &name)?;
    if same {
        let change = RequestChange {
            title: Some(proposal.title.clone()),
            description: Some(proposal.description.clone()),
            ..RequestChange::default()
        };
        let row = request::update(tx, before, &change).await?;
        record_request(tx, Some(before), &row)?;
        return Ok(row);
    }
    let planned = state != RequestState::Draft;
    if planned {
        supersede(tx, before).await?;
        void_revision(tx, before).await?;
        stop_jobs(tx, before).await?;
        plan::discard_files(tx, before.organization_id, before.id, None).await?;
        if proposal.kind == RequestKind::Create {
            rereserve(tx, before, proposal).await?;
        }
    }
    let change = RequestChange {
        state: Some(state.to_string()),
        content_revision: Some(before.content_revision + 1),
        error: Some(None),
        plan_id: Some(None),
        approval_id: Some(None),
        revision_number: Some(None),
        ..content_change(tx, before.id, proposal)?
    };
    let row = request::update(tx, before, &change).await?;
    tx.ledger.policies(policies::results_to_proto(&proposal.policy_results));
    add_event(tx, &row, "changed", "", "").await?;
    let row = if planned { enqueue_plan(tx, row, &proposal.version).await? } else { row };
    record_request(tx, Some(before), &row)?;
    Ok(row)
}

/// Takes a request back.
pub async fn cancel(tx: &mut Tx, before: &RequestRow, reason: &str) -> Result<RequestRow> {
    let name = objects::request_name(tx, before)?;
    let event = RequestEvent::Cancel { apply_ever_started: before.apply_started };
    let state = state_of(before)?.next(event, &name)?;
    let row = request::update(tx, before, &to_state(state)).await?;
    add_event(tx, &row, "cancelled", reason, "").await?;
    super::approval::withdraw(tx, before).await?;
    void_revision(tx, before).await?;
    stop_jobs(tx, before).await?;
    plan::discard_files(tx, before.organization_id, before.id, None).await?;
    give_up_reservation(tx, before).await?;
    record_request(tx, Some(before), &row)?;
    Ok(row)
}

/// Sends a failed request on its way again, with a fresh plan.
pub async fn retry(tx: &mut Tx, before: &RequestRow) -> Result<RequestRow> {
    let name = objects::request_name(tx, before)?;
    let state = state_of(before)?.next(RequestEvent::Retry, &name)?;
    let deployment_id = before.deployment_id.ok_or_else(|| Error::internal("a failed request has no deployment"))?;
    occupy(tx, deployment_id, before.id).await?;
    supersede(tx, before).await?;
    let change = RequestChange {
        failed_phase: Some(None),
        error: Some(None),
        plan_id: Some(None),
        approval_id: Some(None),
        revision_number: Some(None),
        ..to_state(state)
    };
    let row = request::update(tx, before, &change).await?;
    add_event(tx, &row, "retried", "", "").await?;
    let version = version(tx, &row).await?;
    let row = enqueue_plan(tx, row, &version).await?;
    record_request(tx, Some(before), &row)?;
    Ok(row)
}

/// Sends a request whose plan failed back to PLANNING, since the job that makes it is replayed. Only what must hold for a
/// retry is asked; nothing is enqueued.
pub(super) async fn replay_plan(tx: &mut Tx, before: &RequestRow, job: &str) -> Result<RequestRow> {
    let name = objects::request_name(tx, before)?;
    let state = state_of(before)?.next(RequestEvent::Retry, &name)?;
    let deployment_id = before.deployment_id.ok_or_else(|| Error::internal("a failed request has no deployment"))?;
    occupy(tx, deployment_id, before.id).await?;
    let change = RequestChange { failed_phase: Some(None), error: Some(None), ..to_state(state) };
    let row = request::update(tx, before, &change).await?;
    add_event(tx, &row, "replayed", "", job).await?;
    record_request(tx, Some(before), &row)?;
    Ok(row)
}

/// Writes that a request failed, with what people read about it.
pub(super) async fn fail(
    tx: &mut Tx,
    before: &RequestRow,
    event: RequestEvent,
    error: &Value,
    job: &str,
) -> Result<RequestRow> {
    let name = objects::request_name(tx, before)?;
    let state = state_of(before)?.next(event, &name)?;
    let phase = event.failed_phase().unwrap_or(FailedPhase::Apply);
    let change = RequestChange {
        failed_phase: Some(Some(phase.to_string())),
        error: Some(Some(error.clone())),
        ..to_state(state)
    };
    let row = request::update(tx, before, &change).await?;
    let comment = error.get("message").and_then(Value::as_str).unwrap_or_default();
    add_event(tx, &row, "failed", comment, job).await?;
    record_request(tx, Some(before), &row)?;
    Ok(row)
}

/// Adds to the timeline, by whoever acts.
pub(super) async fn add_event(tx: &mut Tx, row: &RequestRow, event: &str, comment: &str, object: &str) -> Result<()> {
    let principal = tx.principal.clone();
    request::add_event(tx, row, &NewEvent { event, principal: &principal, comment, object }).await?;
    Ok(())
}

/// The state of a row.
pub fn state_of(row: &RequestRow) -> Result<RequestState> {
    row.state.parse().map_err(Error::internal)
}

/// The kind of a row.
pub fn kind_of(row: &RequestRow) -> Result<RequestKind> {
    row.kind.parse().map_err(Error::internal)
}

/// The tier of a row.
pub fn tier_of(row: &RequestRow) -> Result<Tier> {
    row.tier.parse().map_err(Error::internal)
}

/// The template version a request is about.
pub(super) async fn version(tx: &Tx, row: &RequestRow) -> Result<TemplateVersionRow> {
    template::version_by_id(tx, row.organization_id, row.template_version_id)
        .await?
        .ok_or_else(|| Error::internal("a request's template version is gone"))
}

/// A change of the state and of nothing else.
pub(super) fn to_state(state: RequestState) -> RequestChange {
    RequestChange { state: Some(state.to_string()), ..RequestChange::default() }
}

/// Enqueues the plan of a request's current content.
pub(super) async fn enqueue_plan(tx: &mut Tx, row: RequestRow, version: &TemplateVersionRow) -> Result<RequestRow> {
    enqueue(tx, row, version, JobKind::Plan, PLAN_ATTEMPTS).await.map(|(row, _)| row)
}

/// Enqueues the apply of a request's approved plan.
pub(super) async fn enqueue_apply(
    tx: &mut Tx,
    row: RequestRow,
    version: &TemplateVersionRow,
) -> Result<(RequestRow, JobRow)> {
    enqueue(tx, row, version, JobKind::Apply, APPLY_ATTEMPTS).await
}

async fn enqueue(
    tx: &mut Tx,
    row: RequestRow,
    version: &TemplateVersionRow,
    kind: JobKind,
    max_attempts: i32,
) -> Result<(RequestRow, JobRow)> {
    let deployment_id = row.deployment_id.ok_or_else(|| Error::internal("a request under way has no deployment"))?;
    let (correlation_id, trigger) = (tx.call.correlation_id.clone(), tx.principal.clone());
    // The hold is of the deployment: plans and applies of it take turns.
    let concurrency_key = format!("deployments/{deployment_id}");
    let idempotency_key = format!("requests/{}/{}", row.id, row.job_ids.len() + 1);
    let job = queue::enqueue(
        tx,
        &NewJob {
            id: Uuid::now_v7(),
            organization_id: row.organization_id,
            business_unit_id: row.business_unit_id,
            kind,
            operation: JobOperation::from(kind_of(&row)?),
            request_id: row.id,
            deployment_id,
            content_revision: row.content_revision,
            template_version_id: version.id,
            plan_id: if kind == JobKind::Apply { row.plan_id } else { None },
            queue: QueueName::Default,
            concurrency_key: &concurrency_key,
            idempotency_key: &idempotency_key,
            max_attempts,
            soft_timeout_seconds: version.soft_timeout_seconds,
            hard_timeout_seconds: version.hard_timeout_seconds,
            trigger: &trigger,
            correlation_id: &correlation_id,
            run_after_time: None,
        },
    )
    .await?;
    jobs::record(tx, None, &job);
    let fleet = queue::stats::fleet(tx, row.organization_id, &version.engine).await?;
    tx.ledger.job(pb::EnqueuedJob {
        kind: kind.to_string(),
        subject: objects::request_name(tx, &row)?,
        concurrency_key,
        warning: nobody_takes(fleet, &version.engine),
    });
    let job_ids = row.job_ids.iter().copied().chain([job.id]).collect();
    let row = request::update(tx, &row, &RequestChange { job_ids: Some(job_ids), ..RequestChange::default() }).await?;
    Ok((row, job))
}

/// What is said at once of a job that would wait for ever as things are; nothing of any other.
fn nobody_takes(fleet: queue::stats::Fleet, engine: &str) -> String {
    match fleet {
        queue::stats::Fleet { engine_known: true, .. } => String::new(),
        queue::stats::Fleet { any: false, .. } => {
            "No runner is registered: the job waits until there is one.".to_owned()
        }
        _ => format!("No runner that is registered has the engine {engine}: the job waits until one has."),
    }
}

/// Reserves the deployment that a CREATE asks for.
async fn reserve(
    tx: &mut Tx,
    unit: &Unit,
    proposal: &Proposal,
    request_id: Uuid,
    number: i64,
) -> Result<DeploymentRow> {
    let (organization_id, owner) = (tx.organization_id, tx.principal.clone());
    let owner_id = tx.admitted()?.user.id;
    let id = Uuid::now_v7();
    let made = format!("{}-r{number}", proposal.template.slug);
    let slug = if proposal.deployment_id.is_empty() { &made } else { &proposal.deployment_id };
    let display_name = if proposal.display_name.is_empty() { slug } else { &proposal.display_name };
    let name = format!("{}/deployments/{slug}", unit.name);
    let inputs_ciphertext =
        secrets::seal(&tx.app.vault, organization_id, Owner::Deployment(id), "inputs", &proposal.inputs)?;
    let row = deployment::insert(
        tx,
        &NewDeployment {
            id,
            organization_id,
            business_unit_id: unit.id,
            slug,
            display_name,
            state: DeploymentState::Pending.as_str(),
            environment_id: proposal.environment.id,
            tier: proposal.tier.as_str(),
            template_id: proposal.template.id,
            template_version_id: proposal.version.id,
            provider: &proposal.template.provider,
            region: &proposal.environment.region,
            owner_id,
            owner: &owner,
            inputs: &proposal.shown_inputs,
            inputs_ciphertext: &inputs_ciphertext,
            tags: &serde_json::to_value(&proposal.tags).map_err(Error::internal)?,
            cost_center: &proposal.cost_center,
            project_code: &proposal.project_code,
            last_request_id: request_id,
            creator: &owner,
        },
    )
    .await
    .map_err(|error| error.about(&name))?;
    record_deployment(tx, None, &row)?;
    Ok(row)
}

/// Brings the reservation of a CREATE in line with its new content.
async fn rereserve(tx: &mut Tx, request: &RequestRow, proposal: &Proposal) -> Result<()> {
    let Some(before) = locked_deployment(tx, request).await? else { return Ok(()) };
    let owner = Owner::Deployment(before.id);
    let change = DeploymentChange {
        display_name: (!proposal.display_name.is_empty()).then(|| proposal.display_name.clone()),
        environment_id: Some(proposal.environment.id),
        tier: Some(proposal.tier.to_string()),
        template_id: Some(proposal.template.id),
        template_version_id: Some(proposal.version.id),
        provider: Some(proposal.template.provider.clone()),
        region: Some(proposal.environment.region.clone()),
        inputs: Some(proposal.shown_inputs.clone()),
        inputs_ciphertext: Some(secrets::seal(
            &tx.app.vault,
            before.organization_id,
            owner,
            "inputs",
            &proposal.inputs,
        )?),
        tags: Some(serde_json::to_value(&proposal.tags).map_err(Error::internal)?),
        cost_center: Some(proposal.cost_center.clone()),
        project_code: Some(proposal.project_code.clone()),
        ..DeploymentChange::default()
    };
    let after = deployment::update(tx, &before, &change).await?;
    record_deployment(tx, Some(&before), &after)
}

/// Takes a deployment for a request: nothing else may be under way on it.
async fn occupy(tx: &mut Tx, deployment_id: Uuid, request_id: Uuid) -> Result<DeploymentRow> {
    let organization_id = tx.organization_id;
    let before = deployment::lock(tx, organization_id, deployment_id)
        .await?
        .ok_or_else(|| Error::internal("a request's deployment is gone"))?;
    if let Some(other) = request::under_way(tx, organization_id, deployment_id).await? {
        let name = objects::request_name(tx, &other)?;
        let deployment = objects::deployment_name(tx, &before)?;
        return Err(CoreError::aborted(
            Reason::OperationInProgress,
            format!(
                "R-{} ({name}) is {} and changes {deployment}. Wait for it, or ask {} or someone with \
                 business_unit:requests:cancel to cancel it.",
                other.number, other.state, other.requester
            ),
        )
        .with("name", &name)
        .with("code", &format!("R-{}", other.number))
        .with("state", &other.state)
        .with("who_may_cancel", &format!("{}, business_unit:requests:cancel", other.requester))
        .into());
    }
    let change = DeploymentChange { last_request_id: Some(Some(request_id)), ..DeploymentChange::default() };
    Ok(deployment::update(tx, &before, &change).await?)
}

/// Gives up a deployment that was only reserved, so that its id is free again.
pub(super) async fn give_up_reservation(tx: &mut Tx, request: &RequestRow) -> Result<()> {
    if kind_of(request)? != RequestKind::Create {
        return Ok(());
    }
    let Some(before) = locked_deployment(tx, request).await? else { return Ok(()) };
    if before.provisioned {
        return Ok(());
    }
    let name = objects::deployment_name(tx, &before)?;
    let state: DeploymentState = before.state.parse().map_err(Error::internal)?;
    let state = state.next(DeploymentEvent::NeverApplied, &name)?;
    let change = DeploymentChange { state: Some(state.to_string()), ..DeploymentChange::default() };
    let after = deployment::update(tx, &before, &change).await?;
    record_deployment(tx, Some(&before), &after)
}

/// The deployment of a request, locked.
pub(super) async fn locked_deployment(tx: &mut Tx, request: &RequestRow) -> Result<Option<DeploymentRow>> {
    let Some(id) = request.deployment_id else { return Ok(None) };
    Ok(deployment::lock(tx, request.organization_id, id).await?)
}

/// Asks for the end of whatever a request still has running or waiting.
async fn stop_jobs(tx: &mut Tx, request: &RequestRow) -> Result<()> {
    if let Some(last) = request.job_ids.last() {
        jobs::stop(tx, *last).await?;
    }
    Ok(())
}

/// Cancels the revision that an approved request had queued.
pub(super) async fn void_revision(tx: &mut Tx, request: &RequestRow) -> Result<()> {
    let (Some(deployment_id), Some(number)) = (request.deployment_id, request.revision_number) else { return Ok(()) };
    let organization_id = request.organization_id;
    let Some(found) = revision::get(tx, organization_id, deployment_id, number).await? else { return Ok(()) };
    let state: RevisionState = found.state.parse().map_err(Error::internal)?;
    if let Some(next) = state.step(RevisionEvent::Cancelled) {
        revision::end(tx, organization_id, deployment_id, number, next.as_str(), None).await?;
    }
    Ok(())
}

/// The columns that hold a request's content.
fn content_change(tx: &Tx, id: Uuid, proposal: &Proposal) -> Result<RequestChange> {
    Ok(RequestChange {
        title: Some(proposal.title.clone()),
        description: Some(proposal.description.clone()),
        environment_id: Some(proposal.environment.id),
        tier: Some(proposal.tier.to_string()),
        template_version_id: Some(proposal.version.id),
        payload: Some(proposal.payload.clone()),
        tags: Some(serde_json::to_value(&proposal.tags).map_err(Error::internal)?),
        inputs_ciphertext: Some(secrets::seal(
            &tx.app.vault,
            tx.organization_id,
            Owner::Request(id),
            "inputs",
            &proposal.inputs,
        )?),
        content_hash: Some(proposal.content_hash.clone()),
        policy_results: Some(policies::results_to_json(&proposal.policy_results)),
        ..RequestChange::default()
    })
}

/// What people read of a failure.
pub(super) fn error_json(class: &str, message: &str, suggestion: &str) -> Value {
    json!({"error_class": class, "message": message, "suggestion": suggestion})
}
