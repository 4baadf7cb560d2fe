//! Plans: what would change, kept with the saved plan file that would be applied.

use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::plans;

/// A plan without its file.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = plans)]
pub struct PlanRow {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub request_id: Uuid,
    pub job_id: Uuid,
    pub content_hash: String,
    pub content_revision: i32,
    pub changes: Value,
    pub text: String,
    pub truncated: bool,
    pub differences: Value,
    pub digest: String,
    pub changes_digest: String,
    pub inputs_sha256: String,
    pub template_sha256: String,
    pub add_count: i32,
    pub change_count: i32,
    pub destroy_count: i32,
    pub provider_lock_hash: String,
    pub state_lineage: String,
    pub state_serial: i64,
    pub policies: Value,
    pub file_sha256: String,
    pub create_time: DateTime<Utc>,
    pub expire_time: DateTime<Utc>,
}

/// A plan to store.
#[derive(Debug, Insertable)]
#[diesel(table_name = plans)]
pub struct NewPlan<'a> {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub request_id: Uuid,
    pub job_id: Uuid,
    pub content_hash: &'a str,
    pub content_revision: i32,
    pub changes: &'a Value,
    pub text: &'a str,
    pub truncated: bool,
    pub differences: &'a Value,
    pub digest: &'a str,
    pub changes_digest: &'a str,
    pub inputs_sha256: &'a str,
    pub template_sha256: &'a str,
    pub add_count: i32,
    pub change_count: i32,
    pub destroy_count: i32,
    pub provider_lock_hash: &'a str,
    pub state_lineage: &'a str,
    pub state_serial: i64,
    pub policies: &'a Value,
    pub file_sha256: &'a str,
    pub file_ciphertext: &'a [u8],
    pub expire_time: DateTime<Utc>,
}

/// The short form of a plan, as requests and approvals show it.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = plans)]
pub struct PlanSummaryRow {
    pub id: Uuid,
    pub digest: String,
    pub add_count: i32,
    pub change_count: i32,
    pub destroy_count: i32,
    pub create_time: DateTime<Utc>,
    pub expire_time: DateTime<Utc>,
}

/// Stores a plan.
pub async fn insert(conn: &mut Connection, plan: &NewPlan<'_>) -> Result<(), Error> {
    diesel::insert_into(plans::table).values(plan).execute(conn).await?;
    Ok(())
}

/// The plan of an id.
pub async fn get(mut conn: &Connection, organization_id: Uuid, id: Uuid) -> Result<Option<PlanRow>, Error> {
    Ok(plans::table
        .filter(plans::organization_id.eq(organization_id))
        .filter(plans::id.eq(id))
        .select(PlanRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// Short forms of plans, in no order.
pub async fn summaries(
    mut conn: &Connection,
    organization_id: Uuid,
    ids: &[Uuid],
) -> Result<Vec<PlanSummaryRow>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(plans::table
        .filter(plans::organization_id.eq(organization_id))
        .filter(plans::id.eq_any(ids))
        .select(PlanSummaryRow::as_select())
        .load(&mut conn)
        .await?)
}

/// The sealed plan file; `None` where it was discarded or the plan is not there.
pub async fn file(mut conn: &Connection, organization_id: Uuid, id: Uuid) -> Result<Option<Vec<u8>>, Error> {
    let file: Option<Option<Vec<u8>>> = plans::table
        .filter(plans::organization_id.eq(organization_id))
        .filter(plans::id.eq(id))
        .select(plans::file_ciphertext)
        .first(&mut conn)
        .await
        .optional()?;
    Ok(file.flatten())
}

/// Forgets the files of plans that can no longer be applied: all of a request but `keep`.
pub async fn discard_files(
    conn: &mut Connection,
    organization_id: Uuid,
    request_id: Uuid,
    keep: Option<Uuid>,
) -> Result<(), Error> {
    diesel::update(plans::table)
        .filter(plans::organization_id.eq(organization_id))
        .filter(plans::request_id.eq(request_id))
        .filter(plans::file_ciphertext.is_not_null())
        .filter(plans::id.ne(keep.unwrap_or_default()))
        .set(plans::file_ciphertext.eq(None::<Vec<u8>>))
        .execute(conn)
        .await?;
    Ok(())
}

/// Whether a plan's time is over, by the database's clock.
pub async fn is_expired(mut conn: &Connection, organization_id: Uuid, id: Uuid) -> Result<bool, Error> {
    Ok(plans::table
        .filter(plans::organization_id.eq(organization_id))
        .filter(plans::id.eq(id))
        .select(plans::expire_time.le(now))
        .first(&mut conn)
        .await
        .optional()?
        .unwrap_or(true))
}
