//! An apply carries out exactly the plan that was approved. Whatever moved between approval and apply, real Terraform
//! plans again, and only the same plan keeps its approval.
//!
//! The apply is held in the line while something moves, as by another job of its deployment.

use flagstone_client::pb;
use flagstone_client::pb::request::Payload;
use flagstone_client::pb::{ApprovalState, ErrorReason, JobState, RequestState};
use flagstone_server::convert::json_to_struct;
use flagstone_server::vault::Vault;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::app::MASTER_KEY;
use crate::support::line::person::refused;
use crate::support::line::sql::id;
use crate::support::line::{Line, Order, bundle, update};

/// The end of a request whose plan was made twice and applied once.
async fn assert_applied_once(line: &Line, name: &str) {
    let request = line.dev.until(name, RequestState::Completed).await;
    let mut started = 0;
    for job in &request.jobs {
        started += i32::from(line.dev.job(job).await.apply_started);
    }
    assert_eq!(started, 1, "{:?}", request.jobs);
}

/// A request that is approved by a person while its deployment is held, so that its apply waits.
async fn approved_but_held(line: &Line, order: impl Into<pb::CreateRequestRequest>) -> pb::Request {
    let request = line.dev.order(order).await;
    let request = line.dev.until(&request.name, RequestState::PendingApproval).await;
    line.sql.hold(&request.name).await;
    line.approver.approve(&request).await;
    let request = line.dev.until(&request.name, RequestState::Approved).await;
    assert_eq!(line.dev.job(request.jobs.last().unwrap()).await.state(), JobState::Queued);
    request
}

/// Lets the apply go and expects that the same plan was made again, its approval kept and the apply done.
async fn assert_confirmed(line: &Line, approved: &pb::Request, event: &str) {
    line.sql.release(&approved.name).await;
    assert_applied_once(line, &approved.name).await;
    let request = line.dev.request(&approved.name).await;
    assert_eq!(request.approval, approved.approval, "the approval is kept");
    assert_eq!(request.plan.as_ref().unwrap().digest, approved.plan.as_ref().unwrap().digest);
    let events: Vec<String> = line.dev.timeline(&approved.name).await.into_iter().map(|(event, _)| event).collect();
    assert!(events.windows(2).any(|pair| pair == [event, "plan_confirmed"]), "{events:?}");
    // The apply that was in the way of it never began.
    let job = line.dev.job(approved.jobs.last().unwrap()).await;
    assert_eq!((job.state(), job.apply_started), (JobState::Cancelled, false));
    assert_eq!(request.jobs.len(), approved.jobs.len() + 2, "a plan and an apply more");
}

/// Lets the apply go and expects that people are asked again, and told what differs.
async fn assert_stale(line: &Line, approved: &pb::Request) -> pb::Plan {
    line.sql.release(&approved.name).await;
    let request = line.dev.until(&approved.name, RequestState::PendingApproval).await;
    assert_ne!(request.approval, approved.approval, "another approval is asked for");
    assert!(request.error.as_ref().unwrap().message.contains("PLAN_STALE"), "{:?}", request.error);
    let old = line.approver.approval(&approved.approval).await;
    assert_eq!(old.state(), ApprovalState::Superseded);
    let plan = line.approver.plan(&request.name).await;
    assert!(!plan.differences.is_empty());

    // What was approved before counts no more, whichever way it is presented.
    refused(line.approver.try_approve(approved).await, ErrorReason::WrongState);
    let mut mixed = approved.clone();
    mixed.approval.clone_from(&request.approval);
    refused(line.approver.try_approve(&mixed).await, ErrorReason::ContentChanged);
    line.approver.approve(&request).await;
    assert_applied_once(line, &request.name).await;
    plan
}

#[tokio::test(flavor = "multi_thread")]
async fn inputs_that_change_after_the_approval_void_it() {
    let Some(line) = Line::start("inputs_that_change_after_the_approval").await else { return };
    line.let_people_decide().await;
    let approved = approved_but_held(&line, Order::new("config-bundle", "limits", bundle("1"))).await;
    let mut changed = Order::new("config-bundle", "limits", bundle("2")).request();
    changed.name.clone_from(&approved.name);
    changed.etag.clone_from(&approved.etag);
    let change = pb::UpdateRequestRequest { request: Some(changed), ..Default::default() };
    let request = line.dev.requests().update_request(change).await.unwrap().into_inner();
    assert_eq!((request.state(), request.content_revision), (RequestState::Planning, 2));
    assert_eq!(request.approval, "");
    assert_eq!(line.approver.approval(&approved.approval).await.state(), ApprovalState::Superseded);
    refused(line.approver.try_approve(&approved).await, ErrorReason::WrongState);

    line.sql.release(&approved.name).await;
    let request = line.dev.until(&approved.name, RequestState::PendingApproval).await;
    assert_ne!(request.content_hash, approved.content_hash);
    line.approver.approve(&request).await;
    assert_applied_once(&line, &request.name).await;
    let deployment = line.dev.deployment("limits").await;
    assert_eq!(flagstone_server::convert::struct_to_json(&deployment.inputs.unwrap())["entries"]["key"], "2");
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_is_too_old_is_made_again_and_keeps_its_approval() {
    let Some(line) = Line::start("a_plan_that_is_too_old").await else { return };
    line.let_people_decide().await;
    let approved = approved_but_held(&line, Order::new("config-bundle", "limits", bundle("1"))).await;
    let expire = "UPDATE plans SET expire_time = now() - interval '1 second' WHERE request_id = $1";
    assert_eq!(line.sql.run(expire, &[&id(&approved.name)]).await, 1);
    assert_confirmed(&line, &approved, "plan_void").await;
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_flipped_bit_of_the_stored_plan_is_never_applied_and_is_told() {
    let Some(line) = Line::start("one_flipped_bit").await else { return };
    line.let_people_decide().await;
    let approved = approved_but_held(&line, Order::new("config-bundle", "limits", bundle("1"))).await;
    let flip = "UPDATE plans SET file_ciphertext =
                set_bit(file_ciphertext, 8 * (length(file_ciphertext) / 2),
                1 - get_bit(file_ciphertext, 8 * (length(file_ciphertext) / 2))) WHERE request_id = $1";
    assert_eq!(line.sql.run(flip, &[&id(&approved.name)]).await, 1);
    assert_confirmed(&line, &approved, "plan_tampered").await;
    let told = line.admin.audited(r#"action = "plan_tampered""#).await;
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].object.as_str(), told[0].outcome()), (approved.name.as_str(), pb::AuditOutcome::Failure));
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plan_of_another_request_does_not_open_in_its_place() {
    let Some(line) = Line::start("the_plan_of_another_request").await else { return };
    line.let_people_decide().await;
    let other = line.dev.order(Order::new("config-bundle", "other", bundle("9"))).await;
    let other = line.dev.until(&other.name, RequestState::PendingApproval).await;
    let approved = approved_but_held(&line, Order::new("config-bundle", "limits", bundle("1"))).await;
    let swap = "UPDATE plans SET (file_ciphertext, file_sha256) =
                (SELECT file_ciphertext, file_sha256 FROM plans WHERE request_id = $2) WHERE request_id = $1";
    assert_eq!(line.sql.run(swap, &[&id(&approved.name), &id(&other.name)]).await, 1);
    assert_confirmed(&line, &approved, "plan_tampered").await;
    line.dev.try_cancel(&other.name).await.unwrap();
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_version_of_a_policy_that_applied_asks_people_again() {
    let Some(line) = Line::start("another_version_of_a_policy").await else { return };
    line.let_people_decide().await;
    let approved = approved_but_held(&line, Order::new("config-bundle", "limits", bundle("1"))).await;
    let change = "UPDATE policies SET version = version + 1 WHERE slug = 'required-tags'";
    assert_eq!(line.sql.run(change, &[]).await, 1);
    let plan = assert_stale(&line, &approved).await;
    let difference = plan.differences.iter().find(|found| found.path.contains("required-tags"));
    let difference = difference.unwrap_or_else(|| panic!("{:?}", plan.differences));
    assert_eq!((difference.approved.as_str(), difference.current.as_str()), ("1", "2"));
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_whose_serial_moved_is_planned_again_and_keeps_its_approval() {
    let Some(line) = Line::start("a_state_whose_serial_moved").await else { return };
    line.dev.order_and_wait(Order::new("config-bundle", "limits", bundle("1"))).await;
    line.let_people_decide().await;
    let approved = approved_but_held(&line, update("limits", &bundle("2"))).await;
    write_state(&line, "limits", |_| ()).await;
    assert_confirmed(&line, &approved, "plan_void").await;
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_makes_another_plan_asks_people_again_with_the_difference() {
    let Some(line) = Line::start("a_state_that_makes_another_plan").await else { return };
    line.dev.order_and_wait(Order::new("config-bundle", "limits", bundle("1"))).await;
    line.let_people_decide().await;
    let approved = approved_but_held(&line, update("limits", &bundle("2"))).await;
    // Somebody removed the replica: it would be made again instead of changed.
    write_state(&line, "limits", |state| {
        state["resources"].as_array_mut().unwrap().retain(|resource| resource["name"] != "replica");
    })
    .await;
    let plan = assert_stale(&line, &approved).await;
    let difference = plan.differences.iter().find(|found| found.path.contains("terraform_data.replica[0]"));
    let difference = difference.unwrap_or_else(|| panic!("{:?}", plan.differences));
    assert_ne!(difference.approved, difference.current);
    line.finish().await;
}

/// Stores another state of a deployment with the next serial, as something past the main line would.
async fn write_state(line: &Line, deployment: &str, change: impl FnOnce(&mut Value)) {
    let find = "SELECT to_jsonb(found) FROM (
                  SELECT s.organization_id, s.deployment_id, s.serial, s.fence, encode(s.ciphertext, 'hex') AS sealed
                  FROM workspace_states s JOIN deployments d ON d.id = s.deployment_id
                  WHERE d.slug = $1 AND s.state = 'STORED' ORDER BY s.serial DESC LIMIT 1) found";
    let found: Value = line.sql.one(find, &[&deployment]).await;
    let vault = Vault::from_master_key(MASTER_KEY.as_bytes());
    let [organization, of] = ["organization_id", "deployment_id"].map(|key| found[key].as_str().unwrap());
    let fence = found["fence"].as_i64().unwrap();
    let bound_to = |serial: i64| format!("{organization}/deployments/{of}/states/{serial}.{fence}");
    let serial = found["serial"].as_i64().unwrap();
    let sealed = hex::decode(found["sealed"].as_str().unwrap()).unwrap();
    let mut state: Value = serde_json::from_slice(&vault.open(&bound_to(serial), &sealed).unwrap()).unwrap();
    state["serial"] = json!(serial + 1);
    change(&mut state);
    let sealed = vault.seal(&bound_to(serial + 1), &serde_json::to_vec(&state).unwrap()).unwrap();
    let of: Uuid = of.parse().unwrap();
    let insert = "INSERT INTO workspace_states
                  (organization_id, deployment_id, serial, fence, lineage, ciphertext, sha256, resource_count, job_id, state)
                  SELECT organization_id, deployment_id, serial + 1, fence, lineage, $2, sha256, resource_count, job_id, state
                  FROM workspace_states WHERE deployment_id = $1 AND serial = $3 AND state = 'STORED'";
    assert_eq!(line.sql.run(insert, &[&of, &sealed, &serial]).await, 1);
    let advance = "UPDATE workspaces SET serial = serial + 1 WHERE deployment_id = $1";
    assert_eq!(line.sql.run(advance, &[&of]).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn secret_inputs_are_part_of_what_is_approved() {
    let Some(line) = Line::start("secret_inputs_are_part").await else { return };
    line.let_people_decide().await;
    let inputs = |token: &str| json!({"label": "a", "token": token});
    let approved = approved_but_held(&line, Order::new("probe", "probe", inputs("first-secret-value"))).await;
    // Nothing that people see differs, yet it is another content.
    let mut changed = Order::new("probe", "probe", inputs("other-secret-value")).request();
    changed.name.clone_from(&approved.name);
    let Some(Payload::Create(create)) = &mut changed.payload else { unreachable!() };
    create.inputs = Some(json_to_struct(&inputs("other-secret-value")));
    let change = pb::UpdateRequestRequest { request: Some(changed), ..Default::default() };
    let request = line.dev.requests().update_request(change).await.unwrap().into_inner();
    assert_ne!(request.content_hash, approved.content_hash);
    assert_eq!(request.state(), RequestState::Planning);
    line.sql.release(&approved.name).await;
    let request = line.dev.until(&approved.name, RequestState::PendingApproval).await;
    assert_ne!(request.plan.unwrap().digest, approved.plan.unwrap().digest);
    line.dev.try_cancel(&approved.name).await.unwrap();
    line.finish().await;
}
