//! Workspaces: the state of one deployment's engine, in versions, and the lock on it.
//!
//! The lock belongs to a job under one fence. It ends with the job; after the loss of an apply's runner it stays until
//! `lock_until_time`, so that the supervisor can store the last state on its way out.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::dsl::{exists, now};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::job::JobRow;
use crate::lease::from_now;
use crate::schema::{template_versions, workspace_states, workspaces};

/// A workspace.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = workspaces)]
pub struct WorkspaceRow {
    pub deployment_id: Uuid,
    pub organization_id: Uuid,
    pub business_unit_id: Uuid,
    pub engine: String,
    /// Of the newest state; empty where there is none.
    pub lineage: String,
    /// Of the newest state; 0 where there is none.
    pub serial: i64,
    pub lock_job_id: Option<Uuid>,
    pub lock_fence: Option<i64>,
    pub lock_time: Option<DateTime<Utc>>,
    pub lock_until_time: Option<DateTime<Utc>>,
    pub lock_info: Option<Value>,
    pub create_time: DateTime<Utc>,
    pub update_time: DateTime<Utc>,
}

impl WorkspaceRow {
    /// Whether the job has the lock under this fence.
    pub fn is_locked_by(&self, job_id: Uuid, fence: i64) -> bool {
        self.lock_job_id == Some(job_id) && self.lock_fence == Some(fence)
    }
}

/// One version of a state, sealed.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = workspace_states)]
pub struct StateRow {
    pub serial: i64,
    pub fence: i64,
    pub lineage: String,
    pub ciphertext: Vec<u8>,
    /// Of the state in the clear.
    pub sha256: Vec<u8>,
    pub resource_count: i32,
    pub job_id: Uuid,
    pub state: String,
    pub time: DateTime<Utc>,
}

/// One version of a state, without its contents.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = workspace_states)]
pub struct StateHeadRow {
    pub serial: i64,
    pub fence: i64,
    pub lineage: String,
    /// Of the state in the clear.
    pub sha256: Vec<u8>,
    pub resource_count: i32,
    pub job_id: Uuid,
    pub state: String,
    pub time: DateTime<Utc>,
}

impl StateHeadRow {
    /// Whether it is the one that an engine starts from.
    pub fn is_current(&self, workspace: &WorkspaceRow) -> bool {
        self.state == "STORED" && self.serial == workspace.serial && self.lineage == workspace.lineage
    }
}

/// A state to keep.
#[derive(Debug, Insertable)]
#[diesel(table_name = workspace_states)]
pub struct NewState<'a> {
    pub organization_id: Uuid,
    pub deployment_id: Uuid,
    pub serial: i64,
    pub fence: i64,
    pub lineage: &'a str,
    pub ciphertext: &'a [u8],
    /// Of the state in the clear.
    pub sha256: &'a [u8],
    pub resource_count: i32,
    pub job_id: Uuid,
    /// STORED or ORPHANED.
    pub state: &'a str,
}

/// The workspace of a deployment; `None` until a job has worked on it.
pub async fn get(
    mut conn: &Connection,
    organization_id: Uuid,
    deployment_id: Uuid,
) -> Result<Option<WorkspaceRow>, Error> {
    Ok(workspaces::table
        .filter(workspaces::organization_id.eq(organization_id))
        .filter(workspaces::deployment_id.eq(deployment_id))
        .select(WorkspaceRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// Locks the row of a workspace; `None` where there is none yet.
pub async fn lock(
    conn: &mut Connection,
    organization_id: Uuid,
    deployment_id: Uuid,
) -> Result<Option<WorkspaceRow>, Error> {
    Ok(workspaces::table
        .filter(workspaces::organization_id.eq(organization_id))
        .filter(workspaces::deployment_id.eq(deployment_id))
        .select(WorkspaceRow::as_select())
        .for_update()
        .first(conn)
        .await
        .optional()?)
}

/// Locks the row of the workspace that a job works on, and makes it where there is none yet.
pub async fn lock_or_create(conn: &mut Connection, job: &JobRow) -> Result<WorkspaceRow, Error> {
    if let Some(workspace) = lock(conn, job.organization_id, job.deployment_id).await? {
        return Ok(workspace);
    }
    let engine: String = template_versions::table
        .filter(template_versions::organization_id.eq(job.organization_id))
        .filter(template_versions::id.eq(job.template_version_id))
        .select(template_versions::engine)
        .first(conn)
        .await?;
    diesel::insert_into(workspaces::table)
        .values((
            workspaces::deployment_id.eq(job.deployment_id),
            workspaces::organization_id.eq(job.organization_id),
            workspaces::business_unit_id.eq(job.business_unit_id),
            workspaces::engine.eq(engine),
        ))
        .on_conflict_do_nothing()
        .execute(conn)
        .await?;
    lock(conn, job.organization_id, job.deployment_id).await?.ok_or(Error::NotFound)
}

/// Gives the lock of a locked row to a job. `info` is what the engine says of it.
pub async fn take_lock(
    conn: &mut Connection,
    workspace: &WorkspaceRow,
    job_id: Uuid,
    fence: i64,
    info: &Value,
) -> Result<(), Error> {
    diesel::update(workspaces::table.find(workspace.deployment_id))
        .filter(workspaces::organization_id.eq(workspace.organization_id))
        .set((
            workspaces::lock_job_id.eq(job_id),
            workspaces::lock_fence.eq(fence),
            workspaces::lock_time.eq(now),
            workspaces::lock_until_time.eq(None::<DateTime<Utc>>),
            workspaces::lock_info.eq(info),
            workspaces::update_time.eq(now),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Frees the lock if this job has it, under whichever fence up to `fence`.
pub async fn free_lock(conn: &mut Connection, job: &JobRow, fence: i64) -> Result<(), Error> {
    diesel::update(workspaces::table.find(job.deployment_id))
        .filter(workspaces::organization_id.eq(job.organization_id))
        .filter(workspaces::lock_job_id.eq(job.id))
        .filter(workspaces::lock_fence.le(fence))
        .set((
            workspaces::lock_job_id.eq(None::<Uuid>),
            workspaces::lock_fence.eq(None::<i64>),
            workspaces::lock_time.eq(None::<DateTime<Utc>>),
            workspaces::lock_until_time.eq(None::<DateTime<Utc>>),
            workspaces::lock_info.eq(None::<Value>),
            workspaces::update_time.eq(now),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Keeps the lock of a locked row for a job whose runner was lost, until `wind_down` from now: whether or not the
/// engine had asked for it, its supervisor may still store a state.
pub async fn keep_lock(
    conn: &mut Connection,
    workspace: &WorkspaceRow,
    job: &JobRow,
    wind_down: Duration,
) -> Result<(), Error> {
    diesel::update(workspaces::table.find(workspace.deployment_id))
        .filter(workspaces::organization_id.eq(workspace.organization_id))
        .set((
            workspaces::lock_job_id.eq(job.id),
            workspaces::lock_fence.eq(job.fence),
            workspaces::lock_until_time.eq(from_now(wind_down).nullable()),
            workspaces::update_time.eq(now),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Workspaces whose lock was kept long enough, at most `limit`: (organization, deployment, job).
pub async fn overdue_locks(mut conn: &Connection, limit: i64) -> Result<Vec<(Uuid, Uuid, Uuid)>, Error> {
    Ok(workspaces::table
        .filter(workspaces::lock_until_time.le(now))
        .filter(workspaces::lock_job_id.is_not_null())
        .limit(limit)
        .select((workspaces::organization_id, workspaces::deployment_id, workspaces::lock_job_id.assume_not_null()))
        .load(&mut conn)
        .await?)
}

/// Keeps a state aside or, when STORED, makes it the workspace's. The row of the workspace is locked.
pub async fn add_state(conn: &mut Connection, state: &NewState<'_>) -> Result<(), Error> {
    diesel::insert_into(workspace_states::table).values(state).execute(conn).await?;
    if state.state == "STORED" {
        diesel::update(workspaces::table.find(state.deployment_id))
            .filter(workspaces::organization_id.eq(state.organization_id))
            .set((
                workspaces::lineage.eq(state.lineage),
                workspaces::serial.eq(state.serial),
                workspaces::update_time.eq(now),
            ))
            .execute(conn)
            .await?;
    }
    Ok(())
}

/// Whether exactly this state was received before, from whichever job.
pub async fn has_state(
    mut conn: &Connection,
    organization_id: Uuid,
    deployment_id: Uuid,
    serial: i64,
    sha256: &[u8],
) -> Result<bool, Error> {
    let known = workspace_states::table
        .filter(workspace_states::organization_id.eq(organization_id))
        .filter(workspace_states::deployment_id.eq(deployment_id))
        .filter(workspace_states::serial.eq(serial))
        .filter(workspace_states::sha256.eq(sha256));
    Ok(diesel::select(exists(known)).get_result(&mut conn).await?)
}

/// The state that an engine works on: the newest STORED one.
pub async fn newest_state(
    mut conn: &Connection,
    organization_id: Uuid,
    deployment_id: Uuid,
) -> Result<Option<StateRow>, Error> {
    Ok(workspace_states::table
        .filter(workspace_states::organization_id.eq(organization_id))
        .filter(workspace_states::deployment_id.eq(deployment_id))
        .filter(workspace_states::state.eq("STORED"))
        .order((workspace_states::serial.desc(), workspace_states::time.desc()))
        .select(StateRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// How many resources the newest STORED state holds; `None` before the first.
pub async fn resource_count(
    mut conn: &Connection,
    organization_id: Uuid,
    deployment_id: Uuid,
) -> Result<Option<i32>, Error> {
    Ok(workspace_states::table
        .filter(workspace_states::organization_id.eq(organization_id))
        .filter(workspace_states::deployment_id.eq(deployment_id))
        .filter(workspace_states::state.eq("STORED"))
        .order((workspace_states::serial.desc(), workspace_states::time.desc()))
        .select(workspace_states::resource_count)
        .first(&mut conn)
        .await
        .optional()?)
}
