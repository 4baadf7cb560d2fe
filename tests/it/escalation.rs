//! Ways by which somebody could come to more than they hold, or leave nobody who administers. Each is refused, is audited
//! and changes nothing.

use std::time::{Duration, SystemTime};

use flagstone_api::pb::{self, ErrorReason};

use crate::support::authority::{add_to_group, bind, binding, make_group, make_role, role};
use crate::support::database::{one, run};
use crate::support::{Caller, Code, Error, TestApp};

const UNIT: &str = "businessUnits/sandbox";
const OPERATOR: &str = "roles/installation-operator";

async fn give(caller: &Caller, request: pb::CreateRoleBindingRequest) -> Result<pb::RoleBinding, Error> {
    let answer = caller.roles().create_role_binding(request).await;
    answer.map(tonic::Response::into_inner).map_err(Error::from)
}

async fn take(caller: &Caller, name: &str) -> Result<(), Error> {
    let request = pb::DeleteRoleBindingRequest { name: name.into(), ..Default::default() };
    caller.roles().delete_role_binding(request).await.map(drop).map_err(Error::from)
}

/// The binding of a role to somebody in the organization.
async fn binding_of(caller: &Caller, role: &str, subject: &str) -> String {
    let filter = format!("role = \"{role}\" AND subject = \"{subject}\"");
    let request = pb::ListRoleBindingsRequest { filter, ..Default::default() };
    // Who has just become an administrator is seen as one within a second.
    let listed = crate::support::wait_for("the binding is listed", async || {
        caller.roles().list_role_bindings(request.clone()).await.ok()
    });
    listed.await.into_inner().role_bindings.remove(0).name
}

/// Somebody who manages roles, bindings and groups of the organization and holds nothing else.
async fn manager(app: &TestApp) -> Caller {
    let admin = app.as_admin().await;
    let permissions = [
        "platform:roles:list",
        "platform:roles:create",
        "platform:roles:read",
        "platform:roles:update",
        "platform:roles:delete",
        "platform:role_bindings:list",
        "platform:role_bindings:create",
        "platform:role_bindings:delete",
        "platform:groups:read",
        "platform:groups:create",
        "platform:groups:delete",
        "platform:groups:manage_members",
    ];
    let manages = pb::Role {
        scope: pb::RoleScope::Platform.into(),
        permissions: permissions.map(str::to_owned).to_vec(),
        ..role("Manager")
    };
    let request = pb::CreateRoleRequest { role_id: "manager".into(), role: Some(manages), ..Default::default() };
    admin.roles().create_role(request).await.unwrap();
    app.user("manager", &[("manager", "")]).await
}

fn denied(error: &Error, permission: &str) {
    assert_eq!((error.code, error.reason), (Code::PermissionDenied, Some(ErrorReason::AccessDenied)), "{error:?}");
    assert_eq!(error.metadata["permission"], permission, "{error:?}");
    assert!(error.metadata.contains_key("decision_id"), "{error:?}");
}

fn last_admin(error: &Error) {
    assert_eq!((error.code, error.reason), (Code::FailedPrecondition, Some(ErrorReason::LastAdmin)), "{error:?}");
}

#[tokio::test]
async fn nobody_gives_what_they_do_not_hold_by_a_role_or_its_update() {
    let app = TestApp::start().await;
    let (admin, manager) = (app.as_admin().await, manager(&app).await);
    let create =
        |id: &str, role: pb::Role| pb::CreateRoleRequest { role_id: id.into(), role: Some(role), ..Default::default() };
    let refused = manager.roles().create_role(create("strong", role("Strong"))).await;
    denied(&Error::from(refused.unwrap_err()), "business_unit:jobs:read");

    // The own role, and one that somebody stronger made.
    let jobs = make_role(&admin, "jobs").await;
    let audit = vec!["platform:roles:list".to_owned(), "platform:audit:read".to_owned()];
    for (name, permission) in [("roles/manager", "platform:audit:read"), (jobs.as_str(), "business_unit:jobs:read")] {
        let stronger = pb::Role { name: name.into(), permissions: audit.clone(), ..Default::default() };
        let stronger = match name {
            "roles/manager" => stronger,
            // What the role held counts too: taking it out of a DENY would give it.
            _ => pb::Role { permissions: vec!["business_unit:jobs:list".into()], ..stronger },
        };
        let request = pb::UpdateRoleRequest { role: Some(stronger), ..Default::default() };
        let error = Error::from(manager.roles().update_role(request.clone()).await.unwrap_err());
        assert_eq!(error.reason, Some(ErrorReason::AccessDenied), "{error:?}");
        if name == "roles/manager" {
            denied(&error, permission);
        }
        let dry = pb::UpdateRoleRequest { validate_only: true, ..request };
        assert_eq!(Error::from(manager.roles().update_role(dry).await.unwrap_err()).reason, error.reason);
    }
    // What one holds can be handed on.
    let weak = pb::Role {
        scope: pb::RoleScope::Platform.into(),
        permissions: vec!["platform:roles:list".into()],
        ..role("Weak")
    };
    manager.roles().create_role(create("weak", weak)).await.unwrap();
    app.finish().await;
}

#[tokio::test]
async fn nobody_gives_a_stronger_role_to_themself_to_others_or_by_a_group() {
    let app = TestApp::start().await;
    let (admin, manager) = (app.as_admin().await, manager(&app).await);
    let own = make_group(&manager, "", "own").await;
    add_to_group(&manager, &own, "users/manager").await.unwrap();
    for subject in ["users/manager", "users/me", "users/dev", own.as_str()] {
        let error = give(&manager, binding("", "roles/platform-admin", subject)).await.unwrap_err();
        assert_eq!(error.reason, Some(ErrorReason::AccessDenied), "{subject}: {error:?}");
        let error = give(&manager, binding(UNIT, "roles/viewer", subject)).await.unwrap_err();
        assert_eq!(error.reason, Some(ErrorReason::AccessDenied), "{subject}: {error:?}");
    }
    give(&manager, binding("", "roles/manager", &own)).await.unwrap();

    // To come into a group is to get its roles, wherever they are bound; the same for those of a unit.
    let strong = make_group(&admin, "", "strong").await;
    bind(&admin, UNIT, "roles/viewer", &strong).await;
    for user in ["users/manager", "users/me", "users/approver"] {
        let error = add_to_group(&manager, &strong, user).await.unwrap_err();
        assert_eq!((error.reason, error.metadata["scope"].as_str()), (Some(ErrorReason::AccessDenied), UNIT), "{user}");
    }
    app.finish().await;
}

#[tokio::test]
async fn the_owner_of_a_unit_gets_nothing_beyond_the_unit() {
    let app = TestApp::start().await;
    let (admin, owner) = (app.as_admin().await, app.user("owner", &[("bu-owner", "sandbox")]).await);
    let crew = make_group(&owner, UNIT, "crew").await;
    add_to_group(&owner, &crew, "users/dev").await.unwrap();
    // A group of the unit that the administrator gave something of the organization.
    run(
        &app.sql,
        "INSERT INTO role_bindings (id, organization_id, role_id, subject_kind, subject_id, creator)
         SELECT gen_random_uuid(), g.organization_id, r.id, 'GROUP', g.id, 'system'
         FROM groups g JOIN roles r USING (organization_id) WHERE g.slug = 'crew' AND r.slug = 'platform-admin'",
    )
    .await;
    let error = add_to_group(&owner, &crew, "users/approver").await.unwrap_err();
    assert_eq!(error.reason, Some(ErrorReason::AccessDenied), "{error:?}");
    add_to_group(&admin, &crew, "users/approver").await.unwrap();
    app.finish().await;
}

#[tokio::test]
async fn what_is_denied_to_somebody_they_cannot_lift() {
    let app = TestApp::start().await;
    let (admin, manager) = (app.as_admin().await, manager(&app).await);
    let deny = |role: &str, subject: &str| {
        let mut request = binding("", role, subject);
        request.role_binding.as_mut().unwrap().effect = pb::RoleBindingEffect::Deny.into();
        request
    };
    let jobs = make_role(&admin, "jobs").await;
    let crew = make_group(&admin, "", "crew").await;
    let of_user = give(&admin, deny(&jobs, "users/manager")).await.unwrap().name;
    give(&admin, deny(&jobs, &crew)).await.unwrap();
    add_to_group(&admin, &crew, "users/manager").await.unwrap();
    denied(&take(&manager, &of_user).await.unwrap_err(), "business_unit:jobs:read");
    let out = pb::RemoveGroupMemberRequest { name: crew.clone(), user: "users/me".into(), ..Default::default() };
    let refused = manager.groups().remove_group_member(out).await;
    denied(&Error::from(refused.unwrap_err()), "business_unit:jobs:read");
    let whole = pb::DeleteGroupRequest { name: crew, ..Default::default() };
    let refused = manager.groups().delete_group(whole).await;
    denied(&Error::from(refused.unwrap_err()), "business_unit:jobs:read");
    app.finish().await;
}

#[tokio::test]
async fn what_is_held_for_the_own_team_only_is_not_handed_on() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    let narrow = pb::Role {
        permissions: vec!["business_unit:jobs:cancel".into()],
        restriction: pb::RoleRestriction::OwnTeam.into(),
        ..role("Narrow")
    };
    let updater = pb::Role { permissions: vec!["business_unit:groups:update".into()], ..role("Updater") };
    for (id, role) in [("narrow", narrow), ("updater", updater)] {
        let request = pb::CreateRoleRequest { role_id: id.into(), role: Some(role), ..Default::default() };
        admin.roles().create_role(request).await.unwrap();
    }
    let crew = make_group(&admin, UNIT, "crew").await;
    let narrow = app.user("narrow", &[("narrow", "sandbox"), ("updater", "sandbox")]).await;
    give(&narrow, binding(UNIT, "roles/updater", &crew)).await.unwrap();
    denied(&give(&narrow, binding(UNIT, "roles/narrow", &crew)).await.unwrap_err(), "business_unit:jobs:cancel");
    app.finish().await;
}

#[tokio::test]
async fn the_last_administrator_is_not_unbound_denied_or_given_an_end() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    let role = "roles/platform-admin";
    let first = binding_of(&admin, role, "users/admin").await;
    last_admin(&take(&admin, &first).await.unwrap_err());
    let dry = pb::DeleteRoleBindingRequest { name: first.clone(), validate_only: true, ..Default::default() };
    last_admin(&Error::from(admin.roles().delete_role_binding(dry).await.unwrap_err()));

    // A second one that ends, or holds on a condition, is none to rely on.
    app.user("second", &[]).await;
    let mut ends = binding("", role, "users/second");
    ends.role_binding.as_mut().unwrap().expire_time = Some((SystemTime::now() + Duration::from_secs(3600)).into());
    give(&admin, ends).await.unwrap();
    let mut conditional = binding("", role, "users/second");
    conditional.role_binding.as_mut().unwrap().condition = "object.own".into();
    give(&admin, conditional).await.unwrap();
    last_admin(&take(&admin, &first).await.unwrap_err());

    // Nor one who is not active.
    let inactive = bind(&admin, "", role, "users/second").await;
    run(&app.sql, "UPDATE users SET active = false WHERE username = 'second'").await;
    last_admin(&take(&admin, &first).await.unwrap_err());
    run(&app.sql, "UPDATE users SET active = true WHERE username = 'second'").await;
    take(&admin, &inactive).await.unwrap();

    // A DENY would do the same; one that leaves the organization's permissions alone would not.
    let deny = |role: &str| {
        let mut request = binding("", role, "users/admin");
        request.role_binding.as_mut().unwrap().effect = pb::RoleBindingEffect::Deny.into();
        request
    };
    last_admin(&give(&admin, deny(role)).await.unwrap_err());
    let jobs = make_role(&admin, "jobs").await;
    give(&admin, deny(&jobs)).await.unwrap();
    let count: i64 = one(&app.sql, "SELECT count(*) FROM role_bindings WHERE effect = 'DENY'").await;
    assert_eq!(count, 1);
    app.finish().await;
}

#[tokio::test]
async fn the_last_administrator_by_a_group_stays_in_it() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    let role = "roles/platform-admin";
    let admins = make_group(&admin, "", "admins").await;
    let by_group = bind(&admin, "", role, &admins).await;
    add_to_group(&admin, &admins, "users/admin").await.unwrap();
    take(&admin, &binding_of(&admin, role, "users/admin").await).await.unwrap();
    // Now the group is the only way.
    last_admin(&take(&admin, &by_group).await.unwrap_err());
    let out = pb::RemoveGroupMemberRequest { name: admins.clone(), user: "users/admin".into(), ..Default::default() };
    last_admin(&Error::from(admin.groups().remove_group_member(out.clone()).await.unwrap_err()));
    let whole = pb::DeleteGroupRequest { name: admins.clone(), ..Default::default() };
    last_admin(&Error::from(admin.groups().delete_group(whole).await.unwrap_err()));
    add_to_group(&admin, &admins, "users/dev").await.unwrap();
    admin.groups().remove_group_member(out).await.unwrap();
    app.finish().await;
}

#[tokio::test]
async fn two_administrators_who_unbind_each_other_at_once_leave_one() {
    let app = TestApp::start().await;
    let first = app.as_admin().await;
    let second = app.user("second", &[("platform-admin", "")]).await;
    for _ in 0..5 {
        let mine = binding_of(&first, "roles/platform-admin", "users/admin").await;
        let theirs = binding_of(&first, "roles/platform-admin", "users/second").await;
        let (one, two) = futures::join!(take(&first, &theirs), take(&second, &mine));
        assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
        // Whoever is left gives it back.
        let (left, gone) = if one.is_ok() { (&first, "users/second") } else { (&second, "users/admin") };
        crate::support::wait_for("the one who is left goes on", async || {
            give(left, binding("", "roles/platform-admin", gone)).await.ok()
        })
        .await;
    }
    app.finish().await;
}

/// Of the operators of the installation, whom only one of them makes.
fn last_operator(error: &Error) {
    last_admin(error);
    assert_eq!(error.metadata["role"], OPERATOR, "{error:?}");
}

#[tokio::test]
async fn the_last_operator_of_the_installation_stays() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    let second = app.user("second", &[("platform-admin", "")]).await;
    run(&app.sql, "UPDATE business_units SET owner_id = NULL").await;
    let first = binding_of(&admin, OPERATOR, "users/admin").await;
    last_operator(&take(&admin, &first).await.unwrap_err());
    let dry = pb::DeleteRoleBindingRequest { name: first.clone(), validate_only: true, ..Default::default() };
    last_operator(&Error::from(admin.roles().delete_role_binding(dry).await.unwrap_err()));
    // Another administrator could do without this one, the installation could not.
    last_operator(&second.set_active("users/admin", false).await.unwrap_err());
    last_operator(&second.delete_user("users/admin").await.unwrap_err());
    let mut deny = binding("", OPERATOR, "users/admin");
    deny.role_binding.as_mut().unwrap().effect = pb::RoleBindingEffect::Deny.into();
    last_operator(&give(&admin, deny).await.unwrap_err());

    // By a group: then the group, its binding and its member stay.
    let operators = make_group(&admin, "", "operators").await;
    let by_group = bind(&admin, "", OPERATOR, &operators).await;
    last_operator(&take(&admin, &first).await.unwrap_err());
    add_to_group(&admin, &operators, "users/admin").await.unwrap();
    take(&admin, &first).await.unwrap();
    last_operator(&take(&admin, &by_group).await.unwrap_err());
    let out =
        pb::RemoveGroupMemberRequest { name: operators.clone(), user: "users/admin".into(), ..Default::default() };
    last_operator(&Error::from(admin.groups().remove_group_member(out.clone()).await.unwrap_err()));
    let whole = pb::DeleteGroupRequest { name: operators.clone(), ..Default::default() };
    last_operator(&Error::from(admin.groups().delete_group(whole).await.unwrap_err()));

    // With another one who holds it for good, the first may go.
    add_to_group(&admin, &operators, "users/second").await.unwrap();
    admin.groups().remove_group_member(out).await.unwrap();
    second.delete_user("users/admin").await.unwrap();
    app.finish().await;
}

/// What never was cannot be taken: an installation without operators, and any organization but the default one, go on.
#[tokio::test]
async fn where_no_operator_is_none_has_to_stay() {
    let app = TestApp::start().await;
    let (admin, globex) = (app.as_admin().await, app.organization("globex").await);
    run(
        &app.sql,
        "DELETE FROM role_bindings WHERE role_id IN (SELECT id FROM roles WHERE slug = 'installation-operator')",
    )
    .await;
    app.grants_changed().await;
    for (caller, user) in [(&admin, "users/dev"), (&globex.admin, "users/globex-dev")] {
        let role = make_role(caller, "jobs").await;
        let made = bind(caller, "", &role, user).await;
        take(caller, &made).await.unwrap();
        caller.set_active(user, false).await.unwrap();
    }
    app.finish().await;
}

#[tokio::test]
async fn two_operators_who_remove_each_other_at_once_leave_one() {
    let app = TestApp::start().await;
    let first = app.as_admin().await;
    let second = app.user("second", &[("platform-admin", ""), ("installation-operator", "")]).await;
    run(&app.sql, "UPDATE business_units SET owner_id = NULL").await;
    for _ in 0..5 {
        let mine = binding_of(&first, OPERATOR, "users/admin").await;
        let theirs = binding_of(&first, OPERATOR, "users/second").await;
        let (one, two) = futures::join!(take(&first, &theirs), take(&second, &mine));
        assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
        let (left, gone) = if one.is_ok() { (&first, "users/second") } else { (&second, "users/admin") };
        crate::support::wait_for("the one who is left goes on", async || {
            give(left, binding("", OPERATOR, gone)).await.ok()
        })
        .await;
    }
    // The one takes the role, the other the account.
    let theirs = binding_of(&first, OPERATOR, "users/second").await;
    let (one, two) = futures::join!(take(&first, &theirs), second.set_active("users/admin", false));
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    assert_eq!(operators(&app).await, 1);
    app.finish().await;
}

/// How many active people operate the installation.
async fn operators(app: &TestApp) -> i64 {
    one(
        &app.sql,
        "SELECT count(*) FROM role_bindings b JOIN roles r ON r.id = b.role_id JOIN users u ON u.id = b.subject_id
         WHERE r.slug = 'installation-operator' AND u.active",
    )
    .await
}

#[tokio::test]
async fn a_refused_escalation_is_audited_and_changes_nothing() {
    let app = TestApp::start().await;
    let (admin, manager) = (app.as_admin().await, manager(&app).await);
    let before: String = one(&app.sql, "SELECT string_agg(id::text, ',' ORDER BY id) FROM role_bindings").await;
    let error = give(&manager, binding("", "roles/platform-admin", "users/manager")).await.unwrap_err();
    let filter = format!("correlation_id = \"{}\"", error.correlation_id.clone().unwrap_or_default());
    let request = pb::ListAuditEventsRequest { filter, ..Default::default() };
    let events = admin.audit().list_audit_events(request).await.unwrap().into_inner().audit_events;
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!((events[0].action.as_str(), events[0].principal.as_str()), ("role_binding.create", "users/manager"));
    assert!(events[0].name.ends_with(&error.metadata["decision_id"]), "{events:?}");
    let after: String = one(&app.sql, "SELECT string_agg(id::text, ',' ORDER BY id) FROM role_bindings").await;
    assert_eq!(before, after);
    app.finish().await;
}
