//! What people do with jobs that are over: replay a dead letter, export a log, delete.

use flagstone_client::pb::{self, BlockerKind, ErrorClass, ErrorReason, JobKind, JobLogFormat, JobState, RequestState};
use flagstone_client::{Client, Error, Event};
use futures::{StreamExt, pin_mut};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::support::ScriptedRunner;
use crate::support::line::person::refused;
use crate::support::line::sql::id;
use crate::support::line::{Line, Order, Person, bundle};
use crate::support::runner::lease;

fn order(deployment: &str) -> Order {
    Order::new("config-bundle", deployment, bundle("1"))
}

async fn stage() -> (Line, ScriptedRunner) {
    let line = Line::without_runner().await;
    let runner = ScriptedRunner::start(&line.app).await;
    (line, runner)
}

/// Lets a job that the runner has fail in what is its last attempt.
async fn bury(line: &Line, runner: &ScriptedRunner, assignment: &pb::JobAssignment) {
    let job = &lease(assignment).job;
    line.sql.run("UPDATE jobs SET max_attempts = attempt WHERE id = $1", &[&id(job)]).await;
    let state = runner.fail(assignment, ErrorClass::Network, true).await.unwrap();
    assert_eq!(state, JobState::DeadLettered);
}

/// A request whose plan job is a dead letter.
async fn buried(line: &Line, runner: &ScriptedRunner, deployment: &str) -> pb::Request {
    let request = line.dev.order(order(deployment)).await;
    bury(line, runner, &runner.take_job(&request.jobs[0]).await).await;
    line.dev.request(&request.name).await
}

async fn replay(person: &Person, job: &str) -> Result<pb::Job, Error> {
    let request = pb::ReplayJobRequest { name: job.to_owned(), ..Default::default() };
    Ok(person.jobs().replay_job(request).await?.into_inner().job.unwrap_or_default())
}

async fn delete(person: &Person, job: &str) -> Result<(), Error> {
    let request = pb::DeleteJobRequest { name: job.to_owned(), ..Default::default() };
    person.jobs().delete_job(request).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_replayed_as_the_same_job_and_its_request_goes_on() {
    let (line, runner) = stage().await;
    let failed = buried(&line, &runner, "limits").await;
    let job = &failed.jobs[0];
    assert_eq!(failed.state(), RequestState::Failed);
    let pending = pb::ExplainPendingRequest { name: job.clone() };
    let blockers = line.dev.requests().explain_pending(pending).await.unwrap().into_inner().blockers;
    assert_eq!(blockers[0].kind(), BlockerKind::DeadLetter);
    assert!(blockers[0].remedy.contains("ReplayJob"), "{blockers:?}");

    let before = line.dev.job(job).await;
    let job_now = replay(&line.dev, job).await.unwrap();
    assert_eq!((job_now.state(), job_now.attempt, job_now.fence), (JobState::Queued, 0, before.fence));
    assert_eq!((job_now.kind(), job_now.operation()), (before.kind(), before.operation()));
    assert!(job_now.error.is_none() && job_now.end_time.is_none(), "{job_now:?}");
    assert_eq!(line.dev.request(&failed.name).await.state(), RequestState::Planning);
    refused(replay(&line.dev, job).await, ErrorReason::WrongState);
    assert_eq!(line.admin.audited(r#"action = "job.replay" AND outcome = "SUCCESS""#).await.len(), 1);
    let timeline = line.dev.timeline(&failed.name).await;
    assert_eq!(timeline.last().unwrap(), &("replayed".to_owned(), RequestState::Planning));

    // The fence goes on, the log too.
    let again = runner.take_job(job).await;
    assert_eq!((again.attempt, lease(&again).fence), (1, before.fence + 1));
    runner.run(&again).await.unwrap();
    runner.run(&runner.take().await).await.unwrap();
    assert_eq!(line.dev.request(&failed.name).await.state(), RequestState::Completed);
    drop(runner);
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nothing_waits_for_is_not_replayed_and_an_apply_never() {
    let (line, runner) = stage().await;
    let failed = buried(&line, &runner, "limits").await;
    // Retried instead: another job plans it.
    let retried = line.dev.retry(&failed.name).await;
    let error = refused(replay(&line.dev, &failed.jobs[0]).await, ErrorReason::WrongState);
    assert!(error.message.contains("moved on"), "{error:?}");
    runner.run(&runner.take_job(retried.jobs.last().unwrap()).await).await.unwrap();
    let apply = runner.take().await;
    assert_eq!(apply.kind(), JobKind::Apply);
    bury(&line, &runner, &apply).await;
    let error = refused(replay(&line.dev, &lease(&apply).job).await, ErrorReason::WrongState);
    assert!(error.message.contains("RetryRequest"), "{error:?}");

    // Who is neither its requester nor may replay in the unit does not; nor anybody of another organization.
    let other = buried(&line, &runner, "other").await;
    let viewer = line.app.user("looks-on", &[("viewer", "sandbox")]).await;
    let request = pb::ReplayJobRequest { name: other.jobs[0].clone(), ..Default::default() };
    let denied = viewer.jobs().replay_job(request.clone()).await.map_err(crate::support::Error::from).unwrap_err();
    assert_eq!(denied.reason, Some(ErrorReason::AccessDenied), "{denied:?}");
    let theirs = line.app.organization("globex").await;
    let absent = theirs.admin.jobs().replay_job(request).await.map_err(crate::support::Error::from).unwrap_err();
    assert_eq!(absent.reason, Some(ErrorReason::NotFound), "{absent:?}");
    replay(&line.approver, &other.jobs[0]).await.unwrap();
    line.dev.try_cancel(&other.name).await.unwrap();
    drop(runner);
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_is_refused_while_another_request_is_under_way() {
    let (line, runner) = stage().await;
    let made = line.dev.order(order("limits")).await;
    runner.run(&runner.take_job(&made.jobs[0]).await).await.unwrap();
    runner.run(&runner.take().await).await.unwrap();
    let update = crate::support::line::update("limits", &bundle("2"));
    let failed = line.dev.order(update.clone()).await;
    bury(&line, &runner, &runner.take_job(&failed.jobs[0]).await).await;
    let under_way = line.dev.order(update).await;
    refused(replay(&line.dev, &failed.jobs[0]).await, ErrorReason::OperationInProgress);
    // Each by itself: the batch says why, and nothing was changed.
    let retry = pb::RetryFailedJobsRequest::default();
    let answer = line.admin.queues().retry_failed_jobs(retry).await.unwrap().into_inner();
    assert_eq!(answer.results.len(), 1, "{answer:?}");
    assert!(answer.results[0].error.as_ref().unwrap().message.contains("Wait for it"), "{answer:?}");
    assert_eq!(line.dev.job(&failed.jobs[0]).await.state(), JobState::DeadLettered);
    line.dev.try_cancel(&under_way.name).await.unwrap();
    drop(runner);
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_over_is_deleted_and_its_log_goes_with_it() {
    let (line, runner) = stage().await;
    let done = line.dev.order(order("limits")).await;
    runner.run(&runner.take_job(&done.jobs[0]).await).await.unwrap();
    runner.run(&runner.take().await).await.unwrap();
    let done = line.dev.request(&done.name).await;
    let plan = line.dev.plan(&done.name).await;
    let [planned, applied] = <[String; 2]>::try_from(done.jobs.clone()).unwrap();
    let waiting = line.dev.order(order("other")).await;
    let running = runner.take_job(&waiting.jobs[0]).await;

    refused(delete(&line.admin, &waiting.jobs[0]).await, ErrorReason::WrongState);
    refused(delete(&line.dev, &planned).await, ErrorReason::AccessDenied);
    let chunks = "SELECT count(*) FROM job_log_chunks WHERE job_id = $1";
    assert!(line.sql.one::<i64>(chunks, &[&id(&planned)]).await > 0);
    delete(&line.admin, &planned).await.unwrap();
    for query in [chunks, "SELECT count(*) FROM job_logs WHERE job_id = $1"] {
        assert_eq!(line.sql.one::<i64>(query, &[&id(&planned)]).await, 0, "{query}");
    }
    refused(delete(&line.admin, &planned).await, ErrorReason::NotFound);
    let get = pb::GetJobRequest { name: planned.clone() };
    refused(line.dev.jobs().get_job(get).await.map_err(Error::from), ErrorReason::NotFound);
    // What it made stays.
    assert_eq!(line.dev.plan(&done.name).await, plan);
    assert_eq!(line.dev.request(&done.name).await.jobs.len(), 2);

    // Several: each by itself.
    let never = "jobs/0190b3a4-0000-7000-8000-000000000000".to_owned();
    let names = vec![never, waiting.jobs[0].clone(), applied.clone()];
    let batch = pb::BatchDeleteJobsRequest { names: names.clone(), ..Default::default() };
    let answer = line.admin.jobs().batch_delete_jobs(batch).await.unwrap().into_inner();
    let told: Vec<_> = answer.results.iter().map(|result| result.error.as_ref().map(|error| error.code)).collect();
    assert_eq!(told, [Some(5), Some(9), None], "{answer:?}");
    assert_eq!(answer.results.iter().map(|result| result.name.clone()).collect::<Vec<_>>(), names);
    let list = pb::ListJobsRequest::default();
    let left = line.dev.jobs().list_jobs(list).await.unwrap().into_inner().jobs;
    assert_eq!(left.iter().map(|job| &job.name).collect::<Vec<_>>(), [&waiting.jobs[0]]);
    for wrong in [Vec::new(), vec![applied.clone(), applied], vec!["jobs/x".to_owned()]] {
        let batch = pb::BatchDeleteJobsRequest { names: wrong, ..Default::default() };
        refused(line.admin.jobs().batch_delete_jobs(batch).await.map_err(Error::from), ErrorReason::FieldInvalid);
    }
    // The database itself keeps the lines of a job that was not deleted.
    runner.log(&running, &["kept\n"]).await.unwrap();
    let kept = "SELECT job_log_delete(organization_id, id) FROM jobs WHERE id = $1";
    assert_eq!(line.sql.one::<i64>(kept, &[&id(&waiting.jobs[0])]).await, 0);
    assert_eq!(line.sql.one::<i64>(chunks, &[&id(&waiting.jobs[0])]).await, 1);
    line.dev.try_cancel(&waiting.name).await.unwrap();
    drop(runner);
    line.app.finish_with_jobs().await;
}

/// What an export brought.
#[derive(Default)]
struct Exported {
    bytes: Vec<u8>,
    cursor: String,
    end: Option<pb::JobLogExportEnd>,
}

/// An export from a cursor, left after so many chunks.
async fn export(client: &Client, job: &str, format: JobLogFormat, cursor: &str, chunks: usize) -> Exported {
    let request = pb::ExportJobLogsRequest { name: job.to_owned(), format: format.into(), cursor: cursor.to_owned() };
    let events = client.export_job_logs(request);
    pin_mut!(events);
    let mut exported = Exported { cursor: cursor.to_owned(), ..Exported::default() };
    let mut seen = 0;
    while seen < chunks
        && let Some(event) = events.next().await
    {
        match event.expect("the export goes on") {
            Event::Item(chunk) => {
                exported.bytes.extend_from_slice(&chunk.data);
                exported.cursor = chunk.cursor;
                seen += 1;
            }
            Event::End(end) => exported.end = Some(end),
        }
    }
    exported
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_what_is_stored_wherever_it_is_cut() {
    let (line, runner) = stage().await;
    let request = line.dev.order(order("limits")).await;
    let job = &request.jobs[0];
    let mut assignment = runner.take_job(job).await;
    // More than a chunk of the export.
    let long = "x".repeat(30_000) + "\n";
    for round in 0..10 {
        let lines = [long.as_str(), "\u{e9}\n", "two words\n"];
        assignment.next_log_seq = 1 + round * 3;
        runner.log(&assignment, &lines).await.unwrap();
    }
    let so_far = export(&line.dev, job, JobLogFormat::Text, "", usize::MAX).await;
    let end = so_far.end.unwrap();
    assert_eq!((end.complete, end.last_seq), (false, 30));
    assignment.next_log_seq = 31;
    runner.run(&assignment).await.unwrap();
    let log = line.dev.log(job).await;
    let stored: Vec<u8> = log.lines.iter().flat_map(|line| line.data.clone()).collect();

    let whole = export(&line.dev, job, JobLogFormat::Text, "", usize::MAX).await;
    let end = whole.end.unwrap();
    assert_eq!(whole.bytes, stored);
    assert_eq!((&end.sha256, end.complete, end.last_seq), (&log.end.sha256, true, log.end.last_seq));

    let json = export(&line.dev, job, JobLogFormat::Ndjson, "", usize::MAX).await;
    let read: Vec<Value> = json
        .bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(read.len(), log.lines.len());
    for (object, line) in read.iter().zip(&log.lines) {
        assert_eq!((object["seq"].as_i64(), object["step"].as_str()), (Some(line.seq), Some(line.step.as_str())));
        assert_eq!(object["data"].as_str().map(str::as_bytes), Some(&line.data[..]));
        assert_eq!((object["stream"].as_str(), object["level"].as_str()), (Some("STDOUT"), Some("INFO")));
    }
    let sha256 = json.end.unwrap().sha256;
    assert_eq!(sha256, hex::encode(Sha256::digest(&json.bytes)));

    // Cut after the first chunk: the rest and the hash of the whole.
    let first = export(&line.dev, job, JobLogFormat::Ndjson, "", 1).await;
    assert!(first.end.is_none() && first.bytes.len() < json.bytes.len());
    let rest = export(&line.dev, job, JobLogFormat::Ndjson, &first.cursor, usize::MAX).await;
    assert_eq!([first.bytes, rest.bytes].concat(), json.bytes);
    assert_eq!(rest.end.unwrap().sha256, sha256);

    let wrong = pb::ExportJobLogsRequest { name: job.clone(), cursor: "x".to_owned(), ..Default::default() };
    let answer = line.dev.jobs().export_job_logs(wrong).await.map(drop).map_err(Error::from);
    refused(answer, ErrorReason::FieldInvalid);
    let viewer = line.app.user("looks-on", &[("viewer", "sandbox")]).await;
    let request = pb::ExportJobLogsRequest { name: job.clone(), ..Default::default() };
    let denied = viewer.jobs().export_job_logs(request).await.map(drop).map_err(crate::support::Error::from);
    assert_eq!(denied.unwrap_err().reason, Some(ErrorReason::AccessDenied));
    drop(runner);
    line.app.finish_with_jobs().await;
}
