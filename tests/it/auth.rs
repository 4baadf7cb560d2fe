//! Sessions: how they open, are renewed and end.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flagstone_api::pb::{self, ErrorReason};
use serde_json::Value;
use tonic::Status;
use uuid::Uuid;

use crate::support::wait::in_time;
use crate::support::{Caller, Code, Error, PASSWORD, TestApp, database, wait_for};

async fn refresh(app: &TestApp, refresh_token: &str) -> Result<pb::TokenPair, Error> {
    let request = pb::RefreshSessionRequest { refresh_token: refresh_token.into(), ..Default::default() };
    Ok(app.anonymous().auth().refresh_session(request).await?.into_inner().tokens.unwrap())
}

async fn me(caller: &Caller) -> Result<pb::User, Error> {
    Ok(caller.users().get_me(pb::GetMeRequest {}).await?.into_inner())
}

fn reason<T: std::fmt::Debug>(answer: Result<T, Error>) -> (Code, Option<ErrorReason>) {
    let error = answer.expect_err("the call is refused");
    (error.code, error.reason)
}

#[tokio::test]
async fn the_username_and_the_address_in_any_case_open_a_session() {
    let app = TestApp::start().await;
    for identifier in ["dev", "DEV", "dev@flagstone.localhost", " Dev@Flagstone.Localhost "] {
        let answer = app.log_in(identifier, PASSWORD).await.unwrap();
        assert_eq!(answer.user.unwrap().name, "users/dev", "{identifier}");
        let token = answer.tokens.unwrap().access_token;
        assert_eq!(me(&app.anonymous().with_token(&token)).await.unwrap().username, "dev", "{identifier}");
    }
    app.finish().await;
}

#[tokio::test]
async fn an_unknown_user_a_wrong_password_and_an_inactive_user_are_answered_alike() {
    let app = TestApp::start().await;
    app.user("gone", &[]).await;
    database::run(&app.sql, "UPDATE users SET active = false WHERE username = 'gone'").await;
    let mut answers = Vec::new();
    for (identifier, password) in [("nobody-here", PASSWORD), ("dev", "not-the-password"), ("gone", PASSWORD)] {
        let mut error = app.log_in(identifier, password).await.unwrap_err();
        assert_eq!((error.code, error.reason), (Code::Unauthenticated, Some(ErrorReason::BadCredentials)));
        error.correlation_id = None;
        error.metadata.remove("correlation_id");
        answers.push(format!("{error:?}"));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
    app.finish().await;
}

#[tokio::test]
async fn an_identifier_of_several_organizations_asks_for_one_only_after_the_password_was_right() {
    let app = TestApp::start().await;
    let globex = app.organization("globex").await;
    database::run(&app.sql, "UPDATE users SET username = 'dev' WHERE username = 'globex-dev'").await;
    let expected = (Code::InvalidArgument, Some(ErrorReason::OrganizationRequired));
    assert_eq!(reason(app.log_in("dev", PASSWORD).await), expected);
    let expected = (Code::Unauthenticated, Some(ErrorReason::BadCredentials));
    assert_eq!(reason(app.log_in("dev", "not-the-password").await), expected);
    for admin in [&app.as_admin().await, &globex.admin] {
        let organization = me(admin).await.unwrap().organization;
        let request = pb::LoginRequest {
            identifier: "dev".into(),
            password: PASSWORD.into(),
            organization: organization.clone(),
            ..Default::default()
        };
        let answer = app.anonymous().auth().login(request).await.unwrap().into_inner();
        assert_eq!(answer.user.unwrap().organization, organization);
    }
    app.finish().await;
}

#[tokio::test]
async fn an_access_token_is_a_signed_jwt_of_fifteen_minutes() {
    let app = TestApp::start().await;
    let dev = app.as_dev().await;
    let parts: Vec<Value> = dev
        .token()
        .split('.')
        .take(2)
        .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
        .collect();
    let (header, claims) = (&parts[0], &parts[1]);
    assert_eq!(header["alg"], "EdDSA");
    assert!(header["kid"].as_str().is_some_and(|kid| !kid.is_empty()), "{header}");
    for claim in ["iss", "aud", "sub", "org", "sid", "jti", "iat", "exp"] {
        assert!(!claims[claim].is_null(), "no {claim} in {claims}");
    }
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 900);
    app.finish().await;
}

#[tokio::test]
async fn a_refresh_token_works_once_and_its_reuse_ends_its_own_session_only() {
    let app = TestApp::start().await;
    let [stolen, other] = [app.session("dev").await, app.session("dev").await];
    let renewed = refresh(&app, &stolen.refresh_token).await.unwrap();
    assert_ne!(renewed.refresh_token, stolen.refresh_token);
    let renewed_caller = app.anonymous().with_token(&renewed.access_token);
    me(&renewed_caller).await.unwrap();

    let expected = (Code::Unauthenticated, Some(ErrorReason::TokenReused));
    assert_eq!(reason(refresh(&app, &stolen.refresh_token).await), expected);
    assert_eq!(reason(refresh(&app, &renewed.refresh_token).await).0, Code::Unauthenticated, "the family is revoked");
    let expected = (Code::Unauthenticated, Some(ErrorReason::PrincipalInactive));
    assert_eq!(reason(me(&renewed_caller).await), expected, "its access tokens too");
    refresh(&app, &other.refresh_token).await.unwrap();

    let events = audit(&app, "action = \"session.token_reused\"").await;
    assert_eq!(events.len(), 1, "the reuse is recorded: {events:?}");
    app.finish().await;
}

#[tokio::test]
async fn twenty_logins_of_one_user_at_once_succeed_and_stand_beside_each_other() {
    let app = TestApp::start().await;
    let sessions = futures::future::join_all((0..20).map(|_| app.session("dev"))).await;
    for session in &sessions {
        refresh(&app, &session.refresh_token).await.unwrap();
    }
    app.finish().await;
}

#[tokio::test]
async fn a_refresh_token_presented_twenty_times_at_once_gives_one_pair_at_most() {
    let app = TestApp::start().await;
    let [stolen, other] = [app.session("dev").await, app.session("dev").await];
    let answers = futures::future::join_all((0..20).map(|_| refresh(&app, &stolen.refresh_token))).await;
    let good: Vec<_> = answers.into_iter().filter_map(Result::ok).collect();
    assert!(good.len() <= 1, "{} pairs of one token", good.len());
    for tokens in &good {
        assert_eq!(
            reason(refresh(&app, &tokens.refresh_token).await).0,
            Code::Unauthenticated,
            "the family is revoked"
        );
    }
    refresh(&app, &other.refresh_token).await.unwrap();
    app.finish().await;
}

/// The median of what each login takes, whoever it is for. Argon2 takes tens of milliseconds: a path that leaves it out, or
/// takes it twice, is far outside of the bounds; noise is not.
#[tokio::test]
async fn a_login_takes_as_long_for_nobody_as_for_somebody() {
    let app =
        TestApp::builder().config(|config| config.tokens.access = std::time::Duration::from_secs(60)).start().await;
    app.organization("globex").await;
    app.user("gone", &[]).await;
    database::run(&app.sql, "UPDATE users SET active = false WHERE username = 'gone'").await;
    database::run(&app.sql, "UPDATE users SET username = 'approver' WHERE username = 'globex-approver'").await;
    let identifiers = ["dev", "nobody-here", "gone", "approver", "admin@flagstone.localhost", "no@where.example"];
    let mut took = vec![Vec::new(); identifiers.len()];
    for _ in 0..9 {
        // What failed before does not hold up, and everybody is asked in the same weather.
        database::run(&app.sql, "DELETE FROM auth_failures").await;
        for (index, identifier) in identifiers.iter().enumerate() {
            let begun = std::time::Instant::now();
            let expected = (Code::Unauthenticated, Some(ErrorReason::BadCredentials));
            assert_eq!(reason(app.log_in(identifier, "not-the-password").await), expected, "{identifier}");
            took[index].push(begun.elapsed());
        }
    }
    let medians: Vec<_> = took
        .into_iter()
        .map(|mut times| {
            times.sort();
            times[times.len() / 2]
        })
        .collect();
    let (least, most) = (medians.iter().min().unwrap(), medians.iter().max().unwrap());
    assert!(most.as_secs_f64() < least.as_secs_f64() * 1.6 + 0.01, "{identifiers:?} took {medians:?}");
    app.finish().await;
}

#[tokio::test]
async fn what_has_had_its_time_is_gone_after_maintenance() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    app.session("dev").await;
    let cast = crate::support::world::Cast::of(&app).await;
    let invited = cast.invite("late@example.org", "").await.invitation.unwrap();
    admin.reset("users/dev").await.unwrap();
    let past = "UPDATE sessions SET expire_time = now() WHERE user_id = (SELECT id FROM users WHERE username = 'dev');
                UPDATE refresh_tokens t SET expire_time = now() FROM sessions s
                  WHERE s.id = t.session_id AND s.expire_time <= now();
                UPDATE password_resets SET expire_time = now(); UPDATE invitations SET expire_time = now()";
    database::run(&app.sql, past).await;
    app.tidy().await;
    let left = "SELECT (SELECT count(*) FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.username = 'dev')
                     + (SELECT count(*) FROM refresh_tokens WHERE expire_time <= now()) + (SELECT count(*) FROM password_resets)";
    assert_eq!(database::one::<i64>(&app.sql, left).await, 0);
    me(&admin).await.expect("what lives stays");
    let invitations = admin.invitations().list_invitations(pb::ListInvitationsRequest::default()).await.unwrap();
    let expired = &invitations.into_inner().invitations[0];
    assert_eq!((&expired.name, expired.state()), (&invited.name, pb::InvitationState::Expired));
    let events = audit(&app, "action = \"invitation.expire\"").await;
    assert_eq!((events.len(), events[0].principal.as_str()), (1, "system"));
    app.finish().await;
}

#[tokio::test]
async fn an_inactive_user_cannot_refresh() {
    let app = TestApp::start().await;
    let session = app.session("dev").await;
    database::run(&app.sql, "UPDATE users SET active = false WHERE username = 'dev'").await;
    let expected = (Code::Unauthenticated, Some(ErrorReason::PrincipalInactive));
    assert_eq!(reason(refresh(&app, &session.refresh_token).await), expected);
    app.finish().await;
}

#[tokio::test]
async fn logout_ends_the_session_with_all_its_tokens() {
    let app = TestApp::start().await;
    let session = app.session("dev").await;
    let caller = app.anonymous().with_token(&session.access_token);
    let other = app.as_dev().await;
    caller.auth().logout(pb::LogoutRequest::default()).await.unwrap();
    let expected = (Code::Unauthenticated, Some(ErrorReason::PrincipalInactive));
    assert_eq!(reason(me(&caller).await), expected);
    assert_eq!(reason(refresh(&app, &session.refresh_token).await).0, Code::Unauthenticated);
    me(&other).await.unwrap();
    app.finish().await;
}

#[tokio::test]
async fn a_session_is_renewed_thirty_times_a_minute_at_most() {
    let app = TestApp::start().await;
    let mut token = app.session("dev").await.refresh_token;
    let mut renewed = 0;
    // One comes back every two seconds: a slow machine gets a few more than thirty.
    let error = loop {
        match refresh(&app, &token).await {
            Ok(tokens) => token = tokens.refresh_token,
            Err(error) => break error,
        }
        renewed += 1;
        assert!(renewed < 90, "nobody counts");
    };
    assert!(renewed >= 30, "only {renewed} renewals: {error:?}");
    assert_eq!((error.code, error.reason), (Code::ResourceExhausted, Some(ErrorReason::RateLimited)));
    assert!(error.retry_delay.is_some(), "{error:?}");
    app.finish().await;
}

#[tokio::test]
async fn the_sixth_attempt_after_five_failures_is_refused_and_good_logins_do_not_count() {
    let app = TestApp::start().await;
    for _ in 0..20 {
        app.log_in("admin", PASSWORD).await.unwrap();
    }
    for _ in 0..5 {
        let expected = (Code::Unauthenticated, Some(ErrorReason::BadCredentials));
        assert_eq!(reason(app.log_in("dev", "not-the-password").await), expected);
    }
    let error = app.log_in("dev", PASSWORD).await.unwrap_err();
    assert_eq!((error.code, error.reason), (Code::ResourceExhausted, Some(ErrorReason::RateLimited)), "{error:?}");
    assert!(error.retry_delay.is_some(), "{error:?}");
    // Neither an identifier that nobody failed with nor one that does not exist.
    app.log_in("admin", PASSWORD).await.unwrap();
    assert_eq!(reason(app.log_in("nobody-here", PASSWORD).await).1, Some(ErrorReason::BadCredentials));
    app.finish().await;
}

#[tokio::test]
async fn a_wrong_password_is_in_the_audit_of_the_account() {
    let app = TestApp::start().await;
    app.log_in("dev", "not-the-password").await.unwrap_err();
    let events = audit(&app, "action = \"session.login\" AND outcome = \"FAILURE\"").await;
    let [event] = events.as_slice() else { panic!("not one event: {events:?}") };
    assert_eq!((event.principal.as_str(), event.object.as_str()), ("users/dev", "users/dev"));
    assert!(!event.ip.is_empty());
    app.finish().await;
}

async fn audit(app: &TestApp, filter: &str) -> Vec<pb::AuditEvent> {
    let request = pb::ListAuditEventsRequest { filter: filter.into(), ..Default::default() };
    app.as_admin().await.audit().list_audit_events(request).await.unwrap().into_inner().audit_events
}

async fn change(caller: &Caller, current: &str, new: &str) -> Result<pb::ChangePasswordResponse, Error> {
    let request =
        pb::ChangePasswordRequest { current_password: current.into(), new_password: new.into(), ..Default::default() };
    Ok(caller.auth().change_password(request).await?.into_inner())
}

#[tokio::test]
async fn a_new_password_is_told_everything_that_is_wrong_with_it_and_the_current_one() {
    let app = TestApp::start().await;
    let dev = app.as_dev().await;
    let error = change(&dev, "not-the-password", "dev").await.unwrap_err();
    assert_eq!((error.code, error.reason), (Code::InvalidArgument, Some(ErrorReason::FieldInvalid)));
    let mut broken = BTreeMap::<&str, usize>::new();
    for violation in &error.violations.fields {
        *broken.entry(&violation.field).or_default() += 1;
    }
    assert_eq!(broken.get("current_password"), Some(&1), "{error:?}");
    assert!(broken.get("new_password").is_some_and(|count| *count >= 2), "too short, and the username: {error:?}");
    for new in ["short-one", "password1234", "xx-dev@flagstone.localhost-xx", PASSWORD] {
        let error = change(&dev, PASSWORD, new).await.unwrap_err();
        assert_eq!(error.violations.fields[0].field, "new_password", "{new}: {error:?}");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_changed_password_ends_the_other_sessions_and_keeps_its_own() {
    let app = TestApp::start().await;
    let [first, second] = [app.login("dev").await, app.login("dev").await];
    let new = "a-quite-different-walrus";
    assert_eq!(change(&first, PASSWORD, new).await.unwrap().revoked_sessions, 1);
    me(&first).await.unwrap();
    wait_for("the other session ends", async || me(&second).await.err()).await;
    assert_eq!(reason(app.log_in("dev", PASSWORD).await).1, Some(ErrorReason::BadCredentials));
    app.log_in("dev", new).await.unwrap();
    app.finish().await;
}

#[tokio::test]
async fn before_the_first_password_is_changed_nothing_else_works() {
    let app = TestApp::start().await;
    database::run(&app.sql, "UPDATE users SET must_change_password = true WHERE username = 'dev'").await;
    let answer = app.log_in("dev", PASSWORD).await.unwrap();
    assert!(answer.password_change_required);
    let dev = app.anonymous().with_token(&answer.tokens.unwrap().access_token);
    let list = async || {
        let request = pb::ListRequestsRequest { parent: "businessUnits/sandbox".into(), ..Default::default() };
        dev.requests().list_requests(request).await.map_err(Error::from)
    };
    assert!(me(&dev).await.unwrap().password_change_required);
    let expected = (Code::FailedPrecondition, Some(ErrorReason::PasswordChangeRequired));
    assert_eq!(reason(list().await), expected);
    change(&dev, PASSWORD, "a-quite-different-walrus").await.unwrap();
    list().await.unwrap();
    assert!(!me(&dev).await.unwrap().password_change_required);
    app.finish().await;
}

#[tokio::test]
async fn a_deactivated_user_is_out_and_open_streams_end() {
    let app = TestApp::start().await;
    let dev = app.as_dev().await;
    let draft = crate::support::world::Cast::of(&app).await;
    let mut request = draft.request(draft.create_payload("development", "watched"));
    request.draft = true;
    let name = dev.requests().create_request(request).await.unwrap().into_inner().name;
    let watch = pb::WatchRequestRequest { name, ..Default::default() };
    let mut stream = dev.requests().watch_request(watch).await.unwrap().into_inner();
    database::run(&app.sql, "UPDATE users SET active = false WHERE username = 'dev'").await;
    let error = wait_for("the next call is refused", async || me(&dev).await.err()).await;
    assert_eq!((error.code, error.reason), (Code::Unauthenticated, Some(ErrorReason::PrincipalInactive)));
    let end = in_time("the stream ends", async {
        loop {
            let message = stream.message().await.expect("the stream ends in order");
            if let Some(pb::watch_request_response::Event::End(end)) = message.expect("a stream has an end").event {
                return end;
            }
        }
    })
    .await;
    assert_eq!(end.reason(), pb::StreamEndReason::CredentialExpired);
    app.finish().await;
}

#[tokio::test]
async fn neither_tables_nor_logs_nor_answers_hold_a_secret_in_the_clear() {
    let logs = crate::support::logs::Logs::capture();
    let app = TestApp::start().await;
    let wrong = "wrong-canary-0451";
    let new = "a-quite-different-walrus";
    app.log_in("dev", wrong).await.unwrap_err();
    let session = app.session("dev").await;
    let id = Uuid::new_v4().to_string();
    let request = pb::RefreshSessionRequest { refresh_token: session.refresh_token.clone(), request_id: id.clone() };
    let renewed = app.anonymous().auth().refresh_session(request).await.unwrap().into_inner().tokens.unwrap();
    let caller = app.anonymous().with_token(&renewed.access_token);
    change(&caller, wrong, new).await.unwrap_err();
    let request =
        pb::ChangePasswordRequest { current_password: PASSWORD.into(), new_password: new.into(), request_id: id };
    let reused: Status = caller.auth().change_password(request).await.unwrap_err();
    assert_eq!(Error::from(reused).reason, Some(ErrorReason::RequestIdReused));
    change(&caller, PASSWORD, new).await.unwrap();

    let dump = database::dump(&app.sql).await;
    let hash: String = database::one(&app.sql, "SELECT password_hash FROM users WHERE username = 'dev'").await;
    assert!(hash.starts_with("$argon2id$"), "{hash}");
    let logs = logs.text();
    assert!(logs.contains("Serving."), "the logs were captured");
    let secrets = [
        wrong,
        new,
        PASSWORD,
        &session.refresh_token,
        &session.access_token,
        &renewed.refresh_token,
        &renewed.access_token,
    ];
    for secret in secrets {
        let as_bytes = hex::encode(secret);
        assert!(!dump.contains(secret) && !dump.contains(&as_bytes), "a table holds {secret}");
        assert!(!logs.contains(secret) && !logs.contains(&as_bytes), "the log holds {secret}");
    }
    app.finish().await;
}
