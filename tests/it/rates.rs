//! Limits of calls, with one server and with two.

use std::time::{Duration, Instant};

use flagstone_api::pb::{self, ErrorReason};
use http::Method;

use crate::support::http::{get, send};
use crate::support::{Caller, Code, Error, PASSWORD, TestApp};

async fn log_in(caller: &Caller, identifier: &str, password: &str) -> Result<pb::LoginResponse, Error> {
    let request = pb::LoginRequest { identifier: identifier.into(), password: password.into(), ..Default::default() };
    Ok(caller.auth().login(request).await?.into_inner())
}

async fn me(caller: &Caller) -> Result<pb::User, Error> {
    Ok(caller.users().get_me(pb::GetMeRequest {}).await?.into_inner())
}

#[tokio::test]
async fn the_sixth_failure_over_two_replicas_is_refused() {
    let app = TestApp::start().await;
    let replica = app.replica(|_| {}).await;
    let doors = [app.anonymous(), replica.anonymous()];
    for attempt in 0..5 {
        let error = log_in(&doors[attempt % 2], "dev", "not-the-password").await.unwrap_err();
        assert_eq!(error.reason, Some(ErrorReason::BadCredentials));
    }
    for door in &doors {
        let error = log_in(door, "dev", PASSWORD).await.unwrap_err();
        assert_eq!((error.code, error.reason), (Code::ResourceExhausted, Some(ErrorReason::RateLimited)));
        assert!(error.retry_delay.is_some());
    }
    replica.stop().await;
    app.finish().await;
}

#[tokio::test]
async fn a_principal_exceeds_its_limit_over_two_replicas_by_a_seconds_calls_at_most() {
    const LIMIT: u32 = 600;
    let limit = |config: &mut flagstone_server::config::Config| config.edge.calls_per_minute = LIMIT;
    let app = TestApp::builder().config(limit).start().await;
    let replica = app.replica(limit).await;
    let here = app.as_dev().await;
    let there = replica.with_token(here.token());
    let started = Instant::now();
    let (mut good, mut times) = (0_u32, Vec::new());
    let error = loop {
        let answers = futures::join!(me(&here), me(&there));
        for answer in [answers.0, answers.1] {
            match answer {
                Ok(_) => {
                    good += 1;
                    times.push(started.elapsed());
                }
                Err(error) => assert_eq!(error.reason, Some(ErrorReason::RateLimited), "{error:?}"),
            }
        }
        let refused = futures::join!(me(&here), me(&there));
        if let (Err(error), Err(_)) = refused {
            break error;
        }
        good += u32::from(refused.0.is_ok()) + u32::from(refused.1.is_ok());
        assert!(started.elapsed() < Duration::from_secs(45), "nobody is refused after {good} calls");
    };
    assert_eq!(error.code, Code::ResourceExhausted);
    assert!(error.retry_delay.is_some(), "{error:?}");
    // Calls of the last second that the replicas had not told each other yet.
    let until = times.last().copied().unwrap_or_default();
    let rate = f64::from(good) / until.as_secs_f64().max(0.1);
    let most = f64::from(LIMIT) + rate.mul_add(1.5, 20.0);
    assert!(f64::from(good) >= f64::from(LIMIT) - 2.0 && f64::from(good) <= most, "{good} calls, at most {most}");
    replica.stop().await;
    app.finish().await;
}

#[tokio::test]
async fn answers_say_what_is_left() {
    let app = TestApp::builder().config(|config| config.edge.calls_per_minute = 3).start().await;
    let dev = app.as_dev().await;
    let mut left = Vec::new();
    for _ in 0..3 {
        let answer = dev.users().get_me(pb::GetMeRequest {}).await.unwrap();
        let header = |name| answer.metadata().get(name).unwrap().to_str().unwrap().to_owned();
        assert_eq!(header("x-ratelimit-limit"), "3");
        assert!(header("x-ratelimit-reset").parse::<u64>().unwrap() <= 120);
        left.push(header("x-ratelimit-remaining"));
    }
    assert_eq!(left, ["2", "1", "0"]);
    assert_eq!(me(&dev).await.unwrap_err().reason, Some(ErrorReason::RateLimited));
    // Another principal has calls of its own.
    me(&app.as_admin().await).await.unwrap();
    app.finish().await;
}

#[tokio::test]
async fn anonymous_calls_are_counted_by_address_and_what_is_exempt_is_not() {
    let app = TestApp::builder().config(|config| config.edge.anonymous_calls_per_minute = 5).start().await;
    let begin = async || app.anonymous().auth().begin_device_login(pb::BeginDeviceLoginRequest::default()).await;
    for _ in 0..5 {
        begin().await.unwrap();
    }
    let error = Error::from(begin().await.unwrap_err());
    assert_eq!((error.code, error.reason), (Code::ResourceExhausted, Some(ErrorReason::RateLimited)), "{error:?}");
    for _ in 0..20 {
        log_in(&app.anonymous(), "dev", PASSWORD).await.unwrap();
        for path in ["/healthz", "/.well-known/jwks.json", "/"] {
            assert_ne!(get(app.address, path, &[]).await.status(), 429, "{path}");
        }
    }
    app.finish().await;
}

/// A login by gRPC-web, with an address that a proxy says it heard from.
async fn log_in_from(app: &TestApp, address: &str, password: &str) -> Option<ErrorReason> {
    let request = pb::LoginRequest { identifier: "dev".into(), password: password.into(), ..Default::default() };
    let headers = [("x-forwarded-for", address)];
    let answer =
        crate::support::http::grpc_web(app.address, "/flagstone.v1.AuthService/Login", &headers, &request).await;
    answer.error().and_then(|error| error.reason)
}

#[tokio::test]
async fn one_address_cannot_lock_another_out() {
    let trusting = |config: &mut flagstone_server::config::Config| {
        config.edge.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    };
    let app = TestApp::builder().config(trusting).start().await;
    assert_eq!(log_in_from(&app, "192.0.2.1", PASSWORD).await, None);
    for _ in 0..5 {
        assert_eq!(log_in_from(&app, "203.0.113.9", "wrong").await, Some(ErrorReason::BadCredentials));
    }
    assert_eq!(log_in_from(&app, "203.0.113.9", PASSWORD).await, Some(ErrorReason::RateLimited));
    assert_eq!(log_in_from(&app, "192.0.2.1", PASSWORD).await, None);
    app.finish().await;
}

#[tokio::test]
async fn a_forged_address_of_somebody_who_is_no_proxy_is_not_believed() {
    let app = TestApp::start().await;
    for number in 0..5 {
        assert_eq!(log_in_from(&app, &format!("192.0.2.{number}"), "wrong").await, Some(ErrorReason::BadCredentials));
    }
    assert_eq!(log_in_from(&app, "192.0.2.77", PASSWORD).await, Some(ErrorReason::RateLimited));
    let heard: Vec<String> = app
        .sql
        .query("SELECT DISTINCT address FROM auth_failures", &[])
        .await
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(heard, ["127.0.0.1"]);
    let spoofed = send(app.address, Method::GET, "/healthz", &[("x-forwarded-for", "10.0.0.1")], "").await;
    assert_eq!(spoofed.status(), 200);
    app.finish().await;
}
