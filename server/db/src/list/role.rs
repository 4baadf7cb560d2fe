//! The list of roles.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use uuid::Uuid;

use super::condition::{self, Comparison};
use super::keyset::pages;

use super::{Branch, ListQuery};
use crate::error::Error;
use crate::role::RoleRow;
use crate::schema::roles;

pages! {
    /// One page of roles. They belong to the organization: the branch is always [`Branch::ALL`].
    roles => RoleRow, orders { "create_time" => [create_time: DateTime<Utc>, id: Uuid] }
}

fn matching<'q>(query: &'q ListQuery<'q>, _: &'q Branch) -> Result<roles::BoxedQuery<'q, Pg>, Error> {
    let select = roles::table.filter(roles::organization_id.eq(query.organization_id)).into_boxed();
    Ok(match condition::of(query, comparison)? {
        Some(condition) => select.filter(condition),
        None => select,
    })
}

fn comparison(comparison: Comparison<'_>) -> condition::Result<'_, roles::table> {
    match comparison.field {
        "display_name" => comparison.text(roles::display_name),
        "scope" => comparison.text(roles::scope),
        "restriction" => comparison.text(roles::restriction),
        "builtin" => comparison.bool(roles::builtin),
        "create_time" => comparison.time(roles::create_time),
        _ => comparison.unknown(),
    }
}
