//! Processes: who is alive, who descends from whom, and how to end them.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions};
use serde::{Deserialize, Serialize};

/// A process, told apart from a later one with the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) pid: i32,
    /// Clock ticks from boot to the start of the process; absent where /proc does not tell.
    pub(crate) start_time: Option<u64>,
}

impl Identity {
    /// This process.
    pub(crate) fn own() -> Self {
        let pid = rustix::process::getpid().as_raw_nonzero().get();
        Self { pid, start_time: stat(pid).map(|stat| stat.start_time) }
    }

    /// True while the very process runs; a zombie does not.
    pub(crate) fn is_alive(self) -> bool {
        match (stat(self.pid), self.start_time) {
            (Some(now), Some(start_time)) => now.start_time == start_time && !now.is_zombie,
            (None, Some(_)) => false,
            (_, None) => Pid::from_raw(self.pid).is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok()),
        }
    }
}

/// The few fields of `/proc/<pid>/stat` that count here.
struct Stat {
    is_zombie: bool,
    parent: i32,
    group: i32,
    start_time: u64,
}

fn stat(pid: i32) -> Option<Stat> {
    let text = fs::read(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses and may hold anything, more parentheses included.
    let after_name = text.iter().rposition(|byte| *byte == b')')? + 1;
    let fields: Vec<&str> = std::str::from_utf8(&text[after_name..]).ok()?.split_ascii_whitespace().collect();
    Some(Stat {
        is_zombie: matches!(*fields.first()?, "Z" | "X"),
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        start_time: fields.get(19)?.parse().ok()?,
    })
}

/// Makes orphans below this process its own children, so that template code which forks twice, leaves its session or
/// calls itself a daemon is still found.
pub(crate) fn adopt_orphans() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    Ok(())
}

/// Sends a signal to a process group. Whether it still exists does not matter.
pub(crate) fn signal_group(group: Pid, signal: Signal) {
    // ESRCH: all gone already, which is what the signal is for.
    let _ = rustix::process::kill_process_group(group, signal);
}

/// Sends a signal to every process of a group but its leader.
pub(crate) fn signal_followers(group: Pid, signal: Signal) {
    let number = group.as_raw_nonzero().get();
    for pid in descendants() {
        if pid != group && stat(pid.as_raw_nonzero().get()).is_some_and(|stat| stat.group == number) {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }
}

/// Kills and reaps everything that descends from this process. Gives up after `limit`: a process in an
/// uninterruptible wait cannot be killed by anybody. True when nothing is left.
pub(crate) fn kill_descendants(limit: Duration) -> bool {
    let deadline = Instant::now() + limit;
    while reap() {
        for pid in descendants() {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(Duration::from_millis(2));
    }
    true
}

/// Takes in every child that has ended. True when there are others.
fn reap() -> bool {
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

/// Every process below this one, zombies left out.
pub(super) fn descendants() -> Vec<Pid> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    let mut zombies = HashSet::new();
    for pid in entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()) {
        if let Some(stat) = stat(pid) {
            children.entry(stat.parent).or_default().push(pid);
            if stat.is_zombie {
                zombies.insert(pid);
            }
        }
    }
    let mut found = Vec::new();
    let mut open = vec![rustix::process::getpid().as_raw_nonzero().get()];
    while let Some(parent) = open.pop() {
        for child in children.remove(&parent).unwrap_or_default() {
            open.push(child);
            if !zombies.contains(&child) {
                found.extend(Pid::from_raw(child));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_its_number_with_another_start_is_not() {
        let own = Identity::own();
        assert!(own.is_alive());
        let reused = Identity { start_time: own.start_time.map(|start| start + 1), ..own };
        assert!(!reused.is_alive(), "{reused:?}");
    }
}
