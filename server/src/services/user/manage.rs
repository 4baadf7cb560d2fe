//! What administrators do with accounts.
//!
//! Whoever could come in as somebody else afterwards, by a password, by a link or by an address that a provider vouches
//! for, must hold what that person holds (rule 11). Nobody deletes or deactivates themself (rule 12), and an own password
//! is changed by [`ChangePassword`](super::super::auth), which asks for the current one: a stolen session is not enough.

use std::time::Duration;

use chrono::{DateTime, Utc};
use flagstone_api::pb;
use flagstone_core::names::{BusinessUnitName, UserName};
use flagstone_core::user::{check_full_name, email as read_email, username_base};
use flagstone_core::{Error as CoreError, Reason, Violations, password};
use flagstone_db::password_reset::{self, NewReset};
use flagstone_db::session;
use flagstone_db::user::{self, UserContent, UserRow};
use serde_json::json;
use uuid::Uuid;

use super::{check_etag, mask, named, view};
use crate::account::{self, NewAccount, taken_or};
use crate::convert::timestamp;
use crate::cx::{Cx, Facts, Target};
use crate::error::Result;
use crate::guards;
use crate::ledger::ObjectRef;
use crate::services::auth::{character_classes, digest};
use crate::token::{self, TokenKind};
use crate::tx::Tx;

/// What allows to know that somebody exists.
const READABLE: &[&str] = &["platform:users:read", "platform:users:list"];

/// How long a link to a new password works.
const RESET: Duration = Duration::from_secs(60 * 60);

/// How long the link of a new account works: as long as an invitation.
const FIRST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

pub(super) async fn create_user(cx: Cx, req: pb::CreateUserRequest) -> Result<pb::CreateUserResponse> {
    let sent = req.user.clone().unwrap_or_default();
    let mut wrong = Violations::new();
    let email = read_email(&sent.email, "user.email", &mut wrong);
    let full_name = sent.full_name.trim().to_owned();
    check_full_name(&full_name, "user.full_name", &mut wrong);
    let target = Target::organization("users");
    let mut hashed = None;
    if !req.password.is_empty() {
        let classes = {
            let read = cx.read(target.clone()).await?;
            character_classes(read.conn(), read.organization_id()).await?
        };
        wrong.extend(password::check(&req.password, &username_base(&email), &email, classes, "password"));
        if wrong.is_empty() {
            hashed = Some(hash(&cx, &req.password).await?);
        }
    }
    let comparable = without_password(&cx, &req.password, |password| pb::CreateUserRequest { password, ..req.clone() });
    let mut tx = cx.begin(&comparable, target).await?;
    tx.check(&Facts { name: "users", tier: None, team_id: None, creator_id: None, readable_by: READABLE }).await?;
    wrong.finish()?;
    let creator = tx.principal.clone();
    let new = NewAccount {
        email: &email,
        full_name: &full_name,
        called: &email,
        password_hash: hashed.as_deref(),
        must_change_password: hashed.is_some(),
        creator: &creator,
    };
    let row = account::create(&mut tx, &new).await?;
    tx.about(account::object(&row)?.name);
    let link = if hashed.is_none() { Some(make_link(&mut tx, &row, FIRST).await?) } else { None };
    let user = view::one(&tx, tx.organization_id, &tx.directory, row).await?;
    let (link, link_expire_time) = link.map_or((String::new(), None), |(link, end)| (link, Some(timestamp(end))));
    tx.commit_sealed(pb::CreateUserResponse { user: Some(user), link, link_expire_time, effects: None }).await
}

pub(super) async fn update_user(cx: Cx, req: pb::UpdateUserRequest) -> Result<pb::User> {
    let sent = req.user.clone().unwrap_or_default();
    let name = named(&sent.name, "user.name")?;
    let target = Target::organization(&name);
    let mut wrong = Violations::new();
    let set = [("email", !sent.email.is_empty()), ("full_name", !sent.full_name.is_empty()), ("active", sent.active)];
    let paths = mask(&set, req.update_mask.as_ref(), &mut wrong);
    let email = paths.contains(&"email").then(|| read_email(&sent.email, "user.email", &mut wrong));
    let full_name = paths.contains(&"full_name").then(|| sent.full_name.trim().to_owned());
    if let Some(full_name) = &full_name {
        check_full_name(full_name, "user.full_name", &mut wrong);
    }
    let mut hashed = None;
    if !req.password.is_empty() {
        let (known, classes) = {
            let read = cx.read(target.clone()).await?;
            let organization_id = read.organization_id();
            let known = user::by_username(read.conn(), organization_id, name.id().as_str()).await?;
            (known, character_classes(read.conn(), organization_id).await?)
        };
        if let Some(known) = known {
            let email = email.as_deref().unwrap_or(&known.email);
            wrong.extend(password::check(&req.password, &known.username, email, classes, "password"));
            if wrong.is_empty() {
                hashed = Some(hash(&cx, &req.password).await?);
            }
        }
    }
    let comparable = without_password(&cx, &req.password, |password| pb::UpdateUserRequest { password, ..req.clone() });
    let mut tx = cx.begin(&comparable, target).await?;
    let before = find(&mut tx, &name).await?;
    check_etag(&sent.etag, &before)?;
    wrong.finish()?;
    let content = UserContent {
        email: email.as_deref().unwrap_or(&before.email),
        full_name: full_name.as_deref().unwrap_or(&before.full_name),
        active: if paths.contains(&"active") { sent.active } else { before.active },
    };
    let is_self = before.id == tx.admitted()?.user.id;
    if is_self && !content.active {
        return Err(self_target("Nobody deactivates their own account. Ask another administrator.").into());
    }
    if is_self && hashed.is_some() {
        return Err(self_target("Change your own password with ChangePassword, which asks for the current one.").into());
    }
    if !is_self && (hashed.is_some() || content.email != before.email) {
        account::may_act_as(&tx, before.id).await?;
    }
    if content.email != before.email && user::by_email(&tx, before.organization_id, content.email).await?.is_some() {
        return Err(account::address_taken(content.email).into());
    }
    let mut after = before.clone();
    let changed = (content.email, content.full_name, content.active)
        != (before.email.as_str(), before.full_name.as_str(), before.active);
    if changed {
        let updated = user::update(&mut tx, &before, &content).await;
        after = updated.map_err(|error| taken_or(error, content.email))?;
    }
    if let Some(hashed) = &hashed {
        after = user::give_password(&mut tx, &after, hashed).await?;
    }
    let mut ended = Vec::new();
    let deactivated = before.active && !after.active;
    if deactivated || hashed.is_some() {
        ended = session::revoke_all(&mut tx, before.organization_id, before.id).await?;
        tx.ledger.detail("revoked_sessions", ended.len());
    }
    if deactivated || hashed.is_some() || content.email != before.email {
        // A link that was handed over before is as good as the password or address it was made for.
        password_reset::end(&mut tx, before.organization_id, before.id).await?;
    }
    if deactivated {
        guards::keep_an_admin(&tx).await?;
    }
    if before.active != after.active || hashed.is_some() {
        tx.raise_epoch(before.organization_id).await?;
    }
    tx.record(account::object(&after)?, Some(&account::view(&before)), Some(&account::view(&after)));
    let dry = tx.is_dry();
    let user_id = before.id;
    let answer = view::one(&tx, tx.organization_id, &tx.directory, after).await?;
    let answer = tx.commit(answer).await?;
    if !dry && (deactivated || !ended.is_empty()) {
        cx.app.identities.forget_user(user_id);
    }
    Ok(answer)
}

pub(super) async fn reset_user_password(
    cx: Cx,
    req: pb::ResetUserPasswordRequest,
) -> Result<pb::ResetUserPasswordResponse> {
    let name = named(&req.name, "name")?;
    let mut tx = cx.begin(&req, Target::organization(&name)).await?;
    let row = find(&mut tx, &name).await?;
    if row.id == tx.admitted()?.user.id {
        return Err(self_target("Change your own password with ChangePassword, which asks for the current one.").into());
    }
    account::may_act_as(&tx, row.id).await?;
    if !row.active {
        return Err(CoreError::wrong_state(&name, "INACTIVE", &["ACTIVE"]).into());
    }
    let (link, expire_time) = make_link(&mut tx, &row, RESET).await?;
    tx.commit_sealed(pb::ResetUserPasswordResponse { link, expire_time: Some(timestamp(expire_time)), effects: None })
        .await
}

pub(super) async fn delete_user(cx: Cx, req: pb::DeleteUserRequest) -> Result<pb::DeleteUserResponse> {
    let name = named(&req.name, "name")?;
    let mut tx = cx.begin(&req, Target::organization(&name)).await?;
    let before = find(&mut tx, &name).await?;
    check_etag(&req.etag, &before)?;
    if before.id == tx.admitted()?.user.id {
        return Err(self_target("Nobody deletes their own account. Ask another administrator.").into());
    }
    let owned = user::owned_units(&tx, before.organization_id, before.id).await?;
    if !owned.is_empty() {
        let units = owned.iter().map(|slug| Ok(BusinessUnitName::stored(slug)?.to_string()));
        let units = units.collect::<Result<Vec<_>>>()?.join(", ");
        let message = format!("{name} owns {units}. Give them to somebody else first, with UpdateBusinessUnit.");
        return Err(CoreError::precondition(Reason::InUse, message).with("name", &name).with("uses", &units).into());
    }
    let removed = user::remove(&mut tx, &before).await?;
    guards::keep_an_admin(&tx).await?;
    tx.raise_epoch(before.organization_id).await?;
    tx.record(account::object(&before)?, Some(&account::view(&before)), None);
    tx.ledger.detail("revoked_sessions", removed.sessions.len());
    tx.ledger.detail("revoked_tokens", removed.tokens);
    tx.ledger.detail("removed_bindings", removed.bindings);
    tx.ledger.detail("removed_memberships", removed.memberships);
    tx.ledger.detail("removed_groups", removed.groups);
    tx.ledger.detail("removed_teams", removed.teams);
    let number = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let answer = pb::DeleteUserResponse {
        revoked_sessions: number(removed.sessions.len()),
        revoked_tokens: number(removed.tokens),
        effects: None,
    };
    let dry = tx.is_dry();
    let answer = tx.commit(answer).await?;
    if !dry {
        cx.app.identities.forget_user(before.id);
    }
    Ok(answer)
}

/// The account that is named, locked, once the call may touch it.
async fn find(tx: &mut Tx, name: &UserName) -> Result<UserRow> {
    let organization_id = tx.organization_id;
    let found = user::by_username(tx, organization_id, name.id().as_str()).await?;
    let facts = Facts { name: &name.to_string(), tier: None, team_id: None, creator_id: None, readable_by: READABLE };
    tx.check(&facts).await?;
    let found = found.ok_or_else(|| CoreError::not_found(name))?;
    let row = user::lock(tx, organization_id, found.id).await?;
    // Another call may have deleted it while this one waited.
    if row.delete_time.is_some() { Err(CoreError::not_found(name).into()) } else { Ok(row) }
}

/// Makes the link with which a person chooses a password, in place of the one before. A dry run shows none.
async fn make_link(tx: &mut Tx, user: &UserRow, lifetime: Duration) -> Result<(String, DateTime<Utc>)> {
    let (token, sha256) = token::mint(TokenKind::PasswordReset)?;
    let (id, creator) = (Uuid::now_v7(), tx.principal.clone());
    let new = NewReset {
        id,
        organization_id: user.organization_id,
        user_id: user.id,
        token_sha256: &sha256,
        lifetime,
        creator: &creator,
    };
    let expire_time = password_reset::replace(tx, &new).await?;
    let object = ObjectRef {
        object_type: "password_reset",
        name: format!("users/{}/passwordResets/{id}", user.username),
        id,
        business_unit_id: None,
    };
    tx.record(object, None, Some(&json!({"user": format!("users/{}", user.username), "expire_time": expire_time})));
    let link = if tx.is_dry() { String::new() } else { account::link(&tx.app, "password-reset", &token) };
    Ok((link, expire_time))
}

/// Hashing takes its time, and none of it in a transaction.
async fn hash(cx: &Cx, password: &str) -> Result<String> {
    let turn = cx.app.passwords.turn().await?;
    cx.app.passwords.hash(&turn, password).await
}

/// The call as it is compared with its repetition: a password never gets into the table of answers, nor its plain hash.
fn without_password<M>(cx: &Cx, password: &str, with: impl FnOnce(String) -> M) -> M {
    with(if password.is_empty() { String::new() } else { digest(&cx.app, password) })
}

fn self_target(message: &str) -> CoreError {
    CoreError::precondition(Reason::SelfTarget, message)
}
