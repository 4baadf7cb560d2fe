//! Roles of one's own, and where a role may be bound (rules 4, 5 and 10).

use crate::access::{Permission, PermissionScope, PermissionSet, Restriction, RoleScope, role_template};
use crate::error::Violations;
use crate::names::BusinessUnitName;
use crate::text;

/// Longest display name of a role, a group or a team.
pub const MAX_DISPLAY_NAME: usize = 255;

/// Longest description of a role, a group or a team.
pub const MAX_DESCRIPTION: usize = 500;

/// The role that holds every permission but those of the whole installation.
const ADMIN: &str = "platform-admin";

/// What a role is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleContent {
    pub display_name: String,
    pub description: String,
    pub scope: RoleScope,
    /// Slugs, sorted and without repetition once they were checked.
    pub permissions: Vec<String>,
    pub restriction: Restriction,
}

/// Notes what is wrong with a name and a description, as roles, groups and teams have them. `field` is where they were
/// sent, for instance `role`.
pub fn check_labels(display_name: &str, description: &str, field: &str, wrong: &mut Violations) {
    wrong.check(
        text::is_title(display_name, MAX_DISPLAY_NAME),
        format!("{field}.display_name"),
        text::title_rule(MAX_DISPLAY_NAME),
    );
    wrong.check(
        text::is_prose(description, MAX_DESCRIPTION),
        format!("{field}.description"),
        text::prose_rule(MAX_DESCRIPTION),
    );
}

impl RoleContent {
    /// Notes everything that is wrong with a role of one's own, and brings its permissions into order.
    pub fn check(&mut self, wrong: &mut Violations) {
        check_labels(&self.display_name, &self.description, "role", wrong);
        wrong.check(
            !self.permissions.is_empty(),
            "role.permissions",
            "Give at least one permission of ListPermissions.",
        );
        wrong.check(
            self.permissions.len() <= PermissionSet::CAPACITY,
            "role.permissions",
            "There are not so many permissions: give each once.",
        );
        let grantable = role_template(ADMIN).map(|admin| admin.permissions()).unwrap_or_default();
        for (index, slug) in self.permissions.iter().enumerate().take(PermissionSet::CAPACITY) {
            let problem = match Permission::parse(slug) {
                Err(unknown) => unknown.to_string(),
                Ok(permission) => match (permission.scope(), self.scope) {
                    (PermissionScope::User, _) => {
                        format!("{slug} is held by every user and can be neither given nor taken. Leave it out.")
                    }
                    (PermissionScope::Platform, RoleScope::BusinessUnit) => {
                        format!(
                            "A role for business units cannot hold {slug}. Leave it out, or make the scope PLATFORM."
                        )
                    }
                    _ if !grantable.contains(permission) => {
                        format!(
                            "{slug} is about the whole installation: only its operator's role holds it. Leave it out."
                        )
                    }
                    _ => continue,
                },
            };
            wrong.add(format!("role.permissions[{index}]"), problem);
        }
        self.permissions.sort_unstable();
        self.permissions.dedup();
    }
}

/// The permissions of a stored role that the registry knows.
pub fn permission_set(slugs: &[String]) -> PermissionSet {
    slugs.iter().filter_map(|slug| Permission::parse(slug).ok()).collect()
}

/// Why a role of this scope cannot be bound there; `None` where it can. `unit` is `None` for the organization.
pub fn cannot_be_bound(
    scope: RoleScope,
    unit: Option<&BusinessUnitName>,
    default_organization: bool,
) -> Option<&'static str> {
    match (scope, unit) {
        (RoleScope::Platform, Some(_)) => Some(
            "A role of scope PLATFORM is bound in the whole organization only. Leave the parent empty, or give a role of scope BUSINESS_UNIT.",
        ),
        (RoleScope::Installation, unit) if unit.is_some() || !default_organization => {
            Some("The operator's role is bound in the default organization only.")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Persona, role_templates};

    fn content(scope: RoleScope, permissions: &[&str]) -> RoleContent {
        RoleContent {
            display_name: "Releasers 100 %_".to_owned(),
            description: String::new(),
            scope,
            permissions: permissions.iter().map(|slug| (*slug).to_owned()).collect(),
            restriction: Restriction::None,
        }
    }

    fn problems(mut role: RoleContent) -> Vec<String> {
        let mut wrong = Violations::new();
        role.check(&mut wrong);
        wrong
            .finish()
            .err()
            .map(|error| error.fields)
            .unwrap_or_default()
            .into_iter()
            .map(|wrong| wrong.field)
            .collect()
    }

    #[test]
    fn a_role_that_ships_can_be_copied() {
        for template in role_templates().iter().filter(|role| role.scope != RoleScope::Installation) {
            let slugs: Vec<&str> = template.permissions().iter().map(Permission::slug).collect();
            assert_eq!(problems(content(template.scope, &slugs)), [""; 0], "{}", template.id);
        }
    }

    #[test]
    fn every_persona_has_a_role_that_ships() {
        for persona in Persona::ALL {
            assert!(role_templates().iter().any(|role| Persona::of_role(role.id) == Some(*persona)), "{persona}");
        }
    }

    #[test]
    fn what_a_role_cannot_hold_is_told_at_once() {
        let mut role = content(
            RoleScope::BusinessUnit,
            &[
                "platform:audit:read",
                "user:profile:read",
                "made:up",
                "business_unit:jobs:fly",
                "business_unit:jobs:read",
            ],
        );
        role.display_name = "a\u{202e}b".to_owned();
        role.description = "x".repeat(501);
        assert_eq!(
            problems(role),
            [
                "role.display_name",
                "role.description",
                "role.permissions[0]",
                "role.permissions[1]",
                "role.permissions[2]",
                "role.permissions[3]"
            ]
        );
        assert_eq!(problems(content(RoleScope::Platform, &[])), ["role.permissions"]);
        assert_eq!(problems(content(RoleScope::Platform, &["user:profile:read"])), ["role.permissions[0]"]);
        let many = vec!["business_unit:jobs:read"; PermissionSet::CAPACITY + 1];
        assert_eq!(problems(content(RoleScope::Platform, &many)), ["role.permissions"]);
    }

    #[test]
    fn permissions_are_kept_in_order_and_once() {
        let mut role =
            content(RoleScope::Platform, &["platform:audit:read", "business_unit:jobs:read", "platform:audit:read"]);
        role.check(&mut Violations::new());
        assert_eq!(role.permissions, ["business_unit:jobs:read", "platform:audit:read"]);
    }

    #[test]
    fn a_role_is_bound_where_its_scope_says() {
        let unit: BusinessUnitName = "businessUnits/pay".parse().unwrap();
        for default in [true, false] {
            assert!(cannot_be_bound(RoleScope::Platform, None, default).is_none());
            assert!(cannot_be_bound(RoleScope::Platform, Some(&unit), default).is_some());
            assert!(cannot_be_bound(RoleScope::BusinessUnit, None, default).is_none());
            assert!(cannot_be_bound(RoleScope::BusinessUnit, Some(&unit), default).is_none());
            assert_eq!(cannot_be_bound(RoleScope::Installation, None, default).is_none(), default);
            assert!(cannot_be_bound(RoleScope::Installation, Some(&unit), default).is_some());
        }
    }
}
