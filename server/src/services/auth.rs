//! AuthService: opens, renews and ends sessions.
//!
//! Login and RefreshSession have no caller yet: they find out whom they are for, then open their transaction themselves.
//! A password never reaches the table of stored answers, not even as part of a hash: what is compared there is a digest
//! under a key of this installation.
//!
//! For a browser the refresh token is put into its cookie here, around the handlers: they know only the message, so that a
//! repeated call sets the cookie as the first one did.

use std::sync::Arc;

use flagstone_api::pb;
use flagstone_api::pb::auth_service_server::AuthService;
use flagstone_core::names::{Principal, UserName};
use flagstone_core::{Error as CoreError, FieldViolation, Kind, Reason, Violations, password};
use flagstone_db::user::{Candidate, UserRow};
use flagstone_db::{TxScope, idempotency, identity, organization, session, user};
use hmac::{Hmac, KeyInit, Mac};
use prost::Message;
use serde_json::json;
use sha2::Sha256;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::app::App;
use crate::attempts::Attempt;
use crate::audit::Entry;
use crate::call::Call;
use crate::convert::timestamp;
use crate::cx::{Cx, Target};
use crate::edge::Browser;
use crate::error::{Error, Result};
use crate::keys::unusable;
use crate::ledger::ObjectRef;
use crate::rpc::{self, unary};
use crate::status;
use crate::token::{self, TokenKind};
use crate::tx::{Replay, Tx};

/// Longest identifier, in characters: that of an e-mail address.
const IDENTIFIER_MAX: usize = 320;

/// Longest description of a device, in characters.
const DEVICE_MAX: usize = 255;

/// Most accounts of one identifier that are tried without naming the organization.
const CANDIDATES_MAX: i64 = 4;

/// The service.
pub struct Auths(pub Arc<App>);

#[tonic::async_trait]
impl AuthService for Auths {
    async fn login(&self, request: Request<pb::LoginRequest>) -> Result<Response<pb::LoginResponse>, Status> {
        let browser = self.browser(&request)?;
        let mut answer = rpc::unary(&self.0, request, login).await?;
        if let Some(browser) = browser {
            keep(&browser, &mut answer, |login| login.tokens.as_mut());
        }
        Ok(answer)
    }

    async fn refresh_session(
        &self,
        mut request: Request<pb::RefreshSessionRequest>,
    ) -> Result<Response<pb::RefreshSessionResponse>, Status> {
        let Some(mut browser) = self.browser(&request)? else {
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

    unary! {
        change_password: pb::ChangePasswordRequest => pb::ChangePasswordResponse,
    }
}

impl Auths {
    /// The browser that calls, if it is one, on a page that may have a session.
    fn browser<T>(&self, request: &Request<T>) -> Result<Option<Browser>, Status> {
        let browser = Browser::of(&self.0.config, request);
        if let Some(Err(error)) = browser.as_ref().map(Browser::admit) {
            return Err(refused(request, &error));
        }
        Ok(browser)
    }
}

fn refused<T>(request: &Request<T>, error: &CoreError) -> Status {
    let correlation_id = request.extensions().get::<Call>().map(|call| call.correlation_id.clone()).unwrap_or_default();
    status::from_core(error, &correlation_id)
}

/// Moves the refresh token of an answer into the browser's cookie.
fn keep<T>(browser: &Browser, answer: &mut Response<T>, tokens: fn(&mut T) -> Option<&mut pb::TokenPair>) {
    if let Some(tokens) = tokens(answer.get_mut()) {
        let token = std::mem::take(&mut tokens.refresh_token);
        browser.keep(&token, answer.metadata_mut());
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
            let entries =
                candidates.iter().map(|candidate| failed_entry(&cx, &candidate.user)).collect::<Result<Vec<_>>>()?;
            attempt.failed(app, &entries).await?;
            Err(bad_credentials().into())
        }
        [one] => {
            drop(turn);
            open_session(&cx, &req, one).await
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

async fn open_session(cx: &Cx, req: &pb::LoginRequest, candidate: &Candidate) -> Result<pb::LoginResponse> {
    let Candidate { user, organization, .. } = candidate;
    let comparable = pb::LoginRequest { password: digest(&cx.app, &req.password), ..req.clone() };
    let mut tx = open(cx, user.organization_id, &user.username, &comparable, |_| false).await?;
    // Verified outside of the transaction: it must be the same password still.
    let current = user::lock(&mut tx, user.organization_id, user.id).await?;
    if !current.active || current.password_hash != user.password_hash {
        return Err(bad_credentials().into());
    }
    let session_id = Uuid::now_v7();
    let device: String = tx.call.user_agent.chars().take(DEVICE_MAX).collect();
    let ip = tx.call.ip.clone();
    let new = session::NewSession {
        id: session_id,
        organization_id: user.organization_id,
        user_id: user.id,
        device: &device,
        ip: &ip,
        lifetime: cx.app.config.tokens.refresh,
    };
    let expire_time = session::insert(&mut tx, &new).await?;
    let tokens = issue(&mut tx, user.id, session_id).await?;
    let after = json!({"device": device, "ip": &*ip, "expire_time": expire_time, "revoked": false});
    let object = session_ref(&tx, session_id);
    tx.record(object, None, Some(&after));
    let answer = pb::LoginResponse {
        tokens: Some(tokens),
        user: Some(pb::UserSummary {
            name: UserName::stored(&user.username)?.to_string(),
            display_name: user.full_name.clone(),
            email: user.email.clone(),
            organization: organization.clone(),
        }),
        password_change_required: current.must_change_password,
    };
    tx.commit_secret(answer).await
}

async fn refresh_session(cx: Cx, req: pb::RefreshSessionRequest) -> Result<pb::RefreshSessionResponse> {
    let app = &cx.app;
    if req.refresh_token.is_empty() {
        return Err(Error::field("refresh_token", "Give the refresh token, as received."));
    }
    let hash = token::hash(TokenKind::Refresh, &req.refresh_token).ok_or_else(unusable)?;
    let found = session::find_token(&*app.db.reads.get().await?, &hash).await?.ok_or_else(unusable)?;
    if let Err(exceeded) = app.limits.refreshes.take(&found.session_id) {
        return Err(exceeded.error("this session").into());
    }
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
    if found.retired || !session::retire_token(&mut tx, found.organization_id, &hash).await? {
        drop(tx);
        return Err(reused(&cx, found.organization_id, &found.username, found.session_id).await?.into());
    }
    session::renew(&mut tx, found.organization_id, found.session_id, app.config.tokens.refresh).await?;
    let tokens = issue(&mut tx, found.user_id, found.session_id).await?;
    tx.about(session_ref(&tx, found.session_id).name);
    tx.commit_secret(pb::RefreshSessionResponse { tokens: Some(tokens) }).await
}

/// A refresh token came a second time: whoever has it, somebody took it from somebody. The session ends.
async fn reused(cx: &Cx, organization_id: Uuid, username: &str, session_id: Uuid) -> Result<CoreError> {
    let mut tx = begin(cx, organization_id, username, None).await?;
    tx.action("session.token_reused");
    if session::revoke(&mut tx, organization_id, session_id).await? {
        let object = session_ref(&tx, session_id);
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
    let mut tx = cx.begin(&req, Target::organization(&caller.name)).await?;
    session::revoke(&mut tx, caller.organization_id, caller.session_id).await?;
    let object = session_ref(&tx, caller.session_id);
    tx.about(object.name.clone());
    tx.record(object, Some(&json!({"revoked": false})), Some(&json!({"revoked": true})));
    let answer = tx.commit_secret(pb::LogoutResponse {}).await?;
    cx.app.identities.end_session(caller.session_id);
    Ok(answer)
}

async fn change_password(cx: Cx, req: pb::ChangePasswordRequest) -> Result<pb::ChangePasswordResponse> {
    let caller = cx.user()?.clone();
    let app = &cx.app;
    let target = Target::organization(&caller.name);
    // Hashing takes its time, and none of it in the transaction.
    let turn = app.passwords.turn().await?;
    let (known, classes) = {
        let read = cx.read(target.clone()).await?;
        let settings = organization::find(read.conn(), caller.organization_id).await?.settings;
        let known = user::find(read.conn(), caller.organization_id, caller.id).await?;
        (known, settings["password_character_classes"].as_bool().unwrap_or_default())
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
    let ended = session::revoke_others(&mut tx, caller.organization_id, caller.id, caller.session_id).await?;
    if before.must_change_password {
        // Other processes know the caller as one who may do nothing else.
        identity::raise_epoch(&mut tx, caller.organization_id).await?;
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

/// Opens the transaction of a call without a session, once it is known whom it is for. A call that was answered before is
/// answered from its stored response; `same` is that of [`Replay::answer_or`].
async fn open<M: flagstone_api::Mutation>(
    cx: &Cx,
    organization_id: Uuid,
    username: &str,
    message: &M,
    same: impl FnOnce(&[u8]) -> bool,
) -> Result<Tx> {
    let principal = Principal::User(UserName::stored(username)?).to_string();
    let replay = Replay::of(&cx.method, message, &principal)?;
    let tx = begin(cx, organization_id, username, replay.clone()).await?;
    if let Some(replay) = &replay
        && let Some(stored) = idempotency::claim(&tx, organization_id, &replay.principal, replay.id).await?
    {
        return Err(replay.answer_or(&cx.app, organization_id, stored, same));
    }
    Ok(tx)
}

async fn begin(cx: &Cx, organization_id: Uuid, username: &str, replay: Option<Replay>) -> Result<Tx> {
    let db = cx.app.db.begin(TxScope::Organization(organization_id)).await?;
    let directory = cx.app.identities.directory(organization_id).await?;
    Ok(Tx::of_open_call(cx, db, directory, UserName::stored(username)?.to_string(), replay))
}

/// A new pair of tokens for a session.
async fn issue(tx: &mut Tx, user_id: Uuid, session_id: Uuid) -> Result<pb::TokenPair> {
    let organization_id = tx.organization_id;
    let lifetime = tx.app.config.tokens.refresh;
    let (refresh_token, hash) = token::mint(TokenKind::Refresh)?;
    let refresh_expire = session::insert_token(tx, organization_id, session_id, &hash, lifetime).await?;
    let (access_token, access_expire) = tx.app.keys.sign(user_id, organization_id, session_id)?;
    Ok(pb::TokenPair {
        access_token,
        access_token_expire_time: Some(timestamp(access_expire)),
        refresh_token,
        refresh_token_expire_time: Some(timestamp(refresh_expire)),
    })
}

fn session_ref(tx: &Tx, session_id: Uuid) -> ObjectRef {
    ObjectRef {
        object_type: "session",
        name: format!("{}/sessions/{session_id}", tx.principal),
        id: session_id,
        business_unit_id: None,
    }
}

/// What stands for a password where calls are compared: of no use without the master key.
fn digest(app: &App, password: &str) -> String {
    let key = app.vault.derive_key("comparison of passwords");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
    mac.update(password.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}
