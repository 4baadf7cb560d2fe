//! Why an engine failed, in a form that a status, a log line and a person can all use.

use std::fmt;

use crate::engine::Step;
use crate::supervisor::{EndReason, Exit};

/// The class of a failed job (R235). The names are those of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    Credential,
    Engine,
    Network,
    Git,
    Validation,
    Permission,
    Quota,
    Conflict,
    NotFound,
    Timeout,
    RunnerLost,
    Unknown,
}

impl ErrorClass {
    /// The name on the wire, for instance `RUNNER_LOST`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Credential => "CREDENTIAL",
            Self::Engine => "ENGINE",
            Self::Network => "NETWORK",
            Self::Git => "GIT",
            Self::Validation => "VALIDATION",
            Self::Permission => "PERMISSION",
            Self::Quota => "QUOTA",
            Self::Conflict => "CONFLICT",
            Self::NotFound => "NOT_FOUND",
            Self::Timeout => "TIMEOUT",
            Self::RunnerLost => "RUNNER_LOST",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// What went wrong. Everything in it is masked and may be shown.
#[derive(Clone, Debug)]
pub struct EngineError {
    pub class: ErrorClass,
    /// Where it happened; absent when nothing had begun.
    pub step: Option<Step>,
    /// What happened, in one sentence or the engine's own summary.
    pub message: String,
    /// What to do next.
    pub suggestion: String,
    /// True when the same call may well work in a moment. It says nothing about whether it is safe to call again: an
    /// apply is never called again.
    pub transient: bool,
    /// How the engine's process ended, where there was one.
    pub exit: Option<Exit>,
}

impl EngineError {
    /// A permanent error of a class.
    pub fn new(class: ErrorClass, message: impl Into<String>, suggestion: impl Into<String>) -> Self {
        Self { class, step: None, message: message.into(), suggestion: suggestion.into(), transient: false, exit: None }
    }

    /// A failure of the runner's own disk or processes.
    pub fn io(what: &str, error: &std::io::Error) -> Self {
        Self::new(
            ErrorClass::Engine,
            format!("The runner could not {what}: {error}."),
            "Check the disk and the permissions of the runner's work directory.",
        )
    }

    /// Says in which step it happened.
    #[must_use]
    pub fn at(mut self, step: Step) -> Self {
        self.step = Some(step);
        self
    }

    /// Keeps how the process ended.
    #[must_use]
    pub fn with_exit(mut self, exit: Exit) -> Self {
        self.exit = Some(exit);
        self
    }

    /// Says that the same call may work in a moment.
    #[must_use]
    pub fn transient(mut self) -> Self {
        self.transient = true;
        self
    }

    /// True when the job was asked to stop and did: no failure.
    pub fn is_cancelled(&self) -> bool {
        self.exit.as_ref().is_some_and(|exit| exit.reason == EndReason::Cancelled)
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.class.as_str(), self.message)
    }
}

impl std::error::Error for EngineError {}
