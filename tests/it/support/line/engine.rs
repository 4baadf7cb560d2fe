//! Terraform for tests: the real one, and programs that stand in for it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::support::skip::{installed_program, skip};

/// The real Terraform, or nothing after having said that `test` is skipped.
pub(crate) fn terraform(test: &str) -> Option<PathBuf> {
    let found = installed_program("terraform");
    if found.is_none() {
        skip(test, "terraform was not found in PATH");
    }
    found
}

/// Templates for a server to load: those that ship and those of the tests, or only some of them.
pub(crate) fn templates(names: &[&str]) -> TempDir {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dir = tempfile::tempdir().expect("a directory for templates");
    for name in names {
        let places = [root.join("templates").join(name), root.join("tests/it/templates").join(name)];
        let from = places.iter().find(|place| place.is_dir()).unwrap_or_else(|| panic!("there is a template {name}"));
        copy(from, &dir.path().join(name));
    }
    dir
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a template can be read") {
        let entry = entry.expect("a template can be read");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a template can be copied");
        }
    }
}

/// A program in `dir` that is run in place of Terraform: a shell script that finds the real one in `$REAL`.
pub(crate) fn stand_in(dir: &Path, real: &Path, script: &str) -> PathBuf {
    let path = dir.join("terraform");
    let text = format!("#!/bin/sh\nREAL='{}'\n{script}\n", real.display());
    fs::write(&path, text).expect("a script can be written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a script can be made executable");
    path
}

/// The processes of this machine whose command line holds this text. Give a text that nothing else has.
pub(crate) fn processes_with(text: &str) -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("processes can be listed");
    let ids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|id| {
        let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        line.windows(text.len()).any(|window| window == text.as_bytes()) && *id != std::process::id()
    })
    .collect()
}
