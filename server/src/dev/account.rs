//! Whom PostgreSQL runs as. It refuses to run as root.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::{fs, io};

/// Who runs PostgreSQL: this user, or for root a lesser one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Account {
    Own,
    Other { name: String, uid: u32, gid: u32 },
}

impl Account {
    /// Ourselves, unless we are root: then `postgres`, else `nobody`.
    pub(super) fn find() -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::Own);
        }
        let users =
            fs::read_to_string("/etc/passwd").map_err(|error| format!("/etc/passwd cannot be read: {error}."))?;
        ["postgres", "nobody"].iter().find_map(|name| Self::in_passwd(&users, name)).ok_or_else(|| {
            "PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody: start as another user."
                .to_owned()
        })
    }

    /// The user `name` of a passwd file: `name:password:uid:gid:...`.
    fn in_passwd(users: &str, name: &str) -> Option<Self> {
        let mut fields = users.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?.split(':').skip(1);
        let (uid, gid) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(Self::Other { name: name.to_owned(), uid, gid })
    }

    /// Makes `path` belong to it.
    pub(super) fn own(&self, path: &Path) -> io::Result<()> {
        match self {
            Self::Own => Ok(()),
            Self::Other { uid, gid, .. } => chown(path, Some(*uid), Some(*gid)),
        }
    }

    /// A command that runs as this account in `dir`, away from the terminal's Ctrl-C, with English messages and
    /// without the server's environment, which holds its secrets.
    pub(super) fn command(&self, program: &Path, dir: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(dir).process_group(0).env_clear().env("LC_ALL", "C");
        if let Self::Other { uid, gid, .. } = self {
            command.uid(*uid).gid(*gid);
        }
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_their_whole_name() {
        let users = "postgres2:x:1:2::/:/bin/sh\npostgres:x:101:104:admin:/var:/bin/sh\n";
        let found = Account::in_passwd(users, "postgres");
        assert_eq!(found, Some(Account::Other { name: "postgres".to_owned(), uid: 101, gid: 104 }));
        assert_eq!(Account::in_passwd(users, "nobody"), None);
    }
}
