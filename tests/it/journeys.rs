//! Journeys of people, through RPC and the command line alike. The numbers are those of the product's journeys.

use flagstone_client::pb::{DeploymentState, ErrorReason, RequestState};
use flagstone_client::{Error, pb};
use flagstone_server::convert::struct_to_json;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::app::PASSWORD;
use crate::support::http::grpc_web;
use crate::support::line::cli::Cli;
use crate::support::line::person::refused;
use crate::support::line::{Line, Order, bundle, destroy, update};

/// What `flagstone request create` needs for a bundle.
const BUNDLE: [&str; 14] = [
    "--environment",
    "development",
    "--unit",
    "sandbox",
    "--input",
    "name=limits",
    "--input",
    "label=blue",
    "--tag",
    "team=core",
    "--tag",
    "owner=dev",
    "--tag",
    "purpose=tests",
];

async fn cli(line: &Line, username: &str) -> Cli {
    Cli::log_in(&line.app.url(), username, PASSWORD).await
}

/// The `create` command for a deployment with one entry.
fn create<'a>(id: &'a str, entries: &'a str) -> Vec<&'a str> {
    let mut arguments = vec!["request", "create", "--template", "config-bundle", "--id", id, "--input", entries];
    arguments.extend(BUNDLE);
    arguments
}

#[tokio::test]
async fn j2_a_tenant_is_set_up_by_its_owners() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    let units = admin.business_units();
    for who in ["eng-owner", "ops-owner", "developer", "senior", "watcher"] {
        app.user(who, &[]).await;
    }
    // 1. Two units with owners.
    for (code, owner) in [("ENG", "eng-owner"), ("OPS", "ops-owner")] {
        let unit = pb::BusinessUnit {
            code: code.into(),
            display_name: code.into(),
            owner: format!("users/{owner}"),
            ..Default::default()
        };
        let request = pb::CreateBusinessUnitRequest { business_unit: Some(unit), ..Default::default() };
        units.clone().create_business_unit(request).await.unwrap();
    }
    // 2. The owner of one adds its people by e-mail. 3. One of them a second time. 4. Or with a role beyond the unit.
    let owner = app.login("eng-owner").await;
    let add = async |who: &str, role: &str| {
        let request = pb::AddBusinessUnitMemberRequest {
            parent: "businessUnits/eng".into(),
            email: format!("{who}@flagstone.localhost"),
            role: format!("roles/{role}"),
            ..Default::default()
        };
        owner.business_units().add_business_unit_member(request).await.map_err(Error::from)
    };
    for (who, role) in [("developer", "developer"), ("senior", "senior-engineer"), ("watcher", "viewer")] {
        add(who, role).await.unwrap();
    }
    let group = pb::CreateGroupRequest {
        parent: "businessUnits/eng".into(),
        group_id: "reviewers".into(),
        group: Some(pb::Group { display_name: "Reviewers".into(), ..Default::default() }),
        ..Default::default()
    };
    let group = owner.groups().create_group(group).await.unwrap().into_inner().name;
    let binding = pb::RoleBinding { role: "roles/it-engineer".into(), subject: group.clone(), ..Default::default() };
    let bind = pb::CreateRoleBindingRequest {
        parent: "businessUnits/eng".into(),
        role_binding: Some(binding),
        ..Default::default()
    };
    owner.roles().create_role_binding(bind).await.unwrap();
    let join = |user: &str| pb::AddGroupMemberRequest {
        name: group.clone(),
        user: format!("users/{user}"),
        ..Default::default()
    };
    owner.groups().add_group_member(join("senior")).await.unwrap();
    let outsider = Error::from(owner.groups().add_group_member(join("ops-owner")).await.unwrap_err());
    assert_ne!(outsider.reason, None, "members of a unit's group are members of the unit");
    let senior = app.login("senior").await;
    let approvals = senior.approvals().list_approvals(pb::ListApprovalsRequest::default()).await;
    assert!(approvals.is_ok(), "the group's role counts at once: {approvals:?}");
    assert!(add("developer", "viewer").await.unwrap_err().is(ErrorReason::AlreadyExists));
    assert!(add("ops-owner", "platform-admin").await.unwrap_err().is(ErrorReason::AccessDenied));

    // 5. The developer chooses a unit; the choice is there on another device.
    let developer = app.login("developer").await;
    let choice = pb::SetActiveBusinessUnitRequest { business_unit: "businessUnits/eng".into(), ..Default::default() };
    developer.users().set_active_business_unit(choice).await.unwrap();
    let elsewhere = app.login("developer").await;
    let me = elsewhere.users().get_me(pb::GetMeRequest {}).await.unwrap().into_inner();
    assert_eq!(me.active_business_unit, "businessUnits/eng");

    // 6. A viewer reads and orders nothing, and is told what is missing; units of others are denied, and `-` leaves them out.
    let viewer = app.login("watcher").await;
    let get = pb::GetBusinessUnitRequest { name: "businessUnits/eng".into() };
    assert_eq!(viewer.business_units().get_business_unit(get).await.unwrap().into_inner().owner, "users/eng-owner");
    let order = pb::CreateRequestRequest { parent: "businessUnits/eng".into(), ..Default::default() };
    let denied = Error::from(viewer.requests().create_request(order).await.unwrap_err());
    assert!(denied.is(ErrorReason::AccessDenied), "{denied:?}");
    assert_eq!(denied.metadata["permission"], "business_unit:requests:create");
    let environments = async |parent: &str| {
        let request = pb::ListEnvironmentsRequest { parent: parent.into(), ..Default::default() };
        let answer = developer.environments().list_environments(request).await.map_err(Error::from)?;
        Ok::<_, Error>(answer.into_inner().environments)
    };
    assert!(environments("businessUnits/ops").await.unwrap_err().is(ErrorReason::AccessDenied));
    let seen = environments("businessUnits/-").await.unwrap();
    assert!(seen.len() == 3 && seen.iter().all(|found| found.name.starts_with("businessUnits/eng/")), "{seen:?}");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn j5_rejected_with_a_reason_ordered_again_approved_and_followed() {
    let Some(line) = Line::start("j5").await else { return };
    line.let_people_decide().await;
    let (dev, approver) = (cli(&line, "dev").await, cli(&line, "approver").await);

    let ordered = dev.json(&create("limits", r#"entries:={"key":"1"}"#)).await;
    assert_eq!(ordered["code"], "R-1");
    let waits = dev.run(&["request", "watch", "R-1", "--until", "pending-approval"]).await;
    assert!(waits.is_well(), "{waits:?}");
    let why = dev.json(&["request", "why", "R-1"]).await;
    assert!(why.to_string().contains("BLOCKER_KIND_APPROVAL"), "{why}");

    let blank = approver.run(&["request", "reject", "R-1", "--comment", "  "]).await;
    assert!(!blank.is_well() && blank.err.contains("comment"), "{blank:?}");
    let reason = "Too many entries for a first one.";
    let rejected = approver.run(&["request", "reject", "R-1", "--comment", reason]).await;
    assert!(rejected.is_well(), "{rejected:?}");
    let timeline = dev.run(&["request", "timeline", "R-1"]).await;
    assert!(timeline.out.contains(reason), "{timeline:?}");
    assert_eq!(dev.json(&["request", "get", "R-1"]).await["state"], "REQUEST_STATE_REJECTED");

    // The same again; this time somebody waits for it.
    let mut arguments = create("limits", r#"entries:={"key":"1"}"#);
    arguments.extend(["--input", "rollout_seconds:=3", "--wait"]);
    let waiting = dev.start(&arguments);
    line.dev.all_requests_until(2).await;
    assert!(approver.run(&["request", "watch", "R-2", "--until", "pending-approval"]).await.is_well());
    let plan = approver.run(&["request", "plan", "R-2"]).await;
    assert!(plan.is_well() && plan.out.contains("terraform_data.bundle"), "{plan:?}");
    let approved = approver.run(&["request", "approve", "R-2", "--yes"]).await;
    assert!(approved.is_well(), "{approved:?}");
    assert!(dev.run(&["request", "watch", "R-2", "--until", "applying"]).await.is_well());
    // The log is followed, and once more from its beginning in the middle of it.
    let first = dev.start(&["jobs", "logs", "R-2", "--follow"]);
    let request = line.dev.all_requests().await.pop().unwrap();
    line.dev.until_printed(request.jobs.last().unwrap(), "rollout: second 2 of 3").await;
    let second = dev.run(&["jobs", "logs", "R-2", "--follow"]).await;
    let first = dev.end(first).await;
    assert!(first.is_well() && second.is_well(), "{first:?} {second:?}");
    assert_eq!(first.out, second.out, "no gap and no duplicate");
    assert!(first.out.contains("rollout: second 3 of 3") && first.err.contains("sha256"), "{first:?}");
    let waited = dev.end(waiting).await;
    assert!(waited.is_well(), "{waited:?}");

    let deployment = dev.json(&["deployments", "get", "limits"]).await;
    assert_eq!(deployment["state"], "DEPLOYMENT_STATE_ACTIVE");
    assert!(deployment["outputs"].as_array().is_some_and(|outputs| outputs.len() == 4), "{deployment}");
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn j6_what_happens_to_one_deployment_does_not_touch_another() {
    let Some(line) = Line::start("j6").await else { return };
    line.let_people_decide().await;
    // 1. Two of one template.
    for id in ["one", "two"] {
        let request = line.dev.order(Order::new("config-bundle", id, bundle("1"))).await;
        let request = line.dev.until(&request.name, RequestState::PendingApproval).await;
        line.approver.approve(&request).await;
        line.dev.until(&request.name, RequestState::Completed).await;
    }
    // 2. and 3. One is changed, the other destroyed.
    let before = states_of(&line, "two").await;
    approved(&line, update("one", &bundle("2"))).await;
    assert_eq!(states_of(&line, "two").await, before, "a change of A is no byte of the other");
    let before = (states_of(&line, "one").await, line.dev.deployment("one").await);
    approved(&line, destroy("two")).await;
    assert_eq!((states_of(&line, "one").await, line.dev.deployment("one").await), before);
    assert_eq!(line.dev.deployment("two").await.state(), DeploymentState::Deleted);

    // 4. Two updates at once, and a third as a draft.
    let (two, three) = (bundle("3"), bundle("4"));
    let (one, other) = tokio::join!(line.dev.try_order(update("one", &two)), line.dev.try_order(update("one", &three)));
    let (taken, error) = if one.is_ok() { (one, other) } else { (other, one) };
    let taken = taken.unwrap();
    let error = refused(error, ErrorReason::OperationInProgress);
    assert_eq!(error.metadata["name"], taken.name);
    assert!(["PLANNING", "PENDING_APPROVAL"].contains(&error.metadata["state"].as_str()), "{error:?}");
    assert!(error.metadata["who_may_cancel"].contains("users/dev"), "{error:?}");
    let draft = pb::CreateRequestRequest { draft: true, ..update("one", &bundle("5")) };
    assert_eq!(line.dev.order(draft).await.state(), RequestState::Draft);
    line.dev.until(&taken.name, RequestState::PendingApproval).await;
    line.dev.try_cancel(&taken.name).await.unwrap();

    // 6. Ordered, rejected, ordered again under the same id, by the command line.
    let (dev, approver) = (cli(&line, "dev").await, cli(&line, "approver").await);
    let entries = r#"entries:={"key":"1"}"#;
    let code = dev.json(&create("three", entries)).await["code"].as_str().unwrap().to_owned();
    assert!(dev.run(&["request", "watch", &code, "--until", "pending-approval"]).await.is_well());
    assert!(approver.run(&["request", "reject", &code, "--comment", "not now"]).await.is_well());
    let gone = "SELECT count(*) FROM deployments WHERE state = 'DELETED' AND id IN
                (SELECT deployment_id FROM requests WHERE number = $1)";
    let number: i64 = code.trim_start_matches("R-").parse().unwrap();
    assert_eq!(line.sql.one::<i64>(gone, &[&number]).await, 1, "the first is DELETED");
    let again = dev.json(&create("three", entries)).await;
    let again = again["code"].as_str().unwrap();
    assert!(dev.run(&["request", "cancel", again, "--reason", "enough"]).await.is_well());
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn j6_an_update_that_fails_in_planning_is_taken_back_before_any_apply() {
    let Some(line) = Line::start("j6_an_update_that_fails").await else { return };
    line.dev.order_and_wait(Order::new("probe", "one", json!({"label": "a"}))).await;
    let inputs = json!({"label": "a", "gate": "/nowhere/at/all"});
    let request = line.dev.order(update("one", &inputs)).await;
    let failed = line.dev.until(&request.name, RequestState::Failed).await;
    let dev = cli(&line, "dev").await;
    let waited = dev.run(&["request", "watch", &failed.code]).await;
    assert_eq!(waited.code, Some(5), "{waited:?}");
    assert!(dev.run(&["request", "cancel", &failed.code]).await.is_well());
    let cancelled = line.dev.request(&request.name).await;
    assert_eq!((cancelled.state(), cancelled.jobs.len()), (RequestState::Cancelled, 1), "its apply never was");
    assert_eq!(line.dev.deployment("one").await.state(), DeploymentState::Active);
    line.finish().await;
}

/// A request of the developer that the approver approves, until it is done.
async fn approved(line: &Line, order: pb::CreateRequestRequest) {
    let request = line.dev.order(order).await;
    let request = line.dev.until(&request.name, RequestState::PendingApproval).await;
    line.approver.approve(&request).await;
    line.dev.until(&request.name, RequestState::Completed).await;
}

/// Every stored state of a deployment, byte for byte.
async fn states_of(line: &Line, deployment: &str) -> Value {
    let query = "SELECT coalesce(jsonb_agg(jsonb_build_array(s.serial, s.fence, s.state, encode(s.sha256, 'hex'),
                 md5(s.ciphertext)) ORDER BY s.serial), '[]')
                 FROM workspace_states s JOIN deployments d ON d.id = s.deployment_id WHERE d.slug = $1";
    line.sql.one(query, &[&deployment]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn j23_results_and_errors_are_equal_over_all_wires() {
    let Some(line) = Line::start("j23").await else { return };
    line.dev.order_and_wait(Order::new("config-bundle", "limits", bundle("1"))).await;
    let dev = cli(&line, "dev").await;
    let bearer = format!("Bearer {}", line.app.session("dev").await.access_token);
    let headers = [("authorization", bearer.as_str())];

    // A result: native, from a browser, from the command line.
    let native = line.dev.deployment("limits").await;
    let get = pb::GetDeploymentRequest { name: native.name.clone() };
    let path = "/flagstone.v1.DeploymentService/GetDeployment";
    let web = grpc_web(line.app.address, path, &headers, &get).await;
    let web: pb::Deployment = prost::Message::decode(web.messages[0].clone()).unwrap();
    assert_eq!(web, native);
    let shown = dev.json(&["deployments", "get", "limits"]).await;
    assert_eq!(shown["name"], native.name);
    assert_eq!(shown["state"], native.state().as_str_name());
    assert_eq!(shown["inputs"], struct_to_json(native.inputs.as_ref().unwrap()));
    let yaml = dev.run(&["deployments", "get", "limits", "-o", "yaml"]).await;
    assert!(yaml.is_well() && yaml.out.contains("DEPLOYMENT_STATE_ACTIVE"), "{yaml:?}");

    // Errors: absent, denied, wrong in many ways.
    let absent = pb::GetDeploymentRequest { name: format!("{}x", native.name) };
    let error = Error::from(line.dev.deployments().get_deployment(absent.clone()).await.unwrap_err());
    let web = grpc_web(line.app.address, path, &headers, &absent).await.error().unwrap();
    assert_eq!((error.code, error.reason, &error.message), (web.code, web.reason, &web.message));
    assert!(error.is(ErrorReason::NotFound));
    let said = dev.run(&["deployments", "get", "limitsx"]).await;
    assert_eq!(said.code, Some(4), "{said:?}");

    let denied = Order::new("config-bundle", "more", bundle("1")).in_production();
    let path = "/flagstone.v1.RequestService/CreateRequest";
    let error = refused(line.dev.try_order(denied.clone()).await, ErrorReason::AccessDenied);
    let web = grpc_web(line.app.address, path, &headers, &pb::CreateRequestRequest::from(denied)).await;
    let web = web.error().unwrap();
    assert_eq!((error.code, error.reason), (web.code, web.reason));
    assert_eq!(error.metadata["permission"], web.metadata["permission"]);
    let mut arguments = create("more", r#"entries:={"key":"1"}"#);
    arguments.extend(["--cost-center", "c"]);
    let place = arguments.iter().position(|argument| *argument == "development").unwrap();
    arguments[place] = "production";
    assert_eq!(dev.run(&arguments).await.code, Some(3));

    let wrong = Order::new("config-bundle", "more", json!({"name": "X", "replicas": 99}));
    let error = refused(line.dev.try_order(wrong.clone()).await, ErrorReason::FieldInvalid);
    let web = grpc_web(line.app.address, path, &headers, &pb::CreateRequestRequest::from(wrong)).await;
    assert_eq!(web.error().unwrap().violations.fields, error.violations.fields);
    let said = dev.run(&create("more", r#"entries:={"key":7}"#)).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("request.create.inputs.entries.key"), "{said:?}");
    line.finish().await;
}
