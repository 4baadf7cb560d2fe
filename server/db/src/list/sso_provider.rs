//! The list of sign-in providers.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use uuid::Uuid;

use super::condition::{self, Comparison};
use super::keyset::pages;

use super::{Branch, ListQuery};
use crate::error::Error;
use crate::schema::sso_providers;
use crate::sso_provider::SsoProviderRow;

pages! {
    /// One page of providers. They belong to the organization: the branch is always [`Branch::ALL`].
    sso_providers => SsoProviderRow, orders { "create_time" => [create_time: DateTime<Utc>, id: Uuid] }
}

fn matching<'q>(query: &'q ListQuery<'q>, _: &'q Branch) -> Result<sso_providers::BoxedQuery<'q, Pg>, Error> {
    let select = sso_providers::table.filter(sso_providers::organization_id.eq(query.organization_id)).into_boxed();
    Ok(match condition::of(query, comparison)? {
        Some(condition) => select.filter(condition),
        None => select,
    })
}

fn comparison(comparison: Comparison<'_>) -> condition::Result<'_, sso_providers::table> {
    match comparison.field {
        "display_name" => comparison.text(sso_providers::display_name),
        "kind" => comparison.text(sso_providers::kind),
        "active" => comparison.bool(sso_providers::active),
        "create_time" => comparison.time(sso_providers::create_time),
        _ => comparison.unknown(),
    }
}
