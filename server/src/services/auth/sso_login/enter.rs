//! Who somebody is here whom a provider vouches for: known, to be linked, invited, new, or nobody.

use flagstone_api::pb;
use flagstone_core::names::{BusinessUnitName, Principal, SsoProviderName, UserName};
use flagstone_core::sso_login::Person;
use flagstone_core::sso_provider::SsoProvider;
use flagstone_db::external_identity::{self, Identity};
use flagstone_db::sso_login::SsoLoginRow;
use flagstone_db::sso_provider::SsoProviderRow;
use flagstone_db::user::{self, UserRow};
use flagstone_db::{TxScope, invitation, organization, role};
use serde_json::json;
use uuid::Uuid;

use super::Refusal;
use crate::account::{self, NewAccount};
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::services::auth::session::{Voucher, open_session};
use crate::services::invitation::accept::{Newcomer, redeem};
use crate::services::sso_provider::stored;
use crate::tx::Tx;

/// What somebody new may do in the default business unit.
const NEWCOMER: &str = "developer";

/// How somebody came to be who they are here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// By an identity that was linked before.
    Known,
    /// By an account that is linked now.
    Linked,
    /// By an account that is made now.
    Created,
}

/// What the sealed ID token of a session is bound to.
pub(super) fn id_token_sealed_as(organization_id: Uuid, provider_id: Uuid, user_id: Uuid) -> String {
    format!("{organization_id}/sso_id_token/{provider_id}/{user_id}")
}

/// Opens a session for whoever this is here, or links the account.
pub(super) async fn enter(
    cx: &Cx,
    login: &SsoLoginRow,
    row: &SsoProviderRow,
    person: Person,
    id_token: Option<&str>,
) -> Result<pb::CompleteSsoLoginResponse, Refusal> {
    let app = &cx.app;
    let organization_id = login.organization_id;
    let provider = stored(row)?;
    let organization = organization::find(&*app.db.reads.get().await?, organization_id).await?;
    if !organization.active {
        return Err(Refusal::inactive());
    }
    let kind = provider.kind.to_string();
    let identity = Identity { organization_id, provider: &kind, issuer: &row.issuer, subject: &person.subject };

    // Until it is known who acts, it is the provider's word that does.
    let name = SsoProviderName::stored(&row.slug)?.to_string();
    let db = app.db.begin(TxScope::Organization(organization_id)).await?;
    let directory = app.identities.directory(organization_id).await?;
    let mut tx = Tx::of_open_call(cx, db, directory, name.clone(), None);
    tx.ledger.detail("sso_provider", name);
    external_identity::lock(&mut tx, &identity).await?;
    let (user, way) = match (login.link_user_id, login.invitation_id) {
        (Some(user_id), _) => link(&mut tx, &identity, user_id).await?,
        (None, Some(invitation_id)) => accept(&mut tx, &identity, &person, invitation_id).await?,
        (None, None) => {
            let unit = organization.settings["default_business_unit"].as_str();
            find(&mut tx, &provider, &identity, &person, unit).await?
        }
    };
    if !user.active {
        return Err(Refusal::inactive());
    }
    match way {
        Way::Known => external_identity::touch(&mut tx, &identity).await?,
        Way::Linked | Way::Created => {
            if external_identity::is_linked(&tx, &identity, user.id).await? {
                let message = "This account is linked to another account at the provider already.";
                return Err(Refusal::new("identity_taken", message));
            }
            external_identity::insert(&mut tx, &identity, user.id, &person.email, &person.profile_url).await?;
            let linked = json!({"provider": provider.kind, "issuer": provider.issuer, "subject": person.subject});
            let after = json!({"external_identity": linked});
            tx.record(account::object(&user)?, Some(&json!({})), Some(&after));
        }
    }

    let user_name = UserName::stored(&user.username)?.to_string();
    tx.principal.clone_from(&user_name);
    tx.about(user_name.clone());
    if login.link_user_id.is_some() {
        tx.action("user.link_identity");
        let answer = pb::CompleteSsoLoginResponse {
            user: Some(pb::UserSummary {
                name: user_name,
                display_name: user.full_name,
                email: user.email,
                organization: organization.slug,
            }),
            return_path: login.return_path.clone(),
            ..Default::default()
        };
        return Ok(tx.commit_secret(answer).await?);
    }
    let sealed = match id_token {
        Some(id_token) => {
            let bound = id_token_sealed_as(organization_id, row.id, user.id);
            Some(app.vault.seal(&bound, id_token.as_bytes())?)
        }
        None => None,
    };
    let voucher = Voucher { provider_id: row.id, id_token: sealed.as_deref() };
    let opened = open_session(&mut tx, &user, &organization.slug, Some(voucher)).await?;
    let answer = pb::CompleteSsoLoginResponse {
        tokens: opened.tokens,
        user: opened.user,
        password_change_required: opened.password_change_required,
        return_path: login.return_path.clone(),
        created: way == Way::Created,
    };
    Ok(tx.commit_secret(answer).await?)
}

/// The signed-in user who wanted the link, unless somebody else has it.
async fn link(tx: &mut Tx, identity: &Identity<'_>, user_id: Uuid) -> Result<(UserRow, Way), Refusal> {
    let user = user::lock(tx, identity.organization_id, user_id).await?;
    match external_identity::find(tx, identity).await? {
        None => Ok((user, Way::Linked)),
        Some(holder) if holder.id == user_id => Ok((user, Way::Known)),
        Some(_) => {
            let message = "This account at the provider is linked to somebody else.";
            Err(Refusal::new("identity_taken", message))
        }
    }
}

/// Somebody who was invited, at the address of the invitation and at no other.
async fn accept(
    tx: &mut Tx,
    identity: &Identity<'_>,
    person: &Person,
    invitation_id: Uuid,
) -> Result<(UserRow, Way), Refusal> {
    let invalid = |message: &str| Refusal::new("invitation_invalid", message);
    let email = person.verified_email.as_ref().ok_or_else(unverified)?;
    let offered = invitation::lock(tx, identity.organization_id, invitation_id).await?;
    if offered.is_none_or(|offered| offered.email != *email) {
        return Err(invalid(
            "The invitation is for another address. Log in at the provider as the one who was invited.",
        ));
    }
    match external_identity::find(tx, identity).await? {
        None => {}
        // Somebody who left was asked back.
        Some(user) if user.delete_time.is_some() => external_identity::delete(tx, identity).await?,
        Some(_) => return Err(invalid("You have an account here already. Log in without the invitation.")),
    }
    let newcomer = Newcomer { called: &person.username, full_name: &person.full_name, password_hash: None };
    match redeem(tx, invitation_id, &newcomer).await {
        Ok(user) => Ok((user, Way::Created)),
        Err(error) => Err(Refusal { code: "invitation_invalid", back: None, error }),
    }
}

/// Who this is: by the identity, else by a verified address, else somebody new.
async fn find(
    tx: &mut Tx,
    provider: &SsoProvider,
    identity: &Identity<'_>,
    person: &Person,
    unit: Option<&str>,
) -> Result<(UserRow, Way), Refusal> {
    let organization_id = identity.organization_id;
    if let Some(user) = external_identity::find(tx, identity).await? {
        // Whoever was deleted does not come back by themselves.
        if user.delete_time.is_some() {
            return Err(Refusal::inactive());
        }
        return Ok((user::lock(tx, organization_id, user.id).await?, Way::Known));
    }
    // An address that nobody verified could be anybody's: neither is an account found by it nor made with it.
    let email = person.verified_email.as_ref().ok_or_else(unverified)?;
    if let Some(user) = user::lock_by_email(tx, organization_id, email).await? {
        return Ok((user, Way::Linked));
    }
    if !provider.admits(email) {
        let message = "There is no account for your e-mail address. Ask an administrator for an invitation.";
        return Err(Refusal::new("email_not_admitted", message));
    }
    let creator = Principal::System.to_string();
    let new = NewAccount {
        email,
        full_name: &person.full_name,
        called: &person.username,
        password_hash: None,
        must_change_password: false,
        creator: &creator,
    };
    let user = account::create(tx, &new).await?;
    settle(tx, &user, unit).await?;
    Ok((user, Way::Created))
}

/// Gives somebody new their place in the default business unit, where there is one.
async fn settle(tx: &mut Tx, user: &UserRow, unit: Option<&str>) -> Result<()> {
    let unit = unit.and_then(|unit| BusinessUnitName::stored(unit).ok());
    let unit = unit.and_then(|unit| tx.directory.unit(&unit).cloned()).filter(|unit| unit.active);
    let Some(unit) = unit else { return Ok(()) };
    let role = role::find(tx, tx.organization_id, NEWCOMER).await?;
    let role = role.ok_or_else(|| Error::internal("the role of newcomers is gone"))?;
    account::give_role(tx, user, &role, Some(unit.id), &Principal::System.to_string()).await
}

fn unverified() -> Refusal {
    let message = "The sign-in provider does not say that your e-mail address was verified. Have it verified there, or log in \
                   another way and link the account in your profile.";
    Refusal::new("email_unverified", message)
}
