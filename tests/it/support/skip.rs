//! Tests that need a program which this machine does not have say so aloud, and are counted.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

/// Says that a test is skipped and why. The file named by FLAGSTONE_SKIPS collects the reasons of a whole run.
pub fn skip(test: &str, reason: &str) {
    println!("skipped: {test}: {reason}");
    if let Some(path) = std::env::var_os("FLAGSTONE_SKIPS") {
        let file = OpenOptions::new().create(true).append(true).open(path);
        writeln!(file.expect("the file of FLAGSTONE_SKIPS opens"), "{test}: {reason}").expect("the reason is written");
    }
}

/// A program of this workspace, built beside this test.
///
/// Panics where it was not built: then only the test was, and `cargo build --bin <name>` helps.
pub fn built_program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a running program has a path");
    let directory = test.parent().and_then(|deps| deps.parent()).expect("tests lie in target/<profile>/deps");
    let program = directory.join(name);
    assert!(program.is_file(), "{} is not there: run `cargo build --bin {name}` first", program.display());
    program
}

/// A program of the machine, searched in PATH.
pub fn installed_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(name)).find(|program| program.is_file())
}
