//! What a list may show, in the form a query needs: sets of units instead of one object at a time (rule 15).

use uuid::Uuid;

use super::condition::Moment;
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
    /// Where objects are visible of which nobody can say who created them.
    pub unowned: Reach,
}

impl Visible {
    /// What a list shows that its door opens to everybody.
    pub const EVERYTHING: Self = Self {
        others: Reach::AllExcept(Vec::new()),
        own: Reach::AllExcept(Vec::new()),
        unowned: Reach::AllExcept(Vec::new()),
    };

    /// Whether an object of this scope is shown.
    pub fn shows(&self, scope: Scope, creator_is_caller: Option<bool>) -> bool {
        match creator_is_caller {
            Some(true) => self.own.contains(scope),
            Some(false) => self.others.contains(scope),
            None => self.unowned.contains(scope),
        }
    }

    /// True where the list is empty whatever exists. A call for it is denied rather than answered.
    pub fn is_nothing(&self) -> bool {
        self.others.is_empty() && self.own.is_empty() && self.unowned.is_empty()
    }
}

/// What a list may show under permissions of which any one is enough. Meant for `list` and `read`, which no team
/// restricts and whose conditions see of an object only what is known here: of other permissions it counts only what holds whatever the team and the tier of the object, so that it never
/// shows what [`decide`](super::decide) would refuse.
pub fn visible<'m>(grants: &Grants, at: impl Into<Moment<'m>>, patterns: &[PermissionPattern]) -> Visible {
    let at = at.into();
    let units = grants.named_units();
    // A list knows nothing of teams: what it shows must be allowed whatever the team is.
    let allowed_for = |permission, scope, creator| {
        [None, Some(false), Some(true)].into_iter().all(|team_is_callers| {
            let object = Object { scope, creator_is_caller: creator, team_is_callers, details: None };
            allowed(grants, &at, permission, &object)
        })
    };
    let shows = |scope: Scope, creator: Option<bool>| {
        patterns
            .iter()
            .any(|pattern| pattern.permissions().iter().all(|permission| allowed_for(*permission, scope, creator)))
    };
    // A unit that nothing names is judged by what is bound at the organization alone, as is an object without a unit.
    let reach = |creator: Option<bool>| {
        let by_default = shows(Scope::Organization, creator);
        let differing = units.iter().copied().filter(|unit| shows(Scope::Unit(*unit), creator) != by_default).collect();
        if by_default { Reach::AllExcept(differing) } else { Reach::Only(differing) }
    };
    Visible { others: reach(Some(false)), own: reach(Some(true)), unowned: reach(None) }
}
