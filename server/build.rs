//! Takes the built web client into the program, so that one file is the whole product. A table of `include_bytes!` needs no
//! crate, and unlike `include_dir!` it may find nothing: without the web client the server builds and says so.
//!
//! Only where the profile is optimised. A debug build reads the folder while it runs: a change of a page would otherwise
//! compile the server anew.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

#[path = "src/edge/web/table.rs"]
mod table;

/// Where Vite leaves the web client.
const FOLDER: &str = "../clients/web/dist";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/edge/web/table.rs");
    #[expect(clippy::disallowed_methods, reason = "cargo tells a build script what to do by its environment")]
    let variable = |name: &str| env::var(name);
    let folder = Path::new(&variable("CARGO_MANIFEST_DIR")?).join(FOLDER);
    let (folder, table) = if variable("PROFILE")? == "release" {
        // Also while it is missing: the next build then looks again.
        println!("cargo::rerun-if-changed={FOLDER}");
        ("None".to_owned(), table::source(&folder)?)
    } else {
        (format!("Some({folder:?})"), "&[]".to_owned())
    };
    let source = format!(
        "/// Where a debug build finds the files.\nconst FOLDER: Option<&str> = {folder};\n\n\
         /// The files of any other build: path and content.\nstatic EMBEDDED: &[(&str, &[u8])] = {table};\n"
    );
    fs::write(PathBuf::from(variable("OUT_DIR")?).join("web_files.rs"), source)?;
    Ok(())
}
