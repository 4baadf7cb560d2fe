//! Why an engine failed, in a form that a status, a log line and a person can all use.

use std::fmt;

use crate::engine::Step;
use crate::supervisor::{EndReason, Exit};

pub use flagstone_core::job::ErrorClass;

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
    /// A permanent error of a class, with the suggestion of that class.
    pub fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        Self {
            class,
            step: None,
            message: message.into(),
            suggestion: class.suggestion().to_owned(),
            transient: false,
            exit: None,
        }
    }

    /// A failure of the runner's own disk or processes.
    pub fn io(what: &str, error: &std::io::Error) -> Self {
        Self::new(ErrorClass::Engine, format!("The runner could not {what}: {error}."))
            .suggest("Check the disk and the permissions of the runner's work directory.")
    }

    /// Replaces the suggestion by a better one.
    #[must_use]
    pub fn suggest(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = suggestion.into();
        self
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
