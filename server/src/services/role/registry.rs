//! What is compiled in: the permissions that there are, and the roles that ship.

use flagstone_api::pb;
use flagstone_core::access::{self, Permission, PermissionScope, Persona};
use flagstone_core::names::RoleName;

use crate::convert::enum_number;
use crate::error::Result;

/// Every permission, in the order of the slugs.
pub(super) fn permissions() -> Vec<pb::Permission> {
    Permission::all()
        .map(|permission| {
            let info = permission.info();
            let scope = match info.scope {
                PermissionScope::Platform => pb::PermissionScope::Platform,
                PermissionScope::BusinessUnit => pb::PermissionScope::BusinessUnit,
                PermissionScope::User => pb::PermissionScope::User,
            };
            pb::Permission {
                slug: info.slug.clone(),
                display_name: info.display_name.clone(),
                description: info.description.clone(),
                category: info.category.to_owned(),
                resource: info.resource.to_owned(),
                action: info.action.to_owned(),
                tier: info.tier.map(|tier| tier.permission_segment().to_owned()).unwrap_or_default(),
                scope: scope.into(),
                icon: info.icon.to_owned(),
                own: info.own,
            }
        })
        .collect()
}

/// Every role that ships.
pub(super) fn role_templates() -> Result<Vec<pb::RoleTemplate>> {
    access::role_templates()
        .iter()
        .map(|template| {
            let persona = Persona::of_role(template.id);
            Ok(pb::RoleTemplate {
                role: RoleName::stored(template.id)?.to_string(),
                key: template.key.to_owned(),
                display_name: template.display_name.to_owned(),
                description: template.description.to_owned(),
                scope: enum_number(pb::RoleScope::from_str_name, "ROLE_SCOPE_", template.scope.as_str()),
                restriction: enum_number(
                    pb::RoleRestriction::from_str_name,
                    "ROLE_RESTRICTION_",
                    template.restriction.as_str(),
                ),
                permissions: template.permissions().iter().map(|permission| permission.slug().to_owned()).collect(),
                persona: persona
                    .map_or(0, |persona| enum_number(pb::Persona::from_str_name, "PERSONA_", persona.as_str())),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_rules_has_one_in_the_contract() {
        for template in role_templates().unwrap() {
            assert!(template.scope != 0 && template.restriction != 0, "{template:?}");
        }
        for persona in Persona::ALL {
            assert!(pb::Persona::from_str_name(&format!("PERSONA_{persona}")).is_some(), "{persona}");
        }
    }
}
