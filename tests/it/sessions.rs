//! Sessions as people see them: on which devices somebody is logged in, and ending that.

use flagstone_api::pb::{self, ErrorReason};
use uuid::Uuid;

use crate::support::{Caller, Code, Error, TestApp, wait_for};

const GONE: (Code, Option<ErrorReason>) = (Code::NotFound, Some(ErrorReason::NotFound));

fn told<T: std::fmt::Debug>(answer: Result<T, Error>) -> (Code, Option<ErrorReason>) {
    let error = answer.expect_err("the call is refused");
    (error.code, error.reason)
}

async fn list(caller: &Caller, parent: &str) -> Result<Vec<pb::Session>, Error> {
    let request = pb::ListSessionsRequest { parent: parent.into(), ..Default::default() };
    Ok(caller.auth().list_sessions(request).await?.into_inner().sessions)
}

async fn revoke(caller: &Caller, name: &str) -> Result<i32, Error> {
    let request = pb::RevokeSessionRequest { name: name.into(), ..Default::default() };
    Ok(caller.auth().revoke_session(request).await?.into_inner().revoked_sessions)
}

#[tokio::test]
async fn two_logins_are_two_sessions_and_ending_one_leaves_the_other() {
    let app = TestApp::start().await;
    let [first, second] = [app.login("dev").await, app.login("dev").await];
    let sessions = list(&first, "users/me").await.unwrap();
    assert_eq!(sessions.len(), 2);
    assert_eq!(sessions.iter().filter(|session| session.current).count(), 1);
    assert!(sessions.iter().all(|session| !session.ip.is_empty() && session.expire_time != session.create_time));
    let other = sessions.iter().find(|session| !session.current).unwrap();
    let dry = pb::RevokeSessionRequest { name: other.name.clone(), validate_only: true, ..Default::default() };
    let dry = first.auth().revoke_session(dry).await.unwrap().into_inner();
    assert_eq!(dry.effects.unwrap().changes[0].object, other.name);
    second.me().await.expect("a dry run ends nothing");

    assert_eq!(revoke(&first, &other.name).await.unwrap(), 1);
    assert_eq!(told(second.me().await), (Code::Unauthenticated, Some(ErrorReason::PrincipalInactive)), "at once");
    first.me().await.unwrap();
    assert_eq!(list(&first, "users/dev").await.unwrap().len(), 1);
    assert_eq!(told(revoke(&first, &other.name).await), GONE, "what has ended is no more");
    app.finish().await;
}

#[tokio::test]
async fn all_others_end_with_one_call() {
    let app = TestApp::start().await;
    let callers = [app.login("dev").await, app.login("dev").await, app.login("dev").await];
    assert_eq!(revoke(&callers[0], "users/dev/sessions/-").await.unwrap(), 2);
    callers[0].me().await.unwrap();
    for caller in &callers[1..] {
        assert!(caller.me().await.is_err());
    }
    assert_eq!(revoke(&callers[0], "users/me/sessions/-").await.unwrap(), 0);
    app.finish().await;
}

#[tokio::test]
async fn an_administrator_ends_the_sessions_of_others_and_nobody_else_does() {
    let app = TestApp::start().await;
    let globex = app.organization("globex").await;
    let (admin, dev) = (app.as_admin().await, app.as_dev().await);
    let sessions = list(&admin, "users/dev").await.unwrap();
    let [session] = sessions.as_slice() else { panic!("{sessions:?}") };
    let never = format!("users/dev/sessions/{}", Uuid::now_v7());
    for (who, caller) in [("approver", &app.as_approver().await), ("another organization", &globex.admin)] {
        for name in [&session.name, &never, "users/dev/sessions/-", "users/qqq/sessions/-"] {
            assert_eq!(told(revoke(caller, name).await), GONE, "{who} {name}");
        }
        assert_eq!(told(list(caller, "users/dev").await), GONE, "{who}");
        assert_eq!(told(list(caller, "users/qqq").await), GONE, "{who}");
    }
    // A session of one person under the name of another is none.
    let theirs = session.name.replace("users/dev", "users/approver");
    assert_eq!(told(revoke(&admin, &theirs).await), GONE);
    dev.me().await.unwrap();
    assert_eq!(revoke(&admin, &session.name).await.unwrap(), 1);
    wait_for("the session has ended", async || dev.me().await.err()).await;
    assert_eq!(revoke(&admin, "users/approver/sessions/-").await.unwrap(), 1);
    app.finish().await;
}

#[tokio::test]
async fn a_name_that_is_none_is_told() {
    let app = TestApp::start().await;
    let dev = app.as_dev().await;
    for name in [
        "",
        "x",
        "users/dev",
        "users/dev/sessions/x",
        "users/dev/sessions/",
        "users/%/sessions/-",
        "users/a\0/sessions/-",
    ] {
        let refused = revoke(&dev, name).await.unwrap_err();
        assert_eq!(refused.violations.fields[0].field, "name", "{name:?}");
    }
    let refused = list(&dev, "users/%").await.unwrap_err();
    assert_eq!(refused.violations.fields[0].field, "parent");
    app.finish().await;
}
