//! Where the engine's output goes: to the runner as frames, or, once the runner is gone, to a file.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::protocol::{OutputStream, write_frame};

/// Most that is kept after the runner was lost.
const MAX_SPILL: u64 = 10 * 1024 * 1024;

/// The engine's output on its way out of the supervisor. Writing to it never fails: what nobody can take is counted.
pub(crate) struct Outlet<W> {
    runner: Option<W>,
    path: PathBuf,
    file: Option<File>,
    spilled: u64,
    dropped: u64,
}

impl<W: Write> Outlet<W> {
    /// Sends to `runner` while that works, then to a file at `path`, which is made when the first byte needs it.
    pub(crate) fn new(runner: W, path: PathBuf) -> Self {
        Self { runner: Some(runner), path, file: None, spilled: 0, dropped: 0 }
    }

    /// Hands on what the engine printed. False when it was this write that showed that the runner is gone.
    pub(crate) fn output(&mut self, stream: OutputStream, bytes: &[u8]) -> bool {
        if let Some(runner) = &mut self.runner {
            if write_frame(runner, stream.kind(), bytes).is_ok() {
                return true;
            }
            self.runner = None;
            self.spill(bytes);
            return false;
        }
        self.spill(bytes);
        true
    }

    /// Stops writing to the runner.
    pub(crate) fn lose_runner(&mut self) {
        self.runner = None;
    }

    /// The runner, if it is still there.
    pub(crate) fn runner(&mut self) -> Option<&mut W> {
        self.runner.as_mut()
    }

    /// Bytes that went to the file, and bytes that did not fit there.
    pub(crate) const fn counts(&self) -> (u64, u64) {
        (self.spilled, self.dropped)
    }

    fn spill(&mut self, bytes: &[u8]) {
        let room = usize::try_from(MAX_SPILL - self.spilled).unwrap_or(usize::MAX).min(bytes.len());
        let written = if room == 0 { 0 } else { self.append(&bytes[..room]).map_or(0, |()| room) };
        self.spilled += written as u64;
        self.dropped += (bytes.len() - written) as u64;
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.file.is_none() {
            self.file = Some(create_private(&self.path)?);
        }
        self.file.as_mut().map_or(Ok(()), |file| file.write_all(bytes))
    }
}

/// Makes a file that only its owner can read.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A runner that takes a few bytes and is then gone.
    struct Leaving(usize);

    impl Write for Leaving {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0 < bytes.len() {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            self.0 -= bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_the_runner_does_not_take_goes_to_the_file_up_to_its_limit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("engine.log");
        let mut outlet = Outlet::new(Leaving(5 + 3), path.clone());
        assert!(outlet.output(OutputStream::Stdout, b"one"));
        assert!(!path.exists());
        assert!(!outlet.output(OutputStream::Stdout, b"two"), "the loss is told once");
        assert!(outlet.output(OutputStream::Stderr, b"three"));
        assert_eq!(std::fs::read(&path).unwrap(), b"twothree");
        let chunk = vec![b'x'; 1024 * 1024];
        for _ in 0..11 {
            outlet.output(OutputStream::Stdout, &chunk);
        }
        assert_eq!(outlet.counts(), (MAX_SPILL, 8 + 1024 * 1024));
        assert_eq!(std::fs::metadata(&path).unwrap().len(), MAX_SPILL);
    }
}
