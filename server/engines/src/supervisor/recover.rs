//! What a restarted runner can find out about the engines of its predecessor.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::process::Identity;
use super::protocol::Exit;
use super::{CONTROL_DIR, EXIT_FILE, PID_FILE, SPILL_FILE};

/// What is left of a job's engines.
#[derive(Clone, Debug)]
pub struct Recovered {
    /// True while any supervisor of the job still winds its engine down: the job's directory and its workspace state
    /// may yet change.
    pub supervisor_alive: bool,
    /// Every run that left a trace, in the order of their names.
    pub runs: Vec<RecoveredRun>,
}

/// One run of a supervisor.
#[derive(Clone, Debug)]
pub struct RecoveredRun {
    /// Name of its control directory, for instance `03-apply`.
    pub name: String,
    pub supervisor_alive: bool,
    /// How the engine ended; absent while it runs, and when the supervisor was killed too.
    pub exit: Option<Exit>,
    /// What the engine printed after the runner was lost, if anything. **Not masked.**
    pub spill: Option<PathBuf>,
}

/// Looks at what the runs of a job left in its directory.
pub fn recover(job_dir: &Path) -> Recovered {
    let mut runs: Vec<RecoveredRun> = fs::read_dir(job_dir.join(CONTROL_DIR))
        .map(|entries| entries.flatten().map(|entry| recover_run(&entry.path())).collect())
        .unwrap_or_default();
    runs.sort_by(|a, b| a.name.cmp(&b.name));
    Recovered { supervisor_alive: runs.iter().any(|run| run.supervisor_alive), runs }
}

/// Waits until no supervisor of the job is left. False when one still was after `timeout`.
pub async fn wait_gone(job_dir: &Path, timeout: Duration) -> bool {
    let deadline = Instant::now() + timeout;
    while recover(job_dir).supervisor_alive {
        if Instant::now() >= deadline {
            return false;
        }
        sleep(Duration::from_millis(50)).await;
    }
    true
}

fn recover_run(control_dir: &Path) -> RecoveredRun {
    let spill = control_dir.join(SPILL_FILE);
    RecoveredRun {
        name: control_dir.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        supervisor_alive: read::<Identity>(&control_dir.join(PID_FILE)).is_some_and(Identity::is_alive),
        exit: read(&control_dir.join(EXIT_FILE)),
        spill: spill.exists().then_some(spill),
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}
