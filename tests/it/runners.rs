//! Runners: how they come in, who lets them, what they are given, how they go. They follow a script.

use flagstone_api::pb;
use flagstone_api::pb::work_response::Message as Told;
use flagstone_api::pb::{ErrorReason, RunnerConnection, RunnerState};

use crate::support::line::person::refused;
use crate::support::line::{Line, Order, bundle};
use crate::support::remote::{join, request, token};
use crate::support::{Caller, Code, Error, ScriptedRunner, TestApp, database, wait_for};

async fn get(admin: &Caller, name: &str) -> pb::Runner {
    let request = pb::GetRunnerRequest { name: name.to_owned() };
    admin.runners().get_runner(request).await.expect("a runner is read").into_inner()
}

async fn drain(admin: &Caller, name: &str) -> Result<pb::Runner, Error> {
    let request = pb::DrainRunnerRequest { name: name.to_owned(), ..Default::default() };
    Ok(admin.runners().drain_runner(request).await?.into_inner())
}

async fn resume(admin: &Caller, name: &str) -> Result<pb::Runner, Error> {
    let request = pb::ResumeRunnerRequest { name: name.to_owned(), ..Default::default() };
    Ok(admin.runners().resume_runner(request).await?.into_inner())
}

async fn adopt(admin: &Caller, name: &str) -> Result<pb::Runner, Error> {
    let request = pb::AdoptRunnerRequest { name: name.to_owned(), ..Default::default() };
    Ok(admin.runners().adopt_runner(request).await?.into_inner())
}

async fn delete(admin: &Caller, name: &str, force: bool) -> Result<(), Error> {
    let request = pb::DeleteRunnerRequest { name: name.to_owned(), force, ..Default::default() };
    admin.runners().delete_runner(request).await.map(drop).map_err(Error::from)
}

/// The runner that a join let in, with its stream open.
async fn connect(app: &TestApp, joined: &pb::JoinRunnerResponse, protocol_version: i32) -> ScriptedRunner {
    let link = app.over_new_connection(&app.anonymous().with_token(&joined.credential)).await;
    ScriptedRunner::over(link, protocol_version).await
}

/// A runner that has joined and takes jobs.
async fn adopted(app: &TestApp, protocol_version: i32) -> (String, ScriptedRunner) {
    let token = token(&app.as_admin().await, &[], false).await;
    let joined = join(app, &token, "Build host", &[]).await.expect("a runner joins");
    let runner = connect(app, &joined, protocol_version).await;
    (joined.runner, runner)
}

#[tokio::test]
async fn a_token_lets_one_runner_in_and_never_another() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    let made = pb::CreateRunnerTokenRequest {
        labels: [("tier".to_owned(), "production".to_owned())].into(),
        ..Default::default()
    };
    let made = admin.runners().create_runner_token(made).await.unwrap().into_inner();
    assert!(made.command.contains(&format!("FLAGSTONE_RUNNER_TOKEN={} flagstone-server runner", made.token)));
    assert!(made.command.ends_with("--labels tier=production"), "{}", made.command);

    let joined = join(&app, &made.token, "Build-Host.example", &[]).await.unwrap();
    assert!(joined.runner.starts_with("runners/build-host-example-"), "{}", joined.runner);
    assert_eq!((joined.state(), joined.labels["tier"].as_str()), (RunnerState::Adopted, "production"));
    let again = join(&app, &made.token, "Another", &[]).await.unwrap_err();
    assert_eq!((again.code, again.reason), (Code::NotFound, Some(ErrorReason::NotFound)));
    let never = join(&app, "fls_rjt_garbage", "Another", &[]).await.unwrap_err();
    assert_eq!(never.message, again.message, "a used token and none answer alike");

    // Neither is in the database in the clear.
    for secret in [&made.token, &joined.credential] {
        let dump: String = database::one(&app.sql, "SELECT string_agg(r::text, ' ') FROM runners r").await;
        assert!(!dump.contains(secret.as_str()));
        let dump: String = database::one(&app.sql, "SELECT string_agg(t::text, ' ') FROM runner_tokens t").await;
        assert!(!dump.contains(secret.as_str()));
    }
    let shown = get(&admin, &joined.runner).await;
    assert_eq!((shown.state(), shown.connection()), (RunnerState::Adopted, RunnerConnection::Offline));
    assert_eq!((shown.creator.as_str(), shown.display_name.as_str()), ("users/admin", "Build-Host.example"));
    assert!(!shown.embedded && !shown.installation);
    app.finish().await;
}

#[tokio::test]
async fn a_token_whose_time_is_over_lets_nobody_in() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    let token = token(&admin, &[], false).await;
    database::run(&app.sql, "UPDATE runner_tokens SET expire_time = now() - interval '1 second'").await;
    let refused = join(&app, &token, "Late", &[]).await.unwrap_err();
    assert_eq!((refused.code, refused.reason), (Code::NotFound, Some(ErrorReason::NotFound)));
    // Two days later it is forgotten.
    database::run(&app.sql, "UPDATE runner_tokens SET expire_time = now() - interval '2 days'").await;
    app.tidy().await;
    assert_eq!(database::one::<i64>(&app.sql, "SELECT count(*) FROM runner_tokens").await, 0);
    app.finish().await;
}

#[tokio::test]
async fn a_runner_cannot_have_labels_that_were_not_given_to_it() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    let token = token(&admin, &[("tier", "staging"), ("zone", "a")], false).await;
    for forged in [("tier", "production"), ("gpu", "yes")] {
        let refused = join(&app, &token, "Host", &[forged]).await.unwrap_err();
        assert_eq!(refused.code, Code::InvalidArgument, "{refused:?}");
        assert_eq!(refused.violations.fields[0].field, format!("labels[{}]", forged.0));
    }
    // The token was not used up by that.
    let joined = join(&app, &token, "Host", &[("zone", "a")]).await.unwrap();
    assert_eq!(joined.labels.len(), 1, "it has what it claimed and no more");

    // What it claims later is held against what it has.
    let link = app.anonymous().with_token(&joined.credential);
    let mut registration = ScriptedRunner::registration(1001);
    registration.labels = [("tier".to_owned(), "production".to_owned())].into();
    let refused = Error::from(link.runner_link().register_runner(registration.clone()).await.unwrap_err());
    assert_eq!(refused.violations.fields[0].field, "labels[tier]", "{refused:?}");
    registration.labels = joined.labels.clone();
    let registered = link.runner_link().register_runner(registration).await.unwrap().into_inner();
    assert_eq!(registered.labels, joined.labels);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_waits_is_given_nothing_until_it_is_adopted() {
    let line = Line::without_runner().await;
    let app = &line.app;
    let admin = app.as_admin().await;
    let joined = join(app, &token(&admin, &[], true).await, "Host", &[]).await.unwrap();
    assert_eq!(joined.state(), RunnerState::Pending);
    let runner = connect(app, &joined, 1001).await;
    runner.offer_slots(1).await;
    let order = line.dev.order(Order::new("config-bundle", "limits", bundle("1"))).await;
    wait_for("it is seen", async || {
        (get(&admin, &joined.runner).await.connection() == RunnerConnection::Online).then_some(())
    })
    .await;
    assert!(runner.offered().is_none(), "it waits");
    assert_eq!(drain(&admin, &joined.runner).await.unwrap_err().reason, Some(ErrorReason::WrongState));

    let shown = adopt(&admin, &joined.runner).await.unwrap();
    assert_eq!(shown.state(), RunnerState::Adopted);
    runner.run(&runner.take_job(&order.jobs[0]).await).await.unwrap();
    assert_eq!(adopt(&admin, &joined.runner).await.unwrap_err().reason, Some(ErrorReason::WrongState));
    runner.run(&runner.take().await).await.unwrap();
    drop(runner);
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_turned_away_or_removed_is_let_go_and_its_credential_opens_nothing() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    let waiting = join(&app, &token(&admin, &[], true).await, "Waiting", &[]).await.unwrap();
    let working = join(&app, &token(&admin, &[], false).await, "Working", &[]).await.unwrap();
    let streams = [connect(&app, &waiting, 1001).await, connect(&app, &working, 1001).await];
    let reject = pb::RejectRunnerRequest { name: waiting.runner.clone(), ..Default::default() };
    let rejected = admin.runners().reject_runner(reject).await.unwrap().into_inner();
    assert_eq!(rejected.state(), RunnerState::Rejected);
    delete(&admin, &working.runner, false).await.unwrap();
    for (stream, joined) in streams.iter().zip([&waiting, &working]) {
        wait_for("its stream has ended", async || stream.is_let_go().then_some(())).await;
        let link = app.anonymous().with_token(&joined.credential);
        let refused = wait_for("its credential opens nothing", async || {
            link.runner_link().register_runner(ScriptedRunner::registration(1001)).await.err()
        })
        .await;
        assert_eq!(Error::from(refused).code, Code::Unauthenticated);
    }
    // One that was removed is not there; one that was rejected can be.
    let gone = pb::GetRunnerRequest { name: working.runner.clone() };
    assert_eq!(Error::from(admin.runners().get_runner(gone).await.unwrap_err()).code, Code::NotFound);
    delete(&admin, &waiting.runner, false).await.unwrap();
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_runner_finishes_what_it_has_and_takes_nothing_new() {
    let line = Line::without_runner().await;
    let app = &line.app;
    let admin = app.as_admin().await;
    let (name, runner) = adopted(app, 1001).await;
    let first = line.dev.order(Order::new("config-bundle", "first", bundle("1"))).await;
    runner.run(&runner.take_job(&first.jobs[0]).await).await.unwrap();
    let apply = runner.take().await;
    assert_eq!(get(&admin, &name).await.running_jobs, 1);
    assert_eq!(drain(&admin, &name).await.unwrap().state(), RunnerState::Draining);
    let Told::Drain(told) = runner.next_drain().await else { panic!("it is told to take nothing new") };
    assert_eq!(told.reason(), pb::WorkDrainReason::RunnerDrained);

    // It cannot be removed while it works, unless that is meant.
    assert_eq!(delete(&admin, &name, false).await.unwrap_err().reason, Some(ErrorReason::InUse));
    let second = line.dev.order(Order::new("config-bundle", "second", bundle("2"))).await;
    runner.offer_slots(5).await;
    runner.run(&apply).await.unwrap();
    assert_eq!(line.dev.until(&first.name, pb::RequestState::Completed).await.state(), pb::RequestState::Completed);
    assert!(runner.offered().is_none(), "it takes nothing new");

    assert_eq!(resume(&admin, &name).await.unwrap().state(), RunnerState::Adopted);
    assert!(matches!(runner.next_drain().await, Told::Resume(_)));
    runner.run(&runner.take_job(&second.jobs[0]).await).await.unwrap();
    runner.run(&runner.take().await).await.unwrap();
    line.dev.until(&second.name, pb::RequestState::Completed).await;
    drop(runner);
    line.finish().await;
}

/// A client written by hand in the version before ours: it knows neither why it is drained nor that it may go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_runner_of_the_minor_before_works() {
    let line = Line::without_runner().await;
    let app = &line.app;
    let admin = app.as_admin().await;
    let (name, runner) = adopted(app, 1000).await;
    let order = line.dev.order(Order::new("config-bundle", "limits", bundle("1"))).await;
    runner.run(&runner.take_job(&order.jobs[0]).await).await.unwrap();
    let apply = runner.take().await;
    drain(&admin, &name).await.unwrap();
    runner.run(&apply).await.unwrap();
    line.dev.until(&order.name, pb::RequestState::Completed).await;
    assert_eq!(get(&admin, &name).await.protocol_version, 1000, "the lower of both is spoken");
    resume(&admin, &name).await.unwrap();
    let next = line.dev.order(Order::new("config-bundle", "more", bundle("2"))).await;
    // Were it told of the drain, it would have taken that for its own end.
    let told = tokio::time::timeout(std::time::Duration::from_millis(1_200), runner.next_drain()).await;
    assert!(told.is_err(), "a message that it does not know: {told:?}");
    runner.run(&runner.take_job(&next.jobs[0]).await).await.unwrap();
    runner.run(&runner.take().await).await.unwrap();
    drop(runner);
    line.finish().await;
}

#[tokio::test]
async fn versions_that_are_not_spoken_are_refused_by_name() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    let joined = join(&app, &token(&admin, &[], false).await, "Host", &[]).await.unwrap();
    let link = app.anonymous().with_token(&joined.credential);
    for version in [0, 999, 2000, 2001] {
        let registration = ScriptedRunner::registration(version);
        let refused = Error::from(link.runner_link().register_runner(registration).await.unwrap_err());
        assert_eq!((refused.code, refused.reason), (Code::FailedPrecondition, Some(ErrorReason::ProtocolUnsupported)));
        assert_eq!(refused.metadata["supported_versions"], "1000,1001");
        let sent = pb::JoinRunnerRequest {
            protocol_version: version,
            ..request(&token(&admin, &[], false).await, "Host", &[])
        };
        let refused = Error::from(app.anonymous().runner_link().join_runner(sent).await.unwrap_err());
        assert_eq!(refused.reason, Some(ErrorReason::ProtocolUnsupported));
    }
    // A newer minor is spoken as ours.
    let newer = link.runner_link().register_runner(ScriptedRunner::registration(1002)).await.unwrap().into_inner();
    assert_eq!(newer.protocol_version, 1001);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_that_asks_for_labels_waits_for_a_runner_that_has_them() {
    let line = Line::without_runner().await;
    let app = &line.app;
    let admin = app.as_admin().await;
    let asks =
        "UPDATE template_versions SET manifest = jsonb_set(manifest, '{runner_labels}', '{\"tier\": \"production\"}')
                WHERE template_id = (SELECT id FROM templates WHERE slug = 'config-bundle')";
    database::run(&app.sql, asks).await;
    let (_, without) = adopted(app, 1001).await;
    without.offer_slots(5).await;
    let order = line.dev.order(Order::new("config-bundle", "limits", bundle("1"))).await;
    let why = pb::ExplainPendingRequest { name: order.name.clone() };
    let why = wait_for("it is said what it waits for", async || {
        let told = line.dev.requests().explain_pending(why.clone()).await.ok()?.into_inner();
        told.blockers.into_iter().find(|blocker| blocker.kind() == pb::BlockerKind::NoRunner)
    })
    .await;
    assert!(why.message.contains("tier=production"), "{why:?}");
    assert!(without.offered().is_none(), "it lacks the label");

    let joined = join(app, &token(&admin, &[("tier", "production")], false).await, "Able", &[]).await.unwrap();
    let able = connect(app, &joined, 1001).await;
    able.run(&able.take_job(&order.jobs[0]).await).await.unwrap();
    able.run(&able.take().await).await.unwrap();
    line.dev.until(&order.name, pb::RequestState::Completed).await;
    drop((able, without));
    line.finish().await;
}

#[tokio::test]
async fn runners_of_the_installation_are_seen_by_all_and_changed_by_its_home_alone() {
    let app = TestApp::start().await;
    let _scripted = ScriptedRunner::named(&app, "shared").await;
    let theirs = app.organization("globex").await.admin;
    let seen = get(&theirs, "runners/shared").await;
    assert!(seen.installation);
    refused(drain(&theirs, "runners/shared").await, ErrorReason::AccessDenied);
    let admin = app.as_admin().await;
    assert_eq!(drain(&admin, "runners/shared").await.unwrap().state(), RunnerState::Draining);

    // Runners of an organization are its own.
    let own = join(&app, &token(&theirs, &[], false).await, "Theirs", &[]).await.unwrap();
    assert_eq!(get(&theirs, &own.runner).await.name, own.runner);
    refused(drain(&admin, &own.runner).await, ErrorReason::NotFound);
    app.finish().await;
}

#[tokio::test]
async fn the_embedded_runner_stays_drained_over_a_restart_and_is_not_removed_while_its_server_runs() {
    let mut app = TestApp::builder().config(|config| config.runner.capacity = 1).start().await;
    let admin = app.as_admin().await;
    let list = pb::ListRunnersRequest::default();
    let embedded = admin.runners().list_runners(list).await.unwrap().into_inner().runners.remove(0);
    assert!(embedded.embedded && embedded.installation, "{embedded:?}");
    wait_for("it is there", async || {
        (get(&admin, &embedded.name).await.connection() == RunnerConnection::Online).then_some(())
    })
    .await;
    drain(&admin, &embedded.name).await.unwrap();
    for force in [false, true] {
        assert_eq!(delete(&admin, &embedded.name, force).await.unwrap_err().reason, Some(ErrorReason::InUse));
    }
    app.stop().await;
    let replica = app.replica(|config| config.runner.capacity = 1).await;
    let admin = replica.with_token(admin.token());
    assert_eq!(get(&admin, &embedded.name).await.state(), RunnerState::Draining);
    replica.stop().await;
    app.finish().await;
}
