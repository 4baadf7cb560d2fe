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
        /// At the default organization, for the whole installation; gives no right inside of any organization.
        Installation = "INSTALLATION",
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

/// The roles that ship, in the order of the permissions page.
pub const fn role_templates() -> [&'static RoleTemplate; 12] {
    [
        &INSTALLATION_OPERATOR,
        &PLATFORM_ADMIN,
        &PLATFORM_ENGINEER,
        &SECURITY_AUDITOR,
        &BU_OWNER,
        &TEAM_ADMIN,
        &SENIOR_ENGINEER,
        &DEVELOPER,
        &IT_ENGINEER,
        &PROJECT_MANAGER,
        &SRE,
        &VIEWER,
    ]
}

/// A role that ships, by its id.
pub fn role_template(id: &str) -> Option<&'static RoleTemplate> {
    role_templates().into_iter().find(|role| role.id == id)
}

static INSTALLATION_OPERATOR: RoleTemplate = RoleTemplate {
    id: "installation-operator",
    key: "INSTALLATION_OPERATOR",
    display_name: "Installation operator",
    description: "Runs the installation: its organizations, signing keys, schedules and configuration. Sees into no organization.",
    scope: RoleScope::Installation,
    restriction: Restriction::None,
    includes: None,
    holds: &[
        "platform:organizations:{list,create,deactivate,delete}",
        "platform:signing_keys:{list,rotate}",
        "platform:schedules:{read,run}",
        "platform:system:{read,manage}",
    ],
    except: &[],
};

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

static PLATFORM_ENGINEER: RoleTemplate = RoleTemplate {
    id: "platform-engineer",
    key: "PLATFORM_ENGINEER",
    display_name: "Platform engineer",
    description: "Builds the platform: templates, blueprints, workflows, integrations, runners and queues; reads every business unit.",
    scope: RoleScope::Platform,
    restriction: Restriction::None,
    includes: Some(&VIEWER),
    holds: &[
        "platform:{templates,template_access,upgrade_campaigns,blueprints,scorecards,catalog_views,workflows}:*",
        "platform:{actions,provider_options,integrations,webhooks,runners,queues,manifests,discrepancies}:*",
        "platform:schedules:read",
        "platform:policies:{evaluate,simulate}",
        "platform:system:read",
        "business_unit:job_logs:read",
    ],
    except: &[],
};

static SECURITY_AUDITOR: RoleTemplate = RoleTemplate {
    id: "security-auditor",
    key: "SECURITY_AUDITOR",
    display_name: "Security auditor",
    description: "Reads everything that shows who may do what and who did what, exports and verifies it; changes nothing.",
    scope: RoleScope::Platform,
    restriction: Restriction::None,
    includes: Some(&VIEWER),
    holds: &[
        "platform:audit:{read,export,verify}",
        "platform:access:explain",
        "platform:{policy_exceptions,approval_policies}:list",
        "platform:{roles,role_bindings,groups,users}:{list,read}",
        "business_unit:findings:read",
        "business_unit:policy_violations:list",
        "business_unit:reports:{read,export}",
    ],
    except: &[],
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

static TEAM_ADMIN: RoleTemplate = RoleTemplate {
    id: "team-admin",
    key: "TEAM_ADMIN",
    display_name: "Team admin",
    description: "Runs what the own team owns up to staging: its services, environments, approvals and jobs; reads everything of the business unit.",
    scope: RoleScope::BusinessUnit,
    restriction: Restriction::OwnTeam,
    includes: Some(&SENIOR_ENGINEER),
    holds: &[
        "business_unit:services:{update,archive,assign_team}",
        "business_unit:environments:{provision,update,destroy,lock}:{development,staging}",
        "business_unit:approvals:list",
        "business_unit:approvals:decide:{development,staging}",
        "business_unit:jobs:{cancel,replay}",
        "business_unit:audit:read",
        "business_unit:reports:read",
        "business_unit:{slos,alerts}:manage",
    ],
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

static PROJECT_MANAGER: RoleTemplate = RoleTemplate {
    id: "project-manager",
    key: "PROJECT_MANAGER",
    display_name: "Project manager",
    description: "Decides the approvals that name the role and reads reports; changes no infrastructure.",
    scope: RoleScope::BusinessUnit,
    restriction: Restriction::None,
    includes: Some(&VIEWER),
    holds: &[
        "business_unit:approvals:{list,decide_assigned}",
        "business_unit:reports:{read,export}",
        "business_unit:insights:read",
    ],
    except: &[],
};

static SRE: RoleTemplate = RoleTemplate {
    id: "sre",
    key: "SRE",
    display_name: "Site reliability engineer",
    description: "Keeps things running in every tier: drift, alerts, SLOs, freezes, jobs, workspaces and break glass.",
    scope: RoleScope::BusinessUnit,
    restriction: Restriction::None,
    includes: Some(&VIEWER),
    holds: &[
        "business_unit:requests:create",
        "business_unit:{drift,alerts,slos,freezes,runtime,runtime_logs}:*",
        "business_unit:jobs:{cancel,replay}",
        "business_unit:job_logs:read",
        "business_unit:workspaces:{read,plan,unlock}",
        "business_unit:approvals:{list,review_break_glass}",
        "business_unit:approvals:break_glass:{development,staging,production}",
        "business_unit:audit:read",
        "business_unit:reports:{read,export}",
        "business_unit:environments:lock:{development,staging,production}",
        "business_unit:deployments:{retry,hold}",
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
