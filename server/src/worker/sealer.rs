//! The sealer: gives committed events their numbers, appends them to the Merkle tree of their organization and signs its head.
//!
//! Nothing of this is in the way of those who write: they insert a row and no more. Every replica runs a sealer; the row of a
//! tree is the lock under which one of them seals a batch, all of it in one transaction. Events are taken in the order of
//! their transactions, and only below the oldest one that still runs, so that none appears later among those that have
//! numbers.
//!
//! The sealer signs only what continues the head that was signed last. Whoever changes the tree in the database makes it stop
//! with an error in the log, and not vouch for the change.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use flagstone_db::audit::seal::{self, NewCheckpoint, NewLeaf, NewNode, Snapshot, TreeRow};
use flagstone_db::audit::{AuditEventRow, tree};
use flagstone_db::{Connection, TxScope};
use flagstone_proof::tree::{STRIDE, leaf_hash};
use flagstone_proof::{Checkpoint, Frontier, Hash};
use uuid::Uuid;

use crate::app::App;
use crate::audit_tree::{SealingKeys, leaf, written};
use crate::error::{Error, Result};

/// Events sealed in one transaction.
const BATCH: i64 = 2_000;

/// Entries purged in one transaction.
const PURGE_BATCH: i64 = 1_000;

/// One round: everything that can be sealed now, of every organization.
pub async fn round(app: &Arc<App>) -> Result<()> {
    let keys = seal::keys(&*app.db.reads.get().await?).await?;
    let key = keys.into_iter().find(|key| key.signs).ok_or_else(|| Error::internal("there is no signing key"))?;
    let waiting = seal::waiting(&*app.db.reads.get().await?, &key.id).await?;
    for organization_id in waiting {
        // One organization's trouble must not keep the others waiting.
        if let Err(error) = seal_all(app, organization_id).await {
            tracing::error!(%organization_id, error = %crate::status::chain(&error), "The audit could not be sealed.");
        }
    }
    Ok(())
}

async fn seal_all(app: &Arc<App>, organization_id: Uuid) -> Result<()> {
    while !app.shutdown.is_cancelled() && seal_batch(app, organization_id).await? {}
    Ok(())
}

/// Seals one batch; true where there may be more.
async fn seal_batch(app: &Arc<App>, organization_id: Uuid) -> Result<bool> {
    let mut tx = app.db.begin(TxScope::Worker).await?;
    let Some(mut row) = seal::lock(&mut tx, organization_id).await? else { return Ok(false) };
    let signer = SealingKeys::load(app, &tx).await?;
    let mut frontier = signer.resume(&tx, &row).await?;
    let snapshot = seal::snapshot(&mut tx).await?;
    let restored = row.xid >= snapshot.xmax;
    let events = seal::unsealed(&mut tx, &row, &snapshot, restored, BATCH).await?;
    let more = i64::try_from(events.len()).is_ok_and(|count| count == BATCH);
    let mut leaves = Vec::with_capacity(events.len());
    let mut nodes = Vec::new();
    for (_, event) in &events {
        let seq = number(frontier.size())? + 1;
        let hash = leaf_hash(leaf(organization_id, seq, event).as_bytes());
        frontier.grow(hash, |subtree, hash| {
            if subtree.level.is_multiple_of(STRIDE) {
                nodes.push((subtree, hash));
            }
        });
        leaves.push((seq, event.id, hash));
    }
    move_on(&mut row, &snapshot, &events, restored, more);
    row.size = number(frontier.size())?;
    row.frontier = frontier.hashes().concat();
    let leaves: Vec<NewLeaf<'_>> = leaves
        .iter()
        .map(|(seq, event_id, hash)| NewLeaf { organization_id, seq: *seq, event_id: *event_id, hash })
        .collect();
    let nodes = nodes
        .into_iter()
        .map(|(subtree, hash)| {
            let level = i16::try_from(subtree.level).map_err(Error::internal)?;
            let position = number(subtree.start >> subtree.level)?;
            Ok(NewNode { organization_id, level, position, hash: hash.to_vec() })
        })
        .collect::<Result<Vec<_>>>()?;
    seal::grow(&tx, &row, &leaves, &nodes).await?;
    if row.size > 0 && (!leaves.is_empty() || !signer.signed_last(&tx, organization_id).await?) {
        signer.sign(&tx, &row, frontier.root(), snapshot.now).await?;
    }
    tx.commit().await?;
    metrics::counter!("flagstone_audit_sealed_total").increment(leaves.len() as u64);
    Ok(more)
}

/// Sets where the next look begins.
fn move_on(row: &mut TreeRow, snapshot: &Snapshot, events: &[(i64, AuditEventRow)], restored: bool, more: bool) {
    (row.xid, row.event_id) = match events.last() {
        // Of a restored database every event is looked at, until all have their number.
        _ if more && restored => (row.xid, row.event_id),
        Some((xid, event)) if more => (*xid, event.id),
        // Everything below the horizon has its number.
        _ => (snapshot.xmin, Uuid::nil()),
    };
}

fn number(size: u64) -> Result<i64> {
    i64::try_from(size).map_err(Error::internal)
}

impl SealingKeys {
    /// The tree as it stands, if it is the one that was signed last.
    async fn resume(&self, conn: &Connection, row: &TreeRow) -> Result<Frontier> {
        let (hashes, []) = row.frontier.as_chunks::<32>() else { return Err(not_signed(row)) };
        let size = u64::try_from(row.size).map_err(Error::internal)?;
        let frontier = Frontier::of(size, hashes.to_vec()).ok_or_else(|| not_signed(row))?;
        let last = tree::checkpoint(conn, row.organization_id, None).await?;
        let signed = match last {
            None => size == 0,
            Some(last) => Checkpoint::open(&last.note, &self.keys).is_ok_and(|signed| {
                signed.size == size && signed.root == frontier.root() && signed.purged == row.purged.unsigned_abs()
            }),
        };
        if signed { Ok(frontier) } else { Err(not_signed(row)) }
    }

    /// Whether the newest checkpoint is by the key of now.
    async fn signed_last(&self, conn: &Connection, organization_id: Uuid) -> Result<bool> {
        let last = tree::checkpoint(conn, organization_id, None).await?;
        Ok(last.is_some_and(|last| last.key_id == self.id))
    }

    async fn sign(&self, conn: &Connection, row: &TreeRow, root: Hash, now: DateTime<Utc>) -> Result<()> {
        let checkpoint = Checkpoint {
            organization: row.organization_id.to_string(),
            size: row.size.unsigned_abs(),
            root,
            time: written(now),
            purged: row.purged.unsigned_abs(),
        };
        let new = NewCheckpoint {
            organization_id: row.organization_id,
            size: row.size,
            root: &root,
            purged: row.purged,
            key_id: &self.id,
            note: &checkpoint.sign(&self.id, &self.signing),
            time: now,
        };
        Ok(seal::sign(conn, &new).await?)
    }
}

fn not_signed(row: &TreeRow) -> Error {
    Error::internal(format!(
        "the audit tree of organization {} is not the one that was signed last: somebody changed it in the database. \
         Nothing more is sealed there. Call VerifyAudit, and restore the tables audit_* from a backup",
        row.organization_id
    ))
}

/// Purges the events that their organizations keep no longer. Their leaf hashes stay, and the checkpoint says so.
pub async fn purge(app: &Arc<App>) -> Result<()> {
    let organizations = seal::with_retention(&*app.db.reads.get().await?).await?;
    for organization_id in organizations {
        while !app.shutdown.is_cancelled() && purge_batch(app, organization_id).await? {}
    }
    Ok(())
}

async fn purge_batch(app: &Arc<App>, organization_id: Uuid) -> Result<bool> {
    let mut tx = app.db.begin(TxScope::Worker).await?;
    let Some(mut row) = seal::lock(&mut tx, organization_id).await? else { return Ok(false) };
    let Some(up_to) = seal::overdue(&mut tx, &row, PURGE_BATCH).await? else { return Ok(false) };
    let signer = SealingKeys::load(app, &tx).await?;
    let frontier = signer.resume(&tx, &row).await?;
    let more = up_to - row.purged == PURGE_BATCH;
    row.purged = up_to;
    let now = seal::snapshot(&mut tx).await?.now;
    seal::grow(&tx, &row, &[], &[]).await?;
    signer.sign(&tx, &row, frontier.root(), now).await?;
    let gone = seal::purge(&mut tx, organization_id, up_to).await?;
    tx.commit().await?;
    tracing::info!(%organization_id, events = gone, up_to, "Audit events had their time.");
    Ok(more)
}
