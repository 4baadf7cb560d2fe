use proptest::prelude::*;

use super::*;

const ID: &str = "0190b5a4-7c3e-7d5a-8f00-0123456789ab";

fn round_trips<T: ResourceName>(text: &str) {
    assert_eq!(parse::<T>(text, "name").unwrap().to_string(), text);
}

#[test]
fn every_kind_reads_and_displays_its_form() {
    round_trips::<OrganizationName>("organizations/acme");
    round_trips::<BusinessUnitName>("businessUnits/b");
    round_trips::<EnvironmentName>("businessUnits/sandbox/environments/dev");
    round_trips::<TemplateName>("templates/aws-s3");
    round_trips::<TemplateVersionName>("templates/aws-s3/versions/1.2.3-rc.1");
    round_trips::<RequestName>("businessUnits/sandbox/requests/R-42");
    round_trips::<RequestName>(&format!("businessUnits/sandbox/requests/{ID}"));
    round_trips::<ApprovalName>(&format!("approvals/{ID}"));
    round_trips::<ApprovalPolicyName>("approvalPolicies/development-auto");
    round_trips::<PolicyName>("policies/required-tags");
    round_trips::<DeploymentName>("businessUnits/sandbox/deployments/web-dev");
    round_trips::<RevisionName>("businessUnits/sandbox/deployments/web-dev/revisions/7");
    round_trips::<WorkspaceName>("businessUnits/sandbox/deployments/web-dev/workspace");
    round_trips::<JobName>(&format!("jobs/{ID}"));
    round_trips::<RunnerName>("runners/embedded");
    round_trips::<ScheduleName>("schedules/tidy");
    round_trips::<UserName>("users/0.a_b-c");
    round_trips::<SessionName>(&format!("users/ada/sessions/{ID}"));
    round_trips::<InvitationName>(&format!("invitations/{ID}"));
    round_trips::<ServiceAccountName>("serviceAccounts/ci");
    round_trips::<RoleName>("roles/it-engineer");
    round_trips::<AuditEventName>(&format!("auditEvents/{ID}"));
    for principal in ["users/ada", "serviceAccounts/ci", "runners/embedded", "system"] {
        round_trips::<Principal>(principal);
    }
    for parent in ["businessUnits/-", "businessUnits/sandbox"] {
        round_trips::<BusinessUnitParent>(parent);
    }
}

#[test]
fn the_parts_of_a_name_are_names() {
    let name: RevisionName = parse("businessUnits/sandbox/deployments/web/revisions/7", "name").unwrap();
    assert_eq!(name.id().get(), 7);
    assert_eq!(name.deployment().to_string(), "businessUnits/sandbox/deployments/web");
    assert_eq!(name.deployment().business_unit(), name.business_unit());
    let version: TemplateVersionName = parse("templates/aws-s3/versions/1.2.3", "name").unwrap();
    assert_eq!(version.template().to_string(), "templates/aws-s3");
    assert!(parse::<UserName>("users/me", "name").unwrap().is_me());
}

#[test]
fn other_spellings_are_refused() {
    let upper = format!("jobs/{}", ID.to_uppercase());
    let simple = format!("jobs/{}", ID.replace('-', ""));
    for name in ["jobs/", "jobs", "jobs/x", &upper, &simple, &format!("/jobs/{ID}"), &format!("jobs/{ID}/")] {
        assert!(parse::<JobName>(name, "name").is_err(), "{name}");
    }
    for id in ["R-0", "R-", "R-01", "r-1", "R-+1", "R--1", "R-99999999999999999999", "-", "42"] {
        assert!(parse::<RequestName>(&format!("businessUnits/b/requests/{id}"), "name").is_err(), "{id}");
    }
    for version in ["1.2", "v1.2.3", "01.2.3", "1.2.3+build", &format!("1.2.3-{}", "a".repeat(60))] {
        assert!(parse::<TemplateVersionName>(&format!("templates/aws-s3/versions/{version}"), "name").is_err());
    }
    for id in ["a", "A1", "1a", "a-", "a_b", &"a".repeat(64), "ä1", ""] {
        assert!(parse::<TemplateName>(&format!("templates/{id}"), "name").is_err(), "{id}");
    }
    for id in [".a", "-a", "_a", "A", &"a".repeat(65), "a/b"] {
        assert!(parse::<UserName>(&format!("users/{id}"), "name").is_err(), "{id}");
    }
    let environment = |id: &str| parse::<EnvironmentName>(&format!("businessUnits/b/environments/{id}"), "name");
    assert!(environment(&"a".repeat(50)).is_ok());
    assert!(environment(&"a".repeat(51)).is_err());
}

#[test]
fn a_refusal_names_the_field_the_form_and_the_segment() {
    let message = |value: &str| parse::<DeploymentName>(value, "deployment.name").unwrap_err().fields.remove(0);
    let form = "businessUnits/{business_unit}/deployments/{deployment}";
    assert_eq!(message("").field, "deployment.name");
    assert_eq!(message("").message, format!("This is required, in the form {form}."));
    assert_eq!(message("jobs/x").message, format!("`jobs/x` is not of the form {form}."));
    assert_eq!(
        message("businessUnits/b/deployments/X").message,
        format!(
            "`businessUnits/b/deployments/X` is not of the form {form}: `X` is not 2 to 63 of a-z, 0-9 and `-`, a \
             letter first and no `-` at the end."
        )
    );
    assert!(message(&"x/".repeat(100_000)).message.len() < 300);
}

#[test]
fn every_business_unit_is_a_parent_and_nothing_else() {
    let error = parse::<BusinessUnitName>("businessUnits/-", "parent").unwrap_err();
    assert_eq!(error.reason, Reason::BusinessUnitRequired);
    assert_eq!(error.fields[0].field, "parent");
    let error = parse::<DeploymentName>("businessUnits/-/deployments/web", "name").unwrap_err();
    assert_eq!(error.reason, Reason::BusinessUnitRequired);
    assert_eq!(parse::<BusinessUnitParent>("businessUnits/-", "parent").unwrap(), BusinessUnitParent::Any);
    let error = parse::<BusinessUnitParent>("businessUnits/B", "parent").unwrap_err();
    assert!(error.message.contains("or businessUnits/-"), "{error}");
}

#[test]
fn stored_segments_are_checked() {
    let name = RevisionName::stored("sandbox", "web", 7).unwrap();
    assert_eq!(name.to_string(), "businessUnits/sandbox/deployments/web/revisions/7");
    assert_eq!(RevisionName::stored("sandbox", "Web", 7).unwrap_err().reason, Reason::Internal);
    assert_eq!(RevisionName::stored("sandbox", "web", 0).unwrap_err().reason, Reason::Internal);
}

proptest! {
    #[test]
    fn what_is_built_is_read_again(
        unit in "[a-z][a-z0-9-]{0,49}",
        slug in "[a-z][a-z0-9-]{0,61}[a-z0-9]",
        number in 1..=i64::MAX,
        revision in 1..=i32::MAX,
        version in "(0|[1-9][0-9]{0,5})\\.(0|[1-9][0-9]{0,5})\\.(0|[1-9][0-9]{0,5})(-[a-z][a-z0-9]{0,9})?",
        user in "[a-z0-9][a-z0-9._-]{0,63}",
        id: u128,
    ) {
        let revision = RevisionName::stored(&unit, &slug, revision).unwrap();
        prop_assert_eq!(parse::<RevisionName>(&revision.to_string(), "name").unwrap(), revision);
        let request = RequestName::new(BusinessUnitId::parse(&unit, "").unwrap(), RequestId::Uuid(Uuid::from_u128(id)));
        prop_assert_eq!(parse::<RequestName>(&request.to_string(), "name").unwrap(), request);
        let code = RequestName::new(BusinessUnitId::parse(&unit, "").unwrap(), RequestId::Code(number));
        prop_assert_eq!(parse::<RequestName>(&code.to_string(), "name").unwrap(), code);
        let version = TemplateVersionName::stored(&slug, &version).unwrap();
        prop_assert_eq!(parse::<TemplateVersionName>(&version.to_string(), "name").unwrap(), version);
        let user = UserName::stored(&user).unwrap();
        prop_assert_eq!(parse::<UserName>(&user.to_string(), "name").unwrap(), user);
    }

    #[test]
    fn whatever_is_accepted_is_displayed_as_it_was(text in "(businessUnits|users|jobs|templates|[a-z]{0,3})(/[-a-zA-Z0-9._]{0,12}){0,6}") {
        if let Ok(name) = text.parse::<DeploymentName>() { prop_assert_eq!(name.to_string(), &*text); }
        if let Ok(name) = text.parse::<UserName>() { prop_assert_eq!(name.to_string(), &*text); }
        if let Ok(name) = text.parse::<TemplateVersionName>() { prop_assert_eq!(name.to_string(), &*text); }
        if let Ok(name) = text.parse::<RequestName>() { prop_assert_eq!(name.to_string(), &*text); }
        if let Ok(name) = text.parse::<BusinessUnitParent>() { prop_assert_eq!(name.to_string(), &*text); }
        if let Ok(name) = text.parse::<Principal>() { prop_assert_eq!(name.to_string(), &*text); }
    }

    #[test]
    fn nothing_panics(text: String) {
        let _ = text.parse::<RevisionName>();
        let _ = text.parse::<Principal>();
    }
}
