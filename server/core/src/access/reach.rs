//! What a list may show, in the form a query needs: sets of units instead of one object at a time (rule 15).

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::evaluate::{Object, allowed};
use super::grants::{Grants, Scope};
use super::permission::PermissionPattern;

/// A set of business units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Every unit but these, and objects without a unit.
    AllExcept(Vec<Uuid>),
    /// These units. Objects without a unit are not among them.
    Only(Vec<Uuid>),
}

impl Reach {
    /// Whether objects of this scope are in the set.
    pub fn contains(&self, scope: Scope) -> bool {
        match (self, scope) {
            (Self::AllExcept(_), Scope::Organization) => true,
            (Self::AllExcept(units), Scope::Unit(unit)) => !units.contains(&unit),
            (Self::Only(_), Scope::Organization) => false,
            (Self::Only(units), Scope::Unit(unit)) => units.contains(&unit),
        }
    }

    /// True where nothing can be in the set.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Only(units) if units.is_empty())
    }
}

/// What a list may show. As a predicate: an object that the caller created is shown where `own` contains its unit,
/// any other where `others` does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visible {
    /// Where objects that the caller did not create are visible.
    pub others: Reach,
    /// Where objects that the caller created are visible.
    pub own: Reach,
}

impl Visible {
    /// Whether an object of this scope is shown.
    pub fn shows(&self, scope: Scope, creator_is_caller: bool) -> bool {
        if creator_is_caller { self.own.contains(scope) } else { self.others.contains(scope) }
    }

    /// True where the list is empty whatever exists. A call for it is denied rather than answered.
    pub fn is_nothing(&self) -> bool {
        self.others.is_empty() && self.own.is_empty()
    }
}

/// What a list may show under permissions of which any one is enough. Meant for `list` and `read`, which no team
/// restricts: of other permissions it counts only what holds whatever the team and the tier of the object, so that it never
/// shows what [`decide`](super::decide) would refuse.
pub fn visible(grants: &Grants, now: DateTime<Utc>, patterns: &[PermissionPattern]) -> Visible {
    let units = grants.named_units();
    // A list knows nothing of teams: what it shows must be allowed whatever the team is.
    let allowed_for = |permission, scope, creator| {
        [None, Some(false), Some(true)].into_iter().all(|team_is_callers| {
            allowed(grants, now, permission, Object { scope, creator_is_caller: Some(creator), team_is_callers })
        })
    };
    let shows = |scope: Scope, creator: bool| {
        patterns
            .iter()
            .any(|pattern| pattern.permissions().iter().all(|permission| allowed_for(*permission, scope, creator)))
    };
    // A unit that nothing names is judged by what is bound at the organization alone, as is an object without a unit.
    let reach = |creator: bool| {
        let by_default = shows(Scope::Organization, creator);
        let differing = units.iter().copied().filter(|unit| shows(Scope::Unit(*unit), creator) != by_default).collect();
        if by_default { Reach::AllExcept(differing) } else { Reach::Only(differing) }
    };
    Visible { others: reach(false), own: reach(true) }
}
