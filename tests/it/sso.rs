//! Logging in through others, against a real OpenID Connect provider and a fake of GitHub: who comes in, as whom, and who
//! does not.

use flagstone_api::pb::{self, ErrorReason};
use serde_json::Value;

use crate::support::database::{one, run};
use crate::support::logs::Logs;
use crate::support::sso::{Browser, CALLBACK, Issuer, create, escaped, parameter, with_parameter};
use crate::support::{Code, Error, TestApp};

const PROVIDER: &str = "ssoProviders/example";
const WANTED: &str = "/services?tier=production";

/// A server whose organization has the provider.
async fn joined(issuer: &Issuer) -> TestApp {
    let app = TestApp::start().await;
    issuer.join(&app.as_admin().await, "example").await;
    app
}

async fn users(app: &TestApp) -> i64 {
    one(&app.sql, "SELECT count(*) FROM users").await
}

fn failed(code: &str) -> String {
    format!("/login?error={code}")
}

#[tokio::test]
async fn a_first_login_makes_an_account_and_later_ones_change_nothing_of_it() {
    let Some(issuer) = Issuer::start("sso::first_login", &[]).await else { return };
    let logs = Logs::capture();
    let app = joined(&issuer).await;
    let unit = "UPDATE organizations SET settings = settings || '{\"default_business_unit\": \"sandbox\"}'";
    run(&app.sql, unit).await;
    let browser = Browser::new(&app);

    let url = browser.begin(PROVIDER, WANTED).await.unwrap();
    for (name, value) in [
        ("response_type", Some("code")),
        ("code_challenge_method", Some("S256")),
        ("scope", Some("openid+profile+email")),
        ("redirect_uri", Some(escaped(CALLBACK).as_str())),
        ("prompt", None),
    ] {
        assert_eq!(parameter(&url, name), value, "{url}");
    }
    let secrets = ["state", "nonce", "code_challenge"].map(|name| parameter(&url, name).unwrap().to_owned());
    assert!(secrets.iter().all(|secret| secret.len() >= 20), "{url}");
    let binding = browser.cookie("flagstone_sso").unwrap();
    let back = browser.at_provider(&url, "ada").await;
    assert_eq!(browser.back(&back).await, WANTED);
    assert_eq!(browser.cookie("flagstone_sso"), None, "it has had its time");

    let me = browser.me().await;
    assert_eq!((me.username.as_str(), me.email.as_str()), ("ada", "ada@example.org"));
    assert_eq!(me.full_name, "Ada Example");
    let memberships: Vec<_> = me.memberships.iter().map(|of| (of.business_unit.as_str(), of.role.as_str())).collect();
    assert_eq!(memberships, [("businessUnits/sandbox", "roles/developer")]);
    assert_eq!(me.organization_roles, [""; 0]);
    assert_eq!(me.creator, "system");

    // Somebody took the membership away: it does not come back by itself.
    run(&app.sql, "DELETE FROM business_unit_members WHERE user_id = (SELECT id FROM users WHERE username = 'ada')")
        .await;
    app.grants_changed().await;
    let before = users(&app).await;
    assert_eq!(browser.log_in(&issuer, PROVIDER, "ada").await, WANTED);
    assert_eq!(users(&app).await, before);
    assert_eq!(browser.me().await.memberships, []);

    // Another person of the same name.
    assert_eq!(browser.log_in(&issuer, PROVIDER, "ada@corp.test").await, WANTED);
    assert_eq!(browser.me().await.username, "ada1");
    // Without a unit that is configured there is none.
    run(&app.sql, "UPDATE organizations SET settings = settings - 'default_business_unit'").await;
    assert_eq!(browser.log_in(&issuer, PROVIDER, "grace").await, WANTED);
    let me = browser.me().await;
    assert_eq!((me.username.as_str(), me.memberships.len(), me.organization_roles.len()), ("grace", 0, 0));

    let events: Vec<Value> = app
        .sql
        .query("SELECT to_jsonb(e) FROM audit_events e WHERE action = 'session.sso_login' ORDER BY time, id", &[])
        .await
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(events.len(), 4, "{events:#?}");
    assert!(events.iter().all(|event| event["outcome"] == "SUCCESS" && event["origin"] == "UI"), "{events:#?}");
    assert_eq!(events[0]["principal"], "users/ada");
    assert_eq!(events[0]["details"]["sso_provider"], PROVIDER);

    // Logging out here tells where to log out there.
    let token = browser.token().await.unwrap();
    let answer: pb::LogoutResponse = browser.call("Logout", &token, &pb::LogoutRequest::default()).await.unwrap();
    let url = answer.provider_logout_url;
    assert!(url.starts_with(&format!("{}/session/end?", issuer.issuer)), "{url}");
    assert_eq!(parameter(&url, "post_logout_redirect_uri"), Some(escaped("http://127.0.0.1:7400/login").as_str()));
    assert_eq!(parameter(&url, "id_token_hint").unwrap().split('.').count(), 3);
    let password = app.login("dev").await.auth().logout(pb::LogoutRequest::default()).await.unwrap().into_inner();
    assert_eq!(password.provider_logout_url, "", "nobody vouched for a password");

    // What travels is neither logged nor stored.
    let dump: String = one(
        &app.sql,
        "SELECT string_agg(t::text, '') FROM (SELECT to_jsonb(s)::text FROM sso_providers s UNION ALL
         SELECT to_jsonb(s)::text FROM sessions s UNION ALL SELECT to_jsonb(a)::text FROM audit_events a) t",
    )
    .await;
    let code = parameter(&back, "code").unwrap();
    for secret in secrets.iter().map(String::as_str).chain([binding.as_str(), code, &issuer.client_secret]) {
        assert!(!logs.text().contains(secret), "a log line holds {secret}");
        assert!(!dump.contains(secret), "a row holds {secret}");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_login_is_completed_once_by_the_browser_that_began_it() {
    let Some(issuer) = Issuer::start("sso::once", &[]).await else { return };
    let app = joined(&issuer).await;
    let before = users(&app).await;
    let browser = Browser::new(&app);
    let begun = async || {
        browser.forget_provider(&issuer);
        let url = browser.begin(PROVIDER, "").await.unwrap();
        browser.at_provider(&url, "ada").await
    };

    // A state that nobody made, none at all, and everything twice.
    let back = begun().await;
    for state in [Some("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), Some("%00"), Some("%25_")] {
        assert_eq!(browser.back(&with_parameter(&back, "state", state)).await, failed("sso_expired"), "{state:?}");
    }
    assert_eq!(browser.back(&format!("{back}&state=x")).await, failed("sso_failed"));
    assert_eq!(browser.back(&format!("{CALLBACK}?code={}", "x".repeat(10_000))).await, failed("sso_failed"));
    assert_eq!(browser.back(&with_parameter(&back, "state", None)).await, failed("sso_failed"));
    assert_eq!(browser.back(CALLBACK).await, failed("sso_failed"));

    // Another browser: somebody was lured to the end of somebody else's login.
    let other = Browser::new(&app);
    assert_eq!(other.back(&back).await, failed("sso_other_browser"));
    let url = other.begin(PROVIDER, "").await.unwrap();
    assert_eq!(other.back(&back).await, failed("sso_other_browser"), "a login of its own does not help");
    drop(url);
    assert_eq!(other.cookie("flagstone_refresh"), None);

    // None of that has spoiled the login. It works once.
    let again = browser.copy();
    assert_eq!(browser.back(&back).await, "/");
    assert_eq!(again.back(&back).await, failed("sso_expired"), "the state was used");
    assert_eq!(browser.me().await.username, "ada", "the session lives on");

    // A code that was used, in a login that was not.
    let second = begun().await;
    let replayed = with_parameter(&second, "code", parameter(&back, "code"));
    assert_eq!(browser.back(&replayed).await, failed("sso_failed"));
    assert_eq!(browser.back(&second).await, failed("sso_expired"), "the failure has used it up");
    // A code that was never given out.
    let third = begun().await;
    assert_eq!(browser.back(&with_parameter(&third, "code", Some("%25%5F%00"))).await, failed("sso_failed"));
    let fourth = begun().await;
    assert_eq!(browser.back(&with_parameter(&fourth, "code", None)).await, failed("sso_failed"));

    // Too late.
    let late = begun().await;
    run(&app.sql, "UPDATE sso_logins SET expire_time = now() - interval '1 second'").await;
    assert_eq!(browser.back(&late).await, failed("sso_expired"));

    // The provider says no.
    browser.forget_provider(&issuer);
    let url = browser.begin(PROVIDER, "").await.unwrap();
    let refused = browser.at_provider(&url, "").await;
    assert_eq!(parameter(&refused, "error"), Some("access_denied"));
    assert_eq!(browser.back(&refused).await, failed("sso_refused"));
    assert_eq!(browser.back(&refused).await, failed("sso_expired"));

    // The provider is no more one of ours.
    let gone = begun().await;
    run(&app.sql, "UPDATE sso_providers SET active = false").await;
    assert_eq!(browser.back(&gone).await, failed("sso_failed"));
    assert_eq!(users(&app).await, before + 1);
    let failures: i64 = one(
        &app.sql,
        "SELECT count(*) FROM audit_events WHERE action = 'session.sso_login' AND outcome = 'FAILURE'
         AND object = 'ssoProviders/example'",
    )
    .await;
    assert_eq!(failures, 5, "of logins that were ours, and of no others");
    app.finish().await;
}

#[tokio::test]
async fn a_token_that_does_not_hold_lets_nobody_in_and_a_new_key_is_found() {
    let Some(issuer) = Issuer::start("sso::tokens", &["--claims", "id_token"]).await else { return };
    let app = joined(&issuer).await;
    let before = users(&app).await;
    let browser = Browser::new(&app);
    for how in ["nonce", "audience", "issuer", "expired", "none", "hs256", "foreign_key", "no_token"] {
        issuer.tamper(how).await;
        assert_eq!(browser.log_in(&issuer, PROVIDER, "ada").await, failed("sso_failed"), "{how}");
        assert_eq!(browser.cookie("flagstone_refresh"), None, "{how}");
    }
    assert_eq!(users(&app).await, before);
    assert_eq!(browser.log_in(&issuer, PROVIDER, "ada").await, WANTED);
    assert_eq!(browser.me().await.email, "ada@example.org");

    issuer.ask("/test/rotate", "").await;
    assert_eq!(browser.log_in(&issuer, PROVIDER, "grace").await, WANTED, "with a key that was not known");
    issuer.tamper("none").await;
    assert_eq!(browser.log_in(&issuer, PROVIDER, "grace").await, failed("sso_failed"));
    app.finish().await;
}

#[tokio::test]
async fn an_answer_of_another_issuer_is_not_taken() {
    let Some(honest) = Issuer::start("sso::mix_up", &[]).await else { return };
    let Some(evil) = Issuer::start("sso::mix_up", &[]).await else { return };
    let app = joined(&honest).await;
    evil.join(&app.as_admin().await, "evil").await;
    let browser = Browser::new(&app);
    let at = async |provider: &str| {
        let url = browser.begin(provider, "").await.unwrap();
        browser.at_provider(&url, "ada").await
    };
    // The code of one under the state of the other, with the issuer of either, and with none.
    let stolen = at(PROVIDER).await;
    let code = parameter(&stolen, "code");
    for issuer in [Some(escaped(&honest.issuer)), None, Some(escaped("https://evil.example.org"))] {
        let theirs = with_parameter(&at("ssoProviders/evil").await, "code", code);
        let mixed = with_parameter(&theirs, "iss", issuer.as_deref());
        assert_eq!(browser.back(&mixed).await, failed("sso_failed"), "{issuer:?}");
    }
    // None of them has asked the other for a token: the code is still good, but its login is not this browser's any more.
    assert_eq!(browser.back(&stolen).await, failed("sso_other_browser"));
    // The same subject at two issuers is two people to us, of whom the second has an address that is taken: both are
    // vouched for, so both are the same account.
    assert_eq!(browser.back(&at(PROVIDER).await).await, "/");
    assert_eq!(browser.back(&at("ssoProviders/evil").await).await, "/");
    let linked: i64 = one(
        &app.sql,
        "SELECT count(DISTINCT issuer) FROM external_identities WHERE user_id = (SELECT id FROM users WHERE username = 'ada')",
    )
    .await;
    assert_eq!(linked, 2);
    app.finish().await;
}

#[tokio::test]
async fn only_a_verified_address_leads_to_an_account() {
    let Some(issuer) = Issuer::start("sso::addresses", &[]).await else { return };
    let app = joined(&issuer).await;
    let admin = app.as_admin().await;
    // Somebody has the address already.
    app.user("victim", &[("viewer", "sandbox")]).await;
    run(&app.sql, "UPDATE users SET email = 'victim@example.org' WHERE username = 'victim'").await;
    let before = users(&app).await;
    let browser = Browser::new(&app);
    for login in ["unverified-victim", "unverified-nobody", "nomail-victim"] {
        assert_eq!(browser.log_in(&issuer, PROVIDER, login).await, failed("email_unverified"), "{login}");
    }
    assert_eq!(users(&app).await, before);
    // With a verified one, it is that account, as it was.
    assert_eq!(browser.log_in(&issuer, PROVIDER, "victim").await, WANTED);
    let me = browser.me().await;
    assert_eq!((me.username.as_str(), me.full_name.as_str()), ("victim", "victim"));
    assert_eq!(users(&app).await, before);
    // The provider gave the address to somebody else: they do not get the account with it.
    assert_eq!(browser.log_in(&issuer, PROVIDER, "victim#2").await, failed("identity_taken"));
    // A known subject is known whatever its address has become.
    run(&app.sql, "UPDATE users SET email = 'other@example.org' WHERE username = 'victim'").await;
    assert_eq!(browser.log_in(&issuer, PROVIDER, "victim").await, WANTED);

    // Whoever is not active does not come in, by the identity or by the address, nor come back after a deletion.
    app.user("left", &[]).await;
    run(
        &app.sql,
        "UPDATE users SET active = false, email = username || '@example.org' WHERE username IN ('victim', 'left')",
    )
    .await;
    for login in ["victim", "left"] {
        assert_eq!(browser.log_in(&issuer, PROVIDER, login).await, failed("account_inactive"), "{login}");
    }
    run(&app.sql, "UPDATE users SET delete_time = now() WHERE username = 'victim'").await;
    assert_eq!(browser.log_in(&issuer, PROVIDER, "victim").await, failed("account_inactive"));
    run(&app.sql, "UPDATE users SET active = true, delete_time = NULL").await;

    // Only some domains.
    let provider = pb::SsoProvider {
        name: PROVIDER.into(),
        email_domains: vec!["Corp.Test".into()],
        etag: "\"1\"".into(),
        ..Default::default()
    };
    let request = pb::UpdateSsoProviderRequest { sso_provider: Some(provider), ..Default::default() };
    let updated = admin.sso_providers().update_sso_provider(request).await.unwrap().into_inner();
    assert_eq!(updated.email_domains, ["corp.test"]);
    assert_eq!(browser.log_in(&issuer, PROVIDER, "grace").await, failed("email_not_admitted"));
    assert_eq!(browser.log_in(&issuer, PROVIDER, "grace@sub.corp.test").await, failed("email_not_admitted"));
    assert_eq!(browser.log_in(&issuer, PROVIDER, "grace@corp.test").await, WANTED);
    assert_eq!(browser.log_in(&issuer, PROVIDER, "victim").await, WANTED, "who is known comes in");
    app.finish().await;
}

#[tokio::test]
async fn whoever_is_signed_in_links_an_account_whatever_its_address() {
    let Some(issuer) = Issuer::start("sso::links", &[]).await else { return };
    let app = joined(&issuer).await;
    let dev = app.as_dev().await;
    let browser = Browser::new(&app);
    let link = async |token: &str, login: &str| {
        browser.forget_provider(&issuer);
        let request =
            pb::BeginSsoLinkRequest { provider: PROVIDER.into(), return_path: "/profile?tab=accounts".into() };
        let begun: pb::BeginSsoLinkResponse = browser.call("BeginSsoLink", token, &request).await?;
        let back = browser.at_provider(&begun.authorization_url, login).await;
        Ok::<_, Error>(browser.back(&back).await)
    };
    let error = link("", "ada").await.unwrap_err();
    assert_eq!(error.code, Code::Unauthenticated);
    assert_eq!(link(dev.token(), "unverified-devs-own").await.unwrap(), "/profile?tab=accounts");
    assert_eq!(browser.cookie("flagstone_refresh"), None, "a link opens no session");
    assert_eq!(link(dev.token(), "unverified-devs-own").await.unwrap(), "/profile?tab=accounts", "twice is once");
    // One account each way round.
    assert_eq!(link(dev.token(), "another").await.unwrap(), "/profile?tab=accounts&error=identity_taken");
    let approver = app.as_approver().await;
    assert_eq!(
        link(approver.token(), "unverified-devs-own").await.unwrap(),
        "/profile?tab=accounts&error=identity_taken"
    );
    assert_eq!(browser.log_in(&issuer, PROVIDER, "unverified-devs-own").await, WANTED);
    assert_eq!(browser.me().await.username, "dev");
    let linked: i64 = one(
        &app.sql,
        "SELECT count(*) FROM audit_events WHERE action = 'user.link_identity' AND principal = 'users/dev'",
    )
    .await;
    assert_eq!(linked, 2);
    app.finish().await;
}

#[tokio::test]
async fn an_invitation_is_accepted_at_its_own_verified_address_and_at_no_other() {
    let Some(issuer) = Issuer::start("sso::invitations", &[]).await else { return };
    let app = joined(&issuer).await;
    let admin = app.as_admin().await;
    // Nobody gets an account without being asked.
    run(&app.sql, "UPDATE sso_providers SET email_domains = ARRAY['nobody.test'], revision = revision + 1").await;
    let invite = async |email: &str| {
        let invitation = pb::Invitation {
            email: email.into(),
            role: "roles/it-engineer".into(),
            business_unit: "businessUnits/sandbox".into(),
            ..Default::default()
        };
        let request = pb::CreateInvitationRequest { invitation: Some(invitation), ..Default::default() };
        let link = admin.invitations().create_invitation(request).await.unwrap().into_inner().link;
        link.split_once('#').unwrap().1.to_owned()
    };
    let browser = Browser::new(&app);
    let accept = async |token: &str, login: &str| {
        browser.forget_provider(&issuer);
        let request = pb::BeginSsoLoginRequest {
            provider: PROVIDER.into(),
            invitation_token: token.into(),
            ..Default::default()
        };
        let begun: pb::BeginSsoLoginResponse = browser.call("BeginSsoLogin", "", &request).await?;
        let back = browser.at_provider(&begun.authorization_url, login).await;
        Ok::<_, Error>(browser.back(&back).await)
    };
    let token = invite("ada@example.org").await;
    let before = users(&app).await;
    assert_eq!(accept(&token, "grace").await.unwrap(), failed("invitation_invalid"), "somebody else");
    assert_eq!(accept(&token, "unverified-ada").await.unwrap(), failed("email_unverified"));
    assert_eq!(users(&app).await, before);
    assert_eq!(accept(&token, "ada").await.unwrap(), "/");
    let me = browser.me().await;
    assert_eq!((me.username.as_str(), me.memberships[0].role.as_str()), ("ada", "roles/it-engineer"));
    for token in [token.as_str(), "fls_inv_nothing", "%"] {
        assert_eq!(accept(token, "ada").await.unwrap_err().code, Code::NotFound, "{token}");
    }
    // Taken back while the invited was away.
    let token = invite("late@example.org").await;
    let request = pb::BeginSsoLoginRequest { provider: PROVIDER.into(), invitation_token: token, ..Default::default() };
    browser.forget_provider(&issuer);
    let begun: pb::BeginSsoLoginResponse = browser.call("BeginSsoLogin", "", &request).await.unwrap();
    let back = browser.at_provider(&begun.authorization_url, "late").await;
    run(&app.sql, "UPDATE invitations SET state = 'REVOKED' WHERE email = 'late@example.org'").await;
    assert_eq!(browser.back(&back).await, failed("invitation_invalid"));
    assert_eq!(users(&app).await, before + 1);
    app.finish().await;
}

#[tokio::test]
async fn a_provider_that_is_away_lets_nobody_in_and_says_so() {
    let Some(mut issuer) = Issuer::start("sso::away", &[]).await else { return };
    let app = joined(&issuer).await;
    let admin = app.as_admin().await;
    let test = async || {
        let request = pb::TestSsoProviderRequest { name: PROVIDER.into() };
        admin.sso_providers().test_sso_provider(request).await.unwrap().into_inner()
    };
    let found = test().await;
    assert_eq!(found.problems, [""; 0]);
    assert_eq!(found.signing_keys, 1);
    assert_eq!(found.authorization_endpoint, format!("{}/auth", issuer.issuer));

    let browser = Browser::new(&app);
    let url = browser.begin(PROVIDER, "").await.unwrap();
    let back = browser.at_provider(&url, "ada").await;
    issuer.stop().await;
    assert_eq!(browser.back(&back).await, failed("sso_unreachable"));
    let found = test().await;
    assert!(found.problems[0].contains("does not take connections"), "{found:?}");

    // Nobody was asked about this one yet, and nobody can be.
    let mut absent = issuer.as_provider(pb::SsoProviderKind::Oidc);
    absent.client_secret = String::new();
    create(&admin, "absent", absent).await;
    let error = browser.begin("ssoProviders/absent", "").await.unwrap_err();
    assert_eq!((error.code, error.reason), (Code::Unavailable, Some(ErrorReason::Unavailable)));
    app.finish().await;
}

#[tokio::test]
async fn github_vouches_by_its_api() {
    let Some(github) = Issuer::start_github("sso::github").await else { return };
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    let mut provider = github.as_provider(pb::SsoProviderKind::Github);
    let made = create(&admin, "example", provider.clone()).await;
    assert_eq!(made.scopes, ["read:user", "user:email"]);
    let browser = Browser::new(&app);
    let log_in = async |provider: &str, login: &str| {
        let url = browser.begin(provider, WANTED).await.unwrap();
        let back = browser.at_provider(&format!("{url}&login={}", escaped(login)), "").await;
        (browser.back(&back).await, back)
    };
    // Everybody has an account at GitHub: nobody gets one here unless the domain is listed.
    assert_eq!(log_in(PROVIDER, "octocat").await.0, failed("email_not_admitted"));
    provider.email_domains = vec!["example.org".into()];
    create(&admin, "listed", provider.clone()).await;
    let listed = "ssoProviders/listed";
    assert_eq!(log_in(listed, "unverified-octocat").await.0, failed("email_unverified"));
    let (landed, back) = log_in(listed, "octocat").await;
    assert_eq!(landed, WANTED);
    let me = browser.me().await;
    assert_eq!((me.username.as_str(), me.email.as_str()), ("octocat", "octocat@example.org"));
    // Its number is known, so the first provider knows it as well. A name that changed hands does not.
    assert_eq!(log_in(PROVIDER, "octocat").await.0, WANTED);
    assert_eq!(log_in(listed, "octocat~2").await.0, failed("identity_taken"));
    // A code works once, and only for who began.
    let url = browser.begin(listed, "").await.unwrap();
    let next = browser.at_provider(&format!("{url}&login=octocat"), "").await;
    assert_eq!(browser.back(&with_parameter(&next, "code", parameter(&back, "code"))).await, failed("sso_failed"));
    let logout: pb::LogoutResponse =
        browser.call("Logout", &browser.token().await.unwrap(), &pb::LogoutRequest::default()).await.unwrap();
    assert_eq!(logout.provider_logout_url, "", "GitHub has none");

    provider.client_secret = "wrong".into();
    create(&admin, "wrong", provider).await;
    assert_eq!(log_in("ssoProviders/wrong", "octocat").await.0, failed("sso_failed"));
    app.finish().await;
}

#[tokio::test]
async fn a_login_leads_back_to_a_path_of_ours_and_nowhere_else() {
    let app = TestApp::start().await;
    let browser = Browser::new(&app);
    for path in [
        "//evil.example.org",
        "///evil.example.org",
        "/\\evil.example.org",
        "\\\\evil.example.org",
        "https:evil.example.org",
        "https://evil.example.org",
        "javascript:alert(1)",
        "/\t/evil.example.org",
        "/\r\nset-cookie: x=y",
        "services",
        "/\0",
        "/\u{202e}",
        &format!("/{}", "x".repeat(10_000_000)),
    ] {
        let error = browser.begin(PROVIDER, path).await.unwrap_err();
        if path.len() < 1_000_000 {
            let fields: Vec<_> = error.violations.fields.iter().map(|violation| violation.field.as_str()).collect();
            assert_eq!((error.code, fields.as_slice()), (Code::InvalidArgument, &["return_path"][..]), "{path:?}");
        }
    }
    app.finish().await;
}

/// What a client does that takes the browser's place: it keeps the binding itself and hands in what came back.
#[tokio::test]
async fn a_program_completes_a_login_by_itself_once_and_with_its_own_binding() {
    let Some(mut issuer) = Issuer::start("sso::program", &[]).await else { return };
    let app = joined(&issuer).await;
    let browser = Browser::new(&app);
    let begun = async || {
        browser.forget_provider(&issuer);
        let request =
            pb::BeginSsoLoginRequest { provider: PROVIDER.into(), return_path: WANTED.into(), ..Default::default() };
        let begun = app.anonymous().auth().begin_sso_login(request).await.unwrap().into_inner();
        assert!(begun.binding.len() >= 20, "a program is told what a browser gets as a cookie");
        let back = browser.at_provider(&begun.authorization_url, "ada").await;
        pb::CompleteSsoLoginRequest {
            state: parameter(&back, "state").unwrap().to_owned(),
            code: parameter(&back, "code").unwrap().to_owned(),
            issuer: issuer.issuer.clone(),
            binding: begun.binding,
            ..Default::default()
        }
    };
    let complete = async |request: &pb::CompleteSsoLoginRequest| -> Result<pb::CompleteSsoLoginResponse, Error> {
        Ok(app.anonymous().auth().complete_sso_login(request.clone()).await?.into_inner())
    };
    let refused = async |request: &pb::CompleteSsoLoginRequest, code: &str| {
        let error = complete(request).await.expect_err(code);
        assert_eq!((error.code, error.reason), (Code::Unauthenticated, Some(ErrorReason::BadCredentials)), "{error:?}");
        assert_eq!(error.metadata["sso_error"], code, "{error:?}");
    };

    let first = begun().await;
    // Another binding, or none, spoils nothing.
    let other = begun().await;
    for binding in [other.binding.as_str(), ""] {
        refused(&pb::CompleteSsoLoginRequest { binding: binding.to_owned(), ..first.clone() }, "sso_other_browser")
            .await;
    }
    let answer = complete(&first).await.unwrap();
    assert_eq!((answer.created, answer.password_change_required), (true, false));
    assert_eq!((answer.user.unwrap().name.as_str(), answer.return_path.as_str()), ("users/ada", WANTED));
    let tokens = answer.tokens.unwrap();
    let me = app.anonymous().with_token(&tokens.access_token).users().get_me(pb::GetMeRequest {}).await.unwrap();
    assert_eq!(me.into_inner().email, "ada@example.org");
    let refresh = pb::RefreshSessionRequest { refresh_token: tokens.refresh_token, ..Default::default() };
    app.anonymous().auth().refresh_session(refresh).await.expect("a program keeps its refresh token");
    refused(&first, "sso_expired").await;
    assert!(!complete(&other).await.unwrap().created, "the second login finds the account");

    // Everything that is wrong is told, before anything is used up.
    let long = pb::CompleteSsoLoginRequest {
        code: "x".repeat(4_097),
        issuer: "x".repeat(501),
        error: "x".repeat(501),
        binding: "x".repeat(501),
        ..Default::default()
    };
    let error = complete(&long).await.unwrap_err();
    let fields: Vec<_> = error.violations.fields.iter().map(|wrong| wrong.field.as_str()).collect();
    assert_eq!((error.code, fields), (Code::InvalidArgument, vec!["state", "code", "issuer", "error", "binding"]));

    // What the provider says no to, and what does not hold, uses the login up and is in the audit.
    let no = pb::CompleteSsoLoginRequest { error: "access_denied".into(), code: String::new(), ..begun().await };
    refused(&no, "sso_refused").await;
    refused(&no, "sso_expired").await;
    refused(&pb::CompleteSsoLoginRequest { code: "never".into(), ..begun().await }, "sso_failed").await;
    refused(&pb::CompleteSsoLoginRequest { issuer: "https://evil.example.org".into(), ..begun().await }, "sso_failed")
        .await;
    let outcomes = "SELECT count(*) FROM audit_events WHERE action = 'session.sso_login' AND outcome = ";
    for (outcome, expected) in [("'SUCCESS'", 2), ("'FAILURE'", 3)] {
        assert_eq!(one::<i64>(&app.sql, &format!("{outcomes}{outcome}")).await, expected, "{outcome}");
    }
    let last = begun().await;
    issuer.stop().await;
    let error = complete(&last).await.unwrap_err();
    assert_eq!((error.code, error.metadata["sso_error"].as_str()), (Code::Unavailable, "sso_unreachable"), "{error:?}");
    app.finish().await;
}
