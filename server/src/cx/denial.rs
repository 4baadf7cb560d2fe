//! How the door says no: which permission would have done and where, what would give it, and the audit event that the
//! refusal names.

use flagstone_core::access::{
    Decision, DenyReason, Moment, Object, Permission, PermissionPattern, PermissionScope, Scope, decide, least_role,
};
use flagstone_core::names::BusinessUnitParent;
use flagstone_core::tier::Tier;
use flagstone_core::{Error as CoreError, Kind, Reason};
use serde_json::json;
use uuid::Uuid;

use super::{Admitted, Cx, Facts, Place, Target};
use crate::call::UserCaller;
use crate::error::{Error, Result};

impl Cx {
    pub(super) async fn refuse(
        &self,
        admitted: &Admitted,
        facts: &Facts<'_>,
        patterns: &[PermissionPattern],
    ) -> Result<()> {
        if !admitted.may_read(facts) {
            return Err(CoreError::not_found(&facts.name).into());
        }
        let needed = named(patterns, facts.tier);
        let (why, hint) = admitted.with_object(facts, |object| {
            let first = needed.first().and_then(|slug| Permission::parse(slug).ok());
            first.map_or((DenyReason::NoGrant, None), |first| why_not(admitted, first, object))
        });
        let scope = admitted.unit.as_ref().map_or_else(|| ORGANIZATION.to_owned(), |unit| unit.name.to_string());
        let known = json!({
            "tier": facts.tier.map(Tier::as_str),
            "own": facts.creator_id.map(|creator| creator == admitted.user.id),
            "own_team": facts.team_id.map(|team| admitted.user.grants.is_in_team(team)),
        });
        let denial = Denial {
            object: facts.name,
            business_unit_id: admitted.unit.as_ref().map(|unit| unit.id),
            place: format!("in {scope} on {}", facts.name),
            scope,
            needed,
            why,
            hint,
            facts: Some(known),
        };
        self.deny(&admitted.user, denial).await
    }

    /// Denies a call by its scope: no object of it could be allowed, so none is looked up.
    pub(super) async fn deny_scope<T>(
        &self,
        user: &UserCaller,
        target: &Target,
        scope: Scope,
        at: Moment<'_>,
    ) -> Result<T> {
        let needed = named(self.method.permissions(), None);
        // The reason is that of the first permission, and of no object in particular.
        let first = self.method.permissions().first().and_then(|pattern| pattern.permissions().first().copied());
        let (why, hint) = first.map_or((DenyReason::NoGrant, None), |first| {
            let object = Object::new_in(scope);
            match decide(&user.grants, at, first, object) {
                Decision::Deny { reason, .. } => (reason, hint(reason, first, object)),
                Decision::Allow { .. } => (DenyReason::NoGrant, None),
            }
        });
        let (scope, place) = match &target.place {
            Place::Unit(name) | Place::Units(BusinessUnitParent::One(name)) if target.name == name.to_string() => {
                (name.to_string(), format!("in {name} (or it might not exist)"))
            }
            Place::Unit(name) | Place::Units(BusinessUnitParent::One(name)) => {
                (name.to_string(), format!("in {name} on {} (or it might not exist)", target.name))
            }
            Place::Units(BusinessUnitParent::Any) => (target.name.clone(), "in at least one business unit".to_owned()),
            Place::Organization | Place::Job(_) | Place::Approval(_) | Place::Invitation(_) => {
                (ORGANIZATION.to_owned(), format!("in {ORGANIZATION}"))
            }
        };
        let denial =
            Denial { object: &target.name, business_unit_id: None, place, scope, needed, why, hint, facts: None };
        self.deny(user, denial).await
    }

    /// The answer to an agent that may do this only with `validate_only` (rule 14).
    pub(super) async fn leave_to_people<T>(&self, admitted: &Admitted, target: &Target) -> Result<T> {
        let permission = self.method.permissions().first().map(ToString::to_string).unwrap_or_default();
        let unit = admitted.unit.as_ref().map(|unit| unit.id);
        let decision_id =
            crate::audit::denial(self, &admitted.user, &target.name, unit, &permission, "confirmation").await?;
        let message = format!(
            "{} is left to people. Try it with `validate_only`, and let somebody confirm what it would do.",
            self.method.name
        );
        let error = CoreError::new(Kind::Denied, Reason::ConfirmationRequired, message);
        Err(Error::Audited(error.with("decision_id", &decision_id)))
    }

    /// Writes the audit event of a denial, in a transaction of its own, and makes the error that names it.
    async fn deny<T>(&self, user: &UserCaller, denial: Denial<'_>) -> Result<T> {
        let Denial { object, business_unit_id, place, scope, needed, why, hint, facts } = denial;
        let permission = needed.first().cloned().unwrap_or_default();
        let details = json!({
            "method": self.method.path, "permission": permission, "permissions": needed, "scope": scope,
            "reason": why.as_str(), "facts": facts, "epoch": user.directory.epoch,
        });
        let decision_id = crate::audit::denied(self, user, object, business_unit_id, &details).await?;
        let remedy = match (why, &hint) {
            (DenyReason::TokenScope, _) => {
                "The token does not reach that far: use one that does, or sign in.".to_owned()
            }
            (DenyReason::DenyBinding, _) => {
                "A binding denies it: ask someone who manages roles there to remove that.".to_owned()
            }
            (_, Some(role)) => format!("The role {role} would give it: ask someone who manages roles there."),
            (_, None) => "Ask someone who manages roles there.".to_owned(),
        };
        let message = format!("{} needs {} {place}. {remedy}", self.method.name, needed.join(" or "));
        let error = CoreError::new(Kind::Denied, Reason::AccessDenied, message)
            .with("permission", &permission)
            .with("scope", &scope)
            .with("reason", &why.as_str())
            .with("decision_id", &decision_id);
        Err(Error::Audited(match hint {
            Some(role) => error.with("role", &role),
            None => error,
        }))
    }
}

/// What a place is called that is no business unit.
const ORGANIZATION: &str = "the organization";

/// What a denial tells, to its caller and to the audit.
struct Denial<'a> {
    object: &'a str,
    business_unit_id: Option<Uuid>,
    /// Where it was needed, in words.
    place: String,
    /// Where it was needed, by name.
    scope: String,
    /// Any one of these permissions would have done.
    needed: Vec<String>,
    why: DenyReason,
    /// The least privileged role that would give it.
    hint: Option<String>,
    /// What was known of the object; `None` where it was not looked up.
    facts: Option<serde_json::Value>,
}

/// The permissions that would do, as people are told: what everybody holds for what is their own is left out where there
/// is another.
fn named(patterns: &[PermissionPattern], tier: Option<Tier>) -> Vec<String> {
    let of_users = |pattern: &&PermissionPattern| {
        pattern.permissions().first().is_some_and(|permission| permission.scope() == PermissionScope::User)
    };
    let name = |pattern: &PermissionPattern| match tier {
        Some(tier) => pattern.with_tier(tier).to_string(),
        None => pattern.to_string(),
    };
    let given: Vec<String> = patterns.iter().filter(|pattern| !of_users(pattern)).map(name).collect();
    if given.is_empty() { patterns.iter().map(name).collect() } else { given }
}

/// Why a permission does not hold for an object, and what would give it.
fn why_not(admitted: &Admitted, permission: Permission, object: Object<'_>) -> (DenyReason, Option<String>) {
    match decide(&admitted.user.grants, admitted.moment(), permission, object) {
        Decision::Deny { reason, .. } => (reason, hint(reason, permission, object)),
        Decision::Allow { .. } => (DenyReason::NoGrant, None),
    }
}

fn hint(reason: DenyReason, permission: Permission, object: Object<'_>) -> Option<String> {
    let missing = reason == DenyReason::NoGrant;
    let role = missing.then(|| least_role(true, permission, object)).flatten();
    role.map(|(role, _)| format!("roles/{}", role.id))
}
