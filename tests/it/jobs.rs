//! Jobs and their runners: who may write, what is tried again, what never runs beside what. Runners follow a script.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flagstone_client::pb;
use flagstone_client::pb::complete_job_request::Outcome;
use flagstone_client::pb::{
    ArtifactKind, BlockerKind, DeploymentState, ErrorClass, ErrorReason, FailedPhase, JobKind, JobState, RequestState,
    StateDisposition,
};
use flagstone_client::{Code, Error};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::http::send;
use crate::support::line::person::refused;
use crate::support::line::sql::id;
use crate::support::line::{Line, Order, bundle, until, update};
use crate::support::runner::{UPDATE, lease};
use crate::support::world::Cast;
use crate::support::{Caller, ScriptedRunner};

fn order(deployment: &str) -> Order {
    Order::new("config-bundle", deployment, bundle("1"))
}

/// A server with one scripted runner.
async fn stage() -> (Line, ScriptedRunner) {
    let line = Line::without_runner().await;
    let runner = ScriptedRunner::start(&line.app).await;
    (line, runner)
}

/// Brings an order to the point where its apply is handed out.
async fn taken_apply(line: &Line, runner: &ScriptedRunner, deployment: &str) -> (pb::Request, pb::JobAssignment) {
    let request = line.dev.order(order(deployment)).await;
    runner.run(&runner.take().await).await.unwrap();
    let assignment = runner.take().await;
    assert_eq!(assignment.kind(), JobKind::Apply);
    (line.dev.request(&request.name).await, assignment)
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_appended_once_however_often_they_are_sent_and_never_with_a_gap() {
    let (line, runner) = stage().await;
    let request = line.dev.order(order("limits")).await;
    let assignment = runner.take().await;
    assert_eq!(runner.log(&assignment, &["one\n", "two\n"]).await.unwrap(), 2);
    assert_eq!(runner.log(&assignment, &["one\n", "two\n"]).await.unwrap(), 2, "a repetition changes nothing");
    assert_eq!(runner.log(&assignment, &["one\n", "two\n", "three\n"]).await.unwrap(), 3, "an overlap adds the rest");
    let later = pb::JobAssignment { next_log_seq: 6, ..assignment.clone() };
    let error = Error::from(runner.log(&later, &["six\n"]).await.unwrap_err());
    assert_eq!((error.code, error.metadata["expected_seq"].as_str()), (Code::OutOfRange, "4"));
    let rest = pb::JobAssignment { next_log_seq: 4, ..assignment.clone() };
    runner.plan(&rest, crate::support::runner::CREATE).await.unwrap();
    let log = line.dev.log(&request.jobs[0]).await;
    assert!(log.text().starts_with("one\ntwo\nthree\n"), "{}", log.text());
    runner.run(&runner.take().await).await.unwrap();
    drop(runner);
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runners_never_get_the_same_job() {
    let (line, one) = stage().await;
    let other = ScriptedRunner::named(&line.app, "other").await;
    for number in 0..10 {
        line.dev.order(order(&format!("limits-{number}"))).await;
    }
    let take = async |runner: &ScriptedRunner| {
        let mut taken = Vec::new();
        for _ in 0..5 {
            taken.push(runner.take().await);
        }
        taken
    };
    let (first, second) = tokio::join!(take(&one), take(&other));
    let jobs: BTreeSet<String> = first.iter().chain(&second).map(|assignment| lease(assignment).job.clone()).collect();
    assert_eq!(jobs.len(), 10);
    for (runner, taken) in [(&one, &first), (&other, &second)] {
        for assignment in taken {
            runner.fail(assignment, ErrorClass::Validation, false).await.unwrap();
        }
    }
    drop((one, other));
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_was_lost_writes_nothing_more() {
    let (line, zombie) = stage().await;
    let request = line.dev.order(order("limits")).await;
    let old = zombie.take().await;
    zombie.log(&old, &["from the first\n"]).await.unwrap();
    zombie.go_silent();
    let job = &request.jobs[0];
    line.dev.until_job(job, "the job is back in the line", |job| job.state() == JobState::Queued).await;
    let runner = ScriptedRunner::named(&line.app, "second").await;
    let new = runner.take_job(job).await;
    assert_eq!((lease(&old).fence, lease(&new).fence, new.attempt), (1, 2, 2));
    assert_eq!(new.next_log_seq, 2, "its log goes on where the first one stopped");

    let late = pb::JobAssignment { next_log_seq: 2, ..old.clone() };
    let stale = ErrorReason::StaleFence;
    refused(zombie.log(&late, &["late\n"]).await.map_err(Into::into), stale);
    refused(zombie.put(&old, ArtifactKind::PlanFile, b"late").await.map_err(Into::into), stale);
    refused(zombie.get(&old, ArtifactKind::Template).await.map_err(Into::into), stale);
    let progress = pb::ReportJobProgressRequest { job: old.job.clone(), ..Default::default() };
    refused(zombie.link.runner_link().report_job_progress(progress).await.map_err(Into::into), stale);
    let outcome = Outcome::Planned(pb::PlanOutcome::default());
    refused(zombie.complete(&old, outcome).await.map_err(Into::into), stale);
    refused(zombie.fail(&old, ErrorClass::Engine, false).await.map_err(Into::into), stale);
    // Nor does it in the name of the lease that the other one has.
    refused(
        zombie.log(&pb::JobAssignment { next_log_seq: 2, ..new.clone() }, &["x\n"]).await.map_err(Into::into),
        stale,
    );

    runner.run(&new).await.unwrap();
    let log = line.dev.log(job).await;
    assert!(log.text().starts_with("from the first\n") && !log.text().contains("late"), "{}", log.text());
    runner.run(&runner.take().await).await.unwrap();
    drop((zombie, runner));
    line.finish().await;
}

/// One call of an engine to the state backend.
async fn backend(line: &Line, assignment: &pb::JobAssignment, method: &str, body: &Value) -> StatusCode {
    let basic = STANDARD.encode(format!("{}:{}", assignment.state_username, assignment.state_password));
    let headers = [("authorization", format!("Basic {basic}"))];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let body = if body.is_null() { Vec::new() } else { serde_json::to_vec(body).unwrap() };
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    send(line.app.address, method, &assignment.state_path, &headers, body).await.status()
}

fn state(serial: i64) -> Value {
    json!({"version": 4, "lineage": "one-lineage", "serial": serial, "resources": []})
}

/// How the states of a deployment are kept: each with its serial.
async fn kept_states(line: &Line) -> Value {
    let query =
        "SELECT coalesce(jsonb_agg(jsonb_build_array(serial, state) ORDER BY time), '[]') FROM workspace_states";
    line.sql.one(query, &[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_apply_whose_runner_is_lost_fails_keeps_its_lock_for_a_while_and_never_runs_again() {
    let (line, zombie) = stage().await;
    let (request, old) = taken_apply(&line, &zombie, "limits").await;
    assert!(zombie.start_apply(&old).await.unwrap().start);
    assert_eq!(backend(&line, &old, "LOCK", &json!({"ID": "1"})).await, StatusCode::OK);
    assert_eq!(backend(&line, &old, "POST", &state(1)).await, StatusCode::OK);
    zombie.go_silent();

    let failed = line.dev.until(&request.name, RequestState::Failed).await;
    assert_eq!(failed.failed_phase(), FailedPhase::Apply);
    assert_eq!(failed.error.unwrap().error_class, "RUNNER_LOST");
    let job = line.dev.job(request.jobs.last().unwrap()).await;
    assert_eq!((job.state(), job.attempt, job.apply_started), (JobState::Failed, 1, true));
    assert_eq!(line.dev.deployment("limits").await.state(), DeploymentState::Failed);

    // Its engine is still on the way out: what it stores counts, even after it let go of the lock, and nobody else may
    // work on the deployment.
    assert_eq!(backend(&line, &old, "UNLOCK", &json!({"ID": "1"})).await, StatusCode::OK);
    assert_eq!(backend(&line, &old, "POST", &state(2)).await, StatusCode::OK);
    until("the lock is free", || async {
        line.sql.one::<i64>("SELECT count(*) FROM workspaces WHERE lock_job_id IS NOT NULL", &[]).await == 0
            && line.sql.one::<i64>("SELECT count(*) FROM concurrency_holds", &[]).await == 0
    })
    .await;
    // Later still it is kept aside.
    assert_eq!(backend(&line, &old, "POST", &state(3)).await, StatusCode::CONFLICT);
    assert_eq!(kept_states(&line).await, json!([[1, "STORED"], [2, "STORED"], [3, "ORPHANED"]]));

    // The way on is a fresh plan.
    let retried = line.dev.retry(&request.name).await;
    assert_eq!((retried.state(), retried.jobs.len()), (RequestState::Planning, 3));
    let runner = ScriptedRunner::named(&line.app, "second").await;
    runner.run(&runner.take_job(retried.jobs.last().unwrap()).await).await.unwrap();
    runner.run(&runner.take().await).await.unwrap();
    line.dev.until(&request.name, RequestState::Completed).await;
    drop((zombie, runner));
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_comes_back_ends_the_wait_and_hands_in_the_last_state() {
    let (line, zombie) = stage().await;
    let (request, old) = taken_apply(&line, &zombie, "limits").await;
    assert!(zombie.start_apply(&old).await.unwrap().start);
    assert_eq!(backend(&line, &old, "LOCK", &json!({"ID": "1"})).await, StatusCode::OK);
    let recover = pb::RecoverJobRequest { job: old.job.clone(), state: serde_json::to_vec(&state(1)).unwrap() };
    let answer = zombie.link.runner_link().recover_job(recover.clone()).await.unwrap().into_inner();
    assert_eq!((answer.disposition(), answer.discard), (StateDisposition::Stored, true));
    let again = zombie.link.runner_link().recover_job(recover).await.unwrap().into_inner();
    assert_eq!((again.disposition(), again.discard), (StateDisposition::Known, true));
    let failed = line.dev.request(&request.name).await;
    assert_eq!((failed.state(), failed.error.unwrap().error_class.as_str()), (RequestState::Failed, "RUNNER_LOST"));
    assert_eq!(line.sql.one::<i64>("SELECT count(*) FROM concurrency_holds", &[]).await, 0);
    drop(zombie);
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_comes_back_frees_nothing_of_a_later_attempt() {
    let (line, first) = stage().await;
    let (request, old) = taken_apply(&line, &first, "limits").await;
    let job = request.jobs.last().unwrap();
    first.go_silent();
    line.dev.until_job(job, "the job is back in the line", |job| job.state() == JobState::Queued).await;
    let second = ScriptedRunner::named(&line.app, "second").await;
    let new = second.take_job(job).await;
    assert_eq!((lease(&old).fence, lease(&new).fence), (1, 2));
    assert!(second.start_apply(&new).await.unwrap().start);
    second.go_silent();
    line.dev.until(&request.name, RequestState::Failed).await;

    // The engine of the second attempt may still be on its way out, whatever is heard of the first one.
    let hour = "UPDATE workspaces SET lock_until_time = now() + interval '1 hour' WHERE lock_job_id IS NOT NULL";
    assert_eq!(line.sql.run(hour, &[]).await, 1);
    let held = "SELECT count(*) FROM concurrency_holds";
    let recover = |of: &pb::JobAssignment| pb::RecoverJobRequest { job: of.job.clone(), state: Vec::new() };
    first.link.runner_link().recover_job(recover(&old)).await.unwrap();
    assert_eq!(line.sql.one::<i64>(held, &[]).await, 1, "the deployment is kept for the later attempt");
    second.link.runner_link().recover_job(recover(&new)).await.unwrap();
    assert_eq!(line.sql.one::<i64>(held, &[]).await, 0);
    drop((first, second));
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_backend_is_open_to_the_engine_of_the_lease_alone() {
    let (line, runner) = stage().await;
    let (_, assignment) = taken_apply(&line, &runner, "limits").await;
    let with = |username: &str, password: &str, path: &str| pb::JobAssignment {
        state_username: username.to_owned(),
        state_password: password.to_owned(),
        state_path: path.to_owned(),
        ..assignment.clone()
    };
    let (name, password, path) = (&assignment.state_username, &assignment.state_password, &assignment.state_path);
    for wrong in [
        with(name, &"0".repeat(64), path),
        with("0190b3a4-0000-7000-8000-000000000000", password, path),
        with(name, password, "/tfstate/sandbox/other"),
        with("", "", path),
    ] {
        for method in ["GET", "POST", "LOCK", "UNLOCK"] {
            assert_eq!(backend(&line, &wrong, method, &state(1)).await, StatusCode::UNAUTHORIZED, "{method}");
        }
    }
    assert_eq!(backend(&line, &assignment, "GET", &Value::Null).await, StatusCode::NO_CONTENT);
    assert_eq!(backend(&line, &assignment, "DELETE", &Value::Null).await, StatusCode::METHOD_NOT_ALLOWED);
    runner.run(&assignment).await.unwrap();
    // The password ends with the lease.
    assert_eq!(backend(&line, &assignment, "GET", &Value::Null).await, StatusCode::FORBIDDEN);
    assert_eq!(backend(&line, &assignment, "LOCK", &json!({"ID": "1"})).await, StatusCode::LOCKED);
    assert_eq!(kept_states(&line).await, json!([]));
    drop(runner);
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passing_failure_is_tried_again_until_the_attempts_are_used_up() {
    let (line, runner) = stage().await;
    let request = line.dev.order(order("limits")).await;
    let job = &request.jobs[0];
    for attempt in 1..=3 {
        let assignment = runner.take_job(job).await;
        assert_eq!((assignment.attempt, lease(&assignment).fence), (attempt, i64::from(attempt)));
        let state = runner.fail(&assignment, ErrorClass::Network, true).await.unwrap();
        if attempt < 3 {
            assert_eq!(state, JobState::RetryWait);
            let pending = pb::ExplainPendingRequest { name: job.clone() };
            let blockers = line.dev.requests().explain_pending(pending).await.unwrap().into_inner().blockers;
            assert_eq!(blockers[0].kind(), BlockerKind::Backoff);
            // Its time passes.
            line.sql.run("UPDATE ready_jobs SET run_after_time = now()", &[]).await;
        } else {
            assert_eq!(state, JobState::DeadLettered);
        }
    }
    let failed = line.dev.request(&request.name).await;
    assert_eq!((failed.state(), failed.failed_phase()), (RequestState::Failed, FailedPhase::Plan));
    assert_eq!(failed.error.unwrap().error_class, "NETWORK");
    drop(runner);
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_apply_that_has_begun_is_not_tried_again_whatever_its_error() {
    let (line, runner) = stage().await;
    let (request, assignment) = taken_apply(&line, &runner, "limits").await;
    assert!(runner.start_apply(&assignment).await.unwrap().start);
    let again = runner.start_apply(&assignment).await.unwrap();
    assert!(!again.start, "a second start of the same apply is refused");
    let state = runner.fail(&assignment, ErrorClass::Network, true).await.unwrap();
    assert_eq!(state, JobState::Failed);
    let failed = line.dev.request(&request.name).await;
    assert_eq!((failed.state(), failed.failed_phase()), (RequestState::Failed, FailedPhase::Apply));
    drop(runner);
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_makes_other_changes_than_were_approved_is_not_applied() {
    let (line, runner) = stage().await;
    let (request, assignment) = taken_apply(&line, &runner, "limits").await;
    let verdict = runner.start_apply_of(&assignment, UPDATE.as_bytes()).await;
    assert!(!verdict.start && !verdict.reason.is_empty(), "{verdict:?}");
    assert_eq!(line.admin.audited(r#"action = "plan_tampered""#).await.len(), 1);
    let after = line.dev.request(&request.name).await;
    assert_eq!((after.state(), after.jobs.len()), (RequestState::Planning, 3));
    // Planned again it is the plan that was approved.
    runner.run(&runner.take_job(after.jobs.last().unwrap()).await).await.unwrap();
    let confirmed = line.dev.request(&request.name).await;
    assert_eq!((confirmed.state(), &confirmed.approval), (RequestState::Approved, &request.approval));
    runner.run(&runner.take_job(confirmed.jobs.last().unwrap()).await).await.unwrap();
    drop(runner);
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_jobs_of_one_deployment_never_run_together() {
    let (line, runner) = stage().await;
    let (_, assignment) = taken_apply(&line, &runner, "limits").await;
    runner.run(&assignment).await.unwrap();
    // The first is taken back while its plan runs; the second may start once that plan has ended.
    let first = line.dev.order(update("limits", &bundle("2"))).await;
    let running = runner.take_job(&first.jobs[0]).await;
    line.dev.try_cancel(&first.name).await.unwrap();
    let second = line.dev.order(update("limits", &bundle("3"))).await;
    let pending = pb::ExplainPendingRequest { name: second.name.clone() };
    let blockers = line.dev.requests().explain_pending(pending).await.unwrap().into_inner().blockers;
    let concurrency = blockers.iter().find(|blocker| blocker.kind() == BlockerKind::Concurrency);
    assert_eq!(concurrency.expect("it waits for the first").object, first.jobs[0]);
    let cancel = runner.cancelled().await;
    assert_eq!(cancel.job, running.job);
    // Whoever asks for work meanwhile gets another deployment's.
    let other = line.dev.order(order("other")).await;
    let taken = runner.take().await;
    assert_eq!(lease(&taken).job, other.jobs[0], "not that of the deployment at work");
    runner.run(&taken).await.unwrap();
    let ended = Outcome::Cancelled(pb::CancelledOutcome { reason: cancel.reason });
    assert_eq!(runner.complete(&running, ended).await.unwrap(), JobState::Cancelled);
    runner.run(&runner.take_job(&second.jobs[0]).await).await.unwrap();
    until("both are applied", || async {
        let open = "SELECT count(*) FROM requests WHERE state NOT IN ('COMPLETED', 'CANCELLED')";
        if line.sql.one::<i64>(open, &[]).await == 0 {
            return true;
        }
        runner.run(&runner.take().await).await.unwrap();
        false
    })
    .await;
    drop(runner);
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_waits_is_cancelled_at_once_and_its_request_may_be_retried() {
    let (line, runner) = stage().await;
    let request = line.dev.order(order("limits")).await;
    refused(line.approver.try_cancel_job("jobs/0190b3a4-0000-7000-8000-000000000000").await, ErrorReason::NotFound);
    let job = line.approver.try_cancel_job(&request.jobs[0]).await.unwrap();
    assert_eq!(job.state(), JobState::Cancelled);
    refused(line.approver.try_cancel_job(&request.jobs[0]).await, ErrorReason::WrongState);
    let failed = line.dev.request(&request.name).await;
    assert_eq!((failed.state(), failed.failed_phase()), (RequestState::Failed, FailedPhase::Plan));
    let retried = line.dev.retry(&request.name).await;
    runner.run(&runner.take_job(retried.jobs.last().unwrap()).await).await.unwrap();
    runner.run(&runner.take().await).await.unwrap();
    assert_eq!(line.dev.request(&request.name).await.state(), RequestState::Completed);
    assert_eq!(line.sql.one::<i64>("SELECT count(*) FROM jobs WHERE request_id = $1", &[&id(&request.name)]).await, 3);
    drop(runner);
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_jobs_is_filtered_ordered_and_cut_into_pages_of_what_one_may_see() {
    let (line, runner) = stage().await;
    line.app.unit("payments").await;
    // Of three orders one is carried out, one fails, one waits; and one is in another unit.
    let (applied, assignment) = taken_apply(&line, &runner, "first").await;
    runner.run(&assignment).await.unwrap();
    let failed = line.dev.order(order("second")).await;
    runner.fail(&runner.take_job(&failed.jobs[0]).await, ErrorClass::Validation, false).await.unwrap();
    let waiting = line.dev.order(order("third")).await;
    let cast = Cast { unit: "businessUnits/payments".into(), ..Cast::of(&line.app).await };
    let elsewhere = cast.create(&cast.admin, "development", "elsewhere").await;

    let ask = async |caller: &Caller, request: pb::ListJobsRequest| {
        caller.jobs().list_jobs(request).await.map(tonic::Response::into_inner).map_err(Error::from)
    };
    let all = async |caller: &Caller, filter: &str, order_by: &str| {
        let request = pb::ListJobsRequest { filter: filter.into(), order_by: order_by.into(), ..Default::default() };
        ask(caller, request).await.unwrap_or_else(|error| panic!("{filter}: {error:?}")).jobs
    };
    let whole = all(&cast.admin, "", "").await;
    let made = [&applied, &failed, &waiting, &elsewhere].map(|request| request.jobs.len()).iter().sum::<usize>();
    assert_eq!((whole.len(), made), (5, 5), "each is listed once: {whole:?}");
    // One of the list is what one reads by its name.
    for job in &whole {
        assert_eq!(*job, line.admin.job(&job.name).await);
    }
    let names = |jobs: &[pb::Job]| jobs.iter().map(|job| job.name.clone()).collect::<Vec<_>>();
    let mut oldest_first = names(&whole);
    oldest_first.reverse();
    assert_eq!(names(&all(&cast.admin, "", "create_time desc").await), names(&whole));
    assert_eq!(names(&all(&cast.admin, "", "create_time").await), oldest_first);
    assert_eq!(oldest_first.first(), applied.jobs.first());
    assert_eq!(oldest_first.last(), elsewhere.jobs.first());

    type Holds<'a> = &'a dyn Fn(&pb::Job) -> bool;
    let (of_failed, of_first) = (format!("subject = \"{}\"", failed.name), format!("subject = \"{}\"", applied.name));
    let filters: [(&str, Holds<'_>); 8] = [
        ("state = QUEUED", &|job| job.state() == JobState::Queued),
        ("state = FAILED", &|job| job.state() == JobState::Failed),
        ("state != SUCCEEDED", &|job| job.state() != JobState::Succeeded),
        ("kind = APPLY", &|job| job.kind() == JobKind::Apply),
        ("kind = PLAN AND state = SUCCEEDED", &|job| (job.kind(), job.state()) == (JobKind::Plan, JobState::Succeeded)),
        ("trigger = \"users/admin\"", &|job| job.trigger == "users/admin"),
        (&of_failed, &|job| job.subject == failed.name),
        (&of_first, &|job| job.subject == applied.name),
    ];
    for (filter, holds) in filters {
        let expected: Vec<_> = whole.iter().filter(|job| holds(job)).cloned().collect();
        assert!(!expected.is_empty() && expected.len() < whole.len(), "{filter} tells nothing apart");
        assert_eq!(names(&all(&cast.admin, filter, "").await), names(&expected), "{filter}");
    }
    assert_eq!(all(&cast.admin, "create_time > \"2099-01-01\"", "").await, []);
    assert_eq!(all(&cast.admin, "create_time < \"2099-01-01\"", "").await.len(), whole.len());

    // Pages of two, with the number of all.
    let (mut walked, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = pb::ListJobsRequest { page_size: 2, page_token, include_total: true, ..Default::default() };
        let page = ask(&cast.admin, request).await.unwrap();
        assert_eq!(page.total_size, 5);
        walked.extend(names(&page.jobs));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(walked, names(&whole));

    // Whoever works in one unit sees the jobs of that one, and counts no others.
    let payer = line.app.user("payer", &[("viewer", "payments")]).await;
    assert_eq!(names(&all(&payer, "", "").await), elsewhere.jobs);
    assert_eq!(names(&all(&payer, &of_first, "").await), [""; 0]);
    let counted = pb::ListJobsRequest { include_total: true, ..Default::default() };
    assert_eq!(ask(&payer, counted).await.unwrap().total_size, 1);
    assert_eq!(all(&cast.dev, "", "").await.len(), 4);
    let nobody = line.app.user("nobody", &[]).await;
    let denied = ask(&nobody, pb::ListJobsRequest::default()).await.unwrap_err();
    assert_eq!((denied.code, denied.reason), (Code::PermissionDenied, Some(ErrorReason::AccessDenied)));
    drop(runner);
    line.app.finish_with_jobs().await;
}
