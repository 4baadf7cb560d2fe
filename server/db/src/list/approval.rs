//! The list of approvals: the inbox.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use uuid::Uuid;

use super::condition::{self, Comparison};
use super::keyset::pages;

use super::scope::within;
use super::{Branch, ListQuery};
use crate::approval::ApprovalRow;
use crate::error::Error;
use crate::schema::approvals;

pages! {
    /// One page of approvals.
    approvals => ApprovalRow, orders { "create_time" => [create_time: DateTime<Utc>, id: Uuid] }
}

fn matching<'q>(query: &'q ListQuery<'q>, branch: &'q Branch) -> Result<approvals::BoxedQuery<'q, Pg>, Error> {
    let select = approvals::table.filter(approvals::organization_id.eq(query.organization_id)).into_boxed();
    let select = within!(select, query, branch, approvals::business_unit_id, approvals::requester_id);
    Ok(match condition::of(query, comparison)? {
        Some(condition) => select.filter(condition),
        None => select,
    })
}

fn comparison(comparison: Comparison<'_>) -> condition::Result<'_, approvals::table> {
    match comparison.field {
        "state" => comparison.text(approvals::state),
        "tier" => comparison.text(approvals::tier),
        "business_unit" => comparison.id(approvals::business_unit_id),
        "request" => comparison.id(approvals::request_id),
        "requester" => comparison.id(approvals::requester_id),
        "create_time" => comparison.time(approvals::create_time),
        _ => comparison.unknown(),
    }
}
