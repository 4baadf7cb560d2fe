//! Revisions of deployments.

use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::revisions;

/// A revision.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = revisions)]
pub struct RevisionRow {
    pub organization_id: Uuid,
    pub deployment_id: Uuid,
    pub number: i32,
    pub kind: String,
    pub template_version_id: Uuid,
    pub inputs: Value,
    pub inputs_ciphertext: Vec<u8>,
    pub outputs: Value,
    pub outputs_ciphertext: Option<Vec<u8>>,
    pub request_id: Uuid,
    pub job_id: Option<Uuid>,
    pub plan_digest: String,
    pub approval_id: Option<Uuid>,
    pub initiator: String,
    pub description: String,
    pub state: String,
    pub create_time: DateTime<Utc>,
    pub start_time: Option<DateTime<Utc>>,
    pub end_time: Option<DateTime<Utc>>,
}

/// A revision to queue.
#[derive(Debug, Insertable)]
#[diesel(table_name = revisions)]
pub struct NewRevision<'a> {
    pub organization_id: Uuid,
    pub deployment_id: Uuid,
    pub number: i32,
    pub kind: &'a str,
    pub template_version_id: Uuid,
    pub inputs: &'a Value,
    pub inputs_ciphertext: &'a [u8],
    pub request_id: Uuid,
    pub job_id: Uuid,
    pub plan_digest: &'a str,
    pub approval_id: Uuid,
    pub initiator: &'a str,
    pub description: &'a str,
    pub state: &'a str,
}

/// Queues a revision.
pub async fn insert(conn: &mut Connection, revision: &NewRevision<'_>) -> Result<(), Error> {
    diesel::insert_into(revisions::table).values(revision).execute(conn).await?;
    Ok(())
}

/// The revision of a number.
pub async fn get(
    mut conn: &Connection,
    organization_id: Uuid,
    deployment_id: Uuid,
    number: i32,
) -> Result<Option<RevisionRow>, Error> {
    Ok(revisions::table
        .find((organization_id, deployment_id, number))
        .select(RevisionRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// Writes that a revision is being applied by a job.
pub async fn start(
    conn: &mut Connection,
    organization_id: Uuid,
    deployment_id: Uuid,
    number: i32,
    state: &str,
    job_id: Uuid,
) -> Result<(), Error> {
    diesel::update(revisions::table.find((organization_id, deployment_id, number)))
        .set((revisions::state.eq(state), revisions::job_id.eq(job_id), revisions::start_time.eq(now)))
        .execute(conn)
        .await?;
    Ok(())
}

/// Binds a queued revision to the plan and job that will apply it.
pub async fn rebind(
    conn: &mut Connection,
    organization_id: Uuid,
    deployment_id: Uuid,
    number: i32,
    job_id: Uuid,
) -> Result<(), Error> {
    diesel::update(revisions::table.find((organization_id, deployment_id, number)))
        .set(revisions::job_id.eq(job_id))
        .execute(conn)
        .await?;
    Ok(())
}

/// Writes how a revision ended.
pub async fn end(
    conn: &mut Connection,
    organization_id: Uuid,
    deployment_id: Uuid,
    number: i32,
    state: &str,
    outputs: Option<(&Value, &[u8])>,
) -> Result<(), Error> {
    let row = revisions::table.find((organization_id, deployment_id, number));
    match outputs {
        Some((outputs, ciphertext)) => {
            diesel::update(row)
                .set((
                    revisions::state.eq(state),
                    revisions::end_time.eq(now),
                    revisions::outputs.eq(outputs),
                    revisions::outputs_ciphertext.eq(ciphertext),
                ))
                .execute(conn)
                .await?
        }
        None => {
            diesel::update(row).set((revisions::state.eq(state), revisions::end_time.eq(now))).execute(conn).await?
        }
    };
    Ok(())
}

/// A newer revision succeeded: those before it that were live are superseded.
pub async fn supersede_before(
    conn: &mut Connection,
    organization_id: Uuid,
    deployment_id: Uuid,
    number: i32,
) -> Result<(), Error> {
    diesel::update(revisions::table)
        .filter(revisions::organization_id.eq(organization_id))
        .filter(revisions::deployment_id.eq(deployment_id))
        .filter(revisions::number.lt(number))
        .filter(revisions::state.eq("SUCCEEDED"))
        .set(revisions::state.eq("SUPERSEDED"))
        .execute(conn)
        .await?;
    Ok(())
}
