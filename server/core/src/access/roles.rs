//! The roles that ship (R049), as the product's permissions page writes them: sets of patterns over the registry. A
//! pattern may name what the registry does not have yet; the role then grows with the registry.

use super::permission::{Permission, PermissionSet};
use crate::words::words;

words! {
    /// What narrows a whole role (rule 8).
    pub enum Restriction: "restriction" {
        /// Nothing.
        None = "NONE",
        /// Except for list and read: only objects of the caller's teams; without a team, only objects the caller created.
        OwnTeam = "OWN_TEAM",
        /// Only objects the caller created.
        Own = "OWN",
    }
}

words! {
    /// Where a role may be bound (rule 4).
    pub enum RoleScope: "role scope" {
        /// At the organization only; may hold platform and business-unit permissions.
        Platform = "PLATFORM",
        /// In a business unit; holds business-unit permissions only.
        BusinessUnit = "BUSINESS_UNIT",
    }
}

/// One role that every organization has. Not editable.
#[derive(Debug)]
pub struct RoleTemplate {
    /// The id of the role, `roles/{id}`.
    pub id: &'static str,
    /// The name that documents and policies use, for instance `IT_ENGINEER`.
    pub key: &'static str,
    /// What people read.
    pub display_name: &'static str,
    pub description: &'static str,
    pub scope: RoleScope,
    pub restriction: Restriction,
    /// The role whose permissions it holds as well.
    includes: Option<&'static RoleTemplate>,
    holds: &'static [&'static str],
    /// Taken out of `holds` again.
    except: &'static [&'static str],
}

impl RoleTemplate {
    /// The permissions of the registry that it holds.
    pub fn permissions(&self) -> PermissionSet {
        let named = |patterns: &[&str], slug: &str| patterns.iter().any(|pattern| matches(pattern, slug));
        let mut set = self.includes.map(Self::permissions).unwrap_or_default();
        for permission in Permission::all() {
            if named(self.holds, permission.slug()) && !named(self.except, permission.slug()) {
                set.insert(permission);
            }
        }
        set
    }
}

/// The roles that ship.
pub fn role_templates() -> [&'static RoleTemplate; 6] {
    [&PLATFORM_ADMIN, &BU_OWNER, &SENIOR_ENGINEER, &DEVELOPER, &IT_ENGINEER, &VIEWER]
}

/// A role that ships, by its id.
pub fn role_template(id: &str) -> Option<&'static RoleTemplate> {
    role_templates().into_iter().find(|role| role.id == id)
}

static PLATFORM_ADMIN: RoleTemplate = RoleTemplate {
    id: "platform-admin",
    key: "PLATFORM_ADMIN",
    display_name: "Platform admin",
    description: "Runs the organization: every platform permission and every permission in each of its business units.",
    scope: RoleScope::Platform,
    restriction: Restriction::None,
    includes: None,
    holds: &["platform:*", "business_unit:*"],
    // What belongs to the whole installation is for its operator alone (rule 5).
    except: &[
        "platform:organizations:{list,create,deactivate,delete}",
        "platform:signing_keys:*",
        "platform:schedules:run",
        "platform:system:manage",
    ],
};

static BU_OWNER: RoleTemplate = RoleTemplate {
    id: "bu-owner",
    key: "BU_OWNER",
    display_name: "Business unit owner",
    description: "Owns a business unit: every permission in it.",
    scope: RoleScope::BusinessUnit,
    restriction: Restriction::None,
    includes: None,
    holds: &["business_unit:*"],
    except: &[],
};

static SENIOR_ENGINEER: RoleTemplate = RoleTemplate {
    id: "senior-engineer",
    key: "SENIOR_ENGINEER",
    display_name: "Senior engineer",
    description: "Requests and changes what the own team runs in development and staging; reads everything of the business unit.",
    scope: RoleScope::BusinessUnit,
    restriction: Restriction::OwnTeam,
    includes: Some(&DEVELOPER),
    holds: &[
        "business_unit:deployments:{create,update,delete}:staging",
        "business_unit:environments:{provision,update}:staging",
        "business_unit:deployments:hold",
        "business_unit:drift:detect",
        "business_unit:drift:remediate:{development,staging}",
        "business_unit:workspaces:plan",
        "business_unit:pipelines:sync",
    ],
    except: &[],
};

static DEVELOPER: RoleTemplate = RoleTemplate {
    id: "developer",
    key: "DEVELOPER",
    display_name: "Developer",
    description: "Requests and changes what the own team runs in development; reads everything of the business unit.",
    scope: RoleScope::BusinessUnit,
    restriction: Restriction::OwnTeam,
    includes: Some(&VIEWER),
    holds: &[
        "business_unit:services:register",
        "business_unit:environments:{provision,update,destroy}:development",
        "business_unit:templates:provision",
        "business_unit:template_access:request",
        "business_unit:requests:create",
        "business_unit:deployments:{create,update,delete}:development",
        "business_unit:deployments:{retry,promote}",
        "business_unit:deployment_history:rollback",
        "business_unit:deployment_tags:{write,delete}",
        "business_unit:job_logs:read",
        "business_unit:runtime_logs:read",
        "business_unit:pipelines:trigger",
        "business_unit:clusters:{request,deploy}",
        "business_unit:costs:estimate",
        "business_unit:entities:write",
        "business_unit:actions:run",
        "business_unit:workflows:{read,run}",
        "business_unit:findings:read",
        "business_unit:policy_violations:list",
        "business_unit:credentials:use",
    ],
    except: &[],
};

static IT_ENGINEER: RoleTemplate = RoleTemplate {
    id: "it-engineer",
    key: "IT_ENGINEER",
    display_name: "IT engineer",
    description: "Decides approvals of every tier and looks after jobs; changes no infrastructure by itself.",
    scope: RoleScope::BusinessUnit,
    restriction: Restriction::None,
    includes: Some(&VIEWER),
    holds: &[
        "business_unit:requests:{create,cancel}",
        "business_unit:approvals:list",
        "business_unit:approvals:{decide,break_glass}:{development,staging,production}",
        "business_unit:jobs:{cancel,replay}",
        "business_unit:job_logs:read",
        "business_unit:clusters:{request,register}",
        "business_unit:drift:detect",
        "business_unit:workspaces:read",
        "business_unit:audit:read",
        "business_unit:reports:{read,export}",
        "business_unit:findings:read",
        "business_unit:policy_violations:list",
    ],
    except: &[],
};

static VIEWER: RoleTemplate = RoleTemplate {
    id: "viewer",
    key: "VIEWER",
    display_name: "Viewer",
    description: "Sees what there is in a business unit and changes nothing.",
    scope: RoleScope::BusinessUnit,
    restriction: Restriction::None,
    includes: None,
    holds: &[
        "business_unit:{business_units,groups,services,environments,entities,requests,deployments}:{list,read}",
        "business_unit:{deployment_history,deployment_stats,deployment_tags,jobs,resources,clusters}:{list,read}",
        "business_unit:{repositories,pipelines,drift,runtime,alerts,slos,insights,costs}:{list,read}",
    ],
    except: &[],
};

/// Whether a pattern covers a slug. Segment by segment: a word, `{a,b}` for alternatives, or `*` at the end for all that
/// follows. A pattern without a qualifier does not cover a qualified permission.
fn matches(pattern: &str, slug: &str) -> bool {
    let mut segments = slug.split(':');
    for part in pattern.split(':') {
        if part == "*" {
            return true;
        }
        let Some(segment) = segments.next() else { return false };
        let covered = match part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(alternatives) => alternatives.split(',').any(|word| word == segment),
            None => part == segment,
        };
        if !covered {
            return false;
        }
    }
    segments.next().is_none()
}
