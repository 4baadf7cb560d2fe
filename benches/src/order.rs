//! Orders: requests for `config-bundle`, which needs nothing but Terraform itself.

use flagstone_api::pb;
use flagstone_api::pb::environment_service_client::EnvironmentServiceClient;
use flagstone_api::pb::request_service_client::RequestServiceClient;
use prost_types::value::Kind;
use prost_types::{Struct, Value};
use uuid::Uuid;

use crate::Result;
use crate::client::Caller;

/// Name of the development environment, where changes need no approval by people.
pub(crate) async fn development(caller: &Caller) -> Result<String> {
    let request = pb::ListEnvironmentsRequest { parent: "businessUnits/-".to_owned(), ..Default::default() };
    let answer = EnvironmentServiceClient::new(caller.clone()).list_environments(request).await?.into_inner();
    let found = answer.environments.into_iter().find(|environment| environment.tier() == pb::Tier::Development);
    Ok(found.ok_or("there is no development environment")?.name)
}

/// Asks for a new deployment of a template in the development environment.
pub(crate) async fn create(caller: &Caller, environment: &str, template: &str, inputs: Struct) -> Result<pb::Request> {
    let (unit, _) = environment.split_once("/environments/").ok_or("an environment's name names its unit")?;
    let id = Uuid::new_v4().simple().to_string();
    let payload = pb::CreatePayload {
        template_version: template.to_owned(),
        environment: environment.to_owned(),
        deployment_id: format!("bench-{}", &id[..12]),
        display_name: "Benchmark".to_owned(),
        inputs: Some(inputs),
        cost_center: "bench".to_owned(),
        ..pb::CreatePayload::default()
    };
    let request = pb::CreateRequestRequest {
        parent: unit.to_owned(),
        request: Some(pb::Request {
            kind: pb::RequestKind::Create.into(),
            title: "Benchmark".to_owned(),
            payload: Some(pb::request::Payload::Create(payload)),
            tags: ["team", "owner", "purpose"].map(|tag| (tag.to_owned(), "bench".to_owned())).into(),
            ..pb::Request::default()
        }),
        request_id: Uuid::new_v4().to_string(),
        ..pb::CreateRequestRequest::default()
    };
    Ok(RequestServiceClient::new(caller.clone()).create_request(request).await?.into_inner())
}

/// Inputs of `config-bundle`.
pub(crate) fn bundle() -> Struct {
    let text = |value: &str| Value { kind: Some(Kind::StringValue(value.to_owned())) };
    let entries = Struct { fields: [("color".to_owned(), text("green"))].into() };
    Struct {
        fields: [
            ("name".to_owned(), text("bench-bundle")),
            ("label".to_owned(), text("blue")),
            ("entries".to_owned(), Value { kind: Some(Kind::StructValue(entries)) }),
        ]
        .into(),
    }
}
