//! Withdrawing, retrying and submitting requests.

use clap::Args;
use flagstone_api::pb::{CancelRequestRequest, Effects, Request, RetryRequestRequest, SubmitRequestRequest};

use super::{Named, finish};
use crate::context::Context;
use crate::failure::Failure;
use crate::wait::Wait;

/// A request, and how to act on it.
#[derive(Args)]
pub(crate) struct Act {
    #[command(flatten)]
    request: Named,
    /// Show what it would do, and do nothing
    #[arg(long, conflicts_with = "wait")]
    dry_run: bool,
    #[command(flatten)]
    wait: Wait,
}

/// A withdrawal.
#[derive(Args)]
pub(crate) struct Cancel {
    #[command(flatten)]
    request: Named,
    /// Why, shown in the timeline
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Show what it would do, and do nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn cancel(context: &Context, cancel: Cancel) -> Result<(), Failure> {
    let request = CancelRequestRequest {
        name: context.request_name(&cancel.request.name).await?,
        reason: cancel.reason.unwrap_or_default(),
        validate_only: cancel.dry_run,
        ..Default::default()
    };
    let answer = context.client.requests().cancel_request(request).await?.into_inner();
    // It has ended: there is nothing to wait for.
    let wait = Wait { wait: false, timeout: None };
    finish(context, with(answer.request, answer.effects), cancel.dry_run, wait).await
}

pub(super) async fn retry(context: &Context, act: Act) -> Result<(), Failure> {
    let name = context.request_name(&act.request.name).await?;
    let request = RetryRequestRequest { name, validate_only: act.dry_run, ..Default::default() };
    let answer = context.client.requests().retry_request(request).await?.into_inner();
    finish(context, with(answer.request, answer.effects), act.dry_run, act.wait).await
}

pub(super) async fn submit(context: &Context, act: Act) -> Result<(), Failure> {
    let name = context.request_name(&act.request.name).await?;
    let request = SubmitRequestRequest { name, validate_only: act.dry_run, ..Default::default() };
    let answer = context.client.requests().submit_request(request).await?.into_inner();
    finish(context, with(answer.request, answer.effects), act.dry_run, act.wait).await
}

/// The request with the effects, which these answers carry beside it.
fn with(request: Option<Request>, effects: Option<Effects>) -> Request {
    Request { effects, ..request.unwrap_or_default() }
}
