//! What the sealer does: numbers events, keeps the tree, signs its head. One transaction seals a batch.

use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::AuditEventRow;
use crate::Connection;
use crate::error::Error;
use crate::schema::{audit_checkpoints, audit_events, audit_leaves, audit_nodes, audit_trees, signing_keys};

/// Where an organization's tree stands.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = audit_trees)]
pub struct TreeRow {
    pub organization_id: Uuid,
    pub size: i64,
    pub frontier: Vec<u8>,
    /// Everything up to this event, in the order (xid, id), has its number.
    pub xid: i64,
    pub event_id: Uuid,
    pub purged: i64,
}

/// How far transactions have come.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot {
    /// The oldest transaction that still runs: nothing appears any more below it.
    pub xmin: i64,
    /// The next transaction.
    pub xmax: i64,
    pub now: DateTime<Utc>,
}

/// A leaf to store.
#[derive(Debug, Insertable)]
#[diesel(table_name = audit_leaves)]
pub struct NewLeaf<'a> {
    pub organization_id: Uuid,
    pub seq: i64,
    pub event_id: Uuid,
    pub hash: &'a [u8],
}

/// The hash of a whole subtree to store.
#[derive(Debug, Insertable)]
#[diesel(table_name = audit_nodes)]
pub struct NewNode {
    pub organization_id: Uuid,
    pub level: i16,
    pub position: i64,
    pub hash: Vec<u8>,
}

/// A checkpoint to store.
#[derive(Debug, Insertable)]
#[diesel(table_name = audit_checkpoints)]
pub struct NewCheckpoint<'a> {
    pub organization_id: Uuid,
    pub size: i64,
    pub root: &'a [u8],
    pub purged: i64,
    pub key_id: &'a str,
    pub note: &'a str,
    pub time: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct Waiting {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

/// A key that signs heads, or signed some.
#[derive(Clone, Debug, Queryable)]
pub struct KeyRow {
    pub id: String,
    /// The private part, sealed.
    pub ciphertext: Vec<u8>,
    /// Whether it may sign now.
    pub signs: bool,
}

/// The keys that are kept, the newest first. The first that signs is the one to sign with.
pub async fn keys(mut conn: &Connection) -> Result<Vec<KeyRow>, Error> {
    Ok(signing_keys::table
        .order((signing_keys::activate_time.desc(), signing_keys::id.desc()))
        .select((
            signing_keys::id,
            signing_keys::ciphertext,
            sql::<Bool>("activate_time <= now() AND coalesce(retire_time > now(), true)"),
        ))
        .load(&mut conn)
        .await?)
}

/// The organizations in which something waits for the sealer: events, a database that was restored elsewhere, or a head that
/// is not signed by the key of now.
pub async fn waiting(mut conn: &Connection, key_id: &str) -> Result<Vec<Uuid>, Error> {
    let query = diesel::sql_query(
        "SELECT o.id FROM organizations o LEFT JOIN audit_trees t ON t.organization_id = o.id
         WHERE t.xid >= pg_snapshot_xmax(pg_current_snapshot())::text::int8
           OR EXISTS (
             SELECT FROM audit_events e WHERE e.organization_id = o.id
               AND (e.xid, e.id) > (coalesce(t.xid, 0), coalesce(t.event_id, '00000000-0000-0000-0000-000000000000'))
               AND e.xid < pg_snapshot_xmin(pg_current_snapshot())::text::int8)
           OR t.size > 0 AND $1 <> (
             SELECT c.key_id FROM audit_checkpoints c WHERE c.organization_id = o.id ORDER BY c.size DESC, c.id DESC LIMIT 1)
         ORDER BY o.id",
    );
    let found: Vec<Waiting> = query.bind::<diesel::sql_types::Text, _>(key_id).load(&mut conn).await?;
    Ok(found.into_iter().map(|row| row.id).collect())
}

/// Takes an organization's tree until the transaction ends; `None` where another replica has it.
pub async fn lock(conn: &mut Connection, organization_id: Uuid) -> Result<Option<TreeRow>, Error> {
    diesel::insert_into(audit_trees::table)
        .values(audit_trees::organization_id.eq(organization_id))
        .on_conflict_do_nothing()
        .execute(conn)
        .await?;
    Ok(audit_trees::table
        .find(organization_id)
        .for_update()
        .skip_locked()
        .select(TreeRow::as_select())
        .first(conn)
        .await
        .optional()?)
}

/// How far transactions have come now.
pub async fn snapshot(conn: &mut Connection) -> Result<Snapshot, Error> {
    let (xmin, xmax, now) = diesel::select((
        sql::<BigInt>("pg_snapshot_xmin(pg_current_snapshot())::text::int8"),
        sql::<BigInt>("pg_snapshot_xmax(pg_current_snapshot())::text::int8"),
        sql::<Timestamptz>("clock_timestamp()"),
    ))
    .get_result(conn)
    .await?;
    Ok(Snapshot { xmin, xmax, now })
}

/// The next events that have no number, at most `limit`, in the order in which they get it. `restored`: the events of the
/// tree come from another database server, whose transactions were further, so that they count as long ago.
pub async fn unsealed(
    conn: &mut Connection,
    tree: &TreeRow,
    snapshot: &Snapshot,
    restored: bool,
    limit: i64,
) -> Result<Vec<(i64, AuditEventRow)>, Error> {
    let (xid, event_id) = if restored { (0, Uuid::nil()) } else { (tree.xid, tree.event_id) };
    let sealed = audit_leaves::table
        .filter(audit_leaves::organization_id.eq(audit_events::organization_id))
        .filter(audit_leaves::event_id.eq(audit_events::id));
    Ok(audit_events::table
        .filter(audit_events::organization_id.eq(tree.organization_id))
        .filter(
            sql::<Bool>("(audit_events.xid, audit_events.id) > (")
                .bind::<BigInt, _>(xid)
                .sql(", ")
                .bind::<SqlUuid, _>(event_id)
                .sql(")"),
        )
        .filter(
            audit_events::xid
                .lt(snapshot.xmin)
                .or(audit_events::xid.ge(snapshot.xmax).and(restored.into_sql::<Bool>())),
        )
        .filter(diesel::dsl::not(diesel::dsl::exists(sealed)))
        .order((audit_events::xid, audit_events::id))
        .limit(limit)
        .select((audit_events::xid, AuditEventRow::as_select()))
        .load(conn)
        .await?)
}

/// Adds leaves and whole subtrees, and moves the tree on.
pub async fn grow(
    mut conn: &Connection,
    tree: &TreeRow,
    leaves: &[NewLeaf<'_>],
    nodes: &[NewNode],
) -> Result<(), Error> {
    if !leaves.is_empty() {
        diesel::insert_into(audit_leaves::table).values(leaves).execute(&mut conn).await?;
    }
    if !nodes.is_empty() {
        diesel::insert_into(audit_nodes::table).values(nodes).execute(&mut conn).await?;
    }
    diesel::update(audit_trees::table.find(tree.organization_id))
        .set((
            audit_trees::size.eq(tree.size),
            audit_trees::frontier.eq(&tree.frontier),
            audit_trees::xid.eq(tree.xid),
            audit_trees::event_id.eq(tree.event_id),
            audit_trees::purged.eq(tree.purged),
        ))
        .execute(&mut conn)
        .await?;
    Ok(())
}

/// Stores a checkpoint.
pub async fn sign(mut conn: &Connection, checkpoint: &NewCheckpoint<'_>) -> Result<(), Error> {
    diesel::insert_into(audit_checkpoints::table).values(checkpoint).execute(&mut conn).await?;
    Ok(())
}

/// The organizations that keep events for so many days and not for ever.
pub async fn with_retention(mut conn: &Connection) -> Result<Vec<Uuid>, Error> {
    use crate::schema::organizations;
    Ok(organizations::table
        .filter(sql::<Bool>("(settings ->> 'audit_retention_days')::int4 > 0"))
        .order(organizations::id)
        .select(organizations::id)
        .load(&mut conn)
        .await?)
}

#[derive(QueryableByName)]
struct Aged {
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = Bool)]
    over: bool,
}

/// The last of the next entries whose time is over, at most `limit` of them; `None` where that of none is. An entry whose event
/// is missing goes with its neighbours.
pub async fn overdue(conn: &mut Connection, tree: &TreeRow, limit: i64) -> Result<Option<i64>, Error> {
    let query = diesel::sql_query(
        "SELECT l.seq, coalesce(e.time < now() - make_interval(days => (o.settings ->> 'audit_retention_days')::int4), true) AS over
         FROM audit_leaves l JOIN organizations o ON o.id = l.organization_id
         LEFT JOIN audit_events e ON e.organization_id = l.organization_id AND e.id = l.event_id
         WHERE l.organization_id = $1 AND l.seq > $2 ORDER BY l.seq LIMIT $3",
    );
    let next: Vec<Aged> = query
        .bind::<SqlUuid, _>(tree.organization_id)
        .bind::<BigInt, _>(tree.purged)
        .bind::<BigInt, _>(limit)
        .load(conn)
        .await?;
    Ok(next.into_iter().take_while(|entry| entry.over).last().map(|entry| entry.seq))
}

diesel::define_sql_function! {
    /// Deletes the events of purged entries; see the migration.
    fn audit_purge(organization: SqlUuid, up_to: BigInt) -> BigInt;
}

/// Deletes the events of entries up to this one, of which a checkpoint already says that they are purged. Returns how many.
pub async fn purge(conn: &mut Connection, organization_id: Uuid, up_to: i64) -> Result<i64, Error> {
    Ok(diesel::select(audit_purge(organization_id, up_to)).get_result(conn).await?)
}
