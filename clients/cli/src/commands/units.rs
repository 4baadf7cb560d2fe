//! The business units.

use clap::Subcommand;
use flagstone_api::pb::{BusinessUnit, ListBusinessUnitsRequest};

use crate::cli::Listing;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Column;
use crate::text::{id, yes};

/// What to do with business units.
#[derive(Subcommand)]
pub(crate) enum Units {
    /// List the business units that you may read, the newest first
    List(Listing),
}

const COLUMNS: &[Column<BusinessUnit>] = &[
    ("UNIT", |u| id(&u.name)),
    ("CODE", |u| u.code.clone()),
    ("TITLE", |u| u.display_name.clone()),
    ("OWNER", |u| id(&u.owner)),
    ("ACTIVE", |u| yes(u.active)),
];

pub(crate) async fn run(context: &Context, units: Units) -> Result<(), Failure> {
    let Units::List(listing) = units;
    let request = ListBusinessUnitsRequest {
        page_size: listing.page_size(),
        filter: listing.filter.unwrap_or_default(),
        order_by: listing.order_by.unwrap_or_default(),
        ..Default::default()
    };
    context.print_list(context.client.list_business_units(request), listing.limit, COLUMNS).await
}
