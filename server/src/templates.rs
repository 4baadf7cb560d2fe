//! Templates as directories: read, checked and packed the same way on every machine, so that equal files are equal bytes.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use flagstone_core::manifest::Manifest;
use flagstone_core::names::TemplateVersionNumber;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use include_dir::{Dir, DirEntry, include_dir};

/// The templates that ship, part of the program.
static SHIPPED: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../templates");

/// The file that makes a directory a template.
const MANIFEST: &str = "template.yaml";

/// Most bytes of the files of one template.
const MAX_BYTES: usize = 20 * 1024 * 1024;

/// Terraform's record of provider versions: the one hidden file that belongs to a template.
const LOCK_FILE: &str = ".terraform.lock.hcl";

/// A template, read and packed.
#[derive(Clone, Debug)]
pub struct Package {
    /// The directory, as messages name it.
    pub directory: String,
    pub manifest: Manifest,
    /// Markdown for whoever orders it.
    pub guide: String,
    /// The files as a tar archive; equal files give equal bytes.
    pub tar: Vec<u8>,
}

/// The files of one directory: path, with `/`, and content.
type Files = BTreeMap<String, Vec<u8>>;

/// Reads every template of a directory, or those that ship. Fails with a sentence for each fault.
pub fn read(directory: Option<&Path>) -> Result<Vec<Package>, Vec<String>> {
    let found = match directory {
        Some(directory) => on_disk(directory).map_err(|fault| vec![fault])?,
        None => shipped(),
    };
    let mut packages = Vec::new();
    let mut faults = Vec::new();
    for (name, files) in found {
        match package(name, &files) {
            Ok(package) => packages.push(package),
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() { Ok(packages) } else { Err(faults) }
}

fn shipped() -> Vec<(String, Files)> {
    fn collect(dir: &Dir<'_>, root: &Path, files: &mut Files) {
        for entry in dir.entries() {
            match entry {
                DirEntry::Dir(dir) => collect(dir, root, files),
                DirEntry::File(file) => {
                    let path = file.path().strip_prefix(root).unwrap_or(file.path());
                    if let Some(path) = packed_as(path) {
                        files.insert(path, file.contents().to_vec());
                    }
                }
            }
        }
    }
    let mut found = Vec::new();
    for dir in SHIPPED.dirs() {
        let mut files = Files::new();
        collect(dir, dir.path(), &mut files);
        if files.contains_key(MANIFEST) {
            found.push((format!("templates/{}", dir.path().display()), files));
        }
    }
    found
}

fn on_disk(directory: &Path) -> Result<Vec<(String, Files)>, String> {
    let cannot = |path: &Path, error: std::io::Error| format!("{} cannot be read: {error}.", path.display());
    let entries = fs::read_dir(directory).map_err(|error| cannot(directory, error))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| cannot(directory, error))?.path();
        if path.join(MANIFEST).is_file() {
            let mut files = Files::new();
            collect(&path, &path, &mut files)?;
            found.push((path.display().to_string(), files));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}

/// Reads the files below `dir`, except those that are not packed.
fn collect(dir: &Path, root: &Path, files: &mut Files) -> Result<(), String> {
    let cannot = |path: &Path, error: std::io::Error| format!("{} cannot be read: {error}.", path.display());
    for entry in fs::read_dir(dir).map_err(|error| cannot(dir, error))? {
        let path = entry.map_err(|error| cannot(dir, error))?.path();
        let Some(name) = packed_as(path.strip_prefix(root).unwrap_or(&path)) else { continue };
        let kind = fs::symlink_metadata(&path).map_err(|error| cannot(&path, error))?.file_type();
        if kind.is_dir() {
            collect(&path, root, files)?;
        } else if kind.is_file() {
            files.insert(name, fs::read(&path).map_err(|error| cannot(&path, error))?);
        } else {
            return Err(format!("{} is neither a file nor a directory: templates hold no links.", path.display()));
        }
    }
    Ok(())
}

/// The name of a file in the package; `None` for what stays outside: hidden files, which are of tools, and `tests`,
/// which is for whoever changes the template.
fn packed_as(path: &Path) -> Option<String> {
    let parts: Vec<&str> = path.iter().map(|part| part.to_str()).collect::<Option<_>>()?;
    let hidden = parts.iter().any(|part| part.starts_with('.') && *part != LOCK_FILE);
    (!hidden && parts.first() != Some(&"tests")).then(|| parts.join("/"))
}

fn package(directory: String, files: &Files) -> Result<Package, String> {
    let size: usize = files.values().map(Vec::len).sum();
    if size > MAX_BYTES {
        return Err(format!("{directory} has {size} bytes; at most {MAX_BYTES} are accepted."));
    }
    let text = |name: &str| -> Result<String, String> {
        let content = files.get(name).ok_or_else(|| format!("{directory} has no file {name}."))?;
        String::from_utf8(content.clone()).map_err(|_| format!("{directory}/{name} is not UTF-8."))
    };
    let manifest = Manifest::parse(&text(MANIFEST)?, &format!("{directory}/{MANIFEST}")).map_err(|error| {
        let faults: Vec<String> =
            error.fields.iter().map(|fault| format!("{}: {}", fault.field, fault.message)).collect();
        if faults.is_empty() { error.message } else { faults.join(" ") }
    })?;
    let guide = text(&manifest.guide)?;
    let mut run: Vec<&str> = vec![&manifest.entrypoint];
    run.extend(manifest.command.iter().flat_map(flagstone_core::manifest::Command::files));
    if let Some(absent) = run.into_iter().find(|name| !files.contains_key(*name)) {
        return Err(format!("{directory} has no file {absent}, which its manifest names."));
    }
    let tar = pack(files).map_err(|error| format!("{directory} cannot be packed: {error}."))?;
    Ok(Package { directory, manifest, guide, tar })
}

/// A tar archive without anything that differs between machines: sorted, no times, no owners, one mode.
fn pack(files: &Files) -> std::io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        archive.append_data(&mut header, name, content.as_slice())?;
    }
    archive.into_inner()
}

/// Compresses a package. The bytes may differ between versions of the compressor: compare what is inside.
pub fn compress(tar: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(tar)?;
    encoder.finish()
}

/// Whether a compressed package holds exactly these files.
pub fn is_same(compressed: &[u8], tar: &[u8]) -> bool {
    let mut inside = Vec::new();
    let limit = tar.len() as u64 + 1;
    GzDecoder::new(compressed).take(limit).read_to_end(&mut inside).is_ok() && inside == tar
}

/// A text whose byte order is the order of versions: numbers padded, a pre-release before its release.
pub fn sort_key(version: &TemplateVersionNumber) -> String {
    let version = version.version();
    let mut key = format!("{:020}.{:020}.{:020}", version.major, version.minor, version.patch);
    if version.pre.is_empty() {
        // Behind everything that a pre-release begins with.
        key.push('~');
    }
    for part in version.pre.split('.').filter(|part| !part.is_empty()) {
        if part.bytes().all(|byte| byte.is_ascii_digit()) {
            // Numbers come before words; a longer one is larger, since they have no leading zeros.
            key.push_str(&format!("0{:03}{part}", part.len()));
        } else {
            key.push('1');
            key.push_str(part);
        }
        // Lower than any character of a part: `alpha` comes before `alpha-x`, and fewer parts before more.
        key.push(',');
    }
    key
}

#[cfg(test)]
mod tests {
    use flagstone_core::names::Segment;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_ships_can_be_read() {
        let packages = read(None).unwrap();
        let ids: Vec<_> = packages.iter().map(|package| package.manifest.id.to_string()).collect();
        assert_eq!(ids, ["aws-ec2", "aws-s3", "aws-vpc", "config-bundle"]);
        for package in &packages {
            assert!(!package.guide.is_empty());
            let mut archive = tar::Archive::new(package.tar.as_slice());
            let names: Vec<_> =
                archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().into_owned()).collect();
            assert!(names.contains(&"template.yaml".into()) && !names.iter().any(|name| name.starts_with("tests")));
            assert!(names.is_sorted());
        }
    }

    #[test]
    fn the_directory_and_the_program_hold_the_same() {
        let directory = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../templates"));
        let (disk, program) = (read(Some(directory)).unwrap(), read(None).unwrap());
        assert_eq!(disk.len(), program.len());
        for (one, other) in disk.iter().zip(&program) {
            assert_eq!(one.tar, other.tar, "{}", one.directory);
        }
    }

    #[test]
    fn faults_are_told_with_the_directory() {
        let dir = tempfile::tempdir().unwrap();
        for (name, manifest) in [("broken", "id: ["), ("empty", "id: Empty!\n")] {
            fs::create_dir(dir.path().join(name)).unwrap();
            fs::write(dir.path().join(name).join(MANIFEST), manifest).unwrap();
        }
        fs::create_dir(dir.path().join("no-template")).unwrap();
        let faults = read(Some(dir.path())).unwrap_err();
        assert_eq!(faults.len(), 2);
        assert!(faults[0].contains("broken/template.yaml") && faults[1].contains("empty"), "{faults:?}");
        assert!(read(Some(&dir.path().join("absent"))).unwrap_err()[0].contains("absent"));
    }

    #[test]
    fn a_command_template_holds_the_programs_that_it_names() {
        let files = |command: &str| {
            let manifest = format!(
                "id: tool\nname: X\nversion: 1.0.0\ndescription: X.\ncategory: X\nprovider: NONE\nengine: COMMAND\n\
                 kind: ACTION\nentrypoint: run.bin\ninputs: {{type: object}}\ncommand: {command}\n"
            );
            Files::from([
                (MANIFEST.into(), manifest.into_bytes()),
                ("GUIDE.md".into(), b"#".to_vec()),
                ("run.bin".into(), vec![0xff]),
            ])
        };
        let good = package("tool".into(), &files("{plan: [./run.bin], apply: [sh, -c, ls]}")).unwrap();
        assert_eq!(good.manifest.engine.as_str(), "COMMAND");
        let fault = package("tool".into(), &files("{plan: [./run.bin], apply: [bin/apply]}")).unwrap_err();
        assert!(fault.contains("no file bin/apply"), "{fault}");
    }

    #[test]
    fn packages_are_compared_by_what_is_inside() {
        let tar = pack(&Files::from([("a.tf".into(), b"x".to_vec())])).unwrap();
        let other = pack(&Files::from([("a.tf".into(), b"y".to_vec())])).unwrap();
        let compressed = compress(&tar).unwrap();
        assert!(is_same(&compressed, &tar) && !is_same(&compressed, &other) && !is_same(b"x", &tar));
    }

    proptest! {
        #[test]
        fn keys_sort_like_versions(
            one in "[0-2]\\.(0|1|10)\\.[0-3](-(0|9|10|[a-b]{1,2}|a-b)(\\.(0|9|10|[a-b]{1,2}|a-b)){0,2})?",
            other in "[0-2]\\.(0|1|10)\\.[0-3](-(0|9|10|[a-b]{1,2}|a-b)(\\.(0|9|10|[a-b]{1,2}|a-b)){0,2})?",
        ) {
            let [one, other] = [one, other].map(|text| TemplateVersionNumber::read(&text).unwrap());
            prop_assert_eq!(sort_key(&one).cmp(&sort_key(&other)), one.cmp(&other));
        }
    }
}
