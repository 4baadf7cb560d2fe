//! Random grants and questions, and Flagstone's answers.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use flagstone_core::access::{
    Binding, Decision, DenyReason, Effect, Grants, Object, Permission, PrincipalFacts, Restriction, Scope, TokenScope,
    Who, decide,
};
use uuid::Uuid;

use crate::dice::Dice;

/// When every question is asked, in seconds of the Unix epoch.
pub const NOW: i64 = 1_800_000_000;

/// Units that objects live in. Bindings and tokens name all but the last, so that there is one that nothing names.
const UNITS: [u8; 4] = [1, 2, 3, 9];

/// Groups that there are.
const GROUPS: usize = 3;

/// Who asks, what was given to whom, and what the credential is.
#[derive(Clone, Debug)]
pub struct Case {
    /// A user, otherwise a service account.
    pub is_user: bool,
    /// Whether the principal is active.
    pub active: bool,
    /// Whether its organization is.
    pub organization_active: bool,
    /// The groups that the principal is in.
    pub groups: BTreeSet<usize>,
    /// What narrows the credential.
    pub token: Option<Token>,
    /// The roles of the organization.
    pub roles: Vec<Role>,
    /// Who has which of them.
    pub bindings: Vec<Given>,
}

/// What an API token is for.
#[derive(Clone, Debug)]
pub struct Token {
    /// The permissions it carries.
    pub permissions: Vec<Permission>,
    /// The units it is for; `None` for no limit.
    pub units: Option<Vec<u8>>,
}

/// A role of the organization.
#[derive(Clone, Debug)]
pub struct Role {
    /// What it holds.
    pub permissions: Vec<Permission>,
    /// What narrows it.
    pub restriction: Restriction,
}

/// Who has a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// The principal that asks.
    Principal,
    /// Somebody else.
    Stranger,
    /// The members of a group.
    Group(usize),
}

/// One binding.
#[derive(Clone, Copy, Debug)]
pub struct Given {
    /// To whom.
    pub holder: Holder,
    /// Which of the case's roles.
    pub role: usize,
    /// In which unit; `None` for the organization.
    pub unit: Option<u8>,
    /// Whether it gives or takes.
    pub effect: Effect,
    /// Until when, in seconds of the Unix epoch.
    pub expires: Option<i64>,
}

/// May the principal do this to that?
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// This.
    pub permission: Permission,
    /// The unit of the object; `None` where it has none.
    pub unit: Option<u8>,
    /// Whether the principal created the object; `None` where nobody can say.
    pub created: Option<bool>,
    /// Whether the object's team has the principal as member; `None` where the object has no team.
    pub teams: Option<bool>,
}

/// An answer: `None` for yes, otherwise the row of rule 1 that says no.
pub type Verdict = Option<DenyReason>;

impl Case {
    /// A random case. Most are of active people whose bindings have something to do with what is asked: elsewhere the first
    /// rows of rule 1 decide alone.
    pub fn random(dice: &mut Dice) -> Self {
        let all: Vec<Permission> = Permission::all().collect();
        let roles: Vec<Role> = (0..3).map(|_| Role::random(dice, &all)).collect();
        let bindings = (0..dice.below(6)).map(|_| Given::random(dice, roles.len())).collect();
        let token = dice.percent(20).then(|| Token {
            permissions: some(dice, &all, 75),
            units: dice.percent(50).then(|| some(dice, &UNITS[..3], 60)),
        });
        Self {
            is_user: dice.percent(75),
            active: !dice.percent(4),
            organization_active: !dice.percent(4),
            groups: (0..GROUPS).filter(|_| dice.percent(50)).collect(),
            token,
            roles,
            bindings,
        }
    }

    /// A random question, mostly about what a bound role holds, where it is bound. What `own` lifts is asked for more often
    /// than its few permissions would be by chance.
    pub fn question(&self, dice: &mut Dice) -> Question {
        let all: Vec<Permission> = Permission::all().collect();
        let lifted: Vec<Permission> =
            all.iter().copied().filter(|permission| permission.has_own_counterpart()).collect();
        let bound = (!self.bindings.is_empty()).then(|| dice.pick(&self.bindings));
        let held = bound.map(|given| self.roles[given.role].permissions.as_slice()).filter(|held| !held.is_empty());
        let place = bound.and_then(|given| given.unit);
        Question {
            permission: match (dice.below(10), held) {
                (0 | 1, _) => dice.pick(&lifted),
                (3.., Some(held)) => dice.pick(held),
                _ => dice.pick(&all),
            },
            unit: match (dice.below(10), place) {
                (0 | 1, _) => None,
                (6.., Some(unit)) => Some(unit),
                _ => Some(dice.pick(&UNITS)),
            },
            created: dice.pick(&[None, Some(false), Some(true)]),
            teams: dice.pick(&[None, Some(false), Some(true)]),
        }
    }

    /// What Flagstone compiles of it: the bindings of the principal and of its groups, side by side (rule 2).
    pub fn grants(&self) -> Grants {
        let applies = |given: &&Given| match given.holder {
            Holder::Principal => true,
            Holder::Stranger => false,
            Holder::Group(group) => self.groups.contains(&group),
        };
        let bindings = self.bindings.iter().filter(applies).map(|given| {
            let role = &self.roles[given.role];
            Binding {
                role: format!("r{}", given.role),
                permissions: role.permissions.iter().map(|permission| permission.slug().to_owned()).collect(),
                restriction: role.restriction,
                scope: scope(given.unit),
                effect: given.effect,
                condition: None,
                expire_time: given.expires.and_then(|at| DateTime::from_timestamp(at, 0)),
            }
        });
        let token = self.token.as_ref().map(|token| TokenScope {
            permissions: token.permissions.iter().copied().collect(),
            units: token.units.as_ref().map(|units| units.iter().copied().map(id).collect()),
        });
        let facts = PrincipalFacts {
            who: Who::default(),
            active: self.active,
            organization_active: self.organization_active,
            is_user: self.is_user,
            token,
            self_service_environments: true,
        };
        Grants::compile(facts, bindings.collect())
    }
}

impl Question {
    /// What Flagstone answers.
    pub fn ask(&self, grants: &Grants) -> Verdict {
        let now: DateTime<Utc> = DateTime::from_timestamp(NOW, 0).unwrap_or_default();
        let object = Object {
            scope: scope(self.unit),
            creator_is_caller: self.created,
            team_is_callers: self.teams,
            details: None,
        };
        match decide(grants, now, self.permission, object) {
            Decision::Allow { .. } => None,
            Decision::Deny { reason, .. } => Some(reason),
        }
    }
}

impl Role {
    fn random(dice: &mut Dice, all: &[Permission]) -> Self {
        Self { permissions: some(dice, all, 30), restriction: dice.pick(&Restriction::ALL) }
    }
}

impl Given {
    fn random(dice: &mut Dice, roles: usize) -> Self {
        Self {
            holder: match dice.below(10) {
                0..=4 => Holder::Principal,
                5..=8 => Holder::Group(dice.below(GROUPS)),
                _ => Holder::Stranger,
            },
            role: dice.below(roles),
            unit: (!dice.percent(40)).then(|| dice.pick(&UNITS[..3])),
            effect: if dice.percent(30) { Effect::Deny } else { Effect::Allow },
            // The very second counts: a binding ends at its time and not after it.
            expires: dice.percent(30).then(|| NOW + dice.pick(&[-1, 0, 1])),
        }
    }
}

fn some<T: Copy>(dice: &mut Dice, all: &[T], share: usize) -> Vec<T> {
    all.iter().copied().filter(|_| dice.percent(share)).collect()
}

fn scope(unit: Option<u8>) -> Scope {
    unit.map_or(Scope::Organization, |unit| Scope::Unit(id(unit)))
}

fn id(unit: u8) -> Uuid {
    Uuid::from_u128(u128::from(unit))
}
