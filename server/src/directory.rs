//! The business units and teams of an organization, kept in memory so that a name costs no look-up. One snapshot belongs to one
//! epoch of the organization's grants; whatever changes a unit, a role or a binding raises the epoch.

use std::collections::HashMap;

use flagstone_core::names::BusinessUnitName;
use uuid::Uuid;

/// The units of one organization at one epoch.
#[derive(Debug)]
pub struct Directory {
    pub organization_id: Uuid,
    pub epoch: i64,
    by_slug: HashMap<String, usize>,
    by_id: HashMap<Uuid, usize>,
    /// Those that there are, then those that were deleted.
    units: Vec<Unit>,
    /// How many there are.
    living: usize,
    /// Names of teams.
    teams: HashMap<Uuid, String>,
}

/// One business unit.
#[derive(Clone, Debug)]
pub struct Unit {
    pub id: Uuid,
    pub name: BusinessUnitName,
    /// As people wrote it; the platform's tag carries it.
    pub code: String,
    pub owner_id: Option<Uuid>,
    pub active: bool,
    /// It was deleted. What happened in it is named by it still; nothing is done in it any more.
    pub deleted: bool,
}

impl Directory {
    /// A snapshot of `units` and of the names of teams.
    pub fn new(organization_id: Uuid, epoch: i64, mut units: Vec<Unit>, teams: HashMap<Uuid, String>) -> Self {
        // Stable: oldest first stays oldest first.
        units.sort_by_key(|unit| unit.deleted);
        let living = units.iter().filter(|unit| !unit.deleted).count();
        let by_slug = units.iter().enumerate().map(|(index, unit)| (unit.name.id().to_string(), index)).collect();
        let by_id = units.iter().enumerate().map(|(index, unit)| (unit.id, index)).collect();
        Self { organization_id, epoch, by_slug, by_id, units, living, teams }
    }

    /// The unit of a name; `None` where there is none, or none any more.
    pub fn unit(&self, name: &BusinessUnitName) -> Option<&Unit> {
        self.past_unit(name).filter(|unit| !unit.deleted)
    }

    /// The unit of a name, a deleted one too: for reading what happened in it. An id is never given twice.
    pub fn past_unit(&self, name: &BusinessUnitName) -> Option<&Unit> {
        self.by_slug.get(name.id().as_str()).map(|index| &self.units[*index])
    }

    /// The unit of a row id, a deleted one too: rows refer to it.
    pub fn unit_by_id(&self, id: Uuid) -> Option<&Unit> {
        self.by_id.get(&id).map(|index| &self.units[*index])
    }

    /// Every unit that there is, oldest first.
    pub fn units(&self) -> &[Unit] {
        &self.units[..self.living]
    }

    /// Every unit that there is or was.
    pub fn past_units(&self) -> &[Unit] {
        &self.units
    }

    /// Row ids of the units that were deleted.
    pub fn deleted(&self) -> impl Iterator<Item = Uuid> {
        self.units[self.living..].iter().map(|unit| unit.id)
    }

    /// The name of a team, `teams/{team}`.
    pub fn team(&self, id: Uuid) -> Option<&str> {
        self.teams.get(&id).map(String::as_str)
    }
}
