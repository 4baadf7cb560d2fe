//! Checks, explanations and who-can, one by one: what each says, refuses and never does.

use flagstone_api::pb::explain_access_request::About;
use flagstone_api::pb::{self, AccessObstacle, AccessReason, AccessStepKind, ErrorReason};

use crate::support::world::Cast;
use crate::support::{Caller, Code, Error, TestApp, database};

const UPDATE: &str = "business_unit:deployments:update:development";

async fn check(caller: &Caller, checks: &[(&str, &str)]) -> Result<Vec<pb::PermissionVerdict>, Error> {
    let checks = checks
        .iter()
        .map(|(permission, object)| pb::PermissionCheck {
            permission: (*permission).to_owned(),
            object: (*object).to_owned(),
        })
        .collect();
    Ok(caller.access().check_permissions(pb::CheckPermissionsRequest { checks }).await?.into_inner().verdicts)
}

async fn ask(
    caller: &Caller,
    principal: &str,
    permission: &str,
    object: &str,
) -> Result<pb::ExplainAccessResponse, Error> {
    let question = pb::AccessQuestion {
        principal: principal.to_owned(),
        permission: permission.to_owned(),
        object: object.to_owned(),
    };
    explain(caller, About::Question(question)).await
}

async fn explain(caller: &Caller, about: About) -> Result<pb::ExplainAccessResponse, Error> {
    Ok(caller.access().explain_access(pb::ExplainAccessRequest { about: Some(about) }).await?.into_inner())
}

async fn who_can(caller: &Caller, permission: &str, object: &str) -> Result<Vec<pb::WhoCan>, Error> {
    let request =
        pb::ListWhoCanRequest { permission: permission.to_owned(), object: object.to_owned(), ..Default::default() };
    Ok(caller.access().list_who_can(request).await?.into_inner().principals)
}

/// A deployment of `sandbox` in development that belongs to the team `core`, owned by the administrator.
async fn deployment(app: &TestApp) -> String {
    database::run(
        &app.sql,
        "INSERT INTO teams (id, organization_id, slug, display_name, creator)
           SELECT gen_random_uuid(), id, 'core', 'Core', 'system' FROM organizations WHERE is_default;
         INSERT INTO deployments (id, organization_id, business_unit_id, slug, display_name, state, provisioned,
             environment_id, tier, template_id, template_version_id, provider, owner_id, owner, team_id, inputs,
             inputs_ciphertext, tags, current_revision, last_revision, resource_count, creator)
           SELECT gen_random_uuid(), e.organization_id, e.business_unit_id, 'shared', 'S', 'ACTIVE', true, e.id, e.tier, t.id,
             v.id, 'NONE', u.id, 'users/admin', m.id, '{}', '\\x00', '{}', 1, 1, 1, 'users/admin'
           FROM environments e
           JOIN templates t ON t.organization_id = e.organization_id AND t.slug = 'config-bundle'
           JOIN LATERAL (SELECT id FROM template_versions WHERE template_id = t.id LIMIT 1) v ON true
           JOIN users u ON u.organization_id = e.organization_id AND u.username = 'admin'
           JOIN teams m ON m.organization_id = e.organization_id AND m.slug = 'core'
           WHERE e.slug = 'development'",
    )
    .await;
    app.grants_changed().await;
    "businessUnits/sandbox/deployments/shared".to_owned()
}

/// Binds a role to a new group with one member.
async fn group_with(app: &TestApp, group: &str, username: &str, role: &str, effect: &str) {
    database::run(
        &app.sql,
        &format!(
            "INSERT INTO groups (id, organization_id, slug, display_name, creator)
               SELECT gen_random_uuid(), id, '{group}', '{group}', 'system' FROM organizations WHERE is_default;
             INSERT INTO group_members (organization_id, group_id, user_id, creator)
               SELECT g.organization_id, g.id, u.id, 'system' FROM groups g JOIN users u USING (organization_id)
               WHERE g.slug = '{group}' AND u.username = '{username}';
             INSERT INTO role_bindings (id, organization_id, role_id, subject_kind, subject_id, effect, creator)
               SELECT gen_random_uuid(), g.organization_id, r.id, 'GROUP', g.id, '{effect}', 'system'
               FROM groups g JOIN roles r USING (organization_id) WHERE g.slug = '{group}' AND r.slug = '{role}';"
        ),
    )
    .await;
    app.grants_changed().await;
}

async fn join_team(app: &TestApp, username: &str) {
    database::run(
        &app.sql,
        &format!(
            "INSERT INTO team_members (organization_id, team_id, user_id, creator)
             SELECT t.organization_id, t.id, u.id, 'system' FROM teams t JOIN users u USING (organization_id)
             WHERE t.slug = 'core' AND u.username = '{username}'"
        ),
    )
    .await;
    app.grants_changed().await;
}

async fn see_the_grants_of_now(caller: &Caller) {
    let request = pb::SetActiveBusinessUnitRequest { validate_only: true, ..Default::default() };
    caller.users().set_active_business_unit(request).await.unwrap();
}

#[tokio::test]
async fn check_permissions_answers_each_question_and_writes_nothing() {
    let app = TestApp::start().await;
    let deployment = deployment(&app).await;
    let cast = Cast::of(&app).await;
    see_the_grants_of_now(&cast.dev).await;
    let before = database::checksums(&app.sql).await;
    let told = check(
        &cast.dev,
        &[
            ("business_unit:requests:create", "businessUnits/sandbox/requests"),
            ("business_unit:deployments:create:<tier>", "businessUnits/sandbox/deployments"),
            ("business_unit:deployments:create:production", "businessUnits/sandbox/deployments"),
            ("business_unit:deployments:update:<tier>", &deployment),
            ("business_unit:deployments:read", &deployment),
            ("business_unit:deployments:read", "businessUnits/sandbox/deployments/absent"),
            ("business_unit:deployments:read", "businessUnits/absent/deployments/absent"),
            ("platform:audit:read", ""),
            ("user:profile:read", ""),
            ("business_unit:jobs:read", "jobs/018f0000-0000-7000-8000-000000000000"),
        ],
    )
    .await
    .unwrap();
    let reasons: Vec<AccessReason> = told.iter().map(pb::PermissionVerdict::reason).collect();
    assert_eq!(
        reasons,
        [
            AccessReason::Unspecified,
            AccessReason::Unspecified,
            AccessReason::NoGrant,
            AccessReason::NoGrant,
            AccessReason::Unspecified,
            AccessReason::ObjectNotFound,
            AccessReason::NoGrant,
            AccessReason::NoGrant,
            AccessReason::Unspecified,
            AccessReason::ObjectNotFound,
        ],
        "{told:#?}"
    );
    for verdict in &told {
        assert_eq!(verdict.allowed, verdict.message.is_empty() && verdict.reason == 0, "{verdict:?}");
    }
    assert_eq!(told[2].role, "roles/bu-owner", "{told:#?}");
    assert!(told[2].remedy.contains("businessUnits/sandbox"), "{told:#?}");
    let after = database::checksums(&app.sql).await;
    assert_eq!(database::changed(&before, &after), [""; 0], "a check writes nothing");
    app.finish().await;
}

#[tokio::test]
async fn check_permissions_refuses_what_is_no_question() {
    let app = TestApp::start().await;
    let dev = app.as_dev().await;
    let field = async |checks: &[(&str, &str)]| {
        let error = check(&dev, checks).await.unwrap_err();
        assert_eq!((error.code, error.reason), (Code::InvalidArgument, Some(ErrorReason::FieldInvalid)), "{error:?}");
        error.violations.fields.iter().map(|wrong| wrong.field.clone()).collect::<Vec<_>>()
    };
    assert_eq!(field(&[]).await, ["checks"]);
    assert_eq!(field(&vec![("user:profile:read", ""); 201]).await, ["checks"]);
    let long = "x".repeat(10_000);
    assert_eq!(
        field(&[
            ("business_unit:moons:read", "a\0b"),
            ("%", ""),
            ("user:profile:read", "a//b"),
            ("user:profile:read", &long)
        ])
        .await,
        ["checks[0].permission", "checks[0].object", "checks[1].permission", "checks[2].object", "checks[3].object"]
    );
    // What is not there is not there, whatever it is called.
    for object in
        ["businessUnits/%/deployments/_", "businessUnits/sandbox/deployments/\u{202e}x", "jobs/%", "approvals/'"]
    {
        let told = check(&dev, &[("business_unit:deployments:read", object)]).await.unwrap();
        assert!(!told[0].allowed, "{told:?}");
    }
    assert!(check(&dev, &vec![("user:profile:read", ""); 200]).await.unwrap().iter().all(|verdict| verdict.allowed));
    app.finish().await;
}

#[tokio::test]
async fn groups_give_and_teams_open_what_a_role_keeps_to_teams() {
    let app = TestApp::start().await;
    let deployment = deployment(&app).await;
    let member = app.user("member", &[]).await;
    let asked = [("business_unit:deployments:read", deployment.as_str()), (UPDATE, deployment.as_str())];
    let allowed = async || {
        see_the_grants_of_now(&member).await;
        check(&member, &asked).await.unwrap().iter().map(|verdict| verdict.allowed).collect::<Vec<_>>()
    };
    assert_eq!(allowed().await, [false, false]);
    group_with(&app, "builders", "member", "developer", "ALLOW").await;
    assert_eq!(allowed().await, [true, false], "a developer reads all and changes what is the own team's");
    let told = ask(&member, "", UPDATE, &deployment).await.unwrap();
    assert_eq!(told.nearly_matched[0].obstacle(), AccessObstacle::OwnTeam, "{told:#?}");
    assert_eq!(told.nearly_matched[0].through, "groups/builders");
    join_team(&app, "member").await;
    assert_eq!(allowed().await, [true, true]);
    group_with(&app, "quarantine", "member", "developer", "DENY").await;
    assert_eq!(allowed().await, [false, false], "a DENY through a group wins");
    app.finish().await;
}

#[tokio::test]
async fn explain_access_tells_the_bindings_and_the_smallest_change_that_then_works() {
    let app = TestApp::start().await;
    let deployment = deployment(&app).await;
    let (admin, dev) = (app.as_admin().await, app.as_dev().await);
    let told = ask(&dev, "users/me", "business_unit:deployments:read", &deployment).await.unwrap();
    assert!(told.allowed && told.smallest_change.is_empty(), "{told:#?}");
    assert_eq!(
        (told.matched[0].role.as_str(), told.matched[0].through.as_str()),
        ("roles/developer", "businessUnits/sandbox")
    );

    let stranger = app.user("stranger", &[]).await;
    let told = ask(&admin, "users/stranger", "business_unit:deployments:read", &deployment).await.unwrap();
    assert_eq!((told.allowed, told.reason()), (false, AccessReason::NoGrant));
    let [step] = told.smallest_change.as_slice() else { panic!("{told:#?}") };
    assert_eq!(step.kind(), AccessStepKind::BindRole);
    assert_eq!((step.role.as_str(), step.scope.as_str()), ("roles/viewer", "businessUnits/sandbox"));
    app.bind("stranger", "viewer", "sandbox").await;
    see_the_grants_of_now(&stranger).await;
    assert!(ask(&admin, "users/stranger", "business_unit:deployments:read", &deployment).await.unwrap().allowed);
    let name = deployment.clone();
    stranger.deployments().get_deployment(pb::GetDeploymentRequest { name }).await.unwrap();

    group_with(&app, "quarantine", "stranger", "viewer", "DENY").await;
    let told = ask(&admin, "users/stranger", "business_unit:deployments:read", &deployment).await.unwrap();
    assert_eq!(told.reason(), AccessReason::DenyBinding);
    assert_eq!(told.matched.len(), 2, "the DENY, then what it wins over: {told:#?}");
    assert_eq!(told.matched[0].through, "groups/quarantine");
    assert_eq!(told.smallest_change[0].kind(), AccessStepKind::RemoveDeny);

    database::run(&app.sql, "UPDATE users SET active = false WHERE username = 'stranger'").await;
    let told = ask(&admin, "users/stranger", "user:profile:read", "").await.unwrap();
    assert_eq!(told.reason(), AccessReason::PrincipalInactive);
    assert_eq!(told.smallest_change[0].kind(), AccessStepKind::Activate);
    app.finish().await;
}

#[tokio::test]
async fn explain_access_is_for_oneself_and_for_those_who_may_ask_about_others() {
    let app = TestApp::start().await;
    let dev = app.as_dev().await;
    // Whether or not there is such a user.
    for whom in ["users/admin", "users/nobody-there"] {
        let error = ask(&dev, whom, "platform:audit:read", "").await.unwrap_err();
        assert_eq!((error.code, error.reason), (Code::PermissionDenied, Some(ErrorReason::AccessDenied)), "{error:?}");
        assert_eq!(error.metadata["permission"], "platform:access:explain");
    }
    let error = ask(&app.as_admin().await, "users/nobody-there", "platform:audit:read", "").await.unwrap_err();
    assert_eq!(error.code, Code::NotFound, "{error:?}");
    let error = who_can(&dev, "platform:audit:read", "").await.unwrap_err();
    assert_eq!(error.code, Code::PermissionDenied, "{error:?}");
    let auditor = app.user("auditor", &[("security-auditor", "")]).await;
    assert!(ask(&auditor, "users/admin", "platform:audit:read", "").await.unwrap().allowed);
    let error = explain(&dev, About::Question(pb::AccessQuestion::default())).await.unwrap_err();
    assert_eq!(error.violations.fields[0].field, "question.permission");
    let error = Error::from(dev.access().explain_access(pb::ExplainAccessRequest { about: None }).await.unwrap_err());
    assert_eq!(error.violations.fields[0].field, "about");
    app.finish().await;
}

#[tokio::test]
async fn explain_access_explains_a_decision_to_whom_it_was_made() {
    let app = TestApp::start().await;
    let cast = Cast::of(&app).await;
    let refused = cast.request(cast.create_payload("production", "too-high"));
    let error = Error::from(cast.dev.requests().create_request(refused).await.unwrap_err());
    assert_eq!(error.metadata["reason"], "NO_GRANT");
    assert_eq!(error.metadata["role"], "roles/bu-owner", "{error:?}");
    let decision = error.metadata["decision_id"].clone();
    let told = explain(&cast.dev, About::Decision(decision.clone())).await.unwrap();
    let question = told.question.clone().unwrap();
    assert_eq!(question.permission, "business_unit:deployments:create:production", "{told:#?}");
    assert_eq!((told.allowed, told.changed), (false, false), "{told:#?}");
    assert!(told.decision_time.is_some());
    let of_admin = explain(&cast.admin, About::Decision(format!("auditEvents/{decision}"))).await.unwrap();
    assert_eq!(of_admin.reason, told.reason);
    let error = explain(&cast.approver, About::Decision(decision.clone())).await.unwrap_err();
    assert_eq!(error.code, Code::NotFound, "somebody else's decision: {error:?}");
    let error = explain(&cast.dev, About::Decision("nonsense".into())).await.unwrap_err();
    assert_eq!(error.code, Code::InvalidArgument, "{error:?}");

    app.bind("dev", "bu-owner", "sandbox").await;
    see_the_grants_of_now(&cast.dev).await;
    let told = explain(&cast.dev, About::Decision(decision)).await.unwrap();
    assert!(told.changed, "the grants are others by now: {told:#?}");
    app.finish().await;
}

#[tokio::test]
async fn every_denial_has_a_decision_id() {
    let app = TestApp::start().await;
    let cast = Cast::of(&app).await;
    let mut draft = cast.request(cast.create_payload("development", "mine"));
    draft.draft = true;
    let name = cast.dev.requests().create_request(draft).await.unwrap().into_inner().name;
    // Only its requester submits a request: a rule beside permissions.
    let request = pb::SubmitRequestRequest { name, ..Default::default() };
    let error = Error::from(cast.admin.requests().submit_request(request).await.unwrap_err());
    assert_eq!((error.code, error.reason), (Code::PermissionDenied, Some(ErrorReason::AccessDenied)), "{error:?}");
    let told = explain(&cast.admin, About::Decision(error.metadata["decision_id"].clone())).await.unwrap();
    assert_eq!(told.reason(), AccessReason::Rule);
    assert!(told.message.contains("users/dev"), "{told:#?}");
    // A list that is closed everywhere says so.
    let nobody = app.user("nobody", &[]).await;
    let list = pb::ListEnvironmentsRequest { parent: "businessUnits/-".into(), ..Default::default() };
    let error = Error::from(nobody.environments().list_environments(list).await.unwrap_err());
    assert!(error.message.contains("business_unit:environments:list in at least one business unit"), "{error:?}");
    assert!(!error.message.contains("businessUnits/-") && !error.message.contains("might not exist"), "{error:?}");
    assert_eq!(error.metadata["role"], "roles/viewer", "{error:?}");
    let told = explain(&nobody, About::Decision(error.metadata["decision_id"].clone())).await.unwrap();
    assert_eq!(told.reason(), AccessReason::NoGrant, "{told:#?}");
    app.finish().await;
}

#[tokio::test]
async fn list_who_can_names_those_who_can_and_through_what() {
    let app = TestApp::start().await;
    let deployment = deployment(&app).await;
    let admin = app.as_admin().await;
    app.user("builder", &[]).await;
    group_with(&app, "builders", "builder", "developer", "ALLOW").await;
    app.user("barred", &[("viewer", "sandbox")]).await;
    group_with(&app, "quarantine", "barred", "viewer", "DENY").await;
    database::run(
        &app.sql,
        "UPDATE role_bindings SET condition = 'time.hour >= 0' WHERE subject_kind = 'GROUP' AND effect = 'ALLOW'",
    )
    .await;
    let names = |found: &[pb::WhoCan]| found.iter().map(|who| who.principal.clone()).collect::<Vec<_>>();
    let readers = who_can(&admin, "business_unit:deployments:read", &deployment).await.unwrap();
    assert_eq!(names(&readers), ["users/admin", "users/approver", "users/builder", "users/dev"], "{readers:#?}");
    let builder = &readers[2];
    assert!(builder.conditional && builder.bindings[0].through == "groups/builders", "{builder:#?}");
    let writers = who_can(&admin, UPDATE, &deployment).await.unwrap();
    assert_eq!(names(&writers), ["users/admin"], "the deployment is a team's");
    join_team(&app, "builder").await;
    let writers = who_can(&admin, UPDATE, &deployment).await.unwrap();
    assert_eq!(names(&writers), ["users/admin", "users/builder"]);
    for object in ["businessUnits/sandbox/deployments/absent", "businessUnits/absent"] {
        let error = who_can(&admin, UPDATE, object).await.unwrap_err();
        assert_eq!(error.code, Code::NotFound, "{error:?}");
    }
    let error = who_can(&admin, UPDATE, "businessUnits/-").await.unwrap_err();
    assert_eq!(error.violations.fields[0].field, "object");
    app.finish().await;
}

/// Rule 16: what is told of a unit that one may not look into is told of one that is not there.
#[tokio::test]
async fn a_unit_that_is_not_there_is_explained_like_a_hidden_one() {
    let app = TestApp::start().await;
    app.unit("vaulted").await;
    let viewer = app.user("viewer", &[("viewer", "sandbox")]).await;
    let mut told = Vec::new();
    for unit in ["vaulted", "nowhere"] {
        let object = format!("businessUnits/{unit}");
        let list = "business_unit:environments:list";
        let asked = ask(&viewer, "users/me", list, &object).await.unwrap();
        let [step] = asked.smallest_change.as_slice() else { panic!("{asked:#?}") };
        assert_eq!((step.kind(), step.scope.as_str()), (AccessStepKind::BindRole, object.as_str()));
        // The same by the decision that refused it.
        let request = pb::ListEnvironmentsRequest { parent: object, ..Default::default() };
        let refused = Error::from(viewer.environments().list_environments(request).await.unwrap_err());
        let decided = explain(&viewer, About::Decision(refused.metadata["decision_id"].clone())).await.unwrap();
        assert_eq!((decided.reason(), &decided.smallest_change), (asked.reason(), &asked.smallest_change));
        told.push(format!("{asked:?}").replace(unit, "it"));
    }
    assert_eq!(told[0], told[1]);
    app.finish().await;
}
