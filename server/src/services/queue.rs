//! Queues as those who run the platform see them: how full they are, pauses, and jobs by the dozen. Every call is about
//! the caller's organization and no other; only schedules are the installation's.

mod bulk;
mod schedule;

use std::sync::Arc;

use flagstone_api::pb;
use flagstone_api::pb::queue_service_server::QueueService;
use flagstone_core::job::QueueName;
use flagstone_core::names::{JobName, parse};
use flagstone_core::{Error as CoreError, Reason, Violations, text};
use flagstone_db::Connection;
use flagstone_db::queue::pause::{self, PauseRow};
use flagstone_db::queue::stats::{self, QueueRow};
use futures::try_join;
use serde_json::{Value, json};
use uuid::Uuid;

use super::job::queue_to_proto;
use super::job_change::{answer, locked};
use crate::app::App;
use crate::convert::timestamp;
use crate::cx::{Cx, Facts, Target};
use crate::error::{Error, Result};
use crate::flow::queue as jobs;
use crate::ledger::{ObjectRef, QUEUE_TOPIC};
use crate::rpc::unary;
use crate::tx::Tx;

use bulk::{purge_failed_jobs, retry_failed_jobs};
use schedule::{list_schedules, run_schedule};

/// What a list of queues is about.
const COLLECTION: &str = "queues";

/// What allows to know how the queues are.
const READABLE: &[&str] = &["platform:queues:read"];

/// Longest reason of a pause, in characters.
const REASON_MAX: usize = 500;

/// The service.
pub struct Queues(pub Arc<App>);

#[tonic::async_trait]
impl QueueService for Queues {
    unary! {
        list_queues: pb::ListQueuesRequest => pb::ListQueuesResponse,
        pause_queue: pb::PauseQueueRequest => pb::PauseQueueResponse,
        resume_queue: pb::ResumeQueueRequest => pb::ResumeQueueResponse,
        run_job_now: pb::RunJobNowRequest => pb::RunJobNowResponse,
        retry_failed_jobs: pb::RetryFailedJobsRequest => pb::RetryFailedJobsResponse,
        purge_failed_jobs: pb::PurgeFailedJobsRequest => pb::PurgeFailedJobsResponse,
        list_schedules: pb::ListSchedulesRequest => pb::ListSchedulesResponse,
        run_schedule: pb::RunScheduleRequest => pb::RunScheduleResponse,
    }
}

async fn list_queues(cx: Cx, _: pb::ListQueuesRequest) -> Result<pb::ListQueuesResponse> {
    let read = cx.read(Target::organization(COLLECTION)).await?;
    Ok(pb::ListQueuesResponse { queues: queues(read.conn(), read.organization_id()).await? })
}

async fn pause_queue(cx: Cx, req: pb::PauseQueueRequest) -> Result<pb::PauseQueueResponse> {
    let mut tx = cx.begin(&req, Target::organization(COLLECTION)).await?;
    tx.check(&Facts::of(COLLECTION, READABLE)).await?;
    let mut wrong = Violations::new();
    let queue = wrong.take(read_queue(req.queue));
    wrong.take(text::optional(&req.reason, REASON_MAX, "reason"));
    wrong.finish()?;
    let queue = queue.ok_or_else(|| Error::internal("violations were lost"))?;
    let (organization_id, principal) = (tx.organization_id, tx.principal.clone());
    let Some(paused) = pause::insert(&mut tx, organization_id, queue, &principal, &req.reason).await? else {
        let found = pause::get(&tx, organization_id, queue.as_str()).await?;
        let by = found
            .map_or_else(String::new, |found| format!(" since {} by {}", found.time.to_rfc3339(), found.principal));
        return Err(wrong_state(queue, &format!("It is paused{by}. ResumeQueue ends that.")));
    };
    record(&mut tx, queue, paused.id, None, Some(&paused));
    let queue = one(&tx, queue).await?;
    tx.commit(pb::PauseQueueResponse { queue: Some(queue), effects: None }).await
}

async fn resume_queue(cx: Cx, req: pb::ResumeQueueRequest) -> Result<pb::ResumeQueueResponse> {
    let mut tx = cx.begin(&req, Target::organization(COLLECTION)).await?;
    tx.check(&Facts::of(COLLECTION, READABLE)).await?;
    let queue = read_queue(req.queue)?;
    let organization_id = tx.organization_id;
    let ended = pause::delete(&mut tx, organization_id, queue).await?;
    let ended = ended.ok_or_else(|| wrong_state(queue, "It is not paused: its jobs are handed out."))?;
    record(&mut tx, queue, ended.id, Some(&ended), None);
    let queue = one(&tx, queue).await?;
    tx.commit(pb::ResumeQueueResponse { queue: Some(queue), effects: None }).await
}

async fn run_job_now(cx: Cx, req: pb::RunJobNowRequest) -> Result<pb::RunJobNowResponse> {
    let name: JobName = parse(&req.name, "name")?;
    let mut tx = cx.begin(&req, Target::organization(&name)).await?;
    let found = locked(&mut tx, &name, &req.etag).await?;
    let after = jobs::run_now(&mut tx, &found).await?;
    let job = answer(&tx, after).await?;
    tx.commit(pb::RunJobNowResponse { job: Some(job), effects: None }).await
}

/// Records a pause or its end, and lets whoever waits for jobs look again.
fn record(tx: &mut Tx, queue: QueueName, id: Uuid, before: Option<&PauseRow>, after: Option<&PauseRow>) {
    let view = |pause: Option<&PauseRow>| -> Value {
        match pause {
            None => json!({"paused": false}),
            Some(pause) => json!({"paused": true, "reason": pause.reason, "principal": pause.principal}),
        }
    };
    let name = format!("queues/{queue}");
    tx.about(name.clone());
    let object = ObjectRef { object_type: "queue", name, id, business_unit_id: None };
    tx.record(object, Some(&view(before)), Some(&view(after)));
    tx.ledger.topic(QUEUE_TOPIC);
}

fn wrong_state(queue: QueueName, why: &str) -> Error {
    CoreError::precondition(Reason::WrongState, format!("The queue {queue}: {why}")).with("queue", &queue).into()
}

fn read_queue(sent: i32) -> Result<QueueName, CoreError> {
    QueueName::ALL
        .iter()
        .copied()
        .find(|queue| i32::from(queue_to_proto(*queue)) == sent)
        .ok_or_else(|| CoreError::field("queue", "Name a queue: HIGH, DEFAULT or LOW."))
}

/// The queues as they are now.
async fn queues(conn: &Connection, organization_id: Uuid) -> Result<Vec<pb::Queue>> {
    let (rows, pauses) = try_join!(stats::queues(conn, organization_id), pause::all(conn, organization_id))?;
    rows.iter().map(|row| to_proto(row, pauses.iter().find(|pause| pause.queue == row.queue))).collect()
}

/// One of them.
async fn one(tx: &Tx, queue: QueueName) -> Result<pb::Queue> {
    let all = queues(tx, tx.organization_id).await?;
    let found = all.into_iter().find(|found| found.queue() == queue_to_proto(queue));
    found.ok_or_else(|| Error::internal("a queue was lost on its way into the answer"))
}

fn to_proto(row: &QueueRow, pause: Option<&PauseRow>) -> Result<pb::Queue> {
    let count = |count: i64| i32::try_from(count).unwrap_or(i32::MAX);
    Ok(pb::Queue {
        queue: queue_to_proto(row.queue.parse().map_err(Error::internal)?).into(),
        depth: count(row.depth),
        delayed: count(row.delayed),
        oldest_time: row.oldest_time.map(timestamp),
        running: count(row.running),
        dead_letters: count(row.dead_letters),
        pause: pause.map(|pause| pb::QueuePause {
            principal: pause.principal.clone(),
            time: Some(timestamp(pause.time)),
            reason: pause.reason.clone(),
        }),
    })
}
