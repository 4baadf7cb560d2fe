//! What is ordered: messages for CreateRequest.

use std::collections::BTreeMap;

use flagstone_client::pb;
use flagstone_client::pb::request::Payload;
use flagstone_server::convert::json_to_struct;
use serde_json::{Value, json};

/// The unit that every test server starts with.
pub(crate) const UNIT: &str = "businessUnits/sandbox";

/// An order of a new deployment, in development unless it is put elsewhere.
#[derive(Clone)]
pub(crate) struct Order {
    id: String,
    template: String,
    environment: &'static str,
    inputs: Value,
    cost_center: &'static str,
}

impl Order {
    /// Orders `template` as the deployment `id`.
    pub(crate) fn new(template: &str, id: &str, inputs: Value) -> Self {
        Self { id: id.to_owned(), template: template.to_owned(), environment: "development", inputs, cost_center: "" }
    }

    /// In production, charged to somebody as that needs.
    pub(crate) fn in_production(self) -> Self {
        Self { environment: "production", cost_center: "cc-1", ..self }
    }

    /// The request without what surrounds it.
    pub(crate) fn request(&self) -> pb::Request {
        pb::Request {
            tags: tags(),
            payload: Some(Payload::Create(pb::CreatePayload {
                template_version: format!("templates/{}/versions/1.0.0", self.template),
                environment: format!("{UNIT}/environments/{}", self.environment),
                deployment_id: self.id.clone(),
                inputs: Some(json_to_struct(&self.inputs)),
                cost_center: self.cost_center.to_owned(),
                ..pb::CreatePayload::default()
            })),
            ..pb::Request::default()
        }
    }
}

impl From<Order> for pb::CreateRequestRequest {
    fn from(order: Order) -> Self {
        asked(order.request())
    }
}

/// CreateRequest of a request in the unit.
pub(crate) fn asked(request: pb::Request) -> pb::CreateRequestRequest {
    pb::CreateRequestRequest { parent: UNIT.to_owned(), request: Some(request), ..Default::default() }
}

/// The tags that every order needs.
pub(crate) fn tags() -> BTreeMap<String, String> {
    [("team", "core"), ("owner", "dev"), ("purpose", "tests")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

/// Full name of a deployment of the unit.
pub(crate) fn deployment_name(id: &str) -> String {
    format!("{UNIT}/deployments/{id}")
}

/// An update of a deployment to other inputs.
pub(crate) fn update(id: &str, inputs: &Value) -> pb::CreateRequestRequest {
    asked(pb::Request {
        payload: Some(Payload::Update(pb::UpdatePayload {
            deployment: deployment_name(id),
            inputs: Some(json_to_struct(inputs)),
            ..pb::UpdatePayload::default()
        })),
        ..pb::Request::default()
    })
}

/// The destruction of a deployment.
pub(crate) fn destroy(id: &str) -> pb::CreateRequestRequest {
    asked(pb::Request {
        payload: Some(Payload::Destroy(pb::DestroyPayload { deployment: deployment_name(id) })),
        ..pb::Request::default()
    })
}

/// Inputs of `config-bundle`: one entry with this value.
pub(crate) fn bundle(value: &str) -> Value {
    json!({"name": "limits", "label": "blue", "entries": {"key": value}})
}

/// Inputs of the template `probe` of the tests: a script to run while it is applied.
pub(crate) fn probe(script: &str) -> Value {
    json!({"label": "a", "script": script})
}
