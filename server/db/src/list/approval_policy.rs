//! The list of approval policies.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use uuid::Uuid;

use super::condition::{self, Comparison};
use super::keyset::pages;

use super::{Branch, ListQuery};
use crate::approval_policy::ApprovalPolicyRow;
use crate::error::Error;
use crate::schema::approval_policies;

pages! {
    /// One page of approval policies. They belong to the organization: the branch is always [`Branch::ALL`].
    approval_policies => ApprovalPolicyRow, orders {
        "priority" => [priority: i32, id: Uuid],
        "create_time" => [create_time: DateTime<Utc>, id: Uuid],
    }
}

fn matching<'q>(query: &'q ListQuery<'q>, _: &'q Branch) -> Result<approval_policies::BoxedQuery<'q, Pg>, Error> {
    let select =
        approval_policies::table.filter(approval_policies::organization_id.eq(query.organization_id)).into_boxed();
    Ok(match condition::of(query, comparison)? {
        Some(condition) => select.filter(condition),
        None => select,
    })
}

fn comparison(comparison: Comparison<'_>) -> condition::Result<'_, approval_policies::table> {
    match comparison.field {
        "display_name" => comparison.text(approval_policies::display_name),
        "active" => comparison.bool(approval_policies::active),
        "create_time" => comparison.time(approval_policies::create_time),
        _ => comparison.unknown(),
    }
}
