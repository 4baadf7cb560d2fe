//! Who decides, what a decision needs, and what it leads to. A scripted runner makes the plans.

use std::time::Duration;

use flagstone_client::pb;
use flagstone_client::pb::{ApprovalState, DeploymentState, ErrorReason, JobKind, RequestState};
use futures::future::join;

use crate::support::ScriptedRunner;
use crate::support::app::PASSWORD;
use crate::support::line::person::{approval_of, refused};
use crate::support::line::sql::id;
use crate::support::line::{Line, Order, Person, bundle, until};

/// A server with a runner that follows a script, where people decide in every tier.
async fn stage() -> (Line, ScriptedRunner) {
    let line = Line::without_runner().await;
    line.let_people_decide().await;
    let runner = ScriptedRunner::start(&line.app).await;
    (line, runner)
}

/// An order whose plan waits for approval.
async fn pending(person: &Person, runner: &ScriptedRunner, order: Order) -> pb::Request {
    let request = person.order(order).await;
    let assignment = runner.take_job(&request.jobs[0]).await;
    runner.run(&assignment).await.unwrap();
    let request = person.request(&request.name).await;
    assert_eq!(request.state(), RequestState::PendingApproval, "{:?}", request.error);
    request
}

fn order(deployment: &str) -> Order {
    Order::new("config-bundle", deployment, bundle("1"))
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_decides_their_own_request_whatever_they_may_else() {
    let (line, runner) = stage().await;
    // A developer who is also an approver, and the administrator, who may do everything else.
    line.app.bind("dev", "it-engineer", "sandbox").await;
    for (person, request) in [
        (&line.dev, pending(&line.dev, &runner, order("one")).await),
        (&line.admin, pending(&line.admin, &runner, order("two").in_production()).await),
    ] {
        refused(person.try_approve(&request).await, ErrorReason::SelfApproval);
        refused(person.try_reject(&request, "no").await, ErrorReason::SelfApproval);
        let dry = pb::ApproveApprovalRequest { validate_only: true, ..approval_of(&request) };
        let dry = person.approvals().approve_approval(dry).await.map_err(Into::into);
        refused(dry, ErrorReason::SelfApproval);
        let approval = person.approval(&request.approval).await;
        assert!(!approval.can_decide && !approval.cannot_decide_reason.is_empty());
        // A new session is the same person.
        let again = Person::log_in(&line.app.url(), request.requester.trim_start_matches("users/"), PASSWORD).await;
        refused(again.try_approve(&request).await, ErrorReason::SelfApproval);
        assert_eq!(person.request(&request.name).await.state(), RequestState::PendingApproval);
        person.try_cancel(&request.name).await.unwrap();
    }
    drop(runner);
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_developer_neither_decides_nor_sees_approvals() {
    let (line, runner) = stage().await;
    let request = pending(&line.admin, &runner, order("limits").in_production()).await;
    let error = refused(line.dev.try_approve(&request).await, ErrorReason::NotFound);
    let mut absent = request.clone();
    absent.approval = "approvals/0190b3a4-0000-7000-8000-000000000000".to_owned();
    let unknown = refused(line.dev.try_approve(&absent).await, ErrorReason::NotFound);
    assert_eq!(error.message.replace(&request.approval, ""), unknown.message.replace(&absent.approval, ""));
    refused(line.dev.try_reject(&request, "no").await, ErrorReason::NotFound);
    line.admin.try_cancel(&request.name).await.unwrap();
    drop(runner);
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_decide_but_is_not_named_by_the_stage_is_refused() {
    let (line, runner) = stage().await;
    line.admin
        .change_policy("production", "stages", |policy| policy.stages[0].approvers = vec!["roles/it-engineer".into()])
        .await;
    line.app.user("owner", &[("bu-owner", "sandbox")]).await;
    let owner = Person::log_in(&line.app.url(), "owner", PASSWORD).await;
    let request = pending(&line.admin, &runner, order("limits").in_production()).await;
    refused(owner.try_approve(&request).await, ErrorReason::NotAnApprover);
    assert!(!owner.approval(&request.approval).await.can_decide);
    let inbox = line.approver.approvals().list_approvals(pb::ListApprovalsRequest::default()).await;
    assert!(inbox.unwrap().into_inner().approvals.iter().all(|approval| approval.can_decide), "the inbox says so, too");
    line.approver.approve(&request).await;
    line.admin.try_cancel(&request.name).await.unwrap();
    drop(runner);
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_decide_at_once_one_wins_and_one_job_follows() {
    let (line, runner) = stage().await;
    for round in 0..20 {
        let request = pending(&line.dev, &runner, order(&format!("limits-{round}"))).await;
        let (one, other) = if round % 2 == 0 {
            join(line.approver.try_approve(&request), line.admin.try_approve(&request)).await
        } else {
            join(line.approver.try_approve(&request), line.admin.try_reject(&request, "no")).await
        };
        assert!(one.is_ok() != other.is_ok(), "exactly one wins: {one:?} {other:?}");
        let error = one.as_ref().err().or(other.as_ref().err()).unwrap();
        assert!(error.is(ErrorReason::WrongState) || error.is(ErrorReason::EtagMismatch), "{error:?}");
        let applies = "SELECT count(*) FROM jobs WHERE request_id = $1 AND kind = 'APPLY'";
        let applies: i64 = line.sql.one(applies, &[&id(&request.name)]).await;
        let after = line.dev.request(&request.name).await;
        if round % 2 == 1 && other.is_ok() {
            assert_eq!((after.state(), applies), (RequestState::Rejected, 0));
        } else {
            assert_eq!((after.state(), applies), (RequestState::Approved, 1));
            runner.run(&runner.take_job(after.jobs.last().unwrap()).await).await.unwrap();
            assert_eq!(line.dev.request(&request.name).await.state(), RequestState::Completed);
        }
        let approval = line.approver.approval(&request.approval).await;
        assert_eq!(approval.decisions.len(), 1, "{approval:?}");
    }
    drop(runner);
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_was_taken_back_cannot_be_approved_and_frees_its_id() {
    let (line, runner) = stage().await;
    let request = pending(&line.dev, &runner, order("limits")).await;
    let cancelled = line.dev.try_cancel(&request.name).await.unwrap();
    assert_eq!(cancelled.state(), RequestState::Cancelled);
    refused(line.approver.try_approve(&request).await, ErrorReason::WrongState);
    refused(line.approver.try_reject(&request, "no").await, ErrorReason::WrongState);
    refused(line.dev.try_cancel(&request.name).await, ErrorReason::WrongState);
    assert_eq!(line.approver.approval(&request.approval).await.state(), ApprovalState::Withdrawn);
    let again = pending(&line.dev, &runner, order("limits")).await;
    assert_eq!(again.deployment, request.deployment);
    line.dev.try_cancel(&again.name).await.unwrap();
    drop(runner);
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_needs_a_reason_and_keeps_it() {
    let (line, runner) = stage().await;
    let request = pending(&line.dev, &runner, order("limits")).await;
    for blank in ["", "   ", "\n\t"] {
        let error = refused(line.approver.try_reject(&request, blank).await, ErrorReason::FieldInvalid);
        let fields: Vec<&str> = error.violations.fields.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, ["comment"]);
    }
    line.approver.try_reject(&request, "Too large for what it is for.").await.unwrap();
    let rejected = line.dev.request(&request.name).await;
    assert_eq!(rejected.state(), RequestState::Rejected);
    let timeline = pb::ListRequestTimelineRequest { parent: request.name.clone(), ..Default::default() };
    let entries = line.dev.requests().list_request_timeline(timeline).await.unwrap().into_inner().entries;
    let last = entries.last().unwrap();
    assert_eq!((last.event.as_str(), last.principal.as_str()), ("rejected", "users/approver"));
    assert_eq!(last.comment, "Too large for what it is for.");
    let approval = line.approver.approval(&request.approval).await;
    assert_eq!((approval.state(), approval.decisions.len()), (ApprovalState::Rejected, 1));
    // Readable for ever, and nothing can be done with it any more.
    assert_eq!(line.dev.plan(&request.name).await.summary, request.plan);
    refused(line.approver.try_approve(&request).await, ErrorReason::WrongState);
    let retry = pb::RetryRequestRequest { name: request.name.clone(), ..Default::default() };
    let retried = line.dev.requests().retry_request(retry).await.map_err(Into::into);
    refused(retried, ErrorReason::WrongState);
    drop(runner);
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_about_something_else_than_what_would_happen_does_not_count() {
    let (line, runner) = stage().await;
    let request = pending(&line.dev, &runner, order("limits")).await;
    let right = approval_of(&request);
    let wrong = [
        pb::ApproveApprovalRequest { plan_digest: "0".repeat(64), ..right.clone() },
        pb::ApproveApprovalRequest { content_hash: "0".repeat(64), ..right.clone() },
        pb::ApproveApprovalRequest { plan_digest: right.content_hash.clone(), ..right.clone() },
    ];
    for wrong in wrong {
        let result = line.approver.approvals().approve_approval(wrong).await.map_err(Into::into);
        refused(result, ErrorReason::ContentChanged);
    }
    let nothing = pb::ApproveApprovalRequest { name: right.name, ..Default::default() };
    let error = line.approver.approvals().approve_approval(nothing).await.map_err(Into::into);
    let error = refused(error, ErrorReason::FieldInvalid);
    let fields: Vec<&str> = error.violations.fields.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["content_hash", "plan_digest"], "all at once");
    assert_eq!(line.dev.request(&request.name).await.state(), RequestState::PendingApproval);
    line.approver.approve(&request).await;
    line.dev.try_cancel(&request.name).await.unwrap();
    drop(runner);
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quorum_of_two_needs_two_people() {
    let (line, runner) = stage().await;
    line.admin.change_policy("development-auto", "stages", |policy| policy.stages[0].quorum = 2).await;
    let request = pending(&line.dev, &runner, order("limits")).await;
    let approval = line.approver.approve(&request).await;
    assert_eq!((approval.state(), approval.stages[0].approved), (ApprovalState::Pending, 1));
    refused(line.approver.try_approve(&request).await, ErrorReason::AlreadyDecided);
    refused(line.approver.try_reject(&request, "on second thoughts").await, ErrorReason::AlreadyDecided);
    let jobs = line.dev.request(&request.name).await.jobs;
    assert_eq!(jobs.len(), 1, "nothing is applied before the quorum");
    let approval = line.admin.approve(&request).await;
    assert_eq!((approval.state(), approval.decisions.len()), (ApprovalState::Approved, 2));
    let request = line.dev.request(&request.name).await;
    assert_eq!(request.state(), RequestState::Approved);
    let assignment = runner.take_job(request.jobs.last().unwrap()).await;
    assert_eq!(assignment.kind(), JobKind::Apply);
    runner.run(&assignment).await.unwrap();
    drop(runner);
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_decides_in_time_expires() {
    let (line, runner) = stage().await;
    line.admin
        .change_policy("development-auto", "ttl", |policy| {
            policy.ttl = Some(Duration::from_secs(24 * 3600).try_into().unwrap());
        })
        .await;
    let request = pending(&line.dev, &runner, order("limits")).await;
    let approval = line.approver.approval(&request.approval).await;
    let (opened, ends) = (approval.create_time.unwrap(), approval.expire_time.unwrap());
    assert!((24 * 3600 - 5..=24 * 3600 + 5).contains(&(ends.seconds - opened.seconds)), "the policy's time counts");
    let expire = "UPDATE approvals SET expire_time = now() - interval '1 second' WHERE id = $1";
    line.sql.run(expire, &[&id(&request.approval)]).await;
    line.dev.until(&request.name, RequestState::Expired).await;
    assert_eq!(line.approver.approval(&request.approval).await.state(), ApprovalState::Expired);
    refused(line.approver.try_approve(&request).await, ErrorReason::WrongState);
    until("the id of the deployment is free", || async { line.dev.try_order(order("limits")).await.is_ok() }).await;
    drop(runner);
    line.app.finish_with_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_create_leaves_a_deleted_deployment_and_no_revision() {
    let (line, runner) = stage().await;
    let request = pending(&line.dev, &runner, order("limits")).await;
    assert_eq!(line.dev.deployment("limits").await.state(), DeploymentState::Pending);
    line.dev.try_cancel(&request.name).await.unwrap();
    let deleted = "SELECT state FROM deployments WHERE last_request_id = $1 OR id = (SELECT deployment_id FROM requests WHERE id = $1)";
    assert_eq!(line.sql.one::<String>(deleted, &[&id(&request.name)]).await, "DELETED");
    assert_eq!(line.sql.one::<i64>("SELECT count(*) FROM revisions", &[]).await, 0);
    drop(runner);
    line.finish().await;
}
