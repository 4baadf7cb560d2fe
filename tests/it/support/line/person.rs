//! People at a server: each with a session of their own, and what they do on the main line.

use std::ops::Deref;

use flagstone_client::pb::{ErrorReason, JobState, RequestState};
use flagstone_client::{Client, Error, Event, pb};
use futures::{StreamExt, TryStreamExt, pin_mut};
use tokio::time::timeout;

use super::log::Log;
use super::order::{UNIT, deployment_name};
use super::{PATIENCE, found};

/// The accounts that a server for tests starts with.
#[derive(Clone)]
pub(crate) struct People {
    /// Platform administrator.
    pub(crate) admin: Person,
    /// DEVELOPER of the unit.
    pub(crate) dev: Person,
    /// IT_ENGINEER of the unit.
    pub(crate) approver: Person,
}

impl People {
    /// Logs in as `admin`, `dev` and `approver`, with their passwords in this order.
    pub(crate) async fn log_in(url: &str, passwords: &[&str; 3]) -> Self {
        let [admin, dev, approver] = passwords;
        Self {
            admin: Person::log_in(url, "admin", admin).await,
            dev: Person::log_in(url, "dev", dev).await,
            approver: Person::log_in(url, "approver", approver).await,
        }
    }
}

/// Somebody who is logged in.
#[derive(Clone)]
pub(crate) struct Person(pub(crate) Client);

impl Deref for Person {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.0
    }
}

impl Person {
    /// Logs in.
    pub(crate) async fn log_in(url: &str, username: &str, password: &str) -> Self {
        let client = Client::builder(url).connect().await.expect("the server is there");
        let (identifier, password) = (username.to_owned(), password.to_owned());
        client
            .login(pb::LoginRequest { identifier, password, ..Default::default() })
            .await
            .unwrap_or_else(|error| panic!("{username} can log in: {error:?}"));
        Self(client)
    }

    /// Submits a request.
    pub(crate) async fn order(&self, order: impl Into<pb::CreateRequestRequest>) -> pb::Request {
        self.try_order(order).await.unwrap_or_else(|error| panic!("the order is taken: {error:?}"))
    }

    /// Submits a request, which may be refused.
    pub(crate) async fn try_order(&self, order: impl Into<pb::CreateRequestRequest>) -> Result<pb::Request, Error> {
        Ok(self.requests().create_request(order.into()).await?.into_inner())
    }

    /// Submits a request and waits until it is COMPLETED. Only where no people are asked.
    pub(crate) async fn order_and_wait(&self, order: impl Into<pb::CreateRequestRequest>) -> pb::Request {
        let request = self.order(order).await;
        self.until(&request.name, RequestState::Completed).await
    }

    /// The request as it is now.
    pub(crate) async fn request(&self, name: &str) -> pb::Request {
        let request = pb::GetRequestRequest { name: name.to_owned() };
        self.requests().get_request(request).await.expect("the request can be read").into_inner()
    }

    /// Waits until a request is in a state. Fails at once where it has come to another end.
    pub(crate) async fn until(&self, name: &str, wanted: RequestState) -> pb::Request {
        use RequestState::{Cancelled, Completed, Expired, Failed, Rejected};
        self.until_that(name, wanted.as_str_name(), |request| {
            let state = request.state();
            assert!(
                state == wanted || !matches!(state, Cancelled | Completed | Expired | Failed | Rejected),
                "{} instead of {}: {:?}",
                state.as_str_name(),
                wanted.as_str_name(),
                request.error
            );
            state == wanted
        })
        .await
    }

    /// Waits until something holds for a request. `what` says what, for the failure.
    pub(crate) async fn until_that(&self, name: &str, what: &str, holds: impl Fn(&pb::Request) -> bool) -> pb::Request {
        let updates = self.watch_request(name, "");
        pin_mut!(updates);
        let mut last = None;
        let wait = async {
            while let Some(event) = updates.next().await {
                if let Event::Item(update) = event.expect("the watch goes on") {
                    let request = update.request.expect("an update has the request");
                    if holds(&request) {
                        return request;
                    }
                    last = Some(request);
                }
            }
            panic!("the watch ended, and never {what}: {last:?}");
        };
        match timeout(PATIENCE, wait).await {
            Ok(request) => request,
            Err(_) => panic!("never {what}: {:?}", self.request(name).await),
        }
    }

    /// The timeline of a request: each entry's event and state.
    pub(crate) async fn timeline(&self, name: &str) -> Vec<(String, RequestState)> {
        let request = pb::ListRequestTimelineRequest { parent: name.to_owned(), ..Default::default() };
        let entries: Vec<pb::TimelineEntry> =
            self.list_request_timeline(request).try_collect().await.expect("the timeline can be read");
        entries.iter().map(|entry| (entry.event.clone(), entry.state())).collect()
    }

    /// The plan of a request.
    pub(crate) async fn plan(&self, request: &str) -> pb::Plan {
        let request = pb::GetRequestPlanRequest { name: request.to_owned() };
        self.requests().get_request_plan(request).await.expect("the plan can be read").into_inner()
    }

    /// An approval.
    pub(crate) async fn approval(&self, name: &str) -> pb::Approval {
        let request = pb::GetApprovalRequest { name: name.to_owned() };
        self.approvals().get_approval(request).await.expect("the approval can be read").into_inner()
    }

    /// Approves a request as it is seen here.
    pub(crate) async fn approve(&self, request: &pb::Request) -> pb::Approval {
        self.try_approve(request).await.unwrap_or_else(|error| panic!("the approval counts: {error:?}"))
    }

    /// Approves a request as it is seen here, which may be refused.
    pub(crate) async fn try_approve(&self, request: &pb::Request) -> Result<pb::Approval, Error> {
        let response = self.approvals().approve_approval(approval_of(request)).await?.into_inner();
        Ok(response.approval.expect("an answer has the approval"))
    }

    /// Rejects a request, which may be refused.
    pub(crate) async fn try_reject(&self, request: &pb::Request, comment: &str) -> Result<pb::Approval, Error> {
        let approve = approval_of(request);
        let reject = pb::RejectApprovalRequest {
            name: approve.name,
            content_hash: approve.content_hash,
            plan_digest: approve.plan_digest,
            comment: comment.to_owned(),
            ..Default::default()
        };
        let response = self.approvals().reject_approval(reject).await?.into_inner();
        Ok(response.approval.expect("an answer has the approval"))
    }

    /// Takes a request back.
    pub(crate) async fn try_cancel(&self, request: &str) -> Result<pb::Request, Error> {
        let cancel = pb::CancelRequestRequest { name: request.to_owned(), ..Default::default() };
        Ok(self.requests().cancel_request(cancel).await?.into_inner().request.unwrap_or_default())
    }

    /// Sends a failed request on its way again.
    pub(crate) async fn retry(&self, request: &str) -> pb::Request {
        let retry = pb::RetryRequestRequest { name: request.to_owned(), ..Default::default() };
        self.requests().retry_request(retry).await.expect("the request can be retried").into_inner().request.unwrap()
    }

    /// A deployment of the unit by its id.
    pub(crate) async fn deployment(&self, id: &str) -> pb::Deployment {
        let request = pb::GetDeploymentRequest { name: deployment_name(id) };
        self.deployments().get_deployment(request).await.expect("the deployment can be read").into_inner()
    }

    /// The revisions of a deployment, the newest first.
    pub(crate) async fn revisions(&self, id: &str) -> Vec<pb::Revision> {
        let request = pb::ListRevisionsRequest { parent: deployment_name(id), ..Default::default() };
        self.list_revisions(request).try_collect().await.expect("the revisions can be read")
    }

    /// A job.
    pub(crate) async fn job(&self, name: &str) -> pb::Job {
        let request = pb::GetJobRequest { name: name.to_owned() };
        self.jobs().get_job(request).await.expect("the job can be read").into_inner()
    }

    /// Waits until something holds for a job.
    pub(crate) async fn until_job(&self, name: &str, what: &str, holds: impl Fn(&pb::Job) -> bool) -> pb::Job {
        let updates = self.watch_job(name, "");
        pin_mut!(updates);
        let wait = async {
            while let Some(event) = updates.next().await {
                if let Event::Item(update) = event.expect("the watch goes on") {
                    let job = update.job.expect("an update has the job");
                    if holds(&job) {
                        return job;
                    }
                }
            }
            panic!("the watch ended, and never {what}");
        };
        match timeout(PATIENCE, wait).await {
            Ok(job) => job,
            Err(_) => panic!("never {what}: {:?}", self.job(name).await),
        }
    }

    /// Waits until a job has ended.
    pub(crate) async fn until_job_ended(&self, name: &str) -> pb::Job {
        self.until_job(name, "the job has ended", |job| has_ended(job.state())).await
    }

    /// Asks for the end of a job.
    pub(crate) async fn try_cancel_job(&self, name: &str) -> Result<pb::Job, Error> {
        let cancel = pb::CancelJobRequest { name: name.to_owned(), ..Default::default() };
        Ok(self.jobs().cancel_job(cancel).await?.into_inner().job.unwrap_or_default())
    }

    /// The whole log of a job.
    pub(crate) async fn log(&self, job: &str) -> Log {
        Log::of(&self.0, job).await
    }

    /// Waits until a job has printed something, which needs not have ended.
    pub(crate) async fn until_printed(&self, job: &str, text: &str) {
        let tail = self.tail_job_logs(job, "", true);
        pin_mut!(tail);
        let mut seen = String::new();
        let wait = async {
            while let Some(event) = tail.next().await {
                if let Event::Item(chunk) = event.expect("the tail goes on") {
                    seen.extend(chunk.lines.iter().map(|line| String::from_utf8_lossy(&line.data).into_owned()));
                    if seen.contains(text) {
                        return true;
                    }
                }
            }
            false
        };
        let printed = timeout(PATIENCE, wait).await;
        assert!(printed == Ok(true), "{text:?} was never printed: {seen}");
    }

    /// Audit events that match a filter, the oldest first.
    pub(crate) async fn audited(&self, filter: &str) -> Vec<pb::AuditEvent> {
        let request =
            pb::ListAuditEventsRequest { filter: filter.to_owned(), order_by: "time".to_owned(), ..Default::default() };
        self.list_audit_events(request).try_collect().await.expect("the audit can be read")
    }

    /// Switches the automatic approval of an approval policy.
    pub(crate) async fn set_auto_approve(&self, policy: &str, enabled: bool) {
        self.change_policy(policy, "auto_approve", |policy| {
            policy.auto_approve.get_or_insert_default().enabled = enabled;
        })
        .await;
    }

    /// Changes one field of an approval policy.
    pub(crate) async fn change_policy(&self, id: &str, mask: &str, change: impl FnOnce(&mut pb::ApprovalPolicy)) {
        let name = format!("approvalPolicies/{id}");
        let get = pb::GetApprovalPolicyRequest { name };
        let found = self.approval_policies().get_approval_policy(get).await;
        let mut policy = found.expect("the approval policy can be read").into_inner();
        change(&mut policy);
        let request = pb::UpdateApprovalPolicyRequest {
            approval_policy: Some(policy),
            update_mask: Some(prost_types::FieldMask { paths: vec![mask.to_owned()] }),
            ..Default::default()
        };
        let changed = self.approval_policies().update_approval_policy(request).await;
        changed.unwrap_or_else(|status| panic!("the approval policy can be changed: {:?}", Error::from(status)));
    }

    /// Waits until the unit has this many requests.
    pub(crate) async fn all_requests_until(&self, count: usize) -> Vec<pb::Request> {
        found("another request", || async {
            let all = self.all_requests().await;
            (all.len() >= count).then_some(all)
        })
        .await
    }

    /// All requests of the unit, the oldest first.
    pub(crate) async fn all_requests(&self) -> Vec<pb::Request> {
        let request = pb::ListRequestsRequest {
            parent: UNIT.to_owned(),
            order_by: "create_time".to_owned(),
            page_size: 200,
            ..Default::default()
        };
        self.list_requests(request).try_collect().await.expect("the requests can be read")
    }
}

/// ApproveApproval of what somebody sees of a request.
pub(crate) fn approval_of(request: &pb::Request) -> pb::ApproveApprovalRequest {
    pb::ApproveApprovalRequest {
        name: request.approval.clone(),
        content_hash: request.content_hash.clone(),
        plan_digest: request.plan.as_ref().map(|plan| plan.digest.clone()).unwrap_or_default(),
        ..Default::default()
    }
}

/// Whether a job will do nothing more.
pub(crate) fn has_ended(state: JobState) -> bool {
    matches!(state, JobState::Succeeded | JobState::Failed | JobState::DeadLettered | JobState::Cancelled)
}

/// Asserts that a call was refused for a reason.
#[track_caller]
pub(crate) fn refused<T: std::fmt::Debug>(result: Result<T, Error>, reason: ErrorReason) -> Error {
    let error = result.expect_err("the call is refused");
    assert!(error.is(reason), "{} was expected: {error:?}", reason.as_str_name());
    error
}
