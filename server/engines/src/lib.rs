//! What runs inside a runner: the engines that carry out plans and applies, and the process that watches over them.
//!
//! - [`engine`]: the one trait, what an engine is given and what it gives back.
//! - [`terraform`]: the Terraform engine.
//! - [`supervisor`]: the small process between a runner and an engine. It outlives the server, so that an engine is
//!   always interrupted in order and never killed by a broken pipe.
//! - [`mask`]: takes secrets out of everything an engine prints, before a byte leaves the runner.
//! - [`lines`]: cuts what remains into log lines, and bounds how much of it is kept.
//! - [`unpack`]: unpacks a template archive that somebody else packed.
//!
//! There is no database and no network protocol here: a runner brings both.

pub mod engine;
pub mod error;
pub mod lines;
pub mod mask;
pub mod supervisor;
pub mod terraform;
pub mod unpack;

pub use engine::{Engine, EngineKind, JobContext, LogLine, Operation, Progress, Sink, Step};
pub use error::{EngineError, ErrorClass};
