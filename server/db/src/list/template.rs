//! The list of templates.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use uuid::Uuid;

use super::condition::{self, Comparison};
use super::keyset::pages;

use super::{Branch, ListQuery};
use crate::error::Error;
use crate::schema::templates;
use crate::template::TemplateRow;

pages! {
    /// One page of templates. They belong to the organization: the branch is always [`Branch::ALL`].
    templates => TemplateRow, orders { "create_time" => [create_time: DateTime<Utc>, id: Uuid] }
}

fn matching<'q>(query: &'q ListQuery<'q>, _: &'q Branch) -> Result<templates::BoxedQuery<'q, Pg>, Error> {
    let select = templates::table.filter(templates::organization_id.eq(query.organization_id)).into_boxed();
    Ok(match condition::of(query, comparison)? {
        Some(condition) => select.filter(condition),
        None => select,
    })
}

fn comparison(comparison: Comparison<'_>) -> condition::Result<'_, templates::table> {
    match comparison.field {
        "category" => comparison.text(templates::category),
        "provider" => comparison.text(templates::provider),
        "kind" => comparison.text(templates::kind),
        "recommended" => comparison.bool(templates::recommended),
        "display_name" => comparison.text(templates::display_name),
        "create_time" => comparison.time(templates::create_time),
        _ => comparison.unknown(),
    }
}
