//! `flagstone-server runner`: a runner as a process of its own. It dials out and needs no way in.
//!
//! The first start exchanges a one-time token for a credential, which stays in the data directory, readable for this user
//! alone. Every later start finds it there. Whoever has the directory is the runner: it is kept from a second process.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use flagstone_api::pb;
use flagstone_api::pb::runner_link_service_client::RunnerLinkServiceClient;
use flagstone_core::runner::{Labels, PROTOCOL};
use flagstone_engines::terraform::Terraform;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tonic::{Code, Status};
use uuid::Uuid;

use super::link::{Link, channel, is_passing};
use super::presence::{Patience, Presence};
use super::{Runner, directory, terraform};
use crate::config::{JobConfig, RemoteConfig, RunnerSettings};
use crate::program::fail;
use crate::shutdown::Signals;
use crate::status;

/// How long engines may need that were interrupted, until the process ends.
const INTERRUPT: Duration = Duration::from_secs(30);

/// The pauses between attempts to join.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// What a runner keeps of itself.
#[derive(Serialize, Deserialize)]
struct Identity {
    /// `runners/{runner}`.
    runner: String,
    credential: String,
    labels: Labels,
}

/// Where it is kept.
const IDENTITY: &str = "runner.json";

/// Holds the id of a join under way, so that a credential whose answer was lost is asked for again, and not a second time.
const JOINING: &str = "joining";

/// Held while the process runs.
const LOCK: &str = "lock";

/// Runs a runner until a signal asks it to end, or the server refuses it.
pub async fn run(settings: &RunnerSettings) -> ExitCode {
    let config = match settings.config() {
        Ok(config) => config,
        Err(problems) => return fail(problems),
    };
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => return fail([format!("Signals cannot be listened to: {error}.")]),
    };
    let shutdown = CancellationToken::new();
    let working = work(config, shutdown.clone());
    tokio::pin!(working);
    tokio::select! {
        ended = &mut working => return report(ended),
        () = signals.next() => shutdown.cancel(),
    }
    // A second signal ends the wait: the engines are let go, and their supervisors end them.
    tokio::select! {
        ended = working => report(ended),
        () = signals.next() => ExitCode::from(130),
    }
}

fn report(ended: Result<(), String>) -> ExitCode {
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => fail([problem]),
    }
}

/// Works until the shutdown. Fails with a sentence for people.
async fn work(config: RemoteConfig, shutdown: CancellationToken) -> Result<(), String> {
    let of_data =
        |error: io::Error| format!("The data directory {} cannot be used: {error}.", config.data_dir.display());
    let jobs_dir = config.data_dir.join("jobs");
    directory::make_private(&jobs_dir).map_err(of_data)?;
    let lock = File::create(config.data_dir.join(LOCK)).map_err(of_data)?;
    lock.try_lock()
        .map_err(|_| format!("Another runner works in {}. Give each its own.", config.data_dir.display()))?;
    let servers = config
        .servers
        .iter()
        .map(|url| Ok((url.clone(), channel(url, config.ca.as_deref().map(str::as_bytes))?)))
        .collect::<Result<Vec<_>, String>>()?;
    let identity = match read_identity(&config.data_dir).map_err(of_data)? {
        Some(identity) => identity,
        None => {
            let clients: Vec<_> =
                servers.iter().map(|(_, channel)| RunnerLinkServiceClient::new(channel.clone())).collect();
            match join(&config, &clients, &shutdown).await? {
                Some(identity) => identity,
                None => return Ok(()),
            }
        }
    };
    tracing::info!(runner = identity.runner, servers = ?config.servers, "Running.");
    let name = identity.runner.clone();
    let labels = if config.labels.is_empty() { identity.labels } else { config.labels.clone() };
    let runner = Runner {
        link: Link::over(servers, &identity.credential).map_err(|error| status::chain(&error))?,
        engine: Arc::new(Terraform::new(terraform(&config.runner).map_err(|error| status::chain(&error))?)),
        config: config.runner.clone(),
        jobs_dir,
        wind_down: JobConfig::default().wind_down,
        labels,
        embedded: false,
    };
    let patience = Patience { finish: config.drain, interrupt: INTERRUPT };
    let ended = Presence::new(Arc::new(runner), shutdown, patience).run().await;
    drop(lock);
    ended.map_err(|status| match status.code() {
        Code::Unauthenticated => format!(
            "The server knows no runner with this credential: {name} was turned away or removed. To join anew, remove \
             {} and give a new token.",
            config.data_dir.join(IDENTITY).display()
        ),
        _ => refusal(&format!("The server refused {name}"), &status),
    })
}

fn read_identity(data_dir: &Path) -> io::Result<Option<Identity>> {
    match std::fs::read(data_dir.join(IDENTITY)) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Exchanges the token for a credential and keeps it; `None` where the process is to end before. Servers that do not answer
/// are asked again, one after the other.
async fn join(
    config: &RemoteConfig,
    clients: &[RunnerLinkServiceClient<Channel>],
    shutdown: &CancellationToken,
) -> Result<Option<Identity>, String> {
    let Some(token) = &config.token else {
        return Err(format!(
            "{} holds no credential, and no token was given. Make one with `flagstone runners token` and set \
             FLAGSTONE_RUNNER_TOKEN, or name a file by FLAGSTONE_RUNNER_TOKEN_FILE.",
            config.data_dir.display()
        ));
    };
    let of_data =
        |error: io::Error| format!("The credential cannot be kept in {}: {error}.", config.data_dir.display());
    let request = pb::JoinRunnerRequest {
        token: token.expose().to_owned(),
        display_name: config.display_name.clone(),
        labels: config.labels.clone(),
        protocol_version: PROTOCOL,
        request_id: joining(&config.data_dir).map_err(of_data)?,
    };
    let mut pause = PAUSE_MIN;
    for mut client in clients.iter().cycle().cloned() {
        let answer = tokio::select! {
            answer = client.join_runner(request.clone()) => answer,
            () = shutdown.cancelled() => return Ok(None),
        };
        match answer {
            Ok(answer) => return keep(config, answer.into_inner()).map(Some).map_err(of_data),
            Err(status) if is_passing(&status) => {
                tracing::warn!(%status, retry_in = ?pause, "The server cannot be joined yet.");
            }
            Err(status) => return Err(refusal("The server did not take the token", &status)),
        }
        tokio::select! {
            () = sleep(pause) => {}
            () = shutdown.cancelled() => return Ok(None),
        }
        pause = (pause * 2).min(PAUSE_MAX);
    }
    Ok(None)
}

/// What was refused, why, and which fields were wrong.
fn refusal(what: &str, status: &Status) -> String {
    let fields: String = super::link::fields(status).iter().map(|(field, why)| format!(" {field}: {why}")).collect();
    format!("{what}: {}{fields}", status.message())
}

fn keep(config: &RemoteConfig, joined: pb::JoinRunnerResponse) -> io::Result<Identity> {
    if joined.state() == pb::RunnerState::Pending {
        tracing::info!(runner = joined.runner, "Joined. Somebody has to adopt this runner before it is given jobs.");
    } else {
        tracing::info!(runner = joined.runner, "Joined.");
    }
    let identity = Identity { runner: joined.runner, credential: joined.credential, labels: joined.labels };
    directory::replace_private(&config.data_dir.join(IDENTITY), &serde_json::to_vec(&identity)?)?;
    std::fs::remove_file(config.data_dir.join(JOINING))?;
    Ok(identity)
}

/// The id of the join that is under way, or of a new one.
fn joining(data_dir: &Path) -> io::Result<String> {
    let path = data_dir.join(JOINING);
    match std::fs::read_to_string(&path) {
        Ok(id) if Uuid::parse_str(&id).is_ok() => Ok(id),
        Ok(_) | Err(_) => {
            let id = Uuid::new_v4().to_string();
            directory::replace_private(&path, id.as_bytes())?;
            Ok(id)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_join_under_way_keeps_its_id_and_only_this_user_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        let id = joining(dir.path()).unwrap();
        assert_eq!(joining(dir.path()).unwrap(), id);
        let mode = std::fs::metadata(dir.path().join(JOINING)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
