//! Tokens that let a runner in, once.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::lease::from_now;
use crate::schema::{organizations, runner_tokens};

/// A token.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = runner_tokens)]
pub struct RunnerTokenRow {
    pub id: Uuid,
    pub organization_id: Uuid,
    /// `{key: value}`: what the runner may call its own.
    pub labels: Value,
    pub needs_adoption: bool,
    pub expire_time: DateTime<Utc>,
    /// Who came in by it.
    pub runner_id: Option<Uuid>,
    pub creator: String,
    pub create_time: DateTime<Utc>,
}

/// A token to make.
#[derive(Clone, Copy, Debug)]
pub struct NewRunnerToken<'a> {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub token_sha256: &'a [u8],
    pub labels: &'a Value,
    pub needs_adoption: bool,
    pub lifetime: Duration,
    pub creator: &'a str,
}

/// Makes a token.
pub async fn insert(conn: &mut Connection, token: &NewRunnerToken<'_>) -> Result<RunnerTokenRow, Error> {
    Ok(diesel::insert_into(runner_tokens::table)
        .values((
            runner_tokens::id.eq(token.id),
            runner_tokens::organization_id.eq(token.organization_id),
            runner_tokens::token_sha256.eq(token.token_sha256),
            runner_tokens::labels.eq(token.labels),
            runner_tokens::needs_adoption.eq(token.needs_adoption),
            runner_tokens::expire_time.eq(from_now(token.lifetime)),
            runner_tokens::creator.eq(token.creator),
        ))
        .returning(RunnerTokenRow::as_returning())
        .get_result(conn)
        .await?)
}

/// The token of a hash, of any organization: the token is all that is known of the caller. True where it still lets
/// somebody in: it was not used, its time is not over, and its organization is active.
pub async fn offer(mut conn: &Connection, token_sha256: &[u8]) -> Result<Option<(RunnerTokenRow, bool)>, Error> {
    Ok(runner_tokens::table
        .inner_join(organizations::table.on(organizations::id.eq(runner_tokens::organization_id)))
        .filter(runner_tokens::token_sha256.eq(token_sha256))
        .select((
            RunnerTokenRow::as_select(),
            runner_tokens::runner_id
                .is_null()
                .and(runner_tokens::expire_time.gt(now.into_sql::<Timestamptz>()))
                .and(organizations::active),
        ))
        .first(&mut conn)
        .await
        .optional()?)
}

/// Locks a token that still lets somebody in. `None` where somebody came in by it meanwhile, or its time is over.
pub async fn lock(conn: &mut Connection, token: &RunnerTokenRow) -> Result<Option<RunnerTokenRow>, Error> {
    Ok(runner_tokens::table
        .filter(runner_tokens::organization_id.eq(token.organization_id))
        .filter(runner_tokens::id.eq(token.id))
        .filter(runner_tokens::runner_id.is_null())
        .filter(runner_tokens::expire_time.gt(now.into_sql::<Timestamptz>()))
        .select(RunnerTokenRow::as_select())
        .for_update()
        .first(conn)
        .await
        .optional()?)
}

/// Notes who came in by a locked token: it lets nobody else in.
pub async fn use_up(conn: &mut Connection, token: &RunnerTokenRow, runner_id: Uuid) -> Result<(), Error> {
    diesel::update(runner_tokens::table.find(token.id))
        .filter(runner_tokens::organization_id.eq(token.organization_id))
        .set(runner_tokens::runner_id.eq(runner_id))
        .execute(conn)
        .await?;
    Ok(())
}

/// Forgets tokens whose time was over a day ago, at most `limit`: until then a repeated call finds its answer. Returns how
/// many.
pub async fn purge(conn: &mut Connection, limit: i64) -> Result<usize, Error> {
    let over = diesel::dsl::sql::<Timestamptz>("now() - interval '1 day'");
    let old: Vec<Uuid> = runner_tokens::table
        .filter(runner_tokens::expire_time.lt(over))
        .order(runner_tokens::expire_time)
        .limit(limit)
        .select(runner_tokens::id)
        .load(conn)
        .await?;
    Ok(diesel::delete(runner_tokens::table.filter(runner_tokens::id.eq_any(old))).execute(conn).await?)
}
