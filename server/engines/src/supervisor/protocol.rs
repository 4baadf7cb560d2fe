//! The messages between a runner and its supervisor.
//!
//! To the supervisor, on its standard input: one [`Spec`] (`u32` big-endian length, JSON), then command bytes; end of
//! file means that the runner is gone. From the supervisor, on its standard output: frames of a kind byte, a `u32`
//! big-endian length and that many bytes; the last one is [`KIND_EXIT`]. Secrets travel only inside the spec: never in
//! arguments or in the supervisor's own environment, which every user of the machine may be able to read.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::confine::{Limit, Limits};

/// A frame with bytes of the engine's standard output.
pub const KIND_STDOUT: u8 = 1;
/// A frame with bytes of the engine's standard error.
pub const KIND_STDERR: u8 = 2;
/// The last frame: an [`Exit`] as JSON.
pub const KIND_EXIT: u8 = 3;
/// The command byte that asks for the engine to be stopped in order.
pub const COMMAND_CANCEL: u8 = b'c';
/// Longest payload of a frame; also how much is read from the engine at once.
pub const MAX_FRAME: usize = 64 * 1024;
/// Longest spec. Environments are limited to about 2 MiB by the kernel anyway.
const MAX_SPEC: u32 = 4 * 1024 * 1024;

/// What to run and how to end it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    /// An absolute path.
    pub program: PathBuf,
    pub args: Vec<String>,
    pub cwd: PathBuf,
    /// The whole environment: nothing is inherited.
    pub env: BTreeMap<String, String>,
    pub grace: Grace,
    /// After this many milliseconds the engine is stopped in order.
    pub hard_timeout_ms: u64,
    /// A directory for this run alone: `supervisor.pid`, `exit.json` and `engine.log` go there.
    pub control_dir: PathBuf,
    pub limits: Limits,
    /// A delegated cgroup. The run gets a child of it, which then enforces memory and processes.
    pub cgroup: Option<PathBuf>,
    /// True where `program` is a sandbox whose own process must not be interrupted: it would take the engine along.
    pub sandboxed: bool,
}

/// The waits between SIGINT, SIGTERM and SIGKILL, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Grace {
    /// From SIGINT to SIGTERM.
    pub interrupt_ms: u64,
    /// From SIGTERM to SIGKILL.
    pub terminate_ms: u64,
}

impl Grace {
    /// The first wait.
    pub const fn interrupt(self) -> Duration {
        Duration::from_millis(self.interrupt_ms)
    }

    /// The second wait.
    pub const fn terminate(self) -> Duration {
        Duration::from_millis(self.terminate_ms)
    }
}

/// Which of the engine's streams a frame comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputStream {
    Stdout,
    Stderr,
}

impl OutputStream {
    /// The kind byte of its frames.
    pub const fn kind(self) -> u8 {
        match self {
            Self::Stdout => KIND_STDOUT,
            Self::Stderr => KIND_STDERR,
        }
    }
}

/// Why the engine ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// By itself.
    Exited,
    /// It was asked to stop.
    Cancelled,
    /// The hard time limit was over.
    Timeout,
    /// It took more of the machine than it may; `limit` says of what.
    Limit,
    /// The runner was gone, or the supervisor was told to end by a signal, as when the machine shuts down.
    ParentLost,
    /// It could not be started; `message` says why.
    NotStarted,
    /// The supervisor itself was killed. The engine may live on.
    SupervisorLost,
}

/// How the engine ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    pub reason: EndReason,
    /// Exit code, when the process ended by itself or handled the signal.
    pub code: Option<i32>,
    /// Number of the signal that ended the process.
    pub signal: Option<i32>,
    /// Why it could not be started.
    pub message: Option<String>,
    /// Bytes that went to `engine.log` because the runner was gone.
    pub spilled: u64,
    /// Bytes that did not fit there.
    pub dropped: u64,
    /// The limit that it ran into, whoever stopped it for that: the supervisor or the kernel.
    #[serde(default)]
    pub limit: Option<Limit>,
}

impl Exit {
    /// An end without a process.
    pub fn without_process(reason: EndReason, message: impl Into<String>) -> Self {
        Self { reason, code: None, signal: None, message: Some(message.into()), spilled: 0, dropped: 0, limit: None }
    }

    /// True when the engine ended by itself with code 0.
    pub fn success(&self) -> bool {
        self.reason == EndReason::Exited && self.code == Some(0)
    }
}

impl Spec {
    /// The bytes that start the conversation.
    pub fn encode(&self) -> io::Result<Vec<u8>> {
        let json = serde_json::to_vec(self)?;
        let len = u32::try_from(json.len()).ok().filter(|len| *len <= MAX_SPEC);
        let len = len.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the spec is larger than 4 MiB"))?;
        Ok([len.to_be_bytes().as_slice(), json.as_slice()].concat())
    }

    /// Reads what [`Spec::encode`] wrote.
    pub fn decode(input: &mut impl Read) -> io::Result<Self> {
        let mut len = [0; 4];
        input.read_exact(&mut len)?;
        let len = u32::from_be_bytes(len);
        if len > MAX_SPEC {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the spec is larger than 4 MiB"));
        }
        let mut json = vec![0; len as usize];
        input.read_exact(&mut json)?;
        Ok(serde_json::from_slice(&json)?)
    }
}

/// Writes one frame and flushes it. `payload` is at most [`MAX_FRAME`] long.
pub fn write_frame(output: &mut impl Write, kind: u8, payload: &[u8]) -> io::Result<()> {
    let len = u32::try_from(payload.len()).map_err(io::Error::other)?;
    let mut header = [kind; 5];
    header[1..].copy_from_slice(&len.to_be_bytes());
    output.write_all(&header)?;
    output.write_all(payload)?;
    output.flush()
}
