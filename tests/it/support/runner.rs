//! A runner that follows a script instead of driving engines. It speaks the runner link like any other, so that tests can
//! bring a request into any state without Terraform. The saved plan file of its engine is the plan's own JSON.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use flagstone_api::pb;
use flagstone_server::token::{TokenKind, mint};
use pb::work_request::Message as Ask;
use pb::work_response::Message as Told;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::{Mutex as AsyncMutex, mpsc};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::app::TestApp;
use super::caller::Caller;
use super::wait::PATIENCE;

/// A plan that creates, of real Terraform.
pub const CREATE: &str = include_str!("../../../server/core/tests/plans/create.json");
/// A plan that changes in place and replaces.
pub const UPDATE: &str = include_str!("../../../server/core/tests/plans/update.json");
/// A plan that destroys.
pub const DESTROY: &str = include_str!("../../../server/core/tests/plans/destroy.json");

/// Bytes of an artifact's chunk.
const CHUNK: usize = 256 * 1024;

/// A registered runner with an open work stream. Lost, as a killed one is, when dropped.
pub struct ScriptedRunner {
    /// The runner's own connection, for calls that a test makes itself.
    pub link: Caller,
    asks: mpsc::Sender<pb::WorkRequest>,
    assignments: AsyncMutex<mpsc::UnboundedReceiver<pb::JobAssignment>>,
    verdicts: AsyncMutex<mpsc::UnboundedReceiver<pb::WorkApplyVerdict>>,
    cancels: AsyncMutex<mpsc::UnboundedReceiver<pb::WorkCancel>>,
    /// What it was told about taking nothing new, and about taking jobs again.
    drains: AsyncMutex<mpsc::UnboundedReceiver<Told>>,
    held: Arc<Mutex<Vec<pb::JobLeaseRef>>>,
    tasks: [JoinHandle<()>; 2],
}

impl Drop for ScriptedRunner {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl ScriptedRunner {
    /// Adds a runner to the server and connects it. It takes nothing until it is asked to.
    pub async fn start(app: &TestApp) -> Self {
        Self::named(app, "scripted").await
    }

    /// Like [`Self::start`], for a test with several runners.
    pub async fn named(app: &TestApp, slug: &str) -> Self {
        let (token, sha256) = mint(TokenKind::Runner).expect("there is randomness");
        let query = "INSERT INTO runners (id, slug, adoption, embedded, token_sha256) \
                     VALUES (gen_random_uuid(), $1, 'ADOPTED', false, $2)";
        app.sql.execute(query, &[&slug, &sha256.as_slice()]).await.expect("a runner can be added");
        let link = app.over_new_connection(&app.anonymous().with_token(&token)).await;
        Self::over(link, 1000).await
    }

    /// What a runner says of itself when it registers.
    pub fn registration(protocol_version: i32) -> pb::RegisterRunnerRequest {
        pb::RegisterRunnerRequest {
            protocol_version,
            version: "scripted".into(),
            engines: vec![pb::RunnerEngine { engine: pb::Engine::Terraform.into(), version: "1.11.4".into() }],
            capacity: 5,
            ..Default::default()
        }
    }

    /// A runner that has a credential, in this version of the link.
    pub async fn over(link: Caller, protocol_version: i32) -> Self {
        let registration = Self::registration(protocol_version);
        let registered =
            link.runner_link().register_runner(registration).await.expect("a runner registers").into_inner();

        let (asks, outbound) = mpsc::channel(64);
        let mut inbound =
            link.runner_link().work(ReceiverStream::new(outbound)).await.expect("the work stream opens").into_inner();
        let (to_assignments, assignments) = mpsc::unbounded_channel();
        let (to_verdicts, verdicts) = mpsc::unbounded_channel();
        let (to_cancels, cancels) = mpsc::unbounded_channel();
        let (to_drains, drains) = mpsc::unbounded_channel();
        let held = Arc::new(Mutex::new(Vec::<pb::JobLeaseRef>::new()));
        let listening = tokio::spawn({
            let held = held.clone();
            async move {
                while let Ok(Some(told)) = inbound.message().await {
                    match told.message {
                        Some(Told::Assignment(assignment)) => {
                            held.lock().unwrap_or_else(PoisonError::into_inner).extend(assignment.job.clone());
                            drop(to_assignments.send(assignment));
                        }
                        Some(Told::ApplyVerdict(verdict)) => drop(to_verdicts.send(verdict)),
                        Some(Told::Cancel(cancel)) => drop(to_cancels.send(cancel)),
                        Some(Told::Revoked(revoked)) => {
                            let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
                            held.retain(|job| !revoked.jobs.contains(job));
                        }
                        Some(drain @ (Told::Drain(_) | Told::Resume(_))) => drop(to_drains.send(drain)),
                        Some(Told::Ping(_)) | None => {}
                    }
                }
            }
        });
        let beating = tokio::spawn({
            let (held, asks) = (held.clone(), asks.clone());
            let beat = Duration::from_millis(u64::try_from(registered.lease_ms).expect("a lease is positive") / 4);
            async move {
                loop {
                    tokio::time::sleep(beat).await;
                    let jobs = held.lock().unwrap_or_else(PoisonError::into_inner).clone();
                    let heartbeat = Ask::Heartbeat(pb::WorkHeartbeat { jobs });
                    if asks.send(pb::WorkRequest { message: Some(heartbeat) }).await.is_err() {
                        return;
                    }
                }
            }
        });
        Self {
            link,
            asks,
            assignments: AsyncMutex::new(assignments),
            verdicts: AsyncMutex::new(verdicts),
            cancels: AsyncMutex::new(cancels),
            drains: AsyncMutex::new(drains),
            held,
            tasks: [listening, beating],
        }
    }

    async fn ask(&self, message: Ask) {
        self.asks.send(pb::WorkRequest { message: Some(message) }).await.expect("the work stream is open");
    }

    /// Takes the next job.
    pub async fn take(&self) -> pb::JobAssignment {
        self.ask(Ask::Capacity(pb::WorkCapacity { free: 1 })).await;
        next(&self.assignments, "no job was offered").await
    }

    /// Takes this job. Jobs that are offered before it are done as they ask.
    pub async fn take_job(&self, job: &str) -> pb::JobAssignment {
        loop {
            let assignment = self.take().await;
            if lease(&assignment).job == job {
                return assignment;
            }
            self.run(&assignment).await.expect("another job is done");
        }
    }

    /// What the server says about ending a job, when it says it.
    pub async fn cancelled(&self) -> pb::WorkCancel {
        next(&self.cancels, "no job was cancelled").await
    }

    /// Does a job as a good engine would.
    pub async fn run(&self, assignment: &pb::JobAssignment) -> Result<pb::JobState, Status> {
        match assignment.kind() {
            pb::JobKind::Plan => {
                let document = match assignment.operation() {
                    pb::JobOperation::Update => UPDATE,
                    pb::JobOperation::Destroy => DESTROY,
                    _ => CREATE,
                };
                self.plan(assignment, document).await
            }
            _ => {
                let verdict = self.start_apply(assignment).await?;
                assert!(verdict.start, "the apply was refused: {}", verdict.reason);
                self.applied(assignment).await
            }
        }
    }

    /// Hands in a plan and ends the job with it.
    pub async fn plan(&self, assignment: &pb::JobAssignment, document: &str) -> Result<pb::JobState, Status> {
        self.log(assignment, &["Initializing...\n", "Plan: something to do.\n"]).await?;
        for (kind, bytes) in [
            (pb::ArtifactKind::PlanFile, document),
            (pb::ArtifactKind::PlanJson, document),
            (pb::ArtifactKind::PlanText, "Terraform will perform the following actions.\n"),
        ] {
            self.put(assignment, kind, bytes.as_bytes()).await?;
        }
        self.complete(assignment, pb::complete_job_request::Outcome::Planned(pb::PlanOutcome::default())).await
    }

    /// Stores a file of a job.
    pub async fn put(
        &self,
        assignment: &pb::JobAssignment,
        kind: pb::ArtifactKind,
        bytes: &[u8],
    ) -> Result<(), Status> {
        use pb::put_job_artifact_request::Message;
        let header = pb::ArtifactHeader {
            job: assignment.job.clone(),
            kind: kind.into(),
            sha256: hex::encode(Sha256::digest(bytes)),
            size: i64::try_from(bytes.len()).expect("a file is small"),
        };
        let chunks = bytes.chunks(CHUNK).map(|chunk| Message::Chunk(Bytes::copy_from_slice(chunk)));
        let messages: Vec<_> = std::iter::once(Message::Header(header))
            .chain(chunks)
            .map(|message| pb::PutJobArtifactRequest { message: Some(message) })
            .collect();
        self.link.runner_link().put_job_artifact(tokio_stream::iter(messages)).await.map(drop)
    }

    /// Reads a file of a job.
    pub async fn get(&self, assignment: &pb::JobAssignment, kind: pb::ArtifactKind) -> Result<Vec<u8>, Status> {
        let request = pb::GetJobArtifactRequest { job: assignment.job.clone(), kind: kind.into() };
        let mut answers = self.link.runner_link().get_job_artifact(request).await?.into_inner();
        let mut bytes = Vec::new();
        while let Some(answer) = answers.message().await? {
            if let Some(pb::get_job_artifact_response::Message::Chunk(chunk)) = answer.message {
                bytes.extend_from_slice(&chunk);
            }
        }
        Ok(bytes)
    }

    /// Asks whether an apply may start, with the file that the server has handed out.
    pub async fn start_apply(&self, assignment: &pb::JobAssignment) -> Result<pb::WorkApplyVerdict, Status> {
        let file = self.get(assignment, pb::ArtifactKind::PlanFile).await?;
        Ok(self.start_apply_of(assignment, &file).await)
    }

    /// Asks whether an apply of this very file may start.
    pub async fn start_apply_of(&self, assignment: &pb::JobAssignment, file: &[u8]) -> pb::WorkApplyVerdict {
        let document: Value = serde_json::from_slice(file).expect("the saved plan of this engine is JSON");
        let digest = flagstone_core::plan::changes_digest(&document).expect("a plan has changes");
        self.ask(Ask::ApplyStart(pb::WorkApplyStart {
            job: assignment.job.clone(),
            file_sha256: hex::encode(Sha256::digest(file)),
            changes_digest: hex::encode(digest),
        }))
        .await;
        next(&self.verdicts, "nothing was said about the apply").await
    }

    /// Ends an apply that went well.
    pub async fn applied(&self, assignment: &pb::JobAssignment) -> Result<pb::JobState, Status> {
        self.log(assignment, &["Applying...\n", "Apply complete!\n"]).await?;
        let text =
            |text: &str| prost_types::Value { kind: Some(prost_types::value::Kind::StringValue(text.to_owned())) };
        let outputs = vec![
            pb::EngineOutput { output: "bundle_id".into(), value: Some(text("b-1")), sensitive: false },
            pb::EngineOutput { output: "access_key".into(), value: Some(text("hush-hush")), sensitive: true },
        ];
        let outcome = pb::ApplyOutcome { outputs, resource_count: 3 };
        self.complete(assignment, pb::complete_job_request::Outcome::Applied(outcome)).await
    }

    /// Ends a job that failed.
    pub async fn fail(
        &self,
        assignment: &pb::JobAssignment,
        class: pb::ErrorClass,
        transient: bool,
    ) -> Result<pb::JobState, Status> {
        let error = pb::JobError { error_class: class.into(), message: "It failed.".into(), suggestion: String::new() };
        let outcome = pb::FailureOutcome { error: Some(error), transient };
        self.complete(assignment, pb::complete_job_request::Outcome::Failed(outcome)).await
    }

    /// Ends a job in any way.
    pub async fn complete(
        &self,
        assignment: &pb::JobAssignment,
        outcome: pb::complete_job_request::Outcome,
    ) -> Result<pb::JobState, Status> {
        let request = pb::CompleteJobRequest { job: assignment.job.clone(), outcome: Some(outcome) };
        let answer = self.link.runner_link().complete_job(request).await?.into_inner();
        let mine = lease(assignment);
        self.held.lock().unwrap_or_else(PoisonError::into_inner).retain(|job| job != mine);
        Ok(answer.state())
    }

    /// Appends lines to the log of a job, after those there are.
    pub async fn log(&self, assignment: &pb::JobAssignment, lines: &[&str]) -> Result<i64, Status> {
        let lines = (assignment.next_log_seq..).zip(lines).map(|(seq, line)| pb::JobLogLine {
            seq,
            time: Some(std::time::SystemTime::now().into()),
            step: "plan".into(),
            stream: pb::LogStream::Stdout.into(),
            level: pb::LogLevel::Info.into(),
            data: line.as_bytes().to_vec().into(),
            continued: false,
            attempt: assignment.attempt,
        });
        let request = pb::AppendJobLogsRequest { job: assignment.job.clone(), lines: lines.collect(), dropped: 0 };
        Ok(self.link.runner_link().append_job_logs(request).await?.into_inner().last_seq)
    }

    /// The next word about taking nothing new, or taking jobs again.
    pub async fn next_drain(&self) -> Told {
        next(&self.drains, "nothing was said about a drain").await
    }

    /// Says that it has so many free slots.
    pub async fn offer_slots(&self, free: i32) {
        self.ask(Ask::Capacity(pb::WorkCapacity { free })).await;
    }

    /// A job that was offered already.
    pub fn offered(&self) -> Option<pb::JobAssignment> {
        self.assignments.try_lock().ok()?.try_recv().ok()
    }

    /// Whether its stream has ended.
    pub fn is_let_go(&self) -> bool {
        self.tasks[0].is_finished()
    }

    /// Forgets its jobs without a word, as a runner that hangs does: their leases run out.
    pub fn go_silent(&self) {
        self.tasks[1].abort();
    }
}

/// The job and fence of an assignment.
pub fn lease(assignment: &pb::JobAssignment) -> &pb::JobLeaseRef {
    assignment.job.as_ref().expect("an assignment names its job")
}

async fn next<T>(inbox: &AsyncMutex<mpsc::UnboundedReceiver<T>>, problem: &str) -> T {
    let mut inbox = inbox.lock().await;
    let message = tokio::time::timeout(PATIENCE, inbox.recv()).await;
    message.unwrap_or_else(|_| panic!("{problem} within {PATIENCE:?}")).expect("the work stream is open")
}
