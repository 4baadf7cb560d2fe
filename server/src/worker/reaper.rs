//! The reaper: takes jobs from runners that were not heard of, by the database's clock, and ends what runs past every
//! limit. Every replica runs one; they pass over what another has in hand.

use std::sync::Arc;
use std::time::Duration;

use flagstone_core::protocol::may_reap;
use flagstone_db::job::JobRow;
use flagstone_db::lease::LeaseRow;
use flagstone_db::{TxScope, job, lease, workspace};
use uuid::Uuid;

use crate::app::App;
use crate::call::{Call, Origin};
use crate::error::{Error, Result};
use crate::flow::job::{self as jobs, Loss};
use crate::tx::Tx;

/// Leases and locks looked at in one round.
const BATCH: i64 = 100;

/// One round.
pub async fn round(app: &Arc<App>) -> Result<()> {
    let expired = lease::expired(&*app.db.reads.get().await?, BATCH).await?;
    for lease in expired {
        report(reap(app, &lease).await, "A lease that ended could not be taken back.");
    }
    let grace = app.config.jobs.lease + app.config.jobs.wind_down;
    let overdue = lease::overdue_jobs(&*app.db.reads.get().await?, grace).await?;
    for (organization_id, job_id) in overdue {
        report(time_out(app, organization_id, job_id, grace).await, "A job that ran too long could not be ended.");
    }
    let locks = workspace::overdue_locks(&*app.db.reads.get().await?, BATCH).await?;
    for (organization_id, deployment_id, job_id) in locks {
        let freed = free_lock(app, organization_id, deployment_id, job_id).await;
        report(freed, "A workspace's lock could not be freed.");
    }
    Ok(())
}

/// A failure of one object must not keep the others waiting.
fn report(result: Result<()>, what: &'static str) {
    if let Err(error) = result {
        tracing::warn!(error = %crate::status::chain(&error), "{what}");
    }
}

/// Ends a lease: each of its jobs in a transaction of its own, then the lease itself.
async fn reap(app: &Arc<App>, lease: &LeaseRow) -> Result<()> {
    for job_id in &lease.job_ids {
        let organization_id = job::organization(&*app.db.reads.get().await?, *job_id).await?;
        let Some(organization_id) = organization_id else { continue };
        let mut tx = begin(app, organization_id, "job.lose", *job_id).await?;
        let Some(row) = jobs::lock(&mut tx, *job_id).await? else { continue };
        // Heard of again meanwhile, or ended.
        let is_the_same = row.lease_id == Some(lease.id);
        let is_over = is_the_same && lease::lock_expired(&mut tx, lease.id).await?;
        if !may_reap(is_the_same, is_over) {
            continue;
        }
        lose(&mut tx, &row).await?;
        tx.commit_worker().await?;
    }
    let mut tx = app.db.begin(TxScope::Worker).await?;
    if lease::lock_expired(&mut tx, lease.id).await? {
        lease::drop_unused(&mut tx, lease.id).await?;
    }
    tx.commit().await?;
    Ok(())
}

async fn lose(tx: &mut Tx, row: &JobRow) -> Result<()> {
    tracing::warn!(job = %row.id, runner = row.runner, "A runner was not heard of until its lease ended.");
    jobs::lose(tx, row, Loss::Silent).await?;
    Ok(())
}

/// Takes one job from a runner that is there but no longer works on it.
pub async fn abandon(app: &Arc<App>, organization_id: Uuid, job_id: Uuid, fence: i64) -> Result<()> {
    let mut tx = begin(app, organization_id, "job.lose", job_id).await?;
    match jobs::lock(&mut tx, job_id).await? {
        Some(row) if row.facts()?.is_current(fence) => {
            lose(&mut tx, &row).await?;
            tx.commit_worker().await
        }
        _ => Ok(()),
    }
}

/// Ends a job whose runner did not end it in time although it was told to.
async fn time_out(app: &Arc<App>, organization_id: Uuid, job_id: Uuid, grace: Duration) -> Result<()> {
    let mut tx = begin(app, organization_id, "job.time_out", job_id).await?;
    let Some(row) = jobs::lock(&mut tx, job_id).await? else { return Ok(()) };
    // Another attempt may have begun since.
    let still = lease::overdue_jobs(&tx, grace).await?.contains(&(organization_id, job_id));
    if !still {
        return Ok(());
    }
    jobs::time_out(&mut tx, &row, false).await?;
    tx.commit_worker().await
}

/// Frees a lock that was kept for the engine of a lost runner: its time is over.
async fn free_lock(app: &Arc<App>, organization_id: Uuid, deployment_id: Uuid, job_id: Uuid) -> Result<()> {
    let mut tx = begin(app, organization_id, "workspace.unlock", job_id).await?;
    let Some(row) = jobs::lock(&mut tx, job_id).await? else { return Ok(()) };
    let found = workspace::lock(&mut tx, organization_id, deployment_id).await?;
    let Some(fence) = found.filter(|found| found.lock_job_id == Some(job_id)).and_then(|found| found.lock_fence) else {
        return Ok(());
    };
    jobs::end_wind_down(&mut tx, &row, fence).await?;
    tx.commit_worker().await
}

async fn begin(app: &Arc<App>, organization_id: Uuid, action: &str, job_id: Uuid) -> Result<Tx, Error> {
    let call = Call::internal(&Uuid::now_v7().to_string(), Origin::System);
    app.begin_worker(organization_id, call, "system", action, &format!("jobs/{job_id}")).await
}
