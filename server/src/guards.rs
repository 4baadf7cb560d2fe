//! What must hold whatever grants are changed, and by which call: nobody gives what they do not hold, and somebody
//! remains who can administer the organization, and who operates the installation.

use std::collections::HashSet;

use flagstone_core::access::{Held, Object, Permission, PermissionScope, PermissionSet, Scope, decide, effective};
use flagstone_core::{Error as CoreError, Kind, Reason};
use flagstone_db::role_binding;

use crate::cx::Admitted;
use crate::error::{Error, Result};
use crate::tx::Tx;

/// The role that administers an organization.
const ADMIN: &str = "platform-admin";

/// The role that operates the installation; bound in the default organization only.
const OPERATOR: &str = "installation-operator";

/// Rule 11: fails unless the caller holds each of these permissions in the scope, and holds it for every object there.
/// What is held for the own team's or own objects only, or on a condition, can be used but not handed on. A refusal is a
/// denial and is audited. Before the change.
pub async fn may_grant(tx: &Tx, permissions: &PermissionSet, scope: Scope) -> Result<()> {
    let (cx, admitted) = tx.person()?;
    let missing = not_held(admitted, permissions, scope);
    let Some(first) = missing.first() else { return Ok(()) };

    let unit = match scope {
        Scope::Organization => None,
        Scope::Unit(id) => tx.directory.unit_by_id(id),
    };
    let place = unit.map_or_else(|| "the organization".to_owned(), |unit| unit.name.to_string());
    let more = match missing.len() - 1 {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let decision_id =
        crate::audit::denial(cx, &admitted.user, tx.target(), unit.map(|unit| unit.id), first.slug(), &place).await?;
    let message = format!(
        "This would give {first}{more} in {place}, which you do not hold yourself. Leave that out, or ask someone who holds it."
    );
    Err(Error::Audited(
        CoreError::new(Kind::Denied, Reason::AccessDenied, message)
            .with("permission", first)
            .with("scope", &place)
            .with("decision_id", &decision_id),
    ))
}

/// Those of these permissions that somebody cannot hand on in the scope, by rule 11. Nothing is audited.
pub fn not_held(admitted: &Admitted, permissions: &PermissionSet, scope: Scope) -> Vec<Permission> {
    let grants = &admitted.user.grants;
    let held = |scope: Scope| -> HashSet<Permission> {
        // Of nobody's making and nobody's team: what is held for that is held for every object.
        let foreign = Object { creator_is_caller: Some(false), team_is_callers: Some(false), ..Object::of(scope) };
        let for_all = |held: &Held<'_>| {
            !held.conditional && decide(grants, admitted.moment(), held.permission, foreign).is_allow()
        };
        // What every user may do to what is their own is held in full by everybody.
        effective(grants, admitted.moment(), scope)
            .into_iter()
            .filter(|held| held.permission.scope() == PermissionScope::User || for_all(held))
            .map(|held| held.permission)
            .collect()
    };
    let in_organization = held(Scope::Organization);
    let here = if scope == Scope::Organization { HashSet::new() } else { held(scope) };
    let holds = |permission: &Permission| match permission.scope() {
        PermissionScope::BusinessUnit if scope != Scope::Organization => here.contains(permission),
        _ => in_organization.contains(permission),
    };
    permissions.iter().filter(|permission| !holds(permission)).collect()
}

/// Rule 12: fails with `LAST_ADMIN` where the change has left no active user who holds the role of platform admin for good,
/// or has taken the last one who so holds that of an operator of the installation: nobody but an operator makes one. After
/// the change, in its transaction, which from here on is the only one that changes the organization's grants.
pub async fn keep_an_admin(tx: &Tx) -> Result<()> {
    let organization_id = tx.organization_id;
    role_binding::lock_grants(tx, organization_id).await?;
    if !role_binding::has_holder(tx, organization_id, ADMIN).await? {
        return Err(last(ADMIN, "the organization without an active platform admin"));
    }
    if role_binding::has_holder(tx, organization_id, OPERATOR).await? {
        return Ok(());
    }
    // Where there was none before, as in every organization but the default one, there is none to keep. What was before is
    // what others see: this transaction is not committed, and all that changed grants earlier are.
    let before = tx.app.db.reads.get().await?;
    if role_binding::has_holder(&before, organization_id, OPERATOR).await? {
        return Err(last(OPERATOR, "the installation without an active operator"));
    }
    Ok(())
}

fn last(role: &str, without: &str) -> Error {
    let message = format!("This would leave {without}. Make someone else one first, without an end or condition.");
    CoreError::precondition(Reason::LastAdmin, message).with("role", &format!("roles/{role}")).into()
}

/// What every change of grants ends with: it counts from the commit on, everywhere, and leaves somebody who administers
/// the organization, and somebody who operates the installation.
pub async fn grants_changed(tx: &mut Tx) -> Result<()> {
    let organization_id = tx.organization_id;
    tx.raise_epoch(organization_id).await?;
    keep_an_admin(tx).await
}
