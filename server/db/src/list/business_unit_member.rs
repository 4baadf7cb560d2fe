//! The list of the members of a business unit.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use uuid::Uuid;

use super::condition::{self, Comparison};
use super::keyset::pages;

use super::{Branch, ListQuery};
use crate::business_unit_member::BusinessUnitMemberRow;
use crate::error::Error;
use crate::schema::business_unit_members;

pages! {
    /// One page of the members of a unit, which is the list's parent.
    business_unit_members => BusinessUnitMemberRow, orders {
        "create_time" => [create_time: DateTime<Utc>, user_id: Uuid],
    }
}

fn matching<'q>(query: &'q ListQuery<'q>, _: &'q Branch) -> Result<business_unit_members::BoxedQuery<'q, Pg>, Error> {
    let select = business_unit_members::table
        .filter(business_unit_members::organization_id.eq(query.organization_id))
        .filter(business_unit_members::business_unit_id.eq(query.parent()?))
        .into_boxed();
    Ok(match condition::of(query, comparison)? {
        Some(condition) => select.filter(condition),
        None => select,
    })
}

fn comparison(comparison: Comparison<'_>) -> condition::Result<'_, business_unit_members::table> {
    match comparison.field {
        "user" => comparison.id(business_unit_members::user_id),
        "create_time" => comparison.time(business_unit_members::create_time),
        _ => comparison.unknown(),
    }
}
