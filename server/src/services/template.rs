//! Templates, their versions, and the check of inputs that an order form asks for.

use std::collections::HashMap;
use std::sync::Arc;

use flagstone_api::google::rpc::bad_request::FieldViolation;
use flagstone_api::pb;
use flagstone_api::pb::template_service_server::TemplateService;
use flagstone_core::etag::Etag;
use flagstone_core::filter::{Field, FieldKind, Order};
use flagstone_core::inputs::{InputSchema, check_inputs_size};
use flagstone_core::names::{TemplateName, TemplateVersionName, parse};
use flagstone_core::{Error as CoreError, Reason};
use flagstone_db::list::{self, Branch};
use flagstone_db::template::{self, TemplateRow, TemplateVersionRow};
use serde_json::Value;

use crate::app::App;
use crate::convert::{enum_number, json_to_struct, seconds, struct_to_json, timestamp};
use crate::cx::{Cx, Read, Target};
use crate::error::{Error, Result};
use crate::list::{BY_CREATION, List, arguments};
use crate::rpc;

/// The service.
#[derive(Debug)]
pub struct Templates(pub Arc<App>);

#[tonic::async_trait]
impl TemplateService for Templates {
    rpc::unary! {
        list_templates: pb::ListTemplatesRequest => pb::ListTemplatesResponse,
        get_template: pb::GetTemplateRequest => pb::Template,
        list_template_versions: pb::ListTemplateVersionsRequest => pb::ListTemplateVersionsResponse,
        get_template_version: pb::GetTemplateVersionRequest => pb::TemplateVersion,
        validate_template_inputs: pb::ValidateTemplateInputsRequest => pb::ValidateTemplateInputsResponse,
    }
}

/// The providers of templates and deployments, as the database spells them.
pub(super) const PROVIDERS: FieldKind = FieldKind::Enum(&["AWS", "GCP", "AZURE", "KUBERNETES", "NONE"]);

const LIST: List = List {
    fields: &[
        Field { name: "category", kind: FieldKind::Text },
        Field { name: "provider", kind: PROVIDERS },
        Field { name: "kind", kind: FieldKind::Enum(&["INFRASTRUCTURE"]) },
        Field { name: "recommended", kind: FieldKind::Bool },
        Field { name: "display_name", kind: FieldKind::TextSearch },
        Field { name: "create_time", kind: FieldKind::Time },
    ],
    names: &[],
    orders: BY_CREATION,
};

const VERSIONS: List = List {
    fields: &[
        Field { name: "state", kind: FieldKind::Enum(&["PUBLISHED"]) },
        Field { name: "create_time", kind: FieldKind::Time },
    ],
    names: &[],
    orders: &[
        Order { name: "version", key: "sort_key", descending: true },
        Order { name: "version", key: "sort_key", descending: false },
    ],
};

async fn list_templates(cx: Cx, message: pb::ListTemplatesRequest) -> Result<pb::ListTemplatesResponse> {
    let call = LIST.call(&cx, arguments!(message))?;
    let read = cx.read(Target::organization("templates")).await?;
    let names = call.names(&read).await?;
    let page = list::template::list(read.conn(), &call.query(&read, &names, None, &[Branch::ALL])).await?;
    let latest: Vec<_> = page.rows.iter().filter_map(|row| row.latest_version_id).collect();
    let versions = template::version_names(read.conn(), read.organization_id(), &latest).await?;
    let versions: HashMap<_, _> = versions.into_iter().map(|found| (found.id, found.version)).collect();
    let templates = page.rows.into_iter().map(|row| {
        let latest = row.latest_version_id.and_then(|id| versions.get(&id));
        // Schemas are left to GetTemplate: a page of them could be megabytes.
        to_proto(row, latest.map(String::as_str), None)
    });
    Ok(pb::ListTemplatesResponse {
        templates: templates.collect::<Result<_>>()?,
        next_page_token: call.next_token(page.next.as_ref())?,
        total_size: page.total.unwrap_or_default(),
    })
}

async fn get_template(cx: Cx, message: pb::GetTemplateRequest) -> Result<pb::Template> {
    let name: TemplateName = parse(&message.name, "name")?;
    let read = cx.read(Target::organization(&name)).await?;
    let row = find(&read, &name).await?;
    let latest = match row.latest_version_id {
        Some(id) => template::version_by_id(read.conn(), read.organization_id(), id).await?,
        None => None,
    };
    let schema = latest.as_ref().map(|version| &version.input_schema);
    to_proto(row, latest.as_ref().map(|version| version.version.as_str()), schema)
}

async fn list_template_versions(
    cx: Cx,
    message: pb::ListTemplateVersionsRequest,
) -> Result<pb::ListTemplateVersionsResponse> {
    let (parent, call) = VERSIONS.call_in::<TemplateName>(&cx, &message.parent, arguments!(message))?;
    let read = cx.read(Target::organization(&parent)).await?;
    let row = find(&read, &parent).await?;
    let names = call.names(&read).await?;
    let query = call.query(&read, &names, Some(row.id), &[Branch::ALL]);
    let page = list::template_version::list(read.conn(), &query).await?;
    Ok(pb::ListTemplateVersionsResponse {
        next_page_token: call.next_token(page.next.as_ref())?,
        total_size: page.total.unwrap_or_default(),
        template_versions: page
            .rows
            .into_iter()
            .map(|version| version_to_proto(&row.slug, version))
            .collect::<Result<_>>()?,
    })
}

async fn get_template_version(cx: Cx, message: pb::GetTemplateVersionRequest) -> Result<pb::TemplateVersion> {
    let name: TemplateVersionName = parse(&message.name, "name")?;
    let read = cx.read(Target::organization(&name)).await?;
    let row = find_version(&read, &name).await?;
    version_to_proto(name.template().id().as_str(), row)
}

async fn validate_template_inputs(
    cx: Cx,
    message: pb::ValidateTemplateInputsRequest,
) -> Result<pb::ValidateTemplateInputsResponse> {
    let name: TemplateVersionName = parse(&message.name, "name")?;
    let inputs = struct_to_json(&message.inputs.unwrap_or_default());
    check_inputs_size(&inputs, "inputs")?;
    let read = cx.read(Target::organization(&name)).await?;
    let row = find_version(&read, &name).await?;
    let schema = InputSchema::compile(&row.input_schema, "input_schema").map_err(Error::internal)?;
    answer_inputs(&schema, inputs)
}

/// Wrong inputs are an answer here; only what is too large to look at is an error.
fn answer_inputs(schema: &InputSchema, inputs: Value) -> Result<pb::ValidateTemplateInputsResponse> {
    let (effective, violations) = match schema.accept(&inputs, "inputs") {
        Ok(effective) => (effective, Vec::new()),
        Err(error) if error.reason == Reason::FieldInvalid => {
            let mut filled = inputs;
            schema.apply_defaults(&mut filled)?;
            (filled, error.fields)
        }
        Err(error) => return Err(error.into()),
    };
    Ok(pb::ValidateTemplateInputsResponse {
        valid: violations.is_empty(),
        violations: violations
            .into_iter()
            .map(|wrong| FieldViolation { field: wrong.field, description: wrong.message, ..FieldViolation::default() })
            .collect(),
        effective_inputs: Some(json_to_struct(&effective)),
    })
}

async fn find(read: &Read, name: &TemplateName) -> Result<TemplateRow> {
    let found = template::find(read.conn(), read.organization_id(), name.id().as_str()).await?;
    found.ok_or_else(|| CoreError::not_found(name).into())
}

async fn find_version(read: &Read, name: &TemplateVersionName) -> Result<TemplateVersionRow> {
    let (template, version) = (name.template(), name.id().to_string());
    let found = template::find_version(read.conn(), read.organization_id(), template.id().as_str(), &version).await?;
    found.ok_or_else(|| CoreError::not_found(name).into())
}

/// A template as people see it.
fn to_proto(row: TemplateRow, latest: Option<&str>, input_schema: Option<&Value>) -> Result<pb::Template> {
    let latest = latest.map(|version| TemplateVersionName::stored(&row.slug, version)).transpose()?;
    Ok(pb::Template {
        name: TemplateName::stored(&row.slug)?.to_string(),
        display_name: row.display_name,
        description: row.description,
        author: row.author,
        category: row.category,
        kind: enum_number(pb::TemplateKind::from_str_name, "TEMPLATE_KIND_", &row.kind),
        provider: enum_number(pb::Provider::from_str_name, "PROVIDER_", &row.provider),
        icon: row.icon,
        recommended: row.recommended,
        guide: row.guide,
        locked: row.locked,
        latest_version: latest.map(|name| name.to_string()).unwrap_or_default(),
        input_schema: input_schema.map(json_to_struct),
        estimated_duration: Some(seconds(row.estimated_duration_seconds.into())),
        create_time: Some(timestamp(row.create_time)),
        update_time: Some(timestamp(row.update_time)),
        creator: row.creator,
        etag: Etag::of(row.revision),
    })
}

/// A version as people see it.
fn version_to_proto(template: &str, row: TemplateVersionRow) -> Result<pb::TemplateVersion> {
    Ok(pb::TemplateVersion {
        name: TemplateVersionName::stored(template, &row.version)?.to_string(),
        version: row.version,
        engine: enum_number(pb::Engine::from_str_name, "ENGINE_", &row.engine),
        manifest: Some(json_to_struct(&row.manifest)),
        input_schema: Some(json_to_struct(&row.input_schema)),
        output_schema: Some(json_to_struct(&row.output_schema)),
        entrypoint: row.entrypoint,
        artifact_sha256: hex::encode(row.artifact_sha256),
        artifact_size: row.artifact_size,
        soft_timeout: Some(seconds(row.soft_timeout_seconds.into())),
        hard_timeout: Some(seconds(row.hard_timeout_seconds.into())),
        state: enum_number(pb::TemplateVersionState::from_str_name, "TEMPLATE_VERSION_STATE_", &row.state),
        create_time: Some(timestamp(row.create_time)),
        creator: row.creator,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> InputSchema {
        let schema = json!({
            "type": "object",
            "properties": {"name": {"type": "string", "minLength": 2}, "size": {"type": "integer", "default": 3}},
            "required": ["name"],
        });
        InputSchema::compile(&schema, "input_schema").unwrap()
    }

    #[test]
    fn wrong_inputs_are_answered_with_everything_that_is_wrong() {
        let answer = answer_inputs(&schema(), json!({"name": "a", "size": "big"})).unwrap();
        assert!(!answer.valid);
        let fields: Vec<_> = answer.violations.iter().map(|wrong| wrong.field.as_str()).collect();
        assert_eq!(fields, ["inputs.name", "inputs.size"]);
    }

    #[test]
    fn defaults_are_filled_in_whether_or_not_the_inputs_are_right() {
        for (inputs, valid) in [(json!({"name": "abc"}), true), (json!({}), false)] {
            let answer = answer_inputs(&schema(), inputs).unwrap();
            assert_eq!(answer.valid, valid);
            assert_eq!(struct_to_json(&answer.effective_inputs.unwrap())["size"], 3);
        }
    }
}
