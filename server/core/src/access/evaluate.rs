//! The evaluator. `judge` is the truth table of rule 1; everything else asks it.

use chrono::{DateTime, Utc};

use super::condition::Moment;
use super::grants::{Grants, Rule, Scope};
use super::permission::{Permission, PermissionPattern, PermissionScope};
use super::roles::Restriction;
use crate::tier::Tier;

/// What a decision may depend on, of the object that is acted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object<'a> {
    /// Where it lives. An object without a business unit lives in the organization.
    pub scope: Scope,
    /// Whether the caller is its owner or requester; `None` where nobody can say, which gives nothing and hides a lot.
    pub creator_is_caller: Option<bool>,
    /// Whether its team (own, or of its service) has the caller as member; `None` for an object without a team.
    pub team_is_callers: Option<bool>,
    /// What only conditions ask for; `None` where nobody looked.
    pub details: Option<Details<'a>>,
}

/// What conditions of bindings may ask of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Details<'a> {
    /// Resource name.
    pub name: &'a str,
    pub tier: Option<Tier>,
    /// `businessUnits/{bu}`, where it is in one.
    pub business_unit: Option<&'a str>,
    /// `teams/{team}`, where it has one.
    pub team: Option<&'a str>,
}

impl Object<'_> {
    /// An object of which only the scope matters, or of which only the scope is known.
    pub const fn of(scope: Scope) -> Self {
        Self { scope, creator_is_caller: None, team_is_callers: None, details: None }
    }

    /// An object that the caller creates in this call: it is the caller's own.
    pub const fn new_in(scope: Scope) -> Self {
        Self { scope, creator_is_caller: Some(true), team_is_callers: None, details: None }
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
    /// Its condition does not hold, or gives no verdict.
    Condition,
    /// Its role covers only objects of the caller's teams, or without a team and created by the caller.
    OwnTeam,
    /// Its role covers only objects that the caller created.
    Own,
    /// A switch of the organization takes the permission out of its role.
    SwitchedOff,
}

/// What `judge` finds. No allocation: this is the path of every call.
enum Verdict<'a> {
    Allowed(Option<&'a Rule>),
    Denied(DenyReason, Option<&'a Rule>),
}

/// What to take for true of a condition that nobody can judge yet, since the object is not known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lean {
    /// A fact that nobody knows keeps an ALLOW from matching and makes a DENY match.
    Strict,
    /// A condition on the object may turn out well.
    Hopeful,
}

/// Decides whether the principal may do this to the object (rule 1).
pub fn decide<'g, 'm>(
    grants: &'g Grants,
    at: impl Into<Moment<'m>>,
    permission: Permission,
    object: Object<'_>,
) -> Decision<'g> {
    let at = at.into();
    match judge(grants, &at, permission, &object, Lean::Strict) {
        Verdict::Allowed(rule) => Decision::Allow { by: rule.map(|rule| rule.role.as_str()) },
        Verdict::Denied(reason, rule) => Decision::Deny {
            reason,
            by: rule.map(|rule| rule.role.as_str()),
            nearly: if reason == DenyReason::NoGrant {
                near_misses(grants, &at, permission, &object)
            } else {
                Vec::new()
            },
        },
    }
}

/// Whether any object of the scope could be allowed: the question that comes before the object is looked up (rule 16).
pub fn could_match<'m>(grants: &Grants, at: impl Into<Moment<'m>>, pattern: &PermissionPattern, scope: Scope) -> bool {
    let at = at.into();
    pattern.permissions().iter().any(|permission| {
        possible_objects(scope)
            .iter()
            .any(|object| matches!(judge(grants, &at, *permission, object, Lean::Hopeful), Verdict::Allowed(_)))
    })
}

/// One permission that is held in a scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held<'a> {
    pub permission: Permission,
    /// Held only for objects of the caller's teams or that the caller created.
    pub own_team_only: bool,
    /// Held only while a condition says so.
    pub conditional: bool,
    /// When it ends, where everything that gives it does.
    pub expire_time: Option<DateTime<Utc>>,
    /// The roles that give it, sorted. Empty where every active user holds it.
    pub roles: Vec<&'a str>,
}

/// What the principal holds in a scope, in the order of the slugs. For the organization that is everything bound there
/// and the user scope; for a unit the business-unit permissions that hold in it, wherever they are bound.
pub fn effective<'g, 'm>(grants: &'g Grants, at: impl Into<Moment<'m>>, scope: Scope) -> Vec<Held<'g>> {
    let at = at.into();
    let asked = |permission: &Permission| {
        matches!(scope, Scope::Organization) || permission.scope() == PermissionScope::BusinessUnit
    };
    Permission::all().filter(asked).filter_map(|permission| held(grants, &at, permission, scope)).collect()
}

fn held<'g>(grants: &'g Grants, at: &Moment<'_>, permission: Permission, scope: Scope) -> Option<Held<'g>> {
    if !could_match(grants, *at, &permission.into(), scope) {
        return None;
    }
    let foreign = Object { scope, creator_is_caller: Some(false), team_is_callers: Some(false), details: None };
    let rules = |denies: bool| {
        grants
            .rules_for(scope)
            .flat_map(move |(_, rules)| if denies { &rules.denies } else { &rules.allows }.naming(permission))
            .filter(|rule| !rule.expired(at.now))
    };
    let mut roles: Vec<&str> = rules(false).map(|rule| rule.role.as_str()).collect();
    roles.sort_unstable();
    roles.dedup();
    let given = !roles.is_empty();
    Some(Held {
        permission,
        own_team_only: !matches!(judge(grants, at, permission, &foreign, Lean::Hopeful), Verdict::Allowed(_)),
        conditional: given
            && (rules(false).all(|rule| rule.condition.is_some()) || rules(true).any(|rule| rule.condition.is_some())),
        expire_time: if rules(false).all(|rule| rule.expire_time.is_some()) {
            rules(false).filter_map(|rule| rule.expire_time).max()
        } else {
            None
        },
        roles,
    })
}

/// Whether the decision is to allow, without saying by what.
pub(super) fn allowed(grants: &Grants, at: &Moment<'_>, permission: Permission, object: &Object<'_>) -> bool {
    matches!(judge(grants, at, permission, object, Lean::Strict), Verdict::Allowed(_))
}

/// Every object that can be in a scope, as far as a decision without conditions can tell them apart; the most favourable
/// first.
fn possible_objects(scope: Scope) -> [Object<'static>; 6] {
    let object =
        |creator, team_is_callers| Object { scope, creator_is_caller: Some(creator), team_is_callers, details: None };
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
fn judge<'g>(
    grants: &'g Grants,
    at: &Moment<'_>,
    permission: Permission,
    object: &Object<'_>,
    lean: Lean,
) -> Verdict<'g> {
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
    // A condition that gives no verdict matches a DENY and not an ALLOW (rule 9).
    let condition = |rule: &Rule, unknown: bool| match &rule.condition {
        None => true,
        Some(condition) if lean == Lean::Hopeful && condition.of_object => !unknown,
        Some(condition) => condition.holds(grants.who(), at, permission, object).unwrap_or(unknown),
    };
    for (_, rules) in grants.rules_for(object.scope) {
        let denying = rules.denies.naming(permission).find(|rule| {
            // So does a fact that nobody knows.
            !rule.expired(at.now)
                && covers(rule.restriction, permission, object, lifted) != Some(false)
                && condition(rule, true)
        });
        if denying.is_some() {
            return Verdict::Denied(DenyReason::DenyBinding, denying);
        }
    }
    let allowing = grants.rules_for(object.scope).flat_map(|(_, rules)| rules.allows.naming(permission)).find(|rule| {
        !rule.expired(at.now)
            && covers(rule.restriction, permission, object, lifted) == Some(true)
            && condition(rule, false)
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
pub(super) fn covers(
    restriction: Restriction,
    permission: Permission,
    object: &Object<'_>,
    lifted: bool,
) -> Option<bool> {
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
fn near_misses<'g>(
    grants: &'g Grants,
    at: &Moment<'_>,
    permission: Permission,
    object: &Object<'_>,
) -> Vec<NearMiss<'g>> {
    let lifted = grants.is_user && permission.has_own_counterpart();
    grants
        .all_rules()
        .flat_map(|(scope, rules)| rules.allows.naming(permission).map(move |rule| (scope, rule)))
        .filter_map(|(scope, rule)| {
            let holds = rule.condition_holds(grants.who(), at, permission, object) == Some(true);
            let covered = covers(rule.restriction, permission, object, lifted) == Some(true);
            let obstacle = obstacle(scope, rule, at, object, holds, covered)?;
            Some(NearMiss { role: &rule.role, scope, obstacle })
        })
        .collect()
}

/// What keeps a rule of a scope from matching: the first of its obstacles.
pub(super) fn obstacle(
    scope: Scope,
    rule: &Rule,
    at: &Moment<'_>,
    object: &Object<'_>,
    holds: bool,
    covered: bool,
) -> Option<Obstacle> {
    if scope != Scope::Organization && scope != object.scope {
        return Some(Obstacle::OtherScope);
    }
    if rule.expired(at.now) {
        return Some(Obstacle::Expired);
    }
    if !covered {
        return Some(if rule.restriction == Restriction::Own { Obstacle::Own } else { Obstacle::OwnTeam });
    }
    (!holds).then_some(Obstacle::Condition)
}
