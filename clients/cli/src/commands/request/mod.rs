//! Requests: the one way anything deployed changes.

mod act;
mod create;
mod decide;
mod show;

pub(crate) use show::explain;

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use flagstone_api::pb;

use crate::cli::Listing;
use crate::context::Context;
use crate::failure::Failure;
use crate::wait::Wait;

pub(crate) use act::{Act, Cancel};
pub(crate) use create::{Create, Destroy, Update};
pub(crate) use decide::{Approve, Reject};

/// What to do with requests.
#[derive(Subcommand)]
pub(crate) enum Request {
    /// Ask for a new deployment
    Create(Create),
    /// Ask for a change of a deployment
    Update(Update),
    /// Ask for the end of a deployment and of everything in it
    Destroy(Destroy),
    /// Show a request
    Get(Named),
    /// List the requests of a business unit, the newest first
    List(Listing),
    /// Show what a request would change
    Plan {
        #[command(flatten)]
        request: Named,
        /// Print the engine's own text
        #[arg(long)]
        text: bool,
    },
    /// Approve the plan of a request, exactly as shown
    Approve(Approve),
    /// Reject a request
    Reject(Reject),
    /// Withdraw a request
    Cancel(Cancel),
    /// Send a failed request on its way again, with a fresh plan
    Retry(Act),
    /// Send a draft on its way
    Submit(Act),
    /// Follow a request until it has ended, and exit with 5 if it did not end well
    Watch {
        #[command(flatten)]
        request: Named,
        /// Stop as soon as it is in this state
        #[arg(long, value_enum, value_name = "STATE")]
        until: Option<State>,
        /// Wait no longer, for instance 90s or 10m; then exit with 6
        #[arg(long, value_parser = humantime::parse_duration, value_name = "TIME")]
        timeout: Option<Duration>,
    },
    /// Show what happened to a request, oldest first
    Timeline(Named),
    /// Show why a request waits, and who can end that
    Why(Named),
}

/// A request.
#[derive(Args)]
pub(crate) struct Named {
    /// R-42, UNIT/R-42 or the whole name
    #[arg(value_name = "REQUEST")]
    name: String,
}

/// A state one can wait for.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum State {
    /// People have to decide
    PendingApproval,
    /// Decided; its apply waits for a runner
    Approved,
    /// Being carried out
    Applying,
    /// Carried out
    Completed,
    /// Somebody said no
    Rejected,
    /// Withdrawn
    Cancelled,
    /// Nobody decided in time
    Expired,
    /// Its plan, a policy or its apply failed
    Failed,
}

impl From<State> for pb::RequestState {
    fn from(state: State) -> Self {
        match state {
            State::PendingApproval => Self::PendingApproval,
            State::Approved => Self::Approved,
            State::Applying => Self::Applying,
            State::Completed => Self::Completed,
            State::Rejected => Self::Rejected,
            State::Cancelled => Self::Cancelled,
            State::Expired => Self::Expired,
            State::Failed => Self::Failed,
        }
    }
}

pub(crate) async fn run(context: &Context, request: Request) -> Result<(), Failure> {
    match request {
        Request::Create(create) => create::create(context, create).await,
        Request::Update(update) => create::update(context, update).await,
        Request::Destroy(destroy) => create::destroy(context, destroy).await,
        Request::Get(Named { name }) => show::get(context, &name).await,
        Request::List(listing) => show::list(context, listing).await,
        Request::Plan { request, text } => show::plan(context, &request.name, text).await,
        Request::Approve(approve) => decide::approve(context, approve).await,
        Request::Reject(reject) => decide::reject(context, reject).await,
        Request::Cancel(cancel) => act::cancel(context, cancel).await,
        Request::Retry(act) => act::retry(context, act).await,
        Request::Submit(act) => act::submit(context, act).await,
        Request::Watch { request, until, timeout } => {
            show::watch(context, &request.name, until.map(Into::into), timeout).await
        }
        Request::Timeline(Named { name }) => show::timeline(context, &name).await,
        Request::Why(Named { name }) => show::why(context, &name).await,
    }
}

/// Prints what became of a request: what a dry run would do, or the request, awaited if that was asked for.
async fn finish(context: &Context, request: pb::Request, dry_run: bool, wait: Wait) -> Result<(), Failure> {
    if dry_run {
        let effects = request.effects.unwrap_or_default();
        return context.format.text_or(&effects, crate::render::effects::effects);
    }
    if !wait.wait {
        return context.format.one(&request, show::FIELDS);
    }
    let awaited = crate::wait::request(context, &request.name, None, None);
    let request = crate::wait::within(wait.timeout, awaited).await?;
    context.format.one(&request, show::FIELDS)?;
    crate::wait::request_outcome(&request, None)
}
