//! The list of groups.

use chrono::{DateTime, Utc};
use diesel::dsl::{exists, not};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use uuid::Uuid;

use super::condition::{self, Comparison};
use super::keyset::pages;
use super::scope::in_units_or_none;

use super::{Branch, ListQuery};
use crate::error::Error;
use crate::group::GroupRow;
use crate::schema::{group_members, groups};

pages! {
    /// One page of groups.
    groups => GroupRow, orders { "create_time" => [create_time: DateTime<Utc>, id: Uuid] }
}

fn matching<'q>(query: &'q ListQuery<'q>, branch: &'q Branch) -> Result<groups::BoxedQuery<'q, Pg>, Error> {
    let select = groups::table.filter(groups::organization_id.eq(query.organization_id)).into_boxed();
    let select = in_units_or_none!(select, branch, groups::business_unit_id);
    Ok(match condition::of(query, comparison)? {
        Some(condition) => select.filter(condition),
        None => select,
    })
}

fn comparison(comparison: Comparison<'_>) -> condition::Result<'_, groups::table> {
    match comparison.field {
        "display_name" => comparison.text(groups::display_name),
        "member" => {
            let equal = comparison.is_equal();
            let Some(user_id) = comparison.named()? else { return Ok(Box::new((!equal).into_sql::<Bool>())) };
            let member = exists(
                group_members::table
                    .filter(group_members::organization_id.eq(groups::organization_id))
                    .filter(group_members::group_id.eq(groups::id))
                    .filter(group_members::user_id.eq(user_id)),
            );
            Ok(if equal { Box::new(member) } else { Box::new(not(member)) })
        }
        "create_time" => comparison.time(groups::create_time),
        _ => comparison.unknown(),
    }
}
