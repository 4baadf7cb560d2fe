//! Guardrail policies.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::policies;

/// A guardrail.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = policies)]
pub struct PolicyRow {
    pub slug: String,
    pub description: String,
    pub kind: String,
    pub target: String,
    pub scope: Value,
    pub config: Value,
    pub enforced: bool,
    pub violation_class: String,
    pub message: String,
    pub fix: String,
    pub version: i32,
}

/// A guardrail to store.
#[derive(Debug, Insertable)]
#[diesel(table_name = policies)]
pub struct NewPolicy<'a> {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub slug: &'a str,
    pub description: &'a str,
    pub kind: &'a str,
    pub target: &'a str,
    pub scope: &'a Value,
    pub config: &'a Value,
    pub enforced: bool,
    pub violation_class: &'a str,
    pub message: &'a str,
    pub fix: &'a str,
    pub creator: &'a str,
}

/// Stores a guardrail unless the organization has one of that name. True where it was stored.
pub async fn insert_missing(conn: &mut Connection, policy: &NewPolicy<'_>) -> Result<bool, Error> {
    let stored = diesel::insert_into(policies::table)
        .values(policy)
        .on_conflict((policies::organization_id, policies::slug))
        .do_nothing()
        .execute(conn)
        .await?;
    Ok(stored == 1)
}

/// The active guardrails of an organization, by name.
pub async fn active(mut conn: &Connection, organization_id: Uuid) -> Result<Vec<PolicyRow>, Error> {
    Ok(policies::table
        .filter(policies::organization_id.eq(organization_id))
        .filter(policies::active)
        .order(policies::slug)
        .select(PolicyRow::as_select())
        .load(&mut conn)
        .await?)
}
