//! The tree for reading: leaves, whole subtrees, checkpoints.

use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::AuditEventRow;
use crate::Connection;
use crate::error::Error;
use crate::schema::{audit_checkpoints, audit_events, audit_leaves, audit_nodes, audit_trees};

/// A numbered event's place in the tree.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = audit_leaves)]
pub struct LeafRow {
    pub seq: i64,
    pub event_id: Uuid,
    pub hash: Vec<u8>,
}

/// A signed head.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = audit_checkpoints)]
pub struct CheckpointRow {
    pub id: i64,
    pub size: i64,
    pub root: Vec<u8>,
    pub purged: i64,
    pub key_id: String,
    pub note: String,
    pub time: DateTime<Utc>,
}

/// The newest checkpoint, of the tree of this size or of any.
pub async fn checkpoint(
    mut conn: &Connection,
    organization_id: Uuid,
    size: Option<i64>,
) -> Result<Option<CheckpointRow>, Error> {
    let select = audit_checkpoints::table.filter(audit_checkpoints::organization_id.eq(organization_id)).into_boxed();
    let select = match size {
        Some(size) => select.filter(audit_checkpoints::size.eq(size)),
        None => select,
    };
    Ok(select
        .order((audit_checkpoints::size.desc(), audit_checkpoints::id.desc()))
        .select(CheckpointRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// A checkpoint by its id.
pub async fn checkpoint_by_id(
    mut conn: &Connection,
    organization_id: Uuid,
    id: i64,
) -> Result<Option<CheckpointRow>, Error> {
    Ok(audit_checkpoints::table
        .find(id)
        .filter(audit_checkpoints::organization_id.eq(organization_id))
        .select(CheckpointRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// The leaves of the entries after one up to another, in order.
pub async fn leaves(
    mut conn: &Connection,
    organization_id: Uuid,
    after: i64,
    until: i64,
) -> Result<Vec<LeafRow>, Error> {
    Ok(audit_leaves::table
        .filter(audit_leaves::organization_id.eq(organization_id))
        .filter(audit_leaves::seq.gt(after))
        .filter(audit_leaves::seq.le(until))
        .order(audit_leaves::seq)
        .select(LeafRow::as_select())
        .load(&mut conn)
        .await?)
}

/// The leaves of these events, those that have one.
pub async fn leaves_of(
    mut conn: &Connection,
    organization_id: Uuid,
    event_ids: &[Uuid],
) -> Result<Vec<LeafRow>, Error> {
    Ok(audit_leaves::table
        .filter(audit_leaves::organization_id.eq(organization_id))
        .filter(audit_leaves::event_id.eq_any(event_ids))
        .select(LeafRow::as_select())
        .load(&mut conn)
        .await?)
}

/// These events, in no order.
pub async fn events(mut conn: &Connection, organization_id: Uuid, ids: &[Uuid]) -> Result<Vec<AuditEventRow>, Error> {
    Ok(audit_events::table
        .filter(audit_events::organization_id.eq(organization_id))
        .filter(audit_events::id.eq_any(ids))
        .select(AuditEventRow::as_select())
        .load(&mut conn)
        .await?)
}

/// The hashes of whole subtrees of 2^level leaves from a position to before another, with their positions.
pub async fn nodes(
    mut conn: &Connection,
    organization_id: Uuid,
    level: i16,
    from: i64,
    until: i64,
) -> Result<Vec<(i64, Vec<u8>)>, Error> {
    Ok(audit_nodes::table
        .filter(audit_nodes::organization_id.eq(organization_id))
        .filter(audit_nodes::level.eq(level))
        .filter(audit_nodes::position.ge(from))
        .filter(audit_nodes::position.lt(until))
        .order(audit_nodes::position)
        .select((audit_nodes::position, audit_nodes::hash))
        .load(&mut conn)
        .await?)
}

/// Events that stand where everything is sealed and have no number: nobody but the owner of the tables can have put them
/// there. At most `limit`.
pub async fn strays(mut conn: &Connection, organization_id: Uuid, limit: i64) -> Result<Vec<Uuid>, Error> {
    let sealed = audit_leaves::table
        .filter(audit_leaves::organization_id.eq(audit_events::organization_id))
        .filter(audit_leaves::event_id.eq(audit_events::id));
    Ok(audit_events::table
        .inner_join(audit_trees::table.on(audit_trees::organization_id.eq(audit_events::organization_id)))
        .filter(audit_events::organization_id.eq(organization_id))
        .filter(sql::<Bool>("(audit_events.xid, audit_events.id) <= (audit_trees.xid, audit_trees.event_id)"))
        .filter(diesel::dsl::not(diesel::dsl::exists(sealed)))
        .order((audit_events::xid, audit_events::id))
        .limit(limit)
        .select(audit_events::id)
        .load(&mut conn)
        .await?)
}

/// The entries that stand behind the end of the tree: nobody but the owner of the tables can have put them there.
pub async fn beyond(mut conn: &Connection, organization_id: Uuid) -> Result<Option<i64>, Error> {
    Ok(audit_leaves::table
        .inner_join(audit_trees::table.on(audit_trees::organization_id.eq(audit_leaves::organization_id)))
        .filter(audit_leaves::organization_id.eq(organization_id))
        .filter(audit_leaves::seq.gt(audit_trees::size))
        .order(audit_leaves::seq)
        .select(sql::<BigInt>("audit_leaves.seq"))
        .first(&mut conn)
        .await
        .optional()?)
}
