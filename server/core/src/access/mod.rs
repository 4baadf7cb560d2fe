//! Who may do what: the registry of permissions, the roles that ship, the grants of one principal and the one evaluator
//! over them.
//!
//! Enforcing a call, limiting a list, explaining a denial and telling people what they hold all ask [`decide`]'s table, so that
//! they cannot disagree. The rules are those of the product's permissions page; their numbers are cited where they hold.

mod catalogue;
mod condition;
mod evaluate;
mod explain;
mod fingerprint;
mod grants;
mod permission;
mod persona;
mod reach;
mod roles;

pub use condition::{Moment, check_condition};
pub use evaluate::{Decision, DenyReason, Details, Held, NearMiss, Object, Obstacle, could_match, decide, effective};
pub use explain::{Explanation, RoleFacts, Step, Template, explain, least_role, smallest_change};
pub use fingerprint::Fingerprint;
pub use grants::{Binding, Effect, Grants, PrincipalFacts, Scope, TokenScope, Who};
pub use permission::{
    Permission, PermissionInfo, PermissionPattern, PermissionScope, PermissionSet, UnknownPermission,
};
pub use persona::Persona;
pub use reach::{Reach, Visible, visible};
pub use roles::{Restriction, RoleScope, RoleTemplate, role_template, role_templates};

#[cfg(test)]
mod tests;
