//! The list of the members of a group.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use uuid::Uuid;

use super::condition::{self, Comparison};
use super::keyset::pages;

use super::{Branch, ListQuery};
use crate::error::Error;
use crate::group::GroupMemberRow;
use crate::schema::group_members;

pages! {
    /// One page of the members of a group, which is the query's parent. The branch is always [`Branch::ALL`].
    group_members => GroupMemberRow, orders { "create_time" => [create_time: DateTime<Utc>, user_id: Uuid] }
}

fn matching<'q>(query: &'q ListQuery<'q>, _: &'q Branch) -> Result<group_members::BoxedQuery<'q, Pg>, Error> {
    let select = group_members::table
        .filter(group_members::organization_id.eq(query.organization_id))
        .filter(group_members::group_id.eq(query.parent()?))
        .into_boxed();
    Ok(match condition::of(query, comparison)? {
        Some(condition) => select.filter(condition),
        None => select,
    })
}

fn comparison(comparison: Comparison<'_>) -> condition::Result<'_, group_members::table> {
    match comparison.field {
        "user" => comparison.id(group_members::user_id),
        "create_time" => comparison.time(group_members::create_time),
        _ => comparison.unknown(),
    }
}
