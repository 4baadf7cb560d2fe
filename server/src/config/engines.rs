//! How much of the machine engines may take, as operators say it.

use std::path::PathBuf;

use clap::{Args, value_parser};
use flagstone_engines::confine::{Limits, MIN_BYTES};

const MIB: u64 = 1024 * 1024;

/// Largest number of MiB that is taken: a PiB.
const MAX_MIB: u64 = 1 << 30;

/// What confines engines. 0 is no limit.
#[derive(Args, Clone, Debug)]
pub(super) struct EngineSettings {
    /// MiB of memory that one run of an engine may take with everything it starts; 0 for no limit
    #[arg(long, env = "FLAGSTONE_RUNNER_MEMORY_MIB", default_value_t = 4096, value_parser = value_parser!(u64).range(0..=MAX_MIB))]
    runner_memory_mib: u64,
    /// Processes and threads of one run of an engine; 0 for no limit
    #[arg(long, env = "FLAGSTONE_RUNNER_PROCESSES", default_value_t = 1024)]
    runner_processes: u64,
    /// Open files of each process of an engine; 0 for no limit
    #[arg(long, env = "FLAGSTONE_RUNNER_OPEN_FILES", default_value_t = 4096)]
    runner_open_files: u64,
    /// Seconds of processor time of each process of an engine; 0 for no limit
    #[arg(long, env = "FLAGSTONE_RUNNER_CPU_SECONDS", default_value_t = 14_400)]
    runner_cpu_seconds: u64,
    /// MiB of any file that an engine writes; 0 for no limit
    #[arg(long, env = "FLAGSTONE_RUNNER_FILE_MIB", default_value_t = 4096, value_parser = value_parser!(u64).range(0..=MAX_MIB))]
    runner_file_mib: u64,
    /// Directory of a cgroup of version 2 in which groups may be made [default: the one that `Delegate=yes` gives]
    #[arg(long, env = "FLAGSTONE_RUNNER_CGROUP")]
    runner_cgroup: Option<PathBuf>,
    /// Run engines in a sandbox of bubblewrap, where that is installed
    #[arg(long, env = "FLAGSTONE_RUNNER_SANDBOX")]
    runner_sandbox: bool,
}

impl EngineSettings {
    pub(super) fn limits(&self) -> Limits {
        let limit = |number: u64| (number > 0).then_some(number);
        // With less nothing starts, which nobody wants by mistake.
        let bytes = |mib: u64| limit(mib).map(|mib| (mib * MIB).max(MIN_BYTES));
        Limits {
            memory_bytes: bytes(self.runner_memory_mib),
            processes: limit(self.runner_processes),
            open_files: limit(self.runner_open_files).map(|files| files.max(64)),
            cpu_seconds: limit(self.runner_cpu_seconds),
            file_bytes: bytes(self.runner_file_mib),
        }
    }

    pub(super) fn cgroup(&self) -> Option<PathBuf> {
        self.runner_cgroup.clone()
    }

    pub(super) const fn sandbox(&self) -> bool {
        self.runner_sandbox
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        engines: EngineSettings,
    }

    #[test]
    fn what_nobody_says_is_the_usual_and_0_is_no_limit() {
        assert_eq!(Program::parse_from(["program"]).engines.limits(), Limits::usual());
        let none = ["memory-mib", "processes", "open-files", "cpu-seconds", "file-mib"]
            .map(|name| format!("--runner-{name}=0"));
        assert!(Program::parse_from(std::iter::once("program".to_owned()).chain(none)).engines.limits().is_none());
        let small = Program::parse_from(["program", "--runner-memory-mib=1"]).engines.limits();
        assert_eq!(small.memory_bytes, Some(MIN_BYTES));
    }
}
