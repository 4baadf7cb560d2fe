//! The list of business units.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use uuid::Uuid;

use super::condition::{self, Comparison};
use super::keyset::pages;

use super::scope::in_units;
use super::{Branch, ListQuery};
use crate::business_unit::BusinessUnitRow;
use crate::error::Error;
use crate::schema::business_units;

pages! {
    /// One page of business units.
    business_units => BusinessUnitRow, orders { "create_time" => [create_time: DateTime<Utc>, id: Uuid] }
}

fn matching<'q>(query: &'q ListQuery<'q>, branch: &'q Branch) -> Result<business_units::BoxedQuery<'q, Pg>, Error> {
    let select = business_units::table
        .filter(business_units::organization_id.eq(query.organization_id))
        .filter(business_units::delete_time.is_null())
        .into_boxed();
    let select = in_units!(select, branch, business_units::id);
    Ok(match condition::of(query, comparison)? {
        Some(condition) => select.filter(condition),
        None => select,
    })
}

fn comparison(comparison: Comparison<'_>) -> condition::Result<'_, business_units::table> {
    match comparison.field {
        "display_name" => comparison.text(business_units::display_name),
        "code" => comparison.text(business_units::code),
        "active" => comparison.bool(business_units::active),
        "create_time" => comparison.time(business_units::create_time),
        _ => comparison.unknown(),
    }
}
