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
