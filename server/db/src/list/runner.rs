//! The list of runners.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use uuid::Uuid;

use super::condition::{self, Comparison};
use super::keyset::pages;

use super::{Branch, ListQuery};
use crate::error::Error;
use crate::runner::RunnerRow;
use crate::schema::runners;

pages! {
    /// One page of the runners that serve the organization: its own and those of the installation. They are of no unit: the
    /// branch is always [`Branch::ALL`]. Those that were removed are left out.
    runners => RunnerRow, orders { "create_time" => [create_time: DateTime<Utc>, id: Uuid] }
}

fn matching<'q>(query: &'q ListQuery<'q>, _: &'q Branch) -> Result<runners::BoxedQuery<'q, Pg>, Error> {
    // Few: no index serves both kinds in order.
    let select = runners::table
        .filter(runners::organization_id.eq(query.organization_id).or(runners::organization_id.is_null()))
        .filter(runners::adoption.ne("REMOVED"))
        .into_boxed();
    Ok(match condition::of(query, comparison)? {
        Some(condition) => select.filter(condition),
        None => select,
    })
}

fn comparison(comparison: Comparison<'_>) -> condition::Result<'_, runners::table> {
    match comparison.field {
        "display_name" => comparison.text(runners::display_name),
        "state" => comparison.text(runners::adoption),
        "embedded" => comparison.bool(runners::embedded),
        "create_time" => comparison.time(runners::create_time),
        _ => comparison.unknown(),
    }
}
