//! Runners that join from outside: their tokens, and the program that runs them.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use flagstone_api::pb;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::Error;
use super::app::TestApp;
use super::caller::Caller;
use super::line::until;
use super::skip::built_program;

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// A token with these labels.
pub async fn token(admin: &Caller, with: &[(&str, &str)], needs_adoption: bool) -> String {
    let request = pb::CreateRunnerTokenRequest { labels: labels(with), needs_adoption, ..Default::default() };
    admin.runners().create_runner_token(request).await.expect("a token is made").into_inner().token
}

/// What a runner sends to join.
pub fn request(token: &str, called: &str, claims: &[(&str, &str)]) -> pb::JoinRunnerRequest {
    pb::JoinRunnerRequest {
        token: token.to_owned(),
        display_name: called.to_owned(),
        labels: labels(claims),
        protocol_version: 1001,
        request_id: String::new(),
    }
}

/// Joins by a token.
pub async fn join(
    app: &TestApp,
    token: &str,
    called: &str,
    claims: &[(&str, &str)],
) -> Result<pb::JoinRunnerResponse, Error> {
    let answer = app.anonymous().runner_link().join_runner(request(token, called, claims)).await;
    answer.map(tonic::Response::into_inner).map_err(Error::from)
}

/// A runner in the state in which a method of the RunnerService succeeds. Its name.
pub async fn ready(app: &TestApp, admin: &Caller, called: &str, method: &str) -> String {
    let waits = matches!(method, "AdoptRunner" | "RejectRunner");
    let name = join(app, &token(admin, &[], waits).await, called, &[]).await.expect("a runner joins").runner;
    if method == "ResumeRunner" {
        let drain = pb::DrainRunnerRequest { name: name.clone(), ..Default::default() };
        admin.runners().drain_runner(drain).await.expect("a runner is drained");
    }
    name
}

/// `flagstone-server runner`, which outlives its process in its data directory.
pub struct RemoteProgram {
    child: Option<Child>,
    server: String,
    terraform: PathBuf,
    settings: Vec<(&'static str, String)>,
    pub data: TempDir,
}

impl RemoteProgram {
    /// A runner for this server, that joins by this token, and works on one job at a time with this Terraform.
    pub fn start(server: &str, token: &str, terraform: &Path) -> Self {
        let mut program = Self {
            child: None,
            server: server.to_owned(),
            terraform: terraform.to_owned(),
            settings: Vec::new(),
            data: tempfile::tempdir().expect("a directory for data"),
        };
        program.spawn(&[("FLAGSTONE_RUNNER_TOKEN", token)]);
        program
    }

    /// Says that jobs get only so many seconds after SIGTERM, from the next start on.
    pub fn drain_seconds(&mut self, seconds: u64) {
        self.settings.push(("FLAGSTONE_RUNNER_DRAIN_SECONDS", seconds.to_string()));
    }

    /// Starts it again on what it left.
    pub fn start_again(&mut self) {
        assert!(self.child.is_none(), "it still runs");
        self.spawn(&[]);
    }

    fn spawn(&mut self, more: &[(&str, &str)]) {
        let log = File::options().create(true).append(true).open(self.log_path()).expect("a log can be written");
        let errors = log.try_clone().expect("a log can be written");
        let child = Command::new(built_program("flagstone-server"))
            .args(["runner", "--server", &self.server, "--capacity", "1", "--name", "Build-Host"])
            .env("FLAGSTONE_DATA_DIR", self.data.path())
            .env("FLAGSTONE_TERRAFORM", &self.terraform)
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .envs(more.iter().copied())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .kill_on_drop(true)
            .spawn();
        self.child = Some(child.expect("the runner starts"));
    }

    fn log_path(&self) -> PathBuf {
        self.data.path().join("test.log")
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// Its resource name, once it has joined.
    pub async fn name(&self) -> String {
        until("the runner has joined", || async { self.identity().is_some() }).await;
        self.identity().unwrap_or_default()
    }

    fn identity(&self) -> Option<String> {
        let kept = std::fs::read(self.data.path().join("runner.json")).ok()?;
        let kept: serde_json::Value = serde_json::from_slice(&kept).ok()?;
        Some(kept["runner"].as_str()?.to_owned())
    }

    /// Kills it as `kill -9` does, and waits until it is gone.
    pub async fn kill(&mut self) {
        self.child.take().expect("it runs").kill().await.expect("a child can be killed");
    }

    /// Asks it to end as service managers do.
    pub fn terminate(&self) {
        let id = self.child.as_ref().and_then(Child::id).expect("it runs");
        let pid = Pid::from_raw(i32::try_from(id).expect("an id fits")).expect("an id is positive");
        kill_process(pid, Signal::TERM).expect("a child can be signalled");
    }

    /// Waits until it has ended by itself.
    pub async fn ended_within(&mut self, limit: Duration) -> ExitStatus {
        let mut child = self.child.take().expect("it runs");
        let ended = timeout(limit, child.wait()).await;
        ended.unwrap_or_else(|_| panic!("it ends in time: {}", self.log())).expect("a child can be awaited")
    }
}
