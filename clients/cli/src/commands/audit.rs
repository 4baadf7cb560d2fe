//! Who did what.

use clap::Subcommand;
use flagstone_api::pb::{AuditEvent, ListAuditEventsRequest};

use crate::cli::Listing;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Column;
use crate::text::{id, short, time, word};

/// What to do with the audit.
#[derive(Subcommand)]
pub(crate) enum Audit {
    /// List audit events, the newest first
    List(Listing),
}

const COLUMNS: &[Column<AuditEvent>] = &[
    ("TIME", |e| time(e.time.as_ref())),
    ("BY", |e| id(&e.principal)),
    ("ACTION", |e| e.action.clone()),
    ("OBJECT", |e| short(&e.object)),
    ("OUTCOME", |e| word(e.outcome().as_str_name(), "AUDIT_OUTCOME")),
    ("ORIGIN", |e| word(e.origin().as_str_name(), "AUDIT_ORIGIN")),
    ("CORRELATION ID", |e| e.correlation_id.clone()),
];

pub(crate) async fn run(context: &Context, audit: Audit) -> Result<(), Failure> {
    let Audit::List(listing) = audit;
    let request = ListAuditEventsRequest {
        page_size: listing.page_size(),
        filter: listing.filter.unwrap_or_default(),
        order_by: listing.order_by.unwrap_or_default(),
        ..Default::default()
    };
    context.print_list(context.client.list_audit_events(request), listing.limit, COLUMNS).await
}
