//! Maintenance: forgets what has had its time, and ends what nobody decided. One replica at a time.

use std::sync::Arc;

use flagstone_db::{
    TxScope, api_token, approval, auth_failure, device_login, idempotency, invitation, maintenance, organization,
    password_reset, runner_token, session, sso_login,
};
use uuid::Uuid;

use crate::app::App;
use crate::call::{Call, Origin};
use crate::error::Result;
use crate::flow::approval as approvals;
use crate::keys;
use crate::services::invitation as invitations;
use crate::services::workload_identity;

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

/// Ends the invitations that nobody accepted in time.
async fn expire_invitations(app: &Arc<App>) -> Result<()> {
    let overdue = invitation::overdue(&*app.db.reads.get().await?, BATCH).await?;
    for (organization_id, id) in overdue {
        let call = Call::internal(&Uuid::now_v7().to_string(), Origin::System);
        let target = format!("invitations/{id}");
        let mut tx = app.begin_worker(organization_id, call, "system", "invitation.expire", &target).await?;
        if invitations::expire(&mut tx, id).await? {
            tx.commit_worker().await?;
        }
    }
    Ok(())
}

/// Notes which API tokens were used, outside of their calls.
pub async fn note_uses(app: &Arc<App>) -> Result<()> {
    let uses = app.identities.take_uses();
    if uses.is_empty() {
        return Ok(());
    }
    let mut tx = app.db.begin(TxScope::Worker).await?;
    api_token::note_uses(&mut tx, &uses).await?;
    Ok(tx.commit().await?)
}

/// Makes the next signing key where the one that signs is old.
pub async fn rotate_signing_key(app: &Arc<App>) -> Result<()> {
    let Some(home) = organization::default(&*app.db.reads.get().await?).await? else { return Ok(()) };
    let call = Call::internal(&Uuid::now_v7().to_string(), Origin::System);
    let mut tx = app.begin_worker(home.id, call, "system", "signing_key.rotate", "signingKeys").await?;
    if !keys::is_due(&mut tx, &app.config.tokens).await? {
        return Ok(());
    }
    let key = keys::rotate(&mut tx, &app.vault, &app.config.tokens).await?;
    workload_identity::record(&mut tx, &key)?;
    tx.commit_worker().await
}

/// Ends invitations that had their time, and forgets the answers kept for repeated calls, failed logins, logins under way,
/// sessions, device logins, links to a new password, tokens for runners and change events that have had theirs.
pub async fn tidy(app: &Arc<App>) -> Result<()> {
    expire_invitations(app).await?;
    loop {
        let mut tx = app.db.begin(TxScope::Worker).await?;
        if !maintenance::claim(&mut tx).await? {
            return Ok(());
        }
        let forgotten = [
            idempotency::purge(&mut tx, BATCH).await?,
            auth_failure::purge(&mut tx, BATCH).await?,
            session::purge(&mut tx, BATCH).await?,
            password_reset::purge(&mut tx, BATCH).await?,
            device_login::purge(&mut tx, BATCH).await?,
            sso_login::purge(&mut tx, BATCH).await?,
            runner_token::purge(&mut tx, BATCH).await?,
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
