//! The main line with real Terraform: ordered, planned, approved, applied, watched, changed and destroyed.

use std::collections::BTreeMap;

use flagstone_client::pb::{
    ApprovalMethod, DeploymentState, ErrorReason, JobState, RequestKind, RequestState, ResourceAction, RevisionState,
};
use flagstone_client::{Event, pb};
use futures::{StreamExt, pin_mut};
use serde_json::{Value, json};

use crate::support::line::log::sha256;
use crate::support::line::person::refused;
use crate::support::line::{Line, Order, bundle, destroy, update};

/// The states that a request passes when people are asked.
const ALL_THE_WAY: [RequestState; 5] = [
    RequestState::Planning,
    RequestState::PendingApproval,
    RequestState::Approved,
    RequestState::Applying,
    RequestState::Completed,
];

#[tokio::test(flavor = "multi_thread")]
async fn in_development_the_policy_approves_and_a_deployment_with_outputs_remains() {
    let Some(line) = Line::start("in_development_the_policy_approves").await else { return };
    let request = line.dev.order(Order::new("config-bundle", "limits", bundle("1"))).await;
    assert_eq!((request.code.as_str(), request.kind()), ("R-1", RequestKind::Create));
    let request = line.dev.until(&request.name, RequestState::Completed).await;
    assert_eq!(request.jobs.len(), 2, "a plan and an apply: {:?}", request.jobs);

    let approval = line.approver.approval(&request.approval).await;
    assert_eq!(approval.method(), ApprovalMethod::Policy);
    assert_eq!(approval.approval_policy, "approvalPolicies/development-auto");
    assert!(!approval.policy_reason.is_empty());

    let deployment = line.dev.deployment("limits").await;
    assert_eq!(deployment.state(), DeploymentState::Active);
    assert_eq!((deployment.current_revision, deployment.resource_count), (1, 2));
    assert_eq!(deployment.tags.get("business_unit").map(String::as_str), Some("SANDBOX"));
    let outputs = outputs(&deployment);
    assert_eq!(outputs["entries_count"], json!(1));
    assert_eq!(outputs["digest"].as_str().map(str::len), Some(64));
    let key = deployment.outputs.iter().find(|output| output.output == "access_key").unwrap();
    assert!(key.sensitive && !shown(key).to_string().contains(char::is_alphanumeric), "{key:?}");

    let [revision] = line.dev.revisions("limits").await.try_into().unwrap();
    assert_eq!((revision.number, revision.state()), (1, RevisionState::Succeeded));
    assert_eq!(revision.plan_digest, request.plan.unwrap().digest);
    assert_eq!(revision.request, request.name);
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_production_another_person_approves_exactly_the_plan_that_is_shown() {
    let Some(line) = Line::start("in_production_another_person_approves").await else { return };
    let mut inputs = bundle("1");
    inputs["rollout_seconds"] = json!(2);
    let order = Order::new("config-bundle", "limits", inputs).in_production();
    refused(line.dev.try_order(order.clone()).await, ErrorReason::AccessDenied);
    let request = line.admin.order(order).await;
    let watched = tokio::task::spawn(states_until_end(line.admin.clone(), request.name.clone()));

    let request = line.approver.until(&request.name, RequestState::PendingApproval).await;
    let plan = line.approver.plan(&request.name).await;
    let summary = plan.summary.clone().unwrap();
    assert_eq!((summary.add, summary.change, summary.destroy), (3, 0, 0));
    let addresses: Vec<&str> = plan.changes.iter().map(|change| change.address.as_str()).collect();
    assert_eq!(
        addresses,
        ["terraform_data.bundle", "terraform_data.replica[0]", "terraform_data.rollout[0]"],
        "{plan:?}"
    );
    assert!(plan.changes.iter().all(|change| change.action() == ResourceAction::Create));
    assert!(plan.text.contains("# terraform_data.bundle will be created"), "{}", plan.text);
    assert_eq!(request.plan.as_ref().unwrap().digest, summary.digest);
    let approval = line.approver.approval(&request.approval).await;
    assert!(approval.can_decide, "{}", approval.cannot_decide_reason);
    assert_eq!((&approval.plan_digest, &approval.content_hash), (&summary.digest, &request.content_hash));
    line.approver.approve(&request).await;

    let job = line.admin.request(&request.name).await.jobs.pop().unwrap();
    watch_the_log(&line, &job).await;
    let request = line.admin.until(&request.name, RequestState::Completed).await;
    assert_eq!(watched.await.unwrap(), ALL_THE_WAY);
    let [revision] = line.admin.revisions("limits").await.try_into().unwrap();
    assert_eq!(revision.approval, request.approval);
    line.finish().await;
}

/// Follows the log of an apply that lasts: lines come while it runs, and the end's hash is that of what came.
async fn watch_the_log(line: &Line, job: &str) {
    let tail = line.admin.tail_job_logs(job, "", true);
    pin_mut!(tail);
    let mut lines = Vec::new();
    let end = loop {
        match tail.next().await.unwrap().unwrap() {
            Event::Item(chunk) => {
                if lines.is_empty() {
                    let job = line.admin.job(job).await;
                    assert_eq!((job.state(), job.end_time), (JobState::Running, None), "the first line comes early");
                }
                lines.extend(chunk.lines);
            }
            Event::End(end) => break end,
        }
    };
    assert!(end.complete);
    assert_eq!((end.state(), end.dropped), (JobState::Succeeded, 0));
    assert_eq!(end.last_seq, i64::try_from(lines.len()).unwrap());
    assert_eq!(end.sha256, sha256(&lines));
    let text: String = lines.iter().map(|line| String::from_utf8_lossy(&line.data)).collect();
    assert!(text.contains("rollout: second 2 of 2"), "{text}");
}

/// Every state of a request that its watch tells, in order.
async fn states_until_end(person: crate::support::line::Person, name: String) -> Vec<RequestState> {
    let updates = person.watch_request(&name, "");
    pin_mut!(updates);
    let mut states = Vec::new();
    while let Some(event) = updates.next().await {
        if let Event::Item(update) = event.unwrap() {
            states.extend(update.timeline.iter().map(pb::TimelineEntry::state));
        }
    }
    states.dedup();
    states
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_tells_what_changes_in_place_what_is_replaced_and_why() {
    let Some(line) = Line::start("an_update_tells_what_changes").await else { return };
    line.dev.order_and_wait(Order::new("config-bundle", "limits", bundle("1"))).await;
    let first = outputs(&line.dev.deployment("limits").await);

    let request = line.dev.order_and_wait(update("limits", &bundle("2"))).await;
    let plan = line.dev.plan(&request.name).await;
    let changes: Vec<_> = plan.changes.iter().map(|change| (change.address.as_str(), change.action())).collect();
    let in_place = ResourceAction::Update;
    assert_eq!(changes, [("terraform_data.bundle", in_place), ("terraform_data.replica[0]", in_place)]);
    let entry = plan.changes[0].attributes.iter().find(|change| change.path.contains("entries")).unwrap();
    assert!(format!("{:?}", entry.before).contains("\"1\"") && format!("{:?}", entry.after).contains("\"2\""));
    assert!(!entry.forces_replacement);
    let second = outputs(&line.dev.deployment("limits").await);
    assert_eq!(first["bundle_id"], second["bundle_id"], "in place keeps the id");
    assert_ne!(first["digest"], second["digest"]);

    let mut inputs = bundle("2");
    inputs["label"] = json!("green");
    let request = line.dev.order_and_wait(update("limits", &inputs)).await;
    let plan = line.dev.plan(&request.name).await;
    let bundle = plan.changes.iter().find(|change| change.address == "terraform_data.bundle").unwrap();
    assert_eq!(bundle.action(), ResourceAction::Replace);
    assert!(!bundle.reason.is_empty());
    let label = bundle.attributes.iter().find(|change| change.path.contains("triggers_replace")).unwrap();
    assert!(label.forces_replacement, "{bundle:?}");
    let third = outputs(&line.dev.deployment("limits").await);
    assert_ne!(second["bundle_id"], third["bundle_id"], "another one has another id");

    let revisions = line.dev.revisions("limits").await;
    let states: BTreeMap<i32, RevisionState> =
        revisions.iter().map(|revision| (revision.number, revision.state())).collect();
    let old = RevisionState::Superseded;
    assert_eq!(states, BTreeMap::from([(1, old), (2, old), (3, RevisionState::Succeeded)]));
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destruction_removes_everything_and_keeps_the_record() {
    let Some(line) = Line::start("a_destruction_removes_everything").await else { return };
    line.dev.order_and_wait(Order::new("config-bundle", "limits", bundle("1"))).await;
    let request = line.dev.order_and_wait(destroy("limits")).await;
    let plan = line.dev.plan(&request.name).await;
    assert!(plan.changes.iter().all(|change| change.action() == ResourceAction::Destroy), "{plan:?}");
    let summary = plan.summary.unwrap();
    assert_eq!((summary.add, summary.change, summary.destroy), (0, 0, 2));

    let deployment = line.dev.deployment("limits").await;
    assert_eq!((deployment.state(), deployment.resource_count), (DeploymentState::Deleted, 0));
    refused(line.dev.try_order(update("limits", &bundle("2"))).await, ErrorReason::WrongState);
    let again = line.dev.try_order(Order::new("config-bundle", "limits", bundle("1"))).await;
    refused(again, ErrorReason::AlreadyExists);
    line.finish().await;
}

/// The outputs of a deployment as JSON.
fn outputs(deployment: &pb::Deployment) -> BTreeMap<String, Value> {
    deployment.outputs.iter().map(|output| (output.output.clone(), shown(output))).collect()
}

fn shown(output: &pb::Output) -> Value {
    output.value.as_ref().map(flagstone_server::convert::value_from_proto).unwrap_or_default()
}
