//! Connections that are lost: the database away under load, clients gone in the middle of calls and streams.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use flagstone_client::pb::{ErrorReason, RequestState};
use flagstone_client::{Client, Code, Error, pb};
use flagstone_server::config::JobConfig;
use flagstone_server::dev::postgres::Postgres;
use futures::future::join_all;

use crate::support::app::PASSWORD;
use crate::support::line::engine::{templates, terraform};
use crate::support::line::{Line, Order, PATIENCE, People, bundle, until};
use crate::support::{TestApp, wait_for};

/// A client that repeats nothing: each answer of the server is seen.
async fn once(url: &str) -> Client {
    let client = Client::builder(url).attempts(1).connect().await.unwrap();
    let login = pb::LoginRequest { identifier: "dev".into(), password: PASSWORD.into(), ..Default::default() };
    client.login(login).await.unwrap();
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_restarted_under_load_makes_calls_unavailable_and_heals_by_itself() {
    if terraform("postgres_restarted_under_load").is_none() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut postgres = Postgres::start(dir.path()).await.unwrap();
    let (url, templates) = (postgres.url().to_owned(), templates(&["config-bundle"]));
    let directory = templates.path().to_owned();
    let app = TestApp::builder()
        .with_runner()
        .config(move |config| {
            config.database = flagstone_db::Config::new(url);
            // Longer than the database is away.
            config.jobs = JobConfig::default();
            config.templates_dir = Some(directory);
        })
        .start()
        .await;
    let people = People::log_in(&app.url(), &[PASSWORD; 3]).await;
    let request = people.dev.order(Order::new("config-bundle", "before", bundle("1"))).await;
    let watched = tokio::task::spawn({
        let (dev, name) = (people.dev.clone(), request.name.clone());
        async move { dev.until(&name, RequestState::Completed).await }
    });

    let stop = Arc::new(AtomicBool::new(false));
    let good = Arc::new(AtomicUsize::new(0));
    let client = once(&app.url()).await;
    let load = (0..8).map(|_| {
        let (client, stop, good) = (client.clone(), stop.clone(), good.clone());
        tokio::task::spawn(async move {
            let mut errors = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let list = pb::ListRequestsRequest { parent: "businessUnits/sandbox".into(), ..Default::default() };
                match client.requests().list_requests(list).await {
                    Ok(_) => {
                        good.fetch_add(1, Ordering::Relaxed);
                    }
                    Err(status) => errors.push(Error::from(status)),
                }
            }
            errors
        })
    });
    let load: Vec<_> = load.collect();
    until("the load runs", || async { good.load(Ordering::Relaxed) > 50 }).await;
    postgres.restart().await.unwrap();
    let before = good.load(Ordering::Relaxed);
    until("the load runs again", || async { good.load(Ordering::Relaxed) > before + 50 }).await;
    stop.store(true, Ordering::Relaxed);
    for error in join_all(load).await.into_iter().flat_map(Result::unwrap) {
        assert_eq!(error.code, Code::Unavailable, "{error:?}");
        assert!(error.is(ErrorReason::Unavailable) && error.retry_delay.is_some(), "{error:?}");
    }

    // What was under way goes on, and so does what comes: jobs, logs, streams.
    assert_eq!(watched.await.unwrap().state(), RequestState::Completed);
    people.dev.order_and_wait(Order::new("config-bundle", "after", bundle("1"))).await;
    app.finish().await;
    postgres.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_go_in_the_middle_of_a_call_leave_nothing_behind() {
    let templates = templates(&["config-bundle"]);
    let directory = templates.path().to_owned();
    let app = TestApp::builder()
        .config(move |config| {
            config.templates_dir = Some(directory);
            // Few places, so that one that leaks is missed.
            config.edge.max_calls = 8;
        })
        .start()
        .await;
    let token = once(&app.url()).await;
    let line = crate::support::line::sql::Sql::connect(app.database_url()).await;
    let mut gone = 0;
    for number in 0..200_u64 {
        let order = Order::new("config-bundle", &format!("limits-{number}"), bundle("1"));
        let call = async { token.requests().create_request(pb::CreateRequestRequest::from(order)).await };
        // Everywhere from before the first byte to after the answer.
        let limit = Duration::from_micros((number * 379) % 12_000);
        gone += u32::from(tokio::time::timeout(limit, call).await.is_err());
    }
    assert!(gone > 20, "only {gone} of 200 calls were cut");
    until("every transaction has ended", || async { line.open_transactions().await == 0 }).await;
    let locks = "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
                 WHERE a.datname = current_database() AND l.locktype IN ('transactionid', 'advisory')
                 AND a.pid <> pg_backend_pid()";
    until("every lock is free", || async { line.one::<i64>(locks, &[]).await == 0 }).await;
    assert!(line.sessions().await < 60, "the pools have their usual sizes");

    // All places are free again, and what was done was done whole: a number, a job and an audit event each.
    let names: Vec<pb::Request> = {
        let people = People::log_in(&app.url(), &[PASSWORD; 3]).await;
        let calls = join_all((0..8).map(|_| people.dev.all_requests())).await;
        calls.into_iter().next().unwrap()
    };
    let whole = "SELECT jsonb_build_array(
                   (SELECT count(*) FROM requests), (SELECT coalesce(max(number), 0) FROM requests),
                   (SELECT count(*) FROM jobs), (SELECT count(*) FROM ready_jobs), (SELECT count(*) FROM deployments),
                   (SELECT count(*) FROM audit_events WHERE action = 'request.create' AND outcome = 'SUCCESS'))";
    let whole: serde_json::Value = line.one(whole, &[]).await;
    let count = names.len();
    assert_eq!(whole, serde_json::json!([count, count, count, count, count, count]));
    app.finish_with_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_go_in_the_middle_of_a_stream_leave_nothing_behind() {
    let templates = templates(&["config-bundle"]);
    let directory = templates.path().to_owned();
    let app = TestApp::builder()
        .config(move |config| {
            config.templates_dir = Some(directory);
            config.edge.max_streams = 10;
        })
        .start()
        .await;
    let people = People::log_in(&app.url(), &[PASSWORD; 3]).await;
    let request = people.dev.order(Order::new("config-bundle", "limits", bundle("1"))).await;
    for round in 0..100 {
        // A connection of its own, dropped with whatever is open on it.
        let client = once(&app.url()).await;
        wait_for("a place for a stream", || async {
            let opened = match round % 2 {
                0 => {
                    let watch = pb::WatchRequestRequest { name: request.name.clone(), ..Default::default() };
                    client.requests().watch_request(watch).await.map(drop)
                }
                _ => {
                    let job = request.jobs[0].clone();
                    let tail = pb::TailJobLogsRequest { name: job, follow: true, ..Default::default() };
                    client.jobs().tail_job_logs(tail).await.map(drop)
                }
            };
            match opened.map_err(Error::from) {
                Ok(()) => Some(()),
                Err(error) if error.is(ErrorReason::Overloaded) => None,
                Err(error) => panic!("{error:?}"),
            }
        })
        .await;
    }
    // All ten places are free again.
    let watch = || pb::WatchRequestRequest { name: request.name.clone(), ..Default::default() };
    let open = tokio::time::timeout(PATIENCE, async {
        let mut open = Vec::new();
        while open.len() < 10 {
            if let Ok(stream) = people.dev.requests().watch_request(watch()).await {
                open.push(stream);
            }
        }
        open
    });
    let open = open.await.expect("ten streams are open at a time");
    let client = once(&app.url()).await;
    let error = Error::from(client.requests().watch_request(watch()).await.expect_err("an eleventh is one too many"));
    assert!(error.is(ErrorReason::Overloaded) && error.retry_delay.is_some(), "{error:?}");
    drop(open);
    app.finish_with_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_over_a_lost_database_goes_on_where_it_was() {
    let Some(line) = Line::start("a_stream_over_a_lost_database").await else { return };
    let script = "for i in $(seq 60); do echo line $i; sleep 0.05; done";
    let request = line.dev.order(Order::new("probe", "chatty", crate::support::line::probe(script))).await;
    let request = line.dev.until_that(&request.name, "it has an apply", |request| request.jobs.len() == 2).await;
    let job = request.jobs.last().unwrap();
    let followed = tokio::task::spawn({
        let (dev, job) = (line.dev.clone(), job.clone());
        async move { dev.log(&job).await }
    });
    // Every session of the server dies several times while lines come.
    for wanted in ["line 10\n", "line 25\n", "line 40\n"] {
        line.dev.until_printed(job, wanted).await;
        let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                    WHERE datname = current_database() AND pid <> pg_backend_pid()
                    AND application_name LIKE 'flagstone%'";
        assert!(line.sql.one::<i64>(kill, &[]).await > 0, "there are sessions to kill");
    }
    let log = followed.await.unwrap();
    assert!((1..=60).all(|number| log.text().contains(&format!("line {number}\n"))), "{}", log.text());
    line.dev.until(&request.name, RequestState::Completed).await;
    line.finish().await;
}
