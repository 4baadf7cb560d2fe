//! The small process between a runner and an engine.
//!
//! `flagstone-server supervise` runs [`main`]. It outlives the server that started it: when the server dies, however
//! suddenly, the engine neither gets a SIGPIPE nor is left running unwatched. The supervisor keeps reading what the
//! engine prints, interrupts it, waits, and only then kills it, so that Terraform stores its state or writes
//! `errored.tfstate` on its way out.
//!
//! - [`protocol`]: the messages on the pipes between the two.
//! - [`Supervised`]: the side of the runner, async.
//! - `watch`: the side of the supervisor, synchronous, a few threads and no runtime: one runs beside every engine.
//! - [`recover`], [`wait_gone`]: how a restarted runner finds out what became of an engine.
//! - `launch`: the moment between the supervisor and the engine, in which the engine's process limits itself.
//! - `process`: process groups, descendants, start times.
//!
//! Linux is the platform that counts: elsewhere processes that leave the engine's process group are not found.

mod client;
mod launch;
mod memory;
mod process;
pub mod protocol;
mod recover;
mod spill;
mod watch;

pub use client::{Frame, Supervised, SupervisorCommand};
pub use protocol::{EndReason, Exit, Grace, OutputStream, Spec};
pub use recover::{Recovered, RecoveredRun, recover, wait_gone};
pub use watch::main;

/// Name of the directory, within the job's, that holds one control directory for each run of a supervisor.
pub const CONTROL_DIR: &str = "control";
/// In a control directory: who the supervisor is, see [`recover`].
pub(crate) const PID_FILE: &str = "supervisor.pid";
/// In a control directory: how the engine ended, written last.
pub(crate) const EXIT_FILE: &str = "exit.json";
/// In a control directory: why the engine's process could not be limited or become the engine.
pub(crate) const LAUNCH_FILE: &str = "launch.error";
/// In a control directory: what the engine printed after the runner was lost. Not masked.
pub(crate) const SPILL_FILE: &str = "engine.log";
