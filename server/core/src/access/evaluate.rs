//! The evaluator. `judge` is the truth table of rule 1; everything else asks it.

use chrono::{DateTime, Utc};

use super::grants::{Grants, Rule, Scope};
use super::permission::{Permission, PermissionPattern, PermissionScope};
use super::roles::Restriction;

/// What a decision may depend on, of the object that is acted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object {
    /// Where it lives. An object without a business unit lives in the organization.
    pub scope: Scope,
    /// Whether the caller is its owner or requester; `None` where nobody can say, which gives nothing and hides a lot.
    pub creator_is_caller: Option<bool>,
    /// Whether its team (own, or of its service) has the caller as member; `None` for an object without a team.
    pub team_is_callers: Option<bool>,
}

impl Object {
    /// An object of which only the scope matters, or of which only the scope is known.
    pub const fn of(scope: Scope) -> Self {
        Self { scope, creator_is_caller: None, team_is_callers: None }
    }

    /// An object that the caller creates in this call: it is the caller's own.
    pub const fn new_in(scope: Scope) -> Self {
        Self { scope, creator_is_caller: Some(true), team_is_callers: None }
    }
}

/// The answer to one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision<'a> {
    /// `by` is the role that allows it; `None` where every active user holds the permission.
    Allow { by: Option<&'a str> },
    /// `by` is the role that denies it, for a DENY binding. `nearly` are the ALLOW bindings of the permission that did
    /// not match, and why.
    Deny { reason: DenyReason, by: Option<&'a str>, nearly: Vec<NearMiss<'a>> },
}

impl Decision<'_> {
    /// Whether the act may go on.
    pub const fn is_allow(&self) -> bool {
        matches!(self, Self::Allow { .. })
    }
}

/// The rows of rule 1 that end in a denial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DenyReason {
    /// The principal or its organization is not active.
    PrincipalInactive,
    /// The API token does not carry the permission or is not for the unit.
    TokenScope,
    /// A DENY binding matches.
    DenyBinding,
    /// No ALLOW binding matches.
    NoGrant,
}

impl DenyReason {
    /// The name in audit and metadata, for instance `NO_GRANT`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PrincipalInactive => "PRINCIPAL_INACTIVE",
            Self::TokenScope => "TOKEN_SCOPE",
            Self::DenyBinding => "DENY_BINDING",
            Self::NoGrant => "NO_GRANT",
        }
    }
}

/// An ALLOW binding that names the permission and does not match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearMiss<'a> {
    pub role: &'a str,
    /// Where the role is bound.
    pub scope: Scope,
    pub obstacle: Obstacle,
}

/// Why a binding did not match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Obstacle {
    /// It is bound to another business unit.
    OtherScope,
    /// Its time is over.
    Expired,
    /// Its condition could not be evaluated.
    Condition,
    /// Its role covers only objects of the caller's teams, or without a team and created by the caller.
    OwnTeam,
    /// Its role covers only objects that the caller created.
    Own,
}

/// What `judge` finds. No allocation: this is the path of every call.
enum Verdict<'a> {
    Allowed(Option<&'a Rule>),
    Denied(DenyReason, Option<&'a Rule>),
}

/// Decides whether the principal may do this to the object (rule 1). `now` judges expiry.
pub fn decide(grants: &Grants, now: DateTime<Utc>, permission: Permission, object: Object) -> Decision<'_> {
    match judge(grants, now, permission, object) {
        Verdict::Allowed(rule) => Decision::Allow { by: rule.map(|rule| rule.role.as_str()) },
        Verdict::Denied(reason, rule) => Decision::Deny {
            reason,
            by: rule.map(|rule| rule.role.as_str()),
            nearly: if reason == DenyReason::NoGrant {
                near_misses(grants, now, permission, object)
            } else {
                Vec::new()
            },
        },
    }
}

/// Whether any object of the scope could be allowed: the question that comes before the object is looked up (rule 16).
pub fn could_match(grants: &Grants, now: DateTime<Utc>, pattern: &PermissionPattern, scope: Scope) -> bool {
    pattern
        .permissions()
        .iter()
        .any(|permission| possible_objects(scope).iter().any(|object| allowed(grants, now, *permission, *object)))
}

/// One permission that is held in a scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held<'a> {
    pub permission: Permission,
    /// Held only for objects of the caller's teams or that the caller created.
    pub own_team_only: bool,
    /// The roles that give it, sorted. Empty where every active user holds it.
    pub roles: Vec<&'a str>,
}

/// What the principal holds in a scope, in the order of the slugs. For the organization that is everything bound there
/// and the user scope; for a unit the business-unit permissions that hold in it, wherever they are bound.
pub fn effective(grants: &Grants, now: DateTime<Utc>, scope: Scope) -> Vec<Held<'_>> {
    let asked = |permission: &Permission| {
        matches!(scope, Scope::Organization) || permission.scope() == PermissionScope::BusinessUnit
    };
    Permission::all().filter(asked).filter_map(|permission| held(grants, now, permission, scope)).collect()
}

fn held(grants: &Grants, now: DateTime<Utc>, permission: Permission, scope: Scope) -> Option<Held<'_>> {
    if !could_match(grants, now, &permission.into(), scope) {
        return None;
    }
    let foreign = Object { scope, creator_is_caller: Some(false), team_is_callers: Some(false) };
    let mut roles: Vec<&str> = grants
        .rules_for(scope)
        .flat_map(|(_, rules)| rules.allows.naming(permission))
        .filter(|rule| !rule.conditional && !rule.expired(now))
        .map(|rule| rule.role.as_str())
        .collect();
    roles.sort_unstable();
    roles.dedup();
    Some(Held { permission, own_team_only: !allowed(grants, now, permission, foreign), roles })
}

/// Whether the decision is to allow, without saying by what.
pub(super) fn allowed(grants: &Grants, now: DateTime<Utc>, permission: Permission, object: Object) -> bool {
    matches!(judge(grants, now, permission, object), Verdict::Allowed(_))
}

/// Every object that can be in a scope, as far as a decision can tell them apart; the most favourable first.
fn possible_objects(scope: Scope) -> [Object; 6] {
    let object = |creator, team_is_callers| Object { scope, creator_is_caller: Some(creator), team_is_callers };
    [
        object(true, Some(true)),
        object(true, None),
        object(true, Some(false)),
        object(false, Some(true)),
        object(false, None),
        object(false, Some(false)),
    ]
}

/// The truth table of rule 1, row by row.
fn judge(grants: &Grants, now: DateTime<Utc>, permission: Permission, object: Object) -> Verdict<'_> {
    if !grants.usable {
        return Verdict::Denied(DenyReason::PrincipalInactive, None);
    }
    if !token_contains(grants, permission, object.scope) {
        return Verdict::Denied(DenyReason::TokenScope, None);
    }
    if permission.scope() == PermissionScope::User {
        // Held by every user, by no service account, and out of reach of bindings (rules 7 and 10).
        let covered = !permission.info().own || object.creator_is_caller == Some(true);
        return if grants.is_user && covered {
            Verdict::Allowed(None)
        } else {
            Verdict::Denied(DenyReason::NoGrant, None)
        };
    }
    let lifted = grants.is_user && permission.has_own_counterpart();
    for (_, rules) in grants.rules_for(object.scope) {
        let denying = rules.denies.naming(permission).find(|rule| {
            // A condition that cannot be evaluated matches a DENY (rule 9), and so does a fact that nobody knows.
            !rule.expired(now) && covers(rule.restriction, permission, object, lifted) != Some(false)
        });
        if denying.is_some() {
            return Verdict::Denied(DenyReason::DenyBinding, denying);
        }
    }
    let allowing = grants.rules_for(object.scope).flat_map(|(_, rules)| rules.allows.naming(permission)).find(|rule| {
        !rule.conditional && !rule.expired(now) && covers(rule.restriction, permission, object, lifted) == Some(true)
    });
    match allowing {
        Some(rule) => Verdict::Allowed(Some(rule)),
        None => Verdict::Denied(DenyReason::NoGrant, None),
    }
}

/// Whether the credential reaches this far. Anything but a token does. A token for units reaches objects of those units,
/// and what its holder does to itself.
fn token_contains(grants: &Grants, permission: Permission, scope: Scope) -> bool {
    let Some(token) = &grants.token else { return true };
    let to_oneself = permission.scope() == PermissionScope::User && !permission.info().own;
    let unit_matches = match (&token.units, scope) {
        (None, _) => true,
        (Some(_), _) if to_oneself => true,
        (Some(units), Scope::Unit(unit)) => units.contains(&unit),
        (Some(_), Scope::Organization) => false,
    };
    unit_matches && token.permissions.contains(permission)
}

/// Whether a role's restriction covers the object (rule 8); `None` where that depends on a fact nobody knows. `lifted` is
/// true where the caller's own objects escape OWN_TEAM (rule 7).
fn covers(restriction: Restriction, permission: Permission, object: Object, lifted: bool) -> Option<bool> {
    match restriction {
        Restriction::None => Some(true),
        Restriction::OwnTeam if permission.is_list_or_read() => Some(true),
        Restriction::OwnTeam => match object.team_is_callers {
            Some(true) => Some(true),
            Some(false) if !lifted => Some(false),
            Some(false) | None => object.creator_is_caller,
        },
        Restriction::Own => object.creator_is_caller,
    }
}

/// The ALLOW bindings that name the permission, with what kept each from matching.
fn near_misses(grants: &Grants, now: DateTime<Utc>, permission: Permission, object: Object) -> Vec<NearMiss<'_>> {
    let mut misses = Vec::new();
    for (scope, rules) in grants.all_rules() {
        for rule in rules.allows.naming(permission) {
            let obstacle = if scope != Scope::Organization && scope != object.scope {
                Obstacle::OtherScope
            } else if rule.expired(now) {
                Obstacle::Expired
            } else if rule.conditional {
                Obstacle::Condition
            } else if rule.restriction == Restriction::Own {
                Obstacle::Own
            } else {
                Obstacle::OwnTeam
            };
            misses.push(NearMiss { role: &rule.role, scope, obstacle });
        }
    }
    misses
}
