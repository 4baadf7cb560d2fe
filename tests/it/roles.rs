//! Roles: what they can hold, who may change them, what keeps them from being deleted.

use std::collections::BTreeSet;

use flagstone_api::pb::{self, ErrorReason};
use flagstone_core::access::{Permission, role_templates};

use crate::support::authority::{bind, binding, make_role, role};
use crate::support::{Caller, Code, Error, TestApp};

async fn create(caller: &Caller, id: &str, role: pb::Role) -> Result<pb::Role, Error> {
    let request = pb::CreateRoleRequest { role_id: id.into(), role: Some(role), ..Default::default() };
    caller.roles().create_role(request).await.map(tonic::Response::into_inner).map_err(Error::from)
}

async fn get(caller: &Caller, name: &str) -> Result<pb::Role, Error> {
    let answer = caller.roles().get_role(pb::GetRoleRequest { name: name.into() }).await;
    answer.map(tonic::Response::into_inner).map_err(Error::from)
}

async fn update(caller: &Caller, role: pb::Role) -> Result<pb::Role, Error> {
    let answer = caller.roles().update_role(pb::UpdateRoleRequest { role: Some(role), ..Default::default() }).await;
    answer.map(tonic::Response::into_inner).map_err(Error::from)
}

async fn delete(caller: &Caller, name: &str) -> Result<pb::DeleteRoleResponse, Error> {
    let answer = caller.roles().delete_role(pb::DeleteRoleRequest { name: name.into(), ..Default::default() }).await;
    answer.map(tonic::Response::into_inner).map_err(Error::from)
}

fn fields(error: &Error) -> Vec<&str> {
    error.violations.fields.iter().map(|wrong| wrong.field.as_str()).collect()
}

#[tokio::test]
async fn the_registry_and_the_roles_that_ship_are_told_to_everybody_as_they_are_compiled() {
    let app = TestApp::start().await;
    let nobody = app.user("nobody", &[]).await;
    let listed = nobody.roles().list_permissions(pb::ListPermissionsRequest {}).await.unwrap().into_inner().permissions;
    let slugs: Vec<&str> = listed.iter().map(|permission| permission.slug.as_str()).collect();
    assert_eq!(slugs, Permission::all().map(Permission::slug).collect::<Vec<_>>());
    for permission in &listed {
        assert!(permission.scope != 0 && !permission.icon.is_empty(), "{permission:?}");
        assert!(!permission.display_name.is_empty() && permission.description.ends_with('.'), "{permission:?}");
        let tier = if permission.tier.is_empty() { String::new() } else { format!(":{}", permission.tier) };
        let end =
            format!("{}:{}{tier}{}", permission.resource, permission.action, if permission.own { ":own" } else { "" });
        assert!(permission.slug.ends_with(&end) && !permission.category.is_empty(), "{permission:?}");
    }
    let templates =
        nobody.roles().list_role_templates(pb::ListRoleTemplatesRequest {}).await.unwrap().into_inner().role_templates;
    assert_eq!(templates.len(), role_templates().len());
    let admin = app.as_admin().await;
    for template in templates {
        let stored = get(&admin, &template.role).await.unwrap();
        assert!(stored.builtin, "{}", template.role);
        assert_eq!((&stored.permissions, stored.scope), (&template.permissions, template.scope), "{}", template.role);
        assert_eq!(stored.restriction, template.restriction);
        let without = ["roles/viewer", "roles/installation-operator"].contains(&template.role.as_str());
        assert_eq!(template.persona == 0, without, "{}", template.role);
    }
    app.finish().await;
}

#[tokio::test]
async fn a_role_of_ones_own_is_made_read_listed_changed_and_deleted() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    let made =
        create(&admin, "releasers", pb::Role { description: "Release.".into(), ..role("Releasers 100 %_") }).await;
    let made = made.unwrap();
    assert_eq!((made.name.as_str(), made.builtin, made.creator.as_str()), ("roles/releasers", false, "users/admin"));
    assert_eq!(made.restriction(), pb::RoleRestriction::None);
    let list = |filter: &str| pb::ListRolesRequest { filter: filter.into(), ..Default::default() };
    let found = admin.roles().list_roles(list("display_name:\"0 %_\" AND NOT builtin = true")).await.unwrap();
    assert_eq!(found.into_inner().roles, std::slice::from_ref(&made));
    let units = admin.roles().list_roles(list("scope = BUSINESS_UNIT")).await.unwrap().into_inner().roles;
    assert!(units.len() > 4 && units.iter().all(|role| role.scope() == pb::RoleScope::BusinessUnit));

    let changed = pb::Role {
        permissions: vec!["business_unit:jobs:list".into(), "business_unit:jobs:read".into()],
        restriction: pb::RoleRestriction::OwnTeam.into(),
        display_name: String::new(),
        ..made.clone()
    };
    let changed = update(&admin, changed).await.unwrap();
    assert_eq!(changed.permissions, ["business_unit:jobs:list", "business_unit:jobs:read"]);
    assert_eq!(
        (changed.display_name.as_str(), changed.restriction()),
        ("Releasers 100 %_", pb::RoleRestriction::OwnTeam)
    );
    let error = update(&admin, pb::Role { display_name: "Late".into(), ..made }).await.unwrap_err();
    assert_eq!(error.reason, Some(ErrorReason::EtagMismatch));
    delete(&admin, "roles/releasers").await.unwrap();
    assert_eq!(get(&admin, "roles/releasers").await.unwrap_err().code, Code::NotFound);
    app.finish().await;
}

#[tokio::test]
async fn what_a_role_cannot_be_is_told_field_by_field() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    let hostile = pb::Role {
        display_name: "pay\u{202e}stnem".into(),
        description: "a\0b".into(),
        permissions: vec![
            "platform:audit:read".into(),
            "user:profile:read".into(),
            "business_unit:moons:land".into(),
            "%".into(),
        ],
        ..role("")
    };
    let error = create(&admin, "Role_1", hostile).await.unwrap_err();
    assert_eq!((error.code, error.reason), (Code::InvalidArgument, Some(ErrorReason::FieldInvalid)));
    assert_eq!(
        fields(&error),
        [
            "role_id",
            "role.display_name",
            "role.description",
            "role.permissions[0]",
            "role.permissions[1]",
            "role.permissions[2]",
            "role.permissions[3]"
        ]
    );
    let unscoped = pb::Role { scope: 0, restriction: 77, permissions: Vec::new(), ..role("x") };
    let error = create(&admin, "unscoped", unscoped).await.unwrap_err();
    assert_eq!(fields(&error), ["role.scope", "role.restriction", "role.permissions"]);
    let operators = pb::Role { scope: pb::RoleScope::Installation.into(), ..role("x") };
    assert_eq!(fields(&create(&admin, "operators", operators).await.unwrap_err()), ["role.scope"]);

    create(&admin, "jobs", role("Jobs")).await.unwrap();
    let error = create(&admin, "jobs", role("Others")).await.unwrap_err();
    assert_eq!((error.code, error.reason), (Code::AlreadyExists, Some(ErrorReason::AlreadyExists)));
    let error = create(&admin, "others", role("JOBS")).await.unwrap_err();
    assert_eq!((error.code, error.reason), (Code::AlreadyExists, Some(ErrorReason::AlreadyExists)));
    assert!(error.message.contains("display name"), "{}", error.message);
    let masked = pb::UpdateRoleRequest {
        role: Some(pb::Role { name: "roles/jobs".into(), ..role("x") }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["scope".into(), "builtin".into()] }),
        ..Default::default()
    };
    let error = Error::from(admin.roles().update_role(masked).await.unwrap_err());
    assert_eq!(fields(&error), ["update_mask"]);
    app.finish().await;
}

#[tokio::test]
async fn a_role_that_ships_stays_as_it_is_and_can_be_copied() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    let viewer = get(&admin, "roles/viewer").await.unwrap();
    let error = update(&admin, pb::Role { display_name: "Onlooker".into(), ..viewer.clone() }).await.unwrap_err();
    assert_eq!((error.code, error.reason), (Code::FailedPrecondition, Some(ErrorReason::WrongState)));
    let error = delete(&admin, "roles/viewer").await.unwrap_err();
    assert_eq!((error.code, error.reason), (Code::FailedPrecondition, Some(ErrorReason::WrongState)));
    let copy = pb::Role { name: String::new(), display_name: "Onlooker".into(), ..viewer.clone() };
    let copy = create(&admin, "onlooker", copy).await.unwrap();
    assert_eq!((copy.permissions, copy.builtin), (viewer.permissions, false));
    app.finish().await;
}

#[tokio::test]
async fn a_role_in_use_is_not_deleted_and_says_what_uses_it() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    let role = make_role(&admin, "watchers").await;
    let binding = bind(&admin, "businessUnits/sandbox", &role, "users/dev").await;
    let policies = admin.approval_policies().list_approval_policies(pb::ListApprovalPoliciesRequest::default()).await;
    let mut policy = policies.unwrap().into_inner().approval_policies.remove(0);
    policy.stages[0].approvers.push(role.clone());
    let change = pb::UpdateApprovalPolicyRequest {
        approval_policy: Some(policy.clone()),
        update_mask: Some(prost_types::FieldMask { paths: vec!["stages".into()] }),
        ..Default::default()
    };
    admin.approval_policies().update_approval_policy(change).await.unwrap();

    let uses = get(&admin, &role).await.unwrap().uses.unwrap();
    assert_eq!((uses.role_bindings, uses.members, uses.invitations, uses.approval_policies), (1, 0, 0, 1));
    let names: BTreeSet<&str> = uses.first.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, BTreeSet::from([binding.as_str(), policy.name.as_str()]));
    assert_eq!((uses.first[0].subject.as_str(), uses.first[0].scope.as_str()), ("users/dev", "businessUnits/sandbox"));
    let members = get(&admin, "roles/developer").await.unwrap().uses.unwrap();
    assert_eq!((members.members, members.first[0].name.as_str()), (1, "businessUnits/sandbox/members/dev"));

    let error = delete(&admin, &role).await.unwrap_err();
    assert_eq!((error.code, error.reason), (Code::FailedPrecondition, Some(ErrorReason::InUse)));
    assert_eq!((error.metadata["role_bindings"].as_str(), error.metadata["approval_policies"].as_str()), ("1", "1"));
    assert!(error.metadata["uses"].contains(&binding) && error.metadata["uses"].contains(&policy.name));
    app.finish().await;
}

#[tokio::test]
async fn roles_are_for_who_manages_roles() {
    let app = TestApp::start().await;
    let dev = app.as_dev().await;
    for error in [
        get(&dev, "roles/viewer").await.unwrap_err(),
        get(&dev, "roles/never-was").await.unwrap_err(),
        create(&dev, "mine", role("Mine")).await.unwrap_err(),
        update(&dev, pb::Role { name: "roles/viewer".into(), ..role("Mine") }).await.unwrap_err(),
        delete(&dev, "roles/viewer").await.unwrap_err(),
    ] {
        assert_eq!((error.code, error.reason), (Code::PermissionDenied, Some(ErrorReason::AccessDenied)), "{error:?}");
        assert!(error.metadata.contains_key("decision_id"));
    }
    let refused = dev.roles().create_role_binding(binding("", "roles/viewer", "users/dev")).await;
    assert_eq!(Error::from(refused.unwrap_err()).reason, Some(ErrorReason::AccessDenied));
    app.finish().await;
}
