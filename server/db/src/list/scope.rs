//! What a caller may see, cut into branches that one index serves in order.
//!
//! "What is in unit a or b, or is mine" as one condition makes the database walk the rows of everybody until it has
//! found enough. Cut into "in a", "in b" and "mine elsewhere", each part is a short stretch of an index.

use flagstone_core::access::{Reach, Visible};
use uuid::Uuid;

/// More units than this are asked for in one query, which then sorts what it finds.
const MAX_UNIT_BRANCHES: usize = 8;

/// One part of what a caller may see. The branches of a call have no row in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    pub units: Units,
    /// `Some(true)` for what the caller created, `Some(false)` for what others did, `None` for both. In the audit, whose
    /// events nobody owns, `Some(true)` stands for those of the caller's teams.
    pub own: Option<bool>,
}

/// Which business units a branch is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Units {
    /// Every one, and what is in none.
    Any,
    One(Uuid),
    In(Vec<Uuid>),
    /// Every one but these, and what is in none.
    NotIn(Vec<Uuid>),
    /// None: what is of the organization itself.
    Outside,
}

impl Branch {
    /// Everything: for lists whose door has settled who may see them.
    pub const ALL: Self = Self { units: Units::Any, own: None };

    /// What is of the organization itself, whose door has settled who may see it.
    pub const OUTSIDE: Self = Self { units: Units::Outside, own: None };

    /// The branches of a list over objects that somebody created: of one unit, or of all where `unit` is `None`.
    pub fn of(visible: &Visible, unit: Option<Uuid>) -> Vec<Self> {
        let within = unit.map_or(Reach::AllExcept(Vec::new()), |unit| Reach::Only(vec![unit]));
        let (own, others) = (intersect(&visible.own, &within), intersect(&visible.others, &within));
        let mut branches = Vec::new();
        add(&mut branches, intersect(&own, &others), None);
        add(&mut branches, intersect(&own, &complement(&others)), Some(true));
        add(&mut branches, intersect(&others, &complement(&own)), Some(false));
        branches
    }

    /// The branches of a list over objects of which the list does not know who created them.
    pub fn of_unowned(visible: &Visible, unit: Option<Uuid>) -> Vec<Self> {
        let unowned = || visible.unowned.clone();
        Self::of(&Visible { own: unowned(), others: unowned(), unowned: unowned() }, unit)
    }
}

fn add(branches: &mut Vec<Branch>, reach: Reach, own: Option<bool>) {
    match reach {
        Reach::AllExcept(units) if units.is_empty() => branches.push(Branch { units: Units::Any, own }),
        Reach::AllExcept(units) => branches.push(Branch { units: Units::NotIn(units), own }),
        Reach::Only(units) if units.len() > MAX_UNIT_BRANCHES => branches.push(Branch { units: Units::In(units), own }),
        Reach::Only(units) => branches.extend(units.into_iter().map(|unit| Branch { units: Units::One(unit), own })),
    }
}

fn complement(reach: &Reach) -> Reach {
    match reach {
        Reach::AllExcept(units) => Reach::Only(units.clone()),
        Reach::Only(units) => Reach::AllExcept(units.clone()),
    }
}

fn intersect(a: &Reach, b: &Reach) -> Reach {
    let only = |units: &[Uuid], keep: &dyn Fn(&Uuid) -> bool| Reach::Only(units.iter().copied().filter(keep).collect());
    match (a, b) {
        (Reach::AllExcept(a), Reach::AllExcept(b)) => {
            let added = b.iter().filter(|unit| !a.contains(unit));
            Reach::AllExcept(a.iter().chain(added).copied().collect())
        }
        (Reach::AllExcept(except), Reach::Only(units)) | (Reach::Only(units), Reach::AllExcept(except)) => {
            only(units, &|unit| !except.contains(unit))
        }
        (Reach::Only(a), Reach::Only(b)) => only(a, &|unit| b.contains(unit)),
    }
}

/// Narrows a query to a branch: by `$units`, an expression of the unit's id, and `$creator`, one of the creator's.
macro_rules! within {
    ($select:expr, $query:expr, $branch:expr, $units:expr, $creator:expr) => {{
        let select = crate::list::scope::in_units!($select, $branch, $units);
        match $branch.own {
            None => select,
            Some(true) => select.filter($creator.eq($query.caller_id)),
            Some(false) => select.filter($creator.ne($query.caller_id)),
        }
    }};
}
pub(super) use within;

/// Narrows a query to the units of a branch.
macro_rules! in_units {
    ($select:expr, $branch:expr, $units:expr) => {
        match &$branch.units {
            crate::list::scope::Units::Any => $select,
            crate::list::scope::Units::One(unit) => $select.filter($units.eq(*unit)),
            crate::list::scope::Units::In(units) => $select.filter($units.eq_any(units)),
            crate::list::scope::Units::NotIn(units) => $select.filter($units.ne_all(units)),
            crate::list::scope::Units::Outside => $select.filter($units.is_null()),
        }
    };
}
pub(super) use in_units;

/// Like [`in_units`], for a table that also has rows without a unit.
macro_rules! in_units_or_none {
    ($select:expr, $branch:expr, $units:expr) => {
        match &$branch.units {
            crate::list::scope::Units::NotIn(units) => $select.filter($units.is_null().or($units.ne_all(units))),
            _ => crate::list::scope::in_units!($select, $branch, $units),
        }
    };
}
pub(super) use in_units_or_none;

#[cfg(test)]
mod tests {
    use flagstone_core::access::Scope;
    use proptest::prelude::*;

    use super::*;

    impl Branch {
        fn shows(&self, scope: Scope, is_own: bool) -> bool {
            let unit = match scope {
                Scope::Organization => None,
                Scope::Unit(unit) => Some(unit),
            };
            let in_units = match (&self.units, unit) {
                (Units::Any, _) => true,
                (Units::One(one), unit) => unit == Some(*one),
                (Units::In(units), unit) => unit.is_some_and(|unit| units.contains(&unit)),
                (Units::NotIn(units), unit) => unit.is_none_or(|unit| !units.contains(&unit)),
                (Units::Outside, unit) => unit.is_none(),
            };
            in_units && self.own.is_none_or(|own| own == is_own)
        }
    }

    fn unit(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    fn reaches() -> impl Strategy<Value = Reach> {
        let units = prop::collection::btree_set((0..14_u128).prop_map(unit), 0..12)
            .prop_map(|units| units.into_iter().collect::<Vec<_>>());
        prop_oneof![units.clone().prop_map(Reach::AllExcept), units.prop_map(Reach::Only)]
    }

    proptest! {
        /// The branches show what the evaluator says, each object once.
        #[test]
        fn branches_cut_what_is_visible(own in reaches(), others in reaches(), parent in prop::option::of(0..14_u128)) {
            let (visible, parent) = (Visible { unowned: others.clone(), others, own }, parent.map(unit));
            let branches = Branch::of(&visible, parent);
            let scopes = (0..14).map(|number| Scope::Unit(unit(number))).chain([Scope::Organization]);
            for scope in scopes {
                for is_own in [true, false] {
                    let within = parent.is_none_or(|parent| scope == Scope::Unit(parent));
                    let expected = usize::from(within && visible.shows(scope, Some(is_own)));
                    let shown = branches.iter().filter(|branch| branch.shows(scope, is_own)).count();
                    prop_assert_eq!(shown, expected, "{:?} {} in {:?}", scope, is_own, branches);
                }
            }
        }
    }

    #[test]
    fn a_member_sees_the_unit_and_what_is_theirs_elsewhere() {
        let here = Reach::Only(vec![unit(1)]);
        let visible = Visible { others: here.clone(), own: Reach::AllExcept(Vec::new()), unowned: here };
        assert_eq!(
            Branch::of(&visible, None),
            [
                Branch { units: Units::One(unit(1)), own: None },
                Branch { units: Units::NotIn(vec![unit(1)]), own: Some(true) },
            ]
        );
        assert_eq!(Branch::of(&visible, Some(unit(1))), [Branch { units: Units::One(unit(1)), own: None }]);
        assert_eq!(Branch::of(&visible, Some(unit(2))), [Branch { units: Units::One(unit(2)), own: Some(true) }]);
        assert_eq!(Branch::of_unowned(&visible, Some(unit(2))), []);
    }
}
