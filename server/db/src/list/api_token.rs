//! The list of one holder's API tokens.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use uuid::Uuid;

use super::condition::{self, Comparison};
use super::keyset::pages;

use super::{Branch, ListQuery};
use crate::api_token::ApiTokenRow;
use crate::error::Error;
use crate::schema::api_tokens;

pages! {
    /// One page of API tokens. The parent is a user or a service account; the branch is always [`Branch::ALL`].
    api_tokens => ApiTokenRow, orders {
        "create_time" => [create_time: DateTime<Utc>, id: Uuid],
    }
}

fn matching<'q>(query: &'q ListQuery<'q>, _: &'q Branch) -> Result<api_tokens::BoxedQuery<'q, Pg>, Error> {
    let holder = query.parent()?;
    let select = api_tokens::table
        .filter(api_tokens::organization_id.eq(query.organization_id))
        .filter(api_tokens::user_id.eq(holder).or(api_tokens::service_account_id.eq(holder)).assume_not_null())
        .into_boxed();
    Ok(match condition::of(query, comparison)? {
        Some(condition) => select.filter(condition),
        None => select,
    })
}

fn comparison(comparison: Comparison<'_>) -> condition::Result<'_, api_tokens::table> {
    match comparison.field {
        "display_name" => comparison.text(api_tokens::display_name),
        "create_time" => comparison.time(api_tokens::create_time),
        "expire_time" => comparison.time(api_tokens::expire_time),
        _ => comparison.unknown(),
    }
}
