//! The moment between the supervisor and the engine.
//!
//! Limits hold for a process and what it starts later. The supervisor does not set them on itself: it must outlive an
//! engine that runs into one, and has more memory mapped than an engine may have. So it starts this very program once
//! more, which limits itself, joins the cgroup, and becomes the engine by `exec`: no process of the engine is ever without.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};

use crate::confine::Limits;

/// The argument that says that this process is to become an engine.
const ARGUMENT: &str = "--launch";

/// What is limited, beside a program and its arguments. Nothing in it is secret.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Launch {
    pub(super) limits: Limits,
    /// Takes the number of a process that is to be in the run's cgroup.
    pub(super) cgroup_processes: Option<PathBuf>,
    /// Where it is written why there is no engine.
    pub(super) report: PathBuf,
}

impl Launch {
    /// What the supervisor starts.
    pub(super) fn command(&self, program: &Path, args: &[String]) -> io::Result<Command> {
        if self.limits.is_none() && self.cgroup_processes.is_none() {
            let mut command = Command::new(program);
            command.args(args);
            return Ok(command);
        }
        // Told at once by the one who knows: `exec` would tell it to nobody.
        rustix::fs::access(program, rustix::fs::Access::EXEC_OK)?;
        let own = if cfg!(target_os = "linux") { PathBuf::from("/proc/self/exe") } else { std::env::current_exe()? };
        let mut command = Command::new(own);
        command.args(std::env::args_os().skip(1)).arg(ARGUMENT).arg(serde_json::to_string(self)?);
        command.arg(program).args(args);
        Ok(command)
    }

    /// Limits this process and makes it the engine. Comes back only with an error.
    fn become_engine(&self, program: &OsStr, args: impl Iterator<Item = OsString>) -> io::Error {
        // Made first: afterwards there may be no memory for it.
        let mut command = Command::new(program);
        command.args(args);
        match self.confine() {
            Ok(()) => command.exec(),
            Err(error) => error,
        }
    }

    fn confine(&self) -> io::Result<()> {
        if let Some(file) = &self.cgroup_processes {
            fs::write(file, "0")?;
        }
        let limits = &self.limits;
        limit(Resource::Core, Some(0))?;
        limit(Resource::Nofile, limits.open_files)?;
        limit(Resource::Fsize, limits.file_bytes)?;
        limit(Resource::Cpu, limits.cpu_seconds)?;
        // A cgroup counts both for all processes together; these two count for each, and for a user as a whole.
        if self.cgroup_processes.is_none() {
            limit(Resource::Nproc, limits.processes.map(|processes| processes.saturating_add(threads_of_user())))?;
            // Memory that can be written: programs in Go and Java reserve many times of what they use. Twice the limit,
            // since it is the supervisor that says in words when all processes together reach it.
            limit(Resource::Data, limits.memory_bytes.map(|bytes| bytes.saturating_mul(2)))?;
        }
        Ok(())
    }
}

/// Becomes an engine, if the arguments of this program say so.
pub(super) fn if_asked(args: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    let mut args = args.skip_while(|arg| arg != ARGUMENT);
    args.next()?;
    let launch = args.next().and_then(|json| serde_json::from_str::<Launch>(json.to_str()?).ok());
    if let (Some(launch), Some(program)) = (launch, args.next()) {
        let error = launch.become_engine(&program, args);
        // Should that fail, too, the exit code says it.
        let _ = fs::write(&launch.report, error.to_string());
    }
    Some(ExitCode::from(126))
}

/// Lowers a limit; it never rises above the one that is there.
fn limit(resource: Resource, most: Option<u64>) -> io::Result<()> {
    let Some(most) = most else { return Ok(()) };
    let most = getrlimit(resource).maximum.map_or(most, |there| there.min(most));
    Ok(setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?)
}

/// Threads of all processes of this user: the kernel counts those of other jobs, too.
fn threads_of_user() -> u64 {
    let own = rustix::process::getuid().as_raw();
    let Ok(entries) = fs::read_dir("/proc") else { return 0 };
    let threads = entries.flatten().filter_map(|entry| {
        entry.file_name().to_str()?.parse::<u32>().ok()?;
        let status = fs::read_to_string(entry.path().join("status")).ok()?;
        let field =
            |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.split_ascii_whitespace().next());
        (field("Uid:")?.parse() == Ok(own)).then_some(())?;
        field("Threads:")?.parse::<u64>().ok()
    });
    threads.sum()
}
