//! Tells cargo that the migrations are part of this crate, and names their contents: test databases are cloned from a
//! template of that name.

use std::hash::{DefaultHasher, Hasher};
use std::path::Path;
use std::{fs, io};

const MIGRATIONS: &str = "../../migrations";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed={MIGRATIONS}");
    let mut hasher = DefaultHasher::new();
    hash(Path::new(MIGRATIONS), &mut hasher)?; // cargo runs this in the crate's directory
    println!("cargo::rustc-env=FLAGSTONE_MIGRATIONS_HASH={:016x}", hasher.finish());
    Ok(())
}

/// Adds the names and contents of all files below `dir`, in the order of their names.
fn hash(dir: &Path, hasher: &mut DefaultHasher) -> io::Result<()> {
    let mut paths = fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            hash(&path, hasher)?;
        } else {
            let contents = fs::read(&path)?;
            let name = path.file_name().unwrap_or_default().as_encoded_bytes();
            hasher.write_usize(name.len());
            hasher.write(name);
            hasher.write_usize(contents.len());
            hasher.write(&contents);
        }
    }
    Ok(())
}
