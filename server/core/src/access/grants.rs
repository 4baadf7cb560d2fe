//! The grants of one principal, compiled once and asked often: permissions as bits, rules grouped by scope, so that a
//! decision is a few loads and no allocation.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::condition::{Condition, Moment};
use super::evaluate::Object;
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
    /// A CEL expression; the binding is as if it did not exist where it does not hold.
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

/// Who a principal is, as conditions and restrictions of roles see it.
#[derive(Clone, Debug, Default)]
pub struct Who {
    seen: Value,
    /// Sorted.
    teams: Vec<Uuid>,
}

impl Who {
    /// `name` is a resource name, those of groups and teams are, too; `email` is a user's.
    pub fn new(name: &str, is_user: bool, email: Option<&str>, groups: &[String], teams: &[(Uuid, String)]) -> Self {
        let names: Vec<&str> = teams.iter().map(|(_, name)| name.as_str()).collect();
        let kind = if is_user { "USER" } else { "SERVICE_ACCOUNT" };
        let mut seen = json!({"name": name, "kind": kind, "groups": groups, "teams": names});
        if let (Some(email), Some(members)) = (email, seen.as_object_mut()) {
            members.insert("email".to_owned(), email.into());
        }
        let mut teams: Vec<Uuid> = teams.iter().map(|(id, _)| *id).collect();
        teams.sort_unstable();
        Self { seen, teams }
    }

    /// Whether the principal is a member of a team.
    pub fn is_in_team(&self, team: Uuid) -> bool {
        self.teams.binary_search(&team).is_ok()
    }

    pub(super) const fn seen(&self) -> &Value {
        &self.seen
    }

    /// Everything that a condition or a restriction sees, whatever the order in which groups and teams were read.
    pub(super) fn told(&self) -> String {
        let listed = |name: &str| {
            let mut names: Vec<&str> =
                self.seen[name].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            names.sort_unstable();
            names.join(",")
        };
        format!(
            "{} {} {} {} {:?}",
            self.seen["name"],
            self.seen["email"],
            listed("groups"),
            listed("teams"),
            self.teams
        )
    }
}

/// What is true of the principal apart from its bindings.
#[derive(Clone, Debug)]
pub struct PrincipalFacts {
    pub who: Who,
    pub active: bool,
    pub organization_active: bool,
    /// True for a user, false for a service account: only users hold the user scope (rule 10).
    pub is_user: bool,
    /// Set where the credential is an API token.
    pub token: Option<TokenScope>,
    /// A switch of the organization: false takes the provisioning of environments from developers.
    pub self_service_environments: bool,
}

/// The roles that the switch `self_service_environments` is about.
const SELF_SERVICE: [&str; 2] = ["developer", "senior-engineer"];

impl PrincipalFacts {
    /// Whether the organization's switches take a permission out of a role.
    pub(super) fn switched_off(&self, role: &str, permission: Permission) -> bool {
        let info = permission.info();
        !self.self_service_environments
            && SELF_SERVICE.contains(&role)
            && info.scope == PermissionScope::BusinessUnit
            && (info.resource, info.action) == ("environments", "provision")
    }
}

/// The compiled grants of one principal in its organization.
#[derive(Clone, Debug)]
pub struct Grants {
    pub(super) usable: bool,
    pub(super) is_user: bool,
    pub(super) token: Option<TokenScope>,
    who: Who,
    of_teams: bool,
    of_details: bool,
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
    pub(super) condition: Option<Condition>,
    pub(super) expire_time: Option<DateTime<Utc>>,
}

impl Grants {
    /// Compiles the bindings of a principal.
    pub fn compile(facts: PrincipalFacts, bindings: Vec<Binding>) -> Self {
        let mut organization = Rules::default();
        let mut units: BTreeMap<Uuid, Rules> = BTreeMap::new();
        let (mut of_teams, mut of_details) = (false, false);
        for binding in bindings {
            let rules = match binding.scope {
                Scope::Organization => &mut organization,
                Scope::Unit(unit) => units.entry(unit).or_default(),
            };
            let list = match binding.effect {
                Effect::Allow => &mut rules.allows,
                Effect::Deny => &mut rules.denies,
            };
            let rule = Rule::of(&facts, binding);
            of_details |= rule.condition.as_ref().is_some_and(|condition| condition.of_object);
            of_teams |= of_details || rule.restriction == Restriction::OwnTeam;
            list.add(rule);
        }
        Self {
            usable: facts.active && facts.organization_active,
            is_user: facts.is_user,
            token: facts.token,
            who: facts.who,
            of_teams,
            of_details,
            organization,
            units: units.into_iter().collect(),
        }
    }

    /// Whether the principal is a member of a team.
    pub fn is_in_team(&self, team: Uuid) -> bool {
        self.who.is_in_team(team)
    }

    /// Row ids of the principal's teams.
    pub fn teams(&self) -> &[Uuid] {
        &self.who.teams
    }

    /// Whether any decision depends on the team of an object: a role is restricted to own teams, or a condition looks at
    /// the object. Where none does, the team need not be looked up.
    pub const fn look_at_teams(&self) -> bool {
        self.of_teams
    }

    /// Whether any condition looks at the object.
    pub const fn look_at_details(&self) -> bool {
        self.of_details
    }

    /// What narrows the credential; `None` where nothing does.
    pub const fn token(&self) -> Option<&TokenScope> {
        self.token.as_ref()
    }

    /// The grants without what roles give that are restricted to own teams. Such a role reads everything of its units, but
    /// of the audit only what concerns these teams.
    #[must_use]
    pub fn beyond_teams(&self) -> Self {
        let mut grants = self.clone();
        for rules in std::iter::once(&mut grants.organization).chain(grants.units.iter_mut().map(|(_, rules)| rules)) {
            rules.allows.rules.retain(|rule| rule.restriction != Restriction::OwnTeam);
        }
        grants
    }

    pub(super) const fn who(&self) -> &Who {
        &self.who
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
        if rule.permissions.is_empty() || self.rules.contains(&rule) {
            return;
        }
        // Those without a condition come first: they are cheaper to ask.
        let place = if rule.condition.is_none() {
            self.rules.partition_point(|rule| rule.condition.is_none())
        } else {
            self.rules.len()
        };
        self.rules.insert(place, rule);
    }

    /// All rules, expired ones included.
    pub(super) fn all(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }

    /// The rules that name the permission, expired ones included.
    pub(super) fn naming(&self, permission: Permission) -> impl Iterator<Item = &Rule> {
        let rules = if self.union.contains(permission) { self.rules.as_slice() } else { &[] };
        rules.iter().filter(move |rule| rule.permissions.contains(permission))
    }
}

impl Rule {
    /// Compiles one binding. What it cannot give is dropped here: a permission of the user scope (rule 10), a platform
    /// permission bound to a unit (rule 3), and what the organization has switched off.
    pub(super) fn of(facts: &PrincipalFacts, binding: Binding) -> Self {
        let at_organization = binding.scope == Scope::Organization;
        let permissions = binding
            .permissions
            .iter()
            .filter_map(|slug| Permission::parse(slug).ok())
            .filter(|permission| match permission.scope() {
                PermissionScope::Platform => at_organization,
                PermissionScope::BusinessUnit => true,
                PermissionScope::User => false,
            })
            .filter(|permission| !facts.switched_off(&binding.role, *permission))
            .collect();
        Self {
            permissions,
            role: binding.role,
            restriction: binding.restriction,
            condition: binding.condition.map(Condition::read),
            expire_time: binding.expire_time,
        }
    }

    /// What it gives or takes.
    pub(super) fn permissions(&self) -> impl Iterator<Item = Permission> + '_ {
        self.permissions.iter()
    }

    pub(super) fn names(&self, permission: Permission) -> bool {
        self.permissions.contains(permission)
    }

    /// Whether its condition holds; `None` where it gives no verdict.
    pub(super) fn condition_holds(
        &self,
        who: &Who,
        at: &Moment<'_>,
        permission: Permission,
        object: &Object<'_>,
    ) -> Option<bool> {
        match &self.condition {
            None => Some(true),
            Some(condition) => condition.holds(who, at, permission, object),
        }
    }

    /// Whether its time is over. A binding ends at its expire time, not after it.
    pub(super) fn expired(&self, now: DateTime<Utc>) -> bool {
        self.expire_time.is_some_and(|end| end <= now)
    }
}
