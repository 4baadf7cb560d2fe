//! Opening a session, the same for every way in: a password, an invitation, a device code, another issuer's word.
//!
//! Who may come in is judged by the caller, in the transaction that it opened with [`open`]. What follows is here: the row
//! of the session, its first refresh token, an access token, and the ledger's record of it.
//!
//! For a browser the refresh token is put into its cookie here, around the handlers: they know only the message, so that a
//! repeated call sets the cookie as the first one did.

use std::sync::Arc;

use flagstone_api::{Mutation, pb};
use flagstone_core::Error as CoreError;
use flagstone_core::names::{Principal, UserName};
use flagstone_db::user::UserRow;
use flagstone_db::{TxScope, idempotency, session};
use prost::Message;
use serde_json::json;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::app::App;
use crate::call::Call;
use crate::convert::timestamp;
use crate::cx::Cx;
use crate::edge::Browser;
use crate::error::Result;
use crate::ledger::ObjectRef;
use crate::rpc;
use crate::status;
use crate::token::{self, TokenKind};
use crate::tx::{Replay, Tx};

/// Longest description of a device, in characters.
const DEVICE_MAX: usize = 255;

/// Another issuer's word for whoever logs in.
#[derive(Clone, Copy, Debug)]
pub struct Voucher<'a> {
    /// Row id of the provider.
    pub provider_id: Uuid,
    /// What the provider wants to see at the logout, sealed.
    pub id_token: Option<&'a [u8]>,
}

/// The browser that calls, if it is one, on a page that may have a session.
pub fn browser<T>(app: &App, request: &Request<T>) -> Result<Option<Browser>, Status> {
    let browser = Browser::of(&app.config, request);
    if let Some(Err(error)) = browser.as_ref().map(Browser::admit) {
        return Err(refused(request, &error));
    }
    Ok(browser)
}

/// An error that is told before there is a context.
pub fn refused<T>(request: &Request<T>, error: &CoreError) -> Status {
    let correlation_id = request.extensions().get::<Call>().map(|call| call.correlation_id.clone()).unwrap_or_default();
    status::from_core(error, &correlation_id)
}

/// Moves the refresh token of an answer into the browser's cookie.
pub fn keep<T>(browser: &Browser, answer: &mut Response<T>, tokens: fn(&mut T) -> Option<&mut pb::TokenPair>) {
    if let Some(tokens) = tokens(answer.get_mut()) {
        let token = std::mem::take(&mut tokens.refresh_token);
        browser.keep(&token, answer.metadata_mut());
    }
}

/// Runs a unary call that opens a session, for a browser with its cookie. `tokens` finds them in the answer.
pub async fn opening<Req, Resp, F, Fut>(
    app: &Arc<App>,
    request: Request<Req>,
    handler: F,
    tokens: fn(&mut Resp) -> Option<&mut pb::TokenPair>,
) -> Result<Response<Resp>, Status>
where
    Req: Send + 'static,
    Resp: Message + Default + Send + 'static,
    F: FnOnce(Cx, Req) -> Fut + Send + 'static,
    Fut: Future<Output = Result<Resp>> + Send + 'static,
{
    let browser = browser(app, &request)?;
    let mut answer = rpc::unary(app, request, handler).await?;
    if let Some(browser) = browser {
        keep(&browser, &mut answer, tokens);
    }
    Ok(answer)
}

/// Opens the transaction of a call without a session, once it is known whom it is for. A call that was answered before is
/// answered from its stored response; `same` is that of [`Replay::answer_or`].
pub async fn open<M: Mutation>(
    cx: &Cx,
    organization_id: Uuid,
    username: &str,
    message: &M,
    same: impl FnOnce(&[u8]) -> bool,
) -> Result<Tx> {
    let principal = Principal::User(UserName::stored(username)?).to_string();
    open_as(cx, organization_id, &principal, message, same).await
}

/// Like [`open`], for a caller who has no account yet: `principal` is what is known instead, always the same for the same
/// caller.
pub async fn open_as<M: Mutation>(
    cx: &Cx,
    organization_id: Uuid,
    principal: &str,
    message: &M,
    same: impl FnOnce(&[u8]) -> bool,
) -> Result<Tx> {
    let replay = Replay::of(&cx.method, message, principal)?;
    let tx = begin_as(cx, organization_id, principal, replay.clone()).await?;
    if let Some(replay) = &replay
        && let Some(stored) = idempotency::claim(&tx, organization_id, &replay.principal, replay.id).await?
    {
        return Err(replay.answer_or(&cx.app, organization_id, stored, same));
    }
    Ok(tx)
}

/// Like [`open`], for a call whose repetition was looked at already, or that has none.
pub async fn begin(cx: &Cx, organization_id: Uuid, username: &str, replay: Option<Replay>) -> Result<Tx> {
    begin_as(cx, organization_id, &UserName::stored(username)?.to_string(), replay).await
}

async fn begin_as(cx: &Cx, organization_id: Uuid, principal: &str, replay: Option<Replay>) -> Result<Tx> {
    let db = cx.app.db.begin(TxScope::Organization(organization_id)).await?;
    let directory = cx.app.identities.directory(organization_id).await?;
    Ok(Tx::of_open_call(cx, db, directory, principal.to_owned(), replay))
}

/// Opens a session in the transaction. The user is locked and active; `organization` is its id as people write it. The
/// answer carries secrets: commit with [`Tx::commit_secret`].
pub async fn open_session(
    tx: &mut Tx,
    user: &UserRow,
    organization: &str,
    voucher: Option<Voucher<'_>>,
) -> Result<pb::LoginResponse> {
    let device = tx.call.user_agent.clone();
    open_session_on(tx, user, organization, voucher, &device).await
}

/// Like [`open_session`], for a device that said what it is.
pub async fn open_session_on(
    tx: &mut Tx,
    user: &UserRow,
    organization: &str,
    voucher: Option<Voucher<'_>>,
    device: &str,
) -> Result<pb::LoginResponse> {
    let session_id = Uuid::now_v7();
    let device: String = device.chars().take(DEVICE_MAX).collect();
    let ip = tx.call.ip.clone();
    let new = session::NewSession {
        id: session_id,
        organization_id: user.organization_id,
        user_id: user.id,
        device: &device,
        ip: &ip,
        lifetime: tx.app.config.tokens.refresh,
        sso_provider_id: voucher.map(|voucher| voucher.provider_id),
        sso_id_token: voucher.and_then(|voucher| voucher.id_token),
    };
    let expire_time = session::insert(tx, &new).await?;
    let tokens = issue(tx, user.id, session_id).await?;
    let after = json!({"device": device, "ip": &*ip, "expire_time": expire_time, "revoked": false});
    tx.record(object(&user.username, session_id)?, None, Some(&after));
    Ok(pb::LoginResponse {
        tokens: Some(tokens),
        user: Some(pb::UserSummary {
            name: UserName::stored(&user.username)?.to_string(),
            display_name: user.full_name.clone(),
            email: user.email.clone(),
            organization: organization.to_owned(),
        }),
        password_change_required: user.must_change_password,
    })
}

/// A new pair of tokens for a session.
pub async fn issue(tx: &mut Tx, user_id: Uuid, session_id: Uuid) -> Result<pb::TokenPair> {
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

/// A session in the ledger: `users/{user}/sessions/{session}`.
pub fn object(username: &str, session_id: Uuid) -> Result<ObjectRef> {
    Ok(object_of(&Principal::User(UserName::stored(username)?), session_id))
}

/// The same, of a caller.
pub fn object_of(user: &Principal, session_id: Uuid) -> ObjectRef {
    ObjectRef {
        object_type: "session",
        name: format!("{user}/sessions/{session_id}"),
        id: session_id,
        business_unit_id: None,
    }
}
