//! Whose turn it is. Organizations share the runners: within a queue the one that runs the fewest jobs is next, and of
//! several such the one whose last turn is the longest ago. A queue goes before the ones below it, whoever waits there.
//!
//! A claim looks at one job of each organization and queue in which anything waits, which it finds by skipping through the
//! index from one to the next: it costs the same however many jobs an organization has in line.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, SmallInt, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::Claimant;
use crate::Connection;
use crate::error::Error;

/// Who may take jobs now, and of which place in the line.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct Turn {
    #[diesel(sql_type = SqlUuid)]
    pub organization_id: Uuid,
    /// The place in the line: that of a queue, or the front.
    #[diesel(sql_type = SmallInt)]
    pub priority: i16,
    /// Nobody else waits: it may take as many as there is room for, and not one at a time.
    #[diesel(sql_type = Bool)]
    pub alone: bool,
}

#[derive(QueryableByName)]
struct Room {
    #[diesel(sql_type = BigInt)]
    room: i64,
}

/// Whose turn it is, if there is anything for this claimant to take. `except` were asked before and had nothing to give.
pub async fn next_turn(mut conn: &Connection, claimant: &Claimant, except: &[Uuid]) -> Result<Option<Turn>, Error> {
    let query = diesel::sql_query(
        "WITH RECURSIVE lines AS (
           (SELECT organization_id, priority FROM ready_jobs
            WHERE organization_id BETWEEN coalesce($2, '00000000-0000-0000-0000-000000000000')
              AND coalesce($2, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
            ORDER BY organization_id, priority LIMIT 1)
           UNION ALL
           SELECT following.organization_id, following.priority FROM lines CROSS JOIN LATERAL (
             SELECT r.organization_id, r.priority FROM ready_jobs r
             WHERE (r.organization_id, r.priority) > (lines.organization_id, lines.priority)
               AND r.organization_id <= coalesce($2, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
             ORDER BY r.organization_id, r.priority LIMIT 1) AS following
         ), waiting AS (
           SELECT l.organization_id, l.priority, front.run_after_time, front.job_id, work.running,
             coalesce(t.time, '-infinity') AS turn
           FROM lines l
           JOIN organizations o ON o.id = l.organization_id
           LEFT JOIN queue_turns t ON t.organization_id = l.organization_id
           CROSS JOIN LATERAL (
             SELECT count(*) AS running FROM concurrency_holds h WHERE h.organization_id = l.organization_id) AS work
           CROSS JOIN LATERAL (
             SELECT r.run_after_time, r.job_id FROM ready_jobs r
             WHERE r.organization_id = l.organization_id AND r.priority = l.priority AND r.run_after_time <= now()
               AND r.engine = ANY ($1)
               AND NOT EXISTS (SELECT FROM concurrency_holds h
                 WHERE h.organization_id = r.organization_id AND h.concurrency_key = r.concurrency_key)
             ORDER BY r.run_after_time, r.job_id LIMIT 1) AS front
           WHERE l.organization_id <> ALL ($3)
             AND NOT EXISTS (SELECT FROM queue_pauses p
               WHERE p.organization_id = l.organization_id AND p.priority = l.priority)
             AND work.running < coalesce(nullif((o.settings ->> 'max_concurrent_jobs')::int8, 0), work.running + 1)
         )
         SELECT organization_id, priority, count(*) OVER () = 1 AS alone
         FROM waiting ORDER BY priority, running, turn, run_after_time, job_id LIMIT 1",
    );
    let found: Vec<Turn> = query
        .bind::<Array<Text>, _>(&claimant.engines)
        .bind::<Nullable<SqlUuid>, _>(claimant.organization_id)
        .bind::<Array<SqlUuid>, _>(except)
        .load(&mut conn)
        .await?;
    Ok(found.into_iter().next())
}

impl Turn {
    /// How many jobs it may take: no more than one while others wait, and no more than the organization's limit leaves.
    /// Claims of an organization with a limit go one after the other; one that meets another takes nothing.
    pub(super) async fn room(&self, conn: &mut Connection) -> Result<i64, Error> {
        let query = diesel::sql_query(
            "SELECT CASE
               WHEN most.jobs IS NULL THEN 9223372036854775807
               WHEN NOT pg_try_advisory_xact_lock(hashtextextended('flagstone queue ' || o.id, 0)) THEN 0
               ELSE greatest(0, most.jobs - (SELECT count(*) FROM concurrency_holds h WHERE h.organization_id = o.id))
             END AS room
             FROM organizations o
             CROSS JOIN LATERAL (SELECT nullif((o.settings ->> 'max_concurrent_jobs')::int8, 0) AS jobs) AS most
             WHERE o.id = $1",
        );
        let found: Vec<Room> = query.bind::<SqlUuid, _>(self.organization_id).load(conn).await?;
        let room = found.first().map_or(0, |row| row.room);
        Ok(if self.alone { room } else { room.min(1) })
    }
}

/// Notes that an organization had its turn. Another claim of it that notes the same at this moment is not waited for.
pub(super) async fn note(conn: &mut Connection, organization_id: Uuid) -> Result<(), Error> {
    let noted = diesel::sql_query(
        "UPDATE queue_turns SET time = clock_timestamp() WHERE organization_id IN
           (SELECT organization_id FROM queue_turns WHERE organization_id = $1 FOR UPDATE SKIP LOCKED)",
    )
    .bind::<SqlUuid, _>(organization_id)
    .execute(conn)
    .await?;
    if noted == 0 {
        diesel::sql_query(
            "INSERT INTO queue_turns (organization_id, time) SELECT $1, clock_timestamp()
             WHERE NOT EXISTS (SELECT FROM queue_turns WHERE organization_id = $1) ON CONFLICT DO NOTHING",
        )
        .bind::<SqlUuid, _>(organization_id)
        .execute(conn)
        .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
