//! The list of requests.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use uuid::Uuid;

use super::condition::{self, Comparison};
use super::keyset::pages;

use super::scope::within;
use super::{Branch, ListQuery};
use crate::error::Error;
use crate::request::RequestRow;
use crate::schema::requests;

pages! {
    /// One page of requests.
    requests => RequestRow, orders { "create_time" => [create_time: DateTime<Utc>, id: Uuid] }
}

fn matching<'q>(query: &'q ListQuery<'q>, branch: &'q Branch) -> Result<requests::BoxedQuery<'q, Pg>, Error> {
    let select = requests::table.filter(requests::organization_id.eq(query.organization_id)).into_boxed();
    let select = within!(select, query, branch, requests::business_unit_id, requests::requester_id);
    Ok(match condition::of(query, comparison)? {
        Some(condition) => select.filter(condition),
        None => select,
    })
}

fn comparison(comparison: Comparison<'_>) -> condition::Result<'_, requests::table> {
    match comparison.field {
        "state" => comparison.text(requests::state),
        "kind" => comparison.text(requests::kind),
        "tier" => comparison.text(requests::tier),
        "requester" => comparison.id(requests::requester_id),
        "deployment" => comparison.id_or_none(requests::deployment_id),
        "environment" => comparison.id(requests::environment_id),
        "code" => comparison.code(requests::number),
        "create_time" => comparison.time(requests::create_time),
        "title" => comparison.text(requests::title),
        _ => comparison.unknown(),
    }
}
