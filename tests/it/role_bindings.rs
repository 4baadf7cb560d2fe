//! Giving roles and taking them away: where, to whom, for how long, and who sees it.

use std::time::{Duration, SystemTime};

use flagstone_api::pb::{self, ErrorReason};

use crate::support::authority::{add_to_group, bind, binding, make_group, make_role};
use crate::support::{Caller, Code, Error, TestApp};

const UNIT: &str = "businessUnits/sandbox";

async fn give(caller: &Caller, request: pb::CreateRoleBindingRequest) -> Result<pb::RoleBinding, Error> {
    let answer = caller.roles().create_role_binding(request).await;
    answer.map(tonic::Response::into_inner).map_err(Error::from)
}

async fn take(caller: &Caller, name: &str) -> Result<(), Error> {
    let request = pb::DeleteRoleBindingRequest { name: name.into(), ..Default::default() };
    caller.roles().delete_role_binding(request).await.map(drop).map_err(Error::from)
}

async fn list(caller: &Caller, parent: &str, filter: &str) -> Result<Vec<pb::RoleBinding>, Error> {
    let request = pb::ListRoleBindingsRequest { parent: parent.into(), filter: filter.into(), ..Default::default() };
    let answer = caller.roles().list_role_bindings(request).await;
    answer.map(|answer| answer.into_inner().role_bindings).map_err(Error::from)
}

fn changed(
    mut request: pb::CreateRoleBindingRequest,
    change: impl FnOnce(&mut pb::RoleBinding),
) -> pb::CreateRoleBindingRequest {
    change(request.role_binding.as_mut().unwrap());
    request
}

fn fields(error: &Error) -> Vec<&str> {
    error.violations.fields.iter().map(|wrong| wrong.field.as_str()).collect()
}

#[tokio::test]
async fn a_role_is_given_holds_at_once_is_listed_and_taken_again() {
    let app = TestApp::start().await;
    let (admin, dev) = (app.as_admin().await, app.as_dev().await);
    let audit = || async {
        let request = pb::ListAuditEventsRequest::default();
        dev.audit().list_audit_events(request).await.map(drop).map_err(Error::from)
    };
    assert_eq!(audit().await.unwrap_err().reason, Some(ErrorReason::AccessDenied));
    let soon = SystemTime::now() + Duration::from_secs(3600);
    let request = changed(binding(UNIT, "roles/it-engineer", "users/dev"), |it| it.expire_time = Some(soon.into()));
    let made = give(&admin, request).await.unwrap();
    assert!(made.name.starts_with("businessUnits/sandbox/roleBindings/"), "{}", made.name);
    assert_eq!((made.subject.as_str(), made.effect()), ("users/dev", pb::RoleBindingEffect::Allow));
    assert!(!made.subject_display_name.is_empty() && !made.role_display_name.is_empty());
    crate::support::wait_for("the role holds", async || audit().await.ok()).await;

    for filter in ["role = \"roles/it-engineer\"", "subject = \"users/dev\"", "expire_time < \"2099-01-01\""] {
        assert_eq!(list(&admin, UNIT, filter).await.unwrap(), std::slice::from_ref(&made), "{filter}");
        assert_eq!(list(&admin, "businessUnits/-", filter).await.unwrap().len(), 1, "{filter}");
        assert_eq!(list(&admin, "", filter).await.unwrap(), [], "{filter}");
    }
    assert_eq!(list(&admin, UNIT, "effect = DENY OR expire_time > \"2099-01-01\"").await.unwrap(), []);
    let whole = list(&admin, "", "").await.unwrap();
    let admins = whole.iter().find(|it| it.role == "roles/platform-admin").unwrap();
    assert_eq!(admins.subject, "users/admin");
    assert!(admins.name.starts_with("roleBindings/"));

    take(&admin, &made.name).await.unwrap();
    assert_eq!(take(&admin, &made.name).await.unwrap_err().code, Code::NotFound);
    crate::support::wait_for("the role is gone", async || audit().await.err()).await;
    app.finish().await;
}

#[tokio::test]
async fn what_a_binding_cannot_be_is_told_field_by_field() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    let request = changed(binding("", "roles/platform-admin", "serviceAccounts/never-was"), |it| {
        it.effect = 9;
        it.condition = "import os".into();
        it.expire_time = Some((SystemTime::now() - Duration::from_secs(1)).into());
    });
    let error = give(&admin, request).await.unwrap_err();
    assert_eq!((error.code, error.reason), (Code::InvalidArgument, Some(ErrorReason::FieldInvalid)));
    assert_eq!(
        fields(&error),
        ["role_binding.effect", "role_binding.condition", "role_binding.expire_time", "role_binding.subject"]
    );
    let error = give(&admin, binding(UNIT, "roles/platform-admin", "users/dev")).await.unwrap_err();
    assert_eq!(fields(&error), ["role_binding.role"], "a platform role in a unit");
    for (role, subject, wrong) in [
        ("roles/never-was", "users/dev", "role_binding.role"),
        ("roles/viewer", "users/never-was", "role_binding.subject"),
        ("roles/viewer", "groups/never-was", "role_binding.subject"),
        ("roles/viewer", "users/%", "role_binding.subject"),
        ("roles/viewer", "users/dev\0", "role_binding.subject"),
        ("roles/_", "users/dev", "role_binding.role"),
        ("users/dev", "users/dev", "role_binding.role"),
    ] {
        assert_eq!(fields(&give(&admin, binding("", role, subject)).await.unwrap_err()), [wrong], "{role} {subject}");
    }
    let long = changed(binding("", "roles/viewer", "users/dev"), |it| it.condition = "true || ".repeat(200) + "true");
    assert_eq!(fields(&give(&admin, long).await.unwrap_err()), ["role_binding.condition"]);
    let error = give(&admin, binding("businessUnits/-", "roles/viewer", "users/dev")).await.unwrap_err();
    assert_eq!(error.reason, Some(ErrorReason::BusinessUnitRequired));
    let first = give(&admin, binding(UNIT, "roles/viewer", "users/dev")).await.unwrap();
    let error = give(&admin, binding(UNIT, "roles/viewer", "users/me")).await;
    assert!(error.is_ok(), "the caller is somebody else than dev");
    let error = give(&admin, binding(UNIT, "roles/viewer", "users/dev")).await.unwrap_err();
    assert_eq!(
        (error.reason, error.metadata["name"].as_str()),
        (Some(ErrorReason::AlreadyExists), first.name.as_str())
    );
    app.finish().await;
}

#[tokio::test]
async fn the_owner_of_a_unit_gives_roles_to_groups_of_that_unit_and_to_nothing_else() {
    let app = TestApp::start().await;
    app.unit("payments").await;
    let (admin, owner) = (app.as_admin().await, app.user("owner", &[("bu-owner", "sandbox")]).await);
    let ours = make_group(&owner, UNIT, "ours").await;
    let theirs = make_group(&admin, "businessUnits/payments", "theirs").await;
    let wide = make_group(&admin, "", "wide").await;
    let given = bind(&owner, UNIT, "roles/developer", &ours).await;
    assert_eq!(list(&owner, UNIT, "").await.unwrap().len(), 1 + 1, "the group's and the owner's own");
    let denied = Some(ErrorReason::AccessDenied);
    for request in [
        binding("", "roles/viewer", &wide),
        binding("", "roles/viewer", &ours),
        binding("businessUnits/payments", "roles/viewer", &theirs),
        binding("businessUnits/never-was", "roles/viewer", &theirs),
        binding(UNIT, "roles/viewer", &theirs),
        binding(UNIT, "roles/viewer", &wide),
        binding(UNIT, "roles/viewer", "users/dev"),
        binding(UNIT, "roles/bu-owner", "users/owner"),
    ] {
        let error = give(&owner, request.clone()).await.unwrap_err();
        assert_eq!((error.code, error.reason), (Code::PermissionDenied, denied), "{request:?}: {error:?}");
    }
    // A platform role in a unit is wrong whoever asks.
    assert_eq!(
        fields(&give(&owner, binding(UNIT, "roles/platform-admin", &ours)).await.unwrap_err()),
        ["role_binding.role"]
    );
    // And the group of another unit has no roles here, not even by the administrator.
    assert_eq!(
        fields(&give(&admin, binding(UNIT, "roles/viewer", &theirs)).await.unwrap_err()),
        ["role_binding.subject"]
    );

    let of_dev = bind(&admin, UNIT, "roles/viewer", "users/dev").await;
    assert_eq!(take(&owner, &of_dev).await.unwrap_err().reason, denied);
    let elsewhere = bind(&admin, "businessUnits/payments", "roles/viewer", &theirs).await;
    assert_eq!(take(&owner, &elsewhere).await.unwrap_err().reason, denied);
    take(&owner, &given).await.unwrap();
    assert_eq!(list(&owner, "", "").await.unwrap_err().reason, denied);
    assert_eq!(list(&owner, "businessUnits/payments", "").await.unwrap_err().reason, denied);
    let seen = list(&owner, "businessUnits/-", "").await.unwrap();
    assert!(seen.iter().all(|it| it.name.starts_with(UNIT)), "{seen:?}");
    app.finish().await;
}

#[tokio::test]
async fn two_groups_give_the_union_and_what_one_denies_nobody_has() {
    let app = TestApp::start().await;
    let (admin, who) = (app.as_admin().await, app.user("who", &[]).await);
    let reader = make_role(&admin, "reader").await;
    let [one, two] = [make_group(&admin, "", "one").await, make_group(&admin, "", "two").await];
    bind(&admin, "", "roles/viewer", &one).await;
    bind(&admin, UNIT, "roles/it-engineer", &two).await;
    for group in [&one, &two] {
        add_to_group(&admin, group, "users/who").await.unwrap();
    }
    let holds = |slug: &'static str| {
        let who = who.clone();
        async move {
            let held = who.access().get_my_permissions(pb::GetMyPermissionsRequest {}).await.unwrap().into_inner();
            let unit = held.scopes.into_iter().find(|scope| scope.scope == UNIT);
            unit.is_some_and(|scope| scope.permissions.iter().any(|held| held.permission == slug))
        }
    };
    let eventually = async |slug, wanted: bool| {
        crate::support::wait_for("grants hold", async || (holds(slug).await == wanted).then_some(())).await;
    };
    eventually("business_unit:jobs:read", true).await;
    eventually("business_unit:jobs:cancel", true).await;
    let deny = changed(binding("", &reader, &one), |it| it.effect = pb::RoleBindingEffect::Deny.into());
    let deny = give(&admin, deny).await.unwrap();
    eventually("business_unit:jobs:read", false).await;
    assert!(holds("business_unit:jobs:cancel").await);
    take(&admin, &deny.name).await.unwrap();
    eventually("business_unit:jobs:read", true).await;
    let out = pb::RemoveGroupMemberRequest { name: two, user: "users/who".into(), ..Default::default() };
    admin.groups().remove_group_member(out).await.unwrap();
    eventually("business_unit:jobs:cancel", false).await;
    app.finish().await;
}
