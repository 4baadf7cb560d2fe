//! A login through a provider, from the button to the session.
//!
//! What begins is one row: which provider, back to where, and the hashes of two secrets. The `state` travels through the
//! browser and the provider; the binding stays in the browser. Both together take the row out, once, whatever comes of it.
//! Only then is anybody asked, and only what the provider itself says counts: [`enter`] judges who that is here.

mod enter;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flagstone_api::pb;
use flagstone_core::names::{Slug, SsoProviderName, parse};
use flagstone_core::sso_login::{is_local_path, with_parameter};
use flagstone_core::{Error as CoreError, Kind, Reason, Violations};
use flagstone_db::sso_login::{self, NewSsoLogin, SsoLoginRow};
use flagstone_db::sso_provider::{self, SsoProviderRow};
use flagstone_db::{Connection, TxScope, invitation, organization, session};
use serde_json::json;
use sha2::{Digest, Sha256};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::session::{browser, keep, refused};
use crate::app::App;
use crate::audit::{self, Entry};
use crate::call::UserCaller;
use crate::convert::timestamp;
use crate::cx::{Cx, Target};
use crate::error::{Error, Result};
use crate::rpc;
use crate::services::invitation::accept::used_up;
use crate::services::sso_provider::kind_to_proto;
use crate::sso::{Failure, Provider, Returned, Secrets, Vouched};
use crate::token::{self, TokenKind};

/// How long somebody may be away at the provider.
const LIFETIME: Duration = Duration::from_secs(10 * 60);

/// Longest texts that providers send back, in bytes.
const CODE_MAX: usize = 4_096;
const WORD_MAX: usize = 500;

/// Why nobody came in: what the browser and the page of the login are told.
#[derive(Debug)]
pub struct Refusal {
    /// As the contract lists them.
    pub code: &'static str,
    /// Where the browser goes instead of the page of the login.
    pub back: Option<String>,
    pub error: Error,
}

impl Refusal {
    fn new(code: &'static str, message: &str) -> Self {
        let error = CoreError::new(Kind::Unauthenticated, Reason::BadCredentials, message).with("sso_error", &code);
        Self { code, back: None, error: error.into() }
    }

    fn inactive() -> Self {
        let message = "The account is not active. Ask an administrator.";
        let error = CoreError::new(Kind::Unauthenticated, Reason::PrincipalInactive, message);
        let code = "account_inactive";
        Self { code, back: None, error: error.with("sso_error", &code).into() }
    }

    fn unreachable() -> Self {
        let code = "sso_unreachable";
        Self { code, back: None, error: unreachable().with("sso_error", &code).into() }
    }

    /// Where the browser goes now.
    pub fn path(&self) -> String {
        with_parameter(self.back.as_deref().unwrap_or("/login"), "error", self.code)
    }
}

/// What nobody foresaw.
impl<E: Into<Error>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self { code: "sso_failed", back: None, error: error.into() }
    }
}

fn unreachable() -> CoreError {
    let message = "The sign-in provider cannot be reached or used at the moment. Try again, or log in another way.";
    CoreError::new(Kind::Unavailable, Reason::Unavailable, message).retry_after(Duration::from_secs(5))
}

/// The active organization that somebody names, or the default one. `None` for everything else, names that are none too.
async fn hinted(conn: &Connection, hint: &str) -> Result<Option<Uuid>> {
    if !hint.is_empty() && hint.parse::<Slug>().is_err() {
        return Ok(None);
    }
    Ok(organization::active_of_hint(conn, hint).await?.map(|organization| organization.id))
}

pub(super) async fn list_auth_methods(cx: Cx, req: pb::ListAuthMethodsRequest) -> Result<pb::ListAuthMethodsResponse> {
    let conn = cx.app.db.reads.get().await?;
    let providers = match hinted(&conn, &req.organization).await? {
        Some(organization_id) => sso_provider::active(&conn, organization_id).await?,
        None => Vec::new(),
    };
    let method = |row: SsoProviderRow| {
        Ok(pb::SsoMethod {
            provider: SsoProviderName::stored(&row.slug)?.to_string(),
            kind: kind_to_proto(&row)?.into(),
            display_name: row.display_name,
        })
    };
    Ok(pb::ListAuthMethodsResponse {
        // No organization can turn passwords off: the last way in when a provider is away.
        password: true,
        sso_methods: providers.into_iter().map(method).collect::<Result<_>>()?,
    })
}

/// What somebody wants to begin.
struct Wish {
    organization_id: Uuid,
    provider: SsoProviderRow,
    return_path: String,
    link_user_id: Option<Uuid>,
    invitation_id: Option<Uuid>,
}

/// What was begun.
struct Begun {
    authorization_url: String,
    binding: String,
    expire_time: prost_types::Timestamp,
}

/// The path to go back to, or what is wrong with it.
fn return_path(sent: &str, wrong: &mut Violations) -> String {
    let path = if sent.is_empty() { "/" } else { sent };
    let message =
        "Give a path of this server, such as /services: one slash first, printable ASCII, at most 2,000 characters.";
    wrong.check(is_local_path(path), "return_path", message);
    path.to_owned()
}

async fn begin(cx: &Cx, wish: Wish) -> Result<Begun> {
    let Wish { organization_id, provider: row, return_path, link_user_id, invitation_id } = wish;
    let app = &cx.app;
    let (state, state_sha256) = secret()?;
    let (binding, browser_sha256) = secret()?;
    let provider = Provider::of(&row, &app.vault, &app.config)?;
    let beginning = app.sso.begin(&provider, &state).await.map_err(|failure| {
        tracing::warn!(provider = row.slug, error = %failure, "A login through a provider cannot begin.");
        unreachable()
    })?;
    let secrets = serde_json::to_vec(&beginning.secrets).map_err(Error::internal)?;
    let secrets = app.vault.seal(&sealed_as(organization_id, &state_sha256), &secrets)?;
    // Not through the door: nothing changes that anybody else could see, so there is nothing to audit.
    let mut tx = app.db.begin(TxScope::Organization(organization_id)).await?;
    let login = NewSsoLogin {
        state_sha256: &state_sha256,
        organization_id,
        provider_id: row.id,
        browser_sha256: &browser_sha256,
        secrets: &secrets,
        return_path: &return_path,
        link_user_id,
        invitation_id,
        lifetime: LIFETIME,
    };
    let expire_time = sso_login::insert(&mut tx, &login).await?;
    tx.commit().await?;
    Ok(Begun { authorization_url: beginning.authorization_url, binding, expire_time: timestamp(expire_time) })
}

/// 256 random bits as text, and the hash that is stored of them.
fn secret() -> Result<(String, [u8; 32]), CoreError> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(CoreError::internal)?;
    let text = URL_SAFE_NO_PAD.encode(random);
    let hash = hash(&text);
    Ok((text, hash))
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

fn sealed_as(organization_id: Uuid, state_sha256: &[u8]) -> String {
    format!("{organization_id}/sso_login/{}", hex::encode(state_sha256))
}

async fn begin_sso_login(cx: Cx, req: pb::BeginSsoLoginRequest) -> Result<pb::BeginSsoLoginResponse> {
    let mut wrong = Violations::new();
    let name = wrong.take(parse::<SsoProviderName>(&req.provider, "provider"));
    let return_path = return_path(&req.return_path, &mut wrong);
    wrong.finish()?;
    let name = name.ok_or_else(|| Error::internal("a name was refused without a reason"))?;
    let (organization_id, invitation_id, provider) = {
        let conn = cx.app.db.reads.get().await?;
        let (organization_id, invitation_id) = match req.invitation_token.as_str() {
            "" => {
                // An unknown organization answers like one without this provider.
                (hinted(&conn, &req.organization).await?.unwrap_or_default(), None)
            }
            token => {
                let hash = token::hash(TokenKind::Invitation, token).ok_or_else(used_up)?;
                let offer = invitation::offer(&conn, &hash).await?.filter(|offer| offer.live).ok_or_else(used_up)?;
                if !req.organization.is_empty() && req.organization != offer.organization {
                    return Err(used_up().into());
                }
                (offer.invitation.organization_id, Some(offer.invitation.id))
            }
        };
        let provider = sso_provider::find(&conn, organization_id, name.id().as_str()).await?;
        (organization_id, invitation_id, provider)
    };
    let provider = provider.filter(|provider| provider.active).ok_or_else(|| CoreError::not_found(&name))?;
    let wish = Wish { organization_id, provider, return_path, link_user_id: None, invitation_id };
    let begun = begin(&cx, wish).await?;
    Ok(pb::BeginSsoLoginResponse {
        authorization_url: begun.authorization_url,
        binding: begun.binding,
        expire_time: Some(begun.expire_time),
    })
}

async fn begin_sso_link(cx: Cx, req: pb::BeginSsoLinkRequest) -> Result<pb::BeginSsoLinkResponse> {
    let caller = cx.user()?.clone();
    // A token that somebody gave to a program must not become a way in for good.
    cx.session()?;
    let mut wrong = Violations::new();
    let name = wrong.take(parse::<SsoProviderName>(&req.provider, "provider"));
    let return_path = return_path(&req.return_path, &mut wrong);
    wrong.finish()?;
    let name = name.ok_or_else(|| Error::internal("a name was refused without a reason"))?;
    let provider = {
        let read = cx.read(Target::organization(&caller.name)).await?;
        sso_provider::find(read.conn(), caller.organization_id, name.id().as_str()).await?
    };
    let provider = provider.filter(|provider| provider.active).ok_or_else(|| CoreError::not_found(&name))?;
    let wish = Wish {
        organization_id: caller.organization_id,
        provider,
        return_path,
        link_user_id: Some(caller.id),
        invitation_id: None,
    };
    let begun = begin(&cx, wish).await?;
    Ok(pb::BeginSsoLinkResponse {
        authorization_url: begun.authorization_url,
        binding: begun.binding,
        expire_time: Some(begun.expire_time),
    })
}

/// Completes a login. Everything that can go wrong has a code of its own, since the page of the login says it in words.
pub async fn complete(cx: &Cx, req: &pb::CompleteSsoLoginRequest) -> Result<pb::CompleteSsoLoginResponse, Refusal> {
    let mut wrong = Violations::new();
    wrong.check(!req.state.is_empty(), "state", "Give what the provider sent as `state`.");
    for (text, field, longest) in [
        (&req.state, "state", WORD_MAX),
        (&req.code, "code", CODE_MAX),
        (&req.issuer, "issuer", WORD_MAX),
        (&req.error, "error", WORD_MAX),
        (&req.binding, "binding", WORD_MAX),
    ] {
        wrong.check(text.len() <= longest, field, format!("At most {longest} bytes."));
    }
    wrong.finish()?;
    let login = take(cx, req).await?;
    let answer = go_on(cx, req, &login).await;
    match answer {
        Ok(answer) => Ok(answer),
        Err(mut refusal) => {
            if login.row.link_user_id.is_some() {
                refusal.back = Some(login.row.return_path.clone());
            }
            record(cx, &login, &refusal).await?;
            Err(refusal)
        }
    }
}

/// A login that was taken out, with its provider.
struct Taken {
    row: SsoLoginRow,
    state_sha256: [u8; 32],
    provider: SsoProviderRow,
}

/// Takes the login of a state and a browser out.
async fn take(cx: &Cx, req: &pb::CompleteSsoLoginRequest) -> Result<Taken, Refusal> {
    let expired = || Refusal::new("sso_expired", "This login was completed before, or took too long. Log in again.");
    let (state_sha256, browser_sha256) = (hash(&req.state), hash(&req.binding));
    let found = sso_login::find(&*cx.app.db.reads.get().await?, &state_sha256, &browser_sha256).await?;
    let organization_id = match found {
        None => return Err(expired()),
        Some((_, false)) => {
            let message = "This login was begun in another browser. Log in again in this one.";
            return Err(Refusal::new("sso_other_browser", message));
        }
        Some((organization_id, true)) => organization_id,
    };
    let mut tx = cx.app.db.begin(TxScope::Organization(organization_id)).await?;
    let taken = sso_login::take(&mut tx, organization_id, &state_sha256, &browser_sha256).await?.ok_or_else(expired)?;
    let provider = sso_provider::get(&tx, organization_id, taken.provider_id).await?.ok_or_else(expired)?;
    // For good, before anything else can fail.
    tx.commit().await?;
    Ok(Taken { row: taken, state_sha256, provider })
}

async fn go_on(
    cx: &Cx,
    req: &pb::CompleteSsoLoginRequest,
    login: &Taken,
) -> Result<pb::CompleteSsoLoginResponse, Refusal> {
    let app = &cx.app;
    let Taken { row, state_sha256, provider } = login;
    if !provider.active {
        return Err(Refusal::new("sso_failed", "Nobody logs in through this provider any more."));
    }
    if !req.error.is_empty() {
        return Err(Refusal::new("sso_refused", "The sign-in provider refused the login, or it was cancelled there."));
    }
    let secrets = app.vault.open(&sealed_as(row.organization_id, state_sha256), &row.secrets)?;
    let secrets: Secrets = serde_json::from_slice(&secrets).map_err(Error::internal)?;
    let returned =
        Returned { code: req.code.clone(), issuer: Some(req.issuer.clone()).filter(|issuer| !issuer.is_empty()) };
    let client = Provider::of(provider, &app.vault, &app.config)?;
    let vouched = app.sso.complete(&client, secrets, returned).await.map_err(|failure| {
        tracing::warn!(provider = provider.slug, error = %failure, "A login through a provider failed.");
        match failure {
            Failure::Unreachable(_) => Refusal::unreachable(),
            Failure::Rejected(_) => failed(),
        }
    })?;
    let Vouched { profile, id_token } = vouched;
    let person = profile.accept(client.kind).ok_or_else(failed)?;
    enter::enter(cx, row, provider, person, id_token.as_deref()).await
}

fn failed() -> Refusal {
    let message =
        "What the sign-in provider sent back does not hold. Log in again; if it happens again, tell an administrator.";
    Refusal::new("sso_failed", message)
}

/// Tells the audit of a login that failed. Whose it would have been is not known.
async fn record(cx: &Cx, login: &Taken, refusal: &Refusal) -> Result<()> {
    if matches!(&refusal.error, Error::Core(error) if error.kind == Kind::Internal) {
        return Ok(());
    }
    let name = SsoProviderName::stored(&login.provider.slug)?.to_string();
    let details = json!({"reason": refusal.code});
    let action = &cx.method.audit_action;
    let organization_id = login.row.organization_id;
    let entry = Entry::unsuccessful(organization_id, "system", action, &name, &cx.call, "FAILURE", &details);
    let tx = cx.app.db.begin(TxScope::Organization(organization_id)).await?;
    audit::insert(&tx, &entry).await?;
    tx.commit().await?;
    Ok(())
}

/// Where the browser goes to log out of the provider through which it came in. `None` where nobody vouched, or the provider
/// does not say where.
pub(super) async fn provider_logout_url(cx: &Cx, caller: &UserCaller, session_id: Uuid) -> Result<Option<String>> {
    let app = &cx.app;
    let organization_id = caller.organization_id;
    let (row, sealed) = {
        let conn = app.db.reads.get().await?;
        let Some((id, sealed)) = session::voucher(&conn, organization_id, session_id).await? else {
            return Ok(None);
        };
        let Some(row) = sso_provider::get(&conn, organization_id, id).await? else { return Ok(None) };
        (row, sealed)
    };
    let bound = enter::id_token_sealed_as(organization_id, row.id, caller.id);
    let id_token = match sealed {
        Some(sealed) => Some(String::from_utf8(app.vault.open(&bound, &sealed)?).map_err(Error::internal)?),
        None => None,
    };
    let provider = Provider::of(&row, &app.vault, &app.config)?;
    let back = format!("{}/login", app.config.public_url);
    Ok(app.sso.logout_url(&provider, id_token.as_deref(), &back).await)
}

/// Begins a login or a link for a browser with its cookie, for every other client without one.
async fn beginning<Req, Resp, F, Fut>(
    app: &Arc<App>,
    request: Request<Req>,
    handler: F,
    binding: fn(&mut Resp) -> &mut String,
) -> Result<Response<Resp>, Status>
where
    Req: Send + 'static,
    Resp: prost::Message + Default + Send + 'static,
    F: FnOnce(Cx, Req) -> Fut + Send + 'static,
    Fut: Future<Output = Result<Resp>> + Send + 'static,
{
    let browser = browser(app, &request)?;
    let mut answer = rpc::unary(app, request, handler).await?;
    if let Some(browser) = browser {
        let secret = std::mem::take(binding(answer.get_mut()));
        browser.bind(&secret, LIFETIME, answer.metadata_mut());
    }
    Ok(answer)
}

pub(super) async fn begin_login(
    app: &Arc<App>,
    request: Request<pb::BeginSsoLoginRequest>,
) -> Result<Response<pb::BeginSsoLoginResponse>, Status> {
    beginning(app, request, begin_sso_login, |answer| &mut answer.binding).await
}

pub(super) async fn begin_link(
    app: &Arc<App>,
    request: Request<pb::BeginSsoLinkRequest>,
) -> Result<Response<pb::BeginSsoLinkResponse>, Status> {
    beginning(app, request, begin_sso_link, |answer| &mut answer.binding).await
}

pub(super) async fn complete_login(
    app: &Arc<App>,
    mut request: Request<pb::CompleteSsoLoginRequest>,
) -> Result<Response<pb::CompleteSsoLoginResponse>, Status> {
    let Some(mut browser) = browser(app, &request)? else {
        return rpc::unary(app, request, complete_sso_login).await;
    };
    if request.get_ref().binding.is_empty() {
        let Some(binding) = browser.binding.take() else {
            let error = CoreError::new(
                Kind::Unauthenticated,
                Reason::BadCredentials,
                "This login was begun in another browser. Log in again in this one.",
            );
            return Err(refused(&request, &error.with("sso_error", &"sso_other_browser")));
        };
        request.get_mut().binding = binding;
    }
    let mut answer = rpc::unary(app, request, complete_sso_login).await?;
    keep(&browser, &mut answer, |answer| answer.tokens.as_mut());
    browser.bind("", Duration::ZERO, answer.metadata_mut());
    Ok(answer)
}

async fn complete_sso_login(cx: Cx, req: pb::CompleteSsoLoginRequest) -> Result<pb::CompleteSsoLoginResponse> {
    complete(&cx, &req).await.map_err(|refusal| refusal.error)
}
