//! What runs inside a runner: the engines that carry out plans and applies, and the process that watches over them.
//!
//! - [`engine`]: the one trait, what an engine is given and what it gives back.
//! - [`terraform`]: the Terraform engine, which drives OpenTofu just as well.
//! - [`command`]: the engine of templates that bring their own program.
//! - `run`, `narrator`: one run of a program and what is told of it, the same for every engine.
//! - [`confine`]: how much of the machine an engine may take and see.
//! - [`supervisor`]: the small process between a runner and an engine. It outlives the server, so that an engine is
//!   always interrupted in order and never killed by a broken pipe.
//! - [`mask`]: takes secrets out of everything an engine prints, before a byte leaves the runner.
//! - [`lines`]: cuts what remains into log lines, and bounds how much of it is kept.
//! - [`unpack`]: unpacks a template archive that somebody else packed.
//!
//! There is no database and no network protocol here: a runner brings both.

pub mod command;
pub mod confine;
pub mod engine;
pub mod error;
pub mod lines;
pub mod mask;
mod narrator;
mod run;
pub mod supervisor;
pub mod terraform;
pub mod unpack;

pub use confine::Confinement;
pub use engine::{Engine, EngineKind, JobContext, LogLine, Operation, Progress, Sink, Step};
pub use error::{EngineError, ErrorClass};

use std::path::{Path, PathBuf};

/// The state that an engine could not store and left in the job's directory instead. It is the only record of what a
/// killed or cut-off apply has made: store it before the directory goes.
pub fn leftover_state(job_dir: &Path) -> Option<PathBuf> {
    terraform::leftover_state(job_dir).or_else(|| command::leftover_state(job_dir))
}
