//! What the server does by itself: hands out jobs, takes them back from runners that were lost, tidies up.
//!
//! Every replica runs these loops. None of them leads: they meet at row locks and pass over what another has in hand.

pub mod maintenance;
pub mod queue;
pub mod reaper;
pub mod schedules;
pub mod sealer;
pub mod sweep;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::app::App;
use crate::error::Result;
use crate::status;

/// How often other replicas' signing keys are taken up.
const KEYS: Duration = Duration::from_secs(1);

/// How often replicas tell each other what they counted: within a second each knows of the others.
const RATES: Duration = Duration::from_millis(500);

/// How often it is noted which API tokens were used.
const USES: Duration = Duration::from_secs(5);

/// How often the sealer looks for events. What it seals has its number within two seconds of its commit.
const SEAL: Duration = Duration::from_millis(700);

/// How often it is looked for schedules that are due.
const TICK: Duration = Duration::from_secs(1);

/// Starts the loops. They end when the shutdown begins; the shutdown waits for them.
///
/// What is to happen once over all replicas is in [`schedules`]. The loops here run in every process, because they are
/// about the process (the keys it verifies with, what it has counted and noted) or because the loss of one replica must
/// not be noticed: a reaper that waits for a tick would leave lost jobs to their runners longer than a lease, and the
/// sealer promises numbers within two seconds. These two pass over what another replica has locked.
pub fn start(app: &Arc<App>) {
    let lease = app.config.jobs.lease;
    repeat(app, lease / 3, "reaper", |app| async move { reaper::round(&app).await });
    repeat(app, KEYS, "signing keys", |app| async move { app.keys.reload().await });
    repeat(app, RATES, "rates", |app| async move { app.limits.principals.exchange(&app.db).await });
    repeat(app, USES, "uses of tokens", |app| async move { maintenance::note_uses(&app).await });
    repeat(app, SEAL, "sealer", |app| async move { sealer::round(&app).await });
    repeat(app, TICK, "schedules", |app| async move { schedules::round(&app).await });
}

/// Runs a round now and then, whatever became of the one before.
fn repeat<F, Fut>(app: &Arc<App>, pause: Duration, name: &'static str, round: F)
where
    F: Fn(Arc<App>) -> Fut + Send + 'static,
    Fut: Future<Output = Result<()>> + Send,
{
    let (app, tasks) = (app.clone(), app.tasks.clone());
    tasks.spawn(async move {
        loop {
            tokio::select! {
                () = app.shutdown.cancelled() => return,
                () = sleep(pause) => {}
            }
            if let Err(error) = round(app.clone()).await {
                tracing::warn!(name, error = %status::chain(&error), "A round failed. The next one tries again.");
            }
        }
    });
}
