//! Choosing a password by a link that an administrator handed over.

use flagstone_api::pb;
use flagstone_core::names::UserName;
use flagstone_core::{Error as CoreError, Kind, Reason, Violations, password};
use flagstone_db::{password_reset, session as db_session, user};

use super::session::open;
use super::{character_classes, digest};
use crate::account;
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::token::{self, TokenKind};

pub(super) async fn accept_password_reset(
    cx: Cx,
    req: pb::AcceptPasswordResetRequest,
) -> Result<pb::AcceptPasswordResetResponse> {
    let mut missing = Violations::new();
    missing.check(!req.token.is_empty(), "token", "Give what stands behind `#` in the link.");
    missing.check(!req.password.is_empty(), "password", "Give the new password.");
    missing.finish()?;
    let app = &cx.app;
    let hash = token::hash(TokenKind::PasswordReset, &req.token).ok_or_else(used_up)?;
    let (found, known, classes) = {
        let conn = app.db.reads.get().await?;
        let found = password_reset::find(&conn, &hash).await?.ok_or_else(used_up)?;
        let known = user::find(&conn, found.organization_id, found.user_id).await?;
        let classes = character_classes(&conn, found.organization_id).await?;
        (found, known, classes)
    };
    let faults = password::check(&req.password, &known.username, &known.email, classes, "password");
    // Hashing takes its time, and none of it in the transaction. A link that is used up costs none.
    let hashed = if found.live && faults.is_empty() {
        let turn = app.passwords.turn().await?;
        Some(app.passwords.hash(&turn, &req.password).await?)
    } else {
        None
    };
    let comparable = pb::AcceptPasswordResetRequest { password: digest(app, &req.password), ..req };
    // A repeated call is answered here, although its link is used up.
    let mut tx = open(&cx, found.organization_id, &found.username, &comparable, |_| false).await?;
    let before = user::lock(&mut tx, found.organization_id, found.user_id).await?;
    if !found.live || !before.active {
        return Err(used_up().into());
    }
    let Some(hashed) = hashed else { return Err(Error::invalid(faults)) };
    if !password_reset::take(&mut tx, found.organization_id, &hash).await? {
        return Err(used_up().into());
    }
    let after = user::set_password(&mut tx, &before, &hashed).await?;
    let ended = db_session::revoke_all(&mut tx, found.organization_id, found.user_id).await?;
    tx.raise_epoch(found.organization_id).await?;
    tx.record(account::object(&after)?, Some(&account::view(&before)), Some(&account::view(&after)));
    tx.ledger.detail("revoked_sessions", ended.len());
    let answer = pb::AcceptPasswordResetResponse {
        user: Some(pb::UserSummary {
            name: UserName::stored(&after.username)?.to_string(),
            display_name: after.full_name,
            email: after.email,
            organization: found.organization,
        }),
        revoked_sessions: i32::try_from(ended.len()).unwrap_or(i32::MAX),
    };
    let answer = tx.commit_secret(answer).await?;
    app.identities.forget_user(found.user_id);
    Ok(answer)
}

/// One answer for a link that was used or replaced, whose time is over, or that never was one.
fn used_up() -> CoreError {
    let message =
        "This link does not work: it was used or replaced, or its time is over. Ask an administrator for another.";
    CoreError::new(Kind::NotFound, Reason::NotFound, message)
}
