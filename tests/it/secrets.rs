//! A thousand secrets, each of them given to the server or by it as callers do it, and none of them left lying about: not in
//! a table, not in the log, not in the audit, not in what somebody is told who is refused.

use std::time::Duration;

use flagstone_api::pb;
use flagstone_server::token::{TokenKind, mint};
use futures::StreamExt;
use futures::stream;
use prost_types::value::Kind;
use serde_json::{Value, json};
use tonic::{Response, Status};
use uuid::Uuid;

use crate::api_tokens;
use crate::support::accounts::change;
use crate::support::app::MASTER_KEY;
use crate::support::authority::make_group;
use crate::support::canaries::Canaries;
use crate::support::line::Order;
use crate::support::line::engine::templates;
use crate::support::line::order::asked;
use crate::support::logs::Logs;
use crate::support::mutations::{confirm, device_login};
use crate::support::sso::{Browser, nobody, parameter};
use crate::support::world::{Cast, get_request, plan_request, token_of};
use crate::support::{Caller, PASSWORD, ScriptedRunner, TestApp, database};

/// Calls at a time: both cores have something to do.
const AT_A_TIME: usize = 8;

/// A server, its people, and what was planted there.
struct Garden {
    app: TestApp,
    runner: ScriptedRunner,
    cast: Cast,
    canaries: Canaries,
}

/// Does something so many times, several at once.
async fn times<T, Fut: Future<Output = T>>(count: usize, plant: impl Fn(usize) -> Fut) -> Vec<T> {
    stream::iter(0..count).map(plant).buffer_unordered(AT_A_TIME).collect().await
}

fn id() -> String {
    Uuid::new_v4().to_string()
}

impl Garden {
    /// The answer of a call that goes well.
    fn good<T>(&self, answer: Result<Response<T>, Status>) -> T {
        answer.unwrap_or_else(|status| panic!("a call with a secret goes well: {status:?}")).into_inner()
    }

    /// Notes what a call was told that is refused.
    fn refused<T: std::fmt::Debug>(&self, answer: Result<Response<T>, Status>) {
        self.canaries.refused(&answer.expect_err("a call with a wrong secret is refused"));
    }

    fn tokens(&self, tokens: Option<pb::TokenPair>) -> pb::TokenPair {
        let tokens = tokens.expect("a session has tokens");
        self.canaries.plant("access token", &tokens.access_token);
        if !tokens.refresh_token.is_empty() {
            self.canaries.plant("refresh token", &tokens.refresh_token);
        }
        tokens
    }

    /// Sessions that are opened, renewed, renewed with what was used before, and left. Each call is repeated under its
    /// id: what answers it a second time is stored.
    async fn sessions(&self) {
        let anonymous = self.app.anonymous();
        times(60, async |_| {
            let login = pb::LoginRequest {
                identifier: "dev".into(),
                password: PASSWORD.into(),
                request_id: id(),
                ..Default::default()
            };
            let first = self.good(anonymous.auth().login(login.clone()).await);
            assert_eq!(self.good(anonymous.auth().login(login).await), first);
            let tokens = self.tokens(first.tokens);
            let refresh = pb::RefreshSessionRequest { refresh_token: tokens.refresh_token.clone(), request_id: id() };
            let renewed = self.good(anonymous.auth().refresh_session(refresh.clone()).await);
            assert_eq!(self.good(anonymous.auth().refresh_session(refresh).await), renewed);
            let renewed = self.tokens(renewed.tokens);
            let reused = pb::RefreshSessionRequest { refresh_token: tokens.refresh_token, request_id: id() };
            self.refused(anonymous.auth().refresh_session(reused).await);
            self.refused(anonymous.with_token(&renewed.access_token).users().get_me(pb::GetMeRequest {}).await);
        })
        .await;
        times(10, async |_| {
            let browser = Browser::new(&self.app);
            let login = pb::LoginRequest { identifier: "dev".into(), password: PASSWORD.into(), ..Default::default() };
            let login: pb::LoginResponse = browser.call("Login", "", &login).await.expect("a browser logs in");
            self.tokens(login.tokens);
            let cookie = browser.cookie("flagstone_refresh").expect("a browser gets a cookie");
            self.canaries.plant("cookie", cookie);
        })
        .await;
    }

    /// Passwords: given to accounts, chosen, changed; and wrong ones, weak ones, ones that nobody has.
    async fn passwords(&self) {
        let (admin, anonymous) = (&self.cast.admin, self.app.anonymous());
        times(25, async |n| {
            let password = self.canaries.fresh("password");
            let user =
                pb::User { email: format!("given-{n}@example.org"), full_name: "Given".into(), ..Default::default() };
            let request = pb::CreateUserRequest {
                user: Some(user),
                password: password.clone(),
                request_id: id(),
                ..Default::default()
            };
            let made = self.good(admin.users().create_user(request).await);
            let login = self.app.log_in(&format!("given-{n}"), &password).await.expect("it is that password");
            let caller = anonymous.with_token(&self.tokens(login.tokens).access_token);
            let wrong = pb::ChangePasswordRequest {
                current_password: self.canaries.fresh("wrong password"),
                new_password: self.canaries.fresh("password"),
                request_id: id(),
            };
            self.refused(caller.auth().change_password(wrong).await);
            // Weak: it holds the name of its person.
            let weak = pb::ChangePasswordRequest {
                current_password: password.clone(),
                new_password: self.canaries.plant("weak password", format!("{}-given-{n}", id())),
                request_id: id(),
            };
            self.refused(caller.auth().change_password(weak).await);
            let right = pb::ChangePasswordRequest {
                current_password: password,
                new_password: self.canaries.fresh("password"),
                request_id: id(),
            };
            self.good(caller.auth().change_password(right).await);
            let name = made.user.expect("an account is told").name;
            let given = pb::UpdateUserRequest {
                password: self.canaries.fresh("password"),
                request_id: id(),
                ..change(&name, pb::User::default(), &[])
            };
            self.good(admin.users().update_user(given).await);
        })
        .await;
        // An address may fail a hundred times an hour; more than that are refused unseen, which is a refusal, too.
        times(120, async |n| {
            let request = pb::LoginRequest {
                identifier: format!("given-{}", n % 30),
                password: self.canaries.fresh("wrong password"),
                request_id: id(),
                ..Default::default()
            };
            self.refused(anonymous.auth().login(request).await);
        })
        .await;
        database::run(&self.app.sql, "DELETE FROM auth_failures").await;
    }

    /// Tokens of people and programs: used, shown again for a repeated call, revoked.
    async fn api_tokens(&self) {
        let admin = &self.cast.admin;
        let account = pb::CreateServiceAccountRequest {
            service_account_id: "gardener".into(),
            service_account: Some(pb::ServiceAccount {
                kind: pb::ServiceAccountKind::Machine.into(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let account = self.good(admin.service_accounts().create_service_account(account).await);
        self.app.bind_account("gardener", "viewer", "sandbox").await;
        times(180, async |n| {
            let (parent, slug) = match n % 3 {
                0 => (account.name.as_str(), "business_unit:requests:list"),
                _ => ("users/me", "user:profile:read"),
            };
            let request = pb::CreateApiTokenRequest {
                parent: parent.into(),
                api_token: Some(api_tokens::token(&format!("Visible {n}"), &[slug])),
                request_id: id(),
                ..Default::default()
            };
            let made = self.good(admin.api_tokens().create_api_token(request.clone()).await);
            assert_eq!(self.good(admin.api_tokens().create_api_token(request).await), made);
            let program = self.app.anonymous().with_token(&self.canaries.plant("API token", made.secret));
            let list = pb::ListRequestsRequest { parent: self.cast.unit.clone(), ..Default::default() };
            match n % 3 {
                0 => drop(self.good(program.requests().list_requests(list).await)),
                _ => self.refused(program.requests().list_requests(list).await),
            }
            if n % 2 == 0 {
                let name = made.api_token.expect("a token is told").name;
                let revoke = pb::RevokeApiTokenRequest { name, ..Default::default() };
                self.good(admin.api_tokens().revoke_api_token(revoke).await);
                self.refused(program.users().get_me(pb::GetMeRequest {}).await);
            }
        })
        .await;
    }

    /// Links: of invitations and to passwords, of which some are used, replaced or revoked.
    async fn links(&self) {
        let (admin, anonymous) = (&self.cast.admin, self.app.anonymous());
        times(80, async |n| {
            let email = format!("invited-{n}@example.org");
            let invited = self.cast.invite(&email, &self.cast.unit).await;
            let token = self.canaries.plant("invitation", token_of(&invited.link));
            let accept = pb::AcceptInvitationRequest {
                token: token.clone(),
                email,
                full_name: "Invited".into(),
                password: self.canaries.fresh("password"),
                request_id: id(),
            };
            match n % 4 {
                0 => {
                    let accepted = self.good(anonymous.invitations().accept_invitation(accept.clone()).await);
                    self.tokens(accepted.tokens);
                    let again = pb::AcceptInvitationRequest { request_id: id(), ..accept };
                    self.refused(anonymous.invitations().accept_invitation(again).await);
                }
                1 => {
                    let other = pb::AcceptInvitationRequest { email: "other@example.org".into(), ..accept };
                    self.refused(anonymous.invitations().accept_invitation(other).await);
                }
                2 => {
                    let name = invited.invitation.expect("an invitation is told").name;
                    let revoke = pb::RevokeInvitationRequest { name, ..Default::default() };
                    self.good(admin.invitations().revoke_invitation(revoke).await);
                    self.refused(anonymous.invitations().accept_invitation(accept).await);
                }
                _ => {
                    let look = pb::LookupInvitationRequest { token };
                    self.canaries.shown(&self.good(anonymous.invitations().lookup_invitation(look).await).email);
                }
            }
        })
        .await;
        times(80, async |n| {
            let user =
                pb::User { email: format!("linked-{n}@example.org"), full_name: "Linked".into(), ..Default::default() };
            let request = pb::CreateUserRequest { user: Some(user), request_id: id(), ..Default::default() };
            let made = self.good(admin.users().create_user(request.clone()).await);
            assert_eq!(self.good(admin.users().create_user(request).await), made);
            let first = self.canaries.plant("password link", token_of(&made.link));
            let token = match n % 3 {
                0 => first,
                _ => {
                    let name = made.user.expect("an account is told").name;
                    let reset = pb::ResetUserPasswordRequest { name, request_id: id(), ..Default::default() };
                    let link = self.good(admin.users().reset_user_password(reset).await).link;
                    let replaced = pb::AcceptPasswordResetRequest {
                        token: first,
                        password: self.canaries.fresh("password"),
                        request_id: id(),
                    };
                    self.refused(anonymous.auth().accept_password_reset(replaced).await);
                    self.canaries.plant("password link", token_of(&link))
                }
            };
            let accept = pb::AcceptPasswordResetRequest {
                token,
                password: match n % 4 {
                    0 => self.canaries.plant("weak password", format!("{}-linked-{n}", id())),
                    _ => self.canaries.fresh("password"),
                },
                request_id: id(),
            };
            let answer = anonymous.auth().accept_password_reset(accept).await;
            if n % 4 == 0 { self.refused(answer) } else { drop(self.good(answer)) }
        })
        .await;
    }

    /// Secrets of providers, and what travels through browsers on the way to one and back.
    async fn providers(&self) {
        let (admin, anonymous) = (&self.cast.admin, self.app.anonymous());
        times(60, async |n| {
            let secret = self.canaries.fresh("client secret");
            let provider = pb::SsoProvider { client_secret: secret, ..nobody() };
            let request = pb::CreateSsoProviderRequest {
                sso_provider_id: format!("provider-{n}"),
                sso_provider: Some(provider.clone()),
                request_id: id(),
                ..Default::default()
            };
            let made = self.good(admin.sso_providers().create_sso_provider(request.clone()).await);
            self.canaries.shown(&made);
            let taken = pb::CreateSsoProviderRequest { request_id: id(), ..request.clone() };
            self.refused(admin.sso_providers().create_sso_provider(taken).await);
            let wrong = pb::SsoProvider { issuer: "not an address".into(), ..provider };
            let wrong = pb::CreateSsoProviderRequest { sso_provider: Some(wrong), request_id: id(), ..request };
            self.refused(admin.sso_providers().create_sso_provider(wrong).await);
            if n % 3 == 0 {
                let secret = self.canaries.fresh("client secret");
                let request = pb::UpdateSsoProviderRequest {
                    sso_provider: Some(pb::SsoProvider { client_secret: secret, ..made }),
                    update_mask: Some(prost_types::FieldMask { paths: vec!["client_secret".into()] }),
                    request_id: id(),
                    ..Default::default()
                };
                self.canaries.shown(&self.good(admin.sso_providers().update_sso_provider(request).await));
            }
        })
        .await;
        // GitHub is asked for nothing before somebody comes back from there.
        let github = pb::SsoProvider {
            kind: pb::SsoProviderKind::Github.into(),
            issuer: String::new(),
            client_secret: self.canaries.fresh("client secret"),
            ..nobody()
        };
        let github = crate::support::sso::create(admin, "hub", github).await.name;
        times(40, async |_| {
            let begin = pb::BeginSsoLoginRequest { provider: github.clone(), ..Default::default() };
            let begun = self.good(anonymous.auth().begin_sso_login(begin).await);
            let state = parameter(&begun.authorization_url, "state").expect("a login has a state").to_owned();
            let request = pb::CompleteSsoLoginRequest {
                state: self.canaries.plant("SSO state", state),
                binding: self.canaries.plant("SSO binding", begun.binding),
                code: self.canaries.fresh("SSO code"),
                error: "access_denied".into(),
                ..Default::default()
            };
            let stolen = pb::CompleteSsoLoginRequest { binding: self.canaries.fresh("SSO binding"), ..request.clone() };
            for wrong in [stolen, request] {
                self.refused(anonymous.auth().complete_sso_login(wrong).await);
            }
        })
        .await;
    }

    /// Codes of devices, of which some are let in.
    async fn devices(&self) {
        times(60, async |n| {
            let begun = device_login(&self.app).await;
            let device_code = self.canaries.plant("device code", begun.device_code);
            if n % 4 == 0 {
                confirm(&self.cast.dev, &begun.user_code).await;
            }
            let poll = pb::PollDeviceLoginRequest { device_code, request_id: id() };
            let answer = self.app.anonymous().auth().poll_device_login(poll).await;
            match n % 4 {
                0 => drop(self.tokens(self.good(answer).tokens)),
                _ => self.refused(answer),
            }
        })
        .await;
    }

    /// Secrets that are none here: where a credential belongs, and where a token is a field.
    async fn wrong_tokens(&self) {
        let anonymous = self.app.anonymous();
        let minted = |what, kind| self.canaries.plant(what, mint(kind).expect("there is randomness").0);
        times(40, async |n| {
            let bearers = [
                minted("wrong API token", TokenKind::Api),
                minted("wrong runner token", TokenKind::Runner),
                self.canaries.plant("wrong access token", format!("{}.{}.{}", id(), id(), Uuid::new_v4().simple())),
                self.canaries.fresh("wrong bearer"),
            ];
            for bearer in bearers {
                self.refused(anonymous.with_token(&bearer).users().get_me(pb::GetMeRequest {}).await);
            }
            let refresh_token = minted("wrong refresh token", TokenKind::Refresh);
            let refresh = pb::RefreshSessionRequest { refresh_token, request_id: id() };
            self.refused(anonymous.auth().refresh_session(refresh).await);
            let token = minted("wrong invitation", TokenKind::Invitation);
            match n % 2 {
                0 => {
                    let look = pb::LookupInvitationRequest { token };
                    self.refused(anonymous.invitations().lookup_invitation(look).await);
                }
                _ => {
                    let begin = pb::BeginSsoLoginRequest {
                        provider: "ssoProviders/hub".into(),
                        invitation_token: token,
                        ..Default::default()
                    };
                    self.refused(anonymous.auth().begin_sso_login(begin).await);
                }
            }
            let accept = pb::AcceptPasswordResetRequest {
                token: minted("wrong password link", TokenKind::PasswordReset),
                password: self.canaries.fresh("password"),
                request_id: id(),
            };
            self.refused(anonymous.auth().accept_password_reset(accept).await);
            let device_code = minted("wrong device code", TokenKind::Device);
            let poll = pb::PollDeviceLoginRequest { device_code, request_id: id() };
            self.refused(anonymous.auth().poll_device_login(poll).await);
        })
        .await;
    }

    /// What is ordered with something secret in it: kept as a draft, changed, refused, tried and planned; and what an
    /// engine gives back.
    async fn inputs(&self) {
        let dev = &self.cast.dev;
        let probe = |id: String, inputs: Value| {
            let request = asked(Order::new("probe", &id, inputs).request());
            pb::CreateRequestRequest { request_id: self::id(), ..request }
        };
        times(60, async |n| {
            let secret = || self.canaries.fresh("secret input");
            let order = |inputs| pb::CreateRequestRequest { draft: true, ..probe(format!("secretive-{n}"), inputs) };
            let draft = order(json!({"label": "a", "token": secret()}));
            let kept = self.good(dev.requests().create_request(draft.clone()).await);
            assert_eq!(self.good(dev.requests().create_request(draft).await), kept);
            self.canaries.shown(&kept);
            let changed =
                pb::Request { name: kept.name, ..order(json!({"label": "b", "token": secret()})).request.unwrap() };
            let changed = pb::UpdateRequestRequest { request: Some(changed), request_id: id(), ..Default::default() };
            self.canaries.shown(&self.good(dev.requests().update_request(changed).await));
            // Of the wrong kind, beside what is wrong, and too much: what is wrong is told without what was sent.
            for wrong in [
                json!({"label": "a", "token": {"value": secret()}}),
                json!({"label": "a", "token": [secret(), 7]}),
                json!({"label": "x".repeat(21), "token": secret()}),
                json!({"label": "a", "token": secret().repeat(10_000)}),
            ] {
                let wrong = order(wrong);
                let validate = pb::ValidateTemplateInputsRequest {
                    name: "templates/probe/versions/1.0.0".into(),
                    inputs: inputs_of(&wrong),
                };
                // What this answers holds the inputs as they were sent: only what is told of them is looked at.
                match dev.templates().validate_template_inputs(validate).await {
                    Ok(answer) => self.canaries.shown(&answer.into_inner().violations),
                    Err(status) => self.canaries.refused(&status),
                }
                let preview =
                    pb::PreviewRequestRequest { parent: wrong.parent.clone(), request: wrong.request.clone() };
                match dev.requests().preview_request(preview).await {
                    Ok(answer) => self.canaries.shown(&answer),
                    Err(status) => self.canaries.refused(&status),
                }
                self.refused(dev.requests().create_request(wrong).await);
            }
        })
        .await;
        for n in 0..5 {
            let request =
                probe(format!("planned-{n}"), json!({"label": "a", "token": self.canaries.fresh("secret input")}));
            let request = self.good(dev.requests().create_request(request).await);
            self.canaries.shown(&plan_request(&self.runner, dev, &request).await);
        }
        for n in 0..5 {
            let request = self.cast.create(dev, "development", &format!("applied-{n}")).await;
            let planned = plan_request(&self.runner, dev, &request).await;
            let assignment = self.runner.take_job(planned.jobs.last().expect("an approved request has a job")).await;
            assert!(self.runner.start_apply(&assignment).await.expect("an apply starts").start);
            let value = Kind::StringValue(self.canaries.fresh("secret output"));
            let value = Some(prost_types::Value { kind: Some(value) });
            let outputs = vec![pb::EngineOutput { output: "access_key".into(), value, sensitive: true }];
            let applied = pb::complete_job_request::Outcome::Applied(pb::ApplyOutcome { outputs, resource_count: 1 });
            self.runner.complete(&assignment, applied).await.expect("an apply ends");
            self.canaries.shown(&get_request(dev, &request.name).await);
        }
    }

    /// What people are shown afterwards: the audit, and every list of what was made.
    async fn looked_at(&self) {
        let admin = &self.cast.admin;
        let mut page_token = String::new();
        loop {
            let page = pb::ListAuditEventsRequest { page_size: 200, page_token, ..Default::default() };
            let page = self.good(admin.audit().list_audit_events(page).await);
            self.canaries.shown(&page.audit_events);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        let (parent, page_size) = (self.cast.unit.clone(), 200);
        let tokens = pb::ListApiTokensRequest { parent: "users/me".into(), page_size, ..Default::default() };
        self.canaries.shown(&self.good(admin.api_tokens().list_api_tokens(tokens).await));
        let invitations = pb::ListInvitationsRequest { page_size, ..Default::default() };
        self.canaries.shown(&self.good(admin.invitations().list_invitations(invitations).await));
        let providers = pb::ListSsoProvidersRequest { page_size, ..Default::default() };
        self.canaries.shown(&self.good(admin.sso_providers().list_sso_providers(providers).await));
        let sessions = pb::ListSessionsRequest { parent: "users/me".into(), page_size, ..Default::default() };
        self.canaries.shown(&self.good(self.cast.dev.auth().list_sessions(sessions).await));
        let users = pb::ListUsersRequest { page_size, ..Default::default() };
        self.canaries.shown(&self.good(admin.users().list_users(users).await));
        let requests = pb::ListRequestsRequest { parent: parent.clone(), page_size, ..Default::default() };
        for request in self.good(admin.requests().list_requests(requests).await).requests {
            self.canaries.shown(&get_request(admin, &request.name).await);
        }
        let deployments = pb::ListDeploymentsRequest { parent: parent.clone(), page_size, ..Default::default() };
        self.canaries.shown(&self.good(admin.deployments().list_deployments(deployments).await));
        let changes = pb::ListChangeEventsRequest { parent, page_size, ..Default::default() };
        self.canaries.shown(&self.good(admin.changes().list_change_events(changes).await));
    }
}

/// What an order gives to its template.
fn inputs_of(order: &pb::CreateRequestRequest) -> Option<prost_types::Struct> {
    match order.request.as_ref()?.payload.as_ref()? {
        pb::request::Payload::Create(create) => create.inputs.clone(),
        other => panic!("it creates: {other:?}"),
    }
}

/// Whether a caller is let in.
async fn is_somebody(caller: &Caller) -> bool {
    caller.users().get_me(pb::GetMeRequest {}).await.is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_secrets_none_is_found_afterwards_and_nothing_that_is_stored_is_one() {
    let logs = Logs::capture_from(tracing::Level::DEBUG);
    let shelf = templates(&["config-bundle", "probe"]);
    let directory = shelf.path().to_owned();
    let app = TestApp::builder().config(|config| {
        config.tokens.access = Duration::from_secs(3600);
        config.templates_dir = Some(directory);
    });
    let app = app.start().await;
    let runner = ScriptedRunner::start(&app).await;
    let cast = Cast::of(&app).await;
    let garden = Garden { app, runner, cast, canaries: Canaries::default() };
    garden.canaries.plant("master key", MASTER_KEY);
    garden.canaries.plant("password", PASSWORD);
    garden.canaries.plant("runner token", garden.runner.link.token());
    for caller in [&garden.cast.admin, &garden.cast.dev, &garden.cast.approver] {
        garden.canaries.plant("access token", caller.token());
    }
    let began = std::time::Instant::now();
    garden.sessions().await;
    garden.passwords().await;
    garden.api_tokens().await;
    garden.links().await;
    garden.providers().await;
    garden.devices().await;
    garden.wrong_tokens().await;
    garden.inputs().await;
    // What the search finds is there: a name that is no secret, in each place.
    let visible = Canaries::default();
    visible.plant("name", "gardener-visible-name");
    let group = make_group(&garden.cast.admin, "", "gardener-visible-name").await;
    tracing::debug!("{group}");
    garden.looked_at().await;
    let counts = garden.canaries.counts();
    let planted: usize = counts.values().sum();
    println!("{planted} secrets in {:.1?}: {counts:?}", began.elapsed());
    assert!(planted >= 1_000, "{planted} secrets were planted");

    let (dump, log, told) = (database::dump(&garden.app.sql).await, logs.text(), garden.canaries.told());
    let audit = "SELECT string_agg(to_jsonb(e)::text, E'\\n') FROM audit_events e";
    let audit: String = database::one(&garden.app.sql, audit).await;
    let places: [(&str, &[u8]); 4] = [
        ("tables", dump.as_bytes()),
        ("log", log.as_bytes()),
        ("audit", audit.as_bytes()),
        ("answers and refusals", &told),
    ];
    for (place, text) in places {
        assert!(!visible.found_in(text).is_empty(), "nothing is ever found in the {place}");
        let found = garden.canaries.found_in(text);
        println!("{} of {planted} secrets in {} bytes of the {place}", found.len(), text.len());
        assert_eq!(found, [""; 0], "the {place}");
    }
    assert!(log.contains("Serving."), "the log was captured");

    // Nothing that is stored lets anybody in as it stands there.
    assert!(is_somebody(&garden.cast.dev).await, "a token itself does");
    let values = database::values(&garden.app.sql).await;
    let is_header =
        |text: &&String| (1..4_000).contains(&text.len()) && !text.contains(|letter: char| letter.is_control());
    let tried: Vec<_> = values.iter().filter(is_header).collect();
    let began = std::time::Instant::now();
    let let_in = times(tried.len(), async |n| {
        let value = tried[n];
        let caller = garden.app.anonymous().with_token(value);
        is_somebody(&caller).await.then_some(value)
    })
    .await;
    let let_in: Vec<_> = let_in.into_iter().flatten().collect();
    println!("{} of {} stored values let in, in {:.1?}", let_in.len(), tried.len(), began.elapsed());
    assert_eq!(let_in, [""; 0], "stored values that are credentials");
    drop(garden.runner);
    garden.app.finish_with_jobs().await;
}
