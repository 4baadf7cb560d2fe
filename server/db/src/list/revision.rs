//! The list of a deployment's revisions.

use diesel::pg::Pg;
use diesel::prelude::*;

use super::condition::{self, Comparison};
use super::keyset::pages;
use super::{Branch, ListQuery};
use crate::error::Error;
use crate::revision::RevisionRow;
use crate::schema::revisions;

pages! {
    /// One page of the revisions of a deployment, which is the query's parent. The branch is always [`Branch::ALL`].
    revisions => RevisionRow, orders { "number" => [number: i32] }
}

fn matching<'q>(query: &'q ListQuery<'q>, _: &'q Branch) -> Result<revisions::BoxedQuery<'q, Pg>, Error> {
    let select = revisions::table
        .filter(revisions::organization_id.eq(query.organization_id))
        .filter(revisions::deployment_id.eq(query.parent()?))
        .into_boxed();
    Ok(match condition::of(query, comparison)? {
        Some(condition) => select.filter(condition),
        None => select,
    })
}

fn comparison(comparison: Comparison<'_>) -> condition::Result<'_, revisions::table> {
    match comparison.field {
        "state" => comparison.text(revisions::state),
        "kind" => comparison.text(revisions::kind),
        "create_time" => comparison.time(revisions::create_time),
        _ => comparison.unknown(),
    }
}
