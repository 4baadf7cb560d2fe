//! The main line with a template that brings its own program: ordered, planned, approved, applied, changed, destroyed.

use flagstone_client::pb;
use flagstone_client::pb::{DeploymentState, JobState, RequestState, ResourceAction};
use flagstone_server::convert::value_from_proto;
use serde_json::{Value, json};

use crate::support::line::{Line, Order, destroy, update};

const TOKEN: &str = "s3cret-token-of-the-file-4711";

/// Brings a request over its approval by another person to its end.
async fn approved(line: &Line, order: impl Into<pb::CreateRequestRequest>) -> (pb::Request, pb::Plan) {
    let request = line.dev.order(order).await;
    let request = line.approver.until(&request.name, RequestState::PendingApproval).await;
    let plan = line.approver.plan(&request.name).await;
    line.approver.approve(&request).await;
    (line.dev.until(&request.name, RequestState::Completed).await, plan)
}

fn output(deployment: &pb::Deployment, name: &str) -> (Value, bool) {
    let found = deployment.outputs.iter().find(|output| output.output == name).unwrap();
    (found.value.as_ref().map(value_from_proto).unwrap_or_default(), found.sensitive)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_planned_approved_applied_and_destroyed() {
    let Some(line) = Line::with_programs("a_program_is_planned_approved_applied_and_destroyed").await else { return };
    line.let_people_decide().await;
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("limits.conf");
    let inputs = |text: &str| json!({"path": path, "text": text, "token": TOKEN});

    let (request, plan) = approved(&line, Order::new("config-file", "limits", inputs("most = 1"))).await;
    let [change] = plan.changes.as_slice() else { panic!("{plan:?}") };
    assert_eq!((change.address.as_str(), change.action()), ("config_file.this", ResourceAction::Create));
    assert!(plan.text.contains("# config_file.this will be created"), "{}", plan.text);
    assert!(!format!("{plan:?}").contains(TOKEN));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("most = 1\n{TOKEN}\n"));
    let deployment = line.dev.deployment("limits").await;
    assert_eq!((deployment.state(), deployment.resource_count), (DeploymentState::Active, 1));
    assert_eq!(output(&deployment, "path"), (json!(path), false));
    let (token, sensitive) = output(&deployment, "token");
    assert!(sensitive && !token.to_string().contains(TOKEN), "{token}");
    let apply = request.jobs.last().unwrap();
    assert_eq!(line.dev.job(apply).await.state(), JobState::Succeeded);
    let log = line.dev.log(apply).await.text();
    assert!(log.contains("The file holds •••••• now.") && log.contains("The file is as planned"), "{log}");

    let (_, plan) = approved(&line, update("limits", &inputs("most = 2"))).await;
    assert_eq!(plan.changes[0].action(), ResourceAction::Update);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("most = 2\n{TOKEN}\n"));

    let (_, plan) = approved(&line, destroy("limits")).await;
    assert_eq!(plan.summary.unwrap().destroy, 1);
    assert!(!path.exists());
    let deployment = line.dev.deployment("limits").await;
    assert_eq!((deployment.state(), deployment.resource_count), (DeploymentState::Deleted, 0));
    line.finish().await;
}
