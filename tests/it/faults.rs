//! Templates and engines that misbehave, with real Terraform: what they did is kept, what they hold is freed, what they
//! print is masked, and what failed can be tried again.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flagstone_client::pb;
use flagstone_client::pb::{DeploymentState, FailedPhase, JobState, RequestState};
use serde_json::{Value, json};

use crate::support::line::engine::processes_with;
use crate::support::line::{Line, Order, probe, until};

/// A duration for `sleep` that no other process of the machine has: the processes of one test are found by it.
fn mark() -> String {
    format!("{}.{}", 70_000 + std::process::id() % 10_000, uuid::Uuid::new_v4().as_u128() % 1_000_000_007)
}

/// The request's apply while it runs, once it has printed `text`.
async fn running_apply(line: &Line, request: &pb::Request, text: &str) -> String {
    let request = line.dev.until_that(&request.name, "it has an apply", |request| request.jobs.len() == 2).await;
    let job = request.jobs.last().unwrap().clone();
    line.dev.until_printed(&job, text).await;
    job
}

/// Nothing holds the deployments any more.
async fn assert_free(line: &Line) {
    let held = "SELECT (SELECT count(*) FROM concurrency_holds) + (SELECT count(*) FROM leases)
                + (SELECT count(*) FROM workspaces WHERE lock_job_id IS NOT NULL)";
    until("locks, holds and leases are free", || async { line.sql.one::<i64>(held, &[]).await == 0 }).await;
}

fn id_of_thing(deployment: &pb::Deployment) -> Value {
    let output = deployment.outputs.iter().find(|output| output.output == "thing");
    let value = output.and_then(|output| output.value.as_ref());
    value.map(flagstone_server::convert::value_from_proto).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn template_code_that_hangs_is_ended_with_everything_it_started() {
    let Some(line) = Line::start("template_code_that_hangs").await else { return };
    let mark = mark();
    // A child, a daemon in a session of its own that ignores signals, and the command itself.
    let script = format!(
        "sleep {mark} & setsid sh -c 'trap \"\" INT TERM HUP; sleep {mark}; sleep {mark}' & echo hanging; sleep {mark}"
    );
    let request = line.dev.order(Order::new("probe", "hang", probe(&script))).await;
    let job = running_apply(&line, &request, "hanging").await;
    until("all of them run", || async { processes_with(&mark).len() >= 4 }).await;

    let asked = line.approver.try_cancel_job(&job).await.unwrap();
    assert_eq!(asked.state(), JobState::Cancelling);
    assert_eq!(line.dev.until_job_ended(&job).await.state(), JobState::Cancelled);
    until("no process is left", || async { processes_with(&mark).is_empty() }).await;
    let failed = line.dev.until(&request.name, RequestState::Failed).await;
    assert_eq!(failed.failed_phase(), FailedPhase::Apply);
    assert_free(&line).await;

    // What had been made is in the state: the way on makes only the rest.
    let stored = "SELECT resource_count FROM workspace_states WHERE state = 'STORED' ORDER BY serial DESC LIMIT 1";
    assert!(line.sql.one::<i32>(stored, &[]).await >= 1);
    line.dev.order_and_wait(crate::support::line::destroy("hang")).await;
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planted_secret_is_nowhere_in_the_clear() {
    let Some(line) = Line::start("a_planted_secret").await else { return };
    let secret = "Zx9-planted+secret/4711";
    let encoded = STANDARD.encode(secret);
    let script = r#"echo "plain $TOKEN"; printf %s "$TOKEN" | base64; echo "inside${TOKEN}word" >&2; echo "done""#;
    let inputs = json!({"label": "a", "token": secret, "script": script});
    let request = line.dev.order_and_wait(Order::new("probe", "leaky", inputs)).await;

    let mut seen = Vec::new();
    for job in &request.jobs {
        seen.push((format!("log of {job}"), line.dev.log(job).await.text()));
        seen.push((job.clone(), format!("{:?}", line.dev.job(job).await)));
    }
    assert!(seen.iter().any(|(_, text)| text.contains("plain ")), "the script has run");
    seen.push(("request".into(), format!("{:?}", line.dev.request(&request.name).await)));
    seen.push(("plan".into(), format!("{:?}", line.dev.plan(&request.name).await)));
    seen.push(("deployment".into(), format!("{:?}", line.dev.deployment("leaky").await)));
    seen.push(("revisions".into(), format!("{:?}", line.dev.revisions("leaky").await)));
    seen.push(("audit".into(), format!("{:?}", line.admin.audited("").await)));
    for (place, text) in seen {
        assert!(!text.contains(secret), "{place}: {text}");
        assert!(!text.contains(&encoded), "{place}: {text}");
    }
    assert_eq!(line.sql.tables_with(secret).await, Vec::<String>::new());
    assert_eq!(line.sql.tables_with(&encoded).await, Vec::<String>::new());
    // A probe of the probe: what is no secret is found where it is.
    assert!(line.sql.tables_with("inside").await.contains(&"job_log_chunks".to_owned()));
    until("the job directories are gone", || async { !tree_holds(line.app.data_dir(), secret.as_bytes()) }).await;
    line.finish().await;
}

/// Whether some file below a directory holds these bytes.
fn tree_holds(dir: &Path, bytes: &[u8]) -> bool {
    let Ok(entries) = std::fs::read_dir(dir) else { return false };
    entries.flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return tree_holds(&path, bytes);
        }
        std::fs::read(path).unwrap_or_default().windows(bytes.len()).any(|window| window == bytes)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_that_fails_in_init_fails_the_plan_with_the_reason() {
    let Some(line) = Line::start("a_template_that_fails_in_init").await else { return };
    let request = line.dev.order(Order::new("wrong", "wrong", json!({}))).await;
    let failed = line.dev.until(&request.name, RequestState::Failed).await;
    assert_eq!(failed.failed_phase(), FailedPhase::Plan);
    let error = failed.error.unwrap();
    assert!(!error.suggestion.is_empty() && error.message.contains("version"), "{error:?}");
    let log = line.dev.log(&failed.jobs[0]).await;
    assert_eq!(log.end.state(), JobState::Failed);
    assert!(log.lines.iter().any(|line| line.step == "init"), "{}", log.text());
    // A create that never began leaves nothing behind once it is taken back.
    line.dev.try_cancel(&request.name).await.unwrap();
    assert_free(&line).await;
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_fails_can_be_retried_once_its_cause_is_gone() {
    let Some(line) = Line::start("a_plan_that_fails").await else { return };
    let dir = tempfile::tempdir().unwrap();
    let gate = dir.path().join("gate");
    let inputs = json!({"label": "a", "gate": gate.display().to_string()});
    let request = line.dev.order(Order::new("probe", "gated", inputs)).await;
    let failed = line.dev.until(&request.name, RequestState::Failed).await;
    assert_eq!(failed.failed_phase(), FailedPhase::Plan);
    let error = failed.error.unwrap();
    assert!(error.message.contains("The gate is closed."), "{error:?}");
    assert_eq!(line.dev.deployment("gated").await.state(), DeploymentState::Pending);

    std::fs::write(&gate, "").unwrap();
    line.dev.retry(&request.name).await;
    let request = line.dev.until(&request.name, RequestState::Completed).await;
    assert_eq!(request.error, None);
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_apply_that_fails_half_way_keeps_what_it_made_and_goes_on_from_there() {
    let Some(line) = Line::start("an_apply_that_fails_half_way").await else { return };
    let dir = tempfile::tempdir().unwrap();
    let (gate, marks) = (dir.path().join("gate"), dir.path().join("marks"));
    let script = format!("echo applied >> {}; test -e {}", marks.display(), gate.display());
    let request = line.dev.order(Order::new("probe", "half", probe(&script))).await;
    let failed = line.dev.until(&request.name, RequestState::Failed).await;
    assert_eq!(failed.failed_phase(), FailedPhase::Apply);
    assert_eq!(failed.error.unwrap().error_class, "ENGINE");
    assert_eq!(line.dev.deployment("half").await.state(), DeploymentState::Failed);
    let states = "SELECT count(*) FROM workspace_states WHERE state = 'STORED' AND resource_count > 0";
    assert!(line.sql.one::<i64>(states, &[]).await > 0, "what was made is known");
    assert_free(&line).await;

    std::fs::write(&gate, "").unwrap();
    line.dev.retry(&request.name).await;
    let request = line.dev.until(&request.name, RequestState::Completed).await;
    assert_eq!(request.jobs.len(), 4, "a fresh plan and its apply");
    let plan = line.dev.plan(&request.name).await;
    let addresses: Vec<&str> = plan.changes.iter().map(|change| change.address.as_str()).collect();
    assert_eq!(addresses, ["terraform_data.work[0]"], "the thing is there already");
    assert_eq!(std::fs::read_to_string(&marks).unwrap(), "applied\napplied\n");
    let deployment = line.dev.deployment("half").await;
    assert_eq!(deployment.state(), DeploymentState::Active);
    assert!(id_of_thing(&deployment).is_string());
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_terraform_is_told_with_what_to_do() {
    let started = Line::start_with("a_missing_terraform", |config, _| {
        config.runner.terraform = Some("/nowhere/terraform".into());
    });
    let Some(line) = started.await else { return };
    let request = line.dev.order(Order::new("probe", "probe", json!({"label": "a"}))).await;
    let failed = line.dev.until(&request.name, RequestState::Failed).await;
    assert_eq!(failed.failed_phase(), FailedPhase::Plan);
    let error = failed.error.unwrap();
    assert_eq!(error.error_class, "ENGINE");
    assert!(error.message.contains("terraform was not found"), "{error:?}");
    assert!(error.suggestion.contains("FLAGSTONE_TERRAFORM"), "{error:?}");
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_runs_too_long_is_ended_and_fails_as_timed_out() {
    let Some(line) = Line::start("a_job_that_runs_too_long").await else { return };
    let shorten = "UPDATE template_versions SET soft_timeout_seconds = 4, hard_timeout_seconds = 6
                   WHERE template_id = (SELECT id FROM templates WHERE slug = 'probe')";
    assert_eq!(line.sql.run(shorten, &[]).await, 1);
    let mark = mark();
    let script = format!("echo hanging; sleep {mark}");
    let request = line.dev.order(Order::new("probe", "slow", probe(&script))).await;
    let failed = line.dev.until(&request.name, RequestState::Failed).await;
    assert_eq!(failed.failed_phase(), FailedPhase::Apply);
    let error = failed.error.unwrap();
    assert_eq!(error.error_class, "TIMEOUT");
    assert!(!error.suggestion.is_empty());
    assert_eq!(line.dev.until_job_ended(failed.jobs.last().unwrap()).await.state(), JobState::Failed);
    until("no process is left", || async { processes_with(&mark).is_empty() }).await;
    assert_free(&line).await;
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_in_progress_is_cancelled_with_its_request() {
    let dir = tempfile::tempdir().unwrap();
    let mark = mark();
    let script = format!("if [ \"$1\" = plan ]; then echo hanging; exec sleep {mark}; fi; exec \"$REAL\" \"$@\"");
    let path = dir.path().to_owned();
    let started = Line::start_with("a_plan_in_progress", move |config, real| {
        config.runner.terraform = Some(crate::support::line::engine::stand_in(&path, real, &script));
    });
    let Some(line) = started.await else { return };
    let request = line.dev.order(Order::new("probe", "probe", json!({"label": "a"}))).await;
    line.dev.until_printed(&request.jobs[0], "hanging").await;
    line.dev.try_cancel(&request.name).await.unwrap();
    assert_eq!(line.dev.until_job_ended(&request.jobs[0]).await.state(), JobState::Cancelled);
    assert_eq!(line.dev.request(&request.name).await.state(), RequestState::Cancelled);
    until("no process is left", || async { processes_with(&mark).is_empty() }).await;
    assert_free(&line).await;
    line.finish().await;
}
