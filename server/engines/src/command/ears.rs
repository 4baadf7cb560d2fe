//! What a program prints. Every line goes into the log. A line on standard output that begins with `@flagstone ` and goes
//! on as JSON is for the platform, and its message goes into the log in its place:
//!
//! ```text
//! @flagstone {"progress": {"current": 1, "total": 3, "message": "Made the bucket"}}
//! @flagstone {"error": {"class": "QUOTA", "message": "No more buckets", "suggestion": "Ask for more."}}
//! ```

use std::ops::Range;

use flagstone_core::job::ErrorClass;
use serde::Deserialize;

use crate::engine::{LogLevel, LogStream, Step};
use crate::error::EngineError;
use crate::narrator::{Narrator, Voice};
use crate::run::Ears as Listen;
use crate::supervisor::{Exit, Frame, OutputStream};

const PREFIX: &[u8] = b"@flagstone ";
/// Longest line for the platform. A longer one is a line like any other.
const MAX_TOLD: usize = 16 * 1024;
/// Longest message of such a line, in characters.
const MAX_MESSAGE: usize = 2000;
/// How much of the end of the output is kept for an error's message.
const MAX_TAIL: usize = 4096;

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Told {
    Progress {
        current: u32,
        total: u32,
        message: String,
    },
    Error {
        class: String,
        message: String,
        #[serde(default)]
        suggestion: String,
    },
}

/// Listens to one run.
pub(super) struct Ears<'a> {
    log: &'a Narrator<'a>,
    step: Step,
    /// The share of the call, in percent, that the run is.
    share: Range<u8>,
    stdout: Voice<'a>,
    stderr: Voice<'a>,
    /// The beginning of a line that may be for the platform.
    held: Vec<u8>,
    /// A line that is not has begun.
    in_line: bool,
    error: Option<EngineError>,
    tail: Vec<u8>,
}

impl<'a> Ears<'a> {
    pub(super) fn new(log: &'a Narrator<'a>, step: Step, share: Range<u8>) -> Self {
        Self {
            log,
            step,
            share,
            stdout: log.stream(step, LogStream::Stdout),
            stderr: log.stream(step, LogStream::Stderr),
            held: Vec::new(),
            in_line: false,
            error: None,
            tail: Vec::new(),
        }
    }

    /// The error of a run that has failed: the one that the program told, or what it printed last.
    pub(super) fn explain(self, exit: &Exit, tail: &str) -> EngineError {
        if let Some(error) = self.error {
            return error;
        }
        let lines: Vec<&str> = tail.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let how = match (exit.code, exit.signal) {
            (Some(code), _) => format!("ended with code {code}"),
            (None, Some(signal)) => format!("was ended by signal {signal}"),
            (None, None) => "ended in a way that is not known".to_owned(),
        };
        let last = lines.last().map_or(String::new(), |last| format!(": {last}"));
        EngineError::new(ErrorClass::Engine, cut(&format!("The template's program {how}{last}")))
    }

    fn hear_stdout(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let ended = part.ends_with(b"\n");
            if self.in_line {
                self.plain(part);
                self.in_line = !ended;
                continue;
            }
            self.held.extend_from_slice(part);
            let may_be = self.held.starts_with(PREFIX) || PREFIX.starts_with(&self.held);
            if may_be && !ended && self.held.len() <= MAX_TOLD {
                continue;
            }
            let line = std::mem::take(&mut self.held);
            let told = line.strip_prefix(PREFIX).and_then(|json| serde_json::from_slice::<Told>(json).ok());
            match told {
                Some(told) => self.take(told),
                None => {
                    self.plain(&line);
                    self.in_line = !ended;
                }
            }
        }
    }

    fn plain(&mut self, bytes: &[u8]) {
        self.stdout.raw(bytes);
        self.keep(bytes);
    }

    fn take(&mut self, told: Told) {
        match told {
            Told::Progress { current, total, message } => {
                let message = cut(&message);
                self.stdout.message(LogLevel::Info, format!("{message}\n").as_bytes());
                let (current, width) = (current.min(total), u64::from(self.share.end - self.share.start));
                let done = if total == 0 { 0 } else { width * u64::from(current) / u64::from(total) };
                let percent = self.share.start + u8::try_from(done).unwrap_or_default();
                self.log.progress(self.step, current, total, percent, &message);
            }
            Told::Error { class, message, suggestion } => {
                let message = cut(&message);
                self.stdout.message(LogLevel::Error, format!("{message}\n").as_bytes());
                // What only the platform can know is not the program's to say.
                let class = ErrorClass::parse(&class, "class").ok();
                let class = class.filter(|class| !matches!(class, ErrorClass::Timeout | ErrorClass::RunnerLost));
                let error = EngineError::new(class.unwrap_or(ErrorClass::Engine), message);
                self.error = Some(if suggestion.is_empty() { error } else { error.suggest(cut(&suggestion)) });
            }
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
        let surplus = self.tail.len().saturating_sub(MAX_TAIL);
        self.tail.drain(..surplus);
    }
}

impl Listen for Ears<'_> {
    fn hear(&mut self, frame: &Frame) {
        match frame.stream {
            OutputStream::Stdout => self.hear_stdout(&frame.bytes),
            OutputStream::Stderr => {
                self.stderr.raw(&frame.bytes);
                self.keep(&frame.bytes);
            }
        }
    }

    fn is_pending(&self) -> bool {
        self.stdout.is_pending() || self.stderr.is_pending()
    }

    fn flush(&mut self) {
        self.stdout.flush();
        self.stderr.flush();
    }

    fn finish(&mut self) {
        let held = std::mem::take(&mut self.held);
        self.plain(&held);
        self.stdout.finish();
        self.stderr.finish();
    }

    fn tail(&self) -> String {
        String::from_utf8_lossy(&self.tail).into_owned()
    }
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_MESSAGE).collect()
}
