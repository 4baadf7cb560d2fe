//! What the servers do now and then, once over all replicas for each tick (R241). There is no leader: every process looks
//! which schedules are due, and a tick belongs to whoever moves its row on. A replica that is killed in a tick loses that
//! tick to the next one.

use std::sync::Arc;
use std::time::Duration;

use flagstone_db::{TxScope, schedule};
use futures::FutureExt;
use futures::future::BoxFuture;

use super::{maintenance, sealer, sweep};
use crate::app::App;
use crate::error::Result;
use crate::status;

/// How long a tick may run before another one may begin beside it.
const LONGEST: Duration = Duration::from_secs(600);

/// Longest reason of a failure that is kept, in characters.
const ERROR_MAX: usize = 500;

/// Something that is done now and then.
pub struct Schedule {
    /// Its name is `schedules/{slug}`.
    pub slug: &'static str,
    /// What it does, for people.
    pub description: &'static str,
    pub interval: Duration,
    run: fn(Arc<App>) -> BoxFuture<'static, Result<()>>,
}

/// All of them. One that is taken out here stays a row of the database that nobody runs or shows.
pub static SCHEDULES: [Schedule; 5] = [
    Schedule {
        slug: "approval-expiry",
        description: "Ends approvals that nobody decided in time.",
        // Somebody waits for the answer.
        interval: Duration::from_secs(5),
        run: |app| async move { maintenance::expire_approvals(&app).await }.boxed(),
    },
    Schedule {
        slug: "audit-retention",
        description: "Deletes audit events that their organization keeps no longer.",
        interval: Duration::from_secs(3600),
        run: |app| async move { sealer::purge(&app).await }.boxed(),
    },
    Schedule {
        slug: "signing-key-rotation",
        description: "Makes the next signing key where the one that signs is old.",
        interval: Duration::from_secs(3600),
        run: |app| async move { maintenance::rotate_signing_key(&app).await }.boxed(),
    },
    Schedule {
        slug: "stuck-operations",
        description: "Ends requests whose job is gone: they and their deployments are FAILED and can be retried.",
        interval: Duration::from_secs(300),
        run: |app| async move { sweep::round(&app).await }.boxed(),
    },
    Schedule {
        slug: "tidy",
        description: "Forgets sessions, links, logins, stored answers and changes that had their time; ends old invitations.",
        interval: Duration::from_secs(3600),
        run: |app| async move { maintenance::tidy(&app).await }.boxed(),
    },
];

/// The schedule of a name's id.
pub fn find(slug: &str) -> Option<&'static Schedule> {
    SCHEDULES.iter().find(|schedule| schedule.slug == slug)
}

/// Makes the schedules of this build known to the database.
pub async fn enter(app: &Arc<App>) -> Result<()> {
    let mut tx = app.db.begin(TxScope::Worker).await?;
    for schedule in &SCHEDULES {
        schedule::enter(&mut tx, schedule.slug, schedule.interval).await?;
    }
    Ok(tx.commit().await?)
}

/// One look: begins what is due. A tick runs beside the others, so that a long one holds up nothing.
pub async fn round(app: &Arc<App>) -> Result<()> {
    let due = schedule::due(&*app.db.reads.get().await?).await?;
    for found in due.iter().filter_map(|slug| find(slug)) {
        let mut tx = app.db.begin(TxScope::Worker).await?;
        let claimed = schedule::claim(&mut tx, found.slug, LONGEST).await?;
        tx.commit().await?;
        if let Some(row) = claimed {
            app.tasks.spawn(tick(app.clone(), found, row.tick));
        }
    }
    Ok(())
}

/// One tick, and how it ended.
async fn tick(app: Arc<App>, schedule: &'static Schedule, number: i64) {
    let error = match (schedule.run)(app.clone()).await {
        Ok(()) => None,
        Err(error) => {
            let chain = status::chain(&error);
            tracing::warn!(name = schedule.slug, error = chain, "A tick failed. The next one tries again.");
            Some(chain.chars().take(ERROR_MAX).collect::<String>())
        }
    };
    if let Err(error) = settle(&app, schedule.slug, number, error.as_deref()).await {
        tracing::warn!(name = schedule.slug, error = %status::chain(&error), "The end of a tick could not be noted.");
    }
}

async fn settle(app: &Arc<App>, slug: &str, number: i64, error: Option<&str>) -> Result<()> {
    let mut tx = app.db.begin(TxScope::Worker).await?;
    schedule::settle(&mut tx, slug, number, error).await?;
    Ok(tx.commit().await?)
}

#[cfg(test)]
mod tests {
    use flagstone_core::names::ScheduleName;

    use super::*;

    #[test]
    fn schedules_are_sorted_by_their_names() {
        assert!(SCHEDULES.is_sorted_by(|a, b| a.slug < b.slug));
        for schedule in &SCHEDULES {
            format!("schedules/{}", schedule.slug).parse::<ScheduleName>().unwrap();
            assert!(schedule.description.ends_with('.') && schedule.interval >= Duration::from_secs(5));
        }
    }
}
