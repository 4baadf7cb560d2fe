//! Device login (RFC 8628): a program without a browser begins it and polls, a person with one confirms it. What the program
//! holds is a secret of 256 bits; what the person types is short, and guessing it is limited like guessing a password.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use flagstone_api::pb;
use flagstone_core::device_login::{parse, user_code};
use flagstone_core::{Error as CoreError, Kind, Reason, text};
use flagstone_db::device_login::{self, DeviceLoginRow, NewDeviceLogin};
use flagstone_db::{TxScope, organization, user};

use super::session::{open, open_session_on};
use crate::attempts::Attempt;
use crate::call::UserCaller;
use crate::convert::timestamp;
use crate::cx::{Cx, Facts, Target};
use crate::error::{Error, Result};
use crate::keys::unusable;
use crate::token::{self, TokenKind};

/// How long a login waits for its person.
const LIFETIME: Duration = Duration::from_secs(600);

/// Pause between two polls.
const INTERVAL: TimeDelta = TimeDelta::seconds(5);

/// A poll that was on its way for a little longer than the one before is not too early.
const GRACE: TimeDelta = TimeDelta::milliseconds(500);

/// Longest description of a device, in characters.
const DEVICE_MAX: usize = 255;

/// Times that a user code is made anew because another login has it. Of 34 bits, one is enough.
const TRIES: usize = 5;

/// Where a person types the code.
const PAGE: &str = "/auth/device";

const READABLE: &[&str] = &["user:sessions:manage:own"];

pub(super) async fn begin_device_login(
    cx: Cx,
    req: pb::BeginDeviceLoginRequest,
) -> Result<pb::BeginDeviceLoginResponse> {
    let app = &cx.app;
    text::optional(&req.device, DEVICE_MAX, "device")?;
    let said = if req.device.trim().is_empty() { &*cx.call.user_agent } else { req.device.trim() };
    let device: String = said.chars().filter(|letter| !letter.is_control()).take(DEVICE_MAX).collect();
    let (device_code, sha256) = token::mint(TokenKind::Device)?;
    for _ in 0..TRIES {
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(Error::internal)?;
        let Some(user_code) = user_code(&random) else { continue };
        // Of no organization yet: nobody's audit has a place for it.
        let mut tx = app.db.begin(TxScope::Worker).await?;
        let new = NewDeviceLogin {
            device_code_sha256: &sha256,
            user_code: &user_code,
            device: &device,
            ip: &cx.call.ip,
            lifetime: LIFETIME,
        };
        let Some(row) = device_login::insert(&mut tx, &new).await? else { continue };
        tx.commit().await?;
        let verification_uri = format!("{}{PAGE}", app.config.public_url);
        return Ok(pb::BeginDeviceLoginResponse {
            device_code,
            verification_uri_complete: format!("{verification_uri}?user_code={user_code}"),
            verification_uri,
            user_code,
            expire_time: Some(timestamp(row.expire_time)),
            interval_seconds: i32::try_from(INTERVAL.num_seconds()).unwrap_or(i32::MAX),
        });
    }
    Err(Error::internal("every user code was taken"))
}

pub(super) async fn poll_device_login(cx: Cx, req: pb::PollDeviceLoginRequest) -> Result<pb::PollDeviceLoginResponse> {
    if req.device_code.is_empty() {
        return Err(Error::field("device_code", "Give the code that BeginDeviceLogin answered."));
    }
    let sha256 = token::hash(TokenKind::Device, &req.device_code).ok_or_else(unusable)?;
    let confirmed = asked(&cx, &sha256).await?;
    let (Some(organization_id), Some(user_id)) = (confirmed.organization_id, confirmed.user_id) else {
        return Err(Error::internal("a confirmed device login has no user"));
    };
    let (person, organization) = {
        let conn = cx.app.db.reads.get().await?;
        (user::find(&conn, organization_id, user_id).await?, organization::find(&conn, organization_id).await?)
    };
    let mut tx = open(&cx, organization_id, &person.username, &req, |_| false).await?;
    let person = user::lock(&mut tx, organization_id, user_id).await?;
    if !person.active || !organization.active {
        let message = "The account is not active. Ask an administrator.";
        return Err(CoreError::new(Kind::Unauthenticated, Reason::PrincipalInactive, message).into());
    }
    if !device_login::use_up(&mut tx, &sha256).await? {
        return Err(unusable().into());
    }
    // In the list of sessions it is what its user saw when it was let in.
    let opened = open_session_on(&mut tx, &person, &organization.slug, None, &confirmed.device).await?;
    tx.ledger.detail("device_login", confirmed.device);
    tx.commit_secret(pb::PollDeviceLoginResponse { tokens: opened.tokens, user: opened.user }).await
}

/// Notes that a device asks, and answers unless its login was confirmed.
async fn asked(cx: &Cx, sha256: &[u8]) -> Result<DeviceLoginRow> {
    let mut tx = cx.app.db.begin(TxScope::Worker).await?;
    let (row, now) = device_login::lock(&mut tx, sha256).await?.ok_or_else(unusable)?;
    match row.state.as_str() {
        // Used up: a repeated call is answered again, any other is refused in its own transaction.
        "USED" => return Ok(row),
        "REFUSED" => {
            let message = "The login was refused by its user. Begin again if that was a mistake.";
            return Err(CoreError::new(Kind::Unauthenticated, Reason::LoginRefused, message).into());
        }
        _ if row.expire_time <= now => {
            let message = "Nobody confirmed the login in time. Begin again.";
            return Err(CoreError::new(Kind::Unauthenticated, Reason::TokenExpired, message).into());
        }
        "CONFIRMED" => return Ok(row),
        _ => {}
    }
    if let Some(wait) = too_early(row.last_poll_time, now) {
        let message = format!("Asked too soon. Wait {} s between two polls.", INTERVAL.num_seconds());
        return Err(CoreError::new(Kind::Exhausted, Reason::SlowDown, message).retry_after(wait).into());
    }
    device_login::polled(&mut tx, sha256).await?;
    tx.commit().await?;
    let message = "Nobody has confirmed the login yet. Show the user code, and ask again after the interval.";
    Err(CoreError::precondition(Reason::AuthorizationPending, message).into())
}

/// How long a device has to wait that asks now.
fn too_early(last: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Option<Duration> {
    let left = last? + INTERVAL - now;
    (left > GRACE).then(|| left.to_std().unwrap_or_default())
}

pub(super) async fn get_device_login(cx: Cx, req: pb::GetDeviceLoginRequest) -> Result<pb::DeviceLogin> {
    let caller = cx.user()?.clone();
    let user_code = parse(&req.user_code)?;
    let read = cx.read(Target::organization(&caller.name)).await?;
    read.check(&own(&caller, &caller.name.to_string())).await?;
    let attempt = attempt(&cx, &caller);
    attempt.check(read.conn()).await?;
    match device_login::pending(read.conn(), &user_code).await? {
        Some(row) => Ok(to_proto(row)),
        None => Err(missed(&cx, &attempt).await?),
    }
}

pub(super) async fn confirm_device_login(
    cx: Cx,
    req: pb::ConfirmDeviceLoginRequest,
) -> Result<pb::ConfirmDeviceLoginResponse> {
    let caller = cx.user()?.clone();
    let user_code = parse(&req.user_code)?;
    cx.session()?;
    let mut tx = cx.begin(&req, Target::organization(&caller.name)).await?;
    tx.check(&own(&caller, &caller.name.to_string())).await?;
    let attempt = attempt(&cx, &caller);
    attempt.check(&*cx.app.db.reads.get().await?).await?;
    let decided = device_login::decide(&mut tx, &user_code, caller.organization_id, caller.id, !req.refuse).await?;
    let Some(row) = decided else {
        drop(tx);
        return Err(missed(&cx, &attempt).await?);
    };
    tx.ledger.detail("device", row.device.as_str());
    tx.ledger.detail("device_ip", row.ip.as_str());
    tx.ledger.detail("refused", req.refuse);
    tx.commit_secret(pb::ConfirmDeviceLoginResponse { device_login: Some(to_proto(row)) }).await
}

fn own<'a>(caller: &UserCaller, name: &'a str) -> Facts<'a> {
    Facts { name, tier: None, team_id: None, creator_id: Some(caller.id), readable_by: READABLE }
}

/// Wrong codes count for who typed them.
fn attempt(cx: &Cx, caller: &UserCaller) -> Attempt {
    Attempt::new(&cx.call.ip, &format!("device code/{}", caller.id))
}

/// The answer to a code that no login waits for: one more of a few.
async fn missed(cx: &Cx, attempt: &Attempt) -> Result<Error> {
    attempt.failed(&cx.app, &[]).await?;
    Ok(CoreError::not_found(&"The device login").into())
}

fn to_proto(row: DeviceLoginRow) -> pb::DeviceLogin {
    pb::DeviceLogin {
        user_code: row.user_code,
        device: row.device,
        ip: row.ip,
        create_time: Some(timestamp(row.create_time)),
        expire_time: Some(timestamp(row.expire_time)),
    }
}
