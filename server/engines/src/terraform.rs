//! The Terraform engine: drives the `terraform` binary under the supervisor.
//!
//! What it runs, and why no more: `init` (the backend needs it), `plan -json -out` (which validates too, so that
//! `validate` would only cost its 40 ms again), both forms of `show` side by side, and on the other side of the approval
//! `apply -json` of that very file. A saved plan carries its configuration and its provider lock, so that an apply
//! whose plan uses no provider of its own needs no `init` at all.
//!
//! - `workdir`: what is put into the job's directory, and the environment.
//! - `invocation`: one run of the binary.
//! - `events`: the JSON lines of `-json`.
//! - `failure`: diagnostics become an [`EngineError`].
//! - `planfile`: what is read from a saved plan without Terraform.

mod events;
mod failure;
mod invocation;
mod planfile;
mod workdir;

use std::path::{Path, PathBuf};

use futures::future::{BoxFuture, try_join};
use serde_json::Value;

use crate::confine::Confinement;
use crate::engine::{
    Applied, Detected, Engine, EngineKind, Flavour, Inspected, JobContext, Operation, Planned, Sink, Step, TEMPLATE_DIR,
};
use crate::error::{EngineError, ErrorClass};
use crate::narrator::Narrator;
use crate::run::Run;
use crate::supervisor::SupervisorCommand;
use events::Told;
use invocation::{Invocation, Runner};
use planfile::PlanFile;
use workdir::Workdir;

/// How a runner is set up for Terraform.
#[derive(Clone, Debug)]
pub struct TerraformConfig {
    /// The binary, of Terraform or OpenTofu; when absent the first `terraform` in `path`, or else the first `tofu`.
    pub binary: Option<PathBuf>,
    /// The engine's `PATH`.
    pub path: String,
    /// A filesystem mirror of providers. When given, nothing is fetched from anywhere else.
    pub mirror: Option<PathBuf>,
    /// A directory that jobs share, where providers that were fetched are kept.
    pub plugin_cache: Option<PathBuf>,
    pub supervisor: SupervisorCommand,
    pub confinement: Confinement,
}

impl TerraformConfig {
    /// A system's usual `PATH`, no mirror, no cache, no limits.
    pub fn new(supervisor: SupervisorCommand) -> Self {
        Self {
            binary: None,
            path: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
            mirror: None,
            plugin_cache: None,
            supervisor,
            confinement: Confinement::default(),
        }
    }
}

/// Drives `terraform`.
#[derive(Clone, Debug)]
pub struct Terraform {
    config: TerraformConfig,
}

/// Share of a call, in percent, that is done when something begins. Measured on small plans.
mod percent {
    pub(super) const SETUP: u8 = 2;
    pub(super) const INIT: u8 = 5;
    pub(super) const PLAN: u8 = 30;
    pub(super) const SHOW: u8 = 80;
    pub(super) const APPLY: u8 = 20;
    pub(super) const OUTPUTS: u8 = 95;
    pub(super) const DONE: u8 = 100;
}

impl Terraform {
    /// An engine of this set-up. Nothing is looked for until it is needed.
    pub const fn new(config: TerraformConfig) -> Self {
        Self { config }
    }

    fn binary(&self) -> Result<PathBuf, EngineError> {
        let in_path =
            |name: &str| self.config.path.split(':').map(|dir| Path::new(dir).join(name)).find(|path| path.is_file());
        let found = match &self.config.binary {
            Some(binary) => binary.is_file().then(|| binary.clone()),
            None => in_path("terraform").or_else(|| in_path("tofu")),
        };
        found.ok_or_else(|| {
            EngineError::new(
                ErrorClass::Engine,
                "terraform was not found: install it or set FLAGSTONE_TERRAFORM to its path.",
            )
            .suggest(
                "Install Terraform or OpenTofu on the runner, or set FLAGSTONE_TERRAFORM to the path of its binary.",
            )
        })
    }

    async fn detect_version(&self) -> Result<Detected, EngineError> {
        let binary = self.binary()?;
        // Not under a supervisor: it changes nothing and ends by itself.
        let output = tokio::process::Command::new(&binary)
            // Without `-json`, where OpenTofu calls itself Terraform.
            .arg("version")
            .env_clear()
            .env("PATH", &self.config.path)
            .env("CHECKPOINT_DISABLE", "1")
            .kill_on_drop(true)
            .output()
            .await
            .map_err(|error| EngineError::io("run terraform", &error))?;
        let (flavour, version) = told_version(&output.stdout).ok_or_else(|| {
            EngineError::new(ErrorClass::Engine, format!("{} does not tell its version.", binary.display()))
                .suggest("Check that FLAGSTONE_TERRAFORM names a Terraform or OpenTofu binary.")
        })?;
        Ok(Detected { version, flavour, binary })
    }

    /// Fills the job's directory and makes ready to run the binary in it.
    fn prepare<'a>(&'a self, job: &'a JobContext, log: &'a Narrator<'a>) -> Result<Runner<'a>, EngineError> {
        log.begin(Step::Validate, 0, "Looking at the template and its inputs");
        let workdir = Workdir::new(job);
        workdir.validate(&job.inputs).map_err(|error| error.at(Step::Validate))?;
        log.begin(Step::Setup, percent::SETUP, "Filling the job's directory");
        let binary = self.binary().map_err(|error| error.at(Step::Setup))?;
        workdir.fill(&job.inputs, &self.config).map_err(|error| EngineError::io("fill the job's directory", &error))?;
        let env = workdir.env(job, &self.config);
        let run = Run { job, log, supervisor: &self.config.supervisor, confinement: &self.config.confinement };
        let program = if binary.file_name().is_some_and(|name| name == "tofu") { "tofu" } else { "terraform" };
        Ok(Runner { run, workdir, binary, program, env })
    }

    async fn run_plan(&self, job: &JobContext, sink: &dyn Sink) -> Result<Planned, EngineError> {
        let log = Narrator::new(job, sink);
        let runner = self.prepare(job, &log)?;
        init(&runner, Step::Init).await?;

        log.begin(Step::Plan, percent::PLAN, "Planning");
        let file = runner.workdir.plan_file();
        let mut plan = Invocation::new(Step::Plan, "plan").args(["-json", "-no-color", "-input=false"]);
        plan = plan.arg(format!("-out={}", file.display()));
        plan = plan.arg(format!("-var-file={}", runner.workdir.inputs_file().display()));
        if job.operation == Operation::Destroy {
            plan = plan.arg("-destroy");
        }
        runner.run(plan, |_| ()).await?;

        log.begin(Step::Plan, percent::SHOW, "Reading the plan");
        let saved = read_plan(&file)?;
        let (plan_json, plan_text) = try_join(show_json(&runner, Step::Plan, &file), show_text(&runner, &file)).await?;
        log.begin(Step::Plan, percent::DONE, "Planned");
        Ok(Planned {
            destroys: planfile::destroys(&plan_json),
            plan_json,
            plan_text,
            file,
            file_sha256: saved.sha256,
            provider_lock_hash: saved.lock_hash,
        })
    }

    async fn run_inspect(&self, job: &JobContext, plan: &Path, sink: &dyn Sink) -> Result<Inspected, EngineError> {
        let log = Narrator::new(job, sink);
        let runner = self.prepare(job, &log)?;
        let saved = read_plan(plan)?;
        init_for(&runner, &saved).await?;
        let plan_json = show_json(&runner, Step::Init, plan).await?;
        Ok(Inspected { plan_json, file_sha256: saved.sha256, provider_lock_hash: saved.lock_hash })
    }

    async fn run_apply(&self, job: &JobContext, plan: &Path, sink: &dyn Sink) -> Result<Applied, EngineError> {
        let log = Narrator::new(job, sink);
        let runner = self.prepare(job, &log)?;
        let saved = read_plan(plan)?;
        init_for(&runner, &saved).await?;

        log.begin(Step::Apply, percent::APPLY, "Applying");
        let apply = Invocation::new(Step::Apply, "apply")
            .args(["-json", "-no-color", "-input=false"])
            .arg(plan.display().to_string());
        let span = percent::OUTPUTS - percent::APPLY;
        let report = |told: &Told| {
            let (done, total) = told.applied();
            let share = if total == 0 { 0 } else { u64::from(span) * u64::from(done) / u64::from(total) };
            let percent = percent::APPLY + u8::try_from(share).unwrap_or(span).min(span);
            log.progress(Step::Apply, done, total, percent, "Applying");
        };
        let told = runner.run(apply, report).await?;

        log.begin(Step::Apply, percent::OUTPUTS, "Reading the outputs");
        let outputs = match told.outputs_in_the_clear() {
            Some(outputs) => outputs,
            // Terraform prints no sensitive value as it applies: only asked for outputs it does.
            None => {
                init(&runner, Step::Apply).await?;
                let output = Invocation::new(Step::Apply, "output").args(["-json", "-no-color"]).despite_cancel();
                events::parse_outputs(&runner.capture(output).await?)
                    .ok_or_else(|| unreadable("The outputs").at(Step::Apply))?
            }
        };
        log.begin(Step::Apply, percent::DONE, "Applied");
        Ok(Applied { outputs, resources: told.resources })
    }
}

impl Engine for Terraform {
    fn kind(&self) -> EngineKind {
        EngineKind::Terraform
    }

    fn detect(&self) -> BoxFuture<'_, Result<Detected, EngineError>> {
        Box::pin(self.detect_version())
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

/// The state that Terraform could not store and left in the job's directory instead. It is the only record of what a
/// killed or cut-off apply has made: store it before the directory goes.
pub fn leftover_state(job_dir: &Path) -> Option<PathBuf> {
    let path = job_dir.join(TEMPLATE_DIR).join("errored.tfstate");
    path.is_file().then_some(path)
}

/// Makes the backend and the providers ready, once for a job's directory, as a part of `step`.
async fn init(runner: &Runner<'_>, step: Step) -> Result<(), EngineError> {
    if runner.workdir.is_initialized() {
        return Ok(());
    }
    runner.log().begin(step, percent::INIT, "Initializing");
    let init = Invocation::new(step, "init").args(["-json", "-no-color", "-input=false"]);
    runner.run(init, |_| ()).await?;
    runner.workdir.set_initialized().map_err(|error| EngineError::io("write to the job's directory", &error))
}

/// What a saved plan needs before it can be shown or applied: its own providers, none other.
async fn init_for(runner: &Runner<'_>, plan: &PlanFile) -> Result<(), EngineError> {
    let Some(lock) = &plan.lock else { return Ok(()) };
    runner.workdir.restore_lock(lock).map_err(|error| EngineError::io("write to the job's directory", &error))?;
    init(runner, Step::Init).await
}

fn read_plan(path: &Path) -> Result<PlanFile, EngineError> {
    PlanFile::read(path).map_err(|error| {
        EngineError::new(ErrorClass::Engine, format!("The saved plan cannot be read: {error}."))
            .suggest("Plan the request again.")
    })
}

/// Which of the two it is, and its version, by the first line of what `version` prints.
fn told_version(printed: &[u8]) -> Option<(Flavour, String)> {
    let line = std::str::from_utf8(printed).ok()?.lines().next()?;
    let (name, version) = line.trim().split_once(" v")?;
    let flavour = match name {
        "Terraform" => Flavour::Terraform,
        "OpenTofu" => Flavour::OpenTofu,
        _ => return None,
    };
    let is_version = version.split('.').count() == 3 && version.starts_with(|char: char| char.is_ascii_digit());
    is_version.then(|| (flavour, version.to_owned()))
}

async fn show_json(runner: &Runner<'_>, step: Step, plan: &Path) -> Result<Value, EngineError> {
    let show = Invocation::new(step, "show").args(["-json", "-no-color"]).arg(plan.display().to_string());
    serde_json::from_slice(&runner.capture(show).await?).map_err(|_| unreadable("The plan").at(step))
}

async fn show_text(runner: &Runner<'_>, plan: &Path) -> Result<String, EngineError> {
    let show = Invocation::new(Step::Plan, "show").arg("-no-color").arg(plan.display().to_string());
    let text = runner.capture(show).await?;
    Ok(runner.log().mask(&String::from_utf8_lossy(&text)))
}

fn unreadable(what: &str) -> EngineError {
    EngineError::new(ErrorClass::Engine, format!("{what} that Terraform printed cannot be read."))
        .suggest("Check that the runner has a supported version of Terraform, 1.6 or newer.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_two_apart_by_what_they_say() {
        let told = |text: &str| told_version(text.as_bytes());
        let of = |flavour, version: &str| Some((flavour, version.to_owned()));
        assert_eq!(told("Terraform v1.11.4\non linux_amd64\n"), of(Flavour::Terraform, "1.11.4"));
        assert_eq!(told("OpenTofu v1.9.0\non linux_amd64\n"), of(Flavour::OpenTofu, "1.9.0"));
        assert_eq!(told("OpenTofu v1.10.0-beta1\n"), of(Flavour::OpenTofu, "1.10.0-beta1"));
        for other in ["", "Terraform", "Terraform v", "GNU bash, version 5.2", "Packer v1.2.3", "Terraform v1"] {
            assert_eq!(told(other), None, "{other}");
        }
    }
}
