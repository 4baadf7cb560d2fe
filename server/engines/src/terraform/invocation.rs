//! One run of the binary, under a supervisor.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::events::{Event, Told};
use super::failure::classify;
use super::narrator::{Narrator, Voice};
use super::workdir::Workdir;
use crate::engine::{JobContext, LogLevel, LogStream, Step};
use crate::error::{EngineError, ErrorClass};
use crate::supervisor::{EndReason, Exit, Frame, Grace, OutputStream, Spec, Supervised, SupervisorCommand};

/// A part of a line is shown when nothing has followed it for so long.
const IDLE: Duration = Duration::from_millis(200);
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
    pub(super) job: &'a JobContext,
    pub(super) log: &'a Narrator<'a>,
    pub(super) workdir: Workdir,
    pub(super) binary: PathBuf,
    pub(super) env: BTreeMap<String, String>,
    pub(super) supervisor: &'a SupervisorCommand,
}

impl Runner<'_> {
    /// Runs a command with `-json`. `on_count` is called when the count of resources has changed.
    pub(super) async fn run(&self, what: Invocation, on_count: impl Fn(&Told) + Send) -> Result<Told, EngineError> {
        let mut ears = Ears::new(self.log, what.step, Stdout::Events);
        self.drive(&what, &mut ears, on_count).await?;
        Ok(ears.told)
    }

    /// Runs a command whose answer is its standard output.
    pub(super) async fn capture(&self, what: Invocation) -> Result<Vec<u8>, EngineError> {
        let mut ears = Ears::new(self.log, what.step, Stdout::Captured);
        self.drive(&what, &mut ears, |_| ()).await?;
        if ears.captured.len() > MAX_CAPTURE {
            let message = format!("terraform {} printed more than {MAX_CAPTURE} bytes.", what.name);
            return Err(EngineError::new(ErrorClass::Engine, message).at(what.step));
        }
        Ok(ears.captured)
    }

    async fn drive(
        &self,
        what: &Invocation,
        ears: &mut Ears<'_>,
        on_count: impl Fn(&Told) + Send,
    ) -> Result<(), EngineError> {
        let step = what.step;
        if what.heeds_cancel && self.job.cancel.is_cancelled() {
            return Err(cancelled(Exit::without_process(EndReason::Cancelled, "cancelled before it began")).at(step));
        }
        let hard_limit = self.job.started + self.job.timeouts.hard;
        if Instant::now() >= hard_limit {
            let exit = Exit::without_process(EndReason::Timeout, "the time was over before it began");
            return Err(self.timed_out(exit).at(step));
        }
        self.log.system(step, LogLevel::Info, &format!("$ terraform {}", what.args.join(" ")));
        let mut engine =
            self.start(what, hard_limit).await.map_err(|error| EngineError::io("run terraform", &error).at(step))?;

        let soft_limit = self.job.started + self.job.timeouts.soft;
        let mut is_stopping = false;
        let mut is_late = false;
        loop {
            tokio::select! {
                frame = async {
                    // An engine that is stopping is not slowed down: a sink that is stuck must not keep the job alive.
                    if !is_stopping {
                        self.log.ready().await;
                    }
                    engine.next().await
                } => match frame {
                    Some(frame) => {
                        if ears.hear(&frame) {
                            on_count(&ears.told);
                        }
                    }
                    None => break,
                },
                () = self.job.cancel.cancelled(), if what.heeds_cancel && !is_stopping => {
                    is_stopping = true;
                    self.log.system(step, LogLevel::Warning, "The job is to stop: terraform is interrupted.");
                    engine.cancel().await;
                }
                () = sleep_until(soft_limit), if !is_stopping => {
                    (is_stopping, is_late) = (true, true);
                    let minutes = self.job.timeouts.soft.as_secs_f64() / 60.0;
                    let text = format!("The job runs longer than {minutes:.1} minutes: terraform is interrupted.");
                    self.log.system(step, LogLevel::Warning, &text);
                    engine.cancel().await;
                }
                () = sleep(IDLE), if ears.is_pending() => ears.flush(),
            }
        }
        ears.finish();
        let exit = engine.wait().await;
        self.judge(exit, is_late, ears).map_err(|error| error.at(step))
    }

    async fn start(&self, what: &Invocation, hard_limit: Instant) -> io::Result<Supervised> {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let spec = Spec {
            program: self.binary.clone(),
            args: what.args.clone(),
            cwd: self.workdir.template().to_owned(),
            env: self.env.clone(),
            grace: Grace {
                interrupt_ms: millis(self.job.timeouts.interrupt),
                terminate_ms: millis(self.job.timeouts.terminate),
            },
            hard_timeout_ms: millis(hard_limit.saturating_duration_since(Instant::now())),
            control_dir: self.workdir.control_dir(what.name)?,
        };
        Supervised::spawn(&spec, self.supervisor).await
    }

    fn judge(&self, exit: Exit, is_late: bool, ears: &Ears<'_>) -> Result<(), EngineError> {
        // Whoever got through has done it all, even when it was asked to stop meanwhile.
        if exit.code == Some(0) {
            return Ok(());
        }
        Err(match exit.reason {
            EndReason::Timeout => self.timed_out(exit),
            EndReason::Cancelled if is_late => self.timed_out(Exit { reason: EndReason::Timeout, ..exit }),
            EndReason::Cancelled => cancelled(exit),
            EndReason::NotStarted => {
                let message = exit.message.clone().unwrap_or_else(|| "terraform did not start".to_owned());
                EngineError::new(ErrorClass::Engine, format!("{message}."))
                    .suggest("Check that the terraform binary of the runner can be run.")
                    .with_exit(exit)
            }
            EndReason::SupervisorLost | EndReason::ParentLost => {
                EngineError::new(ErrorClass::RunnerLost, "The supervisor of terraform was lost.").with_exit(exit)
            }
            EndReason::Exited => {
                let mut error = classify(&ears.told.diagnostics, &ears.tail());
                error.message = self.log.mask(&error.message);
                error.with_exit(exit)
            }
        })
    }

    fn timed_out(&self, exit: Exit) -> EngineError {
        let limit = if Instant::now() >= self.job.started + self.job.timeouts.hard {
            self.job.timeouts.hard
        } else {
            self.job.timeouts.soft
        };
        let message = format!("The job took longer than {:.1} minutes and was stopped.", limit.as_secs_f64() / 60.0);
        EngineError::new(ErrorClass::Timeout, message).with_exit(exit)
    }
}

fn cancelled(exit: Exit) -> EngineError {
    EngineError::new(ErrorClass::Unknown, "The job was cancelled.")
        .suggest("Nothing to do: it was asked for.")
        .with_exit(exit)
}

/// What standard output is.
enum Stdout {
    /// One event a line; other lines are what programs printed past Terraform.
    Events,
    /// The answer.
    Captured,
}

/// Listens to one run.
struct Ears<'a> {
    stdout_is: Stdout,
    stdout: Voice<'a>,
    stderr: Voice<'a>,
    /// The beginning of an event whose end has not been seen.
    line: Vec<u8>,
    told: Told,
    captured: Vec<u8>,
    /// The end of what was printed outside of events.
    tail: Vec<u8>,
}

impl<'a> Ears<'a> {
    fn new(log: &'a Narrator<'a>, step: Step, stdout_is: Stdout) -> Self {
        Self {
            stdout_is,
            stdout: log.stream(step, LogStream::Stdout),
            stderr: log.stream(step, LogStream::Stderr),
            line: Vec::new(),
            told: Told::default(),
            captured: Vec::new(),
            tail: Vec::new(),
        }
    }

    /// True when the count of resources has changed.
    fn hear(&mut self, frame: &Frame) -> bool {
        match (frame.stream, &self.stdout_is) {
            (OutputStream::Stdout, Stdout::Events) => return self.hear_lines(&frame.bytes),
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
        false
    }

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
