//! What a caller sees of the audit.

use flagstone_core::access::{Object, Permission, Reach, Scope, decide, visible};
use flagstone_db::audit::AuditEventRow;
use flagstone_db::list::Branch;
use flagstone_db::list::scope::Units;
use uuid::Uuid;

use crate::cx::Admitted;
use crate::error::{Error, Result};

/// What a caller sees of the audit.
#[derive(Clone, Debug)]
pub(super) struct Visible {
    /// Where every event is shown.
    pub(super) whole: Reach,
    /// Where only those of the caller's teams are.
    pub(super) team_units: Vec<Uuid>,
    /// The caller's teams.
    pub(super) teams: Vec<Uuid>,
}

impl Visible {
    /// Events of no unit, such as logins, are for those who may read the audit of the organization; to read the audits of
    /// all its units is not enough. A role that is restricted to own teams shows the events of these teams.
    pub(super) fn of(read: &Admitted) -> Result<Self> {
        let patterns = ["platform:audit:read", "business_unit:audit:read"].map(Permission::parse);
        let [Ok(everything), Ok(of_unit)] = patterns else { return Err(Error::internal("the audit's permissions")) };
        let grants = &read.user.grants;
        let organization = decide(grants, read.moment(), everything, Object::of(Scope::Organization)).is_allow();
        let beyond = grants.beyond_teams();
        let patterns = [everything.into(), of_unit.into()];
        let mut whole = visible(&beyond, read.moment(), &patterns).unowned;
        let units = || read.user.directory.past_units().iter().map(|unit| unit.id);
        if let (false, Reach::AllExcept(hidden)) = (organization, &whole) {
            whole = Reach::Only(units().filter(|unit| !hidden.contains(unit)).collect());
        }
        let with_teams = |unit: &Uuid| {
            let scope = Scope::Unit(*unit);
            read.visible.unowned.contains(scope) && !whole.contains(scope)
        };
        let teams = grants.teams().to_vec();
        let team_units = if teams.is_empty() { Vec::new() } else { units().filter(with_teams).collect() };
        Ok(Self { whole, team_units, teams })
    }

    /// As branches of a list.
    pub(super) fn branches(&self) -> Vec<Branch> {
        let whole = flagstone_core::access::Visible {
            others: self.whole.clone(),
            own: self.whole.clone(),
            unowned: self.whole.clone(),
        };
        let mut branches = Branch::of_unowned(&whole, None);
        if !self.team_units.is_empty() {
            branches.push(Branch { units: Units::In(self.team_units.clone()), own: Some(true) });
        }
        branches
    }

    /// Whether an event is shown.
    pub(super) fn shows(&self, event: &AuditEventRow) -> bool {
        let scope = event.business_unit_id.map_or(Scope::Organization, Scope::Unit);
        let of_own_team = || {
            event.business_unit_id.is_some_and(|unit| self.team_units.contains(&unit))
                && event.team_id.is_some_and(|team| self.teams.contains(&team))
        };
        self.whole.contains(scope) || of_own_team()
    }
}
