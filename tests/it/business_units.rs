//! Business units, their members, and what holds in one unit and not in another.

use flagstone_client::pb;
use flagstone_client::pb::ErrorReason;
use prost_types::FieldMask;

use crate::support::world::Cast;
use crate::support::{Caller, Code, Error, ScriptedRunner, TestApp, database};

fn unit(code: &str) -> pb::BusinessUnit {
    pb::BusinessUnit { code: code.into(), display_name: format!("Unit {code}"), ..Default::default() }
}

async fn create(caller: &Caller, unit: pb::BusinessUnit) -> Result<pb::BusinessUnit, Error> {
    let request = pb::CreateBusinessUnitRequest { business_unit: Some(unit), ..Default::default() };
    Ok(caller.business_units().create_business_unit(request).await?.into_inner())
}

async fn update(caller: &Caller, unit: pb::BusinessUnit, paths: &[&str]) -> Result<pb::BusinessUnit, Error> {
    let mask = FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() };
    let request =
        pb::UpdateBusinessUnitRequest { business_unit: Some(unit), update_mask: Some(mask), ..Default::default() };
    Ok(caller.business_units().update_business_unit(request).await?.into_inner())
}

async fn get(caller: &Caller, name: &str) -> Result<pb::BusinessUnit, Error> {
    let request = pb::GetBusinessUnitRequest { name: name.into() };
    Ok(caller.business_units().get_business_unit(request).await?.into_inner())
}

async fn delete(caller: &Caller, name: &str) -> Result<(), Error> {
    let request = pb::DeleteBusinessUnitRequest { name: name.into(), ..Default::default() };
    caller.business_units().delete_business_unit(request).await?;
    Ok(())
}

async fn add(caller: &Caller, parent: &str, who: &str, role: &str) -> Result<pb::BusinessUnitMember, Error> {
    let request = pb::AddBusinessUnitMemberRequest {
        parent: parent.into(),
        email: format!("{who}@flagstone.localhost"),
        role: role.into(),
        ..Default::default()
    };
    Ok(caller.business_units().add_business_unit_member(request).await?.into_inner())
}

async fn set_role(caller: &Caller, name: &str, role: &str) -> Result<pb::BusinessUnitMember, Error> {
    let member = pb::BusinessUnitMember { name: name.into(), role: role.into(), ..Default::default() };
    let request = pb::UpdateBusinessUnitMemberRequest { business_unit_member: Some(member), ..Default::default() };
    Ok(caller.business_units().update_business_unit_member(request).await?.into_inner())
}

async fn remove(caller: &Caller, name: &str) -> Result<pb::RemoveBusinessUnitMemberResponse, Error> {
    let request = pb::RemoveBusinessUnitMemberRequest { name: name.into(), ..Default::default() };
    Ok(caller.business_units().remove_business_unit_member(request).await?.into_inner())
}

async fn members(caller: &Caller, parent: &str) -> Result<Vec<pb::BusinessUnitMember>, Error> {
    let request = pb::ListBusinessUnitMembersRequest { parent: parent.into(), ..Default::default() };
    let mut members =
        caller.business_units().list_business_unit_members(request).await?.into_inner().business_unit_members;
    members.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(members)
}

/// Names of the units that a caller sees.
async fn units(caller: &Caller) -> Result<Vec<String>, Error> {
    let answer = caller.business_units().list_business_units(pb::ListBusinessUnitsRequest::default()).await?;
    let mut names: Vec<_> = answer.into_inner().business_units.into_iter().map(|unit| unit.name).collect();
    names.sort();
    Ok(names)
}

async fn roles_of(caller: &Caller, parent: &str) -> Vec<(String, String)> {
    let members = members(caller, parent).await.unwrap();
    members.into_iter().map(|member| (member.user, member.role)).collect()
}

fn fields(error: &Error) -> Vec<&str> {
    error.violations.fields.iter().map(|field| field.field.as_str()).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(user, role)| (format!("users/{user}"), format!("roles/{role}"))).collect()
}

#[tokio::test]
async fn a_unit_is_created_with_environments_and_an_owner_who_manages_it() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    app.user("ada", &[]).await;
    let made = create(&admin, pb::BusinessUnit { owner: "users/ada".into(), ..unit("Data-2") }).await.unwrap();
    assert_eq!((made.name.as_str(), made.code.as_str()), ("businessUnits/data-2", "Data-2"));
    assert_eq!((made.owner.as_str(), made.active, made.creator.as_str()), ("users/ada", true, "users/admin"));
    assert_eq!(get(&admin, &made.name).await.unwrap(), made);

    let request = pb::ListEnvironmentsRequest { parent: made.name.clone(), ..Default::default() };
    let environments = admin.environments().list_environments(request).await.unwrap().into_inner().environments;
    let names: Vec<_> = environments.iter().map(|environment| environment.name.as_str()).collect();
    assert_eq!(names, ["development", "staging", "production"].map(|id| format!("{}/environments/{id}", made.name)));

    // The owner has everything in the unit and nothing elsewhere.
    let ada = app.login("ada").await;
    assert_eq!(units(&ada).await.unwrap(), [made.name.as_str()]);
    assert_eq!(roles_of(&ada, &made.name).await, pairs(&[("ada", "bu-owner")]));
    assert!(members(&ada, &made.name).await.unwrap()[0].is_owner);
    add(&ada, &made.name, "dev", "roles/developer").await.unwrap();
    let refused = add(&ada, "businessUnits/sandbox", "ada", "roles/viewer").await.unwrap_err();
    assert_eq!(refused.reason, Some(ErrorReason::AccessDenied));
    let renamed = pb::BusinessUnit { name: made.name.clone(), display_name: "Data".into(), ..Default::default() };
    assert_eq!(update(&ada, renamed, &["display_name"]).await.unwrap().display_name, "Data");
    // Without an owner the caller is it.
    assert_eq!(create(&admin, unit("SOLO")).await.unwrap().owner, "users/admin");
    app.finish().await;
}

#[tokio::test]
async fn a_code_is_taken_once_ignoring_case_and_everything_wrong_is_told_at_once() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    create(&admin, unit("ENG")).await.unwrap();
    for code in ["ENG", "eng", "Eng"] {
        let refused = create(&admin, unit(code)).await.unwrap_err();
        assert_eq!((refused.code, refused.reason), (Code::AlreadyExists, Some(ErrorReason::AlreadyExists)));
        assert_eq!(refused.metadata["name"], "businessUnits/eng");
    }
    let long = "x".repeat(256);
    let wrong = pb::BusinessUnit {
        code: "1%_".into(),
        display_name: long.clone(),
        description: "x".repeat(1001),
        owner: "users/nobody".into(),
        ..Default::default()
    };
    let refused = create(&admin, wrong).await.unwrap_err();
    assert_eq!(
        fields(&refused),
        ["business_unit.code", "business_unit.display_name", "business_unit.description", "business_unit.owner"]
    );
    let huge = "x".repeat(3 * 1024 * 1024);
    for hostile in ["", " ", "a\0b", "a\nb", "pay\u{202e}stnem", &long, &huge] {
        let refused = create(&admin, pb::BusinessUnit { display_name: hostile.into(), ..unit("OPS") }).await;
        assert_eq!(fields(&refused.unwrap_err()), ["business_unit.display_name"]);
        let refused = create(&admin, pb::BusinessUnit { code: hostile.into(), ..unit("OPS") }).await;
        assert_eq!(fields(&refused.unwrap_err()), ["business_unit.code"]);
        let refused = add(&admin, "businessUnits/eng", hostile, "roles/viewer").await.unwrap_err();
        assert_eq!(fields(&refused), ["email"], "{}", refused.message);
    }
    // What looks odd and is a name all the same.
    let odd = create(&admin, pb::BusinessUnit { display_name: "100 %_ תשלומים".into(), ..unit("OPS") }).await.unwrap();
    assert_eq!(odd.display_name, "100 %_ תשלומים");
    app.finish().await;
}

#[tokio::test]
async fn only_owners_and_administrators_change_a_unit() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    let owner = app.user("owner", &[("bu-owner", "sandbox")]).await;
    let (dev, nobody) = (app.as_dev().await, app.user("nobody", &[]).await);
    app.unit("payments").await;
    let told = |name: &str| pb::BusinessUnit { name: name.into(), description: "Told.".into(), ..Default::default() };
    update(&owner, told("businessUnits/sandbox"), &["description"]).await.unwrap();
    update(&admin, told("businessUnits/payments"), &["description"]).await.unwrap();
    for (who, name) in
        [(&dev, "businessUnits/sandbox"), (&owner, "businessUnits/payments"), (&nobody, "businessUnits/sandbox")]
    {
        for refused in [update(who, told(name), &["description"]).await.map(drop), delete(who, name).await] {
            assert_eq!(refused.unwrap_err().reason, Some(ErrorReason::AccessDenied));
        }
        assert_eq!(create(who, unit("MINE")).await.unwrap_err().reason, Some(ErrorReason::AccessDenied));
    }
    let denied = add(&dev, "businessUnits/sandbox", "nobody", "roles/viewer").await.unwrap_err();
    assert_eq!(denied.reason, Some(ErrorReason::AccessDenied));
    assert_eq!(denied.metadata["permission"], "business_unit:business_units:manage_members");

    // A mutation names its unit.
    for parent in ["businessUnits/-", ""] {
        let refused = add(&admin, parent, "nobody", "roles/viewer").await.unwrap_err();
        assert_eq!((refused.code, refused.reason), (Code::InvalidArgument, Some(ErrorReason::BusinessUnitRequired)));
        let request = pb::CreateRequestRequest { parent: parent.into(), ..Default::default() };
        let refused = Error::from(dev.requests().create_request(request).await.unwrap_err());
        assert_eq!((refused.code, refused.reason), (Code::InvalidArgument, Some(ErrorReason::BusinessUnitRequired)));
    }
    let unknown = update(&admin, told("businessUnits/sandbox"), &["code", "description"]).await.unwrap_err();
    assert_eq!(fields(&unknown), ["update_mask"]);
    app.finish().await;
}

#[tokio::test]
async fn the_role_of_the_owner_goes_with_the_ownership() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    for who in ["ada", "bob"] {
        app.user(who, &[]).await;
    }
    let made = create(&admin, pb::BusinessUnit { owner: "users/ada".into(), ..unit("ENG") }).await.unwrap();
    let (ada, bob) = (app.login("ada").await, app.login("bob").await);
    add(&ada, &made.name, "bob", "roles/developer").await.unwrap();
    // As the owner nobody is demoted or removed.
    for member in ["ada", "me"] {
        let name = format!("{}/members/{member}", made.name);
        for refused in [set_role(&ada, &name, "roles/viewer").await.map(drop), remove(&ada, &name).await.map(drop)] {
            let refused = refused.unwrap_err();
            assert_eq!((refused.code, refused.reason), (Code::FailedPrecondition, Some(ErrorReason::InUse)));
        }
    }
    let handed = pb::BusinessUnit { name: made.name.clone(), owner: "users/bob".into(), ..Default::default() };
    let handed = update(&ada, handed, &["owner"]).await.unwrap();
    assert_eq!(handed.owner, "users/bob");
    assert_eq!(roles_of(&bob, &made.name).await, pairs(&[("ada", "viewer"), ("bob", "bu-owner")]));
    // From this moment on.
    assert_eq!(add(&ada, &made.name, "dev", "roles/viewer").await.unwrap_err().reason, Some(ErrorReason::AccessDenied));
    remove(&bob, &format!("{}/members/ada", made.name)).await.unwrap();
    assert!(units(&ada).await.is_err(), "nothing is left to see");

    let to = |owner: &str| pb::BusinessUnit { name: made.name.clone(), owner: owner.into(), ..Default::default() };
    database::run(&app.sql, "UPDATE users SET active = false WHERE username = 'ada'").await;
    for wrong in ["", "users/nobody", "users/ada", "bob"] {
        assert_eq!(fields(&update(&bob, to(wrong), &["owner"]).await.unwrap_err()), ["business_unit.owner"], "{wrong}");
    }
    app.finish().await;
}

#[tokio::test]
async fn members_have_one_role_each_and_get_what_the_giver_holds() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    let owner = app.user("owner", &[("bu-owner", "sandbox")]).await;
    app.user("ada", &[]).await;
    let unit = "businessUnits/sandbox";
    let added = add(&owner, unit, "ADA", "roles/viewer").await.unwrap();
    assert_eq!((added.name.as_str(), added.user.as_str()), ("businessUnits/sandbox/members/ada", "users/ada"));
    assert_eq!((added.role.as_str(), added.user_active, added.is_owner), ("roles/viewer", true, false));
    let ada = app.login("ada").await;
    assert_eq!(units(&ada).await.unwrap(), [unit]);

    let again = add(&owner, unit, "ada", "roles/developer").await.unwrap_err();
    assert_eq!((again.code, again.reason), (Code::AlreadyExists, Some(ErrorReason::AlreadyExists)));
    assert_eq!(again.metadata["name"], added.name);
    // A platform role is beyond the owner, and no role of members for anybody.
    let denied = set_role(&owner, &added.name, "roles/platform-admin").await.unwrap_err();
    assert_eq!((denied.code, denied.reason), (Code::PermissionDenied, Some(ErrorReason::AccessDenied)));
    let refused = set_role(&admin, &added.name, "roles/platform-admin").await.unwrap_err();
    assert_eq!((refused.code, fields(&refused)), (Code::InvalidArgument, vec!["business_unit_member.role"]));
    assert_eq!(fields(&add(&admin, unit, "nobody", "roles/qqq").await.unwrap_err()), ["role", "email"]);
    let absent = set_role(&owner, &format!("{unit}/members/nobody"), "roles/viewer").await.unwrap_err();
    assert_eq!(absent.reason, Some(ErrorReason::NotFound));

    // Somebody who may manage members gives no more than they hold.
    database::run(
        &app.sql,
        "INSERT INTO roles (id, organization_id, slug, display_name, scope, permissions, creator)
         SELECT gen_random_uuid(), id, 'doorkeeper', 'Doorkeeper', 'BUSINESS_UNIT',
           ARRAY['business_unit:business_units:read', 'business_unit:business_units:manage_members'], 'system'
         FROM organizations",
    )
    .await;
    let keeper = app.user("keeper", &[("doorkeeper", "sandbox")]).await;
    for role in ["roles/bu-owner", "roles/developer", "roles/viewer"] {
        let denied = set_role(&keeper, &added.name, role).await.unwrap_err();
        assert_eq!(denied.reason, Some(ErrorReason::AccessDenied), "{role}");
    }
    assert_eq!(set_role(&keeper, &added.name, "roles/doorkeeper").await.unwrap().role, "roles/doorkeeper");
    assert_eq!(assignable(&keeper).await, ["roles/doorkeeper"]);
    let of_owner = assignable(&owner).await;
    assert!(of_owner.contains(&"roles/bu-owner".into()) && !of_owner.contains(&"roles/platform-admin".into()));
    assert_eq!(assignable(&admin).await, of_owner);

    remove(&owner, &added.name).await.unwrap();
    assert_eq!(remove(&owner, &added.name).await.unwrap_err().reason, Some(ErrorReason::NotFound));
    assert!(units(&ada).await.is_err());
    app.finish().await;
}

async fn assignable(caller: &Caller) -> Vec<String> {
    let request = pb::ListAssignableRolesRequest { parent: "businessUnits/sandbox".into() };
    let answer = caller.business_units().list_assignable_roles(request).await.unwrap().into_inner();
    answer.roles.into_iter().map(|role| role.role).collect()
}

#[tokio::test]
async fn a_member_shows_every_role_that_holds_and_leaves_the_groups_of_the_unit() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    app.unit("payments").await;
    app.user("ada", &[("viewer", ""), ("it-engineer", "payments")]).await;
    add(&admin, "businessUnits/sandbox", "ada", "roles/developer").await.unwrap();
    for (group, unit, role) in
        [("pagers", "sandbox", "sre"), ("everybody", "", "bu-owner"), ("payers", "payments", "sre")]
    {
        database::run(
            &app.sql,
            &format!(
                "INSERT INTO roles (id, organization_id, slug, display_name, scope, permissions, creator)
                   SELECT gen_random_uuid(), id, 'sre', 'SRE', 'BUSINESS_UNIT', '{{}}', 'system' FROM organizations
                   ON CONFLICT DO NOTHING;
                 INSERT INTO groups (id, organization_id, business_unit_id, slug, display_name, creator)
                   SELECT gen_random_uuid(), o.id, b.id, '{group}', '{group}', 'system'
                   FROM organizations o LEFT JOIN business_units b ON b.slug = '{unit}';
                 INSERT INTO group_members (organization_id, group_id, user_id, creator)
                   SELECT g.organization_id, g.id, u.id, 'system' FROM groups g, users u
                   WHERE g.slug = '{group}' AND u.username = 'ada';
                 INSERT INTO role_bindings (id, organization_id, role_id, subject_kind, subject_id, business_unit_id, creator)
                   SELECT gen_random_uuid(), g.organization_id, r.id, 'GROUP', g.id, g.business_unit_id, 'system'
                   FROM groups g, roles r WHERE g.slug = '{group}' AND r.slug = '{role}'"
            ),
        )
        .await;
    }
    let found = members(&admin, "businessUnits/sandbox").await.unwrap();
    let ada = found.iter().find(|member| member.user == "users/ada").unwrap();
    let told: Vec<_> = ada
        .effective_roles
        .iter()
        .map(|role| (role.role.as_str(), role.group.as_str(), role.organization_wide))
        .collect();
    assert_eq!(
        told,
        [
            ("roles/developer", "", false),
            ("roles/bu-owner", "groups/everybody", true),
            ("roles/sre", "businessUnits/sandbox/groups/pagers", false),
            ("roles/viewer", "", true),
        ]
    );
    let left = remove(&admin, &ada.name).await.unwrap();
    assert_eq!(left.groups, ["businessUnits/sandbox/groups/pagers"]);
    let in_groups = "SELECT count(*) FROM group_members";
    assert_eq!(database::one::<i64>(&app.sql, in_groups).await, 2, "groups of others and of the organization stay");
    app.finish().await;
}

#[tokio::test]
async fn the_same_call_is_allowed_in_one_unit_and_denied_in_another() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    for code in ["ENG", "OPS", "HR"] {
        create(&admin, unit(code)).await.unwrap();
    }
    app.user("ada", &[]).await;
    add(&admin, "businessUnits/eng", "ada", "roles/bu-owner").await.unwrap();
    add(&admin, "businessUnits/ops", "ada", "roles/viewer").await.unwrap();
    let ada = app.login("ada").await;
    assert_eq!(units(&ada).await.unwrap(), ["businessUnits/eng", "businessUnits/ops"]);
    assert_eq!(units(&admin).await.unwrap().len(), 4, "an administrator sees all");
    add(&ada, "businessUnits/eng", "dev", "roles/viewer").await.unwrap();
    assert!(members(&ada, "businessUnits/ops").await.is_ok());
    for (parent, reads) in [("businessUnits/ops", true), ("businessUnits/hr", false), ("businessUnits/qq", false)] {
        let denied = add(&ada, parent, "dev", "roles/viewer").await.unwrap_err();
        assert_eq!(denied.reason, Some(ErrorReason::AccessDenied), "{parent}");
        assert_eq!(members(&ada, parent).await.is_ok(), reads, "{parent}");
        // Lists over all units show those of the caller and nothing else.
    }
    let request = pb::ListEnvironmentsRequest { parent: "businessUnits/-".into(), ..Default::default() };
    let environments = ada.environments().list_environments(request).await.unwrap().into_inner().environments;
    assert_eq!(environments.len(), 6);
    assert!(environments.iter().all(|found| !found.name.contains("/hr/") && !found.name.contains("/sandbox/")));
    app.finish().await;
}

#[tokio::test]
async fn an_inactive_unit_takes_no_new_requests() {
    let app = TestApp::start().await;
    let runner = ScriptedRunner::start(&app).await;
    let cast = Cast::of(&app).await;
    let pending = cast.pending(&runner, "waits").await;
    let switch = |active| pb::BusinessUnit { name: cast.unit.clone(), active, ..Default::default() };
    assert!(!update(&cast.admin, switch(false), &["active"]).await.unwrap().active);
    let refused = cast.dev.requests().create_request(cast.request(cast.create_payload("development", "late"))).await;
    let refused = Error::from(refused.unwrap_err());
    assert_eq!(
        (refused.code, refused.reason),
        (Code::FailedPrecondition, Some(ErrorReason::WrongState)),
        "{refused:?}"
    );
    // What is there can be read and ended.
    let cancel = pb::CancelRequestRequest { name: pending.name, reason: "Closing.".into(), ..Default::default() };
    cast.admin.requests().cancel_request(cancel).await.unwrap();
    update(&cast.admin, switch(true), &["active"]).await.unwrap();
    cast.create(&cast.dev, "development", "in-time").await;
    drop(runner);
    app.finish_with_jobs().await;
}

#[tokio::test]
async fn a_unit_goes_when_it_is_empty_and_its_history_stays() {
    let app = TestApp::start().await;
    let runner = ScriptedRunner::start(&app).await;
    let cast = Cast::of(&app).await;
    let pending = cast.pending(&runner, "waits").await;
    let refused = delete(&cast.admin, &cast.unit).await.unwrap_err();
    assert_eq!((refused.code, refused.reason), (Code::FailedPrecondition, Some(ErrorReason::InUse)));
    assert_eq!(refused.metadata["deployments"], "1");
    let cancel = pb::CancelRequestRequest { name: pending.name.clone(), reason: "No.".into(), ..Default::default() };
    cast.admin.requests().cancel_request(cancel).await.unwrap();
    let settings = pb::OrganizationSettings { default_business_unit: cast.unit.clone(), ..Default::default() };
    let settings =
        pb::UpdateOrganizationSettingsRequest { organization_settings: Some(settings), ..Default::default() };
    cast.admin.organizations().update_organization_settings(settings).await.unwrap();
    let owner = app.user("owner", &[("bu-owner", "sandbox")]).await;

    let stale = pb::DeleteBusinessUnitRequest { name: cast.unit.clone(), etag: "\"99\"".into(), ..Default::default() };
    let stale = Error::from(cast.admin.business_units().delete_business_unit(stale).await.unwrap_err());
    assert_eq!(stale.reason, Some(ErrorReason::EtagMismatch));
    delete(&owner, &cast.unit).await.unwrap();

    // Gone for everybody, with whatever anybody had in it.
    assert_eq!(get(&cast.admin, &cast.unit).await.unwrap_err().reason, Some(ErrorReason::NotFound));
    assert!(units(&cast.admin).await.unwrap().is_empty());
    for who in [&owner, &cast.dev] {
        assert_eq!(get(who, &cast.unit).await.unwrap_err().reason, Some(ErrorReason::AccessDenied));
    }
    for table in ["business_unit_members", "role_bindings WHERE business_unit_id IS NOT NULL"] {
        assert_eq!(database::one::<i64>(&app.sql, &format!("SELECT count(*) FROM {table}")).await, 0, "{table}");
    }
    let told = cast.admin.organizations().get_organization_settings(pb::GetOrganizationSettingsRequest {}).await;
    assert_eq!(told.unwrap().into_inner().default_business_unit, "");
    // Nothing happens in it any more.
    for refused in [
        add(&cast.admin, &cast.unit, "dev", "roles/viewer").await.map(drop),
        update(&cast.admin, pb::BusinessUnit { name: cast.unit.clone(), ..Default::default() }, &["active"])
            .await
            .map(drop),
        members(&cast.admin, &cast.unit).await.map(drop),
        delete(&cast.admin, &cast.unit).await,
    ] {
        assert_eq!(refused.unwrap_err().reason, Some(ErrorReason::NotFound));
    }
    let refused = cast.admin.requests().create_request(cast.request(cast.create_payload("development", "late"))).await;
    assert_eq!(Error::from(refused.unwrap_err()).reason, Some(ErrorReason::NotFound));
    let request = pb::ListEnvironmentsRequest { parent: "businessUnits/-".into(), ..Default::default() };
    let environments = cast.admin.environments().list_environments(request).await.unwrap().into_inner().environments;
    assert!(environments.is_empty(), "nothing can be ordered there: {environments:?}");
    // Its code is never given again.
    assert_eq!(create(&cast.admin, unit("Sandbox")).await.unwrap_err().reason, Some(ErrorReason::AlreadyExists));
    // Its history can be read by those whose roles hold everywhere.
    let requests = pb::ListRequestsRequest { parent: "businessUnits/-".into(), ..Default::default() };
    let requests = cast.admin.requests().list_requests(requests).await.unwrap().into_inner().requests;
    assert_eq!(requests.iter().map(|found| found.name.as_str()).collect::<Vec<_>>(), [pending.name.as_str()]);
    let get = pb::GetRequestRequest { name: pending.name.clone() };
    assert!(cast.admin.requests().get_request(get).await.is_ok());
    let filter = format!("business_unit = \"{}\"", cast.unit);
    let events = pb::ListAuditEventsRequest { filter, ..Default::default() };
    let events = cast.admin.audit().list_audit_events(events).await.unwrap().into_inner().audit_events;
    assert!(events.iter().any(|event| event.action == "business_unit.delete"), "{events:?}");
    assert!(events.iter().any(|event| event.action == "request.create"), "{events:?}");
    drop(runner);
    app.finish().await;
}

#[tokio::test]
async fn every_deployment_carries_the_code_of_its_unit_and_nobody_says_otherwise() {
    let app = TestApp::start().await;
    let runner = ScriptedRunner::start(&app).await;
    let cast = Cast::of(&app).await;
    let mut asked = cast.request(cast.create_payload("development", "tagged"));
    for key in ["business_unit", "Business_Unit"] {
        asked.request.as_mut().unwrap().tags.insert(key.into(), "OTHER".into());
        let refused = Error::from(cast.dev.requests().create_request(asked.clone()).await.unwrap_err());
        assert_eq!(fields(&refused), [format!("request.tags[{key}]")]);
        asked.request.as_mut().unwrap().tags.remove(key);
    }
    let made = cast.dev.requests().create_request(asked).await.unwrap().into_inner();
    let get = pb::GetDeploymentRequest { name: made.deployment };
    let deployment = cast.dev.deployments().get_deployment(get).await.unwrap().into_inner();
    assert_eq!(deployment.tags["business_unit"], "SANDBOX");
    drop(runner);
    app.finish_with_jobs().await;
}
