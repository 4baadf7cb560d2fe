//! The list of invitations.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use uuid::Uuid;

use super::condition::{self, Comparison};
use super::keyset::pages;

use super::scope::Units;
use super::{Branch, ListQuery};
use crate::error::Error;
use crate::invitation::InvitationRow;
use crate::schema::invitations;

pages! {
    /// One page of invitations. A branch of units holds none of those that are of no unit.
    invitations => InvitationRow, orders { "create_time" => [create_time: DateTime<Utc>, id: Uuid] }
}

fn matching<'q>(query: &'q ListQuery<'q>, branch: &'q Branch) -> Result<invitations::BoxedQuery<'q, Pg>, Error> {
    let select = invitations::table.filter(invitations::organization_id.eq(query.organization_id)).into_boxed();
    let select = match &branch.units {
        Units::Any => select,
        Units::Outside => select.filter(invitations::business_unit_id.is_null()),
        Units::One(unit) => select.filter(invitations::business_unit_id.eq(*unit)),
        Units::In(units) => select.filter(invitations::business_unit_id.eq_any(units)),
        Units::NotIn(units) => {
            select.filter(invitations::business_unit_id.is_null().or(invitations::business_unit_id.ne_all(units)))
        }
    };
    Ok(match condition::of(query, comparison)? {
        Some(condition) => select.filter(condition),
        None => select,
    })
}

fn comparison(comparison: Comparison<'_>) -> condition::Result<'_, invitations::table> {
    match comparison.field {
        "state" => comparison.text(invitations::state),
        "email" => comparison.text(invitations::email),
        "business_unit" => comparison.id_or_none(invitations::business_unit_id),
        "create_time" => comparison.time(invitations::create_time),
        _ => comparison.unknown(),
    }
}
