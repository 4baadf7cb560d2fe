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

pub(super) async fn cancel(context: &Context, act: Act, reason: Option<String>) -> Result<(), Failure> {
    let name = context.request_name(&act.request.name).await?;
    let reason = reason.unwrap_or_default();
    let request = CancelRequestRequest { name, reason, validate_only: act.dry_run, ..Default::default() };
    let answer = context.client.requests().cancel_request(request).await?.into_inner();
    // It has ended: waiting for it would only call that a failure.
    let wait = Wait { wait: false, timeout: None };
    finish(context, with(answer.request, answer.effects), act.dry_run, wait).await
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
