//! The business units of an organization, kept in memory so that a name costs no look-up. One snapshot belongs to one
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
    units: Vec<Unit>,
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
}

impl Directory {
    /// A snapshot of `units`.
    pub fn new(organization_id: Uuid, epoch: i64, units: Vec<Unit>) -> Self {
        let by_slug = units.iter().enumerate().map(|(index, unit)| (unit.name.id().to_string(), index)).collect();
        let by_id = units.iter().enumerate().map(|(index, unit)| (unit.id, index)).collect();
        Self { organization_id, epoch, by_slug, by_id, units }
    }

    /// The unit of a name; `None` where there is none.
    pub fn unit(&self, name: &BusinessUnitName) -> Option<&Unit> {
        self.by_slug.get(name.id().as_str()).map(|index| &self.units[*index])
    }

    /// The unit of a row id.
    pub fn unit_by_id(&self, id: Uuid) -> Option<&Unit> {
        self.by_id.get(&id).map(|index| &self.units[*index])
    }

    /// Every unit, oldest first.
    pub fn units(&self) -> &[Unit] {
        &self.units
    }
}
