//! The list of the versions of a deployment's state. The contents stay where they are.

use chrono::{DateTime, Utc};
use diesel::dsl::{exists, not};
use diesel::pg::Pg;
use diesel::prelude::*;

use super::condition::{self, Comparison};
use super::keyset::pages;
use super::{Branch, ListQuery};
use crate::error::Error;
use crate::schema::{workspace_states, workspaces};
use crate::workspace::StateHeadRow;

pages! {
    /// One page of the states of a deployment, which is the query's parent. The branch is always [`Branch::ALL`].
    workspace_states => StateHeadRow, orders { "time" => [time: DateTime<Utc>, serial: i64, fence: i64] }
}

fn matching<'q>(query: &'q ListQuery<'q>, _: &'q Branch) -> Result<workspace_states::BoxedQuery<'q, Pg>, Error> {
    let select = workspace_states::table
        .filter(workspace_states::organization_id.eq(query.organization_id))
        .filter(workspace_states::deployment_id.eq(query.parent()?))
        .into_boxed();
    Ok(match condition::of(query, comparison)? {
        Some(condition) => select.filter(condition),
        None => select,
    })
}

fn comparison(comparison: Comparison<'_>) -> condition::Result<'_, workspace_states::table> {
    match comparison.field {
        "state" => {
            let (word, is_equal) = comparison.word()?;
            let current = || {
                exists(
                    workspaces::table
                        .filter(workspaces::organization_id.eq(workspace_states::organization_id))
                        .filter(workspaces::deployment_id.eq(workspace_states::deployment_id))
                        .filter(workspaces::serial.eq(workspace_states::serial))
                        .filter(workspaces::lineage.eq(workspace_states::lineage)),
                )
            };
            let stored = || workspace_states::state.eq("STORED");
            Ok(match (word, is_equal) {
                ("CURRENT", true) => Box::new(stored().and(current())),
                ("CURRENT", false) => Box::new(not(stored().and(current()))),
                ("SUPERSEDED", true) => Box::new(stored().and(not(current()))),
                ("SUPERSEDED", false) => Box::new(not(stored()).or(current())),
                (_, true) => Box::new(workspace_states::state.eq(word)),
                (_, false) => Box::new(workspace_states::state.ne(word)),
            })
        }
        "time" => comparison.time(workspace_states::time),
        _ => comparison.unknown(),
    }
}
