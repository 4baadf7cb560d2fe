//! Runners as processes of their own, with real Terraform, over two replicas: they share the work, hand it back, are killed
//! and come back.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use flagstone_api::pb;
use flagstone_client::pb::{FailedPhase, JobState, RequestState};

use crate::support::app::Replica;
use crate::support::line::engine::stand_in;
use crate::support::line::sql::id;
use crate::support::line::{Line, Order, PATIENCE, REMOTE_LEASE, bundle, probe, until};
use crate::support::remote::{RemoteProgram, token};

/// Two replicas, without a runner of their own.
async fn replicas(line: &Line) -> Replica {
    line.app.replica(|config| config.jobs.lease = REMOTE_LEASE).await
}

/// A runner that has joined by a token.
async fn runner(line: &Line, server: &str, terraform: &Path) -> RemoteProgram {
    let token = token(&line.app.as_admin().await, &[], false).await;
    let program = RemoteProgram::start(server, &token, terraform);
    program.name().await;
    program
}

async fn ended_well(mut program: RemoteProgram) {
    program.terminate();
    let status = program.ended_within(PATIENCE).await;
    assert!(status.success(), "{status}: {}", program.log());
}

/// The runner that a job is at.
async fn runner_of(line: &Line, job: &str) -> String {
    line.sql.one::<Option<String>>("SELECT runner FROM jobs WHERE id = $1", &[&id(job)]).await.unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_remote_runners_share_a_queue_over_two_replicas() {
    let Some((line, real)) = Line::for_remote_runners("two_remote_runners_share").await else { return };
    let replica = replicas(&line).await;
    let one = runner(&line, &line.app.url(), &real).await;
    let other = runner(&line, &format!("http://{}", replica.address()), &real).await;
    let mut orders = Vec::new();
    for number in 0..3 {
        orders.push(line.dev.order(Order::new("config-bundle", &format!("limits-{number}"), bundle("1"))).await);
    }
    for order in &orders {
        line.dev.until(&order.name, RequestState::Completed).await;
    }
    let shares = "SELECT count(DISTINCT runner) FROM jobs WHERE state = 'SUCCEEDED'";
    assert_eq!(line.sql.one::<i64>(shares, &[]).await, 2, "each has done a part");
    let twice = "SELECT count(*) FROM jobs WHERE attempt <> 1";
    assert_eq!(line.sql.one::<i64>(twice, &[]).await, 0, "nothing was done twice");
    ended_well(one).await;
    ended_well(other).await;
    replica.stop().await;
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_ends_loses_no_job_of_a_runner_that_knows_another() {
    let Some((line, real)) = Line::for_remote_runners("a_replica_that_ends").await else { return };
    let replica = replicas(&line).await;
    let both = format!("http://{},{}", replica.address(), line.app.url());
    let program = runner(&line, &both, &real).await;
    let dir = tempfile::tempdir().unwrap();
    let gate = dir.path().join("gate");
    let script = format!("echo applying; while ! [ -e {} ]; do sleep 0.05; done", gate.display());
    let request = line.dev.order(Order::new("probe", "probe", probe(&script))).await;
    let request = line.dev.until_that(&request.name, "it has an apply", |request| request.jobs.len() == 2).await;
    line.dev.until_printed(&request.jobs[1], "applying").await;
    let since = Instant::now();
    replica.stop().await;
    assert!(since.elapsed() < Duration::from_secs(4), "it does not wait for a runner elsewhere");
    until("the runner has found the other", || async { program.log().contains("The server shuts down.") }).await;
    std::fs::write(&gate, "").unwrap();
    // Terraform stores its state where it began: with the replica that is gone. What it left is brought home.
    let ended = line.dev.until_job_ended(&request.jobs[1]).await;
    assert!(ended.state() == JobState::Succeeded || ended.state() == JobState::Failed, "{ended:?}");
    assert_eq!(ended.attempt, 1, "it was not lost: {ended:?}");
    ended_well(program).await;
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_to_end_it_hands_back_what_has_not_begun_and_finishes_what_has() {
    let Some((line, real)) = Line::for_remote_runners("asked_to_end_it_hands_back").await else { return };
    let dir = tempfile::tempdir().unwrap();
    let (hung, gate) = (dir.path().join("hung"), dir.path().join("gate"));
    // The second `init` is that of the apply, before it asks whether it may start: it hangs once.
    let script = format!(
        "if [ \"$1\" = show ] && [ -e {0}.armed ]; then rm {0}.armed; touch {0}; exec sleep 300; fi; exec \"$REAL\" \"$@\"",
        hung.display()
    );
    let mut one = runner(&line, &line.app.url(), &stand_in(dir.path(), &real, &script)).await;
    line.admin.set_auto_approve("development-auto", false).await;
    let request = line.dev.order(Order::new("config-bundle", "limits", bundle("1"))).await;
    let request = line.dev.until(&request.name, RequestState::PendingApproval).await;
    std::fs::write(format!("{}.armed", hung.display()), "").unwrap();
    line.approver.approve(&request).await;
    until("the apply is about to ask", || async { hung.exists() }).await;
    let request = line.dev.request(&request.name).await;
    let asked = Instant::now();
    one.terminate();
    let job = line.dev.until_job(&request.jobs[1], "it is handed back", |job| job.state() == JobState::Queued).await;
    let took = asked.elapsed();
    eprintln!("handed back after {took:?}");
    assert!(took < Duration::from_secs(3), "handed back after {took:?}");
    assert_eq!(job.attempt, 1);
    assert!(one.ended_within(PATIENCE).await.success(), "{}", one.log());

    // Another one does it; asked to end meanwhile, it finishes what has begun.
    let mut other = runner(&line, &line.app.url(), &real).await;
    line.dev.until(&request.name, RequestState::Completed).await;
    let script = format!("echo applying; while ! [ -e {} ]; do sleep 0.05; done", gate.display());
    let long = line.dev.order(Order::new("probe", "probe", probe(&script))).await;
    let long = line.dev.until(&long.name, RequestState::PendingApproval).await;
    line.approver.approve(&long).await;
    let long = line.dev.until_that(&long.name, "it has an apply", |request| request.jobs.len() == 2).await;
    line.dev.until_printed(&long.jobs[1], "applying").await;
    other.terminate();
    until("it has heard", || async { other.log().contains("ends when its jobs have") }).await;
    std::fs::write(&gate, "").unwrap();
    assert!(other.ended_within(PATIENCE).await.success(), "{}", other.log());
    assert_eq!(line.dev.request(&long.name).await.state(), RequestState::Completed);
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn past_its_time_to_end_the_engine_is_interrupted_and_its_state_is_saved() {
    let Some((line, real)) = Line::for_remote_runners("past_its_time_to_end").await else { return };
    let mut program = runner(&line, &line.app.url(), &real).await;
    program.drain_seconds(1);
    ended_restart(&mut program).await;
    let request = line.dev.order(Order::new("probe", "probe", probe("echo applying; sleep 300"))).await;
    let request = line.dev.until_that(&request.name, "it has an apply", |request| request.jobs.len() == 2).await;
    line.dev.until_printed(&request.jobs[1], "applying").await;
    program.terminate();
    assert!(program.ended_within(PATIENCE).await.success(), "{}", program.log());
    let failed = line.dev.until(&request.name, RequestState::Failed).await;
    assert_eq!(failed.error.unwrap().error_class, "RUNNER_LOST");
    let stored = "SELECT count(*) FROM workspace_states WHERE job_id = $1 AND state = 'STORED' AND resource_count > 0";
    assert!(line.sql.one::<i64>(stored, &[&id(&request.jobs[1])]).await > 0, "what was made is known");
    line.finish().await;
}

/// Ends it and starts it again, without a token.
async fn ended_restart(program: &mut RemoteProgram) {
    program.terminate();
    assert!(program.ended_within(PATIENCE).await.success(), "{}", program.log());
    program.start_again();
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_during_a_plan_the_plan_is_made_elsewhere_within_a_lease_and_a_second() {
    let Some((line, real)) = Line::for_remote_runners("killed_during_a_plan_elsewhere").await else { return };
    let dir = tempfile::tempdir().unwrap();
    let script = "if [ \"$1\" = plan ]; then echo planning; exec sleep 300; fi; exec \"$REAL\" \"$@\"";
    let mut doomed = runner(&line, &line.app.url(), &stand_in(dir.path(), &real, script)).await;
    let request = line.dev.order(Order::new("config-bundle", "limits", bundle("1"))).await;
    line.dev.until_printed(&request.jobs[0], "planning").await;
    let other = runner(&line, &line.app.url(), &real).await;
    let idle = "SELECT count(*) FROM runners WHERE slug = $1 AND last_seen_time IS NOT NULL";
    let slug = other.name().await.trim_start_matches("runners/").to_owned();
    until("the other is there", || async { line.sql.one::<i64>(idle, &[&slug]).await == 1 }).await;
    doomed.kill().await;
    let since = Instant::now();
    let job = line.dev.until_job(&request.jobs[0], "it runs elsewhere", |job| job.attempt == 2).await;
    let took = since.elapsed();
    eprintln!("elsewhere after {took:?}, lease {REMOTE_LEASE:?}");
    assert!(took < REMOTE_LEASE + Duration::from_secs(1), "elsewhere after {took:?}");
    assert_eq!(runner_of(&line, &request.jobs[0]).await, other.name().await);
    assert_eq!(job.fence, 2);
    line.dev.until(&request.name, RequestState::Completed).await;
    ended_well(other).await;
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_during_an_apply_it_fails_as_lost_and_what_it_made_is_brought_home() {
    let Some((line, real)) = Line::for_remote_runners("killed_during_an_apply_remote").await else { return };
    let dir = tempfile::tempdir().unwrap();
    let (marks, gate) = (dir.path().join("marks"), dir.path().join("gate"));
    let script = format!(
        "echo applied >> {}; echo applying; while ! [ -e {} ]; do sleep 0.05; done",
        marks.display(),
        gate.display()
    );
    let mut doomed = runner(&line, &line.app.url(), &real).await;
    let request = line.dev.order(Order::new("probe", "probe", probe(&script))).await;
    let request = line.dev.until_that(&request.name, "it has an apply", |request| request.jobs.len() == 2).await;
    line.dev.until_printed(&request.jobs[1], "applying").await;
    let other = runner(&line, &line.app.url(), &real).await;
    doomed.kill().await;
    let failed = line.dev.until(&request.name, RequestState::Failed).await;
    assert_eq!(failed.failed_phase(), FailedPhase::Apply);
    assert_eq!(failed.error.unwrap().error_class, "RUNNER_LOST");
    doomed.start_again();
    let known = "SELECT count(*) FROM workspace_states WHERE job_id = $1 AND resource_count > 0";
    until("the last state is in the platform", || async {
        line.sql.one::<i64>(known, &[&id(&request.jobs[1])]).await > 0
    })
    .await;
    let left = doomed.data.path().join("jobs");
    until("no job's directory is left", || async {
        std::fs::read_dir(&left).map_or(0, |entries| entries.count()) == 0
    })
    .await;
    assert_eq!(std::fs::read_to_string(&marks).unwrap(), "applied\n", "it was carried out once");
    std::fs::write(&gate, "").unwrap();
    line.dev.retry(&request.name).await;
    line.dev.until(&request.name, RequestState::Completed).await;
    ended_well(doomed).await;
    ended_well(other).await;
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn its_credential_is_its_own_and_ends_with_it() {
    let Some((line, real)) = Line::for_remote_runners("its_credential_is_its_own").await else { return };
    let mut program = runner(&line, &line.app.url(), &real).await;
    let name = program.name().await;
    assert!(name.starts_with("runners/build-host-"), "{name}");
    let kept = program.data.path().join("runner.json");
    assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&kept).unwrap();
    let credential =
        serde_json::from_str::<serde_json::Value>(&text).unwrap()["credential"].as_str().unwrap().to_owned();
    assert!(!program.log().contains(&credential) && !program.log().contains("fls_rjt_"), "{}", program.log());
    // Without a token it comes back as who it was.
    ended_restart(&mut program).await;
    until("it is there again", || async { program.log().matches("Running.").count() == 2 }).await;
    let admin = line.app.as_admin().await;
    let remove = pb::DeleteRunnerRequest { name: name.clone(), ..Default::default() };
    admin.runners().delete_runner(remove).await.unwrap();
    let status = program.ended_within(PATIENCE).await;
    assert!(!status.success());
    assert!(program.log().contains("was turned away or removed"), "{}", program.log());
    line.finish().await;
}
