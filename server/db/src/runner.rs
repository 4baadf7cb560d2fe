//! Runners: what executes jobs.

use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::runners;

/// A runner.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = runners)]
pub struct RunnerRow {
    pub id: Uuid,
    /// The one organization it serves; `None` for the whole installation.
    pub organization_id: Option<Uuid>,
    pub slug: String,
    pub labels: Value,
    pub adoption: String,
    pub version: String,
    /// `[{engine, version}]`
    pub engines: Value,
    pub capacity: i32,
    pub embedded: bool,
    pub last_seen_time: Option<DateTime<Utc>>,
    pub create_time: DateTime<Utc>,
    pub update_time: DateTime<Utc>,
}

/// The runner of an id.
pub async fn get(mut conn: &Connection, id: Uuid) -> Result<Option<RunnerRow>, Error> {
    Ok(runners::table.find(id).select(RunnerRow::as_select()).first(&mut conn).await.optional()?)
}

/// The embedded runner of a server process, which trusts it: made where there is none of this slug, and given the
/// token that the process has just thought of.
pub async fn adopt_embedded(conn: &mut Connection, slug: &str, token_sha256: &[u8]) -> Result<RunnerRow, Error> {
    Ok(diesel::insert_into(runners::table)
        .values((
            runners::id.eq(Uuid::now_v7()),
            runners::slug.eq(slug),
            runners::adoption.eq("ADOPTED"),
            runners::embedded.eq(true),
            runners::token_sha256.eq(token_sha256),
        ))
        .on_conflict(runners::slug)
        .do_update()
        .set((runners::adoption.eq("ADOPTED"), runners::token_sha256.eq(token_sha256), runners::update_time.eq(now)))
        .returning(RunnerRow::as_returning())
        .get_result(conn)
        .await?)
}

/// Stores what a runner says of itself.
pub async fn register(
    conn: &mut Connection,
    id: Uuid,
    version: &str,
    engines: &Value,
    capacity: i32,
) -> Result<RunnerRow, Error> {
    Ok(diesel::update(runners::table.find(id))
        .set((
            runners::version.eq(version),
            runners::engines.eq(engines),
            runners::capacity.eq(capacity),
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

/// Whether a runner that could serve the organization was heard of lately.
pub async fn any_online(mut conn: &Connection, organization_id: Uuid) -> Result<bool, Error> {
    let lately = diesel::dsl::sql::<diesel::sql_types::Timestamptz>("now() - interval '1 minute'").nullable();
    Ok(diesel::select(diesel::dsl::exists(
        runners::table
            .filter(runners::organization_id.eq(organization_id).or(runners::organization_id.is_null()))
            .filter(runners::adoption.eq("ADOPTED"))
            .filter(runners::capacity.gt(0))
            .filter(runners::last_seen_time.gt(lately)),
    ))
    .get_result(&mut conn)
    .await?)
}
