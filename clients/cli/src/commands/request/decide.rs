//! Approving and rejecting: on exactly the content and plan that were shown.

use clap::Args;
use flagstone_api::pb::{
    Approval, ApproveApprovalRequest, GetApprovalRequest, GetRequestPlanRequest, RejectApprovalRequest, Request,
};

use super::Named;
use crate::ask;
use crate::commands::approvals::FIELDS;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{note, show};
use crate::render;
use crate::text::{id, one_line, word};
use crate::wait::state_word;

/// An approval to give.
#[derive(Args)]
pub(crate) struct Approve {
    #[command(flatten)]
    request: Named,
    /// What to say with it
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Approve only a plan with this digest, as `request plan` printed it
    #[arg(long, value_name = "DIGEST")]
    digest: Option<String>,
    /// Show what it would do, and do nothing
    #[arg(long)]
    dry_run: bool,
}

/// A rejection.
#[derive(Args)]
pub(crate) struct Reject {
    #[command(flatten)]
    request: Named,
    /// Why; kept for ever and shown to the requester
    #[arg(long, value_name = "TEXT")]
    comment: String,
    /// Show what it would do, and do nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn approve(context: &Context, approve: Approve) -> Result<(), Failure> {
    let (request, approval) = open(context, &approve.request.name).await?;
    present(context, &request, &approval, approve.yes || approve.dry_run).await?;
    if let Some(wanted) = approve.digest.filter(|wanted| *wanted != approval.plan_digest) {
        let text = format!("The plan's digest is {}, not {wanted}. Look at the plan again.", approval.plan_digest);
        return Err(Failure::Conflict(text));
    }
    ask::consent(&format!("Approve {}?", request.code), approve.yes || approve.dry_run)?;
    let call = ApproveApprovalRequest {
        name: approval.name,
        content_hash: approval.content_hash,
        plan_digest: approval.plan_digest,
        comment: approve.comment.unwrap_or_default(),
        validate_only: approve.dry_run,
        ..Default::default()
    };
    let answer = context.client.approvals().approve_approval(call).await?.into_inner();
    finish(context, answer.approval, answer.effects, approve.dry_run)
}

pub(super) async fn reject(context: &Context, reject: Reject) -> Result<(), Failure> {
    let (_, approval) = open(context, &reject.request.name).await?;
    let call = RejectApprovalRequest {
        name: approval.name,
        content_hash: approval.content_hash,
        plan_digest: approval.plan_digest,
        comment: reject.comment,
        validate_only: reject.dry_run,
        ..Default::default()
    };
    let answer = context.client.approvals().reject_approval(call).await?.into_inner();
    finish(context, answer.approval, answer.effects, reject.dry_run)
}

/// The request and its approval.
async fn open(context: &Context, typed: &str) -> Result<(Request, Approval), Failure> {
    let request = context.request(typed).await?;
    if request.approval.is_empty() {
        let state = state_word(request.state());
        return Err(Failure::NotFound(format!("{} has no approval: it is {state}.", request.code)));
    }
    let get = GetApprovalRequest { name: request.approval.clone() };
    let approval = context.client.approvals().get_approval(get).await?.into_inner();
    Ok((request, approval))
}

/// Shows on stderr what is to be decided: with the whole plan, or `brief`ly.
async fn present(context: &Context, request: &Request, approval: &Approval, brief: bool) -> Result<(), Failure> {
    let (title, tier) = (one_line(&request.title), word(request.tier().as_str_name(), "TIER"));
    note(&format!("{} {title} · {tier} · by {}", request.code, id(&request.requester)));
    if approval.plan_digest.is_empty() {
        note("It has no plan.");
    } else if brief {
        let plan = approval.plan.as_ref().map(render::plan::summary).unwrap_or_default();
        note(&format!("{plan}\nDigest {}", approval.plan_digest));
    } else {
        let get = GetRequestPlanRequest { name: request.name.clone() };
        let plan = context.client.requests().get_request_plan(get).await?.into_inner();
        let shown = plan.summary.as_ref().map_or("", |summary| &summary.digest);
        if shown != approval.plan_digest {
            return Err(Failure::Conflict(format!("{} is being planned anew. Look again in a moment.", request.code)));
        }
        show(&render::plan::plan(&plan));
    }
    if !approval.can_decide && !approval.cannot_decide_reason.is_empty() {
        note(&approval.cannot_decide_reason);
    }
    Ok(())
}

fn finish(
    context: &Context,
    approval: Option<Approval>,
    effects: Option<flagstone_api::pb::Effects>,
    dry_run: bool,
) -> Result<(), Failure> {
    if dry_run {
        return context.format.text_or(&effects.unwrap_or_default(), render::effects::effects);
    }
    context.format.one(&approval.unwrap_or_default(), FIELDS)
}
