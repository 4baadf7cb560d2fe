//! What runners speak. A runner is trusted with the jobs that it has, and with nothing else: every call names a job and
//! a fence, and one whose lease is over is refused.

mod artifacts;
mod join;
mod logs;
mod outcome;
mod work;

use std::sync::Arc;

use flagstone_api::pb;
use flagstone_api::pb::runner_link_service_server::RunnerLinkService;
use flagstone_core::names::{JobName, parse};
use flagstone_core::runner::{PROTOCOL, agree_protocol, claimed_labels};
use flagstone_core::{Error as CoreError, Kind, Reason, Violations};
use flagstone_db::change_event::{self, NewEvent};
use flagstone_db::job::JobRow;
use flagstone_db::runner::Registration;
use flagstone_db::{TxScope, job, lease, runner};
use serde_json::json;
use tonic::{Request, Response, Status, Streaming};
use uuid::Uuid;

use super::job::progress_to_json;
use super::runner::{labels, state_to_proto};
use crate::app::App;
use crate::call::RunnerCaller;
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::flow::job as jobs;
use crate::ledger::object_topic;
use crate::rpc::{self, Answers, unary};
use crate::tx::Tx;

/// Most jobs at a time of one runner.
pub const CAPACITY_MAX: i32 = 5;

/// Longest message of a progress, in characters.
const MESSAGE_MAX: usize = 500;

/// The RunnerLinkService.
pub struct RunnerLinks(pub Arc<App>);

#[tonic::async_trait]
impl RunnerLinkService for RunnerLinks {
    type WorkStream = Answers<pb::WorkResponse>;
    type GetJobArtifactStream = Answers<pb::GetJobArtifactResponse>;

    unary! {
        register_runner: pb::RegisterRunnerRequest => pb::RegisterRunnerResponse,
        report_job_progress: pb::ReportJobProgressRequest => pb::ReportJobProgressResponse,
    }

    async fn join_runner(
        &self,
        request: Request<pb::JoinRunnerRequest>,
    ) -> Result<Response<pb::JoinRunnerResponse>, Status> {
        rpc::unary(&self.0, request, join::join_runner).await
    }

    async fn work(&self, request: Request<Streaming<pb::WorkRequest>>) -> Result<Response<Self::WorkStream>, Status> {
        rpc::stream(&self.0, request, work::work).await
    }

    async fn append_job_logs(
        &self,
        request: Request<pb::AppendJobLogsRequest>,
    ) -> Result<Response<pb::AppendJobLogsResponse>, Status> {
        rpc::unary(&self.0, request, logs::append_job_logs).await
    }

    async fn put_job_artifact(
        &self,
        request: Request<Streaming<pb::PutJobArtifactRequest>>,
    ) -> Result<Response<pb::PutJobArtifactResponse>, Status> {
        rpc::unary(&self.0, request, artifacts::put_job_artifact).await
    }

    async fn get_job_artifact(
        &self,
        request: Request<pb::GetJobArtifactRequest>,
    ) -> Result<Response<Self::GetJobArtifactStream>, Status> {
        rpc::stream(&self.0, request, artifacts::get_job_artifact).await
    }

    async fn complete_job(
        &self,
        request: Request<pb::CompleteJobRequest>,
    ) -> Result<Response<pb::CompleteJobResponse>, Status> {
        rpc::unary(&self.0, request, outcome::complete_job).await
    }

    async fn recover_job(
        &self,
        request: Request<pb::RecoverJobRequest>,
    ) -> Result<Response<pb::RecoverJobResponse>, Status> {
        rpc::unary(&self.0, request, outcome::recover_job).await
    }
}

async fn register_runner(cx: Cx, req: pb::RegisterRunnerRequest) -> Result<pb::RegisterRunnerResponse> {
    let caller = cx.runner()?;
    let protocol_version = agree_protocol(PROTOCOL, req.protocol_version)?;
    let mut violations = Violations::new();
    violations.check(
        (0..=CAPACITY_MAX).contains(&req.capacity),
        "capacity",
        format!("is not between 0 and {CAPACITY_MAX}."),
    );
    violations.finish()?;
    let row = runner::get(&*cx.app.db.reads.get().await?, caller.id).await?;
    let row = row.ok_or_else(|| Error::internal("a runner with a credential has no row"))?;
    claimed_labels(&labels(&row.labels), &req.labels, "labels")?;
    let engines: serde_json::Value = req
        .engines
        .iter()
        .map(|engine| json!({"engine": engine_word(engine.engine()), "version": engine.version}))
        .collect();
    let mut tx = cx.app.db.begin(TxScope::Worker).await?;
    let registration =
        Registration { version: &req.version, engines: &engines, capacity: req.capacity, protocol_version };
    let row = runner::register(&mut tx, caller.id, &registration).await?;
    tx.commit().await?;
    tracing::info!(runner = row.slug, version = req.version, capacity = req.capacity, "A runner has registered.");
    Ok(pb::RegisterRunnerResponse {
        runner: caller.name.to_string(),
        protocol_version,
        lease_ms: i32::try_from(cx.app.config.jobs.lease.as_millis()).unwrap_or(i32::MAX),
        state_address: String::new(),
        state: state_to_proto(&row.adoption),
        labels: labels(&row.labels),
    })
}

async fn report_job_progress(cx: Cx, req: pb::ReportJobProgressRequest) -> Result<pb::ReportJobProgressResponse> {
    let (job_id, fence) = lease_ref(req.job.as_ref())?;
    let mut progress = req.progress.unwrap_or_default();
    progress.percent = progress.percent.clamp(0, 100);
    if let Some((end, _)) = progress.message.char_indices().nth(MESSAGE_MAX) {
        progress.message.truncate(end);
    }
    let runner = cx.caller.principal();
    let organization_id = organization_of(&cx, cx.runner()?, job_id).await?;
    let mut tx = cx.app.db.begin(TxScope::Worker).await?;
    let held = lease::hold(&tx, &runner, job_id, fence).await?.ok_or_else(|| stale(job_id, fence))?;
    // It never falls within an attempt.
    let before = held.progress["percent"].as_i64().and_then(|percent| i32::try_from(percent).ok());
    progress.percent = progress.percent.max(before.unwrap_or_default());
    if !job::set_progress(&mut tx, organization_id, job_id, fence, &progress_to_json(&progress)).await? {
        return Err(stale(job_id, fence));
    }
    // Watchers see it; the audit is about decisions, not about percents.
    let event = NewEvent {
        business_unit_id: Some(held.business_unit_id),
        object_type: "job",
        object: &held.name(),
        object_id: job_id,
        action: "UPDATED",
        fields: vec!["progress"],
        principal: &runner,
        correlation_id: &held.correlation_id,
    };
    change_event::insert(&tx, organization_id, &[event]).await?;
    tx.commit().await?;
    cx.app.bells.ring(&object_topic(job_id));
    Ok(pb::ReportJobProgressResponse {})
}

/// Opens the transaction of a runner's call about a job. A job of an organization that the runner does not serve is one
/// whose lease it does not have.
async fn begin(cx: &Cx, job_id: Uuid, action: &str) -> Result<Tx> {
    let organization_id = organization_of(cx, cx.runner()?, job_id).await?;
    let target = format!("jobs/{job_id}");
    cx.app.begin_worker(organization_id, cx.call.clone(), &cx.caller.principal(), action, &target).await
}

async fn organization_of(cx: &Cx, runner: &RunnerCaller, job_id: Uuid) -> Result<Uuid> {
    let conn = cx.app.db.reads.get().await?;
    let found = job::organization(&conn, job_id).await?;
    found
        .filter(|organization_id| runner.organization_id.is_none_or(|own| own == *organization_id))
        .ok_or_else(|| stale(job_id, 0))
}

/// Locks a job that the runner has under this fence, for its end or for the start of its apply.
async fn lock_held(tx: &mut Tx, runner: &str, job_id: Uuid, fence: i64) -> Result<JobRow> {
    jobs::lock(tx, job_id).await?.ok_or_else(|| stale(job_id, fence))?;
    // The row is locked by now, so that this also says how it is.
    lease::hold(tx, runner, job_id, fence).await?.ok_or_else(|| stale(job_id, fence))
}

/// The job and the fence of a call.
fn lease_ref(sent: Option<&pb::JobLeaseRef>) -> Result<(Uuid, i64), CoreError> {
    let sent = sent.ok_or_else(|| CoreError::field("job", "This is required."))?;
    let name: JobName = parse(&sent.job, "job.job")?;
    Ok((*name.id(), sent.fence))
}

/// The answer to a write under a lease that is over.
fn stale(job_id: Uuid, fence: i64) -> Error {
    CoreError::aborted(
        Reason::StaleFence,
        format!("The lease on jobs/{job_id} under fence {fence} is over. Stop the work and write nothing more."),
    )
    .with("name", &format!("jobs/{job_id}"))
    .with("fence", &fence)
    .into()
}

/// An engine as rows spell it.
fn engine_word(engine: pb::Engine) -> &'static str {
    engine.as_str_name().trim_start_matches("ENGINE_")
}

/// A hash that was announced in hex.
fn sha256(text: &str, field: &str) -> Result<[u8; 32], CoreError> {
    hex::decode(text)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| CoreError::field(field, "is not a SHA-256 in hex."))
}

/// Bytes that do not have the hash announced.
fn checksum_mismatch(announced: &str, found: &str) -> CoreError {
    CoreError::new(
        Kind::DataLoss,
        Reason::ChecksumMismatch,
        "The bytes do not have the hash that was announced. Send them again.",
    )
    .with("announced", &announced)
    .with("found", &found)
}
