//! The command line as people use it: the real program, with a configuration of its own.

use std::process::{Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::PATIENCE;
use crate::support::skip::built_program;

/// Somebody at a terminal who is logged in.
pub(crate) struct Cli {
    server: String,
    config: TempDir,
}

impl Cli {
    /// Logs in.
    pub(crate) async fn log_in(server: &str, username: &str, password: &str) -> Self {
        let config = tempfile::tempdir().expect("a directory for the configuration");
        let cli = Self { server: server.to_owned(), config };
        let mut child = cli.command(&["login", "--username", username, "--password-stdin"]).spawn().expect("it starts");
        let mut stdin = child.stdin.take().expect("its input is ours");
        stdin.write_all(format!("{password}\n").as_bytes()).await.expect("it reads the password");
        drop(stdin);
        let said = cli.end(child).await;
        assert!(said.is_well(), "login: {said:?}");
        cli
    }

    /// Runs a command.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Said {
        let child = self.start(arguments);
        self.end(child).await
    }

    /// Starts a command that goes on by itself.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().expect("the command line starts")
    }

    /// Runs a command that must succeed, and reads the JSON that it prints.
    pub(crate) async fn json(&self, arguments: &[&str]) -> Value {
        let said = self.run(&[arguments, &["-o", "json"]].concat()).await;
        assert!(said.is_well(), "{arguments:?}: {said:?}");
        serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {said:?}"))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(built_program("flagstone"));
        command
            .args(arguments)
            .env("FLAGSTONE_SERVER", &self.server)
            .env("FLAGSTONE_CONFIG_DIR", self.config.path())
            .env_remove("FLAGSTONE_UNIT")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Waits until a command has ended.
    pub(crate) async fn end(&self, child: Child) -> Said {
        let output = timeout(PATIENCE, child.wait_with_output()).await.expect("a command ends in time");
        Said::from(output.expect("a command's output can be read"))
    }
}

/// What a command printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn is_well(&self) -> bool {
        self.code == Some(0)
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }
}
