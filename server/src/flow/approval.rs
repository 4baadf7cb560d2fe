//! Approvals: opened when a plan is ready, decided by people or by their policy, void when what they bind changes.

use chrono::{TimeDelta, Utc};
use flagstone_api::options::Risk;
use flagstone_core::approval::{
    ApprovalEvent, ApprovalMethod, ApprovalStage, ApprovalState, ApprovalView, Decider, Decision, Outcome, Seen,
    Verdict, decide,
};
use flagstone_core::approval_policy::{RequestFacts, Route, select};
use flagstone_core::deployment::RevisionState;
use flagstone_core::machine::StateMachine;
use flagstone_core::plan::Summary;
use flagstone_core::request::{RequestEvent, RequestState};
use flagstone_core::service_account::ServiceAccountKind;
use flagstone_core::{Error as CoreError, Reason};
use flagstone_db::approval::{ApprovalRow, DecisionRow, NewApproval, NewDecision};
use flagstone_db::deployment::DeploymentChange;
use flagstone_db::request::{RequestChange, RequestRow};
use flagstone_db::revision::NewRevision;
use flagstone_db::{approval, deployment, request, revision, service_account, template};
use uuid::Uuid;

use super::objects::{self, record_approval, record_deployment, record_request};
use super::policies::{self, StoredApprovalPolicy};
use super::request::{add_event, enqueue_apply, kind_of, state_of, tier_of, to_state, version};
use super::secrets::{self, Owner};
use crate::error::{Error, Result};
use crate::organization;
use crate::tx::Tx;

/// A plan that an approval is to bind.
#[derive(Clone, Copy, Debug)]
pub struct Planned<'a> {
    pub plan_id: Uuid,
    pub digest: &'a str,
    pub summary: Summary,
}

/// Whether an agent asks for something of high risk.
async fn asked_by_agent(tx: &Tx, row: &RequestRow) -> Result<bool> {
    let is_high = tx.app.contract.kind(kind_of(row)?).risk(tier_of(row)?) == Risk::High;
    if !is_high || !row.requester.starts_with("serviceAccounts/") {
        return Ok(false);
    }
    let account = service_account::account(tx, row.organization_id, row.requester_id).await?;
    Ok(account.is_some_and(|account| account.account.kind == ServiceAccountKind::Agent.as_str()))
}

/// Opens the approval of a request whose plan is ready, and where the policy approves by itself carries on at once.
/// `request` is locked and PLANNING.
pub async fn open(tx: &mut Tx, before: &RequestRow, row: RequestRow, planned: Planned<'_>) -> Result<RequestRow> {
    let all = policies::approval_policies(tx, tx.organization_id).await?;
    let template = template_slug(tx, &row).await?;
    let unit = objects::unit_name(tx, row.business_unit_id)?;
    let facts = RequestFacts {
        kind: kind_of(&row)?,
        tier: tier_of(&row)?,
        template: &template,
        business_unit: unit.trim_start_matches("businessUnits/"),
        plan: Some(planned.summary),
        is_agents: asked_by_agent(tx, &row).await?,
    };
    let policy = chosen(&all, &facts)?;
    let route = policy.policy.route(&facts);
    for required in policies::required_approvals(&policy.policy, &route) {
        tx.ledger.approval(required);
    }
    let (method, state, reason, stages) = match &route {
        Route::Automatic { reason } => {
            (ApprovalMethod::Policy, ApprovalState::Approved, reason.clone(), policy.policy.stages.as_slice())
        }
        Route::People { stages, .. } => (ApprovalMethod::Human, ApprovalState::Pending, String::new(), *stages),
    };
    // The organization has the last word on who may decide on their own requests.
    let allow_self = policy.policy.allow_self
        && organization::settings(tx, row.organization_id).await?.allow_self_approval_tiers.contains(&facts.tier);
    let opened = approval::insert(
        tx,
        &NewApproval {
            id: Uuid::now_v7(),
            organization_id: row.organization_id,
            business_unit_id: row.business_unit_id,
            request_id: row.id,
            requester_id: row.requester_id,
            tier: &row.tier,
            approval_policy_id: policy.id,
            content_hash: &row.content_hash,
            plan_digest: planned.digest,
            plan_id: planned.plan_id,
            stages: &serde_json::to_value(stages).map_err(Error::internal)?,
            allow_self,
            distinct_across_stages: policy.policy.distinct_across_stages,
            method: method.as_str(),
            policy_reason: &reason,
            state: state.as_str(),
            expire_time: Utc::now() + TimeDelta::seconds(policy.policy.ttl_seconds),
        },
    )
    .await?;
    record_approval(tx, None, &opened);
    let name = objects::request_name(tx, &row)?;
    let event = match method {
        ApprovalMethod::Policy => RequestEvent::PlanAutoApproved,
        ApprovalMethod::Human => RequestEvent::PlanReady,
    };
    let state = state_of(&row)?.next(event, &name)?;
    let change = RequestChange { approval_id: Some(Some(opened.id)), ..to_state(state) };
    let row = request::update(tx, &row, &change).await?;
    match method {
        ApprovalMethod::Policy => {
            add_event(tx, &row, "approved", &reason, &format!("approvals/{}", opened.id)).await?;
            carry_on(tx, before, row, &opened).await
        }
        ApprovalMethod::Human => {
            let comment = match route {
                Route::People { why: Some(why), .. } => why,
                _ => "",
            };
            add_event(tx, &row, "approval_opened", comment, &format!("approvals/{}", opened.id)).await?;
            record_request(tx, Some(before), &row)?;
            Ok(row)
        }
    }
}

/// An approved request: its revision is queued and its apply enqueued.
pub async fn carry_on(tx: &mut Tx, before: &RequestRow, row: RequestRow, approval: &ApprovalRow) -> Result<RequestRow> {
    let version = version(tx, &row).await?;
    let (row, job) = enqueue_apply(tx, row, &version).await?;
    let deployment = super::request::locked_deployment(tx, &row)
        .await?
        .ok_or_else(|| Error::internal("an approved request has no deployment"))?;
    let number = deployment.last_revision + 1;
    let inputs =
        secrets::open(&tx.app.vault, row.organization_id, Owner::Request(row.id), "inputs", &row.inputs_ciphertext)?;
    let owner = Owner::Revision(deployment.id, number);
    let shown = row.payload.get("inputs").cloned().unwrap_or_else(|| deployment.inputs.clone());
    let inputs_ciphertext = secrets::seal(&tx.app.vault, row.organization_id, owner, "inputs", &inputs)?;
    revision::insert(
        tx,
        &NewRevision {
            organization_id: row.organization_id,
            deployment_id: deployment.id,
            number,
            kind: &row.kind,
            template_version_id: row.template_version_id,
            inputs: &shown,
            inputs_ciphertext: &inputs_ciphertext,
            request_id: row.id,
            job_id: job.id,
            plan_digest: &approval.plan_digest,
            approval_id: approval.id,
            initiator: &row.requester,
            description: &row.title,
            state: RevisionState::Queued.as_str(),
        },
    )
    .await?;
    let change = DeploymentChange { last_revision: Some(number), ..DeploymentChange::default() };
    let after = deployment::update(tx, &deployment, &change).await?;
    record_deployment(tx, Some(&deployment), &after)?;
    let change = RequestChange { revision_number: Some(Some(number)), ..RequestChange::default() };
    let row = request::update(tx, &row, &change).await?;
    record_request(tx, Some(before), &row)?;
    Ok(row)
}

/// Stores one person's decision and what follows from it. Both rows are locked.
pub async fn record_decision(
    tx: &mut Tx,
    request_row: &RequestRow,
    row: &ApprovalRow,
    by: &Decider,
    verdict: Verdict,
    seen: &Seen<'_>,
) -> Result<ApprovalRow> {
    let decisions = approval::decisions(tx, row.organization_id, &[row.id]).await?;
    let outcome = judge(request_row, row, &decisions, by, verdict, seen)?;
    let (organization_id, user) = (row.organization_id, tx.admitted()?.user.clone());
    let principal = tx.principal.clone();
    approval::add_decision(
        tx,
        &NewDecision {
            organization_id,
            approval_id: row.id,
            number: i32::try_from(decisions.len() + 1).map_err(Error::internal)?,
            stage: row.current_stage,
            user_id: user.id,
            principal: &principal,
            verdict: verdict.as_str(),
            comment: seen.comment,
            content_hash: seen.content_hash,
            plan_digest: seen.plan_digest,
        },
    )
    .await?;
    let after = approval::set_state(tx, row, outcome.state.as_str(), outcome.stage).await?;
    record_approval(tx, Some(row), &after);
    let name = objects::request_name(tx, request_row)?;
    let object = format!("approvals/{}", row.id);
    match outcome.state {
        ApprovalState::Approved => {
            let state = state_of(request_row)?.next(RequestEvent::Approved, &name)?;
            let next = request::update(tx, request_row, &to_state(state)).await?;
            add_event(tx, &next, "approved", seen.comment, &object).await?;
            carry_on(tx, request_row, next, &after).await?;
        }
        ApprovalState::Rejected => {
            let state = state_of(request_row)?.next(RequestEvent::Rejected, &name)?;
            let next = request::update(tx, request_row, &to_state(state)).await?;
            add_event(tx, &next, "rejected", seen.comment, &object).await?;
            flagstone_db::plan::discard_files(tx, organization_id, next.id, None).await?;
            super::request::give_up_reservation(tx, &next).await?;
            record_request(tx, Some(request_row), &next)?;
        }
        // Another person or stage is still asked.
        _ => add_event(tx, request_row, "decided", seen.comment, &object).await?,
    }
    Ok(after)
}

/// Whether and how a decision counts, by the rules.
pub fn judge(
    request_row: &RequestRow,
    row: &ApprovalRow,
    decisions: &[DecisionRow],
    by: &Decider,
    verdict: Verdict,
    seen: &Seen<'_>,
) -> Result<Outcome> {
    let stages: Vec<ApprovalStage> = serde_json::from_value(row.stages.clone()).map_err(Error::internal)?;
    let decisions = decisions
        .iter()
        .map(|decision| {
            Ok(Decision {
                stage: decision.stage,
                user: decision.principal.trim_start_matches("users/").to_owned(),
                verdict: decision.verdict.parse().map_err(Error::internal)?,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let view = ApprovalView {
        name: &format!("approvals/{}", row.id),
        state: row.state.parse().map_err(Error::internal)?,
        stages: &stages,
        current_stage: row.current_stage,
        decisions: &decisions,
        // Both are those of now: a decision about something else does not count.
        content_hash: &request_row.content_hash,
        plan_digest: Some(&row.plan_digest),
        allow_self: row.allow_self,
        distinct_across_stages: row.distinct_across_stages,
    };
    Ok(decide(&view, by, verdict, seen)?)
}

/// Voids the approval of a request whose content or plan changed.
pub async fn supersede(tx: &mut Tx, request_row: &RequestRow) -> Result<()> {
    end(tx, request_row, ApprovalEvent::Supersede).await
}

/// Ends the approval of a request that was taken back.
pub async fn withdraw(tx: &mut Tx, request_row: &RequestRow) -> Result<()> {
    end(tx, request_row, ApprovalEvent::Withdraw).await
}

async fn end(tx: &mut Tx, request_row: &RequestRow, event: ApprovalEvent) -> Result<()> {
    let Some(id) = request_row.approval_id else { return Ok(()) };
    let Some(row) = approval::lock(tx, request_row.organization_id, id).await? else { return Ok(()) };
    let state: ApprovalState = row.state.parse().map_err(Error::internal)?;
    if let Some(next) = state.step(event) {
        let after = approval::set_state(tx, &row, next.as_str(), row.current_stage).await?;
        record_approval(tx, Some(&row), &after);
    }
    Ok(())
}

/// Ends an approval that nobody decided in time, and its request. False where somebody was quicker.
pub async fn expire(tx: &mut Tx, approval_id: Uuid) -> Result<bool> {
    let organization_id = tx.organization_id;
    let Some(unlocked) = approval::get(tx, organization_id, approval_id).await? else { return Ok(false) };
    let Some(before) = request::lock(tx, organization_id, unlocked.request_id).await? else { return Ok(false) };
    let Some(row) = approval::lock(tx, organization_id, approval_id).await? else { return Ok(false) };
    if row.state != ApprovalState::Pending.as_str() || state_of(&before)? != RequestState::PendingApproval {
        return Ok(false);
    }
    let name = objects::request_name(tx, &before)?;
    let after = approval::set_state(tx, &row, ApprovalState::Expired.as_str(), row.current_stage).await?;
    record_approval(tx, Some(&row), &after);
    let state = state_of(&before)?.next(RequestEvent::Expired, &name)?;
    let next = request::update(tx, &before, &to_state(state)).await?;
    add_event(tx, &next, "expired", "Nobody decided in time.", &format!("approvals/{approval_id}")).await?;
    flagstone_db::plan::discard_files(tx, organization_id, next.id, None).await?;
    super::request::give_up_reservation(tx, &next).await?;
    record_request(tx, Some(&before), &next)?;
    Ok(true)
}

/// The policy that decides about a request.
pub fn chosen<'a>(all: &'a [StoredApprovalPolicy], facts: &RequestFacts<'_>) -> Result<&'a StoredApprovalPolicy> {
    let rules: Vec<_> = all.iter().map(|stored| stored.policy.clone()).collect();
    let id = select(&rules, facts).map(|policy| policy.id.clone());
    all.iter().find(|stored| Some(&stored.policy.id) == id.as_ref()).ok_or_else(|| {
        CoreError::precondition(
            Reason::WrongState,
            "No approval policy is for this request, so nobody could approve it. An administrator must add or activate one.",
        )
        .into()
    })
}

async fn template_slug(tx: &Tx, row: &RequestRow) -> Result<String> {
    let version = version(tx, row).await?;
    let found = template::get(tx, row.organization_id, version.template_id).await?;
    Ok(found.ok_or_else(|| Error::internal("a version's template is gone"))?.slug)
}
