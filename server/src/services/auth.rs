//! AuthService: opens, renews and ends sessions.
//!
//! Login and RefreshSession have no caller yet: they find out whom they are for, then open their transaction themselves.
//! A password never reaches the table of stored answers, not even as part of a hash: what is compared there is a digest
//! under a key of this installation.
//!
//! How a session opens is in [`session`], which every way in shares.

mod device;
mod password_reset;
pub mod session;
mod sessions;
pub mod sso_login;

use std::sync::Arc;
use std::time::Duration;

use flagstone_api::pb;
use flagstone_api::pb::auth_service_server::AuthService;
use flagstone_core::names::UserName;
use flagstone_core::{Error as CoreError, FieldViolation, Kind, Reason, Violations, password};
use flagstone_db::session::RefreshRow;
use flagstone_db::user::{Candidate, UserRow};
use flagstone_db::{Connection, organization, session as db_session, user};
use hmac::{Hmac, KeyInit, Mac};
use prost::Message;
use serde_json::json;
use sha2::Sha256;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::app::App;
use crate::attempts::Attempt;
use crate::audit::Entry;
use crate::cx::{Cx, Target};
use crate::edge::Browser;
use crate::edge::limits::Exceeded;
use crate::error::{Error, Result};
use crate::keys::unusable;
use crate::ledger::ObjectRef;
use crate::rpc::{self, unary};
use crate::status;
use crate::token::{self, TokenKind};
use device::{begin_device_login, confirm_device_login, get_device_login, poll_device_login};
use password_reset::accept_password_reset;
use session::{begin, browser, issue, keep, open, open_session, opening, refused};
use sessions::{list_sessions, revoke_session};
use sso_login::{list_auth_methods, provider_logout_url};

/// Longest identifier, in characters: that of an e-mail address.
const IDENTIFIER_MAX: usize = 320;

/// Most accounts of one identifier that are tried without naming the organization.
const CANDIDATES_MAX: i64 = 4;

/// The service.
pub struct Auths(pub Arc<App>);

#[tonic::async_trait]
impl AuthService for Auths {
    async fn login(&self, request: Request<pb::LoginRequest>) -> Result<Response<pb::LoginResponse>, Status> {
        opening(&self.0, request, login, |login| login.tokens.as_mut()).await
    }

    async fn refresh_session(
        &self,
        mut request: Request<pb::RefreshSessionRequest>,
    ) -> Result<Response<pb::RefreshSessionResponse>, Status> {
        let Some(mut browser) = browser(&self.0, &request)? else {
            return rpc::unary(&self.0, request, refresh_session).await;
        };
        if request.get_ref().refresh_token.is_empty() {
            let Some(token) = browser.token.take() else { return Err(refused(&request, &no_session())) };
            request.get_mut().refresh_token = token;
        }
        match rpc::unary(&self.0, request, refresh_session).await {
            Ok(mut answer) => {
                keep(&browser, &mut answer, |refreshed| refreshed.tokens.as_mut());
                Ok(answer)
            }
            Err(mut status) => {
                // The token will never work again. Anything else, such as too many refreshes, passes.
                if status::is_unauthenticated(&status) {
                    browser.forget(status.metadata_mut());
                }
                Err(status)
            }
        }
    }

    async fn logout(&self, request: Request<pb::LogoutRequest>) -> Result<Response<pb::LogoutResponse>, Status> {
        let browser = Browser::of(&self.0.config, &request);
        let mut answer = rpc::unary(&self.0, request, logout).await?;
        if let Some(browser) = browser {
            browser.forget(answer.metadata_mut());
        }
        Ok(answer)
    }

    async fn begin_sso_login(
        &self,
        request: Request<pb::BeginSsoLoginRequest>,
    ) -> Result<Response<pb::BeginSsoLoginResponse>, Status> {
        sso_login::begin_login(&self.0, request).await
    }

    async fn begin_sso_link(
        &self,
        request: Request<pb::BeginSsoLinkRequest>,
    ) -> Result<Response<pb::BeginSsoLinkResponse>, Status> {
        sso_login::begin_link(&self.0, request).await
    }

    async fn complete_sso_login(
        &self,
        request: Request<pb::CompleteSsoLoginRequest>,
    ) -> Result<Response<pb::CompleteSsoLoginResponse>, Status> {
        sso_login::complete_login(&self.0, request).await
    }

    unary! {
        change_password: pb::ChangePasswordRequest => pb::ChangePasswordResponse,
        accept_password_reset: pb::AcceptPasswordResetRequest => pb::AcceptPasswordResetResponse,
        list_sessions: pb::ListSessionsRequest => pb::ListSessionsResponse,
        revoke_session: pb::RevokeSessionRequest => pb::RevokeSessionResponse,
        begin_device_login: pb::BeginDeviceLoginRequest => pb::BeginDeviceLoginResponse,
        poll_device_login: pb::PollDeviceLoginRequest => pb::PollDeviceLoginResponse,
        get_device_login: pb::GetDeviceLoginRequest => pb::DeviceLogin,
        confirm_device_login: pb::ConfirmDeviceLoginRequest => pb::ConfirmDeviceLoginResponse,
        list_auth_methods: pb::ListAuthMethodsRequest => pb::ListAuthMethodsResponse,
    }
}

/// The answer to a browser that has no cookie: it is not logged in.
fn no_session() -> CoreError {
    CoreError::new(Kind::Unauthenticated, Reason::BadCredentials, "There is no session in this browser. Log in.")
}

async fn login(cx: Cx, req: pb::LoginRequest) -> Result<pb::LoginResponse> {
    check_login(&req)?;
    let app = &cx.app;
    let identifier = req.identifier.trim().to_lowercase();
    let attempt = Attempt::new(&cx.call.ip, &identifier);
    // Everything up to the verdict happens in one turn: however many calls come at once, no more than that are judged
    // before the failures of the others count.
    let turn = app.passwords.turn().await?;
    let named = Some(req.organization.as_str()).filter(|id| !id.is_empty());
    let (candidates, organizations) = {
        let conn = app.db.reads.get().await?;
        attempt.check(&conn).await?;
        let candidates = user::candidates(&conn, &identifier, named, CANDIDATES_MAX).await?;
        (candidates, organization::count(&conn).await?)
    };
    // As many passwords are verified as the identifier could have accounts, so that the time tells nothing of how many
    // it has.
    let tries = if named.is_some() { 1 } else { organizations.clamp(1, CANDIDATES_MAX) };
    let mut opened = Vec::new();
    for index in 0..usize::try_from(tries).unwrap_or(1).max(candidates.len()) {
        let candidate = candidates.get(index);
        let hash = candidate.and_then(|candidate| candidate.user.password_hash.as_deref());
        if app.passwords.verify(&turn, &req.password, hash).await?
            && let Some(candidate) = candidate.filter(|candidate| candidate.active)
        {
            opened.push(candidate);
        }
    }
    match opened.as_slice() {
        [] => {
            let mut entries =
                candidates.iter().map(|candidate| failed_entry(&cx, &candidate.user)).collect::<Result<Vec<_>>>()?;
            if entries.is_empty() {
                entries.extend(unknown_entry(&cx).await?);
            }
            attempt.failed(app, &entries).await?;
            Err(bad_credentials().into())
        }
        [one] => {
            drop(turn);
            enter(&cx, &req, one).await
        }
        _ => {
            let message =
                "This identifier has accounts in several organizations. Send the id of one in `organization`.";
            Err(CoreError::new(Kind::Invalid, Reason::OrganizationRequired, message).into())
        }
    }
}

fn check_login(req: &pb::LoginRequest) -> Result<(), CoreError> {
    let mut faults = Violations::new();
    faults.check(!req.identifier.trim().is_empty(), "identifier", "Give the username or the e-mail address.");
    faults.check(req.identifier.chars().count() <= IDENTIFIER_MAX, "identifier", "At most 320 characters.");
    for (text, field) in [(&req.identifier, "identifier"), (&req.organization, "organization")] {
        // The database has no such character, not even to compare with.
        faults.check(!text.contains('\0'), field, "Leave the character NUL out.");
    }
    faults.check(!req.password.is_empty(), "password", "Give the password.");
    faults.check(req.password.len() <= password::MAX_BYTES, "password", "At most 1,024 bytes.");
    faults.finish()
}

/// One answer for an unknown user, a wrong password and an inactive user.
fn bad_credentials() -> CoreError {
    let message = "The identifier or the password is wrong, or the account is not active.";
    CoreError::new(Kind::Unauthenticated, Reason::BadCredentials, message)
}

/// The audit event of a login that failed.
fn failed_entry(cx: &Cx, user: &UserRow) -> Result<Entry> {
    let name = UserName::stored(&user.username)?.to_string();
    let details = json!({"reason": Reason::BadCredentials.as_str()});
    let action = &cx.method.audit_action;
    Ok(Entry::unsuccessful(user.organization_id, &name, action, &name, &cx.call, "FAILURE", &details))
}

/// The audit event of a login under an identifier that no account has: in the default organization, whose administrators
/// run the installation. The identifier is not kept: it may be a password in the wrong field.
async fn unknown_entry(cx: &Cx) -> Result<Option<Entry>> {
    let organization = organization::default(&*cx.app.db.reads.get().await?).await?;
    let details = json!({"reason": Reason::BadCredentials.as_str(), "account": "unknown"});
    let action = &cx.method.audit_action;
    Ok(organization.map(|found| Entry::unsuccessful(found.id, "", action, "", &cx.call, "FAILURE", &details)))
}

async fn enter(cx: &Cx, req: &pb::LoginRequest, candidate: &Candidate) -> Result<pb::LoginResponse> {
    let Candidate { user, organization, .. } = candidate;
    let comparable = pb::LoginRequest { password: digest(&cx.app, &req.password), ..req.clone() };
    let mut tx = open(cx, user.organization_id, &user.username, &comparable, |_| false).await?;
    // Verified outside of the transaction: it must be the same password still.
    let current = user::lock(&mut tx, user.organization_id, user.id).await?;
    if !current.active || current.password_hash != user.password_hash {
        return Err(bad_credentials().into());
    }
    let answer = open_session(&mut tx, &current, organization, None).await?;
    tx.commit_secret(answer).await
}

async fn refresh_session(cx: Cx, req: pb::RefreshSessionRequest) -> Result<pb::RefreshSessionResponse> {
    let app = &cx.app;
    if req.refresh_token.is_empty() {
        return Err(Error::field("refresh_token", "Give the refresh token, as received."));
    }
    let hash = token::hash(TokenKind::Refresh, &req.refresh_token).ok_or_else(unusable)?;
    let found = db_session::find_token(&*app.db.reads.get().await?, &hash).await?.ok_or_else(unusable)?;
    check_rate(app, &found).await?;
    // A browser may have taken the cookie of an answer whose body it lost: it repeats the call with the new token.
    let same = |answer: &[u8]| {
        pb::RefreshSessionResponse::decode(answer)
            .is_ok_and(|answer| answer.tokens.is_some_and(|tokens| tokens.refresh_token == req.refresh_token))
    };
    let mut tx = open(&cx, found.organization_id, &found.username, &req, same).await?;
    if !found.live {
        return Err(unusable().into());
    }
    if !found.active {
        let message = "The account is not active. Ask an administrator.";
        return Err(CoreError::new(Kind::Unauthenticated, Reason::PrincipalInactive, message).into());
    }
    if found.retired || !db_session::retire_token(&mut tx, found.organization_id, &hash).await? {
        drop(tx);
        return Err(reused(&cx, found.organization_id, &found.username, found.session_id).await?.into());
    }
    db_session::renew(&mut tx, found.organization_id, found.session_id, app.config.tokens.refresh).await?;
    let tokens = issue(&mut tx, found.user_id, found.session_id).await?;
    tx.about(session::object(&found.username, found.session_id)?.name);
    tx.commit_secret(pb::RefreshSessionResponse { tokens: Some(tokens) }).await
}

/// Refuses one refresh too many of a session, counted over all replicas.
async fn check_rate(app: &App, found: &RefreshRow) -> Result<()> {
    let limit = app.config.edge.refreshes_per_minute;
    let conn = app.db.reads.get().await?;
    let ago = db_session::refreshed(&conn, found.organization_id, found.session_id, i64::from(limit)).await?;
    match ago {
        Some(ago) if !found.retired => {
            let retry_after = Duration::from_secs(60).saturating_sub(ago);
            Err(Exceeded { limit, retry_after }.error("this session").into())
        }
        _ => Ok(()),
    }
}

/// A refresh token came a second time: whoever has it, somebody took it from somebody. The session ends.
async fn reused(cx: &Cx, organization_id: Uuid, username: &str, session_id: Uuid) -> Result<CoreError> {
    let mut tx = begin(cx, organization_id, username, None).await?;
    tx.action("session.token_reused");
    if db_session::revoke(&mut tx, organization_id, session_id).await? {
        let object = session::object(username, session_id)?;
        tx.about(object.name.clone());
        tx.record(object, Some(&json!({"revoked": false})), Some(&json!({"revoked": true})));
        tx.commit_worker().await?;
        cx.app.identities.end_session(session_id);
    }
    let message = "This refresh token was used before, so the session was ended. Log in again.";
    Ok(CoreError::new(Kind::Unauthenticated, Reason::TokenReused, message))
}

async fn logout(cx: Cx, req: pb::LogoutRequest) -> Result<pb::LogoutResponse> {
    let caller = cx.user()?.clone();
    let session_id = cx.session()?;
    // The provider may have to be asked, and nobody waits for that with a transaction open.
    let provider_logout_url = provider_logout_url(&cx, &caller, session_id).await?.unwrap_or_default();
    let mut tx = cx.begin(&req, Target::organization(&caller.name)).await?;
    db_session::revoke(&mut tx, caller.organization_id, session_id).await?;
    let object = session::object_of(&caller.name, session_id);
    tx.about(object.name.clone());
    tx.record(object, Some(&json!({"revoked": false})), Some(&json!({"revoked": true})));
    let answer = tx.commit_secret(pb::LogoutResponse { provider_logout_url }).await?;
    cx.app.identities.end_session(session_id);
    Ok(answer)
}

async fn change_password(cx: Cx, req: pb::ChangePasswordRequest) -> Result<pb::ChangePasswordResponse> {
    let caller = cx.user()?.clone();
    let session_id = cx.session()?;
    let app = &cx.app;
    let target = Target::organization(&caller.name);
    // Hashing takes its time, and none of it in the transaction.
    let turn = app.passwords.turn().await?;
    let (known, classes) = {
        let read = cx.read(target.clone()).await?;
        let classes = character_classes(read.conn(), caller.organization_id).await?;
        (user::find(read.conn(), caller.organization_id, caller.id).await?, classes)
    };
    let attempt = Attempt::new(&cx.call.ip, &known.username);
    attempt.check(&*app.db.reads.get().await?).await?;
    let mut faults = password::check(&req.new_password, &known.username, &known.email, classes, "new_password");
    let current = &req.current_password;
    let verified = current.len() <= password::MAX_BYTES
        && app.passwords.verify(&turn, current, known.password_hash.as_deref()).await?;
    if !verified {
        faults.push(FieldViolation::new("current_password", "This is not the current password."));
    } else if req.new_password == *current {
        faults.push(FieldViolation::new("new_password", "This is the current password. Choose another one."));
    }
    let hash = if faults.is_empty() { app.passwords.hash(&turn, &req.new_password).await? } else { String::new() };

    let comparable = pb::ChangePasswordRequest {
        current_password: digest(app, current),
        new_password: digest(app, &req.new_password),
        request_id: req.request_id,
    };
    // A repeated call is answered here, although its current password is no longer the current one.
    let mut tx = cx.begin(&comparable, target).await?;
    if !verified {
        attempt.failed(app, &[]).await?;
    }
    drop(turn);
    if !faults.is_empty() {
        return Err(Error::invalid(faults));
    }
    let before = user::lock(&mut tx, caller.organization_id, caller.id).await?;
    if before.password_hash != known.password_hash {
        let message = "The password was changed by another call meanwhile. Try again.";
        return Err(CoreError::aborted(Reason::Conflict, message).into());
    }
    let after = user::set_password(&mut tx, &before, &hash).await?;
    let ended = db_session::revoke_others(&mut tx, caller.organization_id, caller.id, session_id).await?;
    if before.must_change_password {
        // Other processes know the caller as one who may do nothing else.
        tx.raise_epoch(caller.organization_id).await?;
    }
    let of = |row: &UserRow| json!({"password_change_required": row.must_change_password, "revision": row.revision});
    let object =
        ObjectRef { object_type: "user", name: caller.name.to_string(), id: caller.id, business_unit_id: None };
    tx.record(object, Some(&of(&before)), Some(&of(&after)));
    tx.ledger.detail("revoked_sessions", ended.len());
    let revoked_sessions = i32::try_from(ended.len()).unwrap_or(i32::MAX);
    let answer = tx.commit_secret(pb::ChangePasswordResponse { revoked_sessions }).await?;
    app.identities.forget_user(caller.id);
    Ok(answer)
}

/// Whether the passwords of an organization need characters of every class.
pub async fn character_classes(conn: &Connection, organization_id: Uuid) -> Result<bool> {
    let settings = organization::find(conn, organization_id).await?.settings;
    Ok(settings["password_character_classes"].as_bool().unwrap_or_default())
}

/// What stands for a password where calls are compared: of no use without the master key.
pub fn digest(app: &App, password: &str) -> String {
    let key = app.vault.derive_key("comparison of passwords");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
    mac.update(password.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}
