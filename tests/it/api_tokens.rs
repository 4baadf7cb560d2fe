//! API tokens: what they may do, how they end, and that nothing but the secret itself is one.

use std::time::Duration;

use flagstone_api::pb::{self, ErrorReason};
use prost_types::Timestamp;

use crate::support::wait::in_time;
use crate::support::{Caller, Code, Error, TestApp, database, wait_for};

const READ: &str = "business_unit:requests:read";
const LIST: &str = "business_unit:requests:list";
const PROFILE: &str = "user:profile:read";

pub fn token(display_name: &str, permissions: &[&str]) -> pb::ApiToken {
    let permissions = permissions.iter().map(|slug| (*slug).to_owned()).collect();
    pb::ApiToken { display_name: display_name.into(), permissions, ..Default::default() }
}

pub async fn create(
    caller: &Caller,
    parent: &str,
    api_token: pb::ApiToken,
) -> Result<pb::CreateApiTokenResponse, Error> {
    let request = pb::CreateApiTokenRequest { parent: parent.into(), api_token: Some(api_token), ..Default::default() };
    Ok(caller.api_tokens().create_api_token(request).await?.into_inner())
}

async fn list(caller: &Caller, parent: &str) -> Result<Vec<pb::ApiToken>, Error> {
    let request = pb::ListApiTokensRequest { parent: parent.into(), ..Default::default() };
    Ok(caller.api_tokens().list_api_tokens(request).await?.into_inner().api_tokens)
}

async fn revoke(caller: &Caller, name: &str) -> Result<pb::RevokeApiTokenResponse, Error> {
    let request = pb::RevokeApiTokenRequest { name: name.into(), ..Default::default() };
    Ok(caller.api_tokens().revoke_api_token(request).await?.into_inner())
}

async fn me(caller: &Caller) -> Result<pb::User, Error> {
    Ok(caller.users().get_me(pb::GetMeRequest {}).await?.into_inner())
}

async fn requests(caller: &Caller, unit: &str) -> Result<pb::ListRequestsResponse, Error> {
    let request = pb::ListRequestsRequest { parent: unit.into(), ..Default::default() };
    Ok(caller.requests().list_requests(request).await?.into_inner())
}

fn denied(error: &Error) -> bool {
    (error.code, error.reason) == (Code::PermissionDenied, Some(ErrorReason::AccessDenied))
}

#[tokio::test]
async fn a_token_acts_as_its_holder_as_far_as_both_reach_and_is_shown_once() {
    let app = TestApp::start().await;
    let dev = app.as_dev().await;
    let made = create(&dev, "users/me", token("CI", &[PROFILE, LIST])).await.unwrap();
    let shown = made.api_token.unwrap();
    assert!(made.secret.starts_with("fls_api_") && made.secret.starts_with(&shown.prefix), "{shown:?}");
    assert!(shown.prefix.len() < 16, "{shown:?}");

    let program = app.anonymous().with_token(&made.secret);
    assert_eq!(me(&program).await.unwrap().name, "users/dev");
    requests(&program, "businessUnits/sandbox").await.unwrap();
    // Its holder may, it may not.
    let request = pb::ListDeploymentsRequest { parent: "businessUnits/sandbox".into(), ..Default::default() };
    let error = Error::from(program.deployments().list_deployments(request).await.unwrap_err());
    assert!(denied(&error), "{error:?}");

    let listed = list(&dev, "users/dev").await.unwrap();
    assert_eq!(listed.len(), 1);
    assert!(!format!("{listed:?}").contains(&made.secret));
    // What the holder loses, the token loses.
    app.unbind("dev").await;
    wait_for("the token loses what its holder lost", async || requests(&program, "businessUnits/sandbox").await.err())
        .await;
    me(&program).await.unwrap();
    app.finish().await;
}

#[tokio::test]
async fn a_token_for_some_units_reaches_no_other() {
    let app = TestApp::start().await;
    app.unit("payments").await;
    let admin = app.as_admin().await;
    let wanted = pb::ApiToken { business_units: vec!["businessUnits/payments".into()], ..token("Payments", &[LIST]) };
    let secret = create(&admin, "users/me", wanted).await.unwrap().secret;
    let program = app.anonymous().with_token(&secret);
    requests(&program, "businessUnits/payments").await.unwrap();
    assert!(denied(&requests(&program, "businessUnits/sandbox").await.unwrap_err()));
    app.finish().await;
}

#[tokio::test]
async fn nobody_gets_a_token_for_more_than_they_hold() {
    let app = TestApp::start().await;
    let dev = app.as_dev().await;
    let more = token("More", &["platform:service_accounts:manage"]);
    assert!(denied(&create(&dev, "users/me", more.clone()).await.unwrap_err()));
    // Nobody makes tokens of another person, an administrator neither.
    for caller in [&dev, &app.as_admin().await] {
        let error = create(caller, "users/approver", token("Theirs", &[PROFILE])).await.unwrap_err();
        assert_eq!((error.code, error.reason), (Code::NotFound, Some(ErrorReason::NotFound)), "{error:?}");
        assert_eq!(list(caller, "users/approver").await.unwrap_err().code, Code::NotFound);
    }
    // A token makes none, and opens no session.
    let manage = token("Makes", &["user:api_tokens:manage:own", "user:sessions:manage:own"]);
    let program = app.anonymous().with_token(&create(&dev, "users/me", manage).await.unwrap().secret);
    let expected = (Code::PermissionDenied, Some(ErrorReason::SessionRequired));
    let error = create(&program, "users/me", token("Next", &["user:api_tokens:manage:own"])).await.unwrap_err();
    assert_eq!((error.code, error.reason), expected, "{error:?}");
    let confirm = pb::ConfirmDeviceLoginRequest { user_code: "BCDF-GHJK".into(), ..Default::default() };
    let error = Error::from(program.auth().confirm_device_login(confirm).await.unwrap_err());
    assert_eq!((error.code, error.reason), expected, "{error:?}");
    app.finish().await;
}

#[tokio::test]
async fn everything_that_is_wrong_with_a_token_is_told_at_once() {
    let app = TestApp::start().await;
    let dev = app.as_dev().await;
    let wanted = pb::ApiToken {
        display_name: "a\u{202e}b".into(),
        permissions: vec!["made:up:permission".into(), "business_unit:requests:%".into()],
        business_units: vec!["businessUnits/-".into(), "businessUnits/nowhere".into()],
        expire_time: Some(Timestamp { seconds: 4_102_444_800, nanos: 0 }),
        ..Default::default()
    };
    let error = create(&dev, "users/me", wanted).await.unwrap_err();
    let fields: Vec<&str> = error.violations.fields.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "api_token.display_name",
            "api_token.expire_time",
            "api_token.permissions[0]",
            "api_token.permissions[1]",
            "api_token.business_units[0]",
            "api_token.business_units[1]"
        ],
        "{error:?}"
    );
    for name in ["x\0y".to_owned(), String::new(), "x".repeat(300)] {
        assert_eq!(create(&dev, "users/me", token(&name, &[PROFILE])).await.unwrap_err().code, Code::InvalidArgument);
    }
    create(&dev, "users/me", token("100 % of _ שלום", &[PROFILE])).await.unwrap();
    app.finish().await;
}

#[tokio::test]
async fn a_revoked_token_is_refused_at_once_elsewhere_soon_and_its_streams_end() {
    let app = TestApp::start().await;
    let replica = app.replica(|_| {}).await;
    let dev = app.as_dev().await;
    let made = create(&dev, "users/me", token("Watches", &[PROFILE, READ, LIST])).await.unwrap();
    let name = made.api_token.unwrap().name;
    let [here, there] = [app.anonymous().with_token(&made.secret), replica.with_token(&made.secret)];
    me(&here).await.unwrap();
    me(&there).await.unwrap();
    let watch = pb::WatchChangesRequest { parent: "businessUnits/sandbox".into(), ..Default::default() };
    let mut stream = here.changes().watch_changes(watch).await.unwrap().into_inner();

    revoke(&dev, &name).await.unwrap();
    let expected = (Code::Unauthenticated, Some(ErrorReason::PrincipalInactive));
    let error = me(&here).await.unwrap_err();
    assert_eq!((error.code, error.reason), expected);
    let error = wait_for("the other replica refuses it", async || me(&there).await.err()).await;
    assert_eq!((error.code, error.reason), expected);
    in_time("the stream ends", async { while let Ok(Some(_)) = stream.message().await {} }).await;
    assert!(list(&dev, "users/me").await.unwrap()[0].revoke_time.is_some());
    // Again: nothing to do.
    revoke(&dev, &name).await.unwrap();
    replica.stop().await;
    app.finish().await;
}

#[tokio::test]
async fn an_expired_token_and_one_of_an_inactive_holder_are_refused() {
    let app = TestApp::start().await;
    let dev = app.as_dev().await;
    let program = app.anonymous().with_token(&create(&dev, "users/me", token("A", &[PROFILE])).await.unwrap().secret);
    me(&program).await.unwrap();
    database::run(&app.sql, "UPDATE users SET active = false WHERE username = 'dev'").await;
    let error = wait_for("its holder is inactive", async || me(&program).await.err()).await;
    assert_eq!(error.reason, Some(ErrorReason::PrincipalInactive));
    database::run(&app.sql, "UPDATE users SET active = true WHERE username = 'dev'").await;
    me(&program).await.unwrap();
    database::run(&app.sql, "UPDATE api_tokens SET expire_time = now() - interval '1 second'").await;
    wait_for("it expires", async || me(&program).await.err()).await;
    let fresh = app.over_new_connection(&program).await;
    assert_eq!(me(&fresh).await.unwrap_err().reason, Some(ErrorReason::TokenExpired));
    app.finish().await;
}

#[tokio::test]
async fn the_last_use_is_noted_and_the_audit_names_the_token_beside_its_holder() {
    let app = TestApp::start().await;
    let dev = app.as_dev().await;
    let made = create(&dev, "users/me", token("A", &["user:active_business_unit:update"])).await.unwrap();
    let name = made.api_token.unwrap().name;
    let program = app.anonymous().with_token(&made.secret);
    let request =
        pb::SetActiveBusinessUnitRequest { business_unit: "businessUnits/sandbox".into(), ..Default::default() };
    program.users().set_active_business_unit(request).await.unwrap();
    let details: serde_json::Value =
        database::one(&app.sql, "SELECT details FROM audit_events WHERE action = 'user.set_active_business_unit'")
            .await;
    assert_eq!(details["came_in_by"], name);
    let used = wait_for("the use is noted", async || {
        list(&dev, "users/me").await.unwrap().into_iter().find(|token| token.last_use_time.is_some())
    })
    .await;
    assert_eq!(used.last_use_ip, "127.0.0.1");
    app.finish().await;
}

#[tokio::test]
async fn nothing_that_the_database_holds_authenticates_anybody() {
    let app = TestApp::builder().config(|config| config.tokens.access = Duration::from_secs(3600)).start().await;
    let dev = app.as_dev().await;
    let made = create(&dev, "users/me", token("A", &[PROFILE])).await.unwrap();
    let begun = app.anonymous().auth().begin_device_login(pb::BeginDeviceLoginRequest::default()).await.unwrap();
    drop(begun);
    app.session("dev").await;
    assert!(me(&app.anonymous().with_token(&made.secret)).await.is_ok(), "the secret itself is one");

    let values = database::values(&app.sql).await;
    assert!(values.len() > 200, "only {} values", values.len());
    let is_header =
        |text: &&String| (1..4_000).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    for value in values.iter().filter(is_header) {
        for value in [value.clone(), format!("fls_api_{value}"), format!("fls_rt_{value}"), format!("fls_run_{value}")]
        {
            let error = me(&app.anonymous().with_token(&value)).await.expect_err(&value);
            assert_eq!(error.code, Code::Unauthenticated, "{value}");
            let request = pb::RefreshSessionRequest { refresh_token: value.clone(), ..Default::default() };
            let error = app.anonymous().auth().refresh_session(request).await.expect_err(&value);
            assert_eq!(error.code(), Code::Unauthenticated, "{value}");
        }
    }
    app.finish().await;
}
