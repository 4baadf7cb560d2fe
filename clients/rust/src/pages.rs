//! Lists as streams: one item after the other, each page fetched when it is needed.

use flagstone_api::pb;
use futures::Stream;

use crate::client::Client;
use crate::error::Error;

/// One stream for each list: the call's message with its filter, order and `page_size` goes in, items come out.
macro_rules! lists {
    ($($(#[$doc:meta])* $list:ident($service:ident, $request:ident) -> $items:ident: $item:ident;)*) => {
        impl Client {
            $(
                $(#[$doc])*
                ///
                /// Starts at `page_token`, if there is one; `page_size` is how many are fetched at a time.
                pub fn $list(&self, request: pb::$request) -> impl Stream<Item = Result<pb::$item, Error>> + Send + use<> {
                    let client = self.clone();
                    let mut request = request;
                    async_stream::try_stream! {
                        loop {
                            let page = client.$service().$list(request.clone()).await?.into_inner();
                            for item in page.$items {
                                yield item;
                            }
                            if page.next_page_token.is_empty() {
                                break;
                            }
                            request.page_token = page.next_page_token;
                        }
                    }
                }
            )*
        }
    };
}

lists! {
    /// The business units that the caller may read.
    list_business_units(business_units, ListBusinessUnitsRequest) -> business_units: BusinessUnit;
    /// The members of a business unit.
    list_business_unit_members(business_units, ListBusinessUnitMembersRequest) -> business_unit_members: BusinessUnitMember;
    /// The people of the organization.
    list_users(users, ListUsersRequest) -> users: User;
    /// The sessions of a user.
    list_sessions(auth, ListSessionsRequest) -> sessions: Session;
    /// The invitations.
    list_invitations(invitations, ListInvitationsRequest) -> invitations: Invitation;
    /// The service accounts.
    list_service_accounts(service_accounts, ListServiceAccountsRequest) -> service_accounts: ServiceAccount;
    /// The API tokens of a user or a service account.
    list_api_tokens(api_tokens, ListApiTokensRequest) -> api_tokens: ApiToken;
    /// The roles.
    list_roles(roles, ListRolesRequest) -> roles: Role;
    /// Who holds which role.
    list_role_bindings(roles, ListRoleBindingsRequest) -> role_bindings: RoleBinding;
    /// The groups of the organization or of a business unit.
    list_groups(groups, ListGroupsRequest) -> groups: Group;
    /// The members of a group.
    list_group_members(groups, ListGroupMembersRequest) -> group_members: GroupMember;
    /// The teams.
    list_teams(teams, ListTeamsRequest) -> teams: Team;
    /// The members of a team.
    list_team_members(teams, ListTeamMembersRequest) -> team_members: TeamMember;
    /// The organizations of the installation, for its operator.
    list_organizations(organizations, ListOrganizationsRequest) -> organizations: Organization;
    /// The runners that work for the organization.
    list_runners(runners, ListRunnersRequest) -> runners: Runner;
    /// Through whom one may log in.
    list_sso_providers(sso_providers, ListSsoProvidersRequest) -> sso_providers: SsoProvider;
    /// Who may do something to an object.
    list_who_can(access, ListWhoCanRequest) -> principals: WhoCan;
    /// The environments of a business unit, or of all.
    list_environments(environments, ListEnvironmentsRequest) -> environments: Environment;
    /// The templates.
    list_templates(templates, ListTemplatesRequest) -> templates: Template;
    /// The versions of a template.
    list_template_versions(templates, ListTemplateVersionsRequest) -> template_versions: TemplateVersion;
    /// The requests of a business unit, or of all.
    list_requests(requests, ListRequestsRequest) -> requests: Request;
    /// The timeline of a request, oldest first.
    list_request_timeline(requests, ListRequestTimelineRequest) -> entries: TimelineEntry;
    /// The approvals of the caller's business units.
    list_approvals(approvals, ListApprovalsRequest) -> approvals: Approval;
    /// The approval policies.
    list_approval_policies(approval_policies, ListApprovalPoliciesRequest) -> approval_policies: ApprovalPolicy;
    /// The deployments of a business unit, or of all.
    list_deployments(deployments, ListDeploymentsRequest) -> deployments: Deployment;
    /// The revisions of a deployment.
    list_revisions(deployments, ListRevisionsRequest) -> revisions: Revision;
    /// The jobs of the caller's business units.
    list_jobs(jobs, ListJobsRequest) -> jobs: Job;
    /// The log lines of a job that are there now. [`Client::tail_job_logs`] waits for more and checks them.
    list_job_logs(jobs, ListJobLogsRequest) -> lines: JobLogLine;
    /// The audit events that the caller may read.
    list_audit_events(audit, ListAuditEventsRequest) -> audit_events: AuditEvent;
}
