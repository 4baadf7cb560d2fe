//! The command engine: a template brings programs of its own, and its manifest says under `command` which one plans and
//! which one applies. `templates/README.md` tells authors what such a program is given and what it gives back.
//!
//! The engine does for a program what Terraform does for its providers. It takes the lock of the workspace state, reads
//! the state and hands it over as a file, and checks the plan that comes back against it. It saves that plan together
//! with the hash of the template, applies no other one, and holds what was done against what was planned. It stores the
//! new state, also when the program has failed or was stopped. The credential of the state never reaches the program.
//!
//! - `document`: plan, outputs and state as programs write them, judged strictly.
//! - `ears`: what a program prints becomes log lines and progress.
//! - `planfile`: the saved plan.
//! - `state`: the workspace state over HTTP.
//! - `text`: the plan for people.
//! - `workdir`: what is put into the job's directory, and the environment.

mod document;
mod ears;
mod http;
mod planfile;
mod state;
mod text;
mod workdir;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use flagstone_core::manifest::Command as Programs;
use futures::future::BoxFuture;
use serde_json::Value;

use crate::confine::Confinement;
use crate::engine::{
    Applied, AppliedResource, Detected, Engine, EngineKind, Flavour, Inspected, JobContext, LogLevel, Operation,
    Output, Planned, ResourceAction, Sink, Step,
};
use crate::error::{EngineError, ErrorClass};
use crate::narrator::Narrator;
use crate::run::{Ears as _, Ended, Launch, Run};
use crate::supervisor::SupervisorCommand;
use document::{Changes, Doing};
use ears::Ears;
use planfile::{PlanFile, SavedPlan};
use state::{Backend, Lock, State};
use workdir::Workdir;

pub use workdir::leftover_state;

/// The version of what a program is given and gives back.
pub const INTERFACE: &str = "1";

/// How a runner is set up for templates that bring programs.
#[derive(Clone, Debug)]
pub struct CommandConfig {
    /// The programs' `PATH`, in which programs that are named without a slash are searched, too.
    pub path: String,
    pub supervisor: SupervisorCommand,
    pub confinement: Confinement,
}

impl CommandConfig {
    /// A system's usual `PATH`, no limits.
    pub fn new(supervisor: SupervisorCommand) -> Self {
        Self { path: Self::usual_path().to_owned(), supervisor, confinement: Confinement::default() }
    }

    /// The `PATH` of engines where nobody gives another.
    pub const fn usual_path() -> &'static str {
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    }
}

/// Drives the programs of templates.
#[derive(Clone, Debug)]
pub struct Command {
    config: CommandConfig,
}

/// Share of a call, in percent, that is done when something begins.
mod percent {
    pub(super) const SETUP: u8 = 2;
    pub(super) const INIT: u8 = 5;
    pub(super) const RUN: u8 = 20;
    pub(super) const READ: u8 = 95;
    pub(super) const DONE: u8 = 100;
}

/// What a call has at hand once the job's directory is filled.
struct Prepared<'a> {
    job: &'a JobContext,
    log: &'a Narrator<'a>,
    run: Run<'a>,
    workdir: Workdir,
    programs: Programs,
    path: &'a str,
    /// SHA-256 of all files of the template, as they are before anything ran.
    template_sha256: String,
}

impl Command {
    /// An engine of this set-up. Nothing is looked for until it is needed.
    pub const fn new(config: CommandConfig) -> Self {
        Self { config }
    }

    fn prepare<'a>(&'a self, job: &'a JobContext, log: &'a Narrator<'a>) -> Result<Prepared<'a>, EngineError> {
        log.begin(Step::Validate, 0, "Looking at the template and its inputs");
        let workdir = Workdir::new(job);
        let programs = workdir.programs(&job.inputs).map_err(|error| error.at(Step::Validate))?;
        log.begin(Step::Setup, percent::SETUP, "Filling the job's directory");
        let fill = || -> std::io::Result<String> {
            workdir.make()?;
            workdir.template_hash()
        };
        let template_sha256 =
            fill().map_err(|error| EngineError::io("fill the job's directory", &error).at(Step::Setup))?;
        let run = Run { job, log, supervisor: &self.config.supervisor, confinement: &self.config.confinement };
        Ok(Prepared { job, log, run, workdir, programs, path: &self.config.path, template_sha256 })
    }

    async fn run_plan(&self, job: &JobContext, sink: &dyn Sink) -> Result<Planned, EngineError> {
        let log = Narrator::new(job, sink);
        let at_hand = self.prepare(job, &log)?;
        let backend = Backend::new(&job.state).map_err(|error| error.at(Step::Init))?;
        log.begin(Step::Init, percent::INIT, "Reading the state");
        let lock = at_hand.run.heed(Step::Plan, backend.lock("plan")).await?;
        let planned = at_hand.plan(&backend).await;
        release(&backend, lock, &log, Step::Plan).await;
        let saved = planned?;
        log.begin(Step::Plan, percent::READ, "Reading the plan");
        let file = at_hand.workdir.plan_file();
        let written = saved.write(&file).map_err(|error| EngineError::io("save the plan", &error).at(Step::Plan))?;
        let plan_text = log.mask(&text::render(&saved.changes, job));
        log.begin(Step::Plan, percent::DONE, "Planned");
        Ok(Planned {
            destroys: saved.changes.destroys(),
            plan_json: saved.changes.document().clone(),
            plan_text,
            file,
            file_sha256: written,
            provider_lock_hash: planfile::sha256(b""),
        })
    }

    async fn run_inspect(&self, job: &JobContext, plan: &Path, sink: &dyn Sink) -> Result<Inspected, EngineError> {
        let log = Narrator::new(job, sink);
        let at_hand = self.prepare(job, &log)?;
        let PlanFile { saved, sha256 } = at_hand.read_plan(plan).map_err(|error| error.at(Step::Init))?;
        Ok(Inspected {
            plan_json: saved.changes.document().clone(),
            file_sha256: sha256,
            provider_lock_hash: planfile::sha256(b""),
        })
    }

    async fn run_apply(&self, job: &JobContext, plan: &Path, sink: &dyn Sink) -> Result<Applied, EngineError> {
        let log = Narrator::new(job, sink);
        let at_hand = self.prepare(job, &log)?;
        let PlanFile { saved, .. } = at_hand.read_plan(plan).map_err(|error| error.at(Step::Init))?;
        let backend = Backend::new(&job.state).map_err(|error| error.at(Step::Init))?;
        log.begin(Step::Init, percent::INIT, "Reading the state");
        let lock = at_hand.run.heed(Step::Apply, backend.lock("apply")).await?;
        let applied = at_hand.apply(&backend, &lock, &saved).await;
        release(&backend, lock, &log, Step::Apply).await;
        let applied = applied.map_err(|error| error.at(Step::Apply))?;
        log.begin(Step::Apply, percent::DONE, "Applied");
        Ok(applied)
    }
}

impl Prepared<'_> {
    async fn plan(&self, backend: &Backend) -> Result<SavedPlan, EngineError> {
        let state = self.run.heed(Step::Init, backend.read()).await?;
        let operation = self.job.operation;
        let files = self.workdir.for_plan(&self.job.inputs, &state);
        files.map_err(|error| EngineError::io("fill the job's directory", &error).at(Step::Setup))?;
        self.log.begin(Step::Plan, percent::RUN, "Planning");
        self.execute(Step::Plan, "plan", &self.programs.plan, operation).await?;
        let written = self.workdir.changes().and_then(|bytes| Changes::read(&bytes, operation, &state.addresses));
        Ok(SavedPlan {
            operation,
            template_sha256: self.template_sha256.clone(),
            inputs: self.job.inputs.clone(),
            base: state.base(),
            changes: written.map_err(|error| error.at(Step::Plan))?,
        })
    }

    /// Reads a saved plan and compares it with the template at hand.
    fn read_plan(&self, plan: &Path) -> Result<PlanFile, EngineError> {
        let file = PlanFile::read(plan)?;
        if file.saved.template_sha256 != self.template_sha256 {
            let message = "The saved plan was made with other files of the template.";
            return Err(EngineError::new(ErrorClass::Conflict, message).suggest("Plan the request again."));
        }
        Ok(file)
    }

    async fn apply(&self, backend: &Backend, lock: &Lock, saved: &SavedPlan) -> Result<Applied, EngineError> {
        let before = self.run.heed(Step::Apply, backend.read()).await?;
        if before.base() != saved.base {
            let message = "Saved plan is stale: the workspace state has changed since it was made.";
            return Err(EngineError::new(ErrorClass::Conflict, message).suggest("Plan the request again."));
        }
        let destroys = saved.operation == Operation::Destroy;
        let files = self.workdir.for_apply(&saved.inputs, &before, &saved.changes.for_program());
        files.map_err(|error| EngineError::io("fill the job's directory", &error))?;
        self.log.begin(Step::Apply, percent::RUN, "Applying");
        let ended = self.execute(Step::Apply, "apply", self.programs.applying(destroys), saved.operation).await;
        // Whatever became of the program, what it says that there is now is all that is known of it.
        let outputs = self.workdir.outputs();
        let stored = self.store(backend, lock, outputs.as_ref().ok()).await;
        ended?;
        let after = stored?.ok_or_else(|| {
            EngineError::new(ErrorClass::Engine, "The program ended well but wrote no state.")
                .suggest("Correct the template: its program writes the file that FLAGSTONE_NEW_STATE_FILE names.")
        })?;
        self.log.begin(Step::Apply, percent::READ, "Reading the outputs");
        saved.changes.check_done(&before.addresses, &after.addresses)?;
        let outputs = saved.changes.check_outputs(outputs?)?;
        Ok(Applied { outputs, resources: resources(&saved.changes, &after) })
    }

    /// Stores the state that the program wrote. Nothing where it wrote none.
    async fn store(
        &self,
        backend: &Backend,
        lock: &Lock,
        outputs: Option<&BTreeMap<String, Output>>,
    ) -> Result<Option<State>, EngineError> {
        let Some(state) = self.workdir.new_state(outputs)? else { return Ok(None) };
        match backend.store(lock, &state).await {
            Ok(()) => {
                self.workdir.set_stored().map_err(|error| EngineError::io("write to the job's directory", &error))?;
                Ok(Some(state))
            }
            Err(error) => {
                self.log.system(Step::Apply, LogLevel::Error, &error.message);
                self.workdir
                    .keep_state(&state)
                    .map_err(|error| EngineError::io("keep the state in the job's directory", &error))?;
                Err(error)
            }
        }
    }

    async fn execute(
        &self,
        step: Step,
        name: &'static str,
        words: &[String],
        operation: Operation,
    ) -> Result<(), EngineError> {
        let (program, args) = self.workdir.resolve(words, self.path).map_err(|error| error.at(step))?;
        let launch = Launch {
            step,
            name,
            subject: "the program",
            title: words.join(" "),
            program,
            args,
            cwd: self.workdir.template().to_owned(),
            env: self.workdir.env(self.job, self.path, step, operation),
            heeds_cancel: true,
        };
        let mut ears = Ears::new(self.log, step, percent::RUN..percent::READ);
        match self.run.drive(&launch, &mut ears).await? {
            Ended::Well => Ok(()),
            Ended::Badly(exit) => {
                let tail = ears.tail();
                let mut error = ears.explain(&exit, &tail);
                error.message = self.log.mask(&error.message);
                error.suggestion = self.log.mask(&error.suggestion);
                Err(error.with_exit(exit).at(step))
            }
        }
    }
}

/// Lets go of the lock. That it could not be is worth a line, and no more: the server frees it when the lease ends.
async fn release(backend: &Backend, lock: Lock, log: &Narrator<'_>, step: Step) {
    if let Err(error) = backend.unlock(lock).await {
        log.system(step, LogLevel::Warning, &format!("The state could not be unlocked: {}", error.message));
    }
}

/// What was done, in the order of the plan, with the ids that the state tells.
fn resources(changes: &Changes, after: &State) -> Vec<AppliedResource> {
    let one = |doing: &Doing<'_>, action| AppliedResource {
        address: doing.address.to_owned(),
        resource_type: doing.resource_type.to_owned(),
        action,
        id: after.id_of(doing.address).filter(|_| action != ResourceAction::Deleted),
    };
    let mut done = Vec::new();
    for doing in changes.doings() {
        for action in &doing.actions {
            match *action {
                "create" => done.push(one(&doing, ResourceAction::Created)),
                "update" => done.push(one(&doing, ResourceAction::Updated)),
                "delete" => done.push(one(&doing, ResourceAction::Deleted)),
                _ => {}
            }
        }
    }
    done
}

/// A word for the operation, as programs are told it and saved plans hold it.
const fn operation_word(operation: Operation) -> &'static str {
    match operation {
        Operation::Create => "CREATE",
        Operation::Update => "UPDATE",
        Operation::Destroy => "DESTROY",
    }
}

/// An error of a template whose program does not keep to the interface.
fn unfit(message: impl Into<String>) -> EngineError {
    EngineError::new(ErrorClass::Engine, message).suggest(
        "Correct the template's program and publish a new version: templates/README.md says what it gives back.",
    )
}

impl Engine for Command {
    fn kind(&self) -> EngineKind {
        EngineKind::Command
    }

    /// Always there: the programs come with the templates. The version is that of the interface to them.
    fn detect(&self) -> BoxFuture<'_, Result<Detected, EngineError>> {
        let binary: PathBuf = self.config.supervisor.program.clone();
        let found = Detected { binary, version: INTERFACE.to_owned(), flavour: Flavour::BuiltIn };
        Box::pin(std::future::ready(Ok(found)))
    }

    fn plan<'a>(&'a self, job: &'a JobContext, sink: &'a dyn Sink) -> BoxFuture<'a, Result<Planned, EngineError>> {
        Box::pin(self.run_plan(job, sink))
    }

    fn inspect<'a>(
        &'a self,
        job: &'a JobContext,
        plan_file: &'a Path,
        sink: &'a dyn Sink,
    ) -> BoxFuture<'a, Result<Inspected, EngineError>> {
        Box::pin(self.run_inspect(job, plan_file, sink))
    }

    fn apply<'a>(
        &'a self,
        job: &'a JobContext,
        plan_file: &'a Path,
        sink: &'a dyn Sink,
    ) -> BoxFuture<'a, Result<Applied, EngineError>> {
        Box::pin(self.run_apply(job, plan_file, sink))
    }
}

/// A JSON object's field, or null.
fn field<'a>(value: &'a Value, key: &str) -> &'a Value {
    value.get(key).unwrap_or(&Value::Null)
}
