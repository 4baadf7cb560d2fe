//! The grants of one principal, compiled once and asked often: permissions as bits, rules grouped by scope, so that a
//! decision is a few loads and no allocation.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::permission::{Permission, PermissionScope, PermissionSet};
use super::roles::Restriction;
use crate::words::words;

/// Where a role is bound, and where an object lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// The organization itself: bound there, it holds in every unit; an object there has no unit.
    Organization,
    /// One business unit, by its row id.
    Unit(Uuid),
}

words! {
    /// Whether a binding gives or takes away. A DENY wins over every ALLOW.
    pub enum Effect: "effect" {
        /// Gives.
        Allow = "ALLOW",
        /// Takes away.
        Deny = "DENY",
    }
}

/// One role given to the principal, directly, through a group or through its membership in a unit (rule 2).
#[derive(Clone, Debug)]
pub struct Binding {
    /// Id of the role, for instance `developer`. It is what explanations name.
    pub role: String,
    /// The slugs that the role holds, as stored. Those the registry does not know are ignored: nothing can ask for them.
    pub permissions: Vec<String>,
    pub restriction: Restriction,
    pub scope: Scope,
    pub effect: Effect,
    /// A CEL expression. Conditions cannot be evaluated yet; by rule 9 such a binding matches as a DENY and does not
    /// match as an ALLOW.
    pub condition: Option<String>,
    /// From this time on the binding is as if it did not exist.
    pub expire_time: Option<DateTime<Utc>>,
}

/// What narrows an API token: its rights are the intersection of this and of the holder's grants (rule 14).
#[derive(Clone, Debug, Default)]
pub struct TokenScope {
    /// The permissions it carries.
    pub permissions: PermissionSet,
    /// The business units it is for; `None` for no limit.
    pub units: Option<Vec<Uuid>>,
}

/// What is true of the principal apart from its bindings.
#[derive(Clone, Debug)]
pub struct PrincipalFacts {
    pub active: bool,
    pub organization_active: bool,
    /// True for a user, false for a service account: only users hold the user scope (rule 10).
    pub is_user: bool,
    /// Set where the credential is an API token.
    pub token: Option<TokenScope>,
}

/// The compiled grants of one principal in its organization.
#[derive(Clone, Debug)]
pub struct Grants {
    pub(super) usable: bool,
    pub(super) is_user: bool,
    pub(super) token: Option<TokenScope>,
    organization: Rules,
    /// Sorted by unit.
    units: Vec<(Uuid, Rules)>,
}

/// The rules of one scope, with the unions that let most questions end before the rules are looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    pub(super) allows: RuleList,
    pub(super) denies: RuleList,
}

#[derive(Clone, Debug, Default)]
pub(super) struct RuleList {
    union: PermissionSet,
    rules: Vec<Rule>,
}

/// One binding, compiled.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rule {
    permissions: PermissionSet,
    pub(super) role: String,
    pub(super) restriction: Restriction,
    pub(super) conditional: bool,
    expire_time: Option<DateTime<Utc>>,
}

impl Grants {
    /// Compiles the bindings of a principal. What a binding cannot give is dropped here: a permission of the user scope
    /// (rule 10), and a platform permission bound to a unit (rule 3).
    pub fn compile(facts: PrincipalFacts, bindings: Vec<Binding>) -> Self {
        let mut organization = Rules::default();
        let mut units: BTreeMap<Uuid, Rules> = BTreeMap::new();
        for binding in bindings {
            let at_organization = binding.scope == Scope::Organization;
            let permissions: PermissionSet = binding
                .permissions
                .iter()
                .filter_map(|slug| Permission::parse(slug).ok())
                .filter(|permission| match permission.scope() {
                    PermissionScope::Platform => at_organization,
                    PermissionScope::BusinessUnit => true,
                    PermissionScope::User => false,
                })
                .collect();
            let rules = match binding.scope {
                Scope::Organization => &mut organization,
                Scope::Unit(unit) => units.entry(unit).or_default(),
            };
            let list = match binding.effect {
                Effect::Allow => &mut rules.allows,
                Effect::Deny => &mut rules.denies,
            };
            list.add(Rule {
                permissions,
                role: binding.role,
                restriction: binding.restriction,
                conditional: binding.condition.is_some(),
                expire_time: binding.expire_time,
            });
        }
        Self {
            usable: facts.active && facts.organization_active,
            is_user: facts.is_user,
            token: facts.token,
            organization,
            units: units.into_iter().collect(),
        }
    }

    /// The units that a binding or the token names. All others are alike.
    pub(super) fn named_units(&self) -> Vec<Uuid> {
        let bound = self.units.iter().map(|(unit, _)| *unit);
        let of_token = self.token.iter().flat_map(|token| token.units.iter().flatten().copied());
        let mut units: Vec<Uuid> = bound.chain(of_token).collect();
        units.sort_unstable();
        units.dedup();
        units
    }

    /// The rules that apply to objects of a scope: those of the organization, then those of the unit.
    pub(super) fn rules_for(&self, scope: Scope) -> impl Iterator<Item = (Scope, &Rules)> {
        let of_unit = match scope {
            Scope::Organization => None,
            Scope::Unit(unit) => self
                .units
                .binary_search_by_key(&unit, |(unit, _)| *unit)
                .ok()
                .map(|index| (scope, &self.units[index].1)),
        };
        std::iter::once((Scope::Organization, &self.organization)).chain(of_unit)
    }

    /// The rules of every scope, for explaining.
    pub(super) fn all_rules(&self) -> impl Iterator<Item = (Scope, &Rules)> {
        let of_units = self.units.iter().map(|(unit, rules)| (Scope::Unit(*unit), rules));
        std::iter::once((Scope::Organization, &self.organization)).chain(of_units)
    }
}

impl RuleList {
    /// Adds a rule, unless an equal one is there: the same role through two groups is one rule.
    fn add(&mut self, rule: Rule) {
        self.union.extend_from(&rule.permissions);
        if !rule.permissions.is_empty() && !self.rules.contains(&rule) {
            self.rules.push(rule);
        }
    }

    /// The rules that name the permission, expired ones included.
    pub(super) fn naming(&self, permission: Permission) -> impl Iterator<Item = &Rule> {
        let rules = if self.union.contains(permission) { self.rules.as_slice() } else { &[] };
        rules.iter().filter(move |rule| rule.permissions.contains(permission))
    }
}

impl Rule {
    /// Whether its time is over. A binding ends at its expire time, not after it.
    pub(super) fn expired(&self, now: DateTime<Utc>) -> bool {
        self.expire_time.is_some_and(|end| end <= now)
    }
}
