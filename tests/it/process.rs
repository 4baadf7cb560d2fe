//! The real server process: killed at the worst moments and started again, asked to end, refused with a reason.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use flagstone_client::pb;
use flagstone_client::pb::{FailedPhase, JobState, RequestState, StreamEndReason};
use flagstone_client::{Client, Code};
use futures::future::join_all;
use serde_json::json;
use tempfile::TempDir;
use tokio::process::Command;
use uuid::Uuid;

use crate::support::app::{MASTER_KEY, PASSWORD};
use crate::support::line::engine::{stand_in, terraform};
use crate::support::line::order::asked;
use crate::support::line::program::Program;
use crate::support::line::sql::{Sql, id};
use crate::support::line::{Order, PATIENCE, People, bundle, probe, until};
use crate::support::skip::built_program;

/// Each apply of a request began at most once, and the engine ran as often as applies began.
async fn assert_applied(sql: &Sql, request: &str, marks: &Path, applies: i64) {
    let started = "SELECT count(*) FROM jobs WHERE request_id = $1 AND kind = 'APPLY' AND apply_started";
    assert_eq!(sql.one::<i64>(started, &[&id(request)]).await, applies);
    let attempts = "SELECT max(attempt) FROM jobs WHERE request_id = $1 AND kind = 'APPLY'";
    assert_eq!(sql.one::<i32>(attempts, &[&id(request)]).await, 1, "an apply has one attempt");
    let marks = std::fs::read_to_string(marks).unwrap();
    assert_eq!(i64::try_from(marks.lines().count()).unwrap(), applies, "{marks}");
}

/// Locks, holds and leases are free within one lease and the wind-down.
async fn assert_free(sql: &Sql) {
    let held = "SELECT (SELECT count(*) FROM concurrency_holds) + (SELECT count(*) FROM leases)
                + (SELECT count(*) FROM workspaces WHERE lock_job_id IS NOT NULL)";
    until("locks, holds and leases are free", || async { sql.one::<i64>(held, &[]).await == 0 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_during_a_plan_the_plan_is_made_again() {
    let Some(real) = terraform("killed_during_a_plan") else { return };
    let dir = tempfile::tempdir().unwrap();
    let (gate, marks) = (dir.path().join("gate"), dir.path().join("marks"));
    let script = format!(
        "if [ \"$1\" = plan ]; then echo planning; while ! [ -e {} ]; do sleep 0.05; done; fi; exec \"$REAL\" \"$@\"",
        gate.display()
    );
    let mut program = Program::start(Some(&stand_in(dir.path(), &real, &script))).await;
    let people = program.people().await;
    let script = format!("echo applied >> {}", marks.display());
    let request = people.dev.order(Order::new("probe", "probe", probe(&script))).await;
    people.dev.until_printed(&request.jobs[0], "planning").await;
    program.kill().await;
    std::fs::write(&gate, "").unwrap();
    program.start_again().await;

    let people = program.people().await;
    let request = people.dev.until(&request.name, RequestState::Completed).await;
    assert_eq!(request.jobs.len(), 2, "the same job made the plan");
    let plan = people.dev.job(&request.jobs[0]).await;
    assert_eq!((plan.state(), plan.attempt, plan.fence), (JobState::Succeeded, 2, 2));
    let log = people.dev.log(&request.jobs[0]).await;
    let attempts: BTreeSet<i32> = log.lines.iter().map(|line| line.attempt).collect();
    assert_eq!(attempts, BTreeSet::from([1, 2]), "one log of both attempts");
    let sql = program.sql().await;
    assert_applied(&sql, &request.name, &marks, 1).await;
    assert_free(&sql).await;
    program.stop().await;
}

/// A server in the middle of an apply that lasts until its gate is open.
struct Applying {
    program: Program,
    request: pb::Request,
    dir: TempDir,
}

impl Applying {
    /// Nothing, after having said that `test` is skipped, where there is no Terraform.
    async fn start(test: &str) -> Option<Self> {
        let real = terraform(test)?;
        let dir = tempfile::tempdir().unwrap();
        let (marks, gate) = (dir.path().join("marks"), dir.path().join("gate"));
        let script = format!(
            "echo applied >> {}; echo applying; while ! [ -e {} ]; do sleep 0.05; done",
            marks.display(),
            gate.display()
        );
        let program = Program::start(Some(&real)).await;
        let people = program.people().await;
        let request = people.dev.order(Order::new("probe", "probe", probe(&script))).await;
        let request = people.dev.until_that(&request.name, "it has an apply", |request| request.jobs.len() == 2).await;
        people.dev.until_printed(&request.jobs[1], "applying").await;
        Some(Self { program, request, dir })
    }

    /// After its server has gone and come back: the apply has failed and is not run again, what it made is known, and
    /// a retry makes only the rest.
    async fn assert_goes_on(self) {
        let (people, sql) = (self.program.people().await, self.program.sql().await);
        let (marks, request) = (self.dir.path().join("marks"), &self.request);
        let failed = people.dev.until(&request.name, RequestState::Failed).await;
        assert_eq!(failed.failed_phase(), FailedPhase::Apply);
        assert_eq!(failed.error.unwrap().error_class, "RUNNER_LOST");
        let known =
            "SELECT count(*) FROM workspace_states WHERE job_id = $1 AND resource_count > 0 AND state = 'STORED'";
        until("the last state is in the platform", || async {
            sql.one::<i64>(known, &[&id(&request.jobs[1])]).await > 0
        })
        .await;
        assert_free(&sql).await;
        assert_applied(&sql, &request.name, &marks, 1).await;
        let leftover = self.program.data.path().join("jobs");
        until("no job's directory is left", || async {
            std::fs::read_dir(&leftover).map_or(0, |entries| entries.count()) == 0
        })
        .await;

        std::fs::write(self.dir.path().join("gate"), "").unwrap();
        people.dev.retry(&request.name).await;
        people.dev.until(&request.name, RequestState::Completed).await;
        let plan = people.dev.plan(&request.name).await;
        let twice = plan.changes.iter().find(|change| change.address == "terraform_data.thing");
        assert!(twice.is_none(), "it is not made twice: {plan:?}");
        assert_applied(&sql, &request.name, &marks, 2).await;
        self.program.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_during_an_apply_and_back_at_once_it_is_not_run_again_and_what_it_made_is_known() {
    let Some(mut applying) = Applying::start("killed_during_an_apply_and_back_at_once").await else { return };
    applying.program.kill().await;
    applying.program.start_again().await;
    applying.assert_goes_on().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_during_an_apply_the_state_that_terraform_left_behind_is_brought_home() {
    let Some(mut applying) = Applying::start("killed_during_an_apply_the_state").await else { return };
    applying.program.kill().await;
    // The server is away until Terraform has given up and written its state to a file.
    let jobs = applying.program.data.path().join("jobs");
    until("Terraform has left its state behind", || async {
        let jobs = std::fs::read_dir(&jobs).unwrap().flatten();
        jobs.map(|job| job.path().join("template/errored.tfstate")).any(|state| state.is_file())
    })
    .await;
    applying.program.start_again().await;
    applying.assert_goes_on().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_to_end_during_an_apply_it_ends_the_engine_in_order() {
    let Some(mut applying) = Applying::start("asked_to_end_during_an_apply").await else { return };
    applying.program.terminate();
    let status = applying.program.ended_within(PATIENCE).await;
    assert!(status.success(), "{status}: {}", applying.program.log());
    applying.program.start_again().await;
    applying.assert_goes_on().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_approval_and_apply_the_approval_stands() {
    let Some(real) = terraform("killed_between_approval_and_apply") else { return };
    let dir = tempfile::tempdir().unwrap();
    let marks = dir.path().join("marks");
    let mut program = Program::start(Some(&real)).await;
    let (people, sql) = (program.people().await, program.sql().await);
    people.admin.set_auto_approve("development-auto", false).await;
    let script = format!("echo applied >> {}", marks.display());
    let request = people.dev.order(Order::new("probe", "probe", probe(&script))).await;
    let request = people.dev.until(&request.name, RequestState::PendingApproval).await;
    sql.hold(&request.name).await;
    people.approver.approve(&request).await;
    program.kill().await;
    program.start_again().await;

    let people = program.people().await;
    let kept = people.dev.request(&request.name).await;
    assert_eq!((kept.state(), &kept.approval), (RequestState::Approved, &request.approval));
    sql.release(&request.name).await;
    people.dev.until(&request.name, RequestState::Completed).await;
    assert_applied(&sql, &request.name, &marks, 1).await;
    assert_free(&sql).await;
    program.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_order_is_lost_and_a_repeated_one_is_made_once() {
    let mut program = Program::start(None).await;
    let order = |number: usize| pb::CreateRequestRequest {
        request_id: Uuid::from_u128(number as u128 + 1).to_string(),
        ..asked(Order::new("config-bundle", &format!("limits-{number}"), bundle("1")).request())
    };
    // Without repetition: what is acknowledged, is; of the rest nobody knows.
    let once = Client::builder(program.url()).attempts(1).connect().await.unwrap();
    let login = pb::LoginRequest { identifier: "dev".into(), password: PASSWORD.into(), ..Default::default() };
    once.login(login).await.unwrap();
    let calls = (0..200).map(|number| {
        let (client, order) = (once.clone(), order(number));
        tokio::task::spawn(async move {
            client.requests().create_request(order).await.map(|answer| answer.into_inner().code)
        })
    });
    let calls: Vec<_> = calls.collect();
    let sql = program.sql().await;
    until("some are stored", || async { sql.one::<i64>("SELECT count(*) FROM requests", &[]).await >= 20 }).await;
    program.kill().await;
    let answers: Vec<Result<String, _>> = join_all(calls).await.into_iter().map(Result::unwrap).collect();
    assert!(answers.iter().any(Result::is_ok) && answers.iter().any(Result::is_err), "it was killed in the middle");

    program.start_again().await;
    let people = program.people().await;
    for (number, answer) in answers.iter().enumerate() {
        let repeated = people.dev.order(order(number)).await;
        if let Ok(code) = answer {
            assert_eq!(&repeated.code, code, "the same answer as before");
        }
    }
    let codes: BTreeSet<String> = people.dev.all_requests().await.into_iter().map(|request| request.code).collect();
    assert_eq!(codes, (1..=200).map(|number| format!("R-{number}")).collect(), "each once, and no number is missing");
    program.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_to_end_it_ends_its_streams_with_a_cursor_and_exits() {
    let mut program = Program::start(None).await;
    let people = program.people().await;
    let request = people.dev.order(Order::new("config-bundle", "limits", bundle("1"))).await;
    let watch = pb::WatchRequestRequest { name: request.name.clone(), ..Default::default() };
    let mut watch = people.dev.requests().watch_request(watch).await.unwrap().into_inner();
    let tail = pb::TailJobLogsRequest { name: request.jobs[0].clone(), follow: true, ..Default::default() };
    let mut tail = people.dev.jobs().tail_job_logs(tail).await.unwrap().into_inner();
    watch.message().await.unwrap().unwrap();
    tail.message().await.unwrap().unwrap();
    program.terminate();

    let mut ends = Vec::new();
    while let Some(message) = watch.message().await.unwrap() {
        if let Some(pb::watch_request_response::Event::End(end)) = message.event {
            ends.push(end);
        }
    }
    while let Some(message) = tail.message().await.unwrap() {
        if let Some(pb::tail_job_logs_response::Event::End(end)) = message.event {
            assert!(!end.complete);
            ends.push(end.end.unwrap());
        }
    }
    assert_eq!(ends.len(), 2, "each stream has one end");
    for end in ends {
        assert_eq!(end.reason(), StreamEndReason::Shutdown);
        assert!(!end.last_cursor.is_empty());
    }
    let status = program.ended_within(Duration::from_secs(25)).await;
    assert!(status.success(), "{status}: {}", program.log());
    program.start_again().await;
    assert_eq!(program.people().await.dev.request(&request.name).await.code, request.code);
    program.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn started_twice_there_is_one_of_everything_it_brings() {
    let mut program = Program::start(None).await;
    let count = "SELECT jsonb_build_array((SELECT count(*) FROM users), (SELECT count(*) FROM organizations),
                 (SELECT count(*) FROM business_units), (SELECT count(*) FROM environments),
                 (SELECT count(*) FROM roles), (SELECT count(*) FROM role_bindings),
                 (SELECT count(*) FROM policies), (SELECT count(*) FROM approval_policies),
                 (SELECT count(*) FROM template_versions))";
    let sql = program.sql().await;
    let first: serde_json::Value = sql.one(count, &[]).await;
    assert_eq!(first[0], json!(3), "admin, dev and approver");
    program.kill().await;
    program.start_again().await;
    assert_eq!(sql.one::<serde_json::Value>(count, &[]).await, first);
    let _: People = program.people().await;
    program.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_published_version_with_other_content_is_refused_by_name() {
    let mut program = Program::start(None).await;
    program.terminate();
    program.ended_within(Duration::from_secs(25)).await;
    let code = program.templates.path().join("probe/main.tf");
    let text = std::fs::read_to_string(&code).unwrap();
    std::fs::write(&code, text + "\n# one more line\n").unwrap();
    let (status, log) = program.fails_to_start().await;
    assert!(!status.success());
    let said = log.lines().last().unwrap_or_default();
    assert!(log.contains("probe") && log.contains("1.0.0") && log.contains("version"), "{said}");
    // Under a version of its own it is welcome.
    let manifest = program.templates.path().join("probe/template.yaml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text.replace("version: 1.0.0", "version: 1.1.0")).unwrap();
    program.start_again().await;
    let list = pb::ListTemplateVersionsRequest { parent: "templates/probe".into(), ..Default::default() };
    let people = program.people().await;
    let found = people.dev.templates().list_template_versions(list).await.unwrap().into_inner().template_versions;
    assert_eq!(found.len(), 2);
    program.stop().await;
}

/// Runs a command of the program with nothing but these variables.
async fn run(command: &str, variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let output = Command::new(built_program("flagstone-server"))
        .arg(command)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .envs(variables.iter().copied())
        .output()
        .await
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn production_refuses_a_missing_or_weak_master_key_and_says_what_to_do() {
    let database = flagstone_db::testing::TestDatabase::create().await;
    let data = tempfile::tempdir().unwrap();
    let data = data.path().to_str().unwrap();
    for key in ["", "short", "changeme-changeme-but-longer-than-32", "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"] {
        let variables = [
            ("DATABASE_URL", database.url()),
            ("FLAGSTONE_DATA_DIR", data),
            ("FLAGSTONE_LISTEN", "127.0.0.1:0"),
            ("FLAGSTONE_MASTER_KEY", key),
        ];
        let variables = if key.is_empty() { &variables[..3] } else { &variables[..] };
        let (code, said) = run("serve", variables).await;
        assert!(code.is_some_and(|code| code != 0), "{key:?}: {said}");
        assert!(said.contains("FLAGSTONE_MASTER_KEY"), "{key:?}: {said}");
        assert!(key.len() < 20 || !said.contains(key), "the key is not repeated");
    }
    let (code, said) = run("serve", &[("FLAGSTONE_DATA_DIR", data)]).await;
    assert!(code.is_some_and(|code| code != 0));
    assert!(said.contains("DATABASE_URL") && said.contains("FLAGSTONE_MASTER_KEY"), "both at once: {said}");
}

/// J1: the first start on an empty database, as production does it.
#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_makes_one_administrator_who_changes_the_password_and_may_do_everything() {
    let database = flagstone_db::testing::TestDatabase::create().await;
    let data = tempfile::tempdir().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let listen = address.to_string();
    let given = [
        ("DATABASE_URL", database.url()),
        ("FLAGSTONE_DATA_DIR", data.path().to_str().unwrap()),
        ("FLAGSTONE_LISTEN", listen.as_str()),
        ("FLAGSTONE_MASTER_KEY", MASTER_KEY),
        ("FLAGSTONE_RUNNER_CAPACITY", "0"),
        ("FLAGSTONE_ADMIN_EMAIL", "Root@Example.org"),
        ("FLAGSTONE_ADMIN_USERNAME", "root"),
        ("FLAGSTONE_ADMIN_PASSWORD", PASSWORD),
    ];
    let start = || {
        Command::new(built_program("flagstone-server"))
            .arg("serve")
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .envs(given)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    };
    let ready = async || {
        until("the server serves", || crate::support::http::is_ready(address)).await;
    };
    let mut server = start();
    ready().await;
    let client = Client::builder(format!("http://{address}")).attempts(1).connect().await.unwrap();
    let login = |password: &str| pb::LoginRequest {
        identifier: "root@example.org".into(),
        password: password.into(),
        ..Default::default()
    };
    let answer = client.login(login(PASSWORD)).await.unwrap();
    assert!(answer.password_change_required, "what an operator wrote down is changed first");
    let denied = client.users().list_users(pb::ListUsersRequest::default()).await.unwrap_err();
    assert_eq!(flagstone_client::Error::from(denied).reason, Some(pb::ErrorReason::PasswordChangeRequired));
    let new = "a-quite-different-walrus";
    let change =
        pb::ChangePasswordRequest { current_password: PASSWORD.into(), new_password: new.into(), ..Default::default() };
    client.auth().change_password(change).await.unwrap();
    client.login(login(new)).await.unwrap();
    let held = client.access().get_my_permissions(pb::GetMyPermissionsRequest {}).await.unwrap().into_inner();
    let held: BTreeSet<String> = held.scopes[0].permissions.iter().map(|held| held.permission.clone()).collect();
    let registered: BTreeSet<String> =
        flagstone_core::access::Permission::all().map(|permission| permission.slug().to_owned()).collect();
    let missing: Vec<_> = registered.difference(&held).collect();
    assert!(missing.is_empty(), "the administrator lacks {missing:?}");

    let sql = Sql::connect(database.url()).await;
    let people = "SELECT array_agg(username || ' ' || email) FROM users";
    assert_eq!(sql.one::<Vec<String>>(people, &[]).await, ["root root@example.org"]);
    let begun = "SELECT array_agg(action ORDER BY action) FROM audit_events WHERE principal = 'system'
                 AND action IN ('organization.create', 'installation.set_up', 'signing_key.create')";
    let expected = ["installation.set_up", "organization.create", "signing_key.create"];
    assert_eq!(sql.one::<Vec<String>>(begun, &[]).await, expected, "the first rows are in the audit");
    let count = "SELECT jsonb_build_array((SELECT count(*) FROM users), (SELECT count(*) FROM organizations),
                 (SELECT count(*) FROM roles), (SELECT count(*) FROM role_bindings), (SELECT count(*) FROM signing_keys),
                 (SELECT count(*) FROM audit_events WHERE principal = 'system'))";
    let first: serde_json::Value = sql.one(count, &[]).await;
    server.kill().await.unwrap();
    let mut server = start();
    ready().await;
    assert_eq!(sql.one::<serde_json::Value>(count, &[]).await, first, "a restart creates nothing");
    server.kill().await.unwrap();

    // Each wrong start ends with one sentence and a code.
    let one_sentence = |said: &str| said.lines().filter(|line| !line.trim().is_empty()).count() == 1;
    let mut wrong = given;
    wrong[0].1 = "postgres://nobody@127.0.0.1:1/nothing";
    let (code, said) = run("serve", &wrong).await;
    assert!(code.is_some_and(|code| code != 0) && one_sentence(&said), "{code:?}: {said}");
    sql.run("INSERT INTO __diesel_schema_migrations (version) VALUES ('29990101000000')", &[]).await;
    let (code, said) = run("serve", &given).await;
    assert!(code.is_some_and(|code| code != 0) && one_sentence(&said), "{code:?}: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_tells_by_its_exit_code_whether_something_is_missing() {
    let database = flagstone_db::testing::TestDatabase::create().await;
    let data = tempfile::tempdir().unwrap();
    let good = [
        ("DATABASE_URL", database.url()),
        ("FLAGSTONE_DATA_DIR", data.path().to_str().unwrap()),
        ("FLAGSTONE_LISTEN", "127.0.0.1:0"),
        ("FLAGSTONE_MASTER_KEY", MASTER_KEY),
    ];
    let (code, said) = run("doctor", &good).await;
    assert_eq!(code, Some(0), "{said}");
    let mut bad = good;
    bad[0].1 = "postgres://nobody@127.0.0.1:1/nothing";
    let (code, said) = run("doctor", &bad).await;
    assert_eq!(code, Some(1), "{said}");
    let (code, said) = run("doctor", &good[..3]).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("FLAGSTONE_MASTER_KEY"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_gone_is_unavailable_to_its_clients() {
    let mut program = Program::start(None).await;
    let once = Client::builder(program.url()).attempts(1).connect().await.unwrap();
    program.kill().await;
    let error = flagstone_client::Error::from(once.users().get_me(pb::GetMeRequest {}).await.unwrap_err());
    assert_eq!(error.code, Code::Unavailable);
}
