//! Logs of jobs: lines without gap, many to a chunk. The head of a log says how far it is and carries the running
//! SHA-256 over the data of all lines.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures::try_join;
use sha2::digest::common::hazmat::SerializableState;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::{job_log_chunks, job_logs};

/// How far a log is.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = job_logs)]
pub struct LogRow {
    pub job_id: Uuid,
    /// Number of the last line; 0 where there is none.
    pub last_seq: i64,
    /// Bytes of all lines.
    pub bytes: i64,
    /// Lines that were dropped for size.
    pub dropped: i64,
    pub hash_state: Vec<u8>,
    /// SHA-256 over the data of all lines so far.
    pub sha256: Vec<u8>,
}

/// Some lines of a log.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = job_log_chunks)]
pub struct ChunkRow {
    pub first_seq: i64,
    pub last_seq: i64,
    /// Encoded `flagstone.v1.JobLogChunk` without a cursor.
    pub lines: Vec<u8>,
}

/// Lines to append.
#[derive(Clone, Copy, Debug)]
pub struct NewChunk<'a> {
    pub first_seq: i64,
    pub last_seq: i64,
    /// As in [`ChunkRow::lines`].
    pub lines: &'a [u8],
    /// Lines dropped for size so far.
    pub dropped: i64,
}

/// Begins the log of a new job.
pub async fn open(conn: &mut Connection, organization_id: Uuid, job_id: Uuid) -> Result<(), Error> {
    let hash = Sha256::new();
    diesel::insert_into(job_logs::table)
        .values((
            job_logs::job_id.eq(job_id),
            job_logs::organization_id.eq(organization_id),
            job_logs::hash_state.eq(hash.serialize().as_slice()),
            job_logs::sha256.eq(hash.finalize().as_slice()),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// How far a log is.
pub async fn get(mut conn: &Connection, organization_id: Uuid, job_id: Uuid) -> Result<Option<LogRow>, Error> {
    Ok(job_logs::table
        .filter(job_logs::organization_id.eq(organization_id))
        .filter(job_logs::job_id.eq(job_id))
        .select(LogRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// How far the logs of jobs are, in no order.
pub async fn of_jobs(mut conn: &Connection, organization_id: Uuid, job_ids: &[Uuid]) -> Result<Vec<LogRow>, Error> {
    if job_ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(job_logs::table
        .filter(job_logs::organization_id.eq(organization_id))
        .filter(job_logs::job_id.eq_any(job_ids))
        .select(LogRow::as_select())
        .load(&mut conn)
        .await?)
}

/// Locks a log for appending. Takes a shared reference so that it can be sent together with other statements.
pub async fn lock(mut conn: &Connection, job_id: Uuid) -> Result<Option<LogRow>, Error> {
    Ok(job_logs::table.find(job_id).select(LogRow::as_select()).for_update().first(&mut conn).await.optional()?)
}

/// Appends lines, whose data follow one another in `data`, to a log that is locked. One round trip.
pub async fn append<'a>(
    conn: &Connection,
    organization_id: Uuid,
    log: &LogRow,
    chunk: NewChunk<'_>,
    data: impl Iterator<Item = &'a [u8]>,
) -> Result<(), Error> {
    let mut hash = restore(&log.hash_state)?;
    let mut bytes = log.bytes;
    for line in data {
        hash.update(line);
        bytes += i64::try_from(line.len()).unwrap_or_default();
    }
    let (hash_state, sha256) = (hash.serialize(), hash.finalize());
    let (mut first, mut second) = (conn, conn);
    let insert = diesel::insert_into(job_log_chunks::table)
        .values((
            job_log_chunks::job_id.eq(log.job_id),
            job_log_chunks::organization_id.eq(organization_id),
            job_log_chunks::first_seq.eq(chunk.first_seq),
            job_log_chunks::last_seq.eq(chunk.last_seq),
            job_log_chunks::lines.eq(chunk.lines),
        ))
        .execute(&mut first);
    let update = diesel::update(job_logs::table.find(log.job_id))
        .filter(job_logs::organization_id.eq(organization_id))
        .set((
            job_logs::last_seq.eq(chunk.last_seq),
            job_logs::bytes.eq(bytes),
            job_logs::dropped.eq(chunk.dropped.max(log.dropped)),
            job_logs::hash_state.eq(hash_state.as_slice()),
            job_logs::sha256.eq(sha256.as_slice()),
        ))
        .execute(&mut second);
    try_join!(insert, update)?;
    Ok(())
}

/// The chunks that hold the lines after number `after`, in order, at most `limit`. The first of them may begin before.
pub async fn chunks_after(
    mut conn: &Connection,
    organization_id: Uuid,
    job_id: Uuid,
    after: i64,
    limit: i64,
) -> Result<Vec<ChunkRow>, Error> {
    let mut chunks: Vec<ChunkRow> = job_log_chunks::table
        .filter(job_log_chunks::organization_id.eq(organization_id))
        .filter(job_log_chunks::job_id.eq(job_id))
        .filter(job_log_chunks::first_seq.gt(after))
        .order(job_log_chunks::first_seq)
        .limit(limit)
        .select(ChunkRow::as_select())
        .load(&mut conn)
        .await?;
    let begins = chunks.iter().map(|chunk| chunk.first_seq).min();
    if after > 0 && begins.is_none_or(|first| first > after + 1) {
        // The next line lies inside a chunk: the last one that begins no later.
        let around: Option<ChunkRow> = job_log_chunks::table
            .filter(job_log_chunks::organization_id.eq(organization_id))
            .filter(job_log_chunks::job_id.eq(job_id))
            .filter(job_log_chunks::first_seq.le(after))
            .order(job_log_chunks::first_seq.desc())
            .select(ChunkRow::as_select())
            .first(&mut conn)
            .await
            .optional()?;
        chunks.splice(0..0, around.filter(|chunk| chunk.last_seq > after));
    }
    Ok(chunks)
}

/// Deletes the log of a job that was deleted: its lines, which the database lets go for no other reason, and its head.
pub async fn delete(conn: &mut Connection, organization_id: Uuid, job_id: Uuid) -> Result<(), Error> {
    diesel::sql_query("SELECT job_log_delete($1, $2)")
        .bind::<diesel::sql_types::Uuid, _>(organization_id)
        .bind::<diesel::sql_types::Uuid, _>(job_id)
        .execute(conn)
        .await?;
    diesel::delete(job_logs::table.find(job_id))
        .filter(job_logs::organization_id.eq(organization_id))
        .execute(conn)
        .await?;
    Ok(())
}

/// The hash as it was after the last line.
fn restore(state: &[u8]) -> Result<Sha256, Error> {
    let state = state.try_into().map_err(|_| Error::other("a stored hash state has the wrong length"))?;
    Sha256::deserialize(&state).map_err(|_| Error::other("a stored hash state cannot be read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_goes_on_where_it_stopped() {
        let mut hash = Sha256::new();
        for part in ["", "a", &"b".repeat(63), &"c".repeat(200), "d"] {
            hash.update(part);
            hash = restore(hash.serialize().as_slice()).unwrap();
        }
        let whole = format!("a{}{}d", "b".repeat(63), "c".repeat(200));
        assert_eq!(hash.finalize(), Sha256::digest(whole));
        restore(b"short").unwrap_err();
    }
}
