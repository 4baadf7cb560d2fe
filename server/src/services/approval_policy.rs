//! Approval policies: who must approve what. A change holds for every approval that is opened from then on.

mod content;

use std::sync::Arc;

use flagstone_api::pb;
use flagstone_api::pb::approval_policy_service_server::ApprovalPolicyService;
use flagstone_core::Error as CoreError;
use flagstone_core::approval_policy::ApprovalPolicy;
use flagstone_core::error::Violations;
use flagstone_core::etag::Etag;
use flagstone_core::filter::{Field, FieldKind, Order};
use flagstone_core::names::{ApprovalPolicyName, parse};
use flagstone_db::approval_policy::{self, ApprovalPolicyContent, ApprovalPolicyRow};
use flagstone_db::list::{self, Branch};
use serde_json::{Value, json};

use crate::app::App;
use crate::convert::{seconds, timestamp};
use crate::cx::{Cx, Facts, Target};
use crate::error::{Error, Result};
use crate::flow::policies::stored_approval_policy;
use crate::ledger::ObjectRef;
use crate::list::{List, arguments};
use crate::rpc;

/// The service.
#[derive(Debug)]
pub struct ApprovalPolicies(pub Arc<App>);

#[tonic::async_trait]
impl ApprovalPolicyService for ApprovalPolicies {
    rpc::unary! {
        get_approval_policy: pb::GetApprovalPolicyRequest => pb::ApprovalPolicy,
        list_approval_policies: pb::ListApprovalPoliciesRequest => pb::ListApprovalPoliciesResponse,
        update_approval_policy: pb::UpdateApprovalPolicyRequest => pb::ApprovalPolicy,
    }
}

const READABLE: &[&str] = &["platform:approval_policies:list"];

const LIST: List = List {
    fields: &[
        Field { name: "display_name", kind: FieldKind::TextSearch },
        Field { name: "active", kind: FieldKind::Bool },
        Field { name: "create_time", kind: FieldKind::Time },
    ],
    names: &[],
    orders: &[
        Order { name: "priority", key: "priority", descending: false },
        Order { name: "create_time", key: "create_time", descending: true },
        Order { name: "create_time", key: "create_time", descending: false },
    ],
};

async fn get_approval_policy(cx: Cx, message: pb::GetApprovalPolicyRequest) -> Result<pb::ApprovalPolicy> {
    let name: ApprovalPolicyName = parse(&message.name, "name")?;
    let read = cx.read(Target::organization(&name)).await?;
    let found = approval_policy::find(read.conn(), read.organization_id(), name.id().as_str()).await?;
    to_proto(found.ok_or_else(|| CoreError::not_found(&name))?)
}

async fn list_approval_policies(
    cx: Cx,
    message: pb::ListApprovalPoliciesRequest,
) -> Result<pb::ListApprovalPoliciesResponse> {
    let call = LIST.call(&cx, arguments!(message))?;
    let read = cx.read(Target::organization("approvalPolicies")).await?;
    let names = call.names(&read).await?;
    let page = list::approval_policy::list(read.conn(), &call.query(&read, &names, None, &[Branch::ALL])).await?;
    Ok(pb::ListApprovalPoliciesResponse {
        next_page_token: call.next_token(page.next.as_ref())?,
        total_size: page.total.unwrap_or_default(),
        approval_policies: page.rows.into_iter().map(to_proto).collect::<Result<_>>()?,
    })
}

async fn update_approval_policy(cx: Cx, message: pb::UpdateApprovalPolicyRequest) -> Result<pb::ApprovalPolicy> {
    let sent = message.approval_policy.clone().unwrap_or_default();
    let mut wrong = Violations::new();
    let name = wrong.take(parse::<ApprovalPolicyName>(&sent.name, "approval_policy.name"));
    let mask = content::mask(&sent, message.update_mask.as_ref(), &mut wrong);
    let Some(name) = name else {
        wrong.finish()?;
        return Err(Error::internal("a name was refused without a reason"));
    };
    let mut tx = cx.begin(&message, Target::organization(&name)).await?;
    let organization_id = tx.organization_id;
    let found = approval_policy::lock(&mut tx, organization_id, name.id().as_str()).await?;
    let row = found.ok_or_else(|| CoreError::not_found(&name))?;
    tx.check(&Facts::of(&sent.name, READABLE)).await?;
    Etag::check(&sent.etag, row.revision)?;

    let mut policy = stored_approval_policy(row.clone())?.policy;
    let before = policy.clone();
    content::merge(&mut policy, &sent, &mask, &mut wrong);
    content::check_names(&tx, &policy, &mask, &mut wrong).await?;
    wrong.extend(policy.check("approval_policy"));
    wrong.finish()?;
    if policy == before {
        return tx.commit(to_proto(row)?).await;
    }
    let after = store(&mut tx, &row, &policy).await?;
    tx.record(
        ObjectRef { object_type: "approval_policy", name: name.to_string(), id: row.id, business_unit_id: None },
        Some(&to_json(&row)),
        Some(&to_json(&after)),
    );
    tx.commit(to_proto(after)?).await
}

async fn store(
    conn: &mut flagstone_db::Connection,
    row: &ApprovalPolicyRow,
    policy: &ApprovalPolicy,
) -> Result<ApprovalPolicyRow> {
    let auto_approve = policy.auto_approve.as_ref().map(|auto| json!(auto));
    let content = ApprovalPolicyContent {
        display_name: &policy.display_name,
        description: &policy.description,
        priority: policy.priority,
        match_rule: &json!(policy.matches),
        stages: &json!(policy.stages),
        allow_self: policy.allow_self,
        distinct_across_stages: policy.distinct_across_stages,
        ttl_seconds: policy.ttl_seconds,
        auto_approve: auto_approve.as_ref(),
        active: policy.active,
    };
    Ok(approval_policy::update(conn, row, &content).await?)
}

/// The content as the ledger tells it, before and after a change.
fn to_json(row: &ApprovalPolicyRow) -> Value {
    json!({
        "display_name": row.display_name,
        "description": row.description,
        "priority": row.priority,
        "match": row.match_rule,
        "stages": row.stages,
        "allow_self": row.allow_self,
        "distinct_across_stages": row.distinct_across_stages,
        "ttl_seconds": row.ttl_seconds,
        "auto_approve": row.auto_approve,
        "active": row.active,
    })
}

/// An approval policy as people see it.
fn to_proto(row: ApprovalPolicyRow) -> Result<pb::ApprovalPolicy> {
    let policy = stored_approval_policy(row.clone())?.policy;
    Ok(pb::ApprovalPolicy {
        name: ApprovalPolicyName::stored(&row.slug)?.to_string(),
        r#match: Some(content::match_to_proto(&policy.matches)),
        stages: policy.stages.iter().map(content::stage_to_proto).collect(),
        ttl: Some(seconds(policy.ttl_seconds)),
        auto_approve: policy.auto_approve.as_ref().map(content::auto_approve_to_proto),
        display_name: policy.display_name,
        description: policy.description,
        priority: policy.priority,
        allow_self: policy.allow_self,
        distinct_across_stages: policy.distinct_across_stages,
        active: policy.active,
        create_time: Some(timestamp(row.create_time)),
        update_time: Some(timestamp(row.update_time)),
        creator: row.creator,
        etag: Etag::of(row.revision),
        effects: None,
    })
}
