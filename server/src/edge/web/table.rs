//! Writes the table of the web client's files as Rust: for the build script, which alone runs it, and for its test.

use std::fmt::Write;
use std::path::Path;
use std::{fs, io};

/// The source of the table of all files below `folder`, sorted by path; of none where there is no such folder.
pub(super) fn source(folder: &Path) -> io::Result<String> {
    let mut files = Vec::new();
    if folder.is_dir() {
        collect(folder, "", &mut files)?;
    }
    files.sort();
    let mut table = String::from("&[\n");
    for path in files {
        let content = folder.join(&path);
        // Absolute: the file that includes it lies elsewhere.
        let content = content.canonicalize()?;
        let _ = writeln!(table, "    ({path:?}, include_bytes!({content:?}).as_slice()),");
    }
    table.push(']');
    Ok(table)
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        // Records of tools, which nobody asks for.
        if name.starts_with('.') {
            continue;
        }
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{prefix}{name}/"), files)?;
        } else {
            files.push(format!("{prefix}{name}"));
        }
    }
    Ok(())
}
