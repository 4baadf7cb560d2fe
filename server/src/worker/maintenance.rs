//! Maintenance: forgets what has had its time, and ends what nobody decided. One replica at a time.

use std::sync::Arc;

use flagstone_db::{TxScope, approval, auth_failure, idempotency, maintenance, session};
use uuid::Uuid;

use crate::app::App;
use crate::call::{Call, Origin};
use crate::error::Result;
use crate::flow::approval as approvals;

/// Rows forgotten in one transaction.
const BATCH: i64 = 1_000;

/// Ends the approvals whose time is over. Runs often: somebody waits for the answer.
pub async fn expire_approvals(app: &Arc<App>) -> Result<()> {
    let overdue = approval::overdue(&*app.db.reads.get().await?, BATCH).await?;
    for (organization_id, approval_id) in overdue {
        let call = Call::internal(&Uuid::now_v7().to_string(), Origin::System);
        let target = format!("approvals/{approval_id}");
        let mut tx = app.begin_worker(organization_id, call, "system", "approval.expire", &target).await?;
        if approvals::expire(&mut tx, approval_id).await? {
            tx.commit_worker().await?;
        }
    }
    Ok(())
}

/// Forgets the answers kept for repeated calls, failed logins, sessions and change events that have had their time.
pub async fn tidy(app: &Arc<App>) -> Result<()> {
    loop {
        let mut tx = app.db.begin(TxScope::Worker).await?;
        if !maintenance::claim(&mut tx).await? {
            return Ok(());
        }
        let forgotten = [
            idempotency::purge(&mut tx, BATCH).await?,
            auth_failure::purge(&mut tx, BATCH).await?,
            session::purge(&mut tx, BATCH).await?,
            maintenance::purge_change_events(&mut tx, BATCH).await?,
        ];
        tx.commit().await?;
        // A full batch may have left some.
        let full = usize::try_from(BATCH).unwrap_or(usize::MAX);
        if forgotten.into_iter().all(|count| count < full) || app.shutdown.is_cancelled() {
            return Ok(());
        }
    }
}
