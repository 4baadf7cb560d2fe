//! One run of the binary, and what is made of what it prints.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::events::{Event, Told};
use super::failure::classify;
use super::workdir::Workdir;
use crate::engine::{LogStream, Step};
use crate::error::{EngineError, ErrorClass};
use crate::narrator::{Narrator, Voice};
use crate::run::{Ears as Listen, Ended, Launch, Run};
use crate::supervisor::{Frame, OutputStream};

/// Longest event that is read as one; Terraform cuts what programs print far below that.
const MAX_EVENT: usize = 8 * 1024 * 1024;
/// Longest answer that is captured.
const MAX_CAPTURE: usize = 64 * 1024 * 1024;
/// How much of the end of plain output is kept for an error's message.
const MAX_TAIL: usize = 4096;

/// What to run.
pub(super) struct Invocation {
    step: Step,
    name: &'static str,
    args: Vec<String>,
    heeds_cancel: bool,
}

impl Invocation {
    /// `terraform <name>`, as a part of `step`.
    pub(super) fn new(step: Step, name: &'static str) -> Self {
        Self { step, name, args: vec![name.to_owned()], heeds_cancel: true }
    }

    pub(super) fn args<const N: usize>(mut self, args: [&str; N]) -> Self {
        self.args.extend(args.map(str::to_owned));
        self
    }

    pub(super) fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Runs even when the job is to stop: what it does belongs to something that is done already.
    pub(super) fn despite_cancel(mut self) -> Self {
        self.heeds_cancel = false;
        self
    }
}

/// Runs the binary in a job's directory.
pub(super) struct Runner<'a> {
    pub(super) run: Run<'a>,
    pub(super) workdir: Workdir,
    pub(super) binary: PathBuf,
    /// `terraform` or `tofu`.
    pub(super) program: &'static str,
    pub(super) env: BTreeMap<String, String>,
}

impl<'a> Runner<'a> {
    pub(super) fn log(&self) -> &'a Narrator<'a> {
        self.run.log
    }

    /// Runs a command with `-json`. `on_count` is called when the count of resources has changed.
    pub(super) async fn run(&self, what: Invocation, on_count: impl Fn(&Told) + Send) -> Result<Told, EngineError> {
        let mut ears = Ears::new(self.log(), what.step, Stdout::Events, on_count);
        self.drive(&what, &mut ears).await?;
        Ok(ears.told)
    }

    /// Runs a command whose answer is its standard output.
    pub(super) async fn capture(&self, what: Invocation) -> Result<Vec<u8>, EngineError> {
        let mut ears = Ears::new(self.log(), what.step, Stdout::Captured, |_: &Told| ());
        self.drive(&what, &mut ears).await?;
        if ears.captured.len() > MAX_CAPTURE {
            let message = format!("{} {} printed more than {MAX_CAPTURE} bytes.", self.program, what.name);
            return Err(EngineError::new(ErrorClass::Engine, message).at(what.step));
        }
        Ok(ears.captured)
    }

    async fn drive<F: Fn(&Told) + Send>(&self, what: &Invocation, ears: &mut Ears<'_, F>) -> Result<(), EngineError> {
        let launch = Launch {
            step: what.step,
            name: what.name,
            subject: self.program,
            title: format!("{} {}", self.program, what.args.join(" ")),
            program: self.binary.clone(),
            args: what.args.clone(),
            cwd: self.workdir.template().to_owned(),
            env: self.env.clone(),
            heeds_cancel: what.heeds_cancel,
        };
        match self.run.drive(&launch, ears).await? {
            Ended::Well => Ok(()),
            Ended::Badly(exit) => {
                let mut error = classify(&ears.told.diagnostics, &ears.tail());
                error.message = self.log().mask(&error.message);
                Err(error.with_exit(exit).at(what.step))
            }
        }
    }
}

/// What standard output is.
enum Stdout {
    /// One event a line; other lines are what programs printed past Terraform.
    Events,
    /// The answer.
    Captured,
}

/// Listens to one run.
struct Ears<'a, F> {
    stdout_is: Stdout,
    stdout: Voice<'a>,
    stderr: Voice<'a>,
    /// The beginning of an event whose end has not been seen.
    line: Vec<u8>,
    told: Told,
    captured: Vec<u8>,
    /// The end of what was printed outside of events.
    tail: Vec<u8>,
    on_count: F,
}

impl<'a, F: Fn(&Told) + Send> Ears<'a, F> {
    fn new(log: &'a Narrator<'a>, step: Step, stdout_is: Stdout, on_count: F) -> Self {
        Self {
            stdout_is,
            stdout: log.stream(step, LogStream::Stdout),
            stderr: log.stream(step, LogStream::Stderr),
            line: Vec::new(),
            told: Told::default(),
            captured: Vec::new(),
            tail: Vec::new(),
            on_count,
        }
    }

    /// True when the count of resources has changed.
    fn hear_lines(&mut self, bytes: &[u8]) -> bool {
        let mut counted = false;
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") || self.line.len() > MAX_EVENT {
                counted |= self.hear_line();
            }
        }
        counted
    }

    fn hear_line(&mut self) -> bool {
        let line = std::mem::take(&mut self.line);
        if let Some(event) = Event::parse(&line) {
            self.stdout.message(event.level(), event.text().as_bytes());
            return self.told.hear(event);
        }
        self.stdout.raw(&line);
        self.keep(&line);
        false
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
        let surplus = self.tail.len().saturating_sub(MAX_TAIL);
        self.tail.drain(..surplus);
    }
}

impl<F: Fn(&Told) + Send> Listen for Ears<'_, F> {
    fn hear(&mut self, frame: &Frame) {
        match (frame.stream, &self.stdout_is) {
            (OutputStream::Stdout, Stdout::Events) => {
                if self.hear_lines(&frame.bytes) {
                    (self.on_count)(&self.told);
                }
            }
            (OutputStream::Stdout, Stdout::Captured) => {
                // One frame too much tells that the answer is too long.
                if self.captured.len() <= MAX_CAPTURE {
                    self.captured.extend_from_slice(&frame.bytes);
                }
            }
            (OutputStream::Stderr, _) => {
                self.stderr.raw(&frame.bytes);
                self.keep(&frame.bytes);
            }
        }
    }

    fn tail(&self) -> String {
        String::from_utf8_lossy(&self.tail).into_owned()
    }

    fn is_pending(&self) -> bool {
        self.stdout.is_pending() || self.stderr.is_pending()
    }

    fn flush(&mut self) {
        self.stdout.flush();
        self.stderr.flush();
    }

    fn finish(&mut self) {
        if !self.line.is_empty() {
            self.hear_line();
        }
        self.stdout.finish();
        self.stderr.finish();
    }
}
