//! The list of teams.

use chrono::{DateTime, Utc};
use diesel::dsl::{exists, not};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use uuid::Uuid;

use super::condition::{self, Comparison};
use super::keyset::pages;

use super::{Branch, ListQuery};
use crate::error::Error;
use crate::schema::{team_members, teams};
use crate::team::TeamRow;

pages! {
    /// One page of teams. They belong to the organization: the branch is always [`Branch::ALL`].
    teams => TeamRow, orders { "create_time" => [create_time: DateTime<Utc>, id: Uuid] }
}

fn matching<'q>(query: &'q ListQuery<'q>, _: &'q Branch) -> Result<teams::BoxedQuery<'q, Pg>, Error> {
    let select = teams::table.filter(teams::organization_id.eq(query.organization_id)).into_boxed();
    Ok(match condition::of(query, comparison)? {
        Some(condition) => select.filter(condition),
        None => select,
    })
}

fn comparison(comparison: Comparison<'_>) -> condition::Result<'_, teams::table> {
    match comparison.field {
        "display_name" => comparison.text(teams::display_name),
        "member" => {
            let equal = comparison.is_equal();
            let Some(user_id) = comparison.named()? else { return Ok(Box::new((!equal).into_sql::<Bool>())) };
            let member = exists(
                team_members::table
                    .filter(team_members::organization_id.eq(teams::organization_id))
                    .filter(team_members::team_id.eq(teams::id))
                    .filter(team_members::user_id.eq(user_id)),
            );
            Ok(if equal { Box::new(member) } else { Box::new(not(member)) })
        }
        "linked_group" => comparison.id_or_none(teams::linked_group_id),
        "create_time" => comparison.time(teams::create_time),
        _ => comparison.unknown(),
    }
}
