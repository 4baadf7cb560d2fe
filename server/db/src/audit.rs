//! The audit's rows. They are inserted and read, never changed.

pub mod seal;
pub mod stats;
pub mod tree;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::{audit_events, deployments, requests};

/// An audit event.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = audit_events)]
pub struct AuditEventRow {
    pub id: Uuid,
    pub time: DateTime<Utc>,
    pub principal: String,
    pub on_behalf_of: Option<String>,
    pub action: String,
    pub object: String,
    pub object_type: String,
    pub business_unit_id: Option<Uuid>,
    pub team_id: Option<Uuid>,
    pub outcome: String,
    pub effects: Value,
    pub details: Value,
    pub ip: String,
    pub user_agent: String,
    pub correlation_id: String,
    pub origin: String,
    pub duration_ms: i64,
}

/// An audit event to write; its time is the transaction's.
#[derive(Debug, Insertable)]
#[diesel(table_name = audit_events)]
pub struct NewAuditEvent<'a> {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub principal: &'a str,
    pub action: &'a str,
    pub object: &'a str,
    pub object_type: &'a str,
    pub business_unit_id: Option<Uuid>,
    pub team_id: Option<Uuid>,
    pub outcome: &'a str,
    pub effects: &'a Value,
    pub details: &'a Value,
    pub ip: &'a str,
    pub user_agent: &'a str,
    pub correlation_id: &'a str,
    pub origin: &'a str,
    pub duration_ms: i64,
}

/// Writes one event.
pub async fn insert(mut conn: &Connection, event: &NewAuditEvent<'_>) -> Result<(), Error> {
    diesel::insert_into(audit_events::table).values(event).execute(&mut conn).await?;
    Ok(())
}

/// The team of the deployment that a change is about, or of that of a request; `None` where it has none.
pub async fn team_of(
    mut conn: &Connection,
    organization_id: Uuid,
    deployment_id: Option<Uuid>,
    request_id: Option<Uuid>,
) -> Result<Option<Uuid>, Error> {
    if let Some(id) = deployment_id {
        let found = deployments::table
            .filter(deployments::organization_id.eq(organization_id))
            .filter(deployments::id.eq(id))
            .select(deployments::team_id)
            .first(&mut conn)
            .await;
        return Ok(found.optional()?.flatten());
    }
    let Some(id) = request_id else { return Ok(None) };
    let found = requests::table
        .inner_join(deployments::table.on(deployments::id.nullable().eq(requests::deployment_id)))
        .filter(requests::organization_id.eq(organization_id))
        .filter(deployments::organization_id.eq(organization_id))
        .filter(requests::id.eq(id))
        .select(deployments::team_id)
        .first(&mut conn)
        .await;
    Ok(found.optional()?.flatten())
}

/// One event by id.
pub async fn find(mut conn: &Connection, organization_id: Uuid, id: Uuid) -> Result<Option<AuditEventRow>, Error> {
    Ok(audit_events::table
        .filter(audit_events::organization_id.eq(organization_id))
        .filter(audit_events::id.eq(id))
        .select(AuditEventRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}
