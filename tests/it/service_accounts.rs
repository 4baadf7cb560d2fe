//! Service accounts: programs under a name of their own.

use flagstone_api::pb::{self, ErrorReason};
use prost_types::FieldMask;

use crate::api_tokens::{create as create_token, token};
use crate::support::authority::make_group;
use crate::support::contract::{Method, methods};
use crate::support::world::{Cast, get_request};
use crate::support::{Caller, Code, Error, TestApp, database, wait_for};

use pb::ServiceAccountKind::{Agent, Ci, Machine};

async fn create(caller: &Caller, id: &str, account: pb::ServiceAccount) -> Result<pb::ServiceAccount, Error> {
    let request = pb::CreateServiceAccountRequest {
        service_account_id: id.into(),
        service_account: Some(account),
        ..Default::default()
    };
    Ok(caller.service_accounts().create_service_account(request).await?.into_inner())
}

fn of_kind(kind: pb::ServiceAccountKind) -> pb::ServiceAccount {
    pb::ServiceAccount { kind: kind.into(), ..Default::default() }
}

async fn update(caller: &Caller, account: pb::ServiceAccount, paths: &[&str]) -> Result<pb::ServiceAccount, Error> {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    let request = pb::UpdateServiceAccountRequest {
        service_account: Some(account),
        update_mask: Some(FieldMask { paths }),
        ..Default::default()
    };
    Ok(caller.service_accounts().update_service_account(request).await?.into_inner())
}

/// A program with a role in `sandbox` and a token for these permissions.
async fn program(app: &TestApp, id: &str, kind: pb::ServiceAccountKind, role: &str, permissions: &[&str]) -> Caller {
    let admin = app.as_admin().await;
    let account = create(&admin, id, of_kind(kind)).await.unwrap();
    app.bind_account(id, role, "sandbox").await;
    // The administrator's own grants are of the epoch before: the next call takes up the new one.
    let secret = create_token(&admin, &account.name, token("Key", permissions)).await.unwrap().secret;
    app.anonymous().with_token(&secret)
}

#[tokio::test]
async fn an_account_is_made_read_changed_and_deleted() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    let made = create(&admin, "builder", pb::ServiceAccount { description: "Builds".into(), ..of_kind(Machine) }).await;
    let made = made.unwrap();
    assert_eq!((made.name.as_str(), made.active), ("serviceAccounts/builder", true));
    assert_eq!(create(&admin, "builder", of_kind(Machine)).await.unwrap_err().code, Code::AlreadyExists);
    app.bind_account("builder", "viewer", "sandbox").await;

    let get = pb::GetServiceAccountRequest { name: made.name.clone() };
    let found = admin.service_accounts().get_service_account(get.clone()).await.unwrap().into_inner();
    assert_eq!(found.role_bindings.len(), 1);
    assert_eq!(found.role_bindings[0].role, "roles/viewer");
    assert_eq!(found.role_bindings[0].business_unit, "businessUnits/sandbox");

    let changed =
        pb::ServiceAccount { name: made.name.clone(), description: "Builds all".into(), ..Default::default() };
    assert_eq!(update(&admin, changed, &["description"]).await.unwrap().description, "Builds all");
    let delete = pb::DeleteServiceAccountRequest { name: made.name.clone(), ..Default::default() };
    let list = pb::ListServiceAccountsRequest { filter: "kind = MACHINE".into(), ..Default::default() };
    let listed = admin.service_accounts().list_service_accounts(list).await.unwrap().into_inner().service_accounts;
    assert!(listed.iter().any(|account| account.name == delete.name), "{listed:?}");
    admin.service_accounts().delete_service_account(delete).await.unwrap();
    assert_eq!(admin.service_accounts().get_service_account(get).await.unwrap_err().code(), Code::NotFound);
    // The id is taken for ever: history names it.
    assert_eq!(create(&admin, "builder", of_kind(Machine)).await.unwrap_err().code, Code::AlreadyExists);
    let left: i64 =
        database::one(&app.sql, "SELECT count(*) FROM role_bindings WHERE subject_kind = 'SERVICE_ACCOUNT'").await;
    assert_eq!(left, 0);
    app.finish().await;
}

#[tokio::test]
async fn everything_that_is_wrong_is_told_at_once_and_developers_manage_none() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    let rule = pb::CiTrustRule { issuer: "http://ci".into(), conditions: Vec::new() };
    let hostile = pb::ServiceAccount { description: "a\0b".into(), ci_trust_rules: vec![rule], ..of_kind(Ci) };
    let error = create(&admin, "Not A Slug%_", hostile).await.unwrap_err();
    let fields: Vec<&str> = error.violations.fields.iter().map(|violation| violation.field.as_str()).collect();
    for field in ["service_account_id", "service_account.description", "service_account.ci_trust_rules[0].issuer"] {
        assert!(fields.contains(&field), "{field}: {error:?}");
    }
    let error = create(&app.as_dev().await, "mine", of_kind(Machine)).await.unwrap_err();
    assert_eq!((error.code, error.reason), (Code::PermissionDenied, Some(ErrorReason::AccessDenied)));
    app.finish().await;
}

#[tokio::test]
async fn a_machine_reads_and_asks_for_changes_under_its_own_name_and_never_decides() {
    let app = TestApp::start().await;
    let cast = Cast::of(&app).await;
    let permissions = [
        "business_unit:requests:create",
        "business_unit:requests:read",
        "business_unit:requests:list",
        "business_unit:templates:provision",
        "business_unit:deployments:create:development",
        "business_unit:approvals:list",
    ];
    let machine = program(&app, "builder", Machine, "developer", &permissions[..5]).await;
    let request = cast.create(&machine, "development", "by-a-machine").await;
    assert_eq!(request.requester, "serviceAccounts/builder");
    assert_eq!(get_request(&machine, &request.name).await.name, request.name);
    // The user scope is people's.
    let error = Error::from(machine.users().get_me(pb::GetMeRequest {}).await.unwrap_err());
    assert_eq!((error.code, error.reason), (Code::FailedPrecondition, Some(ErrorReason::PersonRequired)));
    let error = create_token(&cast.admin, "serviceAccounts/builder", token("X", &["user:profile:read"])).await;
    assert_eq!(error.unwrap_err().code, Code::InvalidArgument);
    app.finish_with_jobs().await;
}

#[tokio::test]
async fn a_token_of_an_account_takes_somebody_who_holds_what_it_gives() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    let account = create(&admin, "builder", of_kind(Machine)).await.unwrap();
    app.bind_account("builder", "developer", "sandbox").await;
    // Somebody who manages service accounts and nothing else.
    database::run(
        &app.sql,
        "INSERT INTO roles (id, organization_id, slug, display_name, scope, permissions, creator)
         SELECT gen_random_uuid(), id, 'keeper', 'Keeper', 'PLATFORM',
                ARRAY['platform:service_accounts:list', 'platform:service_accounts:manage'], 'system'
         FROM organizations WHERE is_default",
    )
    .await;
    let keeper = app.user("keeper", &[("keeper", "")]).await;
    let error = create_token(&keeper, &account.name, token("X", &["business_unit:requests:create"])).await.unwrap_err();
    assert_eq!((error.code, error.reason), (Code::PermissionDenied, Some(ErrorReason::AccessDenied)), "{error:?}");
    // Nor does the keeper trust a CI that would come in as the account.
    let ci = create(&admin, "ci", of_kind(Ci)).await.unwrap();
    app.bind_account("ci", "developer", "sandbox").await;
    let rule = pb::CiTrustRule {
        issuer: "https://ci.example.org".into(),
        conditions: vec![pb::CiClaimCondition { claim: "sub".into(), value: "mine".into() }],
    };
    let trusting = pb::ServiceAccount { name: ci.name, ci_trust_rules: vec![rule], ..Default::default() };
    let error = update(&keeper, trusting.clone(), &["ci_trust_rules"]).await.unwrap_err();
    assert_eq!(error.reason, Some(ErrorReason::AccessDenied), "{error:?}");
    assert_eq!(update(&admin, trusting, &["ci_trust_rules"]).await.unwrap().ci_trust_rules.len(), 1);
    app.finish().await;
}

#[tokio::test]
async fn an_agent_tries_what_is_dangerous_and_leaves_it_to_people() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    create(&admin, "agent", of_kind(Agent)).await.unwrap();
    app.bind_account("agent", "platform-admin", "").await;
    let permissions = ["platform:service_accounts:manage", "platform:service_accounts:list"];
    let secret = create_token(&admin, "serviceAccounts/agent", token("Key", &permissions)).await.unwrap().secret;
    let agent = app.anonymous().with_token(&secret);
    // Of low risk: it may.
    let other = create(&agent, "other", of_kind(Machine)).await.unwrap();
    app.bind_account("other", "platform-admin", "").await;
    let wanted = pb::CreateApiTokenRequest {
        parent: other.name,
        api_token: Some(token("Key", &["platform:service_accounts:list"])),
        ..Default::default()
    };
    let dry = pb::CreateApiTokenRequest { validate_only: true, ..wanted.clone() };
    let told = agent.api_tokens().create_api_token(dry).await.unwrap().into_inner();
    assert!(told.secret.is_empty() && told.effects.is_some_and(|effects| effects.changes.len() == 1));
    let error = Error::from(agent.api_tokens().create_api_token(wanted).await.unwrap_err());
    let expected = (Code::PermissionDenied, Some(ErrorReason::ConfirmationRequired));
    assert_eq!((error.code, error.reason), expected, "{error:?}");
    assert!(error.metadata.contains_key("decision_id"), "{error:?}");
    app.finish().await;
}

#[tokio::test]
async fn an_inactive_account_is_out() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    let machine = program(&app, "builder", Machine, "viewer", &["business_unit:requests:list"]).await;
    let list = async || {
        let request = pb::ListRequestsRequest { parent: "businessUnits/sandbox".into(), ..Default::default() };
        machine.requests().list_requests(request).await.map_err(Error::from)
    };
    list().await.unwrap();
    let account = |active| pb::ServiceAccount { name: "serviceAccounts/builder".into(), active, ..Default::default() };
    update(&admin, account(false), &["active"]).await.unwrap();
    let error = list().await.unwrap_err();
    assert_eq!((error.code, error.reason), (Code::Unauthenticated, Some(ErrorReason::PrincipalInactive)));
    update(&admin, account(true), &["active"]).await.unwrap();
    wait_for("it is back", async || list().await.ok()).await;
    app.finish().await;
}

/// Only what everybody may do with what is their own admits to it.
fn of_oneself(method: &Method) -> bool {
    method.policy.permissions.iter().all(|permission| permission.starts_with("user:"))
}

/// What is about a person, or about oneself as one, is nothing for a program, whatever its roles and its token give it.
#[tokio::test]
async fn a_program_is_no_person() {
    let app = TestApp::start().await;
    let held = ["platform:sessions:revoke", "platform:users:read", "platform:groups:manage_members"];
    app.role("helpdesk", "PLATFORM", &held).await;
    let admin = app.as_admin().await;
    let account = create(&admin, "builder", of_kind(Machine)).await.unwrap();
    app.bind_account("builder", "helpdesk", "").await;
    let secret = create_token(&admin, &account.name, token("Key", &held)).await.unwrap().secret;
    let program = app.anonymous().with_token(&secret);

    let mut judged = 0;
    for method in methods().iter().filter(|method| of_oneself(method)) {
        let error = program.ask(method, &method.request()).await.expect_err(&method.name);
        let expected = (Code::FailedPrecondition, Some(ErrorReason::PersonRequired));
        let field = error.code == Code::InvalidArgument;
        assert!(field || (error.code, error.reason) == expected, "{}: {error:?}", method.name);
        judged += usize::from(!field);
    }
    assert!(judged >= 6, "only {judged} methods are for people");

    let me = || "users/me".to_owned();
    let sessions = pb::ListSessionsRequest { parent: me(), ..Default::default() };
    let revoke = pb::RevokeSessionRequest { name: "users/me/sessions/-".into(), ..Default::default() };
    let tokens = pb::ListApiTokensRequest { parent: me(), ..Default::default() };
    let own = token("Own", &held[..1]);
    let make = pb::CreateApiTokenRequest { parent: me(), api_token: Some(own), ..Default::default() };
    let group = make_group(&admin, "", "crew").await;
    let out = pb::RemoveGroupMemberRequest { name: group, user: me(), ..Default::default() };
    let refusals = [
        Error::from(program.users().get_user(pb::GetUserRequest { name: me() }).await.unwrap_err()),
        Error::from(program.auth().list_sessions(sessions).await.unwrap_err()),
        Error::from(program.auth().revoke_session(revoke).await.unwrap_err()),
        Error::from(program.auth().logout(pb::LogoutRequest::default()).await.unwrap_err()),
        Error::from(program.api_tokens().list_api_tokens(tokens).await.unwrap_err()),
        Error::from(program.api_tokens().create_api_token(make).await.unwrap_err()),
        Error::from(program.groups().remove_group_member(out).await.unwrap_err()),
    ];
    for refused in refusals {
        let expected = (Code::FailedPrecondition, Some(ErrorReason::PersonRequired));
        assert_eq!((refused.code, refused.reason), expected, "{refused:?}");
    }
    // Of others it manages what its role says.
    let theirs = pb::ListSessionsRequest { parent: "users/admin".into(), ..Default::default() };
    assert!(!program.auth().list_sessions(theirs).await.unwrap().into_inner().sessions.is_empty());
    app.finish().await;
}
