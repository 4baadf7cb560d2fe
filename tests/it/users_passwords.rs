//! Passwords of accounts: the links that set them, the one rule for them, and who may give one to whom.

use std::collections::BTreeSet;

use flagstone_api::pb::{self, ErrorReason};
use flagstone_server::config::Secret;
use uuid::Uuid;

use crate::support::accounts::{ANOTHER, change, told};
use crate::support::world::{Cast, token_of};
use crate::support::{Code, Error, PASSWORD, TestApp, database, wait_for};

#[tokio::test]
async fn a_link_works_once_for_its_time_until_it_is_replaced() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    let created = admin.create_user("new@example.org").await.unwrap();
    assert!(created.link.contains("/password-reset#fls_pwr_"), "{}", created.link);
    let gone = (Code::NotFound, Some(ErrorReason::NotFound));
    let first = token_of(&created.link);
    let weak = app.accept_reset(&first, "short").await.unwrap_err();
    assert_eq!(weak.violations.fields[0].field, "password", "a weak password leaves the link as it is");
    let answer = app.accept_reset(&first, PASSWORD).await.unwrap();
    assert_eq!(answer.user.unwrap().name, "users/new");
    assert_eq!(told(app.accept_reset(&first, ANOTHER).await), gone, "used");
    let session = app.login("new").await;

    let [replaced, second] = [admin.reset("users/new").await.unwrap(), admin.reset("users/new").await.unwrap()];
    session.me().await.unwrap();
    assert_eq!(told(app.accept_reset(&replaced, ANOTHER).await), gone, "replaced");
    assert_eq!(app.accept_reset(&second, ANOTHER).await.unwrap().revoked_sessions, 1);
    wait_for("every session has ended", async || session.me().await.err()).await;
    assert_eq!(told(app.log_in("new", PASSWORD).await).1, Some(ErrorReason::BadCredentials));
    app.log_in("new@example.org", ANOTHER).await.unwrap();

    let expired = admin.reset("users/new").await.unwrap();
    let hour: bool = database::one(
        &app.sql,
        "SELECT expire_time - create_time = interval '1 hour' FROM password_resets WHERE end_time IS NULL",
    )
    .await;
    assert!(hour);
    database::run(&app.sql, "UPDATE password_resets SET expire_time = now()").await;
    assert_eq!(told(app.accept_reset(&expired, PASSWORD).await), gone, "expired");
    let never = second.replace("fls_pwr_", "fls_rt_");
    for token in ["x", "fls_pwr_x", &never] {
        assert_eq!(told(app.accept_reset(token, PASSWORD).await), gone, "{token}");
    }
    let texts = [first, replaced, second, expired];
    let stored: String = database::one(
        &app.sql,
        "SELECT (SELECT coalesce(string_agg(r::text, ''), '') FROM password_resets r)
             || (SELECT coalesce(string_agg(a::text, ''), '') FROM audit_events a)",
    )
    .await;
    assert!(texts.iter().all(|token| !stored.contains(token.as_str())), "only hashes are stored");
    app.finish().await;
}

#[tokio::test]
async fn a_given_password_is_changed_first_and_ends_the_sessions() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    let session = app.user("someone", &[]).await;
    let request =
        pb::UpdateUserRequest { password: ANOTHER.into(), ..change("users/someone", pb::User::default(), &[]) };
    let answer = admin.users().update_user(request).await.unwrap().into_inner();
    assert!(answer.password_change_required);
    wait_for("the sessions have ended", async || session.me().await.err()).await;
    assert!(app.log_in("someone", ANOTHER).await.unwrap().password_change_required);
    let own = pb::UpdateUserRequest { password: ANOTHER.into(), ..change("users/admin", pb::User::default(), &[]) };
    let refused = Error::from(admin.users().update_user(own).await.unwrap_err());
    assert_eq!(refused.reason, Some(ErrorReason::SelfTarget), "a stolen session does not change the password");
    assert_eq!(told(admin.reset("users/admin").await).1, Some(ErrorReason::SelfTarget));
    app.finish().await;
}

/// R008: every path that sets a password has one rule, with the character classes of the organization.
#[tokio::test]
async fn every_path_that_sets_a_password_has_the_same_rule() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    app.user("someone", &[]).await;
    let cast = Cast::of(&app).await;
    let invited = token_of(&cast.invite("someone@elsewhere.example", "").await.link);
    let link = admin.reset("users/someone").await.unwrap();
    let classes = |on: bool| {
        format!(
            "UPDATE organizations SET settings = jsonb_set(settings, '{{password_character_classes}}', '{on}') WHERE is_default"
        )
    };
    // Each answers with the messages about the password `tried`, which belongs to somebody called `someone`.
    let paths = async |tried: &str, good: bool| -> Vec<(&'static str, BTreeSet<String>)> {
        let about = |error: Result<(), Error>, field: &str| {
            let error = error.err();
            let faults = error.iter().flat_map(|error| error.violations.fields.iter());
            faults.filter(|fault| fault.field == field).map(|fault| fault.description.clone()).collect::<BTreeSet<_>>()
        };
        let user = pb::User { email: "someone@example.org".into(), full_name: "Some One".into(), ..Default::default() };
        // A dry run: the good passwords change nothing.
        let create = pb::CreateUserRequest {
            user: Some(user),
            password: tried.into(),
            validate_only: true,
            ..Default::default()
        };
        let create = admin.users().create_user(create).await.map(drop).map_err(Error::from);
        let update = pb::UpdateUserRequest {
            password: tried.into(),
            validate_only: true,
            ..change("users/someone", pb::User::default(), &[])
        };
        let update = admin.users().update_user(update).await.map(drop).map_err(Error::from);
        let own = pb::ChangePasswordRequest {
            current_password: "not the current one".into(),
            new_password: tried.into(),
            ..Default::default()
        };
        let own = app.login("someone").await.auth().change_password(own).await.map(drop).map_err(Error::from);
        // A request id that is none: a good password leaves the link and the invitation as they are.
        let request_id = if good { "not-a-uuid".to_owned() } else { Uuid::new_v4().to_string() };
        let reset = pb::AcceptPasswordResetRequest {
            token: link.clone(),
            password: tried.into(),
            request_id: request_id.clone(),
        };
        let reset = app.anonymous().auth().accept_password_reset(reset).await.map(drop).map_err(Error::from);
        let accept = pb::AcceptInvitationRequest {
            token: invited.clone(),
            email: "someone@elsewhere.example".into(),
            full_name: "Some One".into(),
            password: tried.into(),
            request_id,
        };
        let accept = app.anonymous().invitations().accept_invitation(accept).await.map(drop).map_err(Error::from);
        vec![
            ("CreateUser", about(create, "password")),
            ("UpdateUser", about(update, "password")),
            ("ChangePassword", about(own, "new_password")),
            ("AcceptPasswordReset", about(reset, "password")),
            ("AcceptInvitation", about(accept, "password")),
        ]
    };
    for (on, tried, part) in [
        (false, "kX9#vQ2!pLz", Some("at least 12")),
        (false, "password1234", Some("too easy")),
        (false, "vexing-someone-trombone", Some("username or the e-mail")),
        (false, ANOTHER, None),
        (true, ANOTHER, Some("The password lacks an upper-case letter, a digit")),
    ] {
        database::run(&app.sql, &classes(on)).await;
        for (path, messages) in paths(tried, part.is_none()).await {
            match part {
                Some(part) => {
                    assert!(messages.iter().any(|message| message.contains(part)), "{path} {tried}: {messages:?}")
                }
                None => assert!(messages.is_empty(), "{path} {tried}: {messages:?}"),
            }
        }
    }
    app.finish().await;

    // The bootstrap has no organization whose classes could count.
    let database = flagstone_db::testing::TestDatabase::create().await;
    let data = tempfile::tempdir().unwrap();
    let mut config = flagstone_server::config::Config::new(
        flagstone_server::config::Mode::Development,
        database.url(),
        Secret::new(crate::support::app::MASTER_KEY),
        data.path().to_path_buf(),
    );
    config.listen = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    config.admin.password = Some(Secret::new("kX9#vQ2!pLz"));
    let Err(failure) = flagstone_server::serve::start(config).await else { panic!("a weak password starts nothing") };
    assert!(format!("{failure:?}").contains("at least 12"), "{failure:?}");
}
/// R058: nobody comes in as somebody who may do more.
#[tokio::test]
async fn nobody_takes_over_an_account_that_may_do_more() {
    let app = TestApp::start().await;
    app.role("helpdesk", "PLATFORM", &["platform:users:update", "platform:users:read", "platform:users:create"]).await;
    let helper = app.user("helper", &[("helpdesk", "")]).await;
    app.user("plain", &[]).await;
    app.user("peer", &[("helpdesk", "")]).await;
    app.user("viewer", &[("viewer", "sandbox")]).await;
    let denied = (Code::PermissionDenied, Some(ErrorReason::AccessDenied));
    for name in ["users/admin", "users/dev", "users/viewer"] {
        assert_eq!(told(helper.reset(name).await), denied, "{name} by a link");
        let password = pb::UpdateUserRequest { password: ANOTHER.into(), ..change(name, pb::User::default(), &[]) };
        let password = helper.users().update_user(password).await.map_err(Error::from);
        assert_eq!(told(password), denied, "{name} by a password");
        let email = pb::User { email: "helper2@example.org".into(), ..Default::default() };
        let email = helper.users().update_user(change(name, email, &["email"])).await.map_err(Error::from);
        assert_eq!(told(email), denied, "{name} by an address");
        // The name is no way in.
        let user = pb::User { full_name: "Another Name".into(), ..Default::default() };
        helper.users().update_user(change(name, user, &["full_name"])).await.unwrap();
    }
    // Nor is it, after somebody was deactivated: who is not active now may be again.
    helper.set_active("users/viewer", false).await.unwrap();
    assert_eq!(told(helper.reset("users/viewer").await), denied);
    for name in ["users/plain", "users/peer"] {
        helper.reset(name).await.unwrap();
    }
    let denials: i64 = database::one(
        &app.sql,
        "SELECT count(*) FROM audit_events WHERE outcome = 'DENIED' AND principal = 'users/helper'",
    )
    .await;
    assert_eq!(denials, 10, "each is in the audit");
    app.finish().await;
}
