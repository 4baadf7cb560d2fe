//! The content of a role between the contract and the rules.

use flagstone_api::pb;
use flagstone_core::access::{Restriction, RoleScope};
use flagstone_core::error::Violations;
use flagstone_core::role::RoleContent;
use flagstone_db::role::{self, RoleRow};
use prost_types::FieldMask;

use crate::convert::enum_name;
use crate::error::{Error, Result};
use crate::mask;

/// A field that an update can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Path {
    DisplayName,
    Description,
    Permissions,
    Restriction,
}

impl Path {
    const ALL: [(&'static str, Self); 4] = [
        ("display_name", Self::DisplayName),
        ("description", Self::Description),
        ("permissions", Self::Permissions),
        ("restriction", Self::Restriction),
    ];

    fn is_set(self, sent: &pb::Role) -> bool {
        match self {
            Self::DisplayName => !sent.display_name.is_empty(),
            Self::Description => !sent.description.is_empty(),
            Self::Permissions => !sent.permissions.is_empty(),
            Self::Restriction => sent.restriction != 0,
        }
    }
}

/// The fields that a call changes: those of its mask, or without one those that are set.
pub(super) fn mask(sent: &pb::Role, mask: Option<&FieldMask>, wrong: &mut Violations) -> Vec<Path> {
    mask::paths(mask, &Path::ALL, |path| path.is_set(sent), wrong)
}

/// A role to make.
pub(super) fn read(sent: &pb::Role, wrong: &mut Violations) -> RoleContent {
    RoleContent {
        display_name: sent.display_name.clone(),
        description: sent.description.clone(),
        scope: read_scope(sent.scope, wrong),
        permissions: sent.permissions.clone(),
        restriction: read_restriction(sent.restriction, wrong),
    }
}

fn read_scope(number: i32, wrong: &mut Violations) -> RoleScope {
    match pb::RoleScope::try_from(number) {
        Ok(pb::RoleScope::Platform) => RoleScope::Platform,
        Ok(pb::RoleScope::BusinessUnit) => RoleScope::BusinessUnit,
        _ => {
            wrong.add("role.scope", "Give PLATFORM or BUSINESS_UNIT.");
            RoleScope::Platform
        }
    }
}

fn read_restriction(number: i32, wrong: &mut Violations) -> Restriction {
    match pb::RoleRestriction::try_from(number) {
        Ok(pb::RoleRestriction::Unspecified) => Restriction::None,
        Ok(known) => enum_name(known.as_str_name(), "ROLE_RESTRICTION_").parse().unwrap_or(Restriction::None),
        Err(_) => {
            wrong.add("role.restriction", "Give NONE, OWN_TEAM or OWN.");
            Restriction::None
        }
    }
}

/// Puts the masked fields into the role. What cannot be read is noted.
pub(super) fn merge(role: &mut RoleContent, sent: &pb::Role, mask: &[Path], wrong: &mut Violations) {
    for path in mask {
        match path {
            Path::DisplayName => sent.display_name.clone_into(&mut role.display_name),
            Path::Description => sent.description.clone_into(&mut role.description),
            Path::Permissions => role.permissions.clone_from(&sent.permissions),
            Path::Restriction => role.restriction = read_restriction(sent.restriction, wrong),
        }
    }
}

/// A stored role.
pub(super) fn stored(row: &RoleRow) -> Result<RoleContent> {
    Ok(RoleContent {
        display_name: row.display_name.clone(),
        description: row.description.clone(),
        scope: row.scope.parse().map_err(Error::internal)?,
        permissions: row.permissions.clone(),
        restriction: row.restriction.parse().map_err(Error::internal)?,
    })
}

/// A role to store.
pub(super) fn to_row(role: &RoleContent) -> role::RoleContent<'_> {
    role::RoleContent {
        display_name: &role.display_name,
        description: &role.description,
        permissions: &role.permissions,
        restriction: role.restriction.as_str(),
    }
}
