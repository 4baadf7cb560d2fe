//! The one trait of all engines: what an engine is given, what it tells on the way, and what it gives back.
//!
//! A job runs in two halves that may be hours and machines apart. [`Engine::plan`] computes what would change and
//! leaves a plan file; [`Engine::apply`] carries out exactly that file. [`Engine::inspect`] reads a plan file again on
//! the machine that is about to apply it, so that the digest people approved is compared with the very file at hand.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::error::EngineError;

/// What runs a template. The names are those of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EngineKind {
    /// Terraform, or OpenTofu when the runner is configured with its binary.
    Terraform,
    Pulumi,
    Scaffold,
    Kubernetes,
    Command,
}

impl EngineKind {
    /// The name on the wire and in a template's manifest, for instance `TERRAFORM`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Terraform => "TERRAFORM",
            Self::Pulumi => "PULUMI",
            Self::Scaffold => "SCAFFOLD",
            Self::Kubernetes => "KUBERNETES",
            Self::Command => "COMMAND",
        }
    }
}

/// What a plan is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Create,
    Update,
    /// Plans the removal of everything that the workspace state holds.
    Destroy,
}

/// A point of progress inside a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// The template and its inputs are looked at before anything runs.
    Validate,
    /// The job's directory is filled.
    Setup,
    /// The engine gets its providers and its state.
    Init,
    Plan,
    Apply,
}

impl Step {
    /// The name in logs and progress, for instance `plan`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Validate => "validate",
            Self::Setup => "setup",
            Self::Init => "init",
            Self::Plan => "plan",
            Self::Apply => "apply",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a log line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogStream {
    Stdout,
    Stderr,
    /// Said by the platform about the job.
    System,
}

/// How serious a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LogLevel {
    Debug,
    Info,
    Warning,
    Error,
}

/// One log line, or one piece of a long one: masked, and cut as [`crate::lines`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    pub step: Step,
    pub stream: LogStream,
    pub level: LogLevel,
    /// At most 32 KiB, with the line's own ending. Any bytes: not always UTF-8.
    pub data: Bytes,
    /// True when the line goes on in the next piece.
    pub continued: bool,
}

/// How far one call to an engine is. Neither percent nor step ever goes back within a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    pub step: Step,
    /// Resources of this step that are done.
    pub current: u32,
    /// Resources of this step, 0 while that is unknown.
    pub total: u32,
    /// Share of the call to the engine that is done, 0 to 100.
    pub percent: u8,
    /// One sentence, masked.
    pub message: String,
}

/// Where an engine tells what happens while it works. It is called often and must not block.
pub trait Sink: Send + Sync {
    /// Takes one line. The order of the calls is the order of the lines.
    fn log(&self, line: LogLine);

    /// Takes a point of progress.
    fn progress(&self, progress: Progress);

    /// Resolves when the sink wants more. An engine awaits it between chunks of output, so that a sink that is full
    /// slows the engine down rather than growing without bound.
    fn ready(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// A value that must not be seen. It is wiped from memory when dropped, and `Debug` does not show it.
#[derive(Clone)]
pub struct SecretValue(Zeroizing<Vec<u8>>);

impl SecretValue {
    /// Takes any bytes.
    pub fn new(value: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(value.into()))
    }

    /// The value itself.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue(••••••)")
    }
}

/// Where the workspace state of the deployment is kept, and the credential of the job's lease for it.
#[derive(Clone, Debug)]
pub struct StateBackend {
    /// URL for GET, POST and DELETE of the state.
    pub address: String,
    /// URL for LOCK.
    pub lock_address: String,
    /// URL for UNLOCK.
    pub unlock_address: String,
    pub username: String,
    /// Masked in everything the engine prints.
    pub password: SecretValue,
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// After this long since [`JobContext::started`] a warning is logged and the engine is asked to stop.
    pub soft: Duration,
    /// After this long since [`JobContext::started`] the supervisor stops the engine, whatever the runner does.
    pub hard: Duration,
    /// From SIGINT to SIGTERM.
    pub interrupt: Duration,
    /// From SIGTERM to SIGKILL.
    pub terminate: Duration,
}

impl Default for Timeouts {
    /// 55 and 60 minutes; 30 and 10 seconds, which leaves Terraform time to write its state on the way out and stays
    /// within the 60 seconds for which the workspace lock of a lost runner is kept.
    fn default() -> Self {
        Self {
            soft: Duration::from_secs(55 * 60),
            hard: Duration::from_secs(60 * 60),
            interrupt: Duration::from_secs(30),
            terminate: Duration::from_secs(10),
        }
    }
}

/// Everything an engine is given for one job.
#[derive(Clone, Debug)]
pub struct JobContext {
    /// Private to the job, mode 0700. It is kept until the last state has been stored.
    pub job_dir: PathBuf,
    /// A JSON object.
    pub inputs: Value,
    pub operation: Operation,
    pub state: StateBackend,
    /// Runner configuration, for instance `AWS_REGION`. Beside a fixed few it is the engine's whole environment.
    pub env: BTreeMap<String, String>,
    /// Masked by value in everything that leaves the engine, whichever way the engine came to print it.
    pub secrets: Vec<SecretValue>,
    pub timeouts: Timeouts,
    /// When the job began; the time limits count from here, over all calls.
    pub started: Instant,
    /// Cancelled when the job is to stop. The engine is then interrupted in order and the call ends with an error for
    /// which [`EngineError::is_cancelled`] holds.
    pub cancel: CancellationToken,
}

impl JobContext {
    /// Where the template is unpacked to before an engine is called, see [`crate::unpack::unpack`].
    pub fn template_dir(&self) -> PathBuf {
        self.job_dir.join(TEMPLATE_DIR)
    }
}

/// Name of the template's directory within the job's.
pub const TEMPLATE_DIR: &str = "template";

/// Which of several programs that do the same an engine drives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    Terraform,
    OpenTofu,
    /// The engine is part of the runner.
    BuiltIn,
}

impl Flavour {
    /// What its makers call it; nothing for what is built in.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Terraform => "Terraform",
            Self::OpenTofu => "OpenTofu",
            Self::BuiltIn => "",
        }
    }
}

/// What [`Engine::detect`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detected {
    pub binary: PathBuf,
    /// For instance `1.11.4`.
    pub version: String,
    pub flavour: Flavour,
}

impl fmt::Display for Detected {
    /// For instance `OpenTofu 1.9.0`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.flavour.as_str() {
            "" => f.write_str(&self.version),
            name => write!(f, "{name} {}", self.version),
        }
    }
}

/// A plan and the file that carries it.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The plan as the engine's own JSON. **Holds sensitive values in the clear**: mask them by its `*_sensitive`
    /// fields before showing it, encrypt it before storing it.
    pub plan_json: Value,
    /// The plan as the engine prints it for people; sensitive values are hidden and secrets masked.
    pub plan_text: String,
    /// The saved plan. **Holds sensitive values in the clear.**
    pub file: PathBuf,
    /// SHA-256 of the saved plan, lower-case hex.
    pub file_sha256: String,
    /// SHA-256 of the list of providers chosen, lower-case hex; that of the empty string when there are none.
    pub provider_lock_hash: String,
    /// How many resources the plan destroys, replacements included.
    pub destroys: u32,
}

/// What a plan file holds, read without applying it.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// As in [`Planned::plan_json`].
    pub plan_json: Value,
    /// As in [`Planned::file_sha256`], of the very file that was read.
    pub file_sha256: String,
    /// As in [`Planned::provider_lock_hash`].
    pub provider_lock_hash: String,
}

/// One typed result value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Output {
    pub value: Value,
    /// True when it must be masked in every read.
    pub sensitive: bool,
}

/// What was done to one resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceAction {
    Created,
    Updated,
    Deleted,
}

/// One resource that an apply has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedResource {
    /// For instance `module.bucket.aws_s3_bucket.this[0]`.
    pub address: String,
    /// For instance `aws_s3_bucket`.
    pub resource_type: String,
    pub action: ResourceAction,
    /// The provider's own id, where it told one.
    pub id: Option<String>,
}

/// What an apply left behind.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    pub outputs: BTreeMap<String, Output>,
    /// In the order in which they were finished. A replacement appears as deleted and as created.
    pub resources: Vec<AppliedResource>,
}

/// One way of carrying out templates.
///
/// All calls for one job use the same [`JobContext::job_dir`], one after the other. An error says how far things came
/// only through the log and the state that the engine has stored.
pub trait Engine: Send + Sync {
    /// Which engine this is.
    fn kind(&self) -> EngineKind;

    /// Finds the engine's program on this machine and asks it for its version.
    fn detect(&self) -> BoxFuture<'_, Result<Detected, EngineError>>;

    /// Computes what would change and saves it to a file. Changes nothing but the job's directory.
    fn plan<'a>(&'a self, job: &'a JobContext, sink: &'a dyn Sink) -> BoxFuture<'a, Result<Planned, EngineError>>;

    /// Reads a saved plan. Changes nothing but the job's directory.
    fn inspect<'a>(
        &'a self,
        job: &'a JobContext,
        plan_file: &'a Path,
        sink: &'a dyn Sink,
    ) -> BoxFuture<'a, Result<Inspected, EngineError>>;

    /// Carries out exactly the saved plan, which lies in the job's directory: in a sandbox nothing else is seen. To be called once for a plan file: a second call may do everything twice.
    fn apply<'a>(
        &'a self,
        job: &'a JobContext,
        plan_file: &'a Path,
        sink: &'a dyn Sink,
    ) -> BoxFuture<'a, Result<Applied, EngineError>>;
}
