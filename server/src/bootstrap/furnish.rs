//! What every organization has from its first moment: the roles, guardrails, approval policies and templates that ship.
//! Put in place when an organization is created, and brought up to date at every start.

use std::path::Path;

use flagstone_core::access::{Permission, RoleScope, role_templates};
use flagstone_core::approval_policy::default_approval_policies;
use flagstone_core::policy::default_policies;
use flagstone_db::Connection;
use flagstone_db::approval_policy::{self, NewApprovalPolicy};
use flagstone_db::organization::OrganizationRow;
use flagstone_db::policy::{self, NewPolicy};
use flagstone_db::role::{self, BuiltinRole, RoleRow};
use serde_json::json;
use uuid::Uuid;

use super::SYSTEM;
use super::template::{self, Packed};
use crate::error::{Error, Result};
use crate::ledger::{Ledger, ObjectRef};

/// Puts things into one organization, in whatever transaction `conn` is in, and notes them in `ledger`.
pub struct Furnishing<'a> {
    pub conn: &'a mut Connection,
    pub organization: &'a OrganizationRow,
    /// For trying Flagstone out: people decide in staging, too.
    pub trial: bool,
    pub ledger: &'a mut Ledger,
}

/// The templates of a directory, or those that ship, ready to be published. Fails with a sentence for each fault.
pub fn packages(directory: Option<&Path>) -> Result<Vec<Packed>, Vec<String>> {
    let packages = crate::templates::read(directory)?;
    packages.into_iter().map(|package| Packed::new(package).map_err(|error| vec![error.to_string()])).collect()
}

impl Furnishing<'_> {
    /// Roles and policies. What is there already stays; answers with the roles that ship.
    pub async fn furnish(&mut self) -> Result<Vec<RoleRow>> {
        let roles = self.put_roles().await?;
        self.put_policies().await?;
        Ok(roles)
    }

    /// Publishes templates in an organization that has none.
    pub async fn publish(&mut self, packages: &[Packed]) -> Result<()> {
        for packed in packages {
            template::store(self, packed).await?;
        }
        Ok(())
    }

    /// The roles that ship, with the permissions that exist now.
    async fn put_roles(&mut self) -> Result<Vec<RoleRow>> {
        let organization_id = self.organization.id;
        let mut rows = role::builtin(self.conn, organization_id).await?;
        for template in role_templates() {
            // Whoever runs the installation belongs to the default organization.
            if template.scope == RoleScope::Installation && !self.organization.is_default {
                continue;
            }
            let permissions: Vec<String> =
                template.permissions().iter().map(Permission::slug).map(str::to_owned).collect();
            let content = BuiltinRole {
                slug: template.id,
                display_name: template.display_name,
                description: template.description,
                scope: template.scope.as_str(),
                permissions: &permissions,
                restriction: template.restriction.as_str(),
                creator: SYSTEM,
            };
            let known = rows.iter().position(|row| row.slug == template.id);
            let as_json = |row: &RoleRow| {
                json!({
                    "display_name": row.display_name, "description": row.description, "scope": row.scope,
                    "permissions": row.permissions, "restriction": row.restriction,
                })
            };
            let up_to_date = known.is_some_and(|index| {
                let row = &rows[index];
                (row.display_name.as_str(), row.description.as_str(), row.scope.as_str(), row.restriction.as_str())
                    == (content.display_name, content.description, content.scope, content.restriction)
                    && row.permissions == permissions
            });
            if up_to_date {
                continue;
            }
            let row = role::put_builtin(self.conn, organization_id, &content).await?;
            let before = known.map(|index| as_json(&rows[index]));
            self.ledger.record(
                object("role", format!("roles/{}", row.slug), row.id),
                before.as_ref(),
                Some(&as_json(&row)),
            );
            match known {
                Some(index) => rows[index] = row,
                None => rows.push(row),
            }
        }
        Ok(rows)
    }

    /// Guardrails and approval policies, each unless there is one of its id: people may have changed them.
    async fn put_policies(&mut self) -> Result<()> {
        let organization_id = self.organization.id;
        for policy in default_policies() {
            let row = NewPolicy {
                id: Uuid::now_v7(),
                organization_id,
                slug: &policy.id,
                description: &policy.description,
                kind: policy.kind.as_str(),
                target: policy.target.as_str(),
                scope: &json!(policy.scope),
                config: &policy.config,
                enforced: policy.enforced,
                violation_class: policy.class.as_str(),
                message: &policy.message,
                fix: &policy.fix,
                creator: SYSTEM,
            };
            if policy::insert_missing(self.conn, &row).await? {
                let after = json!({"kind": row.kind, "config": row.config, "enforced": row.enforced});
                self.ledger.record(object("policy", format!("policies/{}", policy.id), row.id), None, Some(&after));
            }
        }
        for mut policy in default_approval_policies() {
            if self.trial && policy.id == "staging" {
                policy.auto_approve = None;
            }
            let auto_approve = policy.auto_approve.as_ref().map(|auto| json!(auto));
            let row = NewApprovalPolicy {
                id: Uuid::now_v7(),
                organization_id,
                slug: &policy.id,
                display_name: &policy.display_name,
                description: &policy.description,
                priority: policy.priority,
                match_rule: &json!(policy.matches),
                stages: &json!(policy.stages),
                allow_self: policy.allow_self,
                distinct_across_stages: policy.distinct_across_stages,
                ttl_seconds: policy.ttl_seconds,
                auto_approve: auto_approve.as_ref(),
                active: policy.active,
                creator: SYSTEM,
            };
            if approval_policy::insert_missing(self.conn, &row).await? {
                let after = json!({"priority": row.priority, "stages": row.stages, "auto_approve": row.auto_approve});
                let name = format!("approvalPolicies/{}", policy.id);
                self.ledger.record(object("approval_policy", name, row.id), None, Some(&after));
            }
        }
        Ok(())
    }
}

/// The row id of a role that ships.
pub fn role_id(roles: &[RoleRow], slug: &str) -> Result<Uuid> {
    let row = roles.iter().find(|row| row.slug == slug);
    row.map(|row| row.id).ok_or_else(|| Error::internal(format!("the role {slug} does not ship")))
}

/// An object of the organization, without a unit.
pub(super) fn object(object_type: &'static str, name: String, id: Uuid) -> ObjectRef {
    ObjectRef { object_type, name, id, business_unit_id: None }
}
