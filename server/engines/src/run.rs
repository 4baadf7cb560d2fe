//! One run of an engine's program, whichever engine it is: started under a supervisor and confined, listened to, stopped
//! when the job is to stop or takes too long, and judged by how it ended.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use crate::confine::{Confinement, Limit};
use crate::engine::{JobContext, LogLevel, Step};
use crate::error::{EngineError, ErrorClass};
use crate::narrator::Narrator;
use crate::supervisor::{CONTROL_DIR, EndReason, Exit, Frame, Grace, Spec, Supervised, SupervisorCommand};

/// A part of a line is shown when nothing has followed it for so long.
const IDLE: Duration = Duration::from_millis(200);

/// What programs and the libraries below them print when they are given no more memory, in every language the same.
const OUT_OF_MEMORY: [&str; 5] =
    ["Cannot allocate memory", "cannot allocate memory", "out of memory", "MemoryError", "memory exhausted"];

/// Listens to one run.
pub(crate) trait Ears: Send {
    /// Takes some of what the program printed.
    fn hear(&mut self, frame: &Frame);

    /// True when a part of a line waits for more.
    fn is_pending(&self) -> bool;

    /// Shows the part of a line that waits.
    fn flush(&mut self);

    /// The program has ended, and all of it was heard.
    fn finish(&mut self);

    /// The end of what it printed for people.
    fn tail(&self) -> String;
}

/// What to run.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    pub(crate) step: Step,
    /// Names the control directory of the run, for instance `apply`.
    pub(crate) name: &'static str,
    /// How the log calls the program, for instance `terraform`.
    pub(crate) subject: &'static str,
    /// The command line as the log shows it.
    pub(crate) title: String,
    /// An absolute path.
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<String>,
    pub(crate) cwd: PathBuf,
    /// The whole environment.
    pub(crate) env: BTreeMap<String, String>,
    /// False for what belongs to something that is done already: it runs even when the job is to stop.
    pub(crate) heeds_cancel: bool,
}

/// How a run ended that nobody stopped.
pub(crate) enum Ended {
    Well,
    /// By itself, with an error that its engine explains.
    Badly(Exit),
}

/// Runs programs for one call to an engine.
pub(crate) struct Run<'a> {
    pub(crate) job: &'a JobContext,
    pub(crate) log: &'a Narrator<'a>,
    pub(crate) supervisor: &'a SupervisorCommand,
    pub(crate) confinement: &'a Confinement,
}

impl Run<'_> {
    /// Runs a program to its end. What it was stopped for is an error already.
    pub(crate) async fn drive(&self, what: &Launch, ears: &mut impl Ears) -> Result<Ended, EngineError> {
        let (step, subject) = (what.step, what.subject);
        if what.heeds_cancel && self.job.cancel.is_cancelled() {
            return Err(cancelled(Exit::without_process(EndReason::Cancelled, "cancelled before it began")).at(step));
        }
        let hard_limit = self.job.started + self.job.timeouts.hard;
        if Instant::now() >= hard_limit {
            let exit = Exit::without_process(EndReason::Timeout, "the time was over before it began");
            return Err(self.timed_out(exit).at(step));
        }
        self.log.system(step, LogLevel::Info, &format!("$ {}", what.title));
        let started = self.start(what, hard_limit).await;
        let mut engine = started.map_err(|error| EngineError::io(&format!("run {subject}"), &error).at(step))?;

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
                    Some(frame) => ears.hear(&frame),
                    None => break,
                },
                () = self.job.cancel.cancelled(), if what.heeds_cancel && !is_stopping => {
                    is_stopping = true;
                    self.log.system(step, LogLevel::Warning, &format!("The job is to stop: {subject} is interrupted."));
                    engine.cancel().await;
                }
                () = sleep_until(soft_limit), if !is_stopping => {
                    (is_stopping, is_late) = (true, true);
                    let minutes = self.job.timeouts.soft.as_secs_f64() / 60.0;
                    let text = format!("The job runs longer than {minutes:.1} minutes: {subject} is interrupted.");
                    self.log.system(step, LogLevel::Warning, &text);
                    engine.cancel().await;
                }
                () = sleep(IDLE), if ears.is_pending() => ears.flush(),
            }
        }
        ears.finish();
        let exit = engine.wait().await;
        self.judge(what, exit, is_late, &ears.tail()).map_err(|error| error.at(step))
    }

    /// Waits for something that is no program, for as long as the job may go on.
    pub(crate) async fn heed<T: Send>(
        &self,
        step: Step,
        work: impl Future<Output = Result<T, EngineError>> + Send,
    ) -> Result<T, EngineError> {
        tokio::select! {
            done = work => done.map_err(|error| error.at(step)),
            () = self.job.cancel.cancelled() => {
                let exit = Exit::without_process(EndReason::Cancelled, "cancelled before it began");
                Err(cancelled(exit).at(step))
            }
            () = sleep_until(self.job.started + self.job.timeouts.soft) => {
                let exit = Exit::without_process(EndReason::Timeout, "the time was over before it began");
                Err(self.timed_out(exit).at(step))
            }
        }
    }

    async fn start(&self, what: &Launch, hard_limit: Instant) -> io::Result<Supervised> {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let sandbox = self.confinement.sandbox.as_ref();
        let (program, args) = match sandbox {
            Some(sandbox) => {
                (sandbox.program.clone(), sandbox.wrap(&what.program, &what.args, &what.cwd, &self.job.job_dir))
            }
            None => (what.program.clone(), what.args.clone()),
        };
        let spec = Spec {
            program,
            args,
            cwd: what.cwd.clone(),
            env: what.env.clone(),
            grace: Grace {
                interrupt_ms: millis(self.job.timeouts.interrupt),
                terminate_ms: millis(self.job.timeouts.terminate),
            },
            hard_timeout_ms: millis(hard_limit.saturating_duration_since(Instant::now())),
            control_dir: control_dir(&self.job.job_dir, what.name)?,
            limits: self.confinement.limits,
            cgroup: self.confinement.cgroup.clone(),
            sandboxed: sandbox.is_some(),
        };
        Supervised::spawn(&spec, self.supervisor).await
    }

    fn judge(&self, what: &Launch, exit: Exit, is_late: bool, tail: &str) -> Result<Ended, EngineError> {
        // Whoever got through has done it all, even when it was asked to stop meanwhile.
        if exit.code == Some(0) {
            return Ok(Ended::Well);
        }
        let subject = what.subject;
        Err(match exit.reason {
            EndReason::Timeout => self.timed_out(exit),
            EndReason::Cancelled if is_late => self.timed_out(Exit { reason: EndReason::Timeout, ..exit }),
            EndReason::Cancelled => cancelled(exit),
            EndReason::NotStarted => {
                let message = exit.message.clone().unwrap_or_else(|| format!("{subject} did not start"));
                EngineError::new(ErrorClass::Engine, format!("{message}."))
                    .suggest(format!("Check that {subject} can be run on the runner."))
                    .with_exit(exit)
            }
            EndReason::SupervisorLost | EndReason::ParentLost => {
                let message = format!("The supervisor of {subject} was lost.");
                EngineError::new(ErrorClass::RunnerLost, message).with_exit(exit)
            }
            EndReason::Exited | EndReason::Limit => match exit.limit.or_else(|| self.ran_out_of_memory(tail)) {
                Some(limit) => {
                    let (message, suggestion) = self.confinement.explain(limit);
                    let exit = Exit { limit: Some(limit), ..exit };
                    EngineError::new(ErrorClass::Quota, message).suggest(suggestion).with_exit(exit)
                }
                None => return Ok(Ended::Badly(exit)),
            },
        })
    }

    /// A single process that reaches its own limit is told so by the kernel and says it in its own way.
    fn ran_out_of_memory(&self, tail: &str) -> Option<Limit> {
        let is_limited = self.confinement.limits.memory_bytes.is_some();
        (is_limited && OUT_OF_MEMORY.iter().any(|text| tail.contains(text))).then_some(Limit::Memory)
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

/// Makes the directory of the next run of a job: its number and `name`. Several runs may ask at once.
fn control_dir(job_dir: &Path, name: &str) -> io::Result<PathBuf> {
    let all = job_dir.join(CONTROL_DIR);
    DirBuilder::new().recursive(true).mode(0o700).create(&all)?;
    let mut number = fs::read_dir(&all)?.count();
    loop {
        number += 1;
        let dir = all.join(format!("{number:02}-{name}"));
        match DirBuilder::new().mode(0o700).create(&dir) {
            Ok(()) => return Ok(dir),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}
