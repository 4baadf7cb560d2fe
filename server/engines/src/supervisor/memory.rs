//! The memory of an engine and of everything it started, added up, where no cgroup does it.

use std::fs;
use std::thread;
use std::time::Duration;

use super::process;

/// Between two looks. Short beside the time in which a program fills gigabytes.
const PAUSE: Duration = Duration::from_millis(200);

/// How much too much it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pressure {
    /// More than the limit: the engine is asked to end, so that it can store its state.
    High,
    /// Half as much again: there is no time to ask.
    Severe,
}

/// Looks until `tell` returns false. `most` is in bytes.
pub(super) fn watch(most: u64, tell: impl Fn(Pressure) -> bool) {
    loop {
        thread::sleep(PAUSE);
        let used = used();
        let pressure = if used > most.saturating_add(most / 2) {
            Pressure::Severe
        } else if used > most {
            Pressure::High
        } else {
            continue;
        };
        if !tell(pressure) {
            return;
        }
    }
}

/// Bytes of memory that belong to the processes below this one alone, so that nothing is counted twice.
fn used() -> u64 {
    let own = |pid: &rustix::process::Pid| -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).ok()?;
        let kibibytes = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
        kibibytes.split_ascii_whitespace().next()?.parse().ok()
    };
    process::descendants().iter().filter_map(own).sum::<u64>().saturating_mul(1024)
}
