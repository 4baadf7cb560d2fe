//! Device login, as a terminal does it (RFC 8628).

use flagstone_api::pb::{self, ErrorReason};
use uuid::Uuid;

use crate::support::mutations::{confirm, device_login};
use crate::support::{Caller, Code, Error, TestApp, database};

async fn poll(app: &TestApp, device_code: &str, request_id: &str) -> Result<pb::PollDeviceLoginResponse, Error> {
    let request = pb::PollDeviceLoginRequest { device_code: device_code.into(), request_id: request_id.into() };
    Ok(app.anonymous().auth().poll_device_login(request).await?.into_inner())
}

async fn get(caller: &Caller, user_code: &str) -> Result<pb::DeviceLogin, Error> {
    let request = pb::GetDeviceLoginRequest { user_code: user_code.into() };
    Ok(caller.auth().get_device_login(request).await?.into_inner())
}

fn reason<T: std::fmt::Debug>(answer: Result<T, Error>) -> (Code, Option<ErrorReason>) {
    let error = answer.expect_err("the call is refused");
    (error.code, error.reason)
}

#[tokio::test]
async fn a_confirmed_device_gets_tokens_once_and_again_for_the_same_call() {
    let app = TestApp::start().await;
    let dev = app.as_dev().await;
    let begun = device_login(&app).await;
    assert!(begun.verification_uri.ends_with("/auth/device"), "{begun:?}");
    assert!(begun.verification_uri_complete.ends_with(&begun.user_code), "{begun:?}");
    let pending = (Code::FailedPrecondition, Some(ErrorReason::AuthorizationPending));
    assert_eq!(reason(poll(&app, &begun.device_code, "").await), pending);
    let error = poll(&app, &begun.device_code, "").await.unwrap_err();
    assert_eq!((error.code, error.reason), (Code::ResourceExhausted, Some(ErrorReason::SlowDown)));
    assert!(error.retry_delay.is_some(), "{error:?}");

    let looked = get(&dev, &begun.user_code.to_lowercase()).await.unwrap();
    assert_eq!((looked.device.as_str(), looked.ip.as_str()), ("a terminal", "127.0.0.1"));
    confirm(&dev, &begun.user_code).await;
    let id = Uuid::new_v4().to_string();
    let answer = poll(&app, &begun.device_code, &id).await.unwrap();
    assert_eq!(answer.user.as_ref().unwrap().name, "users/dev");
    let token = answer.tokens.clone().unwrap().access_token;
    app.anonymous().with_token(&token).users().get_me(pb::GetMeRequest {}).await.unwrap();
    let sessions = pb::ListSessionsRequest { parent: "users/me".into(), ..Default::default() };
    let sessions = dev.auth().list_sessions(sessions).await.unwrap().into_inner().sessions;
    assert!(sessions.iter().any(|session| session.device == "a terminal"), "{sessions:?}");
    assert_eq!(poll(&app, &begun.device_code, &id).await.unwrap(), answer, "a lost answer is answered again");
    let used = (Code::Unauthenticated, Some(ErrorReason::BadCredentials));
    assert_eq!(reason(poll(&app, &begun.device_code, "").await), used);
    assert_eq!(get(&dev, &begun.user_code).await.unwrap_err().code, Code::NotFound);
    app.finish().await;
}

#[tokio::test]
async fn a_refused_an_expired_and_an_unknown_login_open_nothing() {
    let app = TestApp::start().await;
    let dev = app.as_dev().await;
    let begun = device_login(&app).await;
    let refuse =
        pb::ConfirmDeviceLoginRequest { user_code: begun.user_code.clone(), refuse: true, ..Default::default() };
    dev.auth().confirm_device_login(refuse).await.unwrap();
    let refused = (Code::Unauthenticated, Some(ErrorReason::LoginRefused));
    assert_eq!(reason(poll(&app, &begun.device_code, "").await), refused);

    let begun = device_login(&app).await;
    confirm(&dev, &begun.user_code).await;
    database::run(&app.sql, "UPDATE device_logins SET expire_time = now() WHERE state = 'CONFIRMED'").await;
    let expired = (Code::Unauthenticated, Some(ErrorReason::TokenExpired));
    assert_eq!(reason(poll(&app, &begun.device_code, "").await), expired);
    let unknown = (Code::Unauthenticated, Some(ErrorReason::BadCredentials));
    for code in ["fls_dev_x", &begun.user_code, "\0", "%"] {
        assert_eq!(reason(poll(&app, code, "").await), unknown, "{code}");
    }
    app.finish().await;
}

#[tokio::test]
async fn codes_cannot_be_guessed() {
    let app = TestApp::start().await;
    let dev = app.as_dev().await;
    let begun = device_login(&app).await;
    for _ in 0..5 {
        assert_eq!(reason(get(&dev, "BCDF-GHJK").await).0, Code::NotFound);
    }
    let limited = (Code::ResourceExhausted, Some(ErrorReason::RateLimited));
    assert_eq!(reason(get(&dev, &begun.user_code).await), limited);
    let request = pb::ConfirmDeviceLoginRequest { user_code: begun.user_code, ..Default::default() };
    let refused = dev.auth().confirm_device_login(request).await.map_err(Error::from);
    assert_eq!(reason(refused.map(tonic::Response::into_inner)), limited);
    assert_eq!(reason(get(&dev, "not a code").await).0, Code::InvalidArgument);
    app.finish().await;
}
