//! Where things run.

use clap::Subcommand;
use flagstone_api::pb::{Environment, ListEnvironmentsRequest};

use crate::cli::Listing;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Column;
use crate::text::{short, word};

/// What to do with environments.
#[derive(Subcommand)]
pub(crate) enum Environments {
    /// List the environments of a business unit, the lowest tier first
    List(Listing),
}

const COLUMNS: &[Column<Environment>] = &[
    ("ENVIRONMENT", |e| short(&e.name)),
    ("TITLE", |e| e.display_name.clone()),
    ("TIER", |e| word(e.tier().as_str_name(), "TIER")),
    ("REGION", |e| e.region.clone()),
    ("STATE", |e| word(e.state().as_str_name(), "ENVIRONMENT_STATE")),
];

pub(crate) async fn run(context: &Context, environments: Environments) -> Result<(), Failure> {
    let Environments::List(listing) = environments;
    let request = ListEnvironmentsRequest {
        parent: context.parent().await?,
        page_size: listing.page_size(),
        filter: listing.filter.unwrap_or_default(),
        order_by: listing.order_by.unwrap_or_default(),
        ..Default::default()
    };
    context.print_list(context.client.list_environments(request), listing.limit, COLUMNS).await
}
