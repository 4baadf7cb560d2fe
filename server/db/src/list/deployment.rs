//! The list of deployments.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use uuid::Uuid;

use super::condition::{self, Comparison};
use super::keyset::pages;
use super::scope::within;
use super::{Branch, ListQuery};
use crate::deployment::DeploymentRow;
use crate::error::Error;
use crate::schema::deployments;

pages! {
    /// One page of deployments. A reservation that was given up before anything was made is not among them.
    deployments => DeploymentRow, orders { "create_time" => [create_time: DateTime<Utc>, id: Uuid] }
}

fn matching<'q>(query: &'q ListQuery<'q>, branch: &'q Branch) -> Result<deployments::BoxedQuery<'q, Pg>, Error> {
    let select = deployments::table
        .filter(deployments::organization_id.eq(query.organization_id))
        .filter(deployments::provisioned.or(deployments::state.ne("DELETED")))
        .into_boxed();
    let select = within!(select, query, branch, deployments::business_unit_id, deployments::owner_id);
    Ok(match condition::of(query, comparison)? {
        Some(condition) => select.filter(condition),
        None => select,
    })
}

fn comparison(comparison: Comparison<'_>) -> condition::Result<'_, deployments::table> {
    match comparison.field {
        "state" => comparison.text(deployments::state),
        "tier" => comparison.text(deployments::tier),
        "environment" => comparison.id(deployments::environment_id),
        "template" => comparison.id(deployments::template_id),
        "owner" => comparison.id(deployments::owner_id),
        "provider" => comparison.text(deployments::provider),
        "tags" => comparison.entry(deployments::tags),
        "display_name" => comparison.text(deployments::display_name),
        "create_time" => comparison.time(deployments::create_time),
        _ => comparison.unknown(),
    }
}
