//! RequestService: the one way anything deployed changes.

use std::sync::Arc;

use flagstone_api::options::Risk;
use flagstone_api::pb;
use flagstone_api::pb::request::Payload;
use flagstone_api::pb::request_service_server::RequestService;
use flagstone_core::approval_policy::RequestFacts;
use flagstone_core::etag::Etag;
use flagstone_core::names::{BusinessUnitName, RequestName, parse};
use flagstone_core::request::RequestKind;
use flagstone_core::{Error as CoreError, Reason};
use flagstone_db::request::RequestRow;
use flagstone_db::{Connection, business_unit, deployment, plan, request};
use serde_json::Value;
use tonic::{Response, Status};

use super::request_list::list_requests;
use super::request_view::{facts, list_request_timeline, plan_to_proto, to_proto};
use super::request_watch::watch_request;
use crate::app::App;
use crate::cx::{Admitted, Cx, Facts, Read, Target};
use crate::directory::Unit;
use crate::error::{Error, Result};
use crate::flow::content::{Existing, Findings, Proposal, assemble};
use crate::flow::secrets::{self, Owner};
use crate::flow::{self, approval::chosen, pending, policies};
use crate::rpc::{self, Answers, unary};
use crate::tx::Tx;

/// Longest reason of a cancellation, in characters.
const REASON_MAX: usize = 1000;

/// What allows to know that a deployment exists.
pub const DEPLOYMENT_READABLE: &[&str] = &["business_unit:deployments:read", "user:deployments:read:own"];

/// The service.
pub struct Requests(pub Arc<App>);

#[tonic::async_trait]
impl RequestService for Requests {
    unary! {
        create_request: pb::CreateRequestRequest => pb::Request,
        preview_request: pb::PreviewRequestRequest => pb::PreviewRequestResponse,
        get_request: pb::GetRequestRequest => pb::Request,
        list_requests: pb::ListRequestsRequest => pb::ListRequestsResponse,
        update_request: pb::UpdateRequestRequest => pb::Request,
        submit_request: pb::SubmitRequestRequest => pb::SubmitRequestResponse,
        cancel_request: pb::CancelRequestRequest => pb::CancelRequestResponse,
        retry_request: pb::RetryRequestRequest => pb::RetryRequestResponse,
        get_request_plan: pb::GetRequestPlanRequest => pb::Plan,
        list_request_timeline: pb::ListRequestTimelineRequest => pb::ListRequestTimelineResponse,
        explain_pending: pb::ExplainPendingRequest => pb::ExplainPendingResponse,
    }

    type WatchRequestStream = Answers<pb::WatchRequestResponse>;

    async fn watch_request(
        &self,
        request: tonic::Request<pb::WatchRequestRequest>,
    ) -> Result<Response<Self::WatchRequestStream>, Status> {
        rpc::stream(&self.0, request, watch_request).await
    }
}

async fn create_request(cx: Cx, req: pb::CreateRequestRequest) -> Result<pb::Request> {
    let parent: BusinessUnitName = parse(&req.parent, "parent")?;
    let mut tx = cx.begin(&req, Target::in_unit(&parent, parent.clone())).await?;
    let asked = req.request.unwrap_or_default();
    let unit = tx.admitted()?.unit()?.clone();
    let findings =
        assemble(&tx, &tx.app.vault, tx.organization_id, &unit, &asked, "request", Existing::default()).await?;
    let proposal = permitted(&mut tx, findings).await?;
    open_for(&mut tx, &unit, proposal.kind).await?;
    let row = flow::request::create(&mut tx, &unit, &proposal, req.draft).await?;
    answer(&tx, &row).await?.commit(tx).await
}

async fn preview_request(cx: Cx, req: pb::PreviewRequestRequest) -> Result<pb::PreviewRequestResponse> {
    let parent: BusinessUnitName = parse(&req.parent, "parent")?;
    let read = cx.read(Target::in_unit(&parent, parent.clone())).await?;
    let asked = req.request.unwrap_or_default();
    let unit = read.unit()?;
    let mut findings =
        assemble(read.conn(), &cx.app.vault, read.organization_id(), unit, &asked, "request", Existing::default())
            .await?;
    if let Some(target) = &findings.target {
        let facts = target_facts(target, &read);
        for pattern in &cx.app.contract.kind(target.kind).permissions {
            cx.require(&read, pattern, &facts).await?;
        }
    }
    let mut answer = pb::PreviewRequestResponse {
        policy_results: policies::results_to_proto(&findings.policy_results),
        ..Default::default()
    };
    if let Some(proposal) = &findings.proposal {
        answer.effective_tags = proposal.tags.clone();
        let seconds = u64::try_from(proposal.template.estimated_duration_seconds).unwrap_or_default();
        answer.estimated_duration = Some(crate::convert::duration(std::time::Duration::from_secs(seconds)));
        let all = policies::approval_policies(read.conn(), read.organization_id()).await?;
        let facts = RequestFacts {
            kind: proposal.kind,
            tier: proposal.tier,
            template: &proposal.template.slug,
            business_unit: unit.name.id().as_str(),
            plan: None,
            is_agents: read.user.is_agent() && cx.app.contract.kind(proposal.kind).risk(proposal.tier) == Risk::High,
        };
        let policy = chosen(&all, &facts)?;
        answer.approvals = policies::required_approvals(&policy.policy, &policy.policy.route(&facts));
    }
    findings.policy_results.retain(|result| result.enforced);
    if let Err(Error::Core(error)) = findings.into_proposal().map(drop) {
        // Wrong content is an answer here; anything else is an error as everywhere.
        if error.fields.is_empty() && error.policies.is_empty() {
            return Err(error.into());
        }
        answer.violations = error.fields.into_iter().map(crate::convert::field_violation).collect();
    } else {
        answer.valid = true;
    }
    Ok(answer)
}

async fn get_request(cx: Cx, req: pb::GetRequestRequest) -> Result<pb::Request> {
    let name: RequestName = parse(&req.name, "name")?;
    let read = cx.read(Target::in_unit(&name, name.business_unit())).await?;
    let row = readable(&read, &name).await?;
    one(read.conn(), &read, &row).await
}

async fn update_request(cx: Cx, req: pb::UpdateRequestRequest) -> Result<pb::Request> {
    let sent = req.request.clone().unwrap_or_default();
    let name: RequestName = parse(&sent.name, "request.name")?;
    let mut tx = cx.begin(&req, Target::in_unit(&name, name.business_unit())).await?;
    let before = locked(&mut tx, &name).await?;
    Etag::check(&sent.etag, before.revision)?;
    own(&tx, &before)?;
    let inputs = secrets::open(
        &tx.app.vault,
        tx.organization_id,
        Owner::Request(before.id),
        "inputs",
        &before.inputs_ciphertext,
    )?;
    let merged = merge(&before, sent, req.update_mask.as_ref())?;
    let sends_inputs = match &merged.payload {
        Some(Payload::Create(create)) => create.inputs.is_some(),
        Some(Payload::Update(update)) => update.inputs.is_some(),
        Some(Payload::Destroy(_)) | None => false,
    };
    let reserved = match (before.deployment_id, flow::request::kind_of(&before)?) {
        (Some(id), RequestKind::Create) => deployment::get(&tx, tx.organization_id, id).await?,
        _ => None,
    };
    let existing = Existing { inputs: (!sends_inputs).then_some(&inputs), reserved: reserved.as_ref() };
    let unit = tx.admitted()?.unit()?.clone();
    let findings = assemble(&tx, &tx.app.vault, tx.organization_id, &unit, &merged, "request", existing).await?;
    let proposal = permitted(&mut tx, findings).await?;
    let row = flow::request::change_content(&mut tx, &before, &proposal).await?;
    answer(&tx, &row).await?.commit(tx).await
}

async fn submit_request(cx: Cx, req: pb::SubmitRequestRequest) -> Result<pb::SubmitRequestResponse> {
    let name: RequestName = parse(&req.name, "name")?;
    let mut tx = cx.begin(&req, Target::in_unit(&name, name.business_unit())).await?;
    let before = locked(&mut tx, &name).await?;
    Etag::check(&req.etag, before.revision)?;
    own(&tx, &before)?;
    let owner = Owner::Request(before.id);
    let inputs = secrets::open(&tx.app.vault, tx.organization_id, owner, "inputs", &before.inputs_ciphertext)?;
    let asked = stored(&before)?;
    let unit = tx.admitted()?.unit()?.clone();
    let existing = Existing { inputs: Some(&inputs), reserved: None };
    let findings = assemble(&tx, &tx.app.vault, tx.organization_id, &unit, &asked, "request", existing).await?;
    let proposal = permitted(&mut tx, findings).await?;
    open_for(&mut tx, &unit, proposal.kind).await?;
    let row = flow::request::submit(&mut tx, &unit, &before, &proposal).await?;
    let request = answer(&tx, &row).await?.0;
    tx.commit(pb::SubmitRequestResponse { request: Some(request), effects: None }).await
}

async fn cancel_request(cx: Cx, req: pb::CancelRequestRequest) -> Result<pb::CancelRequestResponse> {
    let name: RequestName = parse(&req.name, "name")?;
    if req.reason.chars().count() > REASON_MAX {
        return Err(Error::field("reason", format!("is longer than {REASON_MAX} characters. Shorten it.")));
    }
    let mut tx = cx.begin(&req, Target::in_unit(&name, name.business_unit())).await?;
    let before = locked(&mut tx, &name).await?;
    let team_id = tx.admitted()?.team_of(&tx, before.deployment_id).await?;
    tx.check(&facts(&name.to_string(), &before, team_id)?).await?;
    Etag::check(&req.etag, before.revision)?;
    let row = flow::request::cancel(&mut tx, &before, &req.reason).await?;
    let request = answer(&tx, &row).await?.0;
    tx.commit(pb::CancelRequestResponse { request: Some(request), effects: None }).await
}

async fn retry_request(cx: Cx, req: pb::RetryRequestRequest) -> Result<pb::RetryRequestResponse> {
    let name: RequestName = parse(&req.name, "name")?;
    let mut tx = cx.begin(&req, Target::in_unit(&name, name.business_unit())).await?;
    let before = locked(&mut tx, &name).await?;
    let text = name.to_string();
    let team_id = tx.admitted()?.team_of(&tx, before.deployment_id).await?;
    let about = facts(&text, &before, team_id)?;
    tx.check(&about).await?;
    // Whoever retries answers for the change as whoever asked for it did.
    let kind = flow::request::kind_of(&before)?;
    for pattern in tx.app.contract.kind(kind).permissions.clone() {
        tx.require(&pattern, &about).await?;
    }
    Etag::check(&req.etag, before.revision)?;
    let unit = tx.admitted()?.unit()?.clone();
    open_for(&mut tx, &unit, kind).await?;
    let row = flow::request::retry(&mut tx, &before).await?;
    let request = answer(&tx, &row).await?.0;
    tx.commit(pb::RetryRequestResponse { request: Some(request), effects: None }).await
}

async fn get_request_plan(cx: Cx, req: pb::GetRequestPlanRequest) -> Result<pb::Plan> {
    let name: RequestName = parse(&req.name, "name")?;
    let read = cx.read(Target::in_unit(&name, name.business_unit())).await?;
    let row = readable(&read, &name).await?;
    let found = match row.plan_id {
        Some(id) => plan::get(read.conn(), read.organization_id(), id).await?,
        None => None,
    };
    let found = found.ok_or_else(|| {
        let state = row.state.as_str();
        CoreError::not_found(&format!("The plan of {name}, which is {state},")).with("state", &state)
    })?;
    plan_to_proto(&read, &row, found)
}

async fn explain_pending(cx: Cx, req: pb::ExplainPendingRequest) -> Result<pb::ExplainPendingResponse> {
    Ok(pb::ExplainPendingResponse { blockers: pending::explain(&cx, &req.name).await? })
}

/// The request of a name, which the caller may read.
pub(super) async fn readable(read: &Read, name: &RequestName) -> Result<RequestRow> {
    let row = request::find(read.conn(), read.organization_id(), read.unit()?.id, name.id())
        .await?
        .ok_or_else(|| CoreError::not_found(name))?;
    read.check(&facts(&name.to_string(), &row, None)?).await?;
    Ok(row)
}

/// The request of a name, locked.
async fn locked(tx: &mut Tx, name: &RequestName) -> Result<RequestRow> {
    let (organization_id, unit_id) = (tx.organization_id, tx.admitted()?.unit()?.id);
    let found = request::find(tx, organization_id, unit_id, name.id()).await?;
    let id = found.ok_or_else(|| CoreError::not_found(name))?.id;
    let row = request::lock(tx, organization_id, id).await?.ok_or_else(|| CoreError::not_found(name))?;
    tx.about(flow::objects::request_name(tx, &row)?);
    Ok(row)
}

/// Judges the permission to make requests and what the kind asks for beside it; then what is wrong with the content is
/// told, to those only who may ask for it at all.
async fn permitted(tx: &mut Tx, findings: Findings) -> Result<Proposal> {
    let unit_id = tx.admitted()?.unit()?.id;
    let caller = tx.admitted()?.user.id;
    let collection = format!("{}/requests", tx.admitted()?.unit()?.name);
    tx.check(&Facts {
        creator_id: Some(caller),
        ..Facts::of(&collection, &["business_unit:requests:list", "user:requests:read:own"])
    })
    .await?;
    if let Some(target) = &findings.target {
        let facts = target_facts(target, tx.admitted()?);
        for pattern in tx.app.contract.kind(target.kind).permissions.clone() {
            tx.require(&pattern, &facts).await?;
        }
    }
    findings.into_proposal().map_err(|error| match error {
        // For the audit event of the failure.
        Error::Core(error) => Error::Core(error.with(crate::audit::UNIT_KEY, &unit_id)),
        other => other,
    })
}

/// Holds the unit for something to be begun in it. One that is not active takes nothing but what empties it.
async fn open_for(tx: &mut Tx, unit: &Unit, kind: RequestKind) -> Result<()> {
    let organization_id = tx.organization_id;
    match business_unit::hold(tx, organization_id, unit.id).await? {
        // Deleted since the door was passed.
        None => Err(CoreError::not_found(&unit.name).into()),
        Some(false) if kind != RequestKind::Destroy => {
            Err(CoreError::wrong_state(&unit.name, "INACTIVE", &["ACTIVE"]).into())
        }
        Some(_) => Ok(()),
    }
}

fn target_facts<'a>(target: &'a flow::content::TargetFacts, admitted: &Admitted) -> Facts<'a> {
    Facts {
        tier: Some(target.tier),
        creator_id: Some(target.creator_id.unwrap_or(admitted.user.id)),
        team_id: target.team_id,
        ..Facts::of(&target.name, DEPLOYMENT_READABLE)
    }
}

/// Only its requester changes or submits a request.
fn own(tx: &Tx, row: &RequestRow) -> Result<()> {
    if row.requester_id == tx.admitted()?.user.id {
        return Ok(());
    }
    Err(CoreError::new(
        flagstone_core::Kind::Denied,
        Reason::AccessDenied,
        format!("Only {} changes or submits this request. Make one of your own.", row.requester),
    )
    .with("name", &flow::objects::request_name(tx, row)?)
    .into())
}

/// The stored content as a caller would send it, without its inputs.
fn stored(row: &RequestRow) -> Result<pb::Request> {
    let text = |key: &str| row.payload.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let payload = match flow::request::kind_of(row)? {
        RequestKind::Create => Payload::Create(pb::CreatePayload {
            template_version: text("template_version"),
            environment: text("environment"),
            deployment_id: text("deployment_id"),
            display_name: text("display_name"),
            inputs: None,
            cost_center: text("cost_center"),
            project_code: text("project_code"),
        }),
        RequestKind::Update => Payload::Update(pb::UpdatePayload {
            deployment: text("deployment"),
            template_version: text("template_version"),
            inputs: None,
        }),
        RequestKind::Destroy => Payload::Destroy(pb::DestroyPayload { deployment: text("deployment") }),
    };
    let mut tags: std::collections::BTreeMap<String, String> =
        serde_json::from_value(row.tags.clone()).map_err(Error::internal)?;
    // Set by the platform; a caller cannot send it.
    tags.remove(flagstone_core::tags::BUSINESS_UNIT);
    Ok(pb::Request {
        title: row.title.clone(),
        description: row.description.clone(),
        payload: Some(payload),
        tags,
        ..Default::default()
    })
}

/// The stored content with the masked fields of `sent`.
fn merge(row: &RequestRow, sent: pb::Request, mask: Option<&prost_types::FieldMask>) -> Result<pb::Request> {
    let kept = stored(row)?;
    let paths: Vec<String> = match mask {
        Some(mask) if !mask.paths.is_empty() => mask.paths.clone(),
        // Without a mask: what is set.
        _ => [
            ("title", !sent.title.is_empty()),
            ("description", !sent.description.is_empty()),
            ("tags", !sent.tags.is_empty()),
            ("payload", sent.payload.is_some()),
        ]
        .into_iter()
        .filter(|(_, set)| *set)
        .map(|(path, _)| path.to_owned())
        .collect(),
    };
    let mut merged = kept;
    let mut wrong = flagstone_core::Violations::new();
    for path in &paths {
        match path.as_str() {
            "title" => merged.title.clone_from(&sent.title),
            "description" => merged.description.clone_from(&sent.description),
            "tags" => merged.tags.clone_from(&sent.tags),
            "payload" | "create" | "update" | "destroy" => match (&sent.payload, &merged.payload) {
                (Some(new), Some(old)) if flow::content::kind_of(new) == flow::content::kind_of(old) => {
                    merged.payload = Some(new.clone());
                }
                _ => wrong.add(
                    "request",
                    format!("A request keeps its kind for life: send the payload `{}`.", row.kind.to_lowercase()),
                ),
            },
            other => wrong.add(
                "update_mask",
                format!("`{other}` cannot be changed. Known paths: title, description, tags, create, update, destroy."),
            ),
        }
    }
    wrong.finish()?;
    Ok(merged)
}

/// A request on its way out.
struct Answer(pb::Request);

impl Answer {
    async fn commit(self, tx: Tx) -> Result<pb::Request> {
        tx.commit(self.0).await
    }
}

async fn answer(tx: &Tx, row: &RequestRow) -> Result<Answer> {
    // As stored after everything that followed from the call.
    let row = request::get(tx, tx.organization_id, row.id).await?.ok_or_else(|| Error::internal("a row is gone"))?;
    Ok(Answer(one(tx, tx.admitted()?, &row).await?))
}

async fn one(conn: &Connection, admitted: &Admitted, row: &RequestRow) -> Result<pb::Request> {
    to_proto(conn, admitted, std::slice::from_ref(row))
        .await?
        .pop()
        .ok_or_else(|| Error::internal("one row made no message"))
}
