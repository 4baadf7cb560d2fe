//! The engines against real processes: everything that needs the supervisor as a program of its own.

#![expect(clippy::unwrap_used, reason = "the helpers of tests may panic like the tests themselves")]
#![expect(clippy::disallowed_methods, reason = "no server that could shut down: a test's tasks end with its runtime")]

mod contract;
mod state_server;
mod subject;
mod supervisor;
mod terraform;
mod tofu;

use std::path::Path;
use std::time::{Duration, Instant};

use flagstone_engines::supervisor::SupervisorCommand;

/// Says that a test is skipped and why. The file named by FLAGSTONE_SKIPS collects the reasons of a whole run.
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn skip(test: &str, reason: &str) {
    println!("skipped: {test}: {reason}");
    if let Some(path) = std::env::var_os("FLAGSTONE_SKIPS") {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        std::io::Write::write_all(&mut file, format!("{test}: {reason}\n").as_bytes()).unwrap();
    }
}

/// The supervisor as a program.
fn supervisor_command() -> SupervisorCommand {
    SupervisorCommand::program(env!("CARGO_BIN_EXE_flagstone-supervise"))
}

/// Waits until `condition` holds; panics with `what` after ten seconds.
async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "{what} did not come about");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// True while the process whose number is in `file` runs.
fn is_running(file: &Path) -> bool {
    let pid = std::fs::read_to_string(file).unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|fields| !fields.is_empty() && !fields.trim_start().starts_with('Z'))
}
