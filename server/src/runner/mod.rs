//! The runner: executes jobs, as a client of RunnerLinkService. The embedded one lives inside the server process and speaks
//! over an in-memory connection; a runner elsewhere is the same code with another connection and a credential that it got
//! for a token.
//!
//! - `remote`: the program `flagstone-server runner`: how it joins, what it keeps, how it ends.
//! - `link`: the connection and its calls.
//! - `presence`: who is there: registers, keeps the work stream, starts and stops attempts.
//! - `attempt`: one job under one fence, from its template to its outcome.
//! - `voice`: what the engine says, on its way into the job's log and progress.
//! - `directory`: the private directory of an attempt.
//! - `recovery`: what is done about attempts of which this runner lost the lease, or died.

mod attempt;
mod directory;
mod link;
mod presence;
mod recovery;
pub mod remote;
mod secrets;
mod voice;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use flagstone_core::runner::Labels;
use flagstone_db::{TxScope, runner};
use flagstone_engines::Engine;
use flagstone_engines::supervisor::SupervisorCommand;
use flagstone_engines::terraform::{Terraform, TerraformConfig};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::app::App;
use crate::config::RunnerConfig;
use crate::error::{Error, Result};
use crate::token::{self, TokenKind};
use link::Link;
use presence::{Patience, Presence};

/// Before the server gives up waiting for calls under way, the runner lets go of its engines.
const BEFORE_DRAIN: Duration = Duration::from_secs(2);

/// What all attempts of one runner share.
struct Runner {
    link: Link,
    engine: Arc<dyn Engine>,
    config: RunnerConfig,
    /// Holds a directory for each attempt.
    jobs_dir: PathBuf,
    /// How long a lost engine may need to end.
    wind_down: Duration,
    /// The labels that it got with its credential.
    labels: Labels,
    /// It is part of a server, and ends with it.
    embedded: bool,
}

/// Starts the embedded runner. `services` are the server's, `state_address` is where engines reach the server, for
/// instance `http://127.0.0.1:7400`. The shutdown waits until it has let go of its engines; the token that is returned is
/// cancelled then. Until then the server must listen: an engine on its way out stores its last state.
///
/// Fails when its directory cannot be made or the database cannot be reached.
pub async fn start(app: &Arc<App>, services: Routes, state_address: String) -> Result<CancellationToken> {
    let config = app.config.runner.clone();
    if config.capacity == 0 {
        return Ok(app.shutdown.clone());
    }
    let jobs_dir = app.config.data_dir.join("jobs");
    directory::make_private(&jobs_dir).map_err(Error::internal)?;
    let slug = own_slug(&app.config.data_dir).map_err(Error::internal)?;
    let (credential, sha256) = token::mint(TokenKind::Runner)?;
    let mut tx = app.db.begin(TxScope::Worker).await?;
    runner::adopt_embedded(&mut tx, &slug, &sha256).await?;
    tx.commit().await?;
    let runner = Runner {
        link: Link::in_process(crate::edge::internal_service(app, services), &credential, state_address)?,
        engine: Arc::new(Terraform::new(terraform(&config)?)),
        config,
        jobs_dir,
        wind_down: app.config.jobs.wind_down,
        labels: Labels::new(),
        embedded: true,
    };
    // What is left then has no more time: the process ends.
    let patience = Patience { finish: app.config.drain.saturating_sub(BEFORE_DRAIN), interrupt: Duration::ZERO };
    let presence = Presence::new(Arc::new(runner), app.shutdown.clone(), patience);
    let quiet = CancellationToken::new();
    let end = quiet.clone().drop_guard();
    app.tasks.spawn(async move {
        let _end = end;
        if let Err(status) = presence.run().await {
            tracing::error!(%status, "The embedded runner was refused.");
        }
    });
    Ok(quiet)
}

fn terraform(config: &RunnerConfig) -> Result<TerraformConfig> {
    let supervisor = match &config.supervisor {
        Some(program) => SupervisorCommand { program: program.clone(), args: vec!["supervise".into()] },
        None => SupervisorCommand::own().map_err(Error::internal)?,
    };
    let mut terraform = TerraformConfig::new(supervisor);
    terraform.binary.clone_from(&config.terraform);
    terraform.mirror.clone_from(&config.terraform_mirror);
    if let Some(path) = config.environment.get("PATH") {
        terraform.path.clone_from(path);
    }
    Ok(terraform)
}

/// The name of the runner that belongs to this data directory: a restarted server finds the jobs that it had.
fn own_slug(data_dir: &Path) -> io::Result<String> {
    let path = data_dir.join("runner");
    match std::fs::read_to_string(&path) {
        Ok(slug) => Ok(slug.trim().to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let slug = format!("embedded-{}", &uuid::Uuid::new_v4().simple().to_string()[..8]);
            std::fs::write(&path, &slug)?;
            Ok(slug)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
