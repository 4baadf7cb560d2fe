//! Control groups, version 2: a group of its own for each run of an engine, below one that was delegated to us.
//!
//! A group counts an engine and all that it starts, whatever these do to hide; it is killed with one write. Somebody must
//! have given us the right to make groups: systemd does with `Delegate=yes`, an administrator by naming a directory. We
//! take no other, even where root could: a group belongs to whoever made it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::Limits;

/// What must be enabled for the children of a delegated group.
const CONTROLLERS: [&str; 2] = ["memory", "pids"];

/// The marks of systemd on a delegated group: for the system's own manager, and for those of users.
const MARKS: [&str; 2] = ["trusted.delegate", "user.delegate"];

/// How long an empty group may need until it can be removed.
const WIND_DOWN: Duration = Duration::from_secs(2);

/// Finds a delegated group: `configured`, or else that of this process or the one above. Where it must, it moves this
/// process into a child of it, since the kernel wants groups that hold groups to hold no processes. The error is half a
/// sentence that says why there is none.
pub fn find(configured: Option<&Path>) -> Result<PathBuf, String> {
    if let Some(dir) = configured {
        return make_ready(dir).map(|()| dir.to_owned()).map_err(|why| format!("{} {why}", dir.display()));
    }
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let root = mounts.lines().find_map(mount_of_cgroups).ok_or("the machine has no cgroups of version 2")?;
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let own = groups.lines().find_map(|line| line.strip_prefix("0::")).ok_or("this process is in no cgroup")?;
    let own = root.join(own.trim_start_matches('/'));
    let candidates = [Some(own.as_path()), own.parent().filter(|parent| parent.starts_with(&root))];
    let delegated = candidates.into_iter().flatten().find(|dir| is_delegated(dir));
    let Some(dir) = delegated else {
        return Err("no cgroup was delegated to the runner (`Delegate=yes` in its unit does that)".to_owned());
    };
    make_ready(dir).map(|()| dir.to_owned()).map_err(|why| format!("{} {why}", dir.display()))
}

/// The place of a line of `/proc/self/mounts`, if it is one of cgroups of version 2.
fn mount_of_cgroups(line: &str) -> Option<PathBuf> {
    let mut fields = line.split(' ').skip(1);
    let (place, kind) = (fields.next()?, fields.next()?);
    (kind == "cgroup2").then(|| PathBuf::from(place))
}

fn is_delegated(dir: &Path) -> bool {
    MARKS.iter().any(|mark| {
        let mut value = [0; 8];
        rustix::fs::getxattr(dir, *mark, &mut value[..]).is_ok_and(|length| value[..length] == *b"1")
    })
}

/// Enables the controllers for children, and tries whether a child can be made.
fn make_ready(dir: &Path) -> Result<(), String> {
    let words = |file: &str| fs::read_to_string(dir.join(file)).unwrap_or_default();
    let has =
        |text: &str| CONTROLLERS.iter().all(|controller| text.split_ascii_whitespace().any(|it| it == *controller));
    if !has(&words("cgroup.controllers")) {
        return Err("has no controllers of memory and processes".to_owned());
    }
    if !has(&words("cgroup.subtree_control")) {
        let enable = || fs::write(dir.join("cgroup.subtree_control"), "+memory +pids");
        let enabled = enable().or_else(|error| {
            if error.kind() != io::ErrorKind::ResourceBusy {
                return Err(error);
            }
            // We are in the way ourselves. Whoever else is stays where it is.
            let leaf = dir.join("runner");
            fs::create_dir(&leaf).or_else(|error| if leaf.is_dir() { Ok(()) } else { Err(error) })?;
            fs::write(leaf.join("cgroup.procs"), "0")?;
            enable()
        });
        enabled.map_err(|error| format!("does not let its controllers be used: {error}"))?;
    }
    let probe = Cgroup::create(dir, &format!("probe-{}", std::process::id()), &Limits::usual())
        .map_err(|error| format!("does not let a group be made: {error}"))?;
    probe.remove();
    Ok(())
}

/// The group of one run.
#[derive(Debug)]
pub(crate) struct Cgroup {
    dir: PathBuf,
}

impl Cgroup {
    /// Makes a group with these limits of memory and processes. One of the same name goes: it is of a run that was lost.
    pub(crate) fn create(parent: &Path, name: &str, limits: &Limits) -> io::Result<Self> {
        let dir = parent.join(name);
        if dir.exists() {
            Self { dir: dir.clone() }.remove();
        }
        fs::create_dir(&dir)?;
        let group = Self { dir };
        if let Err(error) = group.limit(limits) {
            group.remove();
            return Err(error);
        }
        Ok(group)
    }

    fn limit(&self, limits: &Limits) -> io::Result<()> {
        if let Some(bytes) = limits.memory_bytes {
            fs::write(self.dir.join("memory.max"), bytes.to_string())?;
            // Absent where the kernel has no swap. One process killed makes a broken engine: all of them end.
            let _ = fs::write(self.dir.join("memory.swap.max"), "0");
            let _ = fs::write(self.dir.join("memory.oom.group"), "1");
        }
        if let Some(processes) = limits.processes {
            fs::write(self.dir.join("pids.max"), processes.to_string())?;
        }
        Ok(())
    }

    /// The file that takes the number of a process which is to be in the group; `0` is whoever writes.
    pub(crate) fn processes_file(&self) -> PathBuf {
        self.dir.join("cgroup.procs")
    }

    /// True after the kernel has killed something for want of memory.
    pub(crate) fn ran_out_of_memory(&self) -> bool {
        let events = fs::read_to_string(self.dir.join("memory.events")).unwrap_or_default();
        let mut counts = events.lines().filter_map(|line| line.split_once(' '));
        counts.any(|(event, count)| event == "oom_kill" && count.trim() != "0")
    }

    /// Kills everything in it and removes it.
    pub(crate) fn remove(self) {
        let deadline = Instant::now() + WIND_DOWN;
        loop {
            // Since Linux 5.14; before that the supervisor's own search for descendants has to do.
            let _ = fs::write(self.dir.join("cgroup.kill"), "1");
            match fs::remove_dir(&self.dir) {
                Err(error) if error.kind() != io::ErrorKind::NotFound && Instant::now() < deadline => {
                    thread::sleep(Duration::from_millis(5));
                }
                _ => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_mount_among_others() {
        let lines =
            ["cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0", "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0"];
        assert_eq!(lines.into_iter().find_map(mount_of_cgroups), Some(PathBuf::from("/sys/fs/cgroup/unified")));
    }

    #[test]
    fn a_group_says_what_it_is_limited_to_and_whether_that_was_reached() {
        // A directory stands for the kernel's: files that are written there are files.
        let parent = tempfile::tempdir().unwrap();
        let group = Cgroup::create(parent.path(), "one", &Limits::usual()).unwrap();
        let read = |file: &str| fs::read_to_string(parent.path().join("one").join(file)).unwrap();
        assert_eq!((read("memory.max"), read("pids.max")), ("4294967296".to_owned(), "1024".to_owned()));
        assert_eq!((read("memory.swap.max"), read("memory.oom.group")), ("0".to_owned(), "1".to_owned()));
        assert!(!group.ran_out_of_memory());
        fs::write(parent.path().join("one/memory.events"), "low 0\nhigh 0\nmax 7\noom 1\noom_kill 2\n").unwrap();
        assert!(group.ran_out_of_memory());
    }

    #[test]
    fn a_directory_without_controllers_is_refused_in_words() {
        let dir = tempfile::tempdir().unwrap();
        let why = find(Some(dir.path())).unwrap_err();
        assert!(why.contains("no controllers of memory and processes"), "{why}");
    }
}
