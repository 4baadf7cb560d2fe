//! What is done about an attempt whose lease is over: its engine has ended or is being ended by its supervisor; when that
//! is done, the last state is brought to the server, and only then the directory goes.

use std::sync::Arc;
use std::time::Duration;

use flagstone_api::pb;
use flagstone_engines::leftover_state;
use flagstone_engines::supervisor::wait_gone;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::Runner;
use super::directory::JobDirectory;
use super::link::{Client, Failure};

/// Longer than every limit of the supervisor together.
const LONG: Duration = Duration::from_secs(30);

/// The pause before a directory is looked at again whose supervisor does not end.
const PAUSE: Duration = Duration::from_secs(60);

/// Recovers one attempt. Ends early, leaving the directory for the next start, when `stop` is cancelled.
pub(super) async fn recover(runner: Arc<Runner>, directory: JobDirectory, stop: CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = bring_back(&runner, directory, &stop) => {}
    }
}

async fn bring_back(runner: &Runner, directory: JobDirectory, stop: &CancellationToken) {
    let job = directory.job.clone();
    while !wait_gone(directory.path(), runner.wind_down + LONG).await {
        tracing::warn!(job = job.job, fence = job.fence, "The engine of a lost job still runs.");
        sleep(PAUSE).await;
    }
    let state = match leftover_state(directory.path()).map(std::fs::read).transpose() {
        Ok(state) => state.unwrap_or_default(),
        Err(error) => {
            tracing::error!(job = job.job, %error, "The last state of a lost job cannot be read. Its directory is kept.");
            return;
        }
    };
    let request = pb::RecoverJobRequest { job: Some(job.clone()), state };
    let call = |mut client: Client| {
        let request = request.clone();
        async move { client.recover_job(request).await }
    };
    match runner.link.insist(stop, call).await {
        Ok(answer) if answer.get_ref().discard => {
            let disposition = answer.get_ref().disposition().as_str_name();
            tracing::info!(job = job.job, fence = job.fence, disposition, "A lost job was recovered.");
            directory.discard();
        }
        Ok(_) | Err(Failure::Lost) => {
            tracing::warn!(job = job.job, fence = job.fence, "A lost job's directory is kept for the next start.");
        }
        Err(Failure::Refused(status)) => {
            tracing::error!(job = job.job, %status, "What a lost job left was refused. Its directory is kept.");
        }
    }
}
