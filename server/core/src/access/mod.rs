//! Who may do what: the registry of permissions, the roles that ship, the grants of one principal and the one evaluator
//! over them.
//!
//! Enforcing a call, limiting a list, explaining a denial and telling people what they hold all ask [`decide`]'s table, so that
//! they cannot disagree. The rules are those of the product's permissions page; their numbers are cited where they hold.

mod catalogue;
mod evaluate;
mod grants;
mod permission;
mod reach;
mod roles;

pub use evaluate::{Decision, DenyReason, Held, NearMiss, Object, Obstacle, could_match, decide, effective};
pub use grants::{Binding, Effect, Grants, PrincipalFacts, Scope, TokenScope};
pub use permission::{
    Permission, PermissionInfo, PermissionPattern, PermissionScope, PermissionSet, UnknownPermission,
};
pub use reach::{Reach, Visible, visible};
pub use roles::{Restriction, RoleScope, RoleTemplate, role_template, role_templates};

#[cfg(test)]
mod tests;
