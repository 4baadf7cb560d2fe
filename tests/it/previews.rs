//! What the platform says before anything is asked for: the verdict of a preview is that of the order, and inputs are
//! checked by the template's own schema.

use std::collections::BTreeSet;
use std::path::Path;

use flagstone_api::pb;
use flagstone_api::pb::request::Payload;
use flagstone_server::convert::{json_to_struct, struct_to_json};
use prost_types::value::Kind;
use prost_types::{Struct, Value};

use crate::support::{Caller, Error, TestApp};

const UNIT: &str = "businessUnits/sandbox";

fn text(value: &str) -> Value {
    Value { kind: Some(Kind::StringValue(value.to_owned())) }
}

fn object(members: &[(&str, Value)]) -> Struct {
    Struct { fields: members.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect() }
}

fn inputs(label: &str) -> Struct {
    let entries = Value { kind: Some(Kind::StructValue(object(&[("key", text("1"))]))) };
    object(&[("name", text("limits")), ("label", text(label)), ("entries", entries)])
}

fn order(environment: &str, label: &str, tags: &[&str]) -> pb::Request {
    pb::Request {
        payload: Some(Payload::Create(pb::CreatePayload {
            template_version: "templates/config-bundle".to_owned(),
            environment: format!("{UNIT}/environments/{environment}"),
            inputs: Some(inputs(label)),
            ..Default::default()
        })),
        tags: tags.iter().map(|tag| ((*tag).to_owned(), "x".to_owned())).collect(),
        ..Default::default()
    }
}

async fn preview(caller: &Caller, request: &pb::Request) -> pb::PreviewRequestResponse {
    let call = pb::PreviewRequestRequest { parent: UNIT.to_owned(), request: Some(request.clone()) };
    caller.requests().preview_request(call).await.unwrap().into_inner()
}

fn fields<'a>(violations: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    violations.into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_preview_says_what_the_order_would_and_makes_nothing() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    // Production without cost center, without two of the tags and with a label that the schema refuses.
    let wrong = order("production", "Not A Label", &["team"]);
    let answer = preview(&admin, &wrong).await;
    assert!(!answer.valid);
    let told = fields(answer.violations.iter().map(|violation| violation.field.as_str()));
    let call = pb::CreateRequestRequest {
        parent: UNIT.to_owned(),
        request: Some(wrong),
        validate_only: true,
        ..Default::default()
    };
    let refusal = Error::from(admin.requests().create_request(call).await.unwrap_err());
    let refused = fields(refusal.violations.fields.iter().map(|violation| violation.field.as_str()));
    assert_eq!(told, refused);
    assert!(told.contains("request.create.inputs.label"), "{told:?}");
    assert!(told.iter().any(|field| field.starts_with("request.tags")), "{told:?}");

    let right = preview(&admin, &order("production", "blue", &["team", "owner", "purpose", "cost_center"])).await;
    assert!(right.valid, "{:?}", right.violations);
    assert_eq!(right.effective_tags["business_unit"], "SANDBOX");
    assert_eq!(right.approvals.len(), 1);
    assert_eq!(right.approvals[0].approval_policy, "approvalPolicies/production");
    let development = preview(&admin, &order("development", "blue", &["team", "owner", "purpose"])).await;
    assert!(!development.approvals[0].auto_approved_reason.is_empty());

    let list = pb::ListRequestsRequest { parent: UNIT.to_owned(), ..Default::default() };
    assert_eq!(admin.requests().list_requests(list).await.unwrap().into_inner().requests, []);
    app.finish().await;
}

#[tokio::test]
async fn inputs_are_checked_and_completed_by_the_schema_of_the_version() {
    let app = TestApp::start().await;
    let dev = app.as_dev().await;
    let check = async |inputs: Struct| {
        let name = "templates/config-bundle/versions/1.0.0".to_owned();
        let call = pb::ValidateTemplateInputsRequest { name, inputs: Some(inputs) };
        dev.templates().validate_template_inputs(call).await.unwrap().into_inner()
    };
    let right = check(inputs("blue")).await;
    assert!(right.valid, "{:?}", right.violations);
    // What the caller left out and the schema has a default for.
    assert!(right.effective_inputs.unwrap().fields.contains_key("replicas"));
    let wrong = check(object(&[("name", text("X")), ("surprise", text("y"))])).await;
    assert!(!wrong.valid);
    let told = fields(wrong.violations.iter().map(|violation| violation.field.as_str()));
    for field in ["inputs.label", "inputs.entries", "inputs.name", "inputs.surprise"] {
        assert!(told.contains(field), "{field} is not among {told:?}");
    }
    app.finish().await;
}

/// The examples of a template that ships: inputs, and the fields that a refusal names.
fn examples(template: &str) -> Vec<(String, Struct, BTreeSet<String>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates").join(template).join("tests");
    let example = |path: &Path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let read: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let inputs = json_to_struct(if name.starts_with("valid-") { &read } else { &read["inputs"] });
        let fields = read["fields"].as_array().into_iter().flatten();
        let fields = fields.map(|field| format!("request.create.inputs.{}", field.as_str().unwrap())).collect();
        (name, inputs, fields)
    };
    std::fs::read_dir(directory).unwrap().map(|entry| example(&entry.unwrap().path())).collect()
}

/// R114 and R116: limits of one input and relations between several are refused where they are, before anything is planned.
#[tokio::test]
async fn the_limits_of_instances_and_networks_are_told_by_the_preview() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    for template in ["aws-ec2", "aws-vpc"] {
        for (name, inputs, expected) in examples(template) {
            let mut request = order("development", "blue", &["team", "owner", "purpose"]);
            let Some(Payload::Create(create)) = &mut request.payload else { unreachable!("it is an order") };
            create.template_version = format!("templates/{template}");
            create.inputs = Some(inputs);
            let answer = preview(&admin, &request).await;
            let told = fields(answer.violations.iter().map(|violation| violation.field.as_str()));
            assert_eq!(told, expected, "{template}/tests/{name}: {:?}", answer.violations);
            assert_eq!(answer.valid, expected.is_empty(), "{template}/tests/{name}");
        }
    }
    app.finish().await;
}

/// Forms ask in the order in which the author wrote the inputs.
#[tokio::test]
async fn the_schema_of_a_version_tells_the_order_of_its_inputs() {
    let app = TestApp::start().await;
    let dev = app.as_dev().await;
    let call = pb::GetTemplateVersionRequest { name: "templates/aws-vpc/versions/1.0.0".to_owned() };
    let version = dev.templates().get_template_version(call).await.unwrap().into_inner();
    let schema = struct_to_json(&version.input_schema.unwrap());
    let mut properties: Vec<_> = schema["properties"].as_object().unwrap().iter().collect();
    properties.sort_by_key(|(_, property)| property["x-order"].as_u64());
    let names: Vec<&str> = properties.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names[..3], ["name", "cidr_block", "enable_dns_support"]);
    assert_eq!(names.last(), Some(&"tags"));
    app.finish().await;
}
