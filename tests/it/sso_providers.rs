//! Who may vouch for people: providers, their secrets, and who decides on them.

use flagstone_api::pb::{self, ErrorReason};
use prost_types::FieldMask;

use crate::support::database::{one, run};
use crate::support::sso::create;
use crate::support::{Caller, Code, Error, TestApp};

const SECRET: &str = "hunter2-of-the-provider";

fn provider(issuer: &str) -> pb::SsoProvider {
    pb::SsoProvider {
        display_name: "Example".into(),
        kind: pb::SsoProviderKind::Oidc.into(),
        issuer: issuer.into(),
        client_id: "flagstone".into(),
        client_secret: SECRET.into(),
        active: true,
        ..Default::default()
    }
}

async fn try_create(caller: &Caller, id: &str, provider: pb::SsoProvider) -> Result<pb::SsoProvider, Error> {
    let request =
        pb::CreateSsoProviderRequest { sso_provider_id: id.into(), sso_provider: Some(provider), ..Default::default() };
    Ok(caller.sso_providers().create_sso_provider(request).await?.into_inner())
}

async fn update(caller: &Caller, provider: pb::SsoProvider, paths: &[&str]) -> Result<pb::SsoProvider, Error> {
    let update_mask = Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() });
    let request = pb::UpdateSsoProviderRequest { sso_provider: Some(provider), update_mask, ..Default::default() };
    Ok(caller.sso_providers().update_sso_provider(request).await?.into_inner())
}

async fn methods(app: &TestApp, organization: &str) -> pb::ListAuthMethodsResponse {
    let request = pb::ListAuthMethodsRequest { organization: organization.into() };
    app.anonymous().auth().list_auth_methods(request).await.unwrap().into_inner()
}

fn fields(error: &Error) -> Vec<&str> {
    error.violations.fields.iter().map(|violation| violation.field.as_str()).collect()
}

#[tokio::test]
async fn a_secret_is_taken_and_never_told() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    let made = try_create(&admin, "example", provider("https://login.example.org")).await.unwrap();
    assert_eq!((made.client_secret.as_str(), made.has_client_secret), ("", true));
    assert_eq!(made.callback_url, "http://127.0.0.1:7400/auth/sso/callback");
    assert_eq!(made.scopes, ["openid", "profile", "email"]);
    let get = pb::GetSsoProviderRequest { name: made.name.clone() };
    let read = admin.sso_providers().get_sso_provider(get).await.unwrap().into_inner();
    assert_eq!(read, made);
    let error = try_create(&admin, "example", provider("https://login.example.org")).await.unwrap_err();
    assert_eq!((error.code, error.reason), (Code::AlreadyExists, Some(ErrorReason::AlreadyExists)));

    // Replaced, kept, removed: each is told as what it is, and what it is not.
    let changed = pb::SsoProvider { client_secret: format!("{SECRET}-2"), ..made.clone() };
    let replaced = update(&admin, changed, &["client_secret"]).await.unwrap();
    assert_eq!((replaced.client_secret.as_str(), replaced.has_client_secret), ("", true));
    let changed = pb::SsoProvider { display_name: "New".into(), client_secret: String::new(), ..replaced.clone() };
    let renamed = update(&admin, changed, &["display_name"]).await.unwrap();
    assert!(renamed.has_client_secret && renamed.display_name == "New");
    let stale = update(&admin, made.clone(), &["display_name"]).await.unwrap_err();
    assert_eq!((stale.code, stale.reason), (Code::Aborted, Some(ErrorReason::EtagMismatch)));
    let removed = update(&admin, renamed, &["client_secret"]).await.unwrap();
    assert!(!removed.has_client_secret);

    let rows: String = one(
        &app.sql,
        "SELECT string_agg(t, '') FROM (SELECT to_jsonb(p)::text AS t FROM sso_providers p UNION ALL
         SELECT to_jsonb(a)::text FROM audit_events a UNION ALL SELECT to_jsonb(c)::text FROM change_events c) all_rows",
    )
    .await;
    assert!(rows.contains("replaced_client_secret") && !rows.contains(SECRET), "{rows}");

    let sealed = create(&admin, "sealed", provider("https://login.example.org")).await;
    assert!(sealed.has_client_secret);
    let plain = format!("SELECT count(*) FROM sso_providers WHERE position('{SECRET}'::bytea IN client_secret) > 0");
    assert_eq!(one::<i64>(&app.sql, &plain).await, 0);

    let delete = pb::DeleteSsoProviderRequest { name: removed.name.clone(), etag: removed.etag, ..Default::default() };
    admin.sso_providers().delete_sso_provider(delete).await.unwrap();
    let get = pb::GetSsoProviderRequest { name: removed.name };
    let error = Error::from(admin.sso_providers().get_sso_provider(get).await.unwrap_err());
    assert_eq!(error.code, Code::NotFound);
    app.finish().await;
}

#[tokio::test]
async fn everything_that_is_wrong_is_told_at_once() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    let error = try_create(&admin, "-", pb::SsoProvider::default()).await.unwrap_err();
    assert_eq!(fields(&error), ["sso_provider_id", "sso_provider.kind"], "{error:?}");
    for (text, wrong) in [
        ("100 % _ \\", false),
        ("\0", true),
        ("a\u{202e}b", true),
        ("line\nbreak", true),
        (&"x".repeat(101), true),
        (&"ü".repeat(100), false),
    ] {
        let sent = pb::SsoProvider { display_name: text.into(), ..provider("https://login.example.org") };
        let made = try_create(&admin, &format!("p-{}", text.len()), sent).await;
        match made {
            Ok(made) => assert!(!wrong && made.display_name == text, "{text:?}"),
            Err(error) => assert!(wrong && fields(&error) == ["sso_provider.display_name"], "{text:?}: {error:?}"),
        }
    }
    let sent = pb::SsoProvider {
        issuer: "http://10.0.0.1".into(),
        client_id: "a b".into(),
        client_secret: "\0".into(),
        scopes: vec!["a b".into()],
        email_domains: vec!["@x".into()],
        ..provider("")
    };
    let error = try_create(&admin, "wrong", sent).await.unwrap_err();
    assert_eq!(
        fields(&error),
        [
            "sso_provider.client_secret",
            "sso_provider.issuer",
            "sso_provider.client_id",
            "sso_provider.scopes[0]",
            "sso_provider.email_domains[0]"
        ]
    );
    let huge = pb::SsoProvider { client_secret: "x".repeat(9_000_000), ..provider("https://login.example.org") };
    assert_eq!(fields(&try_create(&admin, "huge", huge).await.unwrap_err()), ["sso_provider.client_secret"]);
    let made = create(&admin, "example", provider("https://login.example.org")).await;
    let error = update(&admin, made, &["kind", "display_name"]).await.unwrap_err();
    assert_eq!(fields(&error), ["update_mask"]);
    app.finish().await;
}

#[tokio::test]
async fn who_decides_on_a_provider_can_be_anybody_and_so_must_be_an_administrator() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    let made = create(&admin, "example", provider("https://login.example.org")).await;
    run(
        &app.sql,
        "INSERT INTO roles (id, organization_id, slug, display_name, description, scope, permissions, restriction, creator)
         SELECT gen_random_uuid(), id, 'settings', 'Settings', '', 'PLATFORM',
                ARRAY['platform:organizations:manage_settings'], 'NONE', 'system'
         FROM organizations WHERE is_default",
    )
    .await;
    let settings = app.user("settings", &[("settings", "")]).await;
    // Reads and tests, but does not decide.
    let get = pb::GetSsoProviderRequest { name: made.name.clone() };
    settings.sso_providers().get_sso_provider(get).await.unwrap();
    let delete =
        pb::DeleteSsoProviderRequest { name: made.name.clone(), etag: made.etag.clone(), ..Default::default() };
    for error in [
        try_create(&settings, "mine", provider("https://evil.example.org")).await.unwrap_err(),
        update(&settings, pb::SsoProvider { issuer: "https://evil.example.org".into(), ..made.clone() }, &["issuer"])
            .await
            .unwrap_err(),
        settings.sso_providers().delete_sso_provider(delete).await.unwrap_err().into(),
    ] {
        assert_eq!((error.code, error.reason), (Code::PermissionDenied, Some(ErrorReason::AccessDenied)), "{error:?}");
        assert!(error.metadata.contains_key("decision_id"), "{error:?}");
    }
    // Whoever may not even read it gets the answer that an absent one has.
    for name in ["ssoProviders/example", "ssoProviders/absent"] {
        let get = pb::GetSsoProviderRequest { name: name.into() };
        let error = Error::from(app.as_dev().await.sso_providers().get_sso_provider(get).await.unwrap_err());
        assert_eq!((error.code, error.reason), (Code::PermissionDenied, Some(ErrorReason::AccessDenied)));
    }
    app.finish().await;
}

#[tokio::test]
async fn the_page_of_the_login_is_told_the_providers_of_one_organization() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    let other = app.organization("globex").await;
    create(&admin, "bb", provider("https://b.example.org")).await;
    create(&admin, "aa", pb::SsoProvider { display_name: "A".into(), ..provider("https://a.example.org") }).await;
    create(&admin, "off", pb::SsoProvider { active: false, ..provider("https://off.example.org") }).await;
    create(&other.admin, "theirs", provider("https://theirs.example.org")).await;
    let default: String = one(&app.sql, "SELECT slug FROM organizations WHERE is_default").await;
    let names = async |organization: &str| {
        let answer = methods(&app, organization).await;
        assert!(answer.password);
        answer.sso_methods.into_iter().map(|method| method.provider).collect::<Vec<_>>()
    };
    assert_eq!(names("").await, ["ssoProviders/aa", "ssoProviders/bb"]);
    assert_eq!(names(&default).await, ["ssoProviders/aa", "ssoProviders/bb"]);
    assert_eq!(names("globex").await, ["ssoProviders/theirs"]);
    run(&app.sql, "UPDATE organizations SET active = false WHERE slug = 'globex'").await;
    for unknown in ["globex", "nobody", "%", "_", "\0", "' OR 1=1", &"x".repeat(1_000_000)] {
        assert_eq!(names(unknown).await, [""; 0], "{:.20}", unknown);
        let request = pb::BeginSsoLoginRequest {
            provider: "ssoProviders/theirs".into(),
            organization: unknown.into(),
            ..Default::default()
        };
        let error = Error::from(app.anonymous().auth().begin_sso_login(request).await.unwrap_err());
        assert_eq!((error.code, error.reason), (Code::NotFound, Some(ErrorReason::NotFound)), "{:.20}", unknown);
    }
    app.finish().await;
}

#[tokio::test]
async fn the_list_of_providers_is_filtered_ordered_and_cut_into_pages_and_tells_no_secret() {
    let app = TestApp::start().await;
    let (admin, globex) = (app.as_admin().await, app.organization("globex").await);
    create(&globex.admin, "theirs", provider("https://theirs.example.org")).await;
    let github = pb::SsoProvider {
        kind: pb::SsoProviderKind::Github.into(),
        display_name: "Hub of code".into(),
        ..provider("")
    };
    let mut made = vec![
        create(&admin, "first", pb::SsoProvider { display_name: "100 %".into(), ..provider("https://a.example.org") })
            .await,
        create(&admin, "second", github).await,
        create(&admin, "third", pb::SsoProvider { active: false, ..provider("https://c.example.org") }).await,
    ];
    // As one reads each by its name; the newest first.
    made.reverse();
    let [third, second, first] = made.as_slice() else { unreachable!("there are three") };
    let ask = async |caller: &Caller, request: pb::ListSsoProvidersRequest| {
        caller.sso_providers().list_sso_providers(request).await.map(tonic::Response::into_inner).map_err(Error::from)
    };
    for (filter, order_by, expected) in [
        ("", "", vec![third, second, first]),
        ("", "create_time desc", vec![third, second, first]),
        ("", "create_time", vec![first, second, third]),
        ("kind = GITHUB", "", vec![second]),
        ("kind = OIDC", "create_time", vec![first, third]),
        ("active = false", "", vec![third]),
        ("active = true AND kind != GITHUB", "", vec![first]),
        ("display_name:\"HUB\"", "", vec![second]),
        ("display_name:\"%\"", "", vec![first]),
        ("create_time > \"2099-01-01\"", "", vec![]),
    ] {
        let request = pb::ListSsoProvidersRequest {
            filter: filter.into(),
            order_by: order_by.into(),
            include_total: true,
            ..Default::default()
        };
        let page = ask(&admin, request).await.unwrap();
        assert_eq!(page.sso_providers.iter().collect::<Vec<_>>(), expected, "{filter} {order_by}");
        assert_eq!((usize::try_from(page.total_size).unwrap(), page.next_page_token.as_str()), (expected.len(), ""));
        for shown in &page.sso_providers {
            assert_eq!((shown.client_secret.as_str(), shown.has_client_secret), ("", true), "{shown:?}");
        }
        assert!(!format!("{page:?}").contains(SECRET));
    }
    let page = ask(&admin, pb::ListSsoProvidersRequest { page_size: 2, ..Default::default() }).await.unwrap();
    let next = pb::ListSsoProvidersRequest { page_size: 2, page_token: page.next_page_token, ..Default::default() };
    let next = ask(&admin, next).await.unwrap();
    assert_eq!([page.sso_providers, next.sso_providers].concat(), made);
    assert_eq!(next.next_page_token, "");

    let wrong = pb::ListSsoProvidersRequest { filter: "issuer = \"x\"".into(), ..Default::default() };
    assert_eq!(ask(&admin, wrong).await.unwrap_err().reason, Some(ErrorReason::FilterInvalid));
    let denied = ask(&app.as_dev().await, pb::ListSsoProvidersRequest::default()).await.unwrap_err();
    assert_eq!((denied.code, denied.reason), (Code::PermissionDenied, Some(ErrorReason::AccessDenied)));
    app.finish().await;
}
