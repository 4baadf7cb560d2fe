//! The list of changes: what happened lately.

use diesel::pg::Pg;
use diesel::prelude::*;

use super::condition::{self, Comparison};
use super::keyset::pages;
use super::scope::Units;
use super::{Branch, ListQuery};
use crate::change_event::EventRow;
use crate::error::Error;
use crate::schema::change_events;
use crate::sight;

pages! {
    /// One page of changes. The branch says of which unit they are; the query's sights, which of them the caller sees.
    /// They come in the order of the feed, which is that of time but for transactions that ran side by side.
    change_events => EventRow, orders { "time" => [xid: i64, position: i64] }
}

fn matching<'q>(query: &'q ListQuery<'q>, branch: &'q Branch) -> Result<change_events::BoxedQuery<'q, Pg>, Error> {
    let select = change_events::table
        .filter(change_events::organization_id.eq(query.organization_id))
        .filter(sight::shown(query.sights, query.caller_id))
        .into_boxed();
    let select = match &branch.units {
        Units::Any => select,
        Units::One(unit) => select.filter(change_events::business_unit_id.eq(*unit)),
        Units::In(units) => select.filter(change_events::business_unit_id.eq_any(units)),
        Units::NotIn(units) => select.filter(change_events::business_unit_id.ne_all(units)),
        Units::Outside => select.filter(change_events::business_unit_id.is_null()),
    };
    Ok(match condition::of(query, comparison)? {
        Some(condition) => select.filter(condition),
        None => select,
    })
}

fn comparison(comparison: Comparison<'_>) -> condition::Result<'_, change_events::table> {
    match comparison.field {
        "object" => comparison.text(change_events::object),
        "object_type" => comparison.text(change_events::object_type),
        "principal" => comparison.text(change_events::principal),
        "time" => comparison.time(change_events::time),
        _ => comparison.unknown(),
    }
}
