//! The list of audit events.

use chrono::{DateTime, Utc};
use diesel::dsl::{not, sql};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};
use flagstone_core::filter::Op;
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
        Units::Outside => select.filter(audit_events::business_unit_id.is_null()),
    };
    // Of own teams only; see [`Branch::own`].
    let select = match branch.own {
        Some(true) => select.filter(audit_events::team_id.eq_any(query.team_ids)),
        _ => select,
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
        "seq" => seq(comparison),
        "text" => text(comparison),
        "time" => comparison.time(audit_events::time),
        _ => comparison.unknown(),
    }
}

/// The number of a sealed event. One that is not sealed yet has none, and is shown only where a comparison is inverted.
fn seq(comparison: Comparison<'_>) -> condition::Result<'_, audit_events::table> {
    let (op, number, negated) = comparison.number()?;
    // The typed language cannot look at the outer query's organization from inside of a boxed one.
    let found = match op {
        Op::Less => "l.seq < ",
        Op::LessOrEqual => "l.seq <= ",
        Op::Greater => "l.seq > ",
        Op::GreaterOrEqual => "l.seq >= ",
        Op::NotEqual => "l.seq <> ",
        Op::Equal | Op::Has => "l.seq = ",
    };
    let condition = sql::<Bool>(
        "audit_events.id IN (SELECT l.event_id FROM audit_leaves l
         WHERE l.organization_id = audit_events.organization_id AND ",
    )
    .sql(found)
    .bind::<BigInt, _>(number)
    .sql(")");
    Ok(if negated { Box::new(not(condition)) } else { Box::new(condition) })
}

/// A text that stands in one of the short columns.
fn text(comparison: Comparison<'_>) -> condition::Result<'_, audit_events::table> {
    let found = comparison
        .search(audit_events::principal)?
        .or(comparison.search(audit_events::action)?)
        .or(comparison.search(audit_events::object)?)
        .or(comparison.search(audit_events::correlation_id)?);
    Ok(if comparison.is_meant() { Box::new(found) } else { Box::new(not(found)) })
}
