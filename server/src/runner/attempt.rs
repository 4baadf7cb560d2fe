//! One job under one fence: its directory is filled, its engine runs, its outcome is told.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use flagstone_api::pb;
use flagstone_api::pb::complete_job_request::Outcome;
use flagstone_core::plan::changes_digest;
use flagstone_engines::engine::{LogLevel, StateBackend, Timeouts};
use flagstone_engines::terraform::leftover_state;
use flagstone_engines::unpack::unpack;
use flagstone_engines::{EngineError, ErrorClass, JobContext, Operation, Step};
use futures::try_join;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Runner;
use super::directory::JobDirectory;
use super::link::{Client, Failure};
use super::secrets::secret_values;
use super::voice::Voice;
use crate::convert::{struct_to_json, value_to_proto};

/// How an attempt can be ended from outside.
#[derive(Clone, Debug, Default)]
pub(super) struct Stop {
    /// The engine is to end in order; the outcome is told.
    pub(super) cancel: CancellationToken,
    /// Why: a `WorkCancelReason`.
    pub(super) reason: Arc<AtomicI32>,
    /// The engine is at what the job is for: a plan is being made, or an apply was asked for.
    pub(super) begun: Arc<AtomicBool>,
    /// The lease is over: everything is dropped, nothing is told.
    pub(super) lost: CancellationToken,
}

/// Asks whether an apply may start.
pub(super) struct Ask {
    pub(super) start: pb::WorkApplyStart,
    pub(super) verdict: oneshot::Sender<pb::WorkApplyVerdict>,
}

/// How an attempt left its directory.
pub(super) enum Left {
    /// The server knows how the job ended.
    Told,
    /// The lease is over: what the engine left has still to be brought to the server.
    Lost(JobDirectory),
}

/// What stopped an attempt before it had an outcome.
enum Stopped {
    /// The lease is over.
    Lost,
    /// The server did not let the apply start; the job is over for this runner.
    Refused,
    /// It failed; this is the outcome.
    Failed(Box<EngineError>),
}

impl From<EngineError> for Stopped {
    fn from(error: EngineError) -> Self {
        Self::Failed(Box::new(error))
    }
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Lost => Self::Lost,
            Failure::Refused(status) => {
                let message = format!("The server refused a call of the runner: {}", status.message());
                EngineError::new(ErrorClass::Unknown, message).into()
            }
        }
    }
}

/// One job under one fence.
pub(super) struct Attempt {
    pub(super) runner: Arc<Runner>,
    pub(super) assignment: pb::JobAssignment,
    pub(super) stop: Stop,
    pub(super) asks: mpsc::Sender<Ask>,
}

impl Attempt {
    /// Works on the job until its outcome is with the server, or the lease is over.
    pub(super) async fn run(self) -> Left {
        let job = self.assignment.job.clone().unwrap_or_default();
        let directory = match JobDirectory::create(&self.runner.jobs_dir, &job) {
            Ok(directory) => directory,
            Err(error) => {
                let error = EngineError::io("make the job's directory", &error);
                self.complete(&job, failed(&error)).await;
                return Left::Told;
            }
        };
        let voice = Voice::new();
        let lost = &self.stop.lost;
        let work = async {
            let outcome = self.work(&job, &directory, &voice).await;
            if let Err(Stopped::Failed(error)) = &outcome {
                let text = format!("{} {}", error.message, error.suggestion);
                voice.system(error.step.unwrap_or(Step::Setup), LogLevel::Error, &text);
            }
            voice.finish();
            outcome
        };
        let lines = voice.send_lines(&self.runner.link, &job, self.assignment.next_log_seq, lost);
        let told = async { tokio::join!(work, lines).0 };
        let outcome = tokio::select! {
            outcome = told => outcome,
            () = voice.send_progress(&self.runner.link, &job, lost) => Err(Stopped::Lost),
            // Dropping the engine lets its supervisor end it in order.
            () = lost.cancelled() => Err(Stopped::Lost),
        };
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(Stopped::Lost) => return Left::Lost(directory),
            Err(Stopped::Refused) => {
                directory.discard();
                return Left::Told;
            }
            // A state that could not be stored is worth more than the reason why.
            Err(Stopped::Failed(_)) if leftover_state(directory.path()).is_some() => return Left::Lost(directory),
            Err(Stopped::Failed(error)) => self.unsuccessful(&error),
        };
        if self.complete(&job, outcome).await {
            directory.discard();
            Left::Told
        } else {
            Left::Lost(directory)
        }
    }

    async fn work(&self, job: &pb::JobLeaseRef, directory: &JobDirectory, voice: &Voice) -> Result<Outcome, Stopped> {
        let (link, lost) = (&self.runner.link, &self.stop.lost);
        let (packed, sha256) = link.get_artifact(lost, job, pb::ArtifactKind::Template).await?;
        if sha256 != self.assignment.template_sha256 {
            let message = "The template that the server sent does not have the hash that it announced.";
            return Err(EngineError::new(ErrorClass::Unknown, message).transient().into());
        }
        let context = self.context(directory);
        unpack(&packed, &context.template_dir())?;
        match self.assignment.kind() {
            pb::JobKind::Plan => self.plan(job, &context, voice).await,
            pb::JobKind::Apply => self.apply(job, directory, &context, voice).await,
            pb::JobKind::Unspecified => {
                Err(EngineError::new(ErrorClass::Unknown, "The runner does not know this kind of job.").into())
            }
        }
    }

    async fn plan(&self, job: &pb::JobLeaseRef, context: &JobContext, voice: &Voice) -> Result<Outcome, Stopped> {
        self.stop.begun.store(true, Ordering::Relaxed);
        let planned = self.runner.engine.plan(context, voice).await?;
        let file =
            tokio::fs::read(&planned.file).await.map_err(|error| EngineError::io("read the saved plan", &error))?;
        let document = planned.plan_json.to_string();
        let (link, lost) = (&self.runner.link, &self.stop.lost);
        // Together: each is stored in a transaction of its own, which waits for the disk.
        try_join!(
            link.put_artifact(lost, job, pb::ArtifactKind::PlanFile, file.into()),
            link.put_artifact(lost, job, pb::ArtifactKind::PlanJson, document.into()),
            link.put_artifact(lost, job, pb::ArtifactKind::PlanText, planned.plan_text.into()),
        )?;
        Ok(Outcome::Planned(pb::PlanOutcome { provider_lock_hash: planned.provider_lock_hash }))
    }

    async fn apply(
        &self,
        job: &pb::JobLeaseRef,
        directory: &JobDirectory,
        context: &JobContext,
        voice: &Voice,
    ) -> Result<Outcome, Stopped> {
        let link = &self.runner.link;
        let (saved, _) = link.get_artifact(&self.stop.lost, job, pb::ArtifactKind::PlanFile).await?;
        // The server compares: it alone knows which plan was approved, and tells when a stored one was changed.
        let plan =
            directory.write("tfplan", &saved).map_err(|error| EngineError::io("write the saved plan", &error))?;
        self.ask_to_start(job, context, &plan, voice).await?;
        let applied = self.runner.engine.apply(context, &plan, voice).await?;
        let outputs = applied
            .outputs
            .into_iter()
            .map(|(name, output)| pb::EngineOutput {
                output: name,
                value: Some(value_to_proto(&output.value)),
                sensitive: output.sensitive,
            })
            .collect();
        // The server counts in the state that it was given.
        Ok(Outcome::Applied(pb::ApplyOutcome { outputs, resource_count: 0 }))
    }

    /// Reads the very file that the engine will be given, and asks with what it holds whether it may be applied.
    async fn ask_to_start(
        &self,
        job: &pb::JobLeaseRef,
        context: &JobContext,
        plan: &Path,
        voice: &Voice,
    ) -> Result<(), Stopped> {
        let inspected = self.runner.engine.inspect(context, plan, voice).await?;
        let digest = changes_digest(&inspected.plan_json)
            .map_err(|error| EngineError::new(ErrorClass::Engine, error.message).at(Step::Init))?;
        let start = pb::WorkApplyStart {
            job: Some(job.clone()),
            file_sha256: inspected.file_sha256,
            changes_digest: hex::encode(digest),
        };
        self.stop.begun.store(true, Ordering::Relaxed);
        let (verdict, answer) = oneshot::channel();
        let asked = self.asks.send(Ask { start, verdict }).await.is_ok();
        match answer.await {
            Ok(verdict) if asked && verdict.start => Ok(()),
            Ok(verdict) => {
                voice.system(Step::Apply, LogLevel::Warning, &format!("Not applied: {}", verdict.reason));
                Err(Stopped::Refused)
            }
            // Whether the start was recorded is not known. It is not made: then the job is failed, or tried again.
            Err(_) => {
                let message = "The server's answer whether to start the apply was lost. Nothing was started.";
                Err(EngineError::new(ErrorClass::Network, message).transient().into())
            }
        }
    }

    fn context(&self, directory: &JobDirectory) -> JobContext {
        let assignment = &self.assignment;
        let inputs = assignment.inputs.as_ref().map(struct_to_json).unwrap_or_default();
        let address = format!("{}{}", self.runner.link.address(), assignment.state_path);
        let mut env = self.runner.config.environment.clone();
        env.extend(assignment.environment.clone());
        JobContext {
            job_dir: directory.path().to_owned(),
            secrets: secret_values(&inputs, &assignment.secret_inputs),
            inputs,
            operation: match assignment.operation() {
                pb::JobOperation::Destroy => Operation::Destroy,
                pb::JobOperation::Update => Operation::Update,
                pb::JobOperation::Create | pb::JobOperation::Unspecified => Operation::Create,
            },
            state: StateBackend {
                lock_address: address.clone(),
                unlock_address: address.clone(),
                address,
                username: assignment.state_username.clone(),
                password: flagstone_engines::engine::SecretValue::new(assignment.state_password.clone()),
            },
            env,
            timeouts: Timeouts {
                soft: until(assignment.soft_deadline),
                hard: until(assignment.hard_deadline),
                ..Timeouts::default()
            },
            started: Instant::now(),
            cancel: self.stop.cancel.clone(),
        }
    }

    fn unsuccessful(&self, error: &EngineError) -> Outcome {
        let reason = self.stop.reason.load(Ordering::Relaxed);
        if error.is_cancelled() && self.stop.cancel.is_cancelled() {
            return Outcome::Cancelled(pb::CancelledOutcome { reason });
        }
        failed(error)
    }

    /// Tells the outcome. False where the lease was over before.
    async fn complete(&self, job: &pb::JobLeaseRef, outcome: Outcome) -> bool {
        match self.tell(job, outcome).await {
            Ok(()) => true,
            Err(Failure::Lost) => false,
            Err(Failure::Refused(status)) => {
                tracing::error!(job = job.job, %status, "The outcome of a job was refused. It is told as a failure.");
                let message = format!("The outcome was refused: {}", status.message());
                self.tell(job, failed(&EngineError::new(ErrorClass::Unknown, message))).await.is_ok()
            }
        }
    }

    async fn tell(&self, job: &pb::JobLeaseRef, outcome: Outcome) -> Result<(), Failure> {
        let request = pb::CompleteJobRequest { job: Some(job.clone()), outcome: Some(outcome) };
        let call = |mut client: Client| {
            let request = request.clone();
            async move { client.complete_job(request).await }
        };
        self.runner.link.insist(&self.stop.lost, call).await.map(drop)
    }
}

fn failed(error: &EngineError) -> Outcome {
    let class = pb::ErrorClass::from_str_name(&format!("ERROR_CLASS_{}", error.class.as_str()));
    Outcome::Failed(pb::FailureOutcome {
        error: Some(pb::JobError {
            error_class: class.unwrap_or(pb::ErrorClass::Unknown).into(),
            message: error.message.clone(),
            suggestion: error.suggestion.clone(),
        }),
        transient: error.transient,
    })
}

/// How long it is until a time; nothing where it has passed.
fn until(time: Option<prost_types::Timestamp>) -> Duration {
    let time = time.and_then(|time| DateTime::from_timestamp(time.seconds, u32::try_from(time.nanos).ok()?));
    time.and_then(|time| (time - Utc::now()).to_std().ok()).unwrap_or_default()
}
