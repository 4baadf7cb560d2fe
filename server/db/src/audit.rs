//! The audit's rows. They are inserted and read, never changed.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::audit_events;

/// An audit event.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = audit_events)]
pub struct AuditEventRow {
    pub id: Uuid,
    pub time: DateTime<Utc>,
    pub principal: String,
    pub action: String,
    pub object: String,
    pub object_type: String,
    pub business_unit_id: Option<Uuid>,
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
