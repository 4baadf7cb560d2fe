//! The private directory of an attempt. It is there from before the engine starts until what the engine left is with the
//! server: after a crash it is all that tells of the attempt.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use flagstone_api::pb;
use serde::{Deserialize, Serialize};

/// Says whose directory it is.
const LEASE_FILE: &str = "lease.json";

/// What `lease.json` holds.
#[derive(Debug, Serialize, Deserialize)]
struct Lease {
    job: String,
    fence: i64,
}

/// The directory of one attempt.
#[derive(Clone, Debug)]
pub(super) struct JobDirectory {
    path: PathBuf,
    /// Which attempt it is of.
    pub(super) job: pb::JobLeaseRef,
}

impl JobDirectory {
    /// Makes the directory of an attempt. What was left under the same name goes: it is of this very attempt, which had
    /// not come as far as an engine.
    pub(super) fn create(jobs_dir: &Path, job: &pb::JobLeaseRef) -> io::Result<Self> {
        let id = job.job.trim_start_matches("jobs/");
        let path = jobs_dir.join(format!("{id}.{}", job.fence));
        make_private(&path)?;
        let lease = Lease { job: job.job.clone(), fence: job.fence };
        write_private(&path.join(LEASE_FILE), &serde_json::to_vec(&lease)?)?;
        Ok(Self { path, job: job.clone() })
    }

    /// The directories that earlier attempts have left. One without a readable lease had not begun, and goes.
    pub(super) fn leftovers(jobs_dir: &Path) -> io::Result<Vec<Self>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(jobs_dir)? {
            let path = entry?.path();
            let lease =
                fs::read(path.join(LEASE_FILE)).ok().and_then(|bytes| serde_json::from_slice::<Lease>(&bytes).ok());
            match lease {
                Some(Lease { job, fence }) => found.push(Self { path, job: pb::JobLeaseRef { job, fence } }),
                None => remove(&path)?,
            }
        }
        Ok(found)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file that only this user may read.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
        let path = self.path.join(name);
        write_private(&path, bytes)?;
        Ok(path)
    }

    /// Removes the directory: everything in it that matters is with the server.
    pub(super) fn discard(self) {
        if let Err(error) = remove(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "The directory of a job could not be removed.");
        }
    }
}

/// Makes a directory that only this user may enter, with its parents.
pub(super) fn make_private(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Writes a file that only this user may read, whole or not at all.
pub(super) fn replace_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    remove(&beside)?;
    write_private(&beside, bytes)?;
    fs::rename(beside, path)
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(path)?.write_all(bytes)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn leftovers_are_those_with_a_lease() {
        let dir = tempfile::tempdir().unwrap();
        let job = pb::JobLeaseRef { job: "jobs/00000000-0000-0000-0000-000000000001".to_owned(), fence: 3 };
        let made = JobDirectory::create(dir.path(), &job).unwrap();
        fs::create_dir(dir.path().join("half-made")).unwrap();
        fs::write(dir.path().join("stray"), b"x").unwrap();
        let found = JobDirectory::leftovers(dir.path()).unwrap();
        assert_eq!(found.iter().map(|found| &found.job).collect::<Vec<_>>(), [&job]);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(made.path()), 0o700);
        assert_eq!(mode(&made.path().join(LEASE_FILE)), 0o600);
        made.discard();
        assert!(JobDirectory::leftovers(dir.path()).unwrap().is_empty());
    }
}
