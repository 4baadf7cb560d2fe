//! The sweep: ends operations without a live job (R213). Nothing should ever need it: every end of a job is also told to its
//! request, in one transaction, and the reaper takes jobs from lost runners. What still hangs after two hours was left by a
//! fault or by a hand in the database, and people must be able to retry it.

use std::sync::Arc;
use std::time::Duration;

use flagstone_core::job::{ErrorClass, JobKind, JobState};
use flagstone_db::queue::stuck::{self, Stuck};
use uuid::Uuid;

use crate::app::App;
use crate::call::{Call, Origin};
use crate::error::Result;
use crate::flow::job::{self as jobs, JobError, Loss};
use crate::flow::{apply, plan};
use crate::status;

/// How long a request may hang.
const AGE: Duration = Duration::from_secs(2 * 3600);

/// Requests looked at in one round.
const BATCH: i64 = 100;

/// One round.
pub async fn round(app: &Arc<App>) -> Result<()> {
    let found = stuck::requests(&*app.db.reads.get().await?, AGE, BATCH).await?;
    for stuck in found {
        if let Err(error) = end(app, stuck).await {
            tracing::warn!(job = %stuck.job_id, error = %status::chain(&error), "A request that hangs could not be ended.");
        }
    }
    Ok(())
}

/// Ends the job where it has not ended, and with it its request and its deployment.
async fn end(app: &Arc<App>, stuck: Stuck) -> Result<()> {
    let Stuck { organization_id, job_id } = stuck;
    let call = Call::internal(&Uuid::now_v7().to_string(), Origin::System);
    let target = format!("jobs/{job_id}");
    let mut tx = app.begin_worker(organization_id, call, "system", "job.sweep", &target).await?;
    let Some(row) = jobs::lock(&mut tx, job_id).await? else { return Ok(()) };
    // Somebody may have come before, with the rows locked.
    if !stuck::requests(&tx, AGE, BATCH).await?.contains(&stuck) {
        return Ok(());
    }
    tracing::warn!(job = %job_id, state = row.state, "A request had no live job for two hours. It is ended.");
    match row.state()? {
        JobState::Running | JobState::Cancelling => {
            let lost = jobs::lose(&mut tx, &row, Loss::GaveUp).await?;
            if lost.state()? == JobState::Queued {
                // A plan goes back into the line, from where it is live again.
                return tx.commit_worker().await;
            }
        }
        // In no line: nobody would ever take it.
        JobState::Queued | JobState::RetryWait => {
            let after = jobs::cancel(&mut tx, &row).await?;
            apply::job_cancelled(&mut tx, &after).await?;
        }
        JobState::Succeeded | JobState::Failed | JobState::Cancelled | JobState::DeadLettered => {
            let error =
                JobError::new(ErrorClass::Timeout, "Its job ended two hours ago, and nothing followed from it.");
            match row.kind()? {
                JobKind::Plan => plan::plan_failed(&mut tx, &row, &error).await?,
                JobKind::Apply => apply::apply_failed(&mut tx, &row, &error).await?,
            }
        }
    }
    tx.commit_worker().await
}
