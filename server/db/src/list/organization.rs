//! The list of organizations: the one list that is not of one organization. Its door lets in operators of the
//! installation alone.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use uuid::Uuid;

use super::condition::{self, Comparison};
use super::keyset::pages;

use super::{Branch, ListQuery};
use crate::error::Error;
use crate::organization::OrganizationRow;
use crate::schema::organizations;

pages! {
    /// One page of organizations.
    organizations => OrganizationRow, orders { "create_time" => [create_time: DateTime<Utc>, id: Uuid] }
}

fn matching<'q>(query: &'q ListQuery<'q>, _: &'q Branch) -> Result<organizations::BoxedQuery<'q, Pg>, Error> {
    let select = organizations::table.filter(organizations::delete_time.is_null()).into_boxed();
    Ok(match condition::of(query, comparison)? {
        Some(condition) => select.filter(condition),
        None => select,
    })
}

fn comparison(comparison: Comparison<'_>) -> condition::Result<'_, organizations::table> {
    match comparison.field {
        "display_name" => comparison.text(organizations::display_name),
        "active" => comparison.bool(organizations::active),
        "create_time" => comparison.time(organizations::create_time),
        _ => comparison.unknown(),
    }
}
