//! Reading requests.

use std::time::Duration;

use flagstone_api::pb::{
    Blocker, ExplainPendingRequest, GetRequestPlanRequest, ListRequestTimelineRequest, ListRequestsRequest, Request,
    RequestState, TimelineEntry,
};

use crate::cli::Listing;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Column, Format};
use crate::render;
use crate::text::{id, names, plain, short, time, word};
use crate::wait::{self, state_word};

const COLUMNS: &[Column<Request>] = &[
    ("REQUEST", |r| r.code.clone()),
    ("KIND", |r| word(r.kind().as_str_name(), "REQUEST_KIND")),
    ("TITLE", |r| r.title.clone()),
    ("DEPLOYMENT", |r| short(&r.deployment)),
    ("TIER", |r| word(r.tier().as_str_name(), "TIER")),
    ("STATE", |r| state_word(r.state())),
    ("REQUESTER", |r| id(&r.requester)),
    ("CREATED", |r| time(r.create_time.as_ref())),
];

/// The fields of one request.
pub(super) const FIELDS: &[Column<Request>] = &[
    ("Request", |r| r.code.clone()),
    ("Title", |r| r.title.clone()),
    ("Description", |r| r.description.clone()),
    ("Kind", |r| word(r.kind().as_str_name(), "REQUEST_KIND")),
    ("State", |r| state_word(r.state())),
    ("Failed in", |r| word(r.failed_phase().as_str_name(), "FAILED_PHASE")),
    ("Error", |r| {
        let error = r.error.as_ref();
        error.map(|e| format!("{}: {}\n{}", e.error_class, e.message, e.suggestion)).unwrap_or_default()
    }),
    ("Deployment", |r| short(&r.deployment)),
    ("Environment", |r| id(&r.environment)),
    ("Tier", |r| word(r.tier().as_str_name(), "TIER")),
    ("Requester", |r| id(&r.requester)),
    ("Plan", |r| r.plan.as_ref().map(render::plan::summary).unwrap_or_default()),
    ("Digest", |r| r.plan.as_ref().map(|plan| plan.digest.clone()).unwrap_or_default()),
    ("Approval", |r| id(&r.approval)),
    ("Jobs", |r| names(&r.jobs)),
    ("Revision", |r| id(&r.revision)),
    ("Violations", |r| {
        let all = r.policy_results.iter().flat_map(|result| &result.violations);
        all.map(|v| format!("{}: {} {}", id(&v.policy), v.message, v.fix)).collect::<Vec<_>>().join("\n")
    }),
    ("Created", |r| time(r.create_time.as_ref())),
    ("Changed", |r| time(r.update_time.as_ref())),
];

const TIMELINE: &[Column<TimelineEntry>] = &[
    ("TIME", |e| time(e.time.as_ref())),
    ("EVENT", |e| e.event.clone()),
    ("STATE", |e| state_word(e.state())),
    ("BY", |e| id(&e.principal)),
    ("COMMENT", |e| e.comment.clone()),
];

const BLOCKERS: &[Column<Blocker>] = &[
    ("WAITS FOR", |b| word(b.kind().as_str_name(), "BLOCKER_KIND")),
    ("WHAT", |b| b.message.clone()),
    ("REMEDY", |b| b.remedy.clone()),
    ("WHO", |b| names(&b.who)),
    ("SINCE", |b| time(b.since.as_ref())),
];

pub(super) async fn get(context: &Context, typed: &str) -> Result<(), Failure> {
    context.format.one(&context.request(typed).await?, FIELDS)
}

pub(super) async fn list(context: &Context, listing: Listing) -> Result<(), Failure> {
    let request = ListRequestsRequest {
        parent: context.parent().await?,
        page_size: listing.page_size(),
        filter: listing.filter.unwrap_or_default(),
        order_by: listing.order_by.unwrap_or_default(),
        ..Default::default()
    };
    context.print_list(context.client.list_requests(request), listing.limit, COLUMNS).await
}

pub(super) async fn plan(context: &Context, typed: &str, text: bool) -> Result<(), Failure> {
    let name = context.request_name(typed).await?;
    let plan = context.client.requests().get_request_plan(GetRequestPlanRequest { name }).await?.into_inner();
    context.format.text_or(&plan, |plan| if text { plain(&plan.text).into_owned() } else { render::plan::plan(plan) })
}

pub(super) async fn watch(
    context: &Context,
    typed: &str,
    until: Option<RequestState>,
    timeout: Option<Duration>,
) -> Result<(), Failure> {
    let name = context.request_name(typed).await?;
    let each = (context.format != Format::Table).then_some(context.format);
    let request = wait::within(timeout, wait::request(context, &name, until, each)).await?;
    if each.is_none() {
        context.format.one(&request, FIELDS)?;
    }
    wait::request_outcome(&request, until)
}

pub(super) async fn timeline(context: &Context, typed: &str) -> Result<(), Failure> {
    let parent = context.request_name(typed).await?;
    let request = ListRequestTimelineRequest { parent, page_size: 200, ..Default::default() };
    context.print_list(context.client.list_request_timeline(request), 0, TIMELINE).await
}

pub(super) async fn why(context: &Context, typed: &str) -> Result<(), Failure> {
    explain(context, context.request_name(typed).await?).await
}

/// Prints what an object waits for.
pub(crate) async fn explain(context: &Context, name: String) -> Result<(), Failure> {
    let answer = context.client.requests().explain_pending(ExplainPendingRequest { name }).await?.into_inner();
    if answer.blockers.is_empty() && context.format == Format::Table {
        return crate::output::print("It waits for nothing.\n");
    }
    context.format.list(&answer.blockers, BLOCKERS)
}
