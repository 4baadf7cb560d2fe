//! Committed changes as watchers receive them, in an order that a cursor can stand in.
//!
//! Positions are taken while transactions run and become visible when they commit, in another order. A reader therefore
//! takes events in the order (transaction, position) and only of transactions below the oldest one still running:
//! below it nothing can appear any more.

use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::change_events;
use crate::sight::{self, Sight};

/// A change to announce.
#[derive(Debug)]
pub struct NewEvent<'a> {
    pub business_unit_id: Option<Uuid>,
    pub object_type: &'a str,
    pub object: &'a str,
    pub object_id: Uuid,
    /// CREATED, UPDATED or DELETED.
    pub action: &'a str,
    /// Paths of the fields that changed.
    pub fields: Vec<&'a str>,
    pub principal: &'a str,
    pub correlation_id: &'a str,
}

/// A change that was committed.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = change_events)]
pub struct EventRow {
    pub position: i64,
    pub xid: i64,
    pub business_unit_id: Option<Uuid>,
    pub object_type: String,
    pub object: String,
    pub object_id: Uuid,
    pub action: String,
    pub fields: Vec<String>,
    pub principal: String,
    pub time: DateTime<Utc>,
}

/// A place in the feed: everything up to it was received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    pub xid: i64,
    pub position: i64,
}

impl EventRow {
    /// The place just behind it.
    pub const fn cursor(&self) -> Cursor {
        Cursor { xid: self.xid, position: self.position }
    }
}

/// Announces changes in the transaction that `conn` is in.
pub async fn insert(mut conn: &Connection, organization_id: Uuid, events: &[NewEvent<'_>]) -> Result<(), Error> {
    if events.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = events
        .iter()
        .map(|event| {
            (
                change_events::organization_id.eq(organization_id),
                change_events::business_unit_id.eq(event.business_unit_id),
                change_events::object_type.eq(event.object_type),
                change_events::object.eq(event.object),
                change_events::object_id.eq(event.object_id),
                change_events::action.eq(event.action),
                change_events::fields.eq(&event.fields),
                change_events::principal.eq(event.principal),
                change_events::correlation_id.eq(event.correlation_id),
            )
        })
        .collect();
    diesel::insert_into(change_events::table).values(rows).execute(&mut conn).await?;
    Ok(())
}

/// The oldest transaction that still runs: below it the feed is complete.
const HORIZON: &str = "pg_snapshot_xmin(pg_current_snapshot())::text::int8";

/// Where the feed stands now: nothing that is visible to a later statement lies before it and is not visible now.
pub async fn head(mut conn: &Connection) -> Result<Cursor, Error> {
    let xid: i64 = diesel::select(sql::<BigInt>(HORIZON)).get_result(&mut conn).await?;
    Ok(Cursor { xid, position: 0 })
}

/// What somebody watches of an organization's changes.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    pub organization_id: Uuid,
    /// Row id of the caller, for what only its creator sees.
    pub caller_id: Uuid,
    /// Only of this unit.
    pub unit_id: Option<Uuid>,
    /// What the caller may see. Empty: nothing.
    pub sights: &'a [Sight],
    /// Only of these objects, by name; empty for all.
    pub objects: &'a [String],
}

/// What is seen after a cursor and before `until`, a place where the feed stood, at most `limit`, in order.
pub async fn between(
    mut conn: &Connection,
    seen: &Seen<'_>,
    after: Cursor,
    until: Cursor,
    limit: i64,
) -> Result<Vec<EventRow>, Error> {
    if seen.sights.is_empty() {
        return Ok(Vec::new());
    }
    let mut select = change_events::table
        .filter(change_events::organization_id.eq(seen.organization_id))
        .filter(change_events::xid.lt(until.xid))
        .filter(change_events::xid.ge(after.xid))
        .filter(change_events::xid.gt(after.xid).or(change_events::position.gt(after.position)))
        .filter(sight::shown(seen.sights, seen.caller_id))
        .order((change_events::xid, change_events::position))
        .limit(limit)
        .select(EventRow::as_select())
        .into_boxed();
    if let Some(unit) = seen.unit_id {
        select = select.filter(change_events::business_unit_id.eq(unit));
    }
    if !seen.objects.is_empty() {
        select = select.filter(change_events::object.eq_any(seen.objects));
    }
    Ok(select.load(&mut conn).await?)
}

/// Events of these objects after a cursor, at most `limit`, in order.
pub async fn of_objects(
    mut conn: &Connection,
    organization_id: Uuid,
    objects: &[Uuid],
    after: Cursor,
    limit: i64,
) -> Result<Vec<EventRow>, Error> {
    Ok(change_events::table
        .filter(change_events::organization_id.eq(organization_id))
        .filter(change_events::object_id.eq_any(objects))
        .filter(change_events::xid.lt(sql::<BigInt>(HORIZON)))
        .filter(
            change_events::xid
                .gt(after.xid)
                .or(change_events::xid.eq(after.xid).and(change_events::position.gt(after.position))),
        )
        .order((change_events::xid, change_events::position))
        .limit(limit)
        .select(EventRow::as_select())
        .load(&mut conn)
        .await?)
}

/// The oldest event that is still kept, as a cursor just before it. `None` where there is none.
pub async fn oldest(mut conn: &Connection, organization_id: Uuid) -> Result<Option<Cursor>, Error> {
    let first: Option<(i64, i64)> = change_events::table
        .filter(change_events::organization_id.eq(organization_id))
        .order((change_events::xid, change_events::position))
        .select((change_events::xid, change_events::position))
        .first(&mut conn)
        .await
        .optional()?;
    Ok(first.map(|(xid, position)| Cursor { xid, position: position - 1 }))
}
