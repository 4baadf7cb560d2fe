//! The list of service accounts.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use uuid::Uuid;

use super::condition::{self, Comparison};
use super::keyset::pages;

use super::{Branch, ListQuery};
use crate::error::Error;
use crate::schema::service_accounts;
use crate::service_account::ServiceAccountRow;

pages! {
    /// One page of service accounts. They belong to the organization: the branch is always [`Branch::ALL`].
    service_accounts => ServiceAccountRow, orders {
        "create_time" => [create_time: DateTime<Utc>, id: Uuid],
    }
}

fn matching<'q>(query: &'q ListQuery<'q>, _: &'q Branch) -> Result<service_accounts::BoxedQuery<'q, Pg>, Error> {
    let select = service_accounts::table
        .filter(service_accounts::organization_id.eq(query.organization_id))
        .filter(service_accounts::delete_time.is_null())
        .into_boxed();
    Ok(match condition::of(query, comparison)? {
        Some(condition) => select.filter(condition),
        None => select,
    })
}

fn comparison(comparison: Comparison<'_>) -> condition::Result<'_, service_accounts::table> {
    match comparison.field {
        "kind" => comparison.text(service_accounts::kind),
        "active" => comparison.bool(service_accounts::active),
        "description" => comparison.text(service_accounts::description),
        "create_time" => comparison.time(service_accounts::create_time),
        _ => comparison.unknown(),
    }
}
