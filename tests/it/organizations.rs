//! Organizations: the own one with settings and first run, and what operators do with all of them.

use flagstone_client::pb;
use flagstone_client::pb::{ErrorReason, OnboardingStepKind, OnboardingStepState, Tier};
use prost_types::FieldMask;

use crate::support::world::Cast;
use crate::support::{Caller, Code, Error, PASSWORD, ScriptedRunner, TestApp, database, wait_for};

fn fields(error: &Error) -> Vec<&str> {
    error.violations.fields.iter().map(|field| field.field.as_str()).collect()
}

fn asked(id: &str, display_name: &str) -> pb::CreateOrganizationRequest {
    pb::CreateOrganizationRequest {
        organization_id: id.into(),
        organization: Some(pb::Organization { display_name: display_name.into(), ..Default::default() }),
        admin_email: format!("First@{id}.example"),
        ..Default::default()
    }
}

async fn create(
    caller: &Caller,
    request: pb::CreateOrganizationRequest,
) -> Result<pb::CreateOrganizationResponse, Error> {
    Ok(caller.organizations().create_organization(request).await?.into_inner())
}

async fn get(caller: &Caller, name: &str) -> Result<pb::Organization, Error> {
    let request = pb::GetOrganizationRequest { name: name.into() };
    Ok(caller.organizations().get_organization(request).await?.into_inner())
}

async fn list(caller: &Caller, filter: &str) -> Result<Vec<String>, Error> {
    let request = pb::ListOrganizationsRequest { filter: filter.into(), include_total: true, ..Default::default() };
    let answer = caller.organizations().list_organizations(request).await?.into_inner();
    assert_eq!(answer.total_size, i32::try_from(answer.organizations.len()).unwrap());
    Ok(answer.organizations.into_iter().map(|found| found.name).collect())
}

async fn switch(caller: &Caller, name: &str, reactivate: bool) -> Result<pb::Organization, Error> {
    let request = pb::DeactivateOrganizationRequest { name: name.into(), reactivate, ..Default::default() };
    Ok(caller.organizations().deactivate_organization(request).await?.into_inner())
}

async fn delete(caller: &Caller, name: &str) -> Result<(), Error> {
    let request = pb::DeleteOrganizationRequest { name: name.into(), ..Default::default() };
    caller.organizations().delete_organization(request).await?;
    Ok(())
}

async fn rename(caller: &Caller, name: &str, to: &str) -> Result<pb::Organization, Error> {
    let organization = pb::Organization { name: name.into(), display_name: to.into(), ..Default::default() };
    let request = pb::UpdateOrganizationRequest { organization: Some(organization), ..Default::default() };
    Ok(caller.organizations().update_organization(request).await?.into_inner())
}

async fn current(caller: &Caller) -> Result<pb::Organization, Error> {
    let request = pb::GetCurrentOrganizationRequest {};
    Ok(caller.organizations().get_current_organization(request).await?.into_inner())
}

async fn settings(caller: &Caller) -> pb::OrganizationSettings {
    let request = pb::GetOrganizationSettingsRequest {};
    caller.organizations().get_organization_settings(request).await.unwrap().into_inner()
}

async fn set(
    caller: &Caller,
    settings: pb::OrganizationSettings,
    paths: &[&str],
) -> Result<pb::OrganizationSettings, Error> {
    let mask = FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() };
    let request = pb::UpdateOrganizationSettingsRequest {
        organization_settings: Some(settings),
        update_mask: Some(mask),
        ..Default::default()
    };
    Ok(caller.organizations().update_organization_settings(request).await?.into_inner())
}

/// The first administrator of an organization that was created: the invitation as it will be accepted, without RPC.
async fn first_admin(app: &TestApp, organization: &str) -> Caller {
    let username = format!("{organization}-first");
    database::run(
        &app.sql,
        &format!(
            "INSERT INTO users (id, organization_id, username, email, full_name, password_hash, creator)
               SELECT gen_random_uuid(), o.id, '{username}', i.email, 'First', u.password_hash, 'system'
               FROM organizations o JOIN invitations i ON i.organization_id = o.id, users u
               WHERE o.slug = '{organization}' AND u.username = 'admin';
             UPDATE invitations SET state = 'ACCEPTED' WHERE email = 'first@{organization}.example'"
        ),
    )
    .await;
    app.bind(&username, "platform-admin", "").await;
    app.login(&username).await
}

#[tokio::test]
async fn an_operator_creates_an_organization_that_works_from_its_first_moment() {
    let app = TestApp::start().await;
    let operator = app.operator("operator").await;
    let mut request = asked("acme", "Acme");
    request.request_id = "0192f7a0-0000-7000-8000-000000000001".into();
    let made = create(&operator, request.clone()).await.unwrap();
    let organization = made.organization.clone().unwrap();
    assert_eq!(organization.name, "organizations/acme");
    assert!(organization.active && !organization.is_default);
    let token = made.invitation_link.rsplit('/').next().unwrap();
    assert!(token.starts_with("fls_inv_") && made.invitation_link.starts_with("http://"), "{}", made.invitation_link);
    // A retry gets the same link; nobody else ever does.
    assert_eq!(create(&operator, request).await.unwrap(), made);
    let stored =
        "SELECT count(*) FROM idempotency_keys WHERE sealed AND position($1::text in encode(response, 'escape')) = 0";
    assert_eq!(app.sql.query_one(stored, &[&token]).await.unwrap().get::<_, i64>(0), 1, "the link is sealed");
    let hashed = "SELECT email FROM invitations WHERE token_sha256 = sha256($1::text::bytea) AND state = 'PENDING'";
    assert_eq!(app.sql.query_one(hashed, &[&token]).await.unwrap().get::<_, String>(0), "first@acme.example");

    // A dry run tells what would be and makes no link.
    let dry = pb::CreateOrganizationRequest { validate_only: true, ..asked("initech", "Initech") };
    let dry = create(&operator, dry).await.unwrap();
    assert_eq!((dry.invitation_link.as_str(), dry.effects.unwrap().changes.len()), ("", 1));
    assert_eq!(get(&operator, "organizations/initech").await.unwrap_err().reason, Some(ErrorReason::NotFound));

    // The same roles, policies and templates as in the first one, and an administrator who can use them.
    let first = first_admin(&app, "acme").await;
    assert_eq!(current(&first).await.unwrap().name, "organizations/acme");
    let templates = first.templates().list_templates(pb::ListTemplatesRequest::default()).await.unwrap().into_inner();
    assert!(templates.templates.len() >= 4, "{templates:?}");
    let policies = pb::ListApprovalPoliciesRequest::default();
    let policies = first.approval_policies().list_approval_policies(policies).await.unwrap().into_inner();
    assert!(!policies.approval_policies.is_empty());
    for table in ["roles", "policies", "approval_policies", "templates", "template_versions"] {
        let counts = format!(
            "SELECT count(DISTINCT n) = 1 FROM (SELECT count(*) FILTER (WHERE r.organization_id = o.id) AS n
             FROM organizations o LEFT JOIN {table} r ON {} GROUP BY o.id) AS counted",
            if table == "roles" { "r.scope <> 'INSTALLATION'" } else { "true" }
        );
        assert!(database::one::<bool>(&app.sql, &counts).await, "{table} differ");
    }
    // A restart of the server adds nothing to it: nobody, and no unit.
    assert_eq!(database::one::<i64>(&app.sql, "SELECT count(*) FROM business_units").await, 1);
    app.finish().await;
}

#[tokio::test]
async fn ids_and_names_are_taken_once_and_everything_wrong_is_told_at_once() {
    let app = TestApp::start().await;
    let operator = app.operator("operator").await;
    create(&operator, asked("acme", "Acme")).await.unwrap();
    for request in [asked("acme", "Other"), asked("other", "ACME"), asked("default", "Third")] {
        let refused = create(&operator, request).await.unwrap_err();
        assert_eq!((refused.code, refused.reason), (Code::AlreadyExists, Some(ErrorReason::AlreadyExists)));
    }
    for hostile in ["", "A", "a b", "a%", "a_b", "-", "a\0", &"a".repeat(64), &"a".repeat(3 * 1024 * 1024)] {
        let wrong = pb::CreateOrganizationRequest {
            admin_email: "nobody".into(),
            organization: Some(pb::Organization {
                display_name: "x\u{202e}".into(),
                logo_url: "javascript:alert(1)".into(),
                ..Default::default()
            }),
            ..asked(hostile, "")
        };
        let refused = create(&operator, wrong).await.unwrap_err();
        let expected = ["organization_id", "organization.display_name", "organization.logo_url", "admin_email"];
        assert_eq!(fields(&refused), expected);
    }
    app.finish().await;
}

#[tokio::test]
async fn an_operator_sees_what_organizations_are_called_and_nothing_inside() {
    let app = TestApp::start().await;
    let operator = app.operator("operator").await;
    let globex = app.organization("globex").await;
    assert_eq!(list(&operator, "").await.unwrap(), ["organizations/globex", "organizations/default"]);
    assert_eq!(list(&operator, "display_name : \"glob\"").await.unwrap(), ["organizations/globex"]);
    assert_eq!(list(&operator, "active = false").await.unwrap(), [""; 0]);
    let mut seen = Vec::new();
    let mut page = pb::ListOrganizationsRequest { page_size: 1, ..Default::default() };
    loop {
        let answer = operator.organizations().list_organizations(page.clone()).await.unwrap().into_inner();
        seen.extend(answer.organizations.into_iter().map(|found| found.name));
        if answer.next_page_token.is_empty() {
            break;
        }
        page.page_token = answer.next_page_token;
    }
    assert_eq!(seen, ["organizations/globex", "organizations/default"]);
    assert_eq!(get(&operator, "organizations/globex").await.unwrap().display_name, "globex");

    // No right inside, neither there nor at home.
    let unit = pb::GetBusinessUnitRequest { name: globex.unit.clone() };
    let denied = Error::from(operator.business_units().get_business_unit(unit).await.unwrap_err());
    assert_eq!(denied.reason, Some(ErrorReason::AccessDenied));
    for name in ["organizations/globex", "organizations/default"] {
        assert_eq!(rename(&operator, name, "Mine").await.unwrap_err().reason, Some(ErrorReason::AccessDenied));
    }
    let events = operator.audit().list_audit_events(pb::ListAuditEventsRequest::default()).await;
    assert_eq!(Error::from(events.unwrap_err()).reason, Some(ErrorReason::AccessDenied));
    app.finish().await;
}

#[tokio::test]
async fn to_everybody_else_another_organization_does_not_exist() {
    let app = TestApp::start().await;
    let globex = app.organization("globex").await;
    // A platform admin of another organization: the one of the default organization may be an operator, too.
    for name in ["organizations/default", "organizations/qqqqqqq"] {
        let absent = get(&globex.admin, name).await.unwrap_err();
        assert_eq!((absent.code, absent.reason), (Code::NotFound, Some(ErrorReason::NotFound)));
        assert!(absent.message.contains(name) && !absent.message.contains("Default"));
        assert_eq!(rename(&globex.admin, name, "Mine").await.unwrap_err().reason, Some(ErrorReason::NotFound));
        for refused in [
            switch(&globex.admin, name, false).await.map(drop),
            delete(&globex.admin, name).await,
            list(&globex.admin, "").await.map(drop),
            create(&globex.admin, asked("mine", "Mine")).await.map(drop),
        ] {
            assert_eq!(refused.unwrap_err().reason, Some(ErrorReason::AccessDenied));
        }
        assert_eq!(get(&globex.dev, name).await.unwrap_err().reason, Some(ErrorReason::AccessDenied));
    }
    assert_eq!(current(&globex.dev).await.unwrap().name, "organizations/globex");
    assert_eq!(get(&globex.admin, "organizations/globex").await.unwrap().name, "organizations/globex");

    // Not even a role that says otherwise opens the door from another organization.
    database::run(
        &app.sql,
        "UPDATE roles SET permissions = permissions || ARRAY['platform:organizations:deactivate']
         WHERE slug = 'platform-admin'",
    )
    .await;
    app.grants_changed().await;
    let refused = switch(&globex.admin, "organizations/default", false).await.unwrap_err();
    assert_eq!(refused.reason, Some(ErrorReason::AccessDenied));
    assert!(get(&app.as_admin().await, "organizations/default").await.unwrap().active);
    app.finish().await;
}

#[tokio::test]
async fn a_deactivated_organization_stops_everybody_in_it_and_comes_back_whole() {
    let app = TestApp::start().await;
    let operator = app.operator("operator").await;
    let globex = app.organization("globex").await;
    assert!(current(&globex.dev).await.is_ok());
    assert!(!switch(&operator, "organizations/globex", false).await.unwrap().active);
    let refused = wait_for("the session is looked at again", async || current(&globex.dev).await.err()).await;
    assert_eq!((refused.code, refused.reason), (Code::Unauthenticated, Some(ErrorReason::PrincipalInactive)));
    // Writes ask the database at once.
    assert_eq!(
        rename(&globex.admin, "organizations/globex", "Late").await.unwrap_err().reason,
        Some(ErrorReason::PrincipalInactive)
    );
    let login =
        || pb::LoginRequest { identifier: "globex-dev".into(), password: PASSWORD.into(), ..Default::default() };
    let refused = Error::from(app.anonymous().auth().login(login()).await.unwrap_err());
    assert_eq!(refused.reason, Some(ErrorReason::BadCredentials));
    assert!(current(&app.as_dev().await).await.is_ok(), "others go on");
    // The same again changes nothing.
    assert!(!switch(&operator, "organizations/globex", false).await.unwrap().active);

    assert!(switch(&operator, "organizations/globex", true).await.unwrap().active);
    assert!(app.anonymous().auth().login(login()).await.is_ok());
    wait_for("the session is let in again", async || current(&globex.dev).await.ok()).await;

    // Its people read of it, and not by whom; the operator's organization reads the whole.
    let filter = "action = \"organization.deactivate\"".to_owned();
    let events = pb::ListAuditEventsRequest { filter, ..Default::default() };
    let there = globex.admin.audit().list_audit_events(events.clone()).await.unwrap().into_inner().audit_events;
    let here = app.as_admin().await.audit().list_audit_events(events).await.unwrap().into_inner().audit_events;
    assert_eq!(there.len(), 2, "{there:?}");
    assert!(there.iter().all(|event| event.principal == "system" && event.object == "organizations/globex"));
    assert!(!format!("{there:?}").contains("users/operator"));
    let by_operator: Vec<_> = here.iter().filter(|event| event.principal == "users/operator").collect();
    assert_eq!(by_operator.len(), 3);
    assert!(there.iter().all(|event| by_operator.iter().any(|own| own.correlation_id == event.correlation_id)));
    app.finish().await;
}

#[tokio::test]
async fn an_organization_goes_when_nobody_is_in_it_and_never_the_default_one() {
    let app = TestApp::start().await;
    app.organization("globex").await;
    let operator = app.operator("operator").await;
    for (name, users) in [("organizations/globex", "3"), ("organizations/default", "")] {
        let refused = delete(&operator, name).await.unwrap_err();
        assert_eq!((refused.code, refused.reason), (Code::FailedPrecondition, Some(ErrorReason::InUse)), "{name}");
        assert_eq!(refused.metadata.get("users").map(String::as_str).unwrap_or_default(), users);
    }
    let refused = switch(&operator, "organizations/default", false).await.unwrap_err();
    assert_eq!(refused.reason, Some(ErrorReason::InUse));

    create(&operator, asked("acme", "Acme")).await.unwrap();
    delete(&operator, "organizations/acme").await.unwrap();
    assert_eq!(get(&operator, "organizations/acme").await.unwrap_err().reason, Some(ErrorReason::NotFound));
    assert!(!list(&operator, "").await.unwrap().contains(&"organizations/acme".into()));
    let left = "SELECT string_agg(DISTINCT state, ',') FROM invitations";
    assert_eq!(database::one::<String>(&app.sql, left).await, "REVOKED", "its invitation is no way in any more");
    // Its id is never given again, its name is.
    assert_eq!(create(&operator, asked("acme", "New")).await.unwrap_err().reason, Some(ErrorReason::AlreadyExists));
    create(&operator, asked("acme-2", "Acme")).await.unwrap();
    let audit = "SELECT count(*) FROM audit_events a JOIN organizations o ON o.id = a.organization_id
                 WHERE o.slug = 'acme' AND a.action = 'organization.delete' AND a.principal = 'system'";
    assert_eq!(database::one::<i64>(&app.sql, audit).await, 1, "its audit stays");
    app.finish().await;
}

#[tokio::test]
async fn settings_have_defaults_change_by_mask_and_take_effect() {
    let app = TestApp::start().await;
    let (admin, dev) = (app.as_admin().await, app.as_dev().await);
    let before = settings(&dev).await;
    assert!(before.self_service_environments && !before.password_character_classes);
    assert_eq!((before.organization.as_str(), before.audit_retention_days), ("organizations/default", 0));
    let refused = set(&dev, before.clone(), &["default_region"]).await.unwrap_err();
    assert_eq!(refused.reason, Some(ErrorReason::AccessDenied));

    let wrong = pb::OrganizationSettings {
        default_region: "EU West%".into(),
        default_business_unit: "businessUnits/qqq".into(),
        audit_retention_days: 5,
        allow_self_approval_tiers: vec![0, 99],
        ..Default::default()
    };
    let paths =
        ["default_region", "default_business_unit", "audit_retention_days", "allow_self_approval_tiers", "logo"];
    let refused = set(&admin, wrong, &paths).await.unwrap_err();
    let at = |field: &str| format!("organization_settings.{field}");
    let mut expected = vec!["update_mask".to_owned()];
    expected.extend(
        [
            "default_business_unit",
            "allow_self_approval_tiers[0]",
            "allow_self_approval_tiers[1]",
            "default_region",
            "audit_retention_days",
        ]
        .map(at),
    );
    assert_eq!(fields(&refused), expected);

    let good = pb::OrganizationSettings {
        default_region: "eu-west-1".into(),
        default_business_unit: "businessUnits/sandbox".into(),
        audit_retention_days: 365,
        allow_self_approval_tiers: vec![Tier::Development.into()],
        password_character_classes: true,
        etag: before.etag.clone(),
        ..Default::default()
    };
    let all = [
        "default_region",
        "default_business_unit",
        "audit_retention_days",
        "self_service_environments",
        "allow_self_approval_tiers",
        "password_character_classes",
    ];
    let after = set(&admin, good.clone(), &all).await.unwrap();
    assert_eq!(settings(&dev).await, after);
    assert!(!after.self_service_environments && after.password_character_classes);
    assert_eq!(set(&admin, good, &all).await.unwrap_err().reason, Some(ErrorReason::EtagMismatch));
    // One by mask leaves the others.
    let back = set(&admin, pb::OrganizationSettings::default(), &["default_business_unit"]).await.unwrap();
    assert_eq!((back.default_business_unit.as_str(), back.default_region.as_str()), ("", "eu-west-1"));

    // New units are in the region.
    let unit = pb::BusinessUnit { code: "ENG".into(), display_name: "Eng".into(), ..Default::default() };
    let unit = pb::CreateBusinessUnitRequest { business_unit: Some(unit), ..Default::default() };
    admin.business_units().create_business_unit(unit).await.unwrap();
    let environment = pb::GetEnvironmentRequest { name: "businessUnits/eng/environments/staging".into() };
    assert_eq!(admin.environments().get_environment(environment).await.unwrap().into_inner().region, "eu-west-1");
    // Passwords need classes of characters.
    let weak = pb::ChangePasswordRequest {
        current_password: PASSWORD.into(),
        new_password: "unrelated lowercase words only".into(),
        ..Default::default()
    };
    let who = app.user("changes", &[]).await;
    let refused = Error::from(who.auth().change_password(weak).await.unwrap_err());
    assert!(refused.message.contains("upper-case") || format!("{refused:?}").contains("upper-case"), "{refused:?}");
    app.finish().await;
}

#[tokio::test]
async fn nobody_decides_on_their_own_request_where_the_organization_does_not_list_the_tier() {
    let app = TestApp::start().await;
    let runner = ScriptedRunner::start(&app).await;
    let cast = Cast::of(&app).await;
    database::run(&app.sql, "UPDATE approval_policies SET allow_self = true").await;
    let decide = async |name: &str| {
        let pending = cast.pending(&runner, name).await;
        let digest = pending.plan.as_ref().unwrap().digest.clone();
        let request = pb::ApproveApprovalRequest {
            name: pending.approval.clone(),
            content_hash: pending.content_hash.clone(),
            plan_digest: digest,
            ..Default::default()
        };
        cast.admin.approvals().approve_approval(request).await.map_err(Error::from)
    };
    app.bind("admin", "it-engineer", "").await;
    assert_eq!(decide("one").await.unwrap_err().reason, Some(ErrorReason::SelfApproval));
    let tiers =
        pb::OrganizationSettings { allow_self_approval_tiers: vec![Tier::Production.into()], ..Default::default() };
    set(&cast.admin, tiers, &["allow_self_approval_tiers"]).await.unwrap();
    decide("two").await.unwrap();
    drop(runner);
    app.finish_with_jobs().await;
}

async fn onboarding(caller: &Caller) -> Vec<(OnboardingStepKind, OnboardingStepState)> {
    let answer = caller.organizations().get_onboarding(pb::GetOnboardingRequest {}).await.unwrap().into_inner();
    assert_eq!(answer.complete, answer.steps.iter().all(|step| step.state() != OnboardingStepState::Open));
    answer.steps.iter().map(|step| (step.kind(), step.state())).collect()
}

async fn complete(caller: &Caller, step: OnboardingStepKind, skip: bool) -> Result<pb::Onboarding, Error> {
    let request = pb::CompleteOnboardingStepRequest { step: step.into(), skip, ..Default::default() };
    Ok(caller.organizations().complete_onboarding_step(request).await?.into_inner())
}

/// A new organization reaches its first deployment by the steps alone.
#[tokio::test]
async fn the_first_run_leads_a_new_organization_to_its_first_deployment() {
    use OnboardingStepKind::{BusinessUnit, Deployment, Invitations, Organization, Runner};
    use OnboardingStepState::{Done, Open, Skipped};

    let app = TestApp::start().await;
    let operator = app.operator("operator").await;
    create(&operator, asked("acme", "Acme")).await.unwrap();
    let first = first_admin(&app, "acme").await;
    let steps = [Organization, BusinessUnit, Invitations, Runner, Deployment];
    assert_eq!(onboarding(&first).await, steps.map(|step| (step, Open)));
    for step in [BusinessUnit, Invitations, Deployment] {
        let refused = complete(&first, step, false).await.unwrap_err();
        assert_eq!((refused.code, refused.reason), (Code::FailedPrecondition, Some(ErrorReason::WrongState)));
    }
    assert_eq!(fields(&complete(&first, OnboardingStepKind::Unspecified, true).await.unwrap_err()), ["step"]);

    // 1. The organization is as it should be. 2. A unit, in which things can be ordered. 3. Later.
    complete(&first, Organization, false).await.unwrap();
    let unit = pb::BusinessUnit { code: "ENG".into(), display_name: "Eng".into(), ..Default::default() };
    let unit = pb::CreateBusinessUnitRequest { business_unit: Some(unit), ..Default::default() };
    first.business_units().create_business_unit(unit).await.unwrap();
    complete(&first, Invitations, true).await.unwrap();
    assert_eq!(
        onboarding(&first).await,
        [(Organization, Done), (BusinessUnit, Done), (Invitations, Skipped), (Runner, Open), (Deployment, Open)]
    );
    // 4. A runner comes. 5. Something is ordered.
    let runner = ScriptedRunner::start(&app).await;
    wait_for("the runner is seen", async || onboarding(&first).await.contains(&(Runner, Done)).then_some(())).await;
    let cast = Cast {
        admin: first.clone(),
        dev: first.clone(),
        approver: first.clone(),
        unit: "businessUnits/eng".into(),
        template: "templates/config-bundle".into(),
        organization: "organizations/acme".into(),
    };
    let ordered = cast.create(&first, "development", "first").await;
    crate::support::world::finish_request(&runner, &first, &ordered).await;
    let done = onboarding(&first).await;
    assert!(done.contains(&(Deployment, Done)) && done.iter().all(|(_, state)| *state != Open), "{done:?}");
    // What was skipped can be done later.
    database::run(
        &app.sql,
        "INSERT INTO users (id, organization_id, username, email, full_name, creator)
         SELECT gen_random_uuid(), id, 'second', 'second@acme.example', 'Second', 'system' FROM organizations WHERE slug = 'acme'",
    )
    .await;
    assert!(onboarding(&first).await.contains(&(Invitations, Done)));
    // Nobody but who manages the settings marks steps; everybody sees them.
    let dev = app.as_dev().await;
    assert_eq!(complete(&dev, Runner, true).await.unwrap_err().reason, Some(ErrorReason::AccessDenied));
    assert_eq!(onboarding(&dev).await.len(), 5);
    drop(runner);
    app.finish().await;
}

#[tokio::test]
async fn an_organization_is_renamed_by_its_own_administrator() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    let renamed = rename(&admin, "organizations/default", "Acme Ltd.").await.unwrap();
    assert_eq!(
        (renamed.display_name.as_str(), current(&app.as_dev().await).await.unwrap()),
        ("Acme Ltd.", renamed.clone())
    );
    let mut stale = renamed.clone();
    stale.etag = "\"1\"".into();
    stale.display_name = "Other".into();
    let request = pb::UpdateOrganizationRequest { organization: Some(stale), ..Default::default() };
    let stale = Error::from(admin.organizations().update_organization(request).await.unwrap_err());
    assert_eq!(stale.reason, Some(ErrorReason::EtagMismatch));
    for hostile in [" ", "a\0b", "a\u{202e}b", &"x".repeat(256)] {
        let refused = rename(&admin, "organizations/default", hostile).await.unwrap_err();
        assert_eq!(fields(&refused), ["organization.display_name"]);
    }
    assert_eq!(
        rename(&app.as_dev().await, "organizations/default", "Mine").await.unwrap_err().reason,
        Some(ErrorReason::AccessDenied)
    );
    app.finish().await;
}

/// An installation that is older than the role gets its operators when a server with the role starts: those who
/// administer the default organization.
#[tokio::test]
async fn an_older_installation_gets_its_operators_once() {
    let app = TestApp::start().await;
    let roles =
        "SELECT count(*) FROM role_bindings b JOIN roles r ON r.id = b.role_id WHERE r.slug = 'installation-operator'";
    database::run(
        &app.sql,
        "DELETE FROM role_bindings b USING roles r WHERE r.id = b.role_id AND r.slug = 'installation-operator';
         DELETE FROM roles WHERE slug = 'installation-operator'",
    )
    .await;
    app.replica(|_| ()).await.stop().await;
    assert_eq!(database::one::<i64>(&app.sql, roles).await, 1);
    // Whoever takes it away later does not find it given again.
    database::run(
        &app.sql,
        "DELETE FROM role_bindings b USING roles r WHERE r.id = b.role_id AND r.slug = 'installation-operator'",
    )
    .await;
    app.replica(|_| ()).await.stop().await;
    assert_eq!(database::one::<i64>(&app.sql, roles).await, 0);
    app.finish().await;
}
