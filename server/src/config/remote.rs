//! What `flagstone-server runner` is told: a few flags, and its one-time token from the environment or a file.

#![expect(
    clippy::disallowed_methods,
    reason = "beside `environment`, this is the one place that reads the environment"
)]

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use flagstone_core::Violations;
use flagstone_core::runner::{Labels, check_labels};

use super::environment::{in_path, passed_on, secret};
use super::{LogFormat, RunnerConfig, Secret};

/// What a runner elsewhere is told. Each flag can also be set by the variable beside it.
///
/// A token is needed for the first start alone: with it the runner gets a credential of its own, which it keeps in its data
/// directory for this user only. Give it as FLAGSTONE_RUNNER_TOKEN, or name a file that holds it by
/// FLAGSTONE_RUNNER_TOKEN_FILE: arguments show in the list of processes, for everybody on the machine to read.
#[derive(Args, Clone, Debug)]
pub struct RunnerSettings {
    /// URL of the server; of several replicas separated by commas, where they have no common one
    #[arg(long, env = "FLAGSTONE_SERVER", value_delimiter = ',', required = true, value_name = "URL")]
    server: Vec<String>,
    /// One-time token for the first start; shows in the list of processes: rather set FLAGSTONE_RUNNER_TOKEN, or
    /// FLAGSTONE_RUNNER_TOKEN_FILE
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// Labels, for instance tier=production,zone=a; only those of the token, by default all of them
    #[arg(long, env = "FLAGSTONE_RUNNER_LABELS", value_delimiter = ',', value_parser = label, value_name = "KEY=VALUE")]
    labels: Vec<(String, String)>,
    /// What people call the runner [default: the name of this machine]
    #[arg(long, env = "FLAGSTONE_RUNNER_NAME")]
    name: Option<String>,
    /// Directory for the credential and the working directories of jobs
    #[arg(long, env = "FLAGSTONE_DATA_DIR", default_value = "/var/lib/flagstone-runner")]
    data_dir: PathBuf,
    /// Jobs at a time
    #[arg(long, env = "FLAGSTONE_RUNNER_CAPACITY", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=5))]
    capacity: u32,
    /// File with the certificates, in PEM, by which the server's is verified [default: those of the system]
    #[arg(long, env = "FLAGSTONE_CA_FILE", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Variables that engines see, separated by commas; a star at the end stands for any ending
    #[arg(long, env = "FLAGSTONE_RUNNER_ENVIRONMENT", value_delimiter = ',', default_value = "AWS_*")]
    runner_environment: Vec<String>,
    /// The Terraform program [default: `terraform` in PATH]
    #[arg(long, env = "FLAGSTONE_TERRAFORM")]
    terraform: Option<PathBuf>,
    /// Directory of providers, as `terraform providers mirror` writes it; with it no registry is asked
    #[arg(long, env = "FLAGSTONE_TERRAFORM_MIRROR")]
    terraform_mirror: Option<PathBuf>,
    /// Seconds that jobs may go on after SIGTERM; then their engines are interrupted and get 30 s to save their state
    #[arg(long, env = "FLAGSTONE_RUNNER_DRAIN_SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    drain_seconds: u64,
    /// What is logged: a level, or directives such as `info,flagstone_server=debug`
    #[arg(long, env = "FLAGSTONE_LOG", default_value = "info")]
    pub log: String,
    /// How logs are written [default: json]
    #[arg(long, env = "FLAGSTONE_LOG_FORMAT", value_enum)]
    pub log_format: Option<LogFormat>,
}

/// The configuration of a runner elsewhere.
#[derive(Clone, Debug)]
pub struct RemoteConfig {
    /// Servers, without slash at the end; at least one.
    pub servers: Vec<String>,
    /// Certificates in PEM by which the server's is verified; `None` for those of the system.
    pub ca: Option<String>,
    /// For the first start.
    pub token: Option<Secret>,
    /// The labels that it claims; empty for all of the token's.
    pub labels: Labels,
    /// What people call it.
    pub display_name: String,
    /// Holds its credential and the directories of its jobs. Made if absent.
    pub data_dir: PathBuf,
    pub runner: RunnerConfig,
    /// How long jobs may go on once it was asked to end.
    pub drain: Duration,
}

/// Where the name of this machine is read.
const HOST_NAME: &str = "/proc/sys/kernel/hostname";

/// The variable by which Terraform's state backend is told how to verify the server.
const STATE_CA: &str = "TF_HTTP_CLIENT_CA_CERTIFICATE_PEM";

impl RunnerSettings {
    /// The configuration, or a sentence for each thing that is wrong.
    pub fn config(&self) -> Result<RemoteConfig, Vec<String>> {
        let mut problems = Vec::new();
        let token = match (&self.token, secret("FLAGSTONE_RUNNER_TOKEN")) {
            (Some(_), Ok(Some(_))) => {
                problems.push("--token and FLAGSTONE_RUNNER_TOKEN are both given: give one of them.".to_owned());
                None
            }
            (Some(token), Ok(None)) => Some(Secret::new(token.as_str())),
            (None, Ok(found)) => found,
            (_, Err(problem)) => {
                problems.push(problem);
                None
            }
        };
        let labels: Labels = self.labels.iter().cloned().collect();
        let mut wrong = Violations::new();
        check_labels(&labels, "--labels", &mut wrong);
        if let Err(error) = wrong.finish() {
            problems.extend(error.fields.into_iter().map(|wrong| format!("{}: {}", wrong.field, wrong.message)));
        }
        let ca = self.ca.as_ref().and_then(|path| match std::fs::read_to_string(path) {
            Ok(pem) => Some(pem),
            Err(error) => {
                problems.push(format!("FLAGSTONE_CA_FILE: {} cannot be read: {error}.", path.display()));
                None
            }
        });
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut environment = passed_on(&self.runner_environment, env::vars());
        if let Some(pem) = &ca {
            environment.insert(STATE_CA.to_owned(), pem.clone());
        }
        let host_name = || std::fs::read_to_string(HOST_NAME).unwrap_or_default().trim().to_owned();
        let display_name = self.name.clone().unwrap_or_else(host_name);
        Ok(RemoteConfig {
            servers: self.server.iter().map(|url| url.trim_end_matches('/').to_owned()).collect(),
            ca,
            token,
            labels,
            display_name: if display_name.is_empty() { "runner".to_owned() } else { display_name },
            // Absolute, since engines run in directories of their own.
            data_dir: std::path::absolute(&self.data_dir).unwrap_or_else(|_| self.data_dir.clone()),
            runner: RunnerConfig {
                capacity: self.capacity,
                terraform: self.terraform.clone().or_else(|| in_path("terraform")),
                terraform_mirror: self.terraform_mirror.clone(),
                environment,
                supervisor: None,
            },
            drain: Duration::from_secs(self.drain_seconds),
        })
    }
}

/// `key=value`.
fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("give a label as key=value")?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        settings: RunnerSettings,
    }

    fn settings(arguments: &[&str]) -> RunnerSettings {
        Program::parse_from([&["program", "--server", "https://a/,https://b"], arguments].concat()).settings
    }

    #[test]
    fn servers_and_labels_are_lists() {
        let config = settings(&["--labels", "tier=production,zone=a", "--token", "t"]).config().unwrap();
        assert_eq!(config.servers, ["https://a", "https://b"]);
        assert_eq!(config.labels.len(), 2);
        assert_eq!(config.token.unwrap().expose(), "t");
        assert!(!config.display_name.is_empty());
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let problems = settings(&["--labels", "Tier=a b", "--ca", "/absent"]).config().unwrap_err();
        assert_eq!(problems.len(), 3, "{problems:?}");
    }
}
