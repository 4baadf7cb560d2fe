//! ApprovalService: gates that people or policies pass.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use flagstone_api::pb;
use flagstone_api::pb::approval_service_server::ApprovalService;

use flagstone_core::access::{PermissionPattern, Scope, effective};
use flagstone_core::approval::{ApprovalStage, Decider, Seen, Verdict};
use flagstone_core::etag::Etag;
use flagstone_core::names::{ApprovalName, Principal, parse};
use flagstone_core::tier::Tier;
use flagstone_core::{Error as CoreError, Kind, Reason};
use flagstone_db::approval::{ApprovalRow, DecisionRow};
use flagstone_db::request::RequestRow;
use flagstone_db::{Connection, approval, approval_policy, deployment, plan, request};
use uuid::Uuid;

use super::approval_list::list_approvals;
use super::request_view::{kind, summary_to_proto, tier};
use crate::app::App;
use crate::convert::timestamp;
use crate::cx::{Admitted, Cx, Facts, Target};
use crate::error::{Error, Result};
use crate::flow::approval::{judge, record_decision};
use crate::rpc::unary;

/// What allows to know that an approval exists.
const READABLE: &[&str] = &["business_unit:approvals:list"];

/// The service.
pub struct Approvals(pub Arc<App>);

#[tonic::async_trait]
impl ApprovalService for Approvals {
    unary! {
        list_approvals: pb::ListApprovalsRequest => pb::ListApprovalsResponse,
        get_approval: pb::GetApprovalRequest => pb::Approval,
        approve_approval: pb::ApproveApprovalRequest => pb::ApproveApprovalResponse,
        reject_approval: pb::RejectApprovalRequest => pb::RejectApprovalResponse,
    }
}

async fn get_approval(cx: Cx, req: pb::GetApprovalRequest) -> Result<pb::Approval> {
    let name: ApprovalName = parse(&req.name, "name")?;
    let read = cx.read(Target::approval(*name.id())).await?;
    let row = approval::get(read.conn(), read.organization_id(), *name.id())
        .await?
        .ok_or_else(|| CoreError::not_found(&name))?;
    read.check(&facts(&name.to_string(), &row, None)?).await?;
    one(read.conn(), &read, row).await
}

async fn approve_approval(cx: Cx, req: pb::ApproveApprovalRequest) -> Result<pb::ApproveApprovalResponse> {
    let seen = Seen { content_hash: &req.content_hash, plan_digest: &req.plan_digest, comment: &req.comment };
    let (tx, after) = decide_approval(&cx, &req, &req.name, &req.etag, Verdict::Approve, &seen).await?;
    let approval = one(&tx, tx.admitted()?, after).await?;
    tx.commit(pb::ApproveApprovalResponse { approval: Some(approval), effects: None }).await
}

async fn reject_approval(cx: Cx, req: pb::RejectApprovalRequest) -> Result<pb::RejectApprovalResponse> {
    let seen = Seen { content_hash: &req.content_hash, plan_digest: &req.plan_digest, comment: &req.comment };
    let (tx, after) = decide_approval(&cx, &req, &req.name, &req.etag, Verdict::Reject, &seen).await?;
    let approval = one(&tx, tx.admitted()?, after).await?;
    tx.commit(pb::RejectApprovalResponse { approval: Some(approval), effects: None }).await
}

/// One decision, whichever it is: both lock, judge and write alike.
async fn decide_approval<M: flagstone_api::Mutation>(
    cx: &Cx,
    req: &M,
    name: &str,
    etag: &str,
    verdict: Verdict,
    seen: &Seen<'_>,
) -> Result<(crate::tx::Tx, ApprovalRow)> {
    let name: ApprovalName = parse(name, "name")?;
    let mut tx = cx.begin(req, Target::approval(*name.id())).await?;
    let organization_id = tx.organization_id;
    let absent = || CoreError::not_found(&name);
    let unlocked = approval::get(&tx, organization_id, *name.id()).await?.ok_or_else(absent)?;
    // Locks in the order of every transition: the request, then its approval.
    let request = request::lock(&mut tx, organization_id, unlocked.request_id).await?.ok_or_else(absent)?;
    let row = approval::lock(&mut tx, organization_id, *name.id()).await?.ok_or_else(absent)?;
    let team_id = tx.admitted()?.team_of(&tx, request.deployment_id).await?;
    tx.check(&facts(&name.to_string(), &row, team_id)?).await?;
    Etag::check(etag, row.revision)?;
    let by = decider(tx.admitted()?, &row, team_id)?.ok_or_else(only_people)?;
    let after = record_decision(&mut tx, &request, &row, &by, verdict, seen).await?;
    Ok((tx, after))
}

/// What only an approval can tell of itself. Whoever created the request is not whoever may decide: that is the rules'.
pub(super) fn facts<'a>(name: &'a str, row: &ApprovalRow, team_id: Option<Uuid>) -> Result<Facts<'a>> {
    let tier: Tier = row.tier.parse().map_err(Error::internal)?;
    Ok(Facts { tier: Some(tier), creator_id: Some(row.requester_id), team_id, ..Facts::of(name, READABLE) })
}

/// The answer to a program that would decide.
fn only_people() -> CoreError {
    CoreError::new(Kind::Denied, Reason::NotAnApprover, "Approvals are decided by people, not by service accounts.")
}

/// What the rules need to know of the person; `None` for a program, which never decides.
fn decider(admitted: &Admitted, row: &ApprovalRow, team_id: Option<Uuid>) -> Result<Option<Decider>> {
    let user = &admitted.user;
    let Principal::User(name) = &user.name else { return Ok(None) };
    let scope = Scope::Unit(row.business_unit_id);
    let tier: Tier = row.tier.parse().map_err(Error::internal)?;
    let approval = ApprovalName::new(row.id).to_string();
    let about = facts(&approval, row, team_id)?;
    let unit = user.directory.unit_by_id(row.business_unit_id);
    // In the approval's unit, which the call of a list does not name.
    let holds = |slug: &str| -> Result<bool> {
        let pattern = PermissionPattern::parse(slug).map_err(Error::internal)?;
        Ok(admitted.with_object_in(unit, &about, |object| admitted.holds(&pattern, Some(tier), object)))
    };
    let roles: BTreeSet<String> = effective(&user.grants, admitted.moment(), scope)
        .into_iter()
        .flat_map(|held| held.roles.into_iter().map(str::to_owned))
        .collect();
    Ok(Some(Decider {
        username: name.id().to_string(),
        roles,
        is_requester: row.requester_id == user.id,
        is_on_behalf_of: false,
        is_unit_owner: unit.is_some_and(|unit| unit.owner_id == Some(user.id)),
        may_decide: holds("business_unit:approvals:decide:<tier>")?,
        may_decide_assigned: holds("business_unit:approvals:decide_assigned")?,
    }))
}

async fn one(conn: &Connection, admitted: &Admitted, row: ApprovalRow) -> Result<pb::Approval> {
    to_proto(conn, admitted, vec![row]).await?.pop().ok_or_else(|| Error::internal("one row made no message"))
}

/// Approvals as the contract shows them, in the order of the rows. Four look-ups, whatever their number.
pub async fn to_proto(conn: &Connection, admitted: &Admitted, rows: Vec<ApprovalRow>) -> Result<Vec<pb::Approval>> {
    let organization_id = admitted.organization_id();
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let request_ids: Vec<Uuid> = rows.iter().map(|row| row.request_id).collect();
    let plan_ids: Vec<Uuid> = rows.iter().map(|row| row.plan_id).collect();
    let policy_ids: Vec<Uuid> = rows.iter().map(|row| row.approval_policy_id).collect();
    let (requests, plans, decisions, policies) = futures::try_join!(
        request::of_ids(conn, organization_id, &request_ids),
        plan::summaries(conn, organization_id, &plan_ids),
        approval::decisions(conn, organization_id, &ids),
        approval_policy::slugs(conn, organization_id, &policy_ids),
    )?;
    // What a caller may decide can depend on whose the deployment is; seldom, so that it is seldom asked.
    let of_teams: Vec<Uuid> = if admitted.user.grants.look_at_teams() {
        requests.iter().filter_map(|row| row.deployment_id).collect()
    } else {
        Vec::new()
    };
    let teams: HashMap<Uuid, Uuid> = deployment::teams(conn, organization_id, &of_teams).await?.into_iter().collect();
    let requests: HashMap<Uuid, RequestRow> = requests.into_iter().map(|row| (row.id, row)).collect();
    let plans: HashMap<Uuid, _> = plans.into_iter().map(|row| (row.id, row)).collect();
    let policies: HashMap<Uuid, String> = policies.into_iter().collect();
    let mut by_approval: BTreeMap<Uuid, Vec<DecisionRow>> = BTreeMap::new();
    for decision in decisions {
        by_approval.entry(decision.approval_id).or_default().push(decision);
    }
    rows.into_iter()
        .map(|row| {
            let request =
                requests.get(&row.request_id).ok_or_else(|| Error::internal("an approval without request"))?;
            let decisions = by_approval.remove(&row.id).unwrap_or_default();
            let plan = plans.get(&row.plan_id).map(summary_to_proto);
            let policy = policies.get(&row.approval_policy_id).cloned().unwrap_or_default();
            let team_id = request.deployment_id.and_then(|id| teams.get(&id).copied());
            let decider = decider(admitted, &row, team_id)?;
            view(admitted, &row, request, &decisions, plan, &policy, decider.as_ref())
        })
        .collect()
}

fn view(
    admitted: &Admitted,
    row: &ApprovalRow,
    request: &RequestRow,
    decisions: &[DecisionRow],
    plan: Option<pb::PlanSummary>,
    policy: &str,
    decider: Option<&Decider>,
) -> Result<pb::Approval> {
    let unit = admitted
        .user
        .directory
        .unit_by_id(row.business_unit_id)
        .ok_or_else(|| Error::internal("an approval's unit is not in the directory"))?;
    let stages: Vec<ApprovalStage> = serde_json::from_value(row.stages.clone()).map_err(Error::internal)?;
    // Asked of the rules as a decision would be, with what is on screen as what was seen.
    let seen = Seen { content_hash: &row.content_hash, plan_digest: &row.plan_digest, comment: "" };
    let cannot = match decider {
        Some(by) => judge(request, row, decisions, by, Verdict::Approve, &seen).err(),
        None => Some(only_people().into()),
    };
    Ok(pb::Approval {
        name: format!("approvals/{}", row.id),
        business_unit: unit.name.to_string(),
        request: format!("{}/requests/{}", unit.name, row.request_id),
        request_code: format!("R-{}", request.number),
        request_title: request.title.clone(),
        request_kind: kind(&request.kind)?.into(),
        requester: request.requester.clone(),
        tier: tier(&row.tier)?.into(),
        approval_policy: format!("approvalPolicies/{policy}"),
        content_hash: row.content_hash.clone(),
        plan_digest: row.plan_digest.clone(),
        plan,
        stages: stages
            .iter()
            .enumerate()
            .map(|(index, stage)| pb::ApprovalStage {
                title: stage.title.clone(),
                approvers: stage.approvers.iter().map(ToString::to_string).collect(),
                quorum: i32::try_from(stage.quorum).unwrap_or(i32::MAX),
                approved: approved_in(decisions, index),
            })
            .collect(),
        current_stage: row.current_stage,
        method: pb::ApprovalMethod::from_str_name(&format!("APPROVAL_METHOD_{}", row.method))
            .unwrap_or_default()
            .into(),
        policy_reason: row.policy_reason.clone(),
        state: pb::ApprovalState::from_str_name(&format!("APPROVAL_STATE_{}", row.state)).unwrap_or_default().into(),
        decisions: decisions
            .iter()
            .map(|decision| pb::ApprovalDecision {
                stage: decision.stage,
                principal: decision.principal.clone(),
                verdict: pb::Verdict::from_str_name(&format!("VERDICT_{}", decision.verdict))
                    .unwrap_or_default()
                    .into(),
                comment: decision.comment.clone(),
                time: Some(timestamp(decision.time)),
            })
            .collect(),
        can_decide: cannot.is_none(),
        cannot_decide_reason: match cannot {
            Some(Error::Core(error)) => error.message,
            _ => String::new(),
        },
        expire_time: Some(timestamp(row.expire_time)),
        create_time: Some(timestamp(row.create_time)),
        update_time: Some(timestamp(row.update_time)),
        etag: Etag::of(row.revision),
    })
}

/// How many people approved a stage.
fn approved_in(decisions: &[DecisionRow], stage: usize) -> i32 {
    let stage = i32::try_from(stage).unwrap_or(i32::MAX);
    let count = decisions.iter().filter(|decision| decision.stage == stage && decision.verdict == "APPROVE").count();
    i32::try_from(count).unwrap_or(i32::MAX)
}
