//! The real server as a process of its own, which can be killed and started again on the same database and data.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use flagstone_db::testing::TestDatabase;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::engine::templates;
use super::person::People;
use super::sql::Sql;
use super::{PATIENCE, found};
use crate::support::app::{MASTER_KEY, PASSWORD};
use crate::support::http::is_ready;
use crate::support::skip::built_program;

/// Seconds that a silent runner keeps its jobs.
const LEASE: &str = "4";

/// Seconds that the engine of a lost runner may need to end.
const WIND_DOWN: &str = "5";

/// `flagstone-server dev` on a database and a data directory that outlive it.
pub(crate) struct Program {
    child: Option<Child>,
    port: u16,
    pub(crate) database: TestDatabase,
    pub(crate) data: TempDir,
    pub(crate) templates: TempDir,
    settings: Vec<(&'static str, String)>,
}

impl Program {
    /// Starts a server that runs jobs with this Terraform, or one without runner.
    pub(crate) async fn start(terraform: Option<&Path>) -> Self {
        let settings = match terraform {
            Some(terraform) => vec![("FLAGSTONE_TERRAFORM", terraform.display().to_string())],
            None => vec![("FLAGSTONE_RUNNER_CAPACITY", "0".to_owned())],
        };
        let mut program = Self {
            child: None,
            port: free_port(),
            database: TestDatabase::create().await,
            data: tempfile::tempdir().expect("a directory for data"),
            templates: templates(&["config-bundle", "probe"]),
            settings,
        };
        program.start_again().await;
        // The developer and the approver get a password that the test knows.
        let known = "UPDATE users SET must_change_password = false,
                     password_hash = (SELECT password_hash FROM users WHERE username = 'admin')";
        program.sql().await.run(known, &[]).await;
        program
    }

    /// Starts it again on what it left, and waits until it serves.
    pub(crate) async fn start_again(&mut self) {
        assert!(self.child.is_none(), "it still runs");
        let mut child = self.spawn();
        found("the server serves", || {
            let ended = child.try_wait().expect("a child can be asked").map(|status| (status, self.log()));
            assert!(ended.is_none(), "the server has ended: {ended:?}");
            let address = ([127, 0, 0, 1], self.port).into();
            async move { is_ready(address).await.then_some(()) }
        })
        .await;
        self.child = Some(child);
    }

    /// Starts it and expects that it does not run: how it ended, and what it said.
    pub(crate) async fn fails_to_start(&self) -> (ExitStatus, String) {
        let mut child = self.spawn();
        let status = timeout(PATIENCE, child.wait()).await.expect("it ends by itself").expect("a child can be awaited");
        (status, self.log())
    }

    fn spawn(&self) -> Child {
        let log = File::options().create(true).append(true).open(self.log_path()).expect("a log can be written");
        let errors = log.try_clone().expect("a log can be written");
        let mut command = Command::new(built_program("flagstone-server"));
        command
            .arg("dev")
            .env("DATABASE_URL", self.database.url())
            .env("FLAGSTONE_MASTER_KEY", MASTER_KEY)
            .env("FLAGSTONE_ADMIN_PASSWORD", PASSWORD)
            .env("FLAGSTONE_DATA_DIR", self.data.path())
            .env("FLAGSTONE_TEMPLATES_DIR", self.templates.path())
            .env("FLAGSTONE_LISTEN", format!("127.0.0.1:{}", self.port))
            .env("FLAGSTONE_LEASE_SECONDS", LEASE)
            .env("FLAGSTONE_WIND_DOWN_SECONDS", WIND_DOWN)
            .env("FLAGSTONE_CALLS_PER_MINUTE", "1000000")
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .kill_on_drop(true);
        command.spawn().expect("the server starts")
    }

    fn log_path(&self) -> PathBuf {
        self.data.path().join("test.log")
    }

    /// What it has said so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// Address for clients.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// New sessions of its people.
    pub(crate) async fn people(&self) -> People {
        People::log_in(&self.url(), &[PASSWORD; 3]).await
    }

    /// A connection to its database.
    pub(crate) async fn sql(&self) -> Sql {
        Sql::connect(self.database.url()).await
    }

    /// Kills it as `kill -9` does, and waits until it is gone.
    pub(crate) async fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().await.expect("a child can be killed");
    }

    /// Asks it to end as service managers do.
    pub(crate) fn terminate(&self) {
        let id = self.child.as_ref().and_then(Child::id).expect("it runs");
        let pid = Pid::from_raw(i32::try_from(id).expect("an id fits")).expect("an id is positive");
        kill_process(pid, Signal::TERM).expect("a child can be signalled");
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn ended_within(&mut self, limit: Duration) -> ExitStatus {
        let mut child = self.child.take().expect("it runs");
        timeout(limit, child.wait()).await.expect("it ends in time").expect("a child can be awaited")
    }

    /// Ends it in order.
    pub(crate) async fn stop(mut self) {
        self.terminate();
        let status = self.ended_within(PATIENCE).await;
        assert!(status.success(), "{status}: {}", self.log());
    }
}

/// A port that nothing listens on. Fixed before the start, so that a restarted server is found where it was.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port can be taken");
    listener.local_addr().expect("a listener has an address").port()
}
