//! The apply: what is checked before it may start, and what follows from its end.
//!
//! An apply may carry out one plan only: the one whose digest was approved. It is checked twice, when the job is handed
//! out and once more in the transaction that records the start, with the digest that the runner computed from the very
//! file it is about to give the engine. Whatever is not as it was approved is planned anew, never applied.

use flagstone_core::approval::ApprovalState;
use flagstone_core::canonical::sha256_hex;
use flagstone_core::deployment::{DeploymentEvent, DeploymentState, RevisionEvent, RevisionState};
use flagstone_core::machine::StateMachine;
use flagstone_core::plan::{DigestParts, plan_digest};
use flagstone_core::redact::MASK;
use flagstone_core::request::{RequestEvent, RequestKind, RequestState};
use flagstone_db::deployment::{DeploymentChange, DeploymentRow};
use flagstone_db::job::JobRow;
use flagstone_db::plan::PlanRow;
use flagstone_db::request::{RequestChange, RequestRow};
use flagstone_db::{approval, deployment, plan, request, revision};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::job::JobError;
use super::objects::{self, record_deployment, record_request};
use super::plan::{applied_policies, lineage_and_serial, needed};
use super::request::{
    add_event, enqueue_plan, error_json, fail, kind_of, locked_deployment, state_of, tier_of, to_state, version,
};
use super::secrets::{self, Owner};
use crate::audit::{self, Entry};
use crate::error::{Error, Result};
use crate::tx::Tx;

/// Whether an apply may start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is recorded that it starts.
    Start,
    /// It must not; why, in a sentence.
    Refuse(String),
}

/// Why an approved plan can not be applied.
enum Void {
    /// Something moved, or the plan is too old: plan anew.
    Stale(&'static str),
    /// The stored file is not the one that was planned: plan anew, and tell.
    Tampered(&'static str),
}

/// One output as an engine gave it.
#[derive(Clone, Debug)]
pub struct OutputValue {
    pub name: String,
    pub value: Value,
    pub sensitive: bool,
}

/// Whether an apply job may be handed to a runner. Where it may not, its request has been sent back to be planned, or
/// has moved on, and the job is cancelled.
pub async fn may_offer_apply(tx: &mut Tx, job: &JobRow) -> Result<bool> {
    let Some(row) = awaiting(tx, job).await? else { return Ok(false) };
    match check(tx, &row, job).await? {
        Ok(_) => Ok(true),
        Err(void) => {
            send_back(tx, &row, job, void).await?;
            Ok(false)
        }
    }
}

/// Records that an apply starts, or says why it must not. `changes_digest` and `file_sha256` are of the file that the
/// engine will be given, both in hex.
pub async fn apply_starting(tx: &mut Tx, job: &JobRow, changes_digest: &str, file_sha256: &str) -> Result<Verdict> {
    let Some(before) = awaiting(tx, job).await? else {
        return Ok(Verdict::Refuse("The request has moved on since the job was handed out.".to_owned()));
    };
    let plan = match check(tx, &before, job).await? {
        Ok(plan) => plan,
        Err(void) => return send_back(tx, &before, job, void).await.map(Verdict::Refuse),
    };
    if let Some(void) = compare(tx, &before, &plan, changes_digest, file_sha256).await? {
        return send_back(tx, &before, job, void).await.map(Verdict::Refuse);
    }
    if let Some(missing) = missing_permission(tx, &before).await? {
        let message = format!("{} no longer holds {missing}.", before.requester);
        let error = error_json("PERMISSION", &message, "Have somebody who may change this tier ask for it.");
        fail(tx, &before, RequestEvent::ApplyFailed, &error, &job.name()).await?;
        return Ok(Verdict::Refuse(message));
    }
    let name = objects::request_name(tx, &before)?;
    let state = state_of(&before)?.next(RequestEvent::ApplyStarted, &name)?;
    let change = RequestChange { apply_started: Some(true), error: Some(None), ..to_state(state) };
    let row = request::update(tx, &before, &change).await?;
    add_event(tx, &row, "apply_started", "", &job.name()).await?;
    record_request(tx, Some(&before), &row)?;

    let deployment = locked(tx, &row).await?;
    let next = step(tx, &deployment, DeploymentEvent::apply_started(kind_of(&row)?))?;
    let change =
        DeploymentChange { state: Some(next.to_string()), provisioned: Some(true), ..DeploymentChange::default() };
    let after = deployment::update(tx, &deployment, &change).await?;
    record_deployment(tx, Some(&deployment), &after)?;
    let running = revision_step(tx, &row, RevisionEvent::ApplyStarted).await?;
    if let (Some(state), Some(number)) = (running, row.revision_number) {
        revision::start(tx, row.organization_id, deployment.id, number, state.as_str(), job.id).await?;
    }
    Ok(Verdict::Start)
}

/// Takes over that a plan was applied.
pub async fn apply_succeeded(tx: &mut Tx, job: &JobRow, outputs: &[OutputValue], resource_count: i32) -> Result<()> {
    let Some(before) = applying(tx, job).await? else { return Ok(()) };
    let kind = kind_of(&before)?;
    if kind == RequestKind::Destroy && resource_count > 0 {
        let error = error_json(
            "ENGINE",
            &format!("{resource_count} resources are still there after the destruction."),
            "Retry the request: it plans the rest anew.",
        );
        return failed(tx, &before, job, &error).await;
    }
    let name = objects::request_name(tx, &before)?;
    let state = state_of(&before)?.next(RequestEvent::ApplySucceeded, &name)?;
    let row = request::update(tx, &before, &to_state(state)).await?;
    add_event(tx, &row, "completed", "", &job.name()).await?;
    record_request(tx, Some(&before), &row)?;
    plan::discard_files(tx, row.organization_id, row.id, None).await?;

    let deployment = locked(tx, &row).await?;
    let next = step(tx, &deployment, DeploymentEvent::ApplySucceeded)?;
    let number = row.revision_number.unwrap_or(deployment.last_revision);
    let shown = shown_outputs(outputs);
    let sealed = |tx: &Tx, owner| {
        let whole: Value = outputs.iter().map(|output| (output.name.clone(), output.value.clone())).collect();
        secrets::seal(&tx.app.vault, row.organization_id, owner, "outputs", &whole)
    };
    let succeeded = revision_step(tx, &row, RevisionEvent::ApplySucceeded).await?;
    let (organization_id, deployment_id) = (row.organization_id, deployment.id);
    if let Some(state) = succeeded {
        let ciphertext = sealed(tx, Owner::Revision(deployment_id, number))?;
        let kept = (kind != RequestKind::Destroy).then_some((&shown, ciphertext.as_slice()));
        revision::end(tx, organization_id, deployment_id, number, state.as_str(), kept).await?;
        revision::supersede_before(tx, organization_id, deployment_id, number).await?;
    }
    let change = DeploymentChange {
        state: Some(next.to_string()),
        current_revision: Some(number),
        resource_count: Some(resource_count),
        ..DeploymentChange::default()
    };
    let change = match kind {
        // The record and its last outputs are kept.
        RequestKind::Destroy => change,
        RequestKind::Create | RequestKind::Update => DeploymentChange {
            outputs: Some(shown.clone()),
            outputs_ciphertext: Some(Some(sealed(tx, Owner::Deployment(deployment_id))?)),
            ..live(tx, &row, change)?
        },
    };
    let after = deployment::update(tx, &deployment, &change).await?;
    record_deployment(tx, Some(&deployment), &after)
}

/// Takes over that an apply failed, before or after it began to change something.
pub async fn apply_failed(tx: &mut Tx, job: &JobRow, error: &JobError) -> Result<()> {
    let Some(before) = applying(tx, job).await? else { return Ok(()) };
    failed(tx, &before, job, &error.to_json()).await
}

/// Takes over that a job was cancelled. A request that was itself cancelled or changed does not wait for it any more.
pub async fn job_cancelled(tx: &mut Tx, job: &JobRow) -> Result<()> {
    let Some(before) = request::lock(tx, job.organization_id, job.request_id).await? else { return Ok(()) };
    if before.job_ids.last() != Some(&job.id) {
        return Ok(());
    }
    let error = error_json("UNKNOWN", "Its job was cancelled.", "Retry the request, or cancel it.");
    match state_of(&before)? {
        RequestState::Planning => fail(tx, &before, RequestEvent::PlanFailed, &error, &job.name()).await.map(drop),
        RequestState::Approved | RequestState::Applying => failed(tx, &before, job, &error).await,
        _ => Ok(()),
    }
}

/// The request that waits for this apply job to start, locked.
async fn awaiting(tx: &mut Tx, job: &JobRow) -> Result<Option<RequestRow>> {
    let found = request::lock(tx, job.organization_id, job.request_id).await?;
    Ok(match found {
        Some(row) if state_of(&row)? == RequestState::Approved && row.job_ids.last() == Some(&job.id) => Some(row),
        _ => None,
    })
}

/// The request that this apply job carries out, locked.
async fn applying(tx: &mut Tx, job: &JobRow) -> Result<Option<RequestRow>> {
    let found = request::lock(tx, job.organization_id, job.request_id).await?;
    Ok(match found {
        Some(row) if row.job_ids.last() == Some(&job.id) => {
            let state = state_of(&row)?;
            matches!(state, RequestState::Applying | RequestState::Approved).then_some(row)
        }
        _ => None,
    })
}

/// Whether the approved plan is still what would happen, as far as the server can tell without the engine.
async fn check(tx: &mut Tx, row: &RequestRow, job: &JobRow) -> Result<Result<PlanRow, Void>> {
    let organization_id = row.organization_id;
    let approved = match row.approval_id {
        Some(id) => approval::lock(tx, organization_id, id).await?,
        None => None,
    };
    let Some(approved) = approved else { return Ok(Err(Void::Stale("it has no approval"))) };
    if approved.state != ApprovalState::Approved.as_str() || approved.content_hash != row.content_hash {
        return Ok(Err(Void::Stale("its approval is for other content")));
    }
    let found = match row.plan_id {
        Some(id) if Some(id) == job.plan_id => plan::get(tx, organization_id, id).await?,
        _ => None,
    };
    let Some(found) = found else { return Ok(Err(Void::Stale("its plan is gone"))) };
    if found.digest != approved.plan_digest {
        return Ok(Err(Void::Stale("its plan is not the approved one")));
    }
    if plan::is_expired(tx, organization_id, found.id).await? {
        return Ok(Err(Void::Stale("its plan is too old")));
    }
    let (lineage, serial) = lineage_and_serial(tx, organization_id, job.deployment_id).await?;
    if lineage != found.state_lineage || serial != found.state_serial {
        return Ok(Err(Void::Stale("the state moved since it was planned")));
    }
    let inputs =
        secrets::open(&tx.app.vault, organization_id, Owner::Request(row.id), "inputs", &row.inputs_ciphertext)?;
    if sha256_hex(&inputs) != found.inputs_sha256 {
        return Ok(Err(Void::Stale("the inputs changed since it was planned")));
    }
    let mut policies: Vec<(String, i32)> = serde_json::from_value(found.policies.clone()).map_err(Error::internal)?;
    let mut current = applied_policies(tx, row).await?;
    policies.sort();
    current.sort();
    if policies != current {
        return Ok(Err(Void::Stale("a policy that applied changed")));
    }
    let Some(sealed) = plan::file(tx, organization_id, found.id).await? else {
        return Ok(Err(Void::Stale("its plan file is gone")));
    };
    match secrets::open_file(&tx.app.vault, organization_id, found.id, &sealed) {
        Ok(file) if hex::encode(Sha256::digest(&file)) == found.file_sha256 => Ok(Ok(found)),
        Ok(_) => Ok(Err(Void::Tampered("the stored plan file does not have the hash it was stored with"))),
        Err(_) => Ok(Err(Void::Tampered("the stored plan file was changed"))),
    }
}

/// Whether the file that the runner is about to hand to the engine is the approved plan.
async fn compare(
    tx: &Tx,
    row: &RequestRow,
    plan: &PlanRow,
    changes_digest: &str,
    file_sha256: &str,
) -> Result<Option<Void>> {
    if file_sha256 != plan.file_sha256 {
        return Ok(Some(Void::Tampered("the runner's plan file is not the stored one")));
    }
    let Ok(digest) = <[u8; 32]>::try_from(hex::decode(changes_digest).unwrap_or_default()) else {
        return Ok(Some(Void::Tampered("the runner could not tell what its plan file changes")));
    };
    let inputs =
        secrets::open(&tx.app.vault, row.organization_id, Owner::Request(row.id), "inputs", &row.inputs_ciphertext)?;
    let policies: Vec<(String, i32)> = serde_json::from_value(plan.policies.clone()).map_err(Error::internal)?;
    let recomputed = plan_digest(&DigestParts {
        changes_digest: digest,
        inputs: &inputs,
        template_sha256: &hex::encode(version(tx, row).await?.artifact_sha256),
        provider_lock_hash: &plan.provider_lock_hash,
        state_lineage: &plan.state_lineage,
        policies: &policies,
    });
    // `check` has found the plan's digest equal to the approval's.
    Ok((recomputed != plan.digest)
        .then_some(Void::Tampered("the plan file does not make the changes that were approved")))
}

/// Sends a request back to be planned. Its approval is kept: the fresh plan decides whether it still holds.
async fn send_back(tx: &mut Tx, before: &RequestRow, job: &JobRow, void: Void) -> Result<String> {
    let name = objects::request_name(tx, before)?;
    let (event, why) = match void {
        Void::Stale(why) => ("plan_void", why),
        Void::Tampered(why) => ("plan_tampered", why),
    };
    let comment = format!("Planned anew: {why}.");
    if event == "plan_tampered" {
        let details = json!({"why": why, "plan": before.plan_id, "job": job.name()});
        let entry =
            Entry::unsuccessful(before.organization_id, &tx.principal, event, &name, &tx.call, "FAILURE", &details)
                .in_unit(Some(before.business_unit_id));
        audit::insert(tx, &entry).await?;
        tracing::error!(request = %name, why, "A stored plan was changed. It is not applied.");
    }
    let state = state_of(before)?.next(RequestEvent::PlanVoid, &name)?;
    let row = request::update(tx, before, &to_state(state)).await?;
    add_event(tx, &row, event, &comment, &job.name()).await?;
    let version = version(tx, &row).await?;
    let row = enqueue_plan(tx, row, &version).await?;
    record_request(tx, Some(before), &row)?;
    Ok(comment)
}

async fn failed(tx: &mut Tx, before: &RequestRow, job: &JobRow, error: &Value) -> Result<()> {
    let started = state_of(before)? == RequestState::Applying;
    let row = fail(tx, before, RequestEvent::ApplyFailed, error, &job.name()).await?;
    plan::discard_files(tx, row.organization_id, row.id, None).await?;
    if !started {
        return super::request::void_revision(tx, &row).await;
    }
    let deployment = locked(tx, &row).await?;
    let next = step(tx, &deployment, DeploymentEvent::ApplyFailed)?;
    let change = DeploymentChange { state: Some(next.to_string()), ..DeploymentChange::default() };
    let after = deployment::update(tx, &deployment, &change).await?;
    record_deployment(tx, Some(&deployment), &after)?;
    let state = revision_step(tx, &row, RevisionEvent::ApplyFailed).await?;
    if let (Some(state), Some(number)) = (state, row.revision_number) {
        revision::end(tx, row.organization_id, deployment.id, number, state.as_str(), None).await?;
    }
    Ok(())
}

/// What a deployment is from now on: what the request asked for.
fn live(tx: &Tx, row: &RequestRow, change: DeploymentChange) -> Result<DeploymentChange> {
    let Some(deployment_id) = row.deployment_id else { return Ok(change) };
    let (organization_id, vault) = (row.organization_id, &tx.app.vault);
    let inputs = secrets::open(vault, organization_id, Owner::Request(row.id), "inputs", &row.inputs_ciphertext)?;
    let owner = Owner::Deployment(deployment_id);
    Ok(DeploymentChange {
        template_version_id: Some(row.template_version_id),
        inputs: row.payload.get("inputs").cloned(),
        inputs_ciphertext: Some(secrets::seal(vault, organization_id, owner, "inputs", &inputs)?),
        tags: Some(row.tags.clone()),
        ..change
    })
}

/// The outputs as people see them: [{output, value, sensitive}], sensitive values masked.
fn shown_outputs(outputs: &[OutputValue]) -> Value {
    outputs
        .iter()
        .map(|output| {
            let value = if output.sensitive { Value::from(MASK) } else { output.value.clone() };
            json!({"output": output.name, "value": value, "sensitive": output.sensitive})
        })
        .collect()
}

/// A permission that the requester held at submit and does not hold any more.
async fn missing_permission(tx: &Tx, row: &RequestRow) -> Result<Option<String>> {
    let tier = tier_of(row)?;
    let found = match row.deployment_id {
        Some(id) => deployment::get(tx, row.organization_id, id).await?,
        None => None,
    };
    let own = found.as_ref().is_some_and(|found| found.owner_id == row.requester_id);
    let team = found.as_ref().and_then(|found| found.team_id);
    let unit = objects::unit_name(tx, row.business_unit_id)?;
    let name = match &found {
        Some(found) => objects::deployment_name(tx, found)?,
        None => objects::request_name(tx, row)?,
    };
    let grants = tx.app.identities.grants(tx, row.organization_id, row.requester_id).await?;
    let object = flagstone_core::access::Object {
        scope: flagstone_core::access::Scope::Unit(row.business_unit_id),
        creator_is_caller: Some(own),
        team_is_callers: team.map(|team| grants.is_in_team(team)),
        // Nobody calls from anywhere now: a condition on the network gives no verdict here.
        details: Some(flagstone_core::access::Details {
            name: &name,
            tier: Some(tier),
            business_unit: Some(&unit),
            team: team.and_then(|team| tx.directory.team(team)),
        }),
    };
    let now = chrono::Utc::now();
    Ok(needed(tx, row)?
        .iter()
        .map(|pattern| pattern.with_tier(tier))
        .find(|permission| !flagstone_core::access::decide(&grants, now, *permission, object).is_allow())
        .map(|permission| permission.to_string()))
}

async fn locked(tx: &mut Tx, row: &RequestRow) -> Result<DeploymentRow> {
    locked_deployment(tx, row).await?.ok_or_else(|| Error::internal("a request under way has no deployment"))
}

fn step(tx: &Tx, deployment: &DeploymentRow, event: DeploymentEvent) -> Result<DeploymentState> {
    let name = objects::deployment_name(tx, deployment)?;
    let state: DeploymentState = deployment.state.parse().map_err(Error::internal)?;
    Ok(state.next(event, &name)?)
}

/// The state of the request's revision after an event; nothing where the event is not for it.
async fn revision_step(tx: &Tx, row: &RequestRow, event: RevisionEvent) -> Result<Option<RevisionState>> {
    let (Some(deployment_id), Some(number)) = (row.deployment_id, row.revision_number) else { return Ok(None) };
    let found = revision::get(tx, row.organization_id, deployment_id, number).await?;
    let Some(found) = found else { return Ok(None) };
    let state: RevisionState = found.state.parse().map_err(Error::internal)?;
    Ok(state.step(event))
}
