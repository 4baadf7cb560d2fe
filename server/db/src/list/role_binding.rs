//! The list of role bindings.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use uuid::Uuid;

use super::condition::{self, Comparison};
use super::keyset::pages;
use super::scope::in_units_or_none;

use super::{Branch, ListQuery};
use crate::error::Error;
use crate::role_binding::RoleBindingRow;
use crate::schema::role_bindings;

pages! {
    /// One page of role bindings.
    role_bindings => RoleBindingRow, orders { "create_time" => [create_time: DateTime<Utc>, id: Uuid] }
}

fn matching<'q>(query: &'q ListQuery<'q>, branch: &'q Branch) -> Result<role_bindings::BoxedQuery<'q, Pg>, Error> {
    let select = role_bindings::table.filter(role_bindings::organization_id.eq(query.organization_id)).into_boxed();
    let select = in_units_or_none!(select, branch, role_bindings::business_unit_id);
    Ok(match condition::of(query, comparison)? {
        Some(condition) => select.filter(condition),
        None => select,
    })
}

fn comparison(comparison: Comparison<'_>) -> condition::Result<'_, role_bindings::table> {
    match comparison.field {
        "role" => comparison.id(role_bindings::role_id),
        "subject" => comparison.id(role_bindings::subject_id),
        "effect" => comparison.text(role_bindings::effect),
        "expire_time" => comparison.time_or_never(role_bindings::expire_time),
        "create_time" => comparison.time(role_bindings::create_time),
        _ => comparison.unknown(),
    }
}
