//! Runners: what executes jobs. A row of no organization is one of the installation: the runner inside a server.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::dsl::{case_when, exists, now};
use diesel::prelude::*;
use diesel::sql_types::{Jsonb, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::lease::before_now;
use crate::schema::{jobs, leases, organizations, runners};

/// A runner.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = runners)]
pub struct RunnerRow {
    pub id: Uuid,
    /// The one organization it serves; `None` for the whole installation.
    pub organization_id: Option<Uuid>,
    pub slug: String,
    pub display_name: String,
    /// `{key: value}`
    pub labels: Value,
    /// Its state.
    pub adoption: String,
    pub version: String,
    /// `[{engine, version}]`
    pub engines: Value,
    pub capacity: i32,
    pub embedded: bool,
    /// The version of the link that was agreed on; 0 before it registered.
    pub protocol_version: i32,
    pub last_seen_time: Option<DateTime<Utc>>,
    pub creator: String,
    pub revision: i64,
    pub create_time: DateTime<Utc>,
    pub update_time: DateTime<Utc>,
}

/// A runner that joins.
#[derive(Clone, Copy, Debug)]
pub struct NewRunner<'a> {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub slug: &'a str,
    pub display_name: &'a str,
    pub labels: &'a Value,
    pub state: &'a str,
    /// Of its credential.
    pub token_sha256: &'a [u8],
    /// Who made the token by which it joins.
    pub creator: &'a str,
}

/// What a runner says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Registration<'a> {
    pub version: &'a str,
    /// `[{engine, version}]`
    pub engines: &'a Value,
    pub capacity: i32,
    /// The version of the link that was agreed on.
    pub protocol_version: i32,
}

/// The runner of an id.
pub async fn get(mut conn: &Connection, id: Uuid) -> Result<Option<RunnerRow>, Error> {
    Ok(runners::table.find(id).select(RunnerRow::as_select()).first(&mut conn).await.optional()?)
}

/// The runner of a slug that serves an organization, alone or with all others. One that was removed is none.
pub async fn find(mut conn: &Connection, organization_id: Uuid, slug: &str) -> Result<Option<RunnerRow>, Error> {
    Ok(runners::table
        .filter(runners::slug.eq(slug))
        .filter(runners::organization_id.eq(organization_id).or(runners::organization_id.is_null()))
        .filter(runners::adoption.ne("REMOVED"))
        .select(RunnerRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// Locks the runner of a slug, to change it: one of an organization, or one of the installation. One that was removed is
/// none.
pub async fn lock(
    conn: &mut Connection,
    organization_id: Option<Uuid>,
    slug: &str,
) -> Result<Option<RunnerRow>, Error> {
    Ok(runners::table
        .filter(runners::slug.eq(slug))
        .filter(runners::organization_id.is_not_distinct_from(organization_id))
        .filter(runners::adoption.ne("REMOVED"))
        .select(RunnerRow::as_select())
        .for_update()
        .first(conn)
        .await
        .optional()?)
}

/// Lets a runner in. `None` where its slug is taken.
pub async fn insert(conn: &mut Connection, runner: &NewRunner<'_>) -> Result<Option<RunnerRow>, Error> {
    Ok(diesel::insert_into(runners::table)
        .values((
            runners::id.eq(runner.id),
            runners::organization_id.eq(runner.organization_id),
            runners::slug.eq(runner.slug),
            runners::display_name.eq(runner.display_name),
            runners::labels.eq(runner.labels),
            runners::adoption.eq(runner.state),
            runners::embedded.eq(false),
            runners::token_sha256.eq(runner.token_sha256),
            runners::creator.eq(runner.creator),
        ))
        .on_conflict(runners::slug)
        .do_nothing()
        .returning(RunnerRow::as_returning())
        .get_result(conn)
        .await
        .optional()?)
}

/// Writes where a locked runner stands. Its revision rises, and with it its etag.
pub async fn set_state(conn: &mut Connection, runner: &RunnerRow, state: &str) -> Result<RunnerRow, Error> {
    Ok(diesel::update(runners::table.find(runner.id))
        .filter(runners::organization_id.is_not_distinct_from(runner.organization_id))
        .set((runners::adoption.eq(state), runners::revision.eq(runners::revision + 1), runners::update_time.eq(now)))
        .returning(RunnerRow::as_returning())
        .get_result(conn)
        .await?)
}

/// The embedded runner of a server process, which trusts it: made where there is none of this slug, and given the
/// token that the process has just thought of. One that is drained stays so.
pub async fn adopt_embedded(conn: &mut Connection, slug: &str, token_sha256: &[u8]) -> Result<RunnerRow, Error> {
    Ok(diesel::insert_into(runners::table)
        .values((
            runners::id.eq(Uuid::now_v7()),
            runners::slug.eq(slug),
            runners::display_name.eq(slug),
            runners::adoption.eq("ADOPTED"),
            runners::embedded.eq(true),
            runners::token_sha256.eq(token_sha256),
        ))
        .on_conflict(runners::slug)
        .do_update()
        .set((
            runners::adoption
                .eq(case_when(runners::adoption.eq("DRAINING"), "DRAINING".into_sql::<Text>()).otherwise("ADOPTED")),
            runners::token_sha256.eq(token_sha256),
            runners::update_time.eq(now),
        ))
        .returning(RunnerRow::as_returning())
        .get_result(conn)
        .await?)
}

/// Stores what a runner says of itself.
pub async fn register(conn: &mut Connection, id: Uuid, registration: &Registration<'_>) -> Result<RunnerRow, Error> {
    Ok(diesel::update(runners::table.find(id))
        .set((
            runners::version.eq(registration.version),
            runners::engines.eq(registration.engines),
            runners::capacity.eq(registration.capacity),
            runners::protocol_version.eq(registration.protocol_version),
            runners::last_seen_time.eq(now),
            runners::update_time.eq(now),
        ))
        .returning(RunnerRow::as_returning())
        .get_result(conn)
        .await?)
}

/// Notes that a runner was heard of.
pub async fn seen(conn: &mut Connection, id: Uuid) -> Result<(), Error> {
    diesel::update(runners::table.find(id)).set(runners::last_seen_time.eq(now)).execute(conn).await?;
    Ok(())
}

/// Where a runner stands whose stream is open. `None` where it may not come in any more: it is gone, was rejected or
/// removed, or its organization is not active.
pub async fn standing(mut conn: &Connection, id: Uuid) -> Result<Option<String>, Error> {
    Ok(runners::table
        .find(id)
        .filter(runners::adoption.ne_all(["REJECTED", "REMOVED"]))
        .filter(
            runners::organization_id.is_null().or(exists(
                organizations::table
                    .filter(organizations::id.nullable().eq(runners::organization_id))
                    .filter(organizations::active),
            )),
        )
        .select(runners::adoption)
        .first(&mut conn)
        .await
        .optional()?)
}

/// Which of these runners were heard of within so long.
pub async fn online(mut conn: &Connection, ids: &[Uuid], within: Duration) -> Result<Vec<Uuid>, Error> {
    Ok(runners::table
        .filter(runners::id.eq_any(ids))
        .filter(runners::last_seen_time.gt(before_now(within).nullable()))
        .select(runners::id)
        .load(&mut conn)
        .await?)
}

/// How many jobs of an organization each of these runners has, by resource name. Who has none is left out.
pub async fn loads(
    mut conn: &Connection,
    organization_id: Uuid,
    names: &[String],
) -> Result<Vec<(String, i64)>, Error> {
    // There are as many leases as batches at work: few.
    let held: Vec<Vec<Uuid>> =
        leases::table.filter(leases::runner.eq_any(names)).select(leases::job_ids).load(&mut conn).await?;
    let held: Vec<Uuid> = held.into_iter().flatten().collect();
    if held.is_empty() {
        return Ok(Vec::new());
    }
    Ok(jobs::table
        .filter(jobs::organization_id.eq(organization_id))
        .filter(jobs::id.eq_any(&held))
        .filter(jobs::lease_id.is_not_null())
        .filter(jobs::runner.eq_any(names))
        .group_by(jobs::runner)
        .select((jobs::runner.assume_not_null(), diesel::dsl::count_star()))
        .load(&mut conn)
        .await?)
}

/// Whether a runner is at work, for whomever.
pub async fn is_busy(mut conn: &Connection, name: &str) -> Result<bool, Error> {
    let held = jobs::table
        .inner_join(leases::table.on(jobs::lease_id.eq(leases::id.nullable())))
        .filter(leases::runner.eq(name));
    Ok(diesel::select(exists(held)).get_result(&mut conn).await?)
}

/// Whether a runner that could serve the organization and has these labels was heard of lately.
pub async fn any_online(mut conn: &Connection, organization_id: Uuid, labels: &Value) -> Result<bool, Error> {
    let lately = diesel::dsl::sql::<Timestamptz>("now() - interval '1 minute'").nullable();
    Ok(diesel::select(exists(
        runners::table
            .filter(runners::organization_id.eq(organization_id).or(runners::organization_id.is_null()))
            .filter(runners::adoption.eq("ADOPTED"))
            .filter(runners::capacity.gt(0))
            .filter(runners::labels.contains(labels.into_sql::<Jsonb>()))
            .filter(runners::last_seen_time.gt(lately)),
    ))
    .get_result(&mut conn)
    .await?)
}
