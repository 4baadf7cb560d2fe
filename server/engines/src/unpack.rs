//! Unpacks a template archive. Whoever packed it is not trusted.

use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use flate2::read::GzDecoder;
use tar::{Archive, Entry, EntryType};

use crate::error::{EngineError, ErrorClass};

/// Most bytes of all files together, unpacked.
pub const MAX_BYTES: u64 = 10 * 1024 * 1024;
/// Most files and directories.
pub const MAX_ENTRIES: usize = 1000;

/// Unpacks a gzip-compressed tar archive into `dest`, which is made. Refused with class VALIDATION: absolute paths and
/// `..`, links, devices, the same path twice, more than [`MAX_BYTES`] or [`MAX_ENTRIES`], and anything that is no such
/// archive. After an error `dest` may hold a part of it.
pub fn unpack(archive: &[u8], dest: &Path) -> Result<(), EngineError> {
    fs::create_dir_all(dest).map_err(|error| EngineError::io("make the template's directory", &error))?;
    // One byte more than allowed is enough to see that it is too much; headers and padding come on top.
    let overhead = (MAX_ENTRIES as u64 + 2) * 4 * 512;
    let mut archive = Archive::new(GzDecoder::new(archive).take(MAX_BYTES + overhead));
    let mut bytes = 0;
    let entries = archive.entries().map_err(|error| refuse(format!("It cannot be read: {error}.")))?;
    for (count, entry) in entries.enumerate() {
        let mut entry = entry.map_err(|error| refuse(format!("It cannot be read: {error}.")))?;
        if count >= MAX_ENTRIES {
            return Err(refuse(format!("It holds more than {MAX_ENTRIES} files.")));
        }
        bytes += entry.header().size().map_err(|error| refuse(format!("It cannot be read: {error}.")))?;
        if bytes > MAX_BYTES {
            return Err(refuse(format!("Its files are larger than {MAX_BYTES} bytes together.")));
        }
        unpack_entry(&mut entry, dest)?;
    }
    Ok(())
}

fn unpack_entry<R: Read>(entry: &mut Entry<'_, R>, dest: &Path) -> Result<(), EngineError> {
    let path = entry.path().map_err(|error| refuse(format!("It cannot be read: {error}.")))?.into_owned();
    let Some(inside) = inside(&path) else {
        return Err(refuse(format!("The path {} leads out of it.", path.display())));
    };
    let target = dest.join(inside);
    let write = match entry.header().entry_type() {
        EntryType::Directory => fs::create_dir_all(&target),
        EntryType::Regular | EntryType::Continuous => write_file(entry, &target),
        // Facts about the archive itself, such as the comment that `git archive` leaves.
        EntryType::XGlobalHeader => Ok(()),
        other => {
            return Err(refuse(format!("{} is {other:?}; only files and directories may be in it.", path.display())));
        }
    };
    match write {
        Err(error) if matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory) => {
            Err(refuse(format!("The path {} is in it twice.", path.display())))
        }
        Err(error) if matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput) => {
            Err(refuse(format!("{} cannot be read: {error}.", path.display())))
        }
        other => other.map_err(|error| EngineError::io("unpack the template", &error)),
    }
}

fn write_file(from: &mut impl Read, target: &Path) -> io::Result<()> {
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent)?;
    }
    // Modes of the archive are not taken over: nothing in a template needs to be more than readable.
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(target)?;
    io::copy(from, &mut file)?;
    Ok(())
}

/// The path without `.`, if it stays inside the directory that it is joined to.
fn inside(path: &Path) -> Option<PathBuf> {
    let mut inside = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => inside.push(part),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(inside)
}

fn refuse(why: String) -> EngineError {
    EngineError::new(ErrorClass::Validation, format!("The template's archive is refused. {why}"))
        .suggest("Publish the template version again from a clean directory.")
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tar::{Builder, Header};

    use super::*;

    fn header(kind: EntryType, size: u64) -> Header {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(0o644);
        header
    }

    /// Writes the name as it is: `Builder` itself would refuse the bad ones.
    fn pack(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
        let mut builder = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (name, kind, data) in entries {
            let mut header = header(*kind, data.len() as u64);
            header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
            if kind.is_symlink() || kind.is_hard_link() {
                header.set_link_name("/etc/passwd").unwrap();
            }
            header.set_cksum();
            builder.append(&header, *data).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    fn refusal(archive: &[u8]) -> String {
        let dir = tempfile::tempdir().unwrap();
        let dest = dir.path().join("template");
        let error = unpack(archive, &dest).unwrap_err();
        assert_eq!(error.class, ErrorClass::Validation, "{error}");
        let outside: Vec<_> = fs::read_dir(dir.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(outside, ["template"]);
        error.message
    }

    #[test]
    fn unpacks_files_and_directories() {
        let archive = pack(&[
            ("./", EntryType::Directory, b""),
            ("./main.tf", EntryType::Regular, b"# code"),
            ("modules/a/main.tf", EntryType::Regular, b"# more"),
        ]);
        let dir = tempfile::tempdir().unwrap();
        unpack(&archive, &dir.path().join("new/template")).unwrap();
        assert_eq!(fs::read(dir.path().join("new/template/main.tf")).unwrap(), b"# code");
        assert_eq!(fs::read(dir.path().join("new/template/modules/a/main.tf")).unwrap(), b"# more");
    }

    #[test]
    fn refuses_what_leads_out() {
        for name in ["../evil", "a/../../evil", "/tmp/evil"] {
            assert!(refusal(&pack(&[(name, EntryType::Regular, b"x")])).contains("leads out"), "{name}");
        }
        for kind in [EntryType::Symlink, EntryType::Link, EntryType::Fifo, EntryType::Char] {
            assert!(refusal(&pack(&[("x", kind, b"")])).contains("only files and directories"), "{kind:?}");
        }
    }

    #[test]
    fn refuses_what_is_too_much_or_no_archive() {
        let half = vec![0; 6 * 1024 * 1024];
        let two = pack(&[("a", EntryType::Regular, &half), ("b", EntryType::Regular, &half)]);
        assert!(two.len() < 100_000, "a bomb");
        assert!(refusal(&two).contains("larger than"));
        let names: Vec<String> = (0..=MAX_ENTRIES).map(|i| format!("f{i}")).collect();
        let many: Vec<_> = names.iter().map(|name| (name.as_str(), EntryType::Regular, b"".as_slice())).collect();
        assert!(refusal(&pack(&many)).contains("more than 1000"));
        assert!(refusal(&pack(&[("a", EntryType::Regular, b"1"), ("a", EntryType::Regular, b"2")])).contains("twice"));
        assert!(refusal(b"no archive").contains("cannot be read"));
        let whole = pack(&[("a", EntryType::Regular, &half)]);
        refusal(&whole[..whole.len() / 2]);
    }
}
