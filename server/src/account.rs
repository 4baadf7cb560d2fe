//! Making accounts and giving them their first role: the same for an administrator, an invitation and another issuer's
//! word. And rule 11 for whoever acts on somebody else's account.

use flagstone_core::Error as CoreError;
use flagstone_core::access::{Permission, PermissionScope, PermissionSet, Scope};
use flagstone_core::names::UserName;
use flagstone_core::user::{free_username, username_base};
use flagstone_core::{Kind, Reason};
use flagstone_db::identity;
use flagstone_db::role::{self, RoleRow};
use flagstone_db::user::{self, NewUser, UserRow};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::App;
use crate::error::{Error, Result};
use crate::guards;
use crate::ledger::ObjectRef;
use crate::tx::Tx;

/// How often another username is tried where others take the one that was free a moment ago.
const TRIES: usize = 20;

/// An account to make.
#[derive(Clone, Copy, Debug)]
pub struct NewAccount<'a> {
    /// In lower case.
    pub email: &'a str,
    pub full_name: &'a str,
    /// What the username is made of: the address, or a name that the person has elsewhere.
    pub called: &'a str,
    /// `None` for whoever comes in by another way, or has yet to choose one.
    pub password_hash: Option<&'a str>,
    pub must_change_password: bool,
    /// Principal.
    pub creator: &'a str,
}

/// Makes an account under a username of its own. ALREADY_EXISTS where the organization has one of that address.
pub async fn create(tx: &mut Tx, new: &NewAccount<'_>) -> Result<UserRow> {
    let organization_id = tx.organization_id;
    if user::by_email(tx, organization_id, new.email).await?.is_some() {
        return Err(address_taken(new.email).into());
    }
    let base = username_base(new.called);
    for _ in 0..TRIES {
        let username = free_username(&base, &user::usernames_like(tx, organization_id, &base).await?);
        let row = NewUser {
            id: Uuid::now_v7(),
            organization_id,
            username: &username,
            email: new.email,
            full_name: new.full_name,
            must_change_password: new.must_change_password,
            password_hash: new.password_hash,
            creator: new.creator,
        };
        let made = user::insert_if_free(tx, &row).await.map_err(|error| taken_or(error, new.email))?;
        if let Some(made) = made {
            tx.record(object(&made)?, None, Some(&view(&made)));
            return Ok(made);
        }
    }
    Err(CoreError::aborted(Reason::Conflict, "Many accounts of this name are being made. Try again.").into())
}

/// The answer where an address has an account.
pub fn address_taken(email: &str) -> CoreError {
    let message = format!("There is an account with the address {email} already.");
    CoreError::new(Kind::AlreadyExists, Reason::AlreadyExists, message).with("name", &email)
}

/// An address that another call took a moment ago is told like one that was taken before.
pub fn taken_or(error: flagstone_db::Error, email: &str) -> Error {
    if error.constraint() == Some("users_email_key") { address_taken(email).into() } else { error.into() }
}

/// Gives a person a role: as a membership in a unit, or bound in the whole organization. Whether it may be given was
/// judged before.
pub async fn give_role(
    tx: &mut Tx,
    user: &UserRow,
    role: &RoleRow,
    business_unit_id: Option<Uuid>,
    creator: &str,
) -> Result<()> {
    let organization_id = tx.organization_id;
    let (person, role_name) = (format!("users/{}", user.username), format!("roles/{}", role.slug));
    match business_unit_id {
        Some(unit_id) => {
            role::add_member(tx, organization_id, unit_id, user.id, role.id, creator).await?;
            let unit = tx.directory.unit_by_id(unit_id).map(|unit| unit.name.to_string()).unwrap_or_default();
            let object = ObjectRef {
                object_type: "business_unit_member",
                name: format!("{unit}/members/{}", user.username),
                // A membership has no id of its own: one that is made of both.
                id: Uuid::from_u128(unit_id.as_u128() ^ user.id.as_u128()),
                business_unit_id: Some(unit_id),
            };
            tx.record(object, None, Some(&json!({"role": role_name})));
        }
        None => {
            let id = role::bind_user(tx, organization_id, role.id, user.id, creator).await?;
            let object = ObjectRef {
                object_type: "role_binding",
                name: format!("roleBindings/{id}"),
                id,
                business_unit_id: None,
            };
            tx.record(object, None, Some(&json!({"role": role_name, "subject": person})));
        }
    }
    tx.raise_epoch(organization_id).await?;
    Ok(())
}

/// What a role gives where it is held.
pub fn permissions_of(role: &RoleRow) -> PermissionSet {
    role.permissions.iter().filter_map(|slug| Permission::parse(slug).ok()).collect()
}

/// Rule 11, for whoever could come in as somebody else afterwards: fails unless the caller holds every permission that
/// the person holds, where the person holds it. Conditions and restrictions do not count in the caller's favour, nor does
/// that the person is not active at the moment.
pub async fn may_act_as(tx: &Tx, user_id: Uuid) -> Result<()> {
    let organization_id = tx.organization_id;
    let person = identity::person(tx, organization_id, user_id).await?;
    let person = person.ok_or_else(|| Error::internal("the person was locked a moment ago"))?;
    let now = tx.admitted()?.now;
    let mut held: Vec<(Scope, PermissionSet)> = Vec::new();
    for grant in person.given.grants {
        if grant.effect != "ALLOW" || grant.expire_time.is_some_and(|end| end <= now) {
            continue;
        }
        let scope = grant.business_unit_id.map_or(Scope::Organization, Scope::Unit);
        let gives = grant.permissions.iter().filter_map(|slug| Permission::parse(slug).ok());
        // What a binding cannot give is nobody's: a platform permission in a unit.
        let gives: PermissionSet = gives
            .filter(|permission| permission.scope() != PermissionScope::Platform || scope == Scope::Organization)
            .collect();
        match held.iter_mut().find(|(known, _)| *known == scope) {
            Some((_, set)) => set.extend_from(&gives),
            None => held.push((scope, gives)),
        }
    }
    for (scope, permissions) in held {
        guards::may_grant(tx, &permissions, scope).await?;
    }
    Ok(())
}

/// A page of the web client with a token that only its reader has. It stands behind `#`: browsers keep that to themselves.
pub fn link(app: &App, page: &str, token: &str) -> String {
    format!("{}/{page}#{token}", app.config.public_url)
}

/// An account in the ledger.
pub fn object(user: &UserRow) -> Result<ObjectRef> {
    let name = UserName::stored(&user.username)?.to_string();
    Ok(ObjectRef { object_type: "user", name, id: user.id, business_unit_id: None })
}

/// An account as the ledger tells it, before and after a change.
pub fn view(user: &UserRow) -> Value {
    json!({
        "email": user.email,
        "full_name": user.full_name,
        "active": user.active,
        "preferences": user.preferences,
        "password_change_required": user.must_change_password,
        "revision": user.revision,
    })
}
