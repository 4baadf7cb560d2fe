//! Tells the sink what happens: masked, cut into lines, with progress that never falls.

use std::sync::atomic::{AtomicU8, Ordering};

use futures::future::BoxFuture;

use crate::engine::{JobContext, LogLevel, LogLine, LogStream, Progress, Sink, Step};
use crate::lines::{LineSplitter, Piece};
use crate::mask::{Masker, Secrets};

/// Speaks for one call to the engine.
pub(crate) struct Narrator<'a> {
    sink: &'a dyn Sink,
    secrets: Secrets,
    percent: AtomicU8,
}

impl<'a> Narrator<'a> {
    pub(crate) fn new(job: &JobContext, sink: &'a dyn Sink) -> Self {
        let secrets = Secrets::new(job.secrets.iter().chain([&job.state.password]));
        Self { sink, secrets, percent: AtomicU8::new(0) }
    }

    /// A step, or a part of one, begins.
    pub(crate) fn begin(&self, step: Step, percent: u8, message: &str) {
        self.progress(step, 0, 0, percent, message);
    }

    pub(crate) fn progress(&self, step: Step, current: u32, total: u32, percent: u8, message: &str) {
        let percent = self.percent.fetch_max(percent, Ordering::Relaxed).max(percent);
        self.sink.progress(Progress { step, current, total, percent, message: self.mask(message) });
    }

    /// A line of the platform's own.
    pub(crate) fn system(&self, step: Step, level: LogLevel, text: &str) {
        self.stream(step, LogStream::System).message(level, format!("{text}\n").as_bytes());
    }

    pub(crate) fn mask(&self, text: &str) -> String {
        self.secrets.mask(text)
    }

    /// Resolves when the sink wants more.
    pub(crate) fn ready(&self) -> BoxFuture<'_, ()> {
        self.sink.ready()
    }

    /// A voice for one stream of one run.
    pub(crate) fn stream(&self, step: Step, stream: LogStream) -> Voice<'_> {
        Voice {
            sink: self.sink,
            step,
            stream,
            masker: self.secrets.masker(),
            splitter: LineSplitter::new(),
            masked: Vec::new(),
        }
    }
}

/// One stream on its way into the log.
pub(crate) struct Voice<'a> {
    sink: &'a dyn Sink,
    step: Step,
    stream: LogStream,
    masker: Masker,
    splitter: LineSplitter,
    /// Empty between calls; kept for its memory.
    masked: Vec<u8>,
}

impl Voice<'_> {
    /// A whole message of one line or several.
    pub(crate) fn message(&mut self, level: LogLevel, text: &[u8]) {
        self.masker.push(text, &mut self.masked);
        self.masker.end_message(&mut self.masked);
        self.say(level);
        // A message without an ending is a line all the same: the next one does not go on with it.
        let rest = std::mem::take(&mut self.splitter).finish();
        self.emit(level, rest);
    }

    /// Some bytes of a stream, cut anywhere.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.masker.push(bytes, &mut self.masked);
        self.say(LogLevel::Info);
    }

    /// True when a part of a line waits for more.
    pub(crate) fn is_pending(&self) -> bool {
        self.splitter.is_pending()
    }

    /// Shows the part of a line that waits. What may become a secret still waits.
    pub(crate) fn flush(&mut self) {
        let part = self.splitter.flush();
        self.emit(LogLevel::Info, part);
    }

    /// The stream is over.
    pub(crate) fn finish(&mut self) {
        self.masker.end_message(&mut self.masked);
        self.say(LogLevel::Info);
        let rest = std::mem::take(&mut self.splitter).finish();
        self.emit(LogLevel::Info, rest);
    }

    fn say(&mut self, level: LogLevel) {
        let (sink, step, stream) = (self.sink, self.step, self.stream);
        self.splitter.push(&self.masked, |piece| sink.log(line(step, stream, level, piece)));
        self.masked.clear();
    }

    fn emit(&self, level: LogLevel, piece: Option<Piece>) {
        if let Some(piece) = piece {
            self.sink.log(line(self.step, self.stream, level, piece));
        }
    }
}

fn line(step: Step, stream: LogStream, level: LogLevel, piece: Piece) -> LogLine {
    LogLine { step, stream, level, data: piece.data, continued: piece.continued }
}
