//! Invitations: who may ask in whom, and who may come.

use flagstone_api::pb::{self, ErrorReason};
use uuid::Uuid;

use crate::support::http::grpc_web;
use crate::support::world::{Cast, token_of};
use crate::support::{Caller, Code, Error, PASSWORD, TestApp, database};

const GONE: (Code, Option<ErrorReason>) = (Code::NotFound, Some(ErrorReason::NotFound));

fn told<T: std::fmt::Debug>(answer: Result<T, Error>) -> (Code, Option<ErrorReason>) {
    let error = answer.expect_err("the call is refused");
    (error.code, error.reason)
}

async fn invite(caller: &Caller, email: &str, role: &str, unit: &str) -> Result<pb::CreateInvitationResponse, Error> {
    let invitation = pb::Invitation {
        email: email.into(),
        role: format!("roles/{role}"),
        business_unit: unit.into(),
        ..Default::default()
    };
    let request = pb::CreateInvitationRequest { invitation: Some(invitation), ..Default::default() };
    Ok(caller.invitations().create_invitation(request).await?.into_inner())
}

async fn look_up(app: &TestApp, token: &str) -> Result<pb::LookupInvitationResponse, Error> {
    let request = pb::LookupInvitationRequest { token: token.into() };
    Ok(app.anonymous().invitations().lookup_invitation(request).await?.into_inner())
}

async fn revoke(caller: &Caller, name: &str) -> Result<pb::Invitation, Error> {
    let request = pb::RevokeInvitationRequest { name: name.into(), ..Default::default() };
    Ok(caller.invitations().revoke_invitation(request).await?.into_inner())
}

async fn list(caller: &Caller, filter: &str) -> Result<Vec<String>, Error> {
    let request = pb::ListInvitationsRequest { filter: filter.into(), ..Default::default() };
    let found = caller.invitations().list_invitations(request).await?.into_inner().invitations;
    Ok(found.into_iter().map(|invitation| invitation.email).collect())
}

#[tokio::test]
async fn the_invited_come_in_once_with_the_role_they_were_given() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    let made = invite(&admin, "New@Example.org", "viewer", "businessUnits/sandbox").await.unwrap();
    let invitation = made.invitation.unwrap();
    assert_eq!((invitation.email.as_str(), invitation.state()), ("new@example.org", pb::InvitationState::Pending));
    assert!(made.link.contains("/invitations#fls_inv_"), "{}", made.link);
    let token = token_of(&made.link);
    let offer = look_up(&app, &token).await.unwrap();
    assert_eq!((offer.email.as_str(), offer.organization.as_str()), ("new@example.org", "default"));
    assert_eq!((offer.role_display_name.as_str(), offer.business_unit_display_name.is_empty()), ("Viewer", false));

    let foreign = app.accept(&token, "somebody@else.example").await.unwrap_err();
    assert_eq!(foreign.violations.fields[0].field, "email");
    let answer = app.accept(&token, " NEW@example.ORG").await.unwrap();
    assert_eq!(answer.user.unwrap().name, "users/new");
    let caller = app.anonymous().with_token(&answer.tokens.unwrap().access_token);
    let me = caller.me().await.unwrap();
    let [membership] = me.memberships.as_slice() else { panic!("{me:?}") };
    assert_eq!(
        (membership.business_unit.as_str(), membership.role.as_str()),
        ("businessUnits/sandbox", "roles/viewer")
    );
    assert!(!me.password_change_required);
    app.login("new").await;

    assert_eq!(told(app.accept(&token, "new@example.org").await), GONE, "used");
    assert_eq!(told(look_up(&app, &token).await), GONE);
    let shown = admin.invitations().list_invitations(pb::ListInvitationsRequest::default()).await.unwrap().into_inner();
    let shown = &shown.invitations[0];
    assert_eq!((shown.state(), shown.user.as_str()), (pb::InvitationState::Accepted, "users/new"));
    let dump: String = database::one(
        &app.sql,
        "SELECT (SELECT string_agg(i::text, '') FROM invitations i) || (SELECT string_agg(a::text, '') FROM audit_events a)",
    )
    .await;
    assert!(!dump.contains(&token) && !dump.contains(PASSWORD), "only hashes are stored");
    app.finish().await;
}

#[tokio::test]
async fn what_was_revoked_expired_or_invented_answers_alike() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    let revoked = invite(&admin, "revoked@example.org", "viewer", "").await.unwrap();
    let name = revoked.invitation.unwrap().name;
    assert_eq!(revoke(&admin, &name).await.unwrap().state(), pb::InvitationState::Revoked);
    assert_eq!(told(revoke(&admin, &name).await), (Code::FailedPrecondition, Some(ErrorReason::WrongState)));
    let expired = invite(&admin, "expired@example.org", "viewer", "").await.unwrap();
    database::run(&app.sql, "UPDATE invitations SET expire_time = now() WHERE email = 'expired@example.org'").await;
    let invented = flagstone_server::token::mint(flagstone_server::token::TokenKind::Invitation).unwrap().0;
    let mut answers = Vec::new();
    for token in [token_of(&revoked.link), token_of(&expired.link), invented, "x".repeat(10_000), "a\0b".into()] {
        for error in [look_up(&app, &token).await.unwrap_err(), app.accept(&token, "x@y.org").await.unwrap_err()] {
            assert_eq!((error.code, error.reason), GONE);
            answers.push(error.message);
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    // Whose time is over is no longer in the way.
    invite(&admin, "expired@example.org", "viewer", "").await.unwrap();
    invite(&admin, "revoked@example.org", "viewer", "").await.unwrap();
    app.finish().await;
}

#[tokio::test]
async fn an_address_has_one_open_invitation_and_none_beside_an_account() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    let first = invite(&admin, "twice@example.org", "viewer", "").await.unwrap().invitation.unwrap();
    let second = invite(&admin, "TWICE@example.org", "viewer", "businessUnits/sandbox").await.unwrap_err();
    assert_eq!((second.code, second.reason), (Code::AlreadyExists, Some(ErrorReason::AlreadyExists)));
    assert_eq!(second.metadata.get("name"), Some(&first.name), "what is in the way is named");
    let known = invite(&admin, "dev@flagstone.localhost", "viewer", "").await.unwrap_err();
    assert_eq!((known.code, known.metadata.get("name")), (Code::AlreadyExists, Some(&"users/dev".to_owned())));
    // Many at once are one.
    let calls = (0..8).map(|_| invite(&admin, "many@example.org", "viewer", ""));
    let answers = futures::future::join_all(calls).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
    assert!(answers.into_iter().filter_map(Result::err).all(|error| error.code == Code::AlreadyExists));
    // An account that was made meanwhile keeps the invited out.
    let meanwhile = invite(&admin, "meanwhile@example.org", "viewer", "").await.unwrap();
    admin.create_user("meanwhile@example.org").await.unwrap();
    let refused = app.accept(&token_of(&meanwhile.link), "meanwhile@example.org").await;
    assert_eq!(told(refused), (Code::AlreadyExists, Some(ErrorReason::AlreadyExists)));
    app.finish().await;
}

/// R058: nobody gives by an invitation what they do not hold.
#[tokio::test]
async fn an_invitation_gives_no_more_than_its_maker_holds() {
    let app = TestApp::start().await;
    app.unit("payments").await;
    let owner = app.user("owner", &[("bu-owner", "sandbox")]).await;
    let denied = (Code::PermissionDenied, Some(ErrorReason::AccessDenied));
    invite(&owner, "one@example.org", "developer", "businessUnits/sandbox").await.unwrap();
    for (role, unit) in [
        ("platform-admin", "businessUnits/sandbox"),
        ("platform-admin", ""),
        ("viewer", ""),
        ("viewer", "businessUnits/payments"),
        ("viewer", "businessUnits/never"),
    ] {
        assert_eq!(told(invite(&owner, "two@example.org", role, unit).await), denied, "{role} in {unit:?}");
    }
    let admin = app.as_admin().await;
    let wrong = invite(&admin, "two@example.org", "platform-admin", "businessUnits/sandbox").await.unwrap_err();
    assert_eq!(wrong.violations.fields[0].field, "invitation.role");
    app.role("inviter", "PLATFORM", &["platform:invitations:manage"]).await;
    let inviter = app.user("inviter", &[("inviter", "")]).await;
    assert_eq!(told(invite(&inviter, "two@example.org", "platform-admin", "").await), denied);
    assert_eq!(told(invite(&inviter, "two@example.org", "viewer", "businessUnits/sandbox").await), denied);
    invite(&inviter, "two@example.org", "inviter", "").await.unwrap();
    assert_eq!(told(invite(&app.as_dev().await, "x@example.org", "viewer", "businessUnits/sandbox").await), denied);
    app.finish().await;
}

#[tokio::test]
async fn who_manages_a_unit_sees_its_invitations_and_no_others() {
    let app = TestApp::start().await;
    app.unit("payments").await;
    let globex = app.organization("globex").await;
    let admin = app.as_admin().await;
    let owner = app.user("owner", &[("bu-owner", "sandbox")]).await;
    let mine =
        invite(&admin, "a@example.org", "viewer", "businessUnits/sandbox").await.unwrap().invitation.unwrap().name;
    let other =
        invite(&admin, "b@example.org", "viewer", "businessUnits/payments").await.unwrap().invitation.unwrap().name;
    let wide = invite(&admin, "c_%@example.org", "viewer", "").await.unwrap().invitation.unwrap().name;
    assert_eq!(list(&owner, "").await.unwrap(), ["a@example.org"]);
    assert_eq!(list(&admin, "").await.unwrap(), ["c_%@example.org", "b@example.org", "a@example.org"]);
    assert_eq!(list(&admin, "business_unit = \"businessUnits/payments\"").await.unwrap(), ["b@example.org"]);
    assert_eq!(list(&admin, "email:\"_%\" AND state = PENDING").await.unwrap(), ["c_%@example.org"]);
    assert_eq!(list(&globex.admin, "").await.unwrap(), [""; 0]);
    assert_eq!(told(list(&app.as_dev().await, "").await).1, Some(ErrorReason::AccessDenied));
    let never = format!("invitations/{}", Uuid::now_v7());
    for (caller, names) in [(&owner, vec![&other, &wide, &never]), (&globex.admin, vec![&mine, &wide, &never])] {
        for name in names {
            assert_eq!(told(revoke(caller, name).await), GONE, "{name}");
        }
    }
    // What the caller may not manage is not named where it is in the way.
    let refused = invite(&owner, "b@example.org", "viewer", "businessUnits/sandbox").await.unwrap_err();
    assert_eq!((refused.code, refused.metadata.get("name")), (Code::AlreadyExists, None));
    revoke(&owner, &mine).await.unwrap();
    app.finish().await;
}

#[tokio::test]
async fn accepting_again_under_its_id_answers_the_same_and_at_once_only_one_comes_in() {
    let app = TestApp::start().await;
    let token = token_of(&Cast::of(&app).await.invite("new@example.org", "").await.link);
    let request = pb::AcceptInvitationRequest {
        token,
        email: "new@example.org".into(),
        full_name: "New Comer".into(),
        password: PASSWORD.into(),
        request_id: Uuid::new_v4().to_string(),
    };
    let accept = async |request_id: String| {
        let request = pb::AcceptInvitationRequest { request_id, ..request.clone() };
        app.anonymous().invitations().accept_invitation(request).await.map_err(Error::from)
    };
    let calls = (0..6).map(|_| accept(Uuid::new_v4().to_string())).chain([accept(request.request_id.clone())]);
    let answers = futures::future::join_all(calls).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
    let people: i64 = database::one(&app.sql, "SELECT count(*) FROM users WHERE email = 'new@example.org'").await;
    assert_eq!(people, 1);

    let token = token_of(&Cast::of(&app).await.invite("again@example.org", "").await.link);
    let request = pb::AcceptInvitationRequest { token, email: "again@example.org".into(), ..request };
    let answers = [
        app.anonymous().invitations().accept_invitation(request.clone()).await.unwrap().into_inner(),
        app.anonymous().invitations().accept_invitation(request).await.unwrap().into_inner(),
    ];
    assert_eq!(answers[0], answers[1]);
    app.finish().await;
}

#[tokio::test]
async fn a_browser_that_accepts_keeps_its_session_in_the_cookie() {
    let app = TestApp::start().await;
    let email = "new@example.org";
    let token = token_of(&Cast::of(&app).await.invite(email, "").await.link);
    let request = pb::AcceptInvitationRequest {
        token,
        email: email.into(),
        full_name: "New Comer".into(),
        password: PASSWORD.into(),
        ..Default::default()
    };
    let url = app.url();
    let headers = [("origin", url.as_str()), ("x-flagstone-client", "web/0.1.0")];
    let path = "/flagstone.v1.InvitationService/AcceptInvitation";
    let answer = grpc_web(app.address, path, &headers, &request).await;
    let cookie = answer.headers.get("set-cookie").expect("a cookie is set").to_str().unwrap();
    assert!(cookie.starts_with("flagstone_refresh=fls_rt_") && cookie.contains("HttpOnly"), "{cookie}");
    app.finish().await;
}
