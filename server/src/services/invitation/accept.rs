//! What the invited do: look at an offer and accept it. Nobody is logged in; the token of the link is all there is.

use flagstone_api::pb;
use flagstone_core::invitation::InvitationState;
use flagstone_core::names::UserName;
use flagstone_core::user::{check_full_name, username_base};
use flagstone_core::{Error as CoreError, Kind, Reason, Violations, password};
use flagstone_db::invitation::{self, Offer};
use flagstone_db::role;
use flagstone_db::user::UserRow;
use uuid::Uuid;

use super::{object, view};
use crate::account::{self, NewAccount};
use crate::convert::timestamp;
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::services::auth::session::{open_as, open_session};
use crate::services::auth::{character_classes, digest};
use crate::token::{self, TokenKind};
use crate::tx::Tx;

pub(super) async fn lookup_invitation(
    cx: Cx,
    req: pb::LookupInvitationRequest,
) -> Result<pb::LookupInvitationResponse> {
    let mut missing = Violations::new();
    missing.check(!req.token.is_empty(), "token", "Give what stands behind `#` in the link.");
    missing.finish()?;
    let hash = token::hash(TokenKind::Invitation, &req.token).ok_or_else(used_up)?;
    let found = invitation::offer(&*cx.app.db.reads.get().await?, &hash).await?;
    let offer = found.filter(|offer| offer.live).ok_or_else(used_up)?;
    Ok(pb::LookupInvitationResponse {
        organization_display_name: offer.organization_display_name,
        organization: offer.organization,
        email: offer.invitation.email,
        role_display_name: offer.role_display_name,
        business_unit_display_name: offer.business_unit_display_name.unwrap_or_default(),
        expire_time: Some(timestamp(offer.invitation.expire_time)),
    })
}

pub(super) async fn accept_invitation(
    cx: Cx,
    req: pb::AcceptInvitationRequest,
) -> Result<pb::AcceptInvitationResponse> {
    let mut missing = Violations::new();
    missing.check(!req.token.is_empty(), "token", "Give what stands behind `#` in the link.");
    missing.check(!req.email.trim().is_empty(), "email", "Give the address that the invitation is for.");
    missing.check(!req.password.is_empty(), "password", "Give a password.");
    missing.finish()?;
    let app = &cx.app;
    let hash = token::hash(TokenKind::Invitation, &req.token).ok_or_else(used_up)?;
    let (offer, classes) = {
        let conn = app.db.reads.get().await?;
        let offer = invitation::offer(&conn, &hash).await?.ok_or_else(used_up)?;
        let classes = character_classes(&conn, offer.invitation.organization_id).await?;
        (offer, classes)
    };
    let wrong = check(&req, &offer, classes);
    // Hashing takes its time, and none of it in the transaction. An offer that is over costs none.
    let hashed = if offer.live && wrong.is_empty() {
        let turn = app.passwords.turn().await?;
        Some(app.passwords.hash(&turn, &req.password).await?)
    } else {
        None
    };
    let full_name = req.full_name.trim().to_owned();
    let comparable = pb::AcceptInvitationRequest { password: digest(app, &req.password), ..req };
    let principal = object(&offer.invitation).name;
    // A repeated call is answered here, although its invitation is used up.
    let tx = open_as(&cx, offer.invitation.organization_id, &principal, &comparable, |_| false).await?;
    if !offer.live {
        return Err(used_up().into());
    }
    wrong.finish()?;
    let hashed = hashed.ok_or_else(|| Error::internal("a password was taken and not hashed"))?;
    let (tx, answer) = join(tx, &offer, &full_name, &hashed).await?;
    tx.commit_secret(answer).await
}

/// Everything that is wrong with what the invited sent, for an offer that stands.
fn check(req: &pb::AcceptInvitationRequest, offer: &Offer, classes: bool) -> Violations {
    let email = &offer.invitation.email;
    let mut wrong = Violations::new();
    wrong.check(
        req.email.trim().to_ascii_lowercase() == *email,
        "email",
        "The invitation is for another address. Ask for one for yours.",
    );
    check_full_name(req.full_name.trim(), "full_name", &mut wrong);
    wrong.extend(password::check(&req.password, &username_base(email), email, classes, "password"));
    wrong
}

/// Makes the account, gives it the role, uses the invitation up and opens a session.
async fn join(
    mut tx: Tx,
    offer: &Offer,
    full_name: &str,
    password_hash: &str,
) -> Result<(Tx, pb::AcceptInvitationResponse)> {
    let email = &offer.invitation.email;
    let new = Newcomer { called: email, full_name, password_hash: Some(password_hash) };
    let user = redeem(&mut tx, offer.invitation.id, &new).await?;
    let opened = open_session(&mut tx, &user, &offer.organization, None).await?;
    Ok((tx, pb::AcceptInvitationResponse { tokens: opened.tokens, user: opened.user }))
}

/// What an invitation does not say of whom it is for.
pub(crate) struct Newcomer<'a> {
    pub(crate) called: &'a str,
    pub(crate) full_name: &'a str,
    /// `None` for whoever comes in through a provider.
    pub(crate) password_hash: Option<&'a str>,
}

/// Makes the account, gives it the role and uses the invitation up. That the newcomer has the address was judged before.
pub(crate) async fn redeem(tx: &mut Tx, invitation_id: Uuid, newcomer: &Newcomer<'_>) -> Result<UserRow> {
    let organization_id = tx.organization_id;
    let before = invitation::lock(tx, organization_id, invitation_id).await?.ok_or_else(used_up)?;
    // Another call may have accepted or revoked it while this one waited.
    if before.state != InvitationState::Pending.as_str() {
        return Err(used_up().into());
    }
    let new = NewAccount {
        email: &before.email,
        full_name: newcomer.full_name,
        called: newcomer.called,
        password_hash: newcomer.password_hash,
        must_change_password: false,
        creator: &before.creator,
    };
    let user = account::create(tx, &new).await?;
    let after = invitation::accept(tx, &before, user.id).await?.ok_or_else(used_up)?;
    let roles = role::by_ids(tx, organization_id, &[before.role_id]).await?;
    let role = roles.first().ok_or_else(|| Error::internal("the role of an invitation is gone"))?;
    account::give_role(tx, &user, role, before.business_unit_id, &before.creator).await?;
    tx.record(object(&before), Some(&view(&before)), Some(&view(&after)));
    tx.about(object(&after).name);
    // From here on it is known who acts.
    tx.principal = UserName::stored(&user.username)?.to_string();
    Ok(user)
}

/// One answer for an invitation that was used or taken back, whose time is over, or that never was one.
pub(crate) fn used_up() -> CoreError {
    let message = "This invitation does not work: it was used or taken back, or its time is over. Ask for another.";
    CoreError::new(Kind::NotFound, Reason::NotFound, message)
}
