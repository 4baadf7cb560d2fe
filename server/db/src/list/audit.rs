//! The list of audit events.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use uuid::Uuid;

use super::condition::{self, Comparison};
use super::keyset::pages;

use super::scope::Units;
use super::{Branch, ListQuery};
use crate::audit::AuditEventRow;
use crate::error::Error;
use crate::schema::audit_events;

pages! {
    /// One page of audit events. A branch of units holds none of the events that belong to no unit.
    audit_events => AuditEventRow, orders { "time" => [time: DateTime<Utc>, id: Uuid] }
}

fn matching<'q>(query: &'q ListQuery<'q>, branch: &'q Branch) -> Result<audit_events::BoxedQuery<'q, Pg>, Error> {
    let select = audit_events::table.filter(audit_events::organization_id.eq(query.organization_id)).into_boxed();
    // Events of the organization itself have no unit.
    let select = match &branch.units {
        Units::Any => select,
        Units::One(unit) => select.filter(audit_events::business_unit_id.eq(*unit)),
        Units::In(units) => select.filter(audit_events::business_unit_id.eq_any(units)),
        Units::NotIn(units) => {
            select.filter(audit_events::business_unit_id.is_null().or(audit_events::business_unit_id.ne_all(units)))
        }
    };
    Ok(match condition::of(query, comparison)? {
        Some(condition) => select.filter(condition),
        None => select,
    })
}

fn comparison(comparison: Comparison<'_>) -> condition::Result<'_, audit_events::table> {
    match comparison.field {
        "principal" => comparison.text(audit_events::principal),
        "action" => comparison.text(audit_events::action),
        "object" => comparison.text(audit_events::object),
        "object_type" => comparison.text(audit_events::object_type),
        "outcome" => comparison.text(audit_events::outcome),
        "business_unit" => comparison.id_or_none(audit_events::business_unit_id),
        "correlation_id" => comparison.text(audit_events::correlation_id),
        "time" => comparison.time(audit_events::time),
        _ => comparison.unknown(),
    }
}
