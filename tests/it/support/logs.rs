//! What the server logs, kept for a test that looks for what must not be in it. A test is a process of its own, so that
//! what it captures is its own.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::fmt::MakeWriter;

/// Everything that was logged.
#[derive(Clone, Default)]
pub struct Logs(Arc<Mutex<Vec<u8>>>);

impl Logs {
    /// Captures all levels from now on. Call it before the server starts, once in a process.
    pub fn capture() -> Self {
        Self::capture_from(tracing::Level::TRACE)
    }

    /// The same, of this level and above.
    pub fn capture_from(level: tracing::Level) -> Self {
        let logs = Self::default();
        tracing_subscriber::fmt().with_max_level(level).with_ansi(false).with_writer(logs.clone()).init();
        logs
    }

    /// The text so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Logs {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
