//! How full the queues of an organization are. Counted in what is narrow: the line, the holds and the dead letters, never
//! in the history.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;

/// One queue.
#[derive(Clone, Debug, QueryableByName)]
pub struct QueueRow {
    #[diesel(sql_type = Text)]
    pub queue: String,
    /// Jobs that could be claimed now.
    #[diesel(sql_type = BigInt)]
    pub depth: i64,
    /// Jobs that wait for their time.
    #[diesel(sql_type = BigInt)]
    pub delayed: i64,
    /// Since when the first of them could be claimed.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub oldest_time: Option<DateTime<Utc>>,
    #[diesel(sql_type = BigInt)]
    pub running: i64,
    #[diesel(sql_type = BigInt)]
    pub dead_letters: i64,
}

/// The queues of an organization, in the order of claiming.
pub async fn queues(mut conn: &Connection, organization_id: Uuid) -> Result<Vec<QueueRow>, Error> {
    let query = diesel::sql_query(
        "SELECT q.queue, coalesce(line.depth, 0) AS depth, coalesce(line.delayed, 0) AS delayed, line.oldest_time,
           coalesce(work.running, 0) AS running, coalesce(dead.letters, 0) AS dead_letters
         FROM (VALUES ('HIGH', 1), ('DEFAULT', 2), ('LOW', 3)) AS q (queue, place)
         LEFT JOIN (
           SELECT j.queue, count(*) FILTER (WHERE r.run_after_time <= now()) AS depth,
             count(*) FILTER (WHERE r.run_after_time > now()) AS delayed,
             min(r.run_after_time) FILTER (WHERE r.run_after_time <= now()) AS oldest_time
           FROM ready_jobs r JOIN jobs j ON j.id = r.job_id WHERE r.organization_id = $1 GROUP BY j.queue
         ) AS line USING (queue)
         LEFT JOIN (
           SELECT j.queue, count(*) AS running FROM concurrency_holds h JOIN jobs j ON j.id = h.job_id
           WHERE h.organization_id = $1 AND j.lease_id IS NOT NULL GROUP BY j.queue
         ) AS work USING (queue)
         LEFT JOIN (
           SELECT queue, count(*) AS letters FROM dead_letters WHERE organization_id = $1 GROUP BY queue
         ) AS dead USING (queue)
         ORDER BY q.place",
    );
    Ok(query.bind::<SqlUuid, _>(organization_id).load(&mut conn).await?)
}

/// The limit of concurrent jobs of an organization, if it has one, and how many run.
#[derive(Clone, Copy, Debug, QueryableByName)]
pub struct Load {
    #[diesel(sql_type = Nullable<BigInt>)]
    pub limit: Option<i64>,
    #[diesel(sql_type = BigInt)]
    pub running: i64,
}

/// How much of what it may an organization runs.
pub async fn load(mut conn: &Connection, organization_id: Uuid) -> Result<Option<Load>, Error> {
    let query = diesel::sql_query(
        r#"SELECT nullif((o.settings ->> 'max_concurrent_jobs')::int8, 0) AS "limit",
           (SELECT count(*) FROM concurrency_holds h WHERE h.organization_id = o.id) AS running
         FROM organizations o WHERE o.id = $1"#,
    );
    let found: Vec<Load> = query.bind::<SqlUuid, _>(organization_id).load(&mut conn).await?;
    Ok(found.into_iter().next())
}

/// Which runners serve an organization, as far as one engine goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, QueryableByName)]
pub struct Fleet {
    /// One was heard of lately.
    #[diesel(sql_type = Bool)]
    pub any_online: bool,
    /// One that has the engine was heard of lately.
    #[diesel(sql_type = Bool)]
    pub engine_online: bool,
    /// One that has the engine is registered, wherever it may be now.
    #[diesel(sql_type = Bool)]
    pub engine_known: bool,
    /// There is one at all.
    #[diesel(sql_type = Bool)]
    pub any: bool,
}

/// The runners that could serve an organization.
pub async fn fleet(mut conn: &Connection, organization_id: Uuid, engine: &str) -> Result<Fleet, Error> {
    let query = diesel::sql_query(
        "SELECT coalesce(bool_or(online), false) AS any_online,
           coalesce(bool_or(online AND has), false) AS engine_online,
           coalesce(bool_or(has), false) AS engine_known, count(*) > 0 AS any
         FROM (
           SELECT coalesce(last_seen_time > now() - interval '1 minute', false) AS online,
             engines @> jsonb_build_array(jsonb_build_object('engine', $2)) AS has
           FROM runners
           WHERE (organization_id = $1 OR organization_id IS NULL) AND adoption = 'ADOPTED' AND capacity > 0
         ) AS found",
    );
    let found: Vec<Fleet> = query.bind::<SqlUuid, _>(organization_id).bind::<Text, _>(engine).load(&mut conn).await?;
    Ok(found.into_iter().next().unwrap_or_default())
}
