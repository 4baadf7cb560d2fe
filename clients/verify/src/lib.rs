//! Checks an exported audit without the server: with the file, the server's public keys and, if there is one, an older
//! export or checkpoint. The file is read once from its beginning to its end and never held in memory.

mod csv;
mod file;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flagstone_proof::tree::leaf_hash;
use flagstone_proof::{Check, Hash};
pub use flagstone_proof::{Checkpoint, Finding, FindingKind, Keys, Report};

use file::{Export, Part};

/// Why a file could not be checked. That it was changed is no error but what the report says.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is something else.
    #[error("{0}")]
    Form(String),
}

/// What an export is held against beside the signature.
pub enum Older {
    /// An earlier checkpoint: nothing before it may differ.
    Checkpoint(Checkpoint),
    /// An earlier export: it tells which entry differs.
    Export(Box<dyn BufRead>),
}

impl Older {
    /// Opens an older export or a checkpoint, whichever it is, and checks the signature of the latter.
    ///
    /// # Errors
    /// Where the file cannot be read, or is a checkpoint that none of the keys signed.
    pub fn open(path: &Path, keys: &Keys) -> Result<Self, Error> {
        let mut file = BufReader::new(File::open(path)?);
        if !file.fill_buf()?.starts_with(b"flagstone/") {
            return Ok(Self::Export(Box::new(file)));
        }
        let mut note = String::new();
        file.take(64 * 1024).read_to_string(&mut note)?;
        let opened = Checkpoint::open(&note, keys);
        Ok(Self::Checkpoint(opened.map_err(|error| Error::Form(format!("{}: {error}", path.display())))?))
    }
}

/// Checks an export.
///
/// # Errors
/// Where a file cannot be read or is no export at all.
pub fn verify(export: impl BufRead, keys: &Keys, older: Option<Older>) -> Result<Report, Error> {
    let mut export = Export::open(export)?;
    let (old_checkpoint, mut old) = match older {
        None => (None, None),
        Some(Older::Checkpoint(checkpoint)) => (Some(checkpoint), None),
        Some(Older::Export(file)) => {
            let old = Entries::open(file)?;
            let opened = Checkpoint::open(&old.export.header.checkpoint, keys);
            let opened = opened.map_err(|error| Error::Form(format!("The older export: {error}")))?;
            (Some(opened), Some(old))
        }
    };
    let mut check = Check::begin(&export.header, keys, old_checkpoint.as_ref());
    loop {
        match export.next()? {
            None => break,
            Some(Part::Block { first, hash }) => check.block(first, hash),
            Some(Part::Unreadable(what)) => check.unreadable(what),
            Some(Part::Entry { seq, hash, leaf }) => {
                check.entry(seq, hash, leaf.as_deref());
                if let Some(old) = &mut old
                    && let Some(before) = old.hash(seq)?
                {
                    let now = leaf.as_deref().map_or(hash, |leaf| leaf_hash(leaf.as_bytes()));
                    if now != before {
                        let message = format!("Entry {seq} is another one in the older export.");
                        check.find(FindingKind::Changed, seq, "", message);
                    }
                }
            }
        }
    }
    Ok(check.finish())
}

/// The entries of an older export, in order.
struct Entries {
    export: Export<Box<dyn BufRead>>,
    last: Option<(u64, Hash)>,
}

impl Entries {
    fn open(file: Box<dyn BufRead>) -> Result<Self, Error> {
        Ok(Self { export: Export::open(file)?, last: None })
    }

    /// The hash that an entry had; `None` where the older export does not have it. Asked for in rising order.
    fn hash(&mut self, seq: u64) -> Result<Option<Hash>, Error> {
        while self.last.is_none_or(|(last, _)| last < seq) {
            match self.export.next()? {
                None => return Ok(None),
                Some(Part::Entry { seq, hash, leaf }) => {
                    let hash = leaf.map_or(hash, |leaf| leaf_hash(leaf.as_bytes()));
                    self.last = Some((seq, hash));
                }
                Some(Part::Block { .. } | Part::Unreadable(_)) => {}
            }
        }
        Ok(self.last.filter(|(last, _)| *last == seq).map(|(_, hash)| hash))
    }
}
