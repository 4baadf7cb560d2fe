//! No test may be forgotten.

use std::path::Path;

#[test]
fn every_file_of_this_directory_is_a_module_of_main() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let main = std::fs::read_to_string(directory.join("main.rs")).unwrap();
    for folder in [&directory, &directory.join("support")] {
        let root = match folder == &directory {
            true => main.clone(),
            false => std::fs::read_to_string(folder.join("mod.rs")).unwrap(),
        };
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let is_code = path.extension().is_some_and(|extension| extension == "rs");
            if is_code && name != "main" && name != "mod" {
                let listed = root.lines().any(|line| line.trim_start_matches("pub ") == format!("mod {name};"));
                assert!(listed, "{} is in no module: its tests never run", path.display());
            }
        }
    }
}
