//! What people may do and see: their own picture of it, how soon a change holds, who reads the audit, who is told why
//! something waits.

use std::collections::BTreeSet;

use flagstone_api::pb::{self, ErrorReason};
use flagstone_core::access::role_template;

use crate::access_revoked::last_of;
use crate::support::wait::in_time;
use crate::support::world::{Cast, World, get_request};
use crate::support::{Caller, Code, Error, ScriptedRunner, TestApp, wait_for};

async fn permissions(caller: &Caller) -> Vec<pb::ScopePermissions> {
    caller.access().get_my_permissions(pb::GetMyPermissionsRequest {}).await.unwrap().into_inner().scopes
}

#[tokio::test]
async fn everybody_sees_the_permissions_that_the_own_roles_give() {
    let app = TestApp::start().await;
    for (username, role) in [("dev", "developer"), ("approver", "it-engineer"), ("looks", "viewer")] {
        let caller = match username {
            "looks" => app.user("looks", &[("viewer", "sandbox")]).await,
            _ => app.login(username).await,
        };
        let scopes = permissions(&caller).await;
        let unit = scopes.iter().find(|scope| scope.scope == "businessUnits/sandbox").unwrap();
        let held: BTreeSet<&str> = unit.permissions.iter().map(|held| held.permission.as_str()).collect();
        let role = role_template(role).unwrap();
        let given: BTreeSet<&str> = role.permissions().iter().map(flagstone_core::access::Permission::slug).collect();
        assert_eq!(held, given, "{username}");
        for held in &unit.permissions {
            assert_eq!(held.roles, [format!("roles/{}", role.id)], "{username}: {held:?}");
            assert!(!held.description.is_empty(), "{username}: {held:?}");
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn everybody_sees_the_own_profile_with_memberships_and_roles() {
    let app = TestApp::start().await;
    let me = app.as_dev().await.users().get_me(pb::GetMeRequest {}).await.unwrap().into_inner();
    assert_eq!((me.name.as_str(), me.username.as_str(), me.active), ("users/dev", "dev", true));
    let membership = pb::Membership { business_unit: "businessUnits/sandbox".into(), role: "roles/developer".into() };
    assert_eq!(me.memberships, [membership]);
    let me = app.as_admin().await.users().get_me(pb::GetMeRequest {}).await.unwrap().into_inner();
    assert_eq!(me.organization_roles, ["roles/installation-operator", "roles/platform-admin"]);
    app.finish().await;
}

#[tokio::test]
async fn a_right_that_was_taken_holds_for_no_write_and_for_reads_a_second_at_most() {
    let app = TestApp::start().await;
    let cast = Cast::of(&app).await;
    let late = app.user("late", &[("bu-owner", "sandbox")]).await;
    let list = pb::ListRequestsRequest { parent: cast.unit.clone(), ..Default::default() };
    let get = pb::GetEnvironmentRequest { name: format!("{}/environments/development", cast.unit) };
    late.environments().get_environment(get.clone()).await.unwrap();
    app.unbind("late").await;
    // The next write is judged by the rights of now, whatever is still in memory.
    let refused = late.requests().create_request(cast.request(cast.create_payload("development", "too-late"))).await;
    let error = Error::from(refused.unwrap_err());
    assert_eq!((error.code, error.reason), (Code::PermissionDenied, Some(ErrorReason::AccessDenied)), "{error:?}");
    assert_eq!(error.metadata["permission"], "business_unit:requests:create");
    assert_eq!(error.metadata["scope"], "businessUnits/sandbox");
    let error = wait_for("reads are refused too", async || {
        late.environments().get_environment(get.clone()).await.err().map(Error::from)
    })
    .await;
    assert_eq!(error.reason, Some(ErrorReason::AccessDenied));
    assert!(
        late.requests().list_requests(list).await.unwrap().into_inner().requests.is_empty(),
        "only own ones are left"
    );
    app.finish().await;
}

#[tokio::test]
async fn an_open_stream_ends_when_its_right_is_taken() {
    let app = TestApp::start().await;
    let cast = Cast::of(&app).await;
    let mut draft = cast.request(cast.create_payload("development", "watched"));
    draft.draft = true;
    let name = cast.dev.requests().create_request(draft).await.unwrap().into_inner().name;
    let watcher = app.user("watcher", &[("viewer", "sandbox")]).await;
    let watch = pb::WatchRequestRequest { name, ..Default::default() };
    let mut stream = watcher.requests().watch_request(watch).await.unwrap().into_inner();
    app.unbind("watcher").await;
    let end = in_time("the stream ends", last_of(&mut stream)).await;
    assert_eq!(end.reason(), pb::StreamEndReason::Error, "{end:?}");
    let status = end.status.expect("the end says why");
    assert!([Code::PermissionDenied as i32, Code::NotFound as i32].contains(&status.code), "{status:?}");
    app.finish().await;
}

async fn audited(caller: &Caller) -> Result<Vec<pb::AuditEvent>, Error> {
    let request = pb::ListAuditEventsRequest { page_size: 200, ..Default::default() };
    Ok(caller.audit().list_audit_events(request).await?.into_inner().audit_events)
}

#[tokio::test]
async fn the_audit_is_read_by_scope() {
    let app = TestApp::start().await;
    app.unit("payments").await;
    let payer = app.user("payer", &[("it-engineer", "payments")]).await;
    let cast = Cast::of(&app).await;
    let mut draft = cast.request(cast.create_payload("development", "audited"));
    draft.draft = true;
    let draft = cast.dev.requests().create_request(draft).await.unwrap().into_inner();

    let all = audited(&cast.admin).await.unwrap();
    assert!(all.iter().any(|event| event.action == "session.login"), "an administrator reads everything: {all:?}");
    let of_unit = audited(&cast.approver).await.unwrap();
    assert!(!of_unit.is_empty());
    assert!(of_unit.iter().all(|event| event.business_unit == cast.unit), "{of_unit:?}");
    let event = of_unit.iter().find(|event| event.object == draft.name).unwrap();
    assert_eq!((event.principal.as_str(), event.action.as_str()), ("users/dev", "request.create"));
    assert_eq!(event.outcome(), pb::AuditOutcome::Success);
    assert_eq!(event.effects.as_ref().unwrap().changes[0].object_type, "request");
    let of_other = audited(&payer).await.unwrap();
    assert!(of_other.is_empty(), "another unit's events: {of_other:?}");
    let error = audited(&cast.dev).await.unwrap_err();
    assert_eq!((error.code, error.reason), (Code::PermissionDenied, Some(ErrorReason::AccessDenied)));
    app.finish().await;
}

#[tokio::test]
async fn a_refused_attempt_is_audited_with_what_was_missing() {
    let app = TestApp::start().await;
    let cast = Cast::of(&app).await;
    let production = cast.request(cast.create_payload("production", "too-high"));
    let error = Error::from(cast.dev.requests().create_request(production).await.unwrap_err());
    assert_eq!((error.code, error.reason), (Code::PermissionDenied, Some(ErrorReason::AccessDenied)), "{error:?}");
    assert_eq!(error.metadata["permission"], "business_unit:deployments:create:production");
    let name = format!("auditEvents/{}", error.metadata["decision_id"]);
    let events = audited(&cast.admin).await.unwrap();
    let event = events.iter().find(|event| event.name == name).unwrap_or_else(|| panic!("no {name} in {events:?}"));
    assert_eq!((event.outcome(), event.principal.as_str()), (pb::AuditOutcome::Denied, "users/dev"));
    assert_eq!(event.action, "request.create");
    app.finish().await;
}

async fn blockers(caller: &Caller, name: &str) -> Vec<pb::Blocker> {
    let request = pb::ExplainPendingRequest { name: name.into() };
    caller.requests().explain_pending(request).await.unwrap().into_inner().blockers
}

#[tokio::test]
async fn whatever_waits_says_for_what_and_who_can_help() {
    let app = TestApp::start().await;
    let cast = Cast::of(&app).await;
    let waiting = cast.create(&cast.dev, "development", "no-runner").await;
    let found = blockers(&cast.dev, &waiting.name).await;
    assert!(found.iter().any(|blocker| blocker.kind() == pb::BlockerKind::NoRunner), "{found:?}");
    let job = get_request(&cast.dev, &waiting.name).await.jobs[0].clone();
    let of_job = blockers(&cast.dev, &job).await;
    assert!(of_job.iter().any(|blocker| blocker.kind() == pb::BlockerKind::NoRunner), "{of_job:?}");

    let runner = ScriptedRunner::start(&app).await;
    let world = World::build(&app, &runner, cast).await;
    let caller = &world.cast.admin;
    for name in [&world.pending.name, &world.pending.approval] {
        let found = blockers(caller, name).await;
        let blocker = found.iter().find(|blocker| blocker.kind() == pb::BlockerKind::Approval);
        let blocker = blocker.unwrap_or_else(|| panic!("{name}: {found:?}"));
        assert!(blocker.who.contains(&"roles/it-engineer".to_owned()), "{blocker:?}");
        assert!(!blocker.message.is_empty() && !blocker.remedy.is_empty(), "{blocker:?}");
    }
    for done in ["businessUnits/*/requests/*", "approvals/*", "jobs/*"] {
        assert_eq!(blockers(caller, world.name(done)).await, [], "{done} waits for nothing");
    }
    drop(runner);
    app.finish_with_jobs().await;
}
