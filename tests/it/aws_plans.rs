//! The templates for networks and machines with the real AWS provider and a stand-in for AWS: what the plan says, what is
//! made, and what is refused before anybody is asked.

use flagstone_client::pb;
use flagstone_client::pb::RequestState;
use flagstone_server::convert::value_from_proto;
use serde_json::{Value, json};

use crate::support::line::engine::templates;
use crate::support::line::{Line, Order, destroy};
use crate::support::moto::Moto;

/// A server whose runner works at the stand-in; nothing where this machine lacks what that needs.
async fn start(test: &str) -> Option<(Moto, Line)> {
    let moto = Moto::start(test).await?;
    let at_moto = moto.configure();
    let templates = templates(&["aws-ec2", "aws-vpc"]);
    let line = Line::start_with(test, move |config, _| {
        at_moto(config);
        // They are read while the server starts, and not again.
        config.templates_dir = Some(templates.keep());
    });
    Some((moto, line.await?))
}

/// Submits a request and waits for its plan, then for its end: on a busy machine both together take longer than one wait.
async fn order_and_wait(line: &Line, order: impl Into<pb::CreateRequestRequest>) -> pb::Request {
    let request = line.dev.order(order).await;
    line.dev.until_that(&request.name, "planned", |request| request.plan.is_some()).await;
    line.dev.until(&request.name, RequestState::Completed).await
}

fn outputs(deployment: &pb::Deployment) -> Value {
    let value = |output: &pb::Output| output.value.as_ref().map(value_from_proto).unwrap_or_default();
    deployment.outputs.iter().map(|output| (output.output.clone(), value(output))).collect()
}

/// The addresses of a plan, which creates all of them.
fn created(plan: &pb::Plan) -> Vec<&str> {
    assert!(plan.changes.iter().all(|change| change.action() == pb::ResourceAction::Create), "{plan:?}");
    plan.changes.iter().map(|change| change.address.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_is_planned_made_and_destroyed() {
    let Some((moto, line)) = start("a_network_is_planned_made_and_destroyed").await else { return };
    let inputs = json!({
        "name": "payments",
        "availability_zones": ["us-east-1a", "us-east-1b"],
        "public_subnet_cidrs": ["10.0.0.0/24", "10.0.1.0/24"],
        "private_subnet_cidrs": ["10.0.128.0/20", "10.0.144.0/20"],
        "nat_gateway": "single",
        "flow_log_retention_days": 30,
    });
    let request = order_and_wait(&line, Order::new("aws-vpc", "network", inputs)).await;
    let plan = line.dev.plan(&request.name).await;
    let addresses = created(&plan);
    for address in [
        "aws_vpc.this",
        "aws_default_security_group.this",
        "aws_subnet.public[\"us-east-1a\"]",
        "aws_subnet.private[\"us-east-1b\"]",
        "aws_nat_gateway.this[\"us-east-1a\"]",
        "aws_flow_log.this[0]",
    ] {
        assert!(addresses.contains(&address), "{address} is not in {addresses:?}");
    }
    assert!(!addresses.contains(&"aws_nat_gateway.this[\"us-east-1b\"]"), "{addresses:?}");

    let outputs = outputs(&line.dev.deployment("network").await);
    assert_eq!(outputs["cidr_block"], "10.0.0.0/16");
    for (list, length) in [("public_subnet_ids", 2), ("private_subnet_ids", 2), ("nat_gateway_ips", 1)] {
        assert_eq!(outputs[list].as_array().map(Vec::len), Some(length), "{outputs}");
    }
    let vpc = outputs["vpc_id"].as_str().unwrap();
    let subnets = format!(
        "sorted(s['CidrBlock'] for s in aws.describe_subnets(Filters=[{{'Name': 'vpc-id', 'Values': ['{vpc}']}}])['Subnets'])"
    );
    assert_eq!(moto.ask("ec2", &subnets).await, "['10.0.0.0/24', '10.0.1.0/24', '10.0.128.0/20', '10.0.144.0/20']");
    let group = outputs["default_security_group_id"].as_str().unwrap();
    let rules = format!(
        "[(g['IpPermissions'], g['IpPermissionsEgress']) for g in aws.describe_security_groups(GroupIds=['{group}'])['SecurityGroups']]"
    );
    assert_eq!(moto.ask("ec2", &rules).await, "[([], [])]", "the default group is closed");

    order_and_wait(&line, destroy("network")).await;
    assert_eq!(moto.ask("ec2", &subnets).await, "[]");
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_is_planned_and_made_and_what_cannot_boot_is_refused_by_the_plan() {
    let Some((moto, line)) = start("an_instance_is_planned_and_made").await else { return };
    let image = moto.ask("ec2", "aws.describe_images(Owners=['amazon'])['Images'][0]['ImageId']").await;
    let group = moto.ask("ec2", "aws.describe_security_groups()['SecurityGroups'][0]['GroupId']").await;
    moto.ask("ec2", "aws.create_key_pair(KeyName='team')['KeyName']").await;
    let inputs = json!({
        "name": "orders worker", "ami_id": image, "key_pair_name": "team", "security_group_ids": [group],
    });

    let mut cannot_boot = inputs.clone();
    cannot_boot["root_volume_type"] = json!("st1");
    cannot_boot["root_volume_size_gb"] = json!(500);
    let request = line.dev.order(Order::new("aws-ec2", "disk", cannot_boot)).await;
    let failed = line.dev.until(&request.name, RequestState::Failed).await;
    assert!(failed.approval.is_empty(), "nobody was asked: {failed:?}");

    // Everything there is, up to the approval: the stand-in knows neither IOPS nor detailed monitoring.
    let mut full = inputs.clone();
    full["root_volume_type"] = json!("io1");
    full["monitoring"] = json!(true);
    full["user_data"] = json!("#!/bin/sh\necho hello\n");
    let request = line.admin.order(Order::new("aws-ec2", "full", full).in_production()).await;
    line.admin.until(&request.name, RequestState::PendingApproval).await;
    let plan = line.admin.plan(&request.name).await;
    let instance = plan.changes.iter().find(|change| change.address == "aws_instance.this").unwrap();
    let planned = |path: &str| {
        let attribute = instance.attributes.iter().find(|attribute| attribute.path == path);
        attribute.and_then(|attribute| attribute.after.as_ref()).map(value_from_proto)
    };
    assert_eq!(planned("root_block_device[0].encrypted"), Some(json!(true)), "{instance:?}");
    assert_eq!(planned("root_block_device[0].iops"), Some(json!(1000)), "as many as 20 GB allow");
    assert_eq!(planned("metadata_options[0].http_tokens"), Some(json!("required")));

    let mut simple = inputs;
    simple["elastic_ip"] = json!(true);
    simple["log_retention_days"] = json!(30);
    simple["tags"] = json!({"team": "core"});
    order_and_wait(&line, Order::new("aws-ec2", "worker", simple)).await;
    let outputs = outputs(&line.dev.deployment("worker").await);
    assert!(outputs["log_group"].as_str().unwrap().starts_with("/flagstone/ec2/orders-worker-"), "{outputs}");
    assert!(outputs["public_ip"].is_string(), "{outputs}");
    let id = outputs["instance_id"].as_str().unwrap();
    let made = format!(
        "[(v['Encrypted'], v['Size'], v['VolumeType']) for v in aws.describe_volumes(Filters=[{{'Name': \
         'attachment.instance-id', 'Values': ['{id}']}}])['Volumes']]"
    );
    assert_eq!(moto.ask("ec2", &made).await, "[(True, 20, 'gp3')]");
    line.finish().await;
}
