//! Who may come in at all, walked over the contract: nobody without a credential, nobody with a bad one, and a person
//! without a role sees nothing.

use std::time::Duration;

use flagstone_api::pb::{self, ErrorReason};

use crate::support::contract::{Method, OF_ONESELF, methods, page_of};
use crate::support::database::run;
use crate::support::requests::{harmless, valid_request};
use crate::support::world::{Cast, World};
use crate::support::{Caller, Code, Error, ScriptedRunner, TestApp, wait_for};

async fn refused(caller: &Caller, method: &Method) -> Error {
    match caller.call(method, &method.request()).await {
        Ok(answer) => panic!("{} answered {} bytes", method.name, answer.len()),
        Err(status) => status.into(),
    }
}

#[tokio::test]
async fn without_a_token_only_public_methods_answer() {
    let app = TestApp::start().await;
    let mut public = Vec::new();
    for method in methods() {
        if method.is_public() {
            // Some need no argument; the others look at theirs.
            if let Err(error) = app.anonymous().ask(&method, &method.request()).await {
                assert_ne!(error.reason, None, "{}: {error:?}", method.name);
                assert_eq!(error.code, Code::InvalidArgument, "{} looks at its arguments: {error:?}", method.name);
            }
            public.push(method.name);
        } else {
            let error = refused(&app.anonymous(), &method).await;
            let expected = (Code::Unauthenticated, Some(ErrorReason::BadCredentials));
            assert_eq!((error.code, error.reason), expected, "{}: {error:?}", method.name);
        }
    }
    assert_eq!(
        public,
        [
            "AcceptPasswordReset",
            "BeginDeviceLogin",
            "BeginSsoLogin",
            "CompleteSsoLogin",
            "ListAuthMethods",
            "Login",
            "PollDeviceLogin",
            "RefreshSession",
            "AcceptInvitation",
            "LookupInvitation",
            "JoinRunner",
        ]
    );
    app.finish().await;
}

#[tokio::test]
async fn a_token_that_is_not_ours_opens_nothing() {
    let app = TestApp::start().await;
    let dev = app.as_dev().await;
    // Signed by us, then changed in its last character but one: the last one has bits that nobody reads.
    let token = dev.token();
    let (head, tail) = token.split_at(token.len() - 2);
    let flipped = if tail.starts_with('A') { 'B' } else { 'A' };
    let altered = format!("{head}{flipped}{}", &tail[1..]);
    let unsigned = format!("{}.{}.", "eyJhbGciOiJub25lIn0", token.split('.').nth(1).unwrap());
    for token in ["garbage", "fls_run_garbage", "fls_api_garbage", &altered, &unsigned] {
        let caller = dev.with_token(token);
        for method in methods().iter().filter(|method| !method.is_public()) {
            let error = refused(&caller, method).await;
            let expected = (Code::Unauthenticated, Some(ErrorReason::BadCredentials));
            assert_eq!((error.code, error.reason), expected, "{} with {token}: {error:?}", method.name);
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn an_expired_token_opens_nothing_and_says_so() {
    let app = TestApp::builder().config(|config| config.tokens.access = Duration::from_secs(1)).start().await;
    let dev = app.as_dev().await;
    wait_for("the token expires", async || {
        let answer = dev.users().get_me(flagstone_api::pb::GetMeRequest {}).await;
        answer.err().filter(|status| status.code() == Code::Unauthenticated)
    })
    .await;
    for method in methods().iter().filter(|method| !method.is_public()) {
        let error = refused(&dev, method).await;
        let expected = (Code::Unauthenticated, Some(ErrorReason::TokenExpired));
        assert_eq!((error.code, error.reason), expected, "{}: {error:?}", method.name);
    }
    app.finish().await;
}

/// A session that was ended, a token that was revoked, and a person who may not come in any more.
#[tokio::test]
async fn what_has_ended_opens_nothing() {
    let app = TestApp::start().await;
    let ended = app.as_dev().await;
    ended.auth().logout(pb::LogoutRequest::default()).await.unwrap();
    let out = app.user("out", &[("viewer", "sandbox")]).await;
    run(&app.sql, "UPDATE users SET active = false WHERE username = 'out'").await;
    app.grants_changed().await;
    for caller in [&ended, &out] {
        for method in methods().iter().filter(|method| !method.is_public()) {
            let error = refused(caller, method).await;
            let expected = (Code::Unauthenticated, Some(ErrorReason::PrincipalInactive));
            assert_eq!((error.code, error.reason), expected, "{}: {error:?}", method.name);
        }
    }
    app.finish().await;
}

/// A token of an administrator that carries next to nothing is let into next to nothing.
#[tokio::test]
async fn a_narrow_token_opens_no_more_than_it_carries() {
    let app = TestApp::start().await;
    let runner = ScriptedRunner::start(&app).await;
    let world = World::build(&app, &runner, Cast::of(&app).await).await;
    let admin = app.as_admin().await;
    let token = pb::ApiToken {
        display_name: "Narrow".into(),
        permissions: vec!["user:profile:read".into()],
        ..Default::default()
    };
    let request = pb::CreateApiTokenRequest { parent: "users/me".into(), api_token: Some(token), ..Default::default() };
    let secret = admin.api_tokens().create_api_token(request).await.unwrap().into_inner().secret;
    let narrow = admin.with_token(&secret);
    narrow.users().get_me(pb::GetMeRequest {}).await.unwrap();
    for method in methods().iter().filter(|method| needs_a_role(method)) {
        let mut request = valid_request(&world, method);
        harmless(method, &mut request);
        let error = narrow.ask(method, &request).await.expect_err(&method.name);
        let denied = matches!(
            error.reason,
            Some(ErrorReason::AccessDenied | ErrorReason::NotFound | ErrorReason::SessionRequired)
        );
        assert!(denied, "{}: {error:?}", method.name);
    }
    drop(runner);
    app.finish().await;
}

#[tokio::test]
async fn a_person_is_no_runner_and_a_runner_no_person() {
    let app = TestApp::start().await;
    let runner = ScriptedRunner::start(&app).await;
    let admin = app.as_admin().await;
    for method in methods().iter().filter(|method| !method.is_public()) {
        let caller = if method.is_runners() { &admin } else { &runner.link };
        let error = refused(caller, method).await;
        assert_eq!(error.code, Code::Unauthenticated, "{}: {error:?}", method.name);
    }
    drop(runner);
    app.finish().await;
}

#[tokio::test]
async fn a_person_without_a_role_is_let_into_nothing_that_needs_one() {
    let app = TestApp::start().await;
    let runner = ScriptedRunner::start(&app).await;
    let world = World::build(&app, &runner, Cast::of(&app).await).await;
    let nobody = app.user("nobody", &[]).await;
    let mut judged = 0;
    for method in methods().iter().filter(|method| needs_a_role(method)) {
        let mut request = valid_request(&world, method);
        harmless(method, &mut request);
        match nobody.ask(method, &request).await {
            Err(error) => {
                let denied = matches!(error.reason, Some(ErrorReason::AccessDenied | ErrorReason::NotFound));
                assert!(denied, "{}: {error:?}", method.name);
            }
            // What everybody holds for own objects lets into the list, which is empty.
            Ok(answer) => {
                let own = method.policy.permissions.iter().any(|permission| permission.ends_with(":own"));
                assert!(own && method.is_list(), "{} let nobody in: {answer}", method.name);
                assert!(page_of(&answer).1.is_empty(), "{} showed something: {answer}", method.name);
            }
        }
        judged += 1;
    }
    assert!(judged > 20, "only {judged} methods need a role");
    drop(runner);
    app.finish().await;
}

fn needs_a_role(method: &Method) -> bool {
    let beyond_oneself = |permission: &String| !permission.starts_with("user:") || permission.ends_with(":own");
    let of_others = !OF_ONESELF.contains(&method.name.as_str());
    let for_people = of_others && !method.is_public() && !method.is_runners() && !method.is_for_everybody();
    for_people && method.policy.permissions.iter().any(beyond_oneself)
}
