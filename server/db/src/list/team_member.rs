//! The list of the members of a team.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use uuid::Uuid;

use super::condition::{self, Comparison};
use super::keyset::pages;

use super::{Branch, ListQuery};
use crate::error::Error;
use crate::schema::team_members;
use crate::team::TeamMemberRow;

pages! {
    /// One page of the members of a team, which is the query's parent. The branch is always [`Branch::ALL`].
    team_members => TeamMemberRow, orders { "create_time" => [create_time: DateTime<Utc>, user_id: Uuid] }
}

fn matching<'q>(query: &'q ListQuery<'q>, _: &'q Branch) -> Result<team_members::BoxedQuery<'q, Pg>, Error> {
    let select = team_members::table
        .filter(team_members::organization_id.eq(query.organization_id))
        .filter(team_members::team_id.eq(query.parent()?))
        .into_boxed();
    Ok(match condition::of(query, comparison)? {
        Some(condition) => select.filter(condition),
        None => select,
    })
}

fn comparison(comparison: Comparison<'_>) -> condition::Result<'_, team_members::table> {
    match comparison.field {
        "user" => comparison.id(team_members::user_id),
        "is_lead" => comparison.bool(team_members::is_lead),
        "create_time" => comparison.time(team_members::create_time),
        _ => comparison.unknown(),
    }
}
