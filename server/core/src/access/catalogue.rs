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

const ORGANIZATIONS: Group = Group(Platform, "organizations", "Organization", "building");
const PLATFORM_UNITS: Group = Group(Platform, "business_units", "Organization", "building-2");
const PLATFORM_USERS: Group = Group(Platform, "users", "People and access", "users");
const PLATFORM_SESSIONS: Group = Group(Platform, "sessions", "People and access", "monitor-smartphone");
const PLATFORM_INVITATIONS: Group = Group(Platform, "invitations", "People and access", "mail-plus");
const PLATFORM_APPROVAL_POLICIES: Group = Group(Platform, "approval_policies", "Approvals", "shield-check");
const PLATFORM_SERVICE_ACCOUNTS: Group = Group(Platform, "service_accounts", "People and access", "bot");
const PLATFORM_SIGNING_KEYS: Group = Group(Platform, "signing_keys", "Installation", "file-key");
const PLATFORM_ROLES: Group = Group(Platform, "roles", "People and access", "shield");
const PLATFORM_BINDINGS: Group = Group(Platform, "role_bindings", "People and access", "user-check");
const PLATFORM_GROUPS: Group = Group(Platform, "groups", "People and access", "users");
const PLATFORM_TEAMS: Group = Group(Platform, "teams", "People and access", "users-round");
const PLATFORM_ACCESS: Group = Group(Platform, "access", "People and access", "key-square");
const PLATFORM_QUEUES: Group = Group(Platform, "queues", "Jobs", "layers");
const PLATFORM_JOBS: Group = Group(Platform, "jobs", "Jobs", "cog");
const PLATFORM_SCHEDULES: Group = Group(Platform, "schedules", "Installation", "history");
const PLATFORM_AUDIT: Group = Group(Platform, "audit", "Audit", "scroll-text");

const UNITS: Group = Group(BusinessUnit, "business_units", "Organization", "building-2");
const GROUPS: Group = Group(BusinessUnit, "groups", "People and access", "users");
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
const OWN_SESSIONS: Group = Group(User, "sessions", "Account", "monitor-smartphone");
const OWN_API_TOKENS: Group = Group(User, "api_tokens", "Account", "key-square");
const OWN_IDENTITIES: Group = Group(User, "identities", "Account", "link");
const OWN_PERMISSIONS: Group = Group(User, "permissions", "Account", "badge-check");
const OWN_REQUESTS: Group = Group(User, "requests", "Requests", "git-pull-request");
const OWN_DEPLOYMENTS: Group = Group(User, "deployments", "Deployments", "rocket");
const OWN_JOBS: Group = Group(User, "jobs", "Jobs", "cog");

/// Every permission that exists so far.
pub(super) const DEFINITIONS: &[Definition] = &[
    // An act on the organization.
    ORGANIZATIONS.can("create", Unqualified, "Create organizations", "Create organizations of the installation"),
    ORGANIZATIONS.can("deactivate", Unqualified, "Deactivate organizations", "Stop all principals of an organization"),
    ORGANIZATIONS.can("delete", Unqualified, "Delete organizations", "Delete organizations that have no users"),
    ORGANIZATIONS.can("list", Unqualified, "List organizations", "List every organization of the installation"),
    ORGANIZATIONS.can("manage_settings", Unqualified, "Manage settings", "Change the settings of the organization"),
    ORGANIZATIONS.can("read", Unqualified, "Read the organization", "Read the organization"),
    ORGANIZATIONS.can("update", Unqualified, "Update the organization", "Change name, description and logo"),
    PLATFORM_UNITS.can("create", Unqualified, "Create business units", "Create business units"),
    PLATFORM_UNITS.can("delete", Unqualified, "Delete business units", "Delete any business unit"),
    PLATFORM_UNITS.can("list", Unqualified, "List business units", "List the business units of the organization"),
    PLATFORM_UNITS.can("read", Unqualified, "Read business units", "Read every business unit of the organization"),
    PLATFORM_UNITS.can("update", Unqualified, "Update business units", "Change any business unit and its owner"),
    PLATFORM_USERS.can("list", Unqualified, "List users", "List the people of the organization"),
    PLATFORM_USERS.can("create", Unqualified, "Create users", "Create accounts"),
    PLATFORM_USERS.can("read", Unqualified, "Read users", "Read a person's profile, roles, groups and memberships"),
    PLATFORM_USERS.can(
        "update",
        Unqualified,
        "Update users",
        "Change, deactivate and activate accounts, and reset passwords",
    ),
    PLATFORM_USERS.can("delete", Unqualified, "Delete users", "Delete accounts"),
    PLATFORM_USERS.can("stats", Unqualified, "Read user statistics", "Read how many people hold which role"),
    PLATFORM_SESSIONS.can("revoke", Unqualified, "Revoke sessions", "List and end the sessions of others"),
    PLATFORM_INVITATIONS.can("manage", Unqualified, "Manage invitations", "Invite people and take invitations back"),
    PLATFORM_APPROVAL_POLICIES.can("list", Unqualified, "List approval policies", "Read who must approve what"),
    PLATFORM_APPROVAL_POLICIES.can("manage", Unqualified, "Manage approval policies", "Change who must approve what"),
    PLATFORM_ROLES.can("list", Unqualified, "List roles", "List the roles of the organization"),
    PLATFORM_ROLES.can("create", Unqualified, "Create roles", "Define roles out of permissions that one holds"),
    PLATFORM_ROLES.can("read", Unqualified, "Read roles", "Read a role and what uses it"),
    PLATFORM_ROLES.can("update", Unqualified, "Update roles", "Change roles that are not built in"),
    PLATFORM_ROLES.can("delete", Unqualified, "Delete roles", "Delete roles that nothing uses"),
    PLATFORM_BINDINGS.can(
        "list",
        Unqualified,
        "List assignments",
        "See who has which role anywhere in the organization",
    ),
    PLATFORM_BINDINGS.can(
        "create",
        Unqualified,
        "Assign roles",
        "Give roles anywhere in the organization, out of what one holds",
    ),
    PLATFORM_BINDINGS.can("delete", Unqualified, "Take roles away", "Take roles away anywhere in the organization"),
    PLATFORM_GROUPS.can(
        "list",
        Unqualified,
        "List groups",
        "List the groups of the organization and of its business units",
    ),
    PLATFORM_GROUPS.can(
        "create",
        Unqualified,
        "Create groups",
        "Create groups in the organization and its business units",
    ),
    PLATFORM_GROUPS.can("read", Unqualified, "Read groups", "Read a group with its roles and members"),
    PLATFORM_GROUPS.can("update", Unqualified, "Update groups", "Change what a group is called"),
    PLATFORM_GROUPS.can("delete", Unqualified, "Delete groups", "Delete groups with their memberships and assignments"),
    PLATFORM_GROUPS.can(
        "manage_members",
        Unqualified,
        "Manage group members",
        "Put people into groups and take them out",
    ),
    PLATFORM_TEAMS.can("create", Unqualified, "Create teams", "Create teams"),
    PLATFORM_TEAMS.can("update", Unqualified, "Update teams", "Change what a team is called and linked to"),
    PLATFORM_TEAMS.can("delete", Unqualified, "Delete teams", "Delete teams that own nothing"),
    PLATFORM_TEAMS.can("manage_members", Unqualified, "Manage team members", "Put people into teams and take them out"),
    PLATFORM_SERVICE_ACCOUNTS.can(
        "list",
        Unqualified,
        "List service accounts",
        "Read service accounts and which tokens they have",
    ),
    PLATFORM_SERVICE_ACCOUNTS.can(
        "manage",
        Unqualified,
        "Manage service accounts",
        "Create, change and delete service accounts and their tokens",
    ),
    PLATFORM_SIGNING_KEYS.can("list", Unqualified, "List signing keys", "Read the public parts of signing keys"),
    PLATFORM_SIGNING_KEYS.can("rotate", Unqualified, "Rotate signing keys", "Make a new signing key"),
    PLATFORM_QUEUES.can("read", Unqualified, "Read queues", "See how long jobs wait and which queues are paused"),
    PLATFORM_QUEUES.can(
        "manage",
        Unqualified,
        "Manage queues",
        "Pause queues, run jobs first, and replay or delete failed jobs",
    ),
    PLATFORM_JOBS.can("delete", Unqualified, "Delete jobs", "Delete jobs that have ended, with their logs"),
    PLATFORM_SCHEDULES.can("read", Unqualified, "Read schedules", "See what the servers do by themselves, and when"),
    PLATFORM_SCHEDULES.can("run", Unqualified, "Run schedules", "Have a schedule of the installation run now"),
    PLATFORM_ACCESS.can(
        "explain",
        Unqualified,
        "Explain access",
        "Ask why others may or may not do something, and who may",
    ),
    PLATFORM_AUDIT.can("export", Unqualified, "Export the audit", "Export the audit of the whole organization"),
    PLATFORM_AUDIT.can("read", Unqualified, "Read the audit", "Read the audit of the whole organization"),
    PLATFORM_AUDIT.can("verify", Unqualified, "Verify the audit", "Check the audit against its signed heads"),
    // An act in one business unit.
    UNITS.can("delete", Unqualified, "Delete the business unit", "Delete the business unit when nothing runs in it"),
    UNITS.can("manage_members", Unqualified, "Manage members", "Add and remove members and give them roles"),
    UNITS.can("read", Unqualified, "Read the business unit", "Read the business unit and its members"),
    UNITS.can("update", Unqualified, "Update the business unit", "Change the business unit and its owner"),
    GROUPS.can("list", Unqualified, "List the unit's groups", "List the groups of the business unit"),
    GROUPS.can("create", Unqualified, "Create groups in the unit", "Create groups in the business unit"),
    GROUPS.can(
        "read",
        Unqualified,
        "Read the unit's groups",
        "Read a group of the business unit with its roles and members",
    ),
    GROUPS.can(
        "update",
        Unqualified,
        "Update the unit's groups",
        "Change groups of the business unit and the roles that they have there",
    ),
    GROUPS.can("delete", Unqualified, "Delete the unit's groups", "Delete groups of the business unit"),
    GROUPS.can(
        "manage_members",
        Unqualified,
        "Manage members of the unit's groups",
        "Put members of the business unit into its groups and take them out",
    ),
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
    JOBS.can("replay", Unqualified, "Replay jobs", "Put a job that failed in all of its attempts back into the line"),
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
    OWN_PROFILE.can("update", Unqualified, "Update the profile", "Change one's own name and preferences"),
    OWN_ACTIVE_UNIT.can("read", Unqualified, "Read own units", "Read which business units one can reach"),
    OWN_ACTIVE_UNIT.can("update", Unqualified, "Choose the active unit", "Choose the unit that CLI and web fill in"),
    OWN_PASSWORD.can("update", Unqualified, "Change the password", "Change one's own password"),
    OWN_SESSIONS.can("manage", Own, "Manage own sessions", "See and end one's own sessions, and let in a device"),
    OWN_API_TOKENS.can("manage", Own, "Manage own API tokens", "Create, list and revoke one's own API tokens"),
    OWN_IDENTITIES.can("manage", Own, "Manage own identities", "Link accounts through which one logs in"),
    OWN_PERMISSIONS.can("read", Unqualified, "Read own permissions", "Read what one may do oneself and why"),
    OWN_REQUESTS.can("read", Own, "Read own requests", "Read requests that one created"),
    OWN_REQUESTS.can("cancel", Own, "Cancel own requests", "Cancel requests that one created"),
    OWN_DEPLOYMENTS.can("list", Own, "List own deployments", "List deployments that one created"),
    OWN_DEPLOYMENTS.can("read", Own, "Read own deployments", "Read deployments that one created"),
    OWN_JOBS.can("cancel", Own, "Cancel own jobs", "Cancel jobs of requests that one created"),
    OWN_JOBS.can("replay", Own, "Replay own jobs", "Replay jobs of requests that one created"),
];
