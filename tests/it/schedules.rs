//! Schedules: what the servers do by themselves, once over all replicas; and the sweep among them.

use flagstone_client::Error;
use flagstone_client::pb::{self, DeploymentState, ErrorReason, FailedPhase, JobState, RequestState};

use crate::support::line::person::refused;
use crate::support::line::sql::id;
use crate::support::line::{Line, Order, bundle};
use crate::support::runner::lease;
use crate::support::{Caller, ScriptedRunner, TestApp, wait_for};

async fn schedule(caller: &Caller, slug: &str) -> pb::Schedule {
    let all = caller.queues().list_schedules(pb::ListSchedulesRequest {}).await.unwrap().into_inner().schedules;
    let name = format!("schedules/{slug}");
    all.into_iter().find(|schedule| schedule.name == name).unwrap_or_else(|| panic!("{name}"))
}

fn run(slug: &str) -> pb::RunScheduleRequest {
    pb::RunScheduleRequest { name: format!("schedules/{slug}"), ..Default::default() }
}

/// Has a schedule tick, and waits for the end of that tick.
async fn tick(operator: &Caller, slug: &str) -> pb::Schedule {
    let due = operator.queues().run_schedule(run(slug)).await.unwrap().into_inner().schedule.unwrap();
    wait_for("the tick has ended", async || {
        let now = schedule(operator, slug).await;
        (now.ticks > due.ticks && !now.running).then_some(now)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_and_each_tick_once() {
    let app = TestApp::start().await;
    let replica = app.replica(|_| ()).await;
    let operator = app.operator("ops").await;
    let before = schedule(&operator, "approval-expiry").await;
    assert_eq!(before.interval.unwrap().seconds, 5);
    // Each tick of every schedule as it begins, whoever begins it.
    app.sql
        .batch_execute(
            "CREATE TABLE ticks (slug TEXT, tick INT8, at TIMESTAMPTZ, next TIMESTAMPTZ);
             CREATE FUNCTION note_tick() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
             BEGIN INSERT INTO ticks VALUES (NEW.slug, NEW.tick, NEW.last_tick_time, NEW.next_tick_time); RETURN NEW; END $$;
             CREATE TRIGGER note_tick AFTER UPDATE ON schedules FOR EACH ROW WHEN (NEW.tick <> OLD.tick)
               EXECUTE FUNCTION note_tick();",
        )
        .await
        .unwrap();
    for _ in 0..3 {
        let ended = tick(&operator, "tidy").await;
        assert_eq!(ended.last_outcome(), pb::ScheduleOutcome::Succeeded, "{ended:?}");
    }
    let ticks: Vec<i64> = app
        .sql
        .query("SELECT tick FROM ticks WHERE slug = 'tidy' ORDER BY at", &[])
        .await
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(ticks, [1, 2, 3], "asked for three times, it ticked three times over both replicas");
    // By themselves, too: never two within an interval.
    let intervals = wait_for("two ticks by themselves", async || {
        let query = "SELECT extract(epoch FROM at - lag(at) OVER (ORDER BY at))::float8 FROM ticks \
                     WHERE slug = 'approval-expiry' ORDER BY at";
        let rows = app.sql.query(query, &[]).await.unwrap();
        (rows.len() >= 3).then(|| rows.iter().filter_map(|row| row.get::<_, Option<f64>>(0)).collect::<Vec<_>>())
    })
    .await;
    assert!(intervals.iter().all(|seconds| *seconds >= 5.0), "{intervals:?}");
    replica.stop().await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tick_that_failed_says_why_and_the_next_one_comes() {
    let app = TestApp::start().await;
    let operator = app.operator("ops").await;
    app.sql.batch_execute("ALTER TABLE invitations RENAME TO elsewhere").await.unwrap();
    let failed = tick(&operator, "tidy").await;
    assert_eq!(failed.last_outcome(), pb::ScheduleOutcome::Failed);
    assert!(!failed.last_error.is_empty(), "{failed:?}");
    app.sql.batch_execute("ALTER TABLE elsewhere RENAME TO invitations").await.unwrap();
    let good = tick(&operator, "tidy").await;
    assert_eq!((good.last_outcome(), good.last_error.as_str()), (pb::ScheduleOutcome::Succeeded, ""));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_operators_run_schedules_and_engineers_see_them() {
    let app = TestApp::start().await;
    let engineer = app.user("builds", &[("platform-engineer", "")]).await;
    assert!(!schedule(&engineer, "tidy").await.description.is_empty());
    let denied = |answer: Result<_, tonic::Status>| {
        let error = crate::support::Error::from(answer.map(drop).unwrap_err());
        assert_eq!(error.reason, Some(ErrorReason::AccessDenied), "{error:?}");
    };
    denied(engineer.queues().run_schedule(run("tidy")).await);
    let theirs = app.organization("globex").await;
    denied(theirs.admin.queues().run_schedule(run("tidy")).await);
    let operator = app.operator("ops").await;
    let absent = operator.queues().run_schedule(run("none")).await.unwrap_err();
    assert_eq!(crate::support::Error::from(absent).reason, Some(ErrorReason::NotFound));
    // While a tick runs no other begins.
    app.sql
        .batch_execute("UPDATE schedules SET runs_until_time = now() + interval '1 minute' WHERE slug = 'tidy'")
        .await
        .unwrap();
    assert!(schedule(&engineer, "tidy").await.running);
    let runs = operator.queues().run_schedule(run("tidy")).await.unwrap_err();
    assert_eq!(crate::support::Error::from(runs).reason, Some(ErrorReason::WrongState));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sweep_ends_what_has_no_live_job_for_two_hours() {
    let line = Line::without_runner().await;
    let runner = ScriptedRunner::start(&line.app).await;
    let operator = line.app.operator("ops").await;
    let order = |deployment: &str| Order::new("config-bundle", deployment, bundle("1"));
    // One whose apply has no lease any more, one whose job stands in no line, and one that only waits for long.
    let applying = line.dev.order(order("applying")).await;
    runner.run(&runner.take_job(&applying.jobs[0]).await).await.unwrap();
    let apply = runner.take().await;
    assert!(runner.start_apply(&apply).await.unwrap().start);
    let gone = line.dev.order(order("gone")).await;
    let waits = line.dev.order(order("waits")).await;
    runner.go_silent();
    drop(runner);
    line.sql.run("DELETE FROM leases", &[]).await;
    line.sql.run("DELETE FROM ready_jobs WHERE job_id = $1", &[&id(&gone.jobs[0])]).await;

    tick(&operator, "stuck-operations").await;
    assert_eq!(line.dev.request(&applying.name).await.state(), RequestState::Applying, "not yet two hours");
    for table in ["requests", "jobs"] {
        let age = format!("UPDATE {table} SET update_time = now() - interval '2 hours 1 minute'");
        line.sql.run(&age, &[]).await;
    }
    tick(&operator, "stuck-operations").await;
    let ended = line.dev.request(&applying.name).await;
    assert_eq!((ended.state(), ended.failed_phase()), (RequestState::Failed, FailedPhase::Apply));
    assert_eq!(line.dev.job(&lease(&apply).job).await.state(), JobState::Failed);
    assert_eq!(line.dev.deployment("applying").await.state(), DeploymentState::Failed);
    let ended = line.dev.request(&gone.name).await;
    assert_eq!((ended.state(), ended.failed_phase()), (RequestState::Failed, FailedPhase::Plan));
    assert_eq!(line.dev.job(&gone.jobs[0]).await.state(), JobState::Cancelled);
    assert_eq!(line.dev.request(&waits.name).await.state(), RequestState::Planning, "it waits, and is in the line");
    assert_eq!(line.admin.audited(r#"action = "job.sweep""#).await.len(), 2);
    // People can go on.
    line.dev.retry(&applying.name).await;
    let cancel = pb::CancelRequestRequest { name: waits.name.clone(), ..Default::default() };
    line.dev.requests().cancel_request(cancel).await.unwrap();
    refused(
        line.dev.queues().run_schedule(run("tidy")).await.map(drop).map_err(Error::from),
        ErrorReason::AccessDenied,
    );
    line.app.finish_with_jobs().await;
}
