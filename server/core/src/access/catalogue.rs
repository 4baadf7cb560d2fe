//! The catalogue: one row for each permission that method options and request kinds name so far. It grows with them; a
//! test of the server compares the two. Display data is for people, everything else is the slug in pieces.

use super::permission::PermissionScope::{self, BusinessUnit, Platform, User};

/// What the last segment of a slug may add.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Qualifier {
    /// Three segments.
    Unqualified,
    /// Three permissions, one for each tier.
    PerTier,
    /// Only objects that the caller created.
    Own,
}
use Qualifier::{Own, PerTier, Unqualified};

/// One row of the catalogue.
pub(super) struct Definition {
    pub(super) scope: PermissionScope,
    pub(super) resource: &'static str,
    pub(super) action: &'static str,
    pub(super) qualifier: Qualifier,
    pub(super) category: &'static str,
    pub(super) icon: &'static str,
    pub(super) display_name: &'static str,
    /// What it allows, without the full stop: a tier may be appended.
    pub(super) description: &'static str,
}

/// A heading and icon, shared by the permissions of one resource.
struct Group(PermissionScope, &'static str, &'static str, &'static str);

impl Group {
    const fn can(
        &self,
        action: &'static str,
        qualifier: Qualifier,
        display_name: &'static str,
        description: &'static str,
    ) -> Definition {
        let Self(scope, resource, category, icon) = *self;
        Definition { scope, resource, action, qualifier, category, icon, display_name, description }
    }
}

const PLATFORM_UNITS: Group = Group(Platform, "business_units", "Organization", "building-2");
const PLATFORM_APPROVAL_POLICIES: Group = Group(Platform, "approval_policies", "Approvals", "shield-check");
const PLATFORM_AUDIT: Group = Group(Platform, "audit", "Audit", "scroll-text");

const UNITS: Group = Group(BusinessUnit, "business_units", "Organization", "building-2");
const ENVIRONMENTS: Group = Group(BusinessUnit, "environments", "Environments", "layers");
const TEMPLATES: Group = Group(BusinessUnit, "templates", "Templates", "layout-template");
const REQUESTS: Group = Group(BusinessUnit, "requests", "Requests", "git-pull-request");
const APPROVALS: Group = Group(BusinessUnit, "approvals", "Approvals", "stamp");
const DEPLOYMENTS: Group = Group(BusinessUnit, "deployments", "Deployments", "rocket");
const HISTORY: Group = Group(BusinessUnit, "deployment_history", "Deployments", "history");
const JOBS: Group = Group(BusinessUnit, "jobs", "Jobs", "cog");
const JOB_LOGS: Group = Group(BusinessUnit, "job_logs", "Jobs", "terminal");
const WORKSPACES: Group = Group(BusinessUnit, "workspaces", "Deployments", "box");
const AUDIT: Group = Group(BusinessUnit, "audit", "Audit", "scroll-text");

const OWN_PROFILE: Group = Group(User, "profile", "Account", "user");
const OWN_ACTIVE_UNIT: Group = Group(User, "active_business_unit", "Account", "building-2");
const OWN_PASSWORD: Group = Group(User, "password", "Account", "key-round");
const OWN_PERMISSIONS: Group = Group(User, "permissions", "Account", "badge-check");
const OWN_REQUESTS: Group = Group(User, "requests", "Requests", "git-pull-request");
const OWN_DEPLOYMENTS: Group = Group(User, "deployments", "Deployments", "rocket");
const OWN_JOBS: Group = Group(User, "jobs", "Jobs", "cog");

/// Every permission that exists so far.
pub(super) const DEFINITIONS: &[Definition] = &[
    // An act on the organization.
    PLATFORM_UNITS.can("list", Unqualified, "List business units", "List the business units of the organization"),
    PLATFORM_UNITS.can("read", Unqualified, "Read business units", "Read every business unit of the organization"),
    PLATFORM_APPROVAL_POLICIES.can("list", Unqualified, "List approval policies", "Read who must approve what"),
    PLATFORM_APPROVAL_POLICIES.can("manage", Unqualified, "Manage approval policies", "Change who must approve what"),
    PLATFORM_AUDIT.can("read", Unqualified, "Read the audit", "Read the audit of the whole organization"),
    // An act in one business unit.
    UNITS.can("read", Unqualified, "Read the business unit", "Read the business unit"),
    ENVIRONMENTS.can("list", Unqualified, "List environments", "List the environments of the business unit"),
    ENVIRONMENTS.can("read", Unqualified, "Read environments", "Read an environment"),
    TEMPLATES.can("provision", Unqualified, "Use templates", "Order what a template offers"),
    REQUESTS.can("create", Unqualified, "Create requests", "Create, change, submit and preview requests"),
    REQUESTS.can("list", Unqualified, "List requests", "List the requests of the business unit"),
    REQUESTS.can("read", Unqualified, "Read requests", "Read a request, its plan and its timeline"),
    REQUESTS.can("cancel", Unqualified, "Cancel requests", "Cancel requests of others whose apply has not started"),
    APPROVALS.can("list", Unqualified, "List approvals", "Read approvals and what they are about"),
    APPROVALS.can("decide", PerTier, "Decide approvals", "Approve or reject requests that name one as approver"),
    APPROVALS.can(
        "decide_assigned",
        Unqualified,
        "Decide assigned approvals",
        "Approve or reject in stages that name one of the caller's roles, in any tier",
    ),
    DEPLOYMENTS.can("list", Unqualified, "List deployments", "List the deployments of the business unit"),
    DEPLOYMENTS.can("read", Unqualified, "Read deployments", "Read a deployment"),
    DEPLOYMENTS.can("create", PerTier, "Create deployments", "Request new deployments"),
    DEPLOYMENTS.can("update", PerTier, "Update deployments", "Request changes of deployments"),
    DEPLOYMENTS.can("delete", PerTier, "Destroy deployments", "Request the destruction of deployments"),
    DEPLOYMENTS.can("retry", Unqualified, "Retry requests", "Retry a failed request with a fresh plan"),
    HISTORY.can("read", Unqualified, "Read the history", "Read the revisions of a deployment"),
    JOBS.can("list", Unqualified, "List jobs", "List the jobs of the business unit"),
    JOBS.can("read", Unqualified, "Read jobs", "Read a job and its steps"),
    JOBS.can("cancel", Unqualified, "Cancel jobs", "Cancel a job that has not ended"),
    JOB_LOGS.can("read", Unqualified, "Read job logs", "Read and follow what a job printed"),
    WORKSPACES.can(
        "read",
        Unqualified,
        "Read workspaces",
        "Read what an engine knows of a deployment, never the state itself",
    ),
    AUDIT.can("read", Unqualified, "Read the unit's audit", "Read the audit of the business unit"),
    // An act on oneself: held by every active user, neither granted nor removed (rule 10).
    OWN_PROFILE.can("read", Unqualified, "Read the profile", "Read one's own profile"),
    OWN_ACTIVE_UNIT.can("update", Unqualified, "Choose the active unit", "Choose the unit that CLI and web fill in"),
    OWN_PASSWORD.can("update", Unqualified, "Change the password", "Change one's own password"),
    OWN_PERMISSIONS.can("read", Unqualified, "Read own permissions", "Read what one may do oneself and why"),
    OWN_REQUESTS.can("read", Own, "Read own requests", "Read requests that one created"),
    OWN_REQUESTS.can("cancel", Own, "Cancel own requests", "Cancel requests that one created"),
    OWN_DEPLOYMENTS.can("list", Own, "List own deployments", "List deployments that one created"),
    OWN_DEPLOYMENTS.can("read", Own, "Read own deployments", "Read deployments that one created"),
    OWN_JOBS.can("cancel", Own, "Cancel own jobs", "Cancel jobs of requests that one created"),
];
