//! What keeps an engine from taking more of the machine than it is given.
//!
//! - [`Limits`]: how much it may take. Said once for a runner.
//! - [`cgroup`]: enforces memory and processes for an engine and everything it starts together, where the kernel lets us.
//! - [`Sandbox`]: hides the rest of the machine's files and processes, where `bubblewrap` is installed.
//!
//! Without a cgroup the same limits are enforced with what every process may do to itself: resource limits, which are of
//! one process each, and a supervisor that adds up the memory of all. Which of the two it is a runner says when it
//! starts, see [`Confinement::describe`].

pub mod cgroup;
pub mod sandbox;

use std::fmt::Write as _;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use sandbox::Sandbox;

const MIB: u64 = 1024 * 1024;

/// Smallest limit of memory and of a file, in bytes. With less not even the shell of a template starts.
pub const MIN_BYTES: u64 = 16 * MIB;

/// How much one run of an engine may take, with everything that it starts. `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Memory of all processes together, in bytes.
    pub memory_bytes: Option<u64>,
    /// Processes and threads at a time.
    pub processes: Option<u64>,
    /// Open files of one process.
    pub open_files: Option<u64>,
    /// Processor time of one process, in seconds.
    pub cpu_seconds: Option<u64>,
    /// Size of any file that is written, in bytes.
    pub file_bytes: Option<u64>,
}

impl Limits {
    /// What a runner gives where nobody says otherwise: 4 GiB of memory, 1024 processes, 4096 open files, 4 hours of
    /// processor time, files of 4 GiB. The AWS provider for Terraform, the largest there is, needs a quarter of that.
    pub const fn usual() -> Self {
        Self {
            memory_bytes: Some(4096 * MIB),
            processes: Some(1024),
            open_files: Some(4096),
            cpu_seconds: Some(4 * 3600),
            file_bytes: Some(4096 * MIB),
        }
    }

    /// True where nothing is limited.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// A limit that an engine ran into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    Memory,
    Cpu,
    FileSize,
}

/// Everything that confines the engines of one runner.
#[derive(Clone, Debug, Default)]
pub struct Confinement {
    pub limits: Limits,
    /// A delegated cgroup, as [`cgroup::find`] finds one, in which each run gets a child of its own.
    pub cgroup: Option<PathBuf>,
    pub sandbox: Option<Sandbox>,
}

impl Confinement {
    /// One sentence for the log of a runner that starts. `why_no_cgroup` is what [`cgroup::find`] said.
    pub fn describe(&self, why_no_cgroup: &str) -> String {
        let mut text = match &self.cgroup {
            Some(dir) => format!("Engines are limited by a cgroup each, in {}", dir.display()),
            None => format!("Engines are limited by resource limits, since {why_no_cgroup}"),
        };
        let limits = [
            (self.limits.memory_bytes.map(|bytes| bytes / MIB), "MiB of memory"),
            (self.limits.processes, "processes"),
            (self.limits.open_files, "open files"),
            (self.limits.cpu_seconds, "seconds of processor time"),
            (self.limits.file_bytes.map(|bytes| bytes / MIB), "MiB for a file"),
        ];
        let mut separator = ": ";
        for (limit, of) in limits {
            if let Some(limit) = limit {
                // Writing to a String cannot fail.
                let _ = write!(text, "{separator}{limit} {of}");
                separator = ", ";
            }
        }
        text.push_str(match &self.sandbox {
            Some(_) => ". They run in a sandbox.",
            None => ". They run without a sandbox.",
        });
        if self.cgroup.is_none() && self.limits.processes.is_some() && rustix::process::geteuid().is_root() {
            text.push_str(" The number of processes is not limited: the kernel exempts root from that limit.");
        }
        text
    }

    /// What to do about a limit that was reached, as a message and a suggestion.
    pub(crate) fn explain(&self, limit: Limit) -> (String, String) {
        let mib = |bytes: Option<u64>| bytes.unwrap_or_default() / MIB;
        let (message, setting) = match limit {
            Limit::Memory => {
                let most = mib(self.limits.memory_bytes);
                (format!("The engine needed more than {most} MiB of memory and was stopped."), "MEMORY_MIB")
            }
            Limit::Cpu => {
                let most = self.limits.cpu_seconds.unwrap_or_default();
                (
                    format!("The engine needed more than {most} seconds of processor time and was stopped."),
                    "CPU_SECONDS",
                )
            }
            Limit::FileSize => {
                let most = mib(self.limits.file_bytes);
                (format!("The engine wrote a file of more than {most} MiB and was stopped."), "FILE_MIB")
            }
        };
        let suggestion = format!("Make the template need less, or raise FLAGSTONE_RUNNER_{setting} of the runner.");
        (message, suggestion)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runner_says_how_its_engines_are_confined() {
        let confinement = Confinement { limits: Limits::usual(), ..Confinement::default() };
        let text = confinement.describe("there is none");
        assert!(
            text.starts_with("Engines are limited by resource limits, since there is none: 4096 MiB of memory, 1024")
        );
        assert!(text.contains("without a sandbox"), "{text}");
        let cgroup = Confinement { cgroup: Some("/sys/fs/cgroup/x".into()), ..confinement };
        assert!(cgroup.describe("").contains("a cgroup each, in /sys/fs/cgroup/x"));
        let (message, suggestion) = cgroup.explain(Limit::Memory);
        assert!(message.contains("4096 MiB of memory") && suggestion.contains("FLAGSTONE_RUNNER_MEMORY_MIB"));
    }
}
