//! The Merkle tree of an organization's audit as the database has it: leaves of events, hashes of subtrees, and the parts of
//! an export. What makes the tree is in `worker::sealer`.

use std::collections::HashMap;

use chrono::{DateTime, SecondsFormat, Utc};
use ed25519_dalek::SigningKey;
use flagstone_db::Connection;
use flagstone_db::audit::tree::CheckpointRow;
use flagstone_db::audit::{AuditEventRow, seal, tree};
use flagstone_proof::event::{Cells, Event};
use flagstone_proof::export::Header;
use flagstone_proof::tree::{Range, STRIDE, Subtree, fold, subtrees, whole};
use flagstone_proof::{Hash, Keys, encode};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::app::App;
use crate::error::{Error, Result};
use crate::keys::sealed_as;

/// The leaf of an event.
pub fn leaf(organization_id: Uuid, seq: i64, event: &AuditEventRow) -> String {
    with_event(organization_id, seq, event, |event| event.leaf())
}

/// The event as the tree knows it.
pub fn with_event<T>(organization_id: Uuid, seq: i64, row: &AuditEventRow, make: impl FnOnce(&Event<'_>) -> T) -> T {
    let text = |id: Option<Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
    make(&Event {
        action: &row.action,
        business_unit: &text(row.business_unit_id),
        correlation_id: &row.correlation_id,
        details: &row.details,
        duration_ms: row.duration_ms,
        effects: &row.effects,
        id: &row.id.to_string(),
        ip: &row.ip,
        object: &row.object,
        object_type: &row.object_type,
        on_behalf_of: row.on_behalf_of.as_deref().unwrap_or_default(),
        organization: &organization_id.to_string(),
        origin: &row.origin,
        outcome: &row.outcome,
        principal: &row.principal,
        seq: u64::try_from(seq).unwrap_or_default(),
        team: &text(row.team_id),
        time: &written(row.time),
        user_agent: &row.user_agent,
    })
}

/// A time as leaves and checkpoints write it.
pub fn written(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// The keys of checkpoints. They are those of access tokens, as the sealed private parts have them: a public part that
/// somebody wrote into the database counts for nothing.
pub struct SealingKeys {
    /// The one to sign with.
    pub id: String,
    pub signing: SigningKey,
    /// All that are kept.
    pub keys: Keys,
}

impl SealingKeys {
    /// Loads and opens them.
    pub async fn load(app: &App, conn: &Connection) -> Result<Self> {
        let mut keys = Keys::default();
        let mut signing = None;
        for row in seal::keys(conn).await? {
            let seed = Zeroizing::new(app.vault.open(&sealed_as(&row.id), &row.ciphertext)?);
            let key = SigningKey::from_bytes(seed.as_slice().try_into().map_err(Error::internal)?);
            keys.add(key.verifying_key().as_bytes());
            if row.signs && signing.is_none() {
                signing = Some((row.id, key));
            }
        }
        let (id, signing) = signing.ok_or_else(|| Error::internal("there is no signing key"))?;
        Ok(Self { id, signing, keys })
    }
}

/// A number of the database as a size. Sizes are never negative.
fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A stored hash. What is no hash, or is missing, leads to no signed root: whoever checks finds it.
fn hash(bytes: &[u8]) -> Hash {
    bytes.try_into().unwrap_or([0; 32])
}

/// The hash of a whole subtree, from the stored ones below it.
pub async fn subtree(conn: &Connection, organization_id: Uuid, subtree: Subtree) -> Result<Hash> {
    let level = subtree.level / STRIDE * STRIDE;
    let count = 1_usize << (subtree.level - level);
    let first = subtree.start >> level;
    let mut parts = vec![[0; 32]; count];
    let (from, until) = (signed(first), signed(first + count as u64));
    let stored = if level == 0 {
        let leaves = tree::leaves(conn, organization_id, from, until).await?;
        leaves.into_iter().map(|leaf| (leaf.seq - 1, leaf.hash)).collect()
    } else {
        tree::nodes(conn, organization_id, i16::try_from(level).map_err(Error::internal)?, from, until).await?
    };
    for (position, bytes) in stored {
        if let Some(part) = usize::try_from(position - from).ok().and_then(|at| parts.get_mut(at)) {
            *part = hash(&bytes);
        }
    }
    Ok(whole(parts))
}

/// The hash over a range of leaves that is a subtree, perhaps not whole.
pub async fn range(conn: &Connection, organization_id: Uuid, (start, end): Range) -> Result<Hash> {
    Ok(fold(&hashes(conn, organization_id, start, end).await?))
}

/// The hashes of the largest whole subtrees of a range of leaves, in order.
async fn hashes(conn: &Connection, organization_id: Uuid, start: u64, end: u64) -> Result<Vec<Hash>> {
    let parts = subtrees(start, end, 62).map(|part| subtree(conn, organization_id, part));
    futures::future::try_join_all(parts).await
}

/// What an export of these entries begins with.
pub async fn header(
    conn: &Connection,
    organization_id: Uuid,
    checkpoint: &CheckpointRow,
    from: i64,
    to: i64,
) -> Result<Header> {
    let (from, to) = (unsigned(from), unsigned(to));
    let texts = |hashes: Vec<Hash>| hashes.iter().map(|hash| encode(hash)).collect();
    Ok(Header {
        flagstone_audit_export: 1,
        checkpoint: checkpoint.note.clone(),
        from,
        to,
        before: texts(hashes(conn, organization_id, 0, from - 1).await?),
        after: texts(hashes(conn, organization_id, to, unsigned(checkpoint.size)).await?),
    })
}

/// One entry of an export.
#[derive(Debug)]
pub struct Entry {
    pub seq: i64,
    pub hash: Hash,
    /// The row; `None` where the event is gone.
    pub event: Option<AuditEventRow>,
}

impl Entry {
    /// As a row of a table.
    pub fn cells(&self, organization_id: Uuid) -> Option<Cells> {
        self.event.as_ref().map(|event| with_event(organization_id, self.seq, event, |event| event.cells()))
    }

    /// Its leaf.
    pub fn leaf(&self, organization_id: Uuid) -> Option<String> {
        self.event.as_ref().map(|event| leaf(organization_id, self.seq, event))
    }
}

/// A block of an export with its entries, as they stand in the database.
#[derive(Debug)]
pub struct Block {
    pub subtree: Subtree,
    pub hash: Hash,
    pub entries: Vec<Entry>,
}

/// Some blocks, which lie side by side.
pub async fn blocks(conn: &Connection, organization_id: Uuid, parts: &[Subtree]) -> Result<Vec<Block>> {
    let (Some(first), Some(last)) = (parts.first(), parts.last()) else { return Ok(Vec::new()) };
    let (after, until) = (signed(first.start), signed(last.start + last.count()));
    let leaves = tree::leaves(conn, organization_id, after, until).await?;
    let ids: Vec<Uuid> = leaves.iter().map(|leaf| leaf.event_id).collect();
    let (events, hashes) = futures::try_join!(
        async { tree::events(conn, organization_id, &ids).await.map_err(Error::from) },
        futures::future::try_join_all(parts.iter().map(|part| subtree(conn, organization_id, *part))),
    )?;
    let mut events: HashMap<Uuid, AuditEventRow> = events.into_iter().map(|event| (event.id, event)).collect();
    let mut leaves = leaves.into_iter().peekable();
    let mut blocks = Vec::with_capacity(parts.len());
    for (part, hash_of_block) in parts.iter().zip(hashes) {
        let end = signed(part.start + part.count());
        let mut entries = Vec::new();
        while let Some(leaf) = leaves.next_if(|leaf| leaf.seq <= end) {
            entries.push(Entry { seq: leaf.seq, hash: hash(&leaf.hash), event: events.remove(&leaf.event_id) });
        }
        blocks.push(Block { subtree: *part, hash: hash_of_block, entries });
    }
    Ok(blocks)
}
