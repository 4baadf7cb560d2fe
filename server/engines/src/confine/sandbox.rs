//! `bubblewrap`: an engine sees the system read-only, its job's directory, and no other process.
//!
//! The network stays: plans ask clouds. What goes is whatever an engine has no business with: homes, other jobs, the
//! server's own data and the sockets of the machine's services.

use std::path::{Path, PathBuf};

/// Directories that are empty inside, on every machine.
const EMPTIED: [&str; 5] = ["/home", "/root", "/tmp", "/run", "/var/tmp"];

/// What of them is needed to look up names.
const KEPT: [&str; 2] = ["/run/systemd/resolve", "/run/NetworkManager"];

/// How engines are put into a sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sandbox {
    /// The program `bwrap`.
    pub program: PathBuf,
    /// Directories that an engine does not see, for instance the one that holds all jobs. Its own job's stays visible.
    pub hidden: Vec<PathBuf>,
    /// Files and directories that it reads although they are in what is hidden, such as a provider mirror in a home.
    pub readable: Vec<PathBuf>,
    /// Directories that it writes, such as a cache of providers.
    pub writable: Vec<PathBuf>,
}

impl Sandbox {
    /// Finds `bwrap` in a list of directories as `PATH` has them. Nothing where it is not installed.
    pub fn find(path: &str) -> Option<Self> {
        let program = path.split(':').map(|dir| Path::new(dir).join("bwrap")).find(|program| program.is_file())?;
        Some(Self { program, hidden: Vec::new(), readable: Vec::new(), writable: Vec::new() })
    }

    /// The arguments that run `program` with `args` in `cwd`, with `job_dir` writable. There is nothing secret in them.
    pub(crate) fn wrap(&self, program: &Path, args: &[String], cwd: &Path, job_dir: &Path) -> Vec<String> {
        let text = |path: &Path| path.display().to_string();
        let mut wrapped = Vec::new();
        let mut push = |words: &[&str]| wrapped.extend(words.iter().map(|word| (*word).to_owned()));
        push(&["--die-with-parent", "--unshare-pid", "--unshare-ipc", "--ro-bind", "/", "/"]);
        push(&["--dev", "/dev", "--proc", "/proc"]);
        let emptied = EMPTIED.iter().map(Path::new).filter(|dir| dir.is_dir()).map(Path::to_owned);
        for dir in emptied.chain(self.hidden.iter().cloned()) {
            push(&["--tmpfs", &text(&dir)]);
        }
        for path in KEPT {
            push(&["--ro-bind-try", path, path]);
        }
        // Elsewhere it is seen anyway.
        let is_gone = |path: &Path| EMPTIED.iter().any(|dir| path.starts_with(dir)) && !path.starts_with(job_dir);
        for path in self.readable.iter().map(PathBuf::as_path).chain(is_gone(program).then_some(program)) {
            push(&["--ro-bind-try", &text(path), &text(path)]);
        }
        for path in &self.writable {
            push(&["--bind-try", &text(path), &text(path)]);
        }
        push(&["--bind", &text(job_dir), &text(job_dir), "--chdir", &text(cwd), "--", &text(program)]);
        wrapped.extend(args.iter().cloned());
        wrapped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_is_emptied_before_the_job_s_directory_is_put_into_it() {
        let sandbox = Sandbox {
            program: "/usr/bin/bwrap".into(),
            hidden: vec!["/var/lib/flagstone".into()],
            readable: Vec::new(),
            writable: Vec::new(),
        };
        let job = Path::new("/var/lib/flagstone/jobs/1");
        let args = sandbox.wrap(Path::new("/usr/bin/terraform"), &["plan".to_owned()], &job.join("template"), job);
        let at = |words: &[&str]| args.windows(words.len()).position(|window| window == words).unwrap();
        let hidden = at(&["--tmpfs", "/var/lib/flagstone"]);
        assert!(at(&["--ro-bind", "/", "/"]) < hidden);
        assert!(hidden < at(&["--bind", "/var/lib/flagstone/jobs/1", "/var/lib/flagstone/jobs/1"]));
        assert!(args.ends_with(&["--".to_owned(), "/usr/bin/terraform".to_owned(), "plan".to_owned()]));
        assert_eq!(Sandbox::find("/no/such/directory"), None);
    }
}
