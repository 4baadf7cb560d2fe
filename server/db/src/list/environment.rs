//! The list of environments.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use uuid::Uuid;

use super::condition::{self, Comparison};
use super::keyset::pages;

use super::scope::in_units;
use super::{Branch, ListQuery};
use crate::environment::EnvironmentRow;
use crate::error::Error;
use crate::schema::environments;

pages! {
    /// One page of environments.
    environments => EnvironmentRow, orders {
        "rank" => [rank: i32, id: Uuid],
        "create_time" => [create_time: DateTime<Utc>, id: Uuid],
    }
}

fn matching<'q>(query: &'q ListQuery<'q>, branch: &'q Branch) -> Result<environments::BoxedQuery<'q, Pg>, Error> {
    let select = environments::table.filter(environments::organization_id.eq(query.organization_id)).into_boxed();
    let select = in_units!(select, branch, environments::business_unit_id);
    Ok(match condition::of(query, comparison)? {
        Some(condition) => select.filter(condition),
        None => select,
    })
}

fn comparison(comparison: Comparison<'_>) -> condition::Result<'_, environments::table> {
    match comparison.field {
        "tier" => comparison.text(environments::tier),
        "region" => comparison.text(environments::region),
        "display_name" => comparison.text(environments::display_name),
        "state" => comparison.text(environments::state),
        "create_time" => comparison.time(environments::create_time),
        _ => comparison.unknown(),
    }
}
