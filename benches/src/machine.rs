//! What runs on the machine: its size, our share of its CPU time and that of others, memory of a process. Read from
//! `/proc`, so the benchmarks run on Linux only.

use std::collections::HashMap;
use std::fs;
use std::time::{Duration, Instant};

/// Ticks a second of the times in `/proc`: fixed by the kernel's interface to programs.
const TICKS: u64 = 100;

/// CPU time of a process itself.
pub(crate) fn cpu_of(pid: u32) -> Duration {
    stat(pid).map(|stat| ticks(stat.own)).unwrap_or_default()
}

/// CPU time of a process, of its descendants that live, and of those that it has waited for.
pub(crate) fn cpu_of_tree(root: u32) -> Duration {
    let stats: HashMap<u32, Stat> = processes().filter_map(|pid| stat(pid).map(|stat| (pid, stat))).collect();
    let descends = |mut pid: u32| {
        while pid != root {
            match stats.get(&pid) {
                Some(stat) if stat.parent != pid => pid = stat.parent,
                _ => return false,
            }
        }
        true
    };
    ticks(stats.iter().filter(|(pid, _)| descends(**pid)).map(|(_, stat)| stat.own + stat.waited).sum())
}

/// Memory of a process that is in RAM, in bytes.
pub(crate) fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    kilobytes(&status, "VmRSS:") * 1024
}

/// One line about the machine.
pub(crate) fn describe() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = kilobytes(&fs::read_to_string("/proc/meminfo").unwrap_or_default(), "MemTotal:");
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let model = model.trim_start_matches([' ', '\t', ':']);
    let gigabytes = (memory as f64 / 1024.0 / 1024.0).round();
    format!("{cores} cores ({}), {gigabytes} GB of memory", if model.is_empty() { "unknown" } else { model })
}

/// Watches how much of the machine others use.
pub(crate) struct Others {
    started: Instant,
    busy: Duration,
    ours: Duration,
}

impl Others {
    /// Begins to watch.
    pub(crate) fn watch() -> Self {
        Self { started: Instant::now(), busy: busy(), ours: cpu_of_tree(std::process::id()) }
    }

    /// Cores that processes other than ours used since, on average.
    pub(crate) fn cores(&self) -> f64 {
        let ours = cpu_of_tree(std::process::id()).saturating_sub(self.ours);
        let others = busy().saturating_sub(self.busy).saturating_sub(ours);
        others.as_secs_f64() / self.started.elapsed().as_secs_f64()
    }
}

/// CPU time that all processes of the machine have used.
fn busy() -> Duration {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields: Vec<u64> = stat
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(1)
        .filter_map(|field| field.parse().ok())
        .collect();
    // user, nice, system; then idle and iowait, which are not work; then irq, softirq and steal.
    ticks(fields.iter().take(8).sum::<u64>() - fields.iter().skip(3).take(2).sum::<u64>())
}

struct Stat {
    parent: u32,
    own: u64,
    waited: u64,
}

fn stat(pid: u32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// `pid (name) state ppid …`; the name may hold anything, so the rest is counted from its closing parenthesis.
fn parse_stat(text: &str) -> Option<Stat> {
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        own: number(11)? + number(12)?,
        waited: number(13)? + number(14)?,
    })
}

fn processes() -> impl Iterator<Item = u32> {
    fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn kilobytes(text: &str, field: &str) -> u64 {
    text.lines().find_map(|line| line.strip_prefix(field)?.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or_default()
}

fn ticks(count: u64) -> Duration {
    Duration::from_millis(count * 1000 / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let stat = parse_stat("7 (a) b (c)) S 3 7 7 0 -1 0 1 2 3 4 50 60 70 80 20 0 1").unwrap();
        assert_eq!((stat.parent, stat.own, stat.waited), (3, 110, 150));
        assert!(parse_stat("").is_none());
    }

    #[test]
    fn memory_is_found_by_its_field() {
        assert_eq!(kilobytes("VmSize:\t  9 kB\nVmRSS:\t   42 kB\n", "VmRSS:"), 42);
        assert_eq!(kilobytes("", "VmRSS:"), 0);
    }
}
