//! The list of jobs.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use uuid::Uuid;

use super::condition::{self, Comparison};
use super::keyset::pages;

use super::scope::in_units;
use super::{Branch, ListQuery};
use crate::error::Error;
use crate::job::JobRow;
use crate::schema::jobs;

pages! {
    /// One page of jobs.
    jobs => JobRow, orders { "create_time" => [create_time: DateTime<Utc>, id: Uuid] }
}

fn matching<'q>(query: &'q ListQuery<'q>, branch: &'q Branch) -> Result<jobs::BoxedQuery<'q, Pg>, Error> {
    let select = jobs::table
        .filter(jobs::organization_id.eq(query.organization_id))
        .filter(jobs::delete_time.is_null())
        .into_boxed();
    let select = in_units!(select, branch, jobs::business_unit_id);
    Ok(match condition::of(query, comparison)? {
        Some(condition) => select.filter(condition),
        None => select,
    })
}

fn comparison(comparison: Comparison<'_>) -> condition::Result<'_, jobs::table> {
    match comparison.field {
        "state" => comparison.text(jobs::state),
        "kind" => comparison.text(jobs::kind),
        "queue" => comparison.text(jobs::queue),
        // A job works on its request.
        "subject" => comparison.id(jobs::request_id),
        "trigger" => comparison.text(jobs::trigger),
        "create_time" => comparison.time(jobs::create_time),
        _ => comparison.unknown(),
    }
}
