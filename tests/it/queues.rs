//! Queues: fair turns, pauses, limits, the front of the line, failed jobs by the dozen, and what a job waits for.

use flagstone_client::Error;
use flagstone_client::pb::{self, BlockerKind, ErrorClass, ErrorReason, JobQueue, JobState, RequestState};
use prost_types::FieldMask;

use crate::support::line::person::refused;
use crate::support::line::sql::id;
use crate::support::line::{Line, Order, Person, bundle};
use crate::support::runner::lease;
use crate::support::world::Cast;
use crate::support::{Caller, ScriptedRunner, TestApp};

fn order(deployment: &str) -> Order {
    Order::new("config-bundle", deployment, bundle("1"))
}

async fn stage() -> (Line, ScriptedRunner) {
    let line = Line::without_runner().await;
    let runner = ScriptedRunner::start(&line.app).await;
    (line, runner)
}

async fn queue(person: &Person, queue: JobQueue) -> pb::Queue {
    let all = person.queues().list_queues(pb::ListQueuesRequest {}).await.unwrap().into_inner().queues;
    assert_eq!(all.len(), 3);
    all.into_iter().find(|found| found.queue() == queue).unwrap()
}

async fn pause(person: &Person, queue: JobQueue, reason: &str) -> Result<pb::Queue, Error> {
    let request = pb::PauseQueueRequest { queue: queue.into(), reason: reason.to_owned(), ..Default::default() };
    Ok(person.queues().pause_queue(request).await?.into_inner().queue.unwrap_or_default())
}

async fn resume(person: &Person, queue: JobQueue) -> Result<pb::Queue, Error> {
    let request = pb::ResumeQueueRequest { queue: queue.into(), ..Default::default() };
    Ok(person.queues().resume_queue(request).await?.into_inner().queue.unwrap_or_default())
}

async fn run_now(person: &Person, job: &str) -> Result<pb::Job, Error> {
    let request = pb::RunJobNowRequest { name: job.to_owned(), ..Default::default() };
    Ok(person.queues().run_job_now(request).await?.into_inner().job.unwrap_or_default())
}

async fn blockers(person: &Person, name: &str) -> Vec<pb::Blocker> {
    let request = pb::ExplainPendingRequest { name: name.to_owned() };
    person.requests().explain_pending(request).await.unwrap().into_inner().blockers
}

async fn kinds(person: &Person, name: &str) -> Vec<BlockerKind> {
    let found = blockers(person, name).await;
    assert!(found.iter().all(|blocker| !blocker.message.is_empty() && !blocker.remedy.is_empty()), "{found:?}");
    found.iter().map(pb::Blocker::kind).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_queue_hands_out_nothing_but_what_is_wanted_now() {
    let (line, runner) = stage().await;
    let running = line.dev.order(order("running")).await;
    let assignment = runner.take_job(&running.jobs[0]).await;
    let paused = pause(&line.admin, JobQueue::Default, "The provider is down.").await.unwrap();
    assert_eq!(paused.pause.as_ref().unwrap().principal, "users/admin");
    refused(pause(&line.admin, JobQueue::Default, "").await, ErrorReason::WrongState);
    refused(resume(&line.admin, JobQueue::High).await, ErrorReason::WrongState);
    refused(pause(&line.admin, JobQueue::Unspecified, "").await, ErrorReason::FieldInvalid);
    refused(pause(&line.dev, JobQueue::Low, "").await, ErrorReason::AccessDenied);

    let first = line.dev.order(order("first")).await;
    let second = line.dev.order(order("second")).await;
    let found = queue(&line.admin, JobQueue::Default).await;
    assert_eq!((found.depth, found.running, found.dead_letters), (2, 1, 0));
    assert_eq!(found.pause.unwrap().reason, "The provider is down.");
    let [blocker] = <[pb::Blocker; 1]>::try_from(blockers(&line.dev, &first.name).await).unwrap();
    assert_eq!(blocker.kind(), BlockerKind::QueuePaused);
    assert!(blocker.message.contains("The provider is down."), "{blocker:?}");
    assert_eq!(blocker.who, ["platform:queues:manage"]);

    // What runs goes on, also into its next job, which waits.
    runner.run(&assignment).await.unwrap();
    let apply = line.dev.request(&running.name).await.jobs[1].clone();
    assert_eq!(kinds(&line.dev, &apply).await, [BlockerKind::QueuePaused]);

    // The front of the line is of no queue.
    refused(run_now(&line.dev, &second.jobs[0]).await, ErrorReason::AccessDenied);
    assert_eq!(run_now(&line.admin, &second.jobs[0]).await.unwrap().state(), JobState::Queued);
    assert_eq!(lease(&runner.take().await).job, second.jobs[0]);
    refused(run_now(&line.admin, &second.jobs[0]).await, ErrorReason::WrongState);
    assert_eq!(resume(&line.admin, JobQueue::Default).await.unwrap().pause, None);
    // In the order in which they came: the apply of the first request was enqueued last.
    assert_eq!(lease(&runner.take().await).job, first.jobs[0]);
    assert_eq!(lease(&runner.take().await).job, apply);
    for action in ["queue.pause", "queue.resume", "job.run_now"] {
        let filter = format!("action = \"{action}\" AND outcome = \"SUCCESS\"");
        assert_eq!(line.admin.audited(&filter).await.len(), 1, "{action}");
    }
    drop(runner);
    line.app.finish_with_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_in_its_backoff_is_run_now() {
    let (line, runner) = stage().await;
    let request = line.dev.order(order("limits")).await;
    let job = &request.jobs[0];
    let state = runner.fail(&runner.take_job(job).await, ErrorClass::Quota, true).await.unwrap();
    assert_eq!(state, JobState::RetryWait);
    // A limit of the provider is waited for.
    let found = line.dev.job(job).await;
    let wait = found.run_after_time.unwrap().seconds - found.update_time.unwrap().seconds;
    assert!((29..=91).contains(&wait), "{wait} s");
    let [blocker] = <[pb::Blocker; 1]>::try_from(blockers(&line.dev, job).await).unwrap();
    assert_eq!((blocker.kind(), blocker.until), (BlockerKind::Backoff, found.run_after_time));
    assert_eq!(queue(&line.admin, JobQueue::Default).await.delayed, 1);
    assert_eq!(run_now(&line.admin, job).await.unwrap().state(), JobState::Queued);
    let again = runner.take_job(job).await;
    assert_eq!(again.attempt, 2);
    runner.run(&again).await.unwrap();
    drop(runner);
    line.app.finish_with_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_jobs_are_retried_and_purged_by_filter() {
    let (line, runner) = stage().await;
    let mut requests = Vec::new();
    for n in 0..3 {
        let request = line.dev.order(order(&format!("limits-{n}"))).await;
        let assignment = runner.take_job(&request.jobs[0]).await;
        line.sql.run("UPDATE jobs SET max_attempts = 1 WHERE id = $1", &[&id(&request.jobs[0])]).await;
        runner.fail(&assignment, ErrorClass::Network, true).await.unwrap();
        requests.push(request);
    }
    let failed = line.dev.order(order("broken")).await;
    runner.fail(&runner.take_job(&failed.jobs[0]).await, ErrorClass::Engine, false).await.unwrap();
    assert_eq!(queue(&line.admin, JobQueue::Default).await.dead_letters, 3);

    let mut client = line.admin.queues();
    let retry = |filter: String, max_jobs| pb::RetryFailedJobsRequest { filter, max_jobs, ..Default::default() };
    let one = format!("subject = \"{}\"", requests[2].name);
    let answer = client.retry_failed_jobs(retry(one, 0)).await.unwrap().into_inner();
    assert_eq!(answer.results, [pb::JobResult { name: requests[2].jobs[0].clone(), error: None }]);
    assert!(!answer.more);
    let answer = client.retry_failed_jobs(retry(String::new(), 1)).await.unwrap().into_inner();
    assert_eq!(answer.results[0].name, requests[0].jobs[0], "the oldest first");
    assert!(answer.more, "another waits");
    assert_eq!(queue(&line.admin, JobQueue::Default).await.dead_letters, 1);
    refused(
        client.retry_failed_jobs(retry("color = \"red\"".into(), 0)).await.map_err(Error::from),
        ErrorReason::FilterInvalid,
    );
    refused(client.retry_failed_jobs(retry(String::new(), -1)).await.map_err(Error::from), ErrorReason::FieldInvalid);

    // A dry run says what would go, and leaves it.
    let purge = |validate_only| pb::PurgeFailedJobsRequest { validate_only, ..Default::default() };
    let dry = client.purge_failed_jobs(purge(true)).await.unwrap().into_inner();
    assert_eq!(dry.effects.unwrap().changes.len(), 2);
    let answer = client.purge_failed_jobs(purge(false)).await.unwrap().into_inner();
    let gone: Vec<_> = answer.results.iter().map(|result| result.name.clone()).collect();
    assert_eq!(gone, [requests[1].jobs[0].clone(), failed.jobs[0].clone()], "{answer:?}");
    assert_eq!(queue(&line.admin, JobQueue::Default).await.dead_letters, 0);
    let list = line.dev.jobs().list_jobs(pb::ListJobsRequest::default()).await.unwrap().into_inner().jobs;
    assert_eq!(list.len(), 2);
    for state in list.iter().map(pb::Job::state) {
        assert_eq!(state, JobState::Queued);
    }
    // Its request may be retried all the same.
    assert_eq!(line.dev.retry(&failed.name).await.state(), RequestState::Planning);
    drop(runner);
    line.app.finish_with_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_runs_as_many_jobs_as_it_may() {
    let (line, runner) = stage().await;
    let limit = |max_concurrent_jobs| pb::UpdateOrganizationSettingsRequest {
        organization_settings: Some(pb::OrganizationSettings { max_concurrent_jobs, ..Default::default() }),
        update_mask: Some(FieldMask { paths: vec!["max_concurrent_jobs".into()] }),
        ..Default::default()
    };
    let set = line.admin.organizations().update_organization_settings(limit(1)).await.unwrap().into_inner();
    assert_eq!(set.max_concurrent_jobs, 1);
    let wrong = line.admin.organizations().update_organization_settings(limit(1001)).await.map_err(Error::from);
    refused(wrong, ErrorReason::FieldInvalid);
    let one = line.dev.order(order("one")).await;
    let two = line.dev.order(order("two")).await;
    let running = runner.take().await;
    assert_eq!(lease(&running).job, one.jobs[0]);
    assert_eq!(kinds(&line.dev, &two.name).await, [BlockerKind::ConcurrencyLimit]);
    line.dev.try_cancel(&one.name).await.unwrap();
    let cancel = runner.cancelled().await;
    let ended = pb::complete_job_request::Outcome::Cancelled(pb::CancelledOutcome { reason: cancel.reason });
    runner.complete(&running, ended).await.unwrap();
    assert_eq!(lease(&runner.take().await).job, two.jobs[0]);
    drop(runner);
    line.app.finish_with_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_blocker_is_typed_and_told_at_once() {
    let (line, runner) = stage().await;
    let request = line.dev.order(order("limits")).await;
    let job = &request.jobs[0];
    let [busy] = <[pb::Blocker; 1]>::try_from(blockers(&line.dev, job).await).unwrap();
    assert_eq!(busy.kind(), BlockerKind::RunnersBusy);
    let later = line.dev.order(order("later")).await;
    let [busy] = <[pb::Blocker; 1]>::try_from(blockers(&line.dev, &later.name).await).unwrap();
    assert!(busy.message.contains("1 job of the organization is before it"), "{busy:?}");

    line.sql
        .run("UPDATE ready_jobs SET run_after_time = now() + interval '1 hour' WHERE job_id = $1", &[&id(job)])
        .await;
    let [scheduled] = <[pb::Blocker; 1]>::try_from(blockers(&line.dev, job).await).unwrap();
    assert_eq!(scheduled.kind(), BlockerKind::Scheduled);
    assert!(scheduled.until.is_some());
    line.sql.run("UPDATE ready_jobs SET run_after_time = now()", &[]).await;

    // Runners with other engines, then none, each beside a pause.
    line.sql.run("UPDATE runners SET engines = '[{\"engine\": \"OTHER\"}]'", &[]).await;
    pause(&line.admin, JobQueue::Default, "").await.unwrap();
    assert_eq!(kinds(&line.dev, job).await, [BlockerKind::QueuePaused, BlockerKind::NoEngine]);
    let dry = pb::CreateRequestRequest { validate_only: true, ..order("never").into() };
    let effects = line.dev.requests().create_request(dry.clone()).await.unwrap().into_inner().effects.unwrap();
    assert!(effects.jobs[0].warning.contains("TERRAFORM"), "{:?}", effects.jobs);
    line.sql.run("UPDATE runners SET last_seen_time = NULL, adoption = 'REMOVED'", &[]).await;
    assert_eq!(kinds(&line.dev, job).await, [BlockerKind::QueuePaused, BlockerKind::NoRunner]);
    let effects = line.dev.requests().create_request(dry).await.unwrap().into_inner().effects.unwrap();
    assert!(effects.jobs[0].warning.starts_with("No runner is registered"), "{:?}", effects.jobs);
    drop(runner);
    line.app.finish_with_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn organizations_take_turns_by_rpc() {
    let app = TestApp::start().await;
    let runner = ScriptedRunner::start(&app).await;
    let (ours, theirs) = (Cast::of(&app).await, Cast::from(app.organization("globex").await));
    let submit = async |cast: &Cast, dev: &Caller, n: usize| {
        let prefix = cast.template.trim_start_matches("templates/").to_owned();
        let request = cast.create(dev, "development", &format!("{prefix}-turn-{n}")).await;
        request.jobs[0].clone()
    };
    let mut many = Vec::new();
    for n in 0..6 {
        many.push(submit(&ours, &ours.dev, n).await);
    }
    let few = [submit(&theirs, &theirs.dev, 0).await, submit(&theirs, &theirs.dev, 1).await];
    let mut taken = Vec::new();
    for _ in 0..5 {
        taken.push(lease(&runner.take().await).job.clone());
    }
    let mine = taken.iter().filter(|job| many.contains(job)).count();
    let its = taken.iter().filter(|job| few.contains(job)).count();
    assert_eq!((mine, its), (3, 2), "{taken:?}");
    assert!(taken[..2].contains(&few[0]), "whoever came later does not wait for the whole line: {taken:?}");
    // Nobody sees or pauses another's queue.
    let all = theirs.admin.queues().list_queues(pb::ListQueuesRequest {}).await.unwrap().into_inner().queues;
    assert_eq!(all.iter().map(|queue| (queue.depth, queue.running)).collect::<Vec<_>>(), [(0, 0), (0, 2), (0, 0)]);
    let pause = pb::PauseQueueRequest { queue: JobQueue::Default.into(), ..Default::default() };
    theirs.admin.queues().pause_queue(pause).await.unwrap();
    drop(runner);
    let other = ScriptedRunner::named(&app, "other").await;
    assert!(many.contains(&lease(&other.take().await).job));
    drop(other);
    app.finish_with_jobs().await;
}
