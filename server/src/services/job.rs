//! Jobs as people see them: get, list, cancel, watch. Their logs are in `job_log`, what else is done with them in
//! `job_change`.

use std::sync::Arc;

use async_stream::try_stream;
use flagstone_api::pb;
use flagstone_api::pb::job_service_server::JobService;
use flagstone_core::Error as CoreError;
use flagstone_core::etag::Etag;
use flagstone_core::job::{JobKind, JobOperation, JobState, QueueName};
use flagstone_core::names::{JobName, parse};
use flagstone_core::tier::Tier;
use flagstone_db::job::JobRow;
use flagstone_db::{Connection, deployment, job, job_log, lease};
use futures::{FutureExt, Stream, try_join};
use serde_json::Value;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::job_change::{batch_delete_jobs, delete_job, replay_job};
use super::job_list::list_jobs;
use super::job_log::{list_job_logs, tail_job_logs};
use super::job_log_export::export_job_logs;
use crate::app::App;
use crate::convert::timestamp;
use crate::cx::{Cx, Facts, Target};
use crate::directory::Directory;
use crate::error::{Error, Result};
use crate::flow::{apply, job as jobs};
use crate::rpc::{self, Answers, unary};
use crate::watch::{Judge, Objects, Signal, Watch, in_band};

/// What allows to know that a job exists.
pub(super) const READABLE_BY: &[&str] = &["business_unit:jobs:read"];

/// The JobService.
pub struct Jobs(pub Arc<App>);

#[tonic::async_trait]
impl JobService for Jobs {
    type WatchJobStream = Answers<pb::WatchJobResponse>;
    type TailJobLogsStream = Answers<pb::TailJobLogsResponse>;
    type ExportJobLogsStream = Answers<pb::ExportJobLogsResponse>;

    unary! {
        get_job: pb::GetJobRequest => pb::Job,
        list_jobs: pb::ListJobsRequest => pb::ListJobsResponse,
        cancel_job: pb::CancelJobRequest => pb::CancelJobResponse,
        replay_job: pb::ReplayJobRequest => pb::ReplayJobResponse,
        delete_job: pb::DeleteJobRequest => pb::DeleteJobResponse,
        batch_delete_jobs: pb::BatchDeleteJobsRequest => pb::BatchDeleteJobsResponse,
        list_job_logs: pb::ListJobLogsRequest => pb::ListJobLogsResponse,
    }

    async fn watch_job(&self, request: Request<pb::WatchJobRequest>) -> Result<Response<Self::WatchJobStream>, Status> {
        rpc::stream(&self.0, request, watch_job).await
    }

    async fn tail_job_logs(
        &self,
        request: Request<pb::TailJobLogsRequest>,
    ) -> Result<Response<Self::TailJobLogsStream>, Status> {
        rpc::stream(&self.0, request, tail_job_logs).await
    }

    async fn export_job_logs(
        &self,
        request: Request<pb::ExportJobLogsRequest>,
    ) -> Result<Response<Self::ExportJobLogsStream>, Status> {
        rpc::stream(&self.0, request, export_job_logs).await
    }
}

async fn get_job(cx: Cx, req: pb::GetJobRequest) -> Result<pb::Job> {
    let name: JobName = parse(&req.name, "name")?;
    let (organization_id, directory, row) = find(&cx, &name).await?;
    let conn = cx.app.db.reads.get().await?;
    one_to_proto(&conn, organization_id, &directory, row).await
}

async fn cancel_job(cx: Cx, req: pb::CancelJobRequest) -> Result<pb::CancelJobResponse> {
    let name: JobName = parse(&req.name, "name")?;
    let mut tx = cx.begin(&req, Target::job(*name.id())).await?;
    let organization_id = tx.organization_id;
    let before = jobs::lock(&mut tx, *name.id()).await?.ok_or_else(|| CoreError::not_found(&name))?;
    let requested = job::requested(&tx, organization_id, before.id).await?;
    tx.check(&facts(&req.name, requested.as_ref())?).await?;
    Etag::check(&req.etag, before.revision)?;
    let after = jobs::cancel(&mut tx, &before).await?;
    if after.state()? == JobState::Cancelled {
        apply::job_cancelled(&mut tx, &after).await?;
    }
    let directory = tx.directory.clone();
    let job = one_to_proto(&tx, organization_id, &directory, after).await?;
    tx.commit(pb::CancelJobResponse { job: Some(job), effects: None }).await
}

async fn watch_job(
    cx: Cx,
    req: pb::WatchJobRequest,
) -> Result<impl Stream<Item = Result<pb::WatchJobResponse>> + Send + 'static> {
    use pb::watch_job_response::Event;
    let name: JobName = parse(&req.name, "name")?;
    let (organization_id, directory, first) = find(&cx, &name).await?;
    let mut watch = Watch::open(&cx, organization_id, Objects(vec![first.id]), &req.cursor, judge(&name)).await?;
    let message = |event| pb::WatchJobResponse { event: Some(event) };
    let opened = cx.clone();
    let items = try_stream! {
        yield message(Event::Open(pb::StreamOpen { cursor: watch.cursor() }));
        let mut seen = None;
        // A fresh watch begins with the job as it is, a resumed one with what changed since.
        let mut news = req.cursor.is_empty() || watch.advance().await?.is_some();
        loop {
            let conn = cx.app.db.reads.get().await?;
            let row = job::get(&conn, organization_id, first.id).await?.ok_or_else(|| CoreError::not_found(&name))?;
            let over = row.state()?.is_over();
            if news && seen != Some(row.revision) {
                seen = Some(row.revision);
                let job = one_to_proto(&conn, organization_id, &directory, row).await?;
                yield message(Event::Update(pb::JobUpdate { cursor: watch.cursor(), job: Some(job) }));
            }
            drop(conn);
            if over {
                yield message(Event::End(watch.end(pb::StreamEndReason::Complete)));
                return;
            }
            news = loop {
                match watch.next().await {
                    Signal::Changed(()) => break true,
                    Signal::Heartbeat => {
                        yield message(Event::Heartbeat(pb::StreamHeartbeat { cursor: watch.cursor() }));
                    }
                    Signal::End(end) => {
                        yield message(Event::End(end));
                        return;
                    }
                }
            };
        }
    };
    Ok(in_band(&opened, items, told, |end| pb::WatchJobResponse { event: Some(Event::End(end)) }))
}

/// The cursor that a message carries.
fn told(message: &pb::WatchJobResponse) -> Option<&str> {
    use pb::watch_job_response::Event;
    match message.event.as_ref()? {
        Event::Open(open) => Some(&open.cursor),
        Event::Update(update) => Some(&update.cursor),
        Event::Heartbeat(heartbeat) => Some(&heartbeat.cursor),
        Event::End(_) => None,
    }
}

/// What only a job can tell of itself: what its request does.
pub(super) fn facts<'a>(name: &'a str, requested: Option<&job::Requested>) -> Result<Facts<'a>> {
    let Some(requested) = requested else { return Ok(Facts::of(name, READABLE_BY)) };
    let tier: Tier = requested.tier.parse().map_err(Error::internal)?;
    let (creator_id, team_id) = (Some(requested.requester_id), requested.team_id);
    Ok(Facts { tier: Some(tier), creator_id, team_id, ..Facts::of(name, READABLE_BY) })
}

/// The job of a name that the caller may read.
pub(super) async fn find(cx: &Cx, name: &JobName) -> Result<(Uuid, Arc<Directory>, JobRow)> {
    let read = cx.read(Target::job(*name.id())).await?;
    let organization_id = read.organization_id();
    let (row, requested) = try_join!(
        job::get(read.conn(), organization_id, *name.id()),
        job::requested(read.conn(), organization_id, *name.id())
    )?;
    let row = row.ok_or_else(|| CoreError::not_found(name))?;
    let text = name.to_string();
    read.check(&facts(&text, requested.as_ref())?).await?;
    Ok((organization_id, read.user.directory.clone(), row))
}

/// Judges a stream about a job as [`find`] does.
pub(super) fn judge(name: &JobName) -> Judge {
    let name = name.clone();
    Box::new(move |cx| {
        let name = name.clone();
        async move { find(&cx, &name).await.map(drop) }.boxed()
    })
}

/// A job as the contract shows it.
pub(super) async fn one_to_proto(
    conn: &Connection,
    organization_id: Uuid,
    directory: &Directory,
    row: JobRow,
) -> Result<pb::Job> {
    let mut converted = to_proto(conn, organization_id, directory, vec![row]).await?;
    converted.pop().ok_or_else(|| Error::internal("a job was lost on its way into the answer"))
}

/// Jobs as the contract shows them, in the order given. Looks up what their rows do not say.
pub async fn to_proto(
    conn: &Connection,
    organization_id: Uuid,
    directory: &Directory,
    rows: Vec<JobRow>,
) -> Result<Vec<pb::Job>> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let lease_ids: Vec<Uuid> = rows.iter().filter_map(|row| row.lease_id).collect();
    let deployment_ids: Vec<Uuid> = rows.iter().map(|row| row.deployment_id).collect();
    let (logs, leases, slugs) = try_join!(
        job_log::of_jobs(conn, organization_id, &ids),
        lease::expire_times(conn, &lease_ids),
        deployment::slugs(conn, organization_id, &deployment_ids)
    )?;
    rows.into_iter()
        .map(|row| {
            let unit = directory
                .unit_by_id(row.business_unit_id)
                .map(|unit| unit.name.to_string())
                .ok_or_else(|| Error::internal(format!("unit {} is not in the directory", row.business_unit_id)))?;
            let slug = slugs.iter().find(|(id, _)| *id == row.deployment_id).map_or("", |(_, slug)| slug);
            let log = logs.iter().find(|log| log.job_id == row.id);
            let lease = leases.iter().find(|(id, _)| Some(*id) == row.lease_id);
            let state = row.state()?;
            // Who worked on it last is of no interest while it waits for somebody else.
            let waits = matches!(state, JobState::Queued | JobState::RetryWait);
            Ok(pb::Job {
                name: row.name(),
                kind: kind_to_proto(row.kind()?).into(),
                operation: operation_to_proto(row.operation()?).into(),
                subject: format!("{unit}/requests/{}", row.request_id),
                deployment: format!("{unit}/deployments/{slug}"),
                business_unit: unit,
                state: state_to_proto(state).into(),
                attempt: row.attempt,
                max_attempts: row.max_attempts,
                run_after_time: Some(timestamp(row.run_after_time)),
                concurrency_key: row.concurrency_key,
                runner: row.runner.filter(|_| !waits).unwrap_or_default(),
                lease_expire_time: lease.map(|(_, time)| timestamp(*time)),
                fence: row.fence,
                apply_started: row.apply_started,
                progress: Some(progress_to_proto(&row.progress)),
                error: row.error.as_ref().map(error_to_proto),
                trigger: row.trigger,
                log: log.map(|log| pb::JobLog {
                    last_seq: log.last_seq,
                    dropped: log.dropped,
                    sha256: hex::encode(&log.sha256),
                    bytes: log.bytes,
                }),
                start_time: row.start_time.map(timestamp),
                end_time: row.end_time.map(timestamp),
                cancel_time: row.cancel_time.map(timestamp),
                create_time: Some(timestamp(row.create_time)),
                update_time: Some(timestamp(row.update_time)),
                etag: Etag::of(row.revision),
                queue: queue_to_proto(row.queue.parse().map_err(Error::internal)?).into(),
            })
        })
        .collect()
}

/// A kind as the contract spells it.
pub const fn kind_to_proto(kind: JobKind) -> pb::JobKind {
    match kind {
        JobKind::Plan => pb::JobKind::Plan,
        JobKind::Apply => pb::JobKind::Apply,
    }
}

/// An operation as the contract spells it.
pub const fn operation_to_proto(operation: JobOperation) -> pb::JobOperation {
    match operation {
        JobOperation::Create => pb::JobOperation::Create,
        JobOperation::Update => pb::JobOperation::Update,
        JobOperation::Destroy => pb::JobOperation::Destroy,
    }
}

/// A queue as the contract spells it.
pub const fn queue_to_proto(queue: QueueName) -> pb::JobQueue {
    match queue {
        QueueName::High => pb::JobQueue::High,
        QueueName::Default => pb::JobQueue::Default,
        QueueName::Low => pb::JobQueue::Low,
    }
}

/// A state as the contract spells it.
pub const fn state_to_proto(state: JobState) -> pb::JobState {
    match state {
        JobState::Queued => pb::JobState::Queued,
        JobState::Running => pb::JobState::Running,
        JobState::RetryWait => pb::JobState::RetryWait,
        JobState::Cancelling => pb::JobState::Cancelling,
        JobState::Succeeded => pb::JobState::Succeeded,
        JobState::Failed => pb::JobState::Failed,
        JobState::DeadLettered => pb::JobState::DeadLettered,
        JobState::Cancelled => pb::JobState::Cancelled,
    }
}

/// How far a job is, as its row keeps it.
pub fn progress_to_json(progress: &pb::JobProgress) -> Value {
    serde_json::json!({
        "step": progress.step,
        "current": progress.current,
        "total": progress.total,
        "percent": progress.percent,
        "message": progress.message,
    })
}

/// How far a job is, as the contract shows it.
pub fn progress_to_proto(stored: &Value) -> pb::JobProgress {
    let number = |key: &str| stored[key].as_i64().and_then(|number| i32::try_from(number).ok()).unwrap_or_default();
    pb::JobProgress {
        step: text(stored, "step"),
        current: number("current"),
        total: number("total"),
        percent: number("percent"),
        message: text(stored, "message"),
    }
}

/// An error as rows of jobs and requests keep it.
pub fn error_to_proto(stored: &Value) -> pb::JobError {
    let class = format!("ERROR_CLASS_{}", stored["error_class"].as_str().unwrap_or("UNKNOWN"));
    pb::JobError {
        error_class: pb::ErrorClass::from_str_name(&class).unwrap_or(pb::ErrorClass::Unknown).into(),
        message: text(stored, "message"),
        suggestion: text(stored, "suggestion"),
    }
}

fn text(stored: &Value, key: &str) -> String {
    stored[key].as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::enum_name;

    #[test]
    fn words_are_the_same_in_both() {
        for state in JobState::ALL {
            assert_eq!(enum_name(state_to_proto(*state).as_str_name(), "JOB_STATE_"), state.as_str());
        }
        for kind in JobKind::ALL {
            assert_eq!(enum_name(kind_to_proto(*kind).as_str_name(), "JOB_KIND_"), kind.as_str());
        }
        for queue in QueueName::ALL {
            assert_eq!(enum_name(queue_to_proto(*queue).as_str_name(), "JOB_QUEUE_"), queue.as_str());
        }
        for operation in JobOperation::ALL {
            let proto = operation_to_proto(*operation);
            assert_eq!(enum_name(proto.as_str_name(), "JOB_OPERATION_"), operation.as_str());
        }
        for class in flagstone_core::job::ErrorClass::ALL {
            let proto = error_to_proto(&serde_json::json!({"error_class": class})).error_class();
            assert_eq!(enum_name(proto.as_str_name(), "ERROR_CLASS_"), class.as_str());
        }
    }

    #[test]
    fn progress_survives_the_way_there_and_back() {
        let progress =
            pb::JobProgress { step: "apply".into(), current: 2, total: 5, percent: 40, message: "Applying".into() };
        assert_eq!(progress_to_proto(&progress_to_json(&progress)), progress);
        assert_eq!(progress_to_proto(&serde_json::json!({})), pb::JobProgress::default());
    }
}
