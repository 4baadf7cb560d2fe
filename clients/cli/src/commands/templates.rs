//! What can be ordered.

use clap::Subcommand;
use flagstone_api::pb::{
    GetTemplateRequest, GetTemplateVersionRequest, ListTemplateVersionsRequest, ListTemplatesRequest, Template,
    TemplateVersion,
};

use crate::cli::Listing;
use crate::context::Context;
use crate::failure::Failure;
use crate::names;
use crate::output::Column;
use crate::text::{duration, id, object, short, time, word, yes};

/// What to do with templates.
#[derive(Subcommand)]
pub(crate) enum Templates {
    /// List the templates
    List(Listing),
    /// Show a template, or one version of it
    Get {
        /// TEMPLATE or TEMPLATE@VERSION
        template: String,
    },
    /// List the versions of a template
    Versions {
        /// TEMPLATE
        template: String,
        #[command(flatten)]
        listing: Listing,
    },
}

const COLUMNS: &[Column<Template>] = &[
    ("TEMPLATE", |t| id(&t.name)),
    ("VERSION", |t| id(&t.latest_version)),
    ("TITLE", |t| t.display_name.clone()),
    ("PROVIDER", |t| word(t.provider().as_str_name(), "PROVIDER")),
    ("CATEGORY", |t| t.category.clone()),
    ("GOLDEN PATH", |t| yes(t.recommended)),
];

const FIELDS: &[Column<Template>] = &[
    ("Template", |t| id(&t.name)),
    ("Title", |t| t.display_name.clone()),
    ("Description", |t| t.description.clone()),
    ("Latest version", |t| id(&t.latest_version)),
    ("Provider", |t| word(t.provider().as_str_name(), "PROVIDER")),
    ("Category", |t| t.category.clone()),
    ("Author", |t| t.author.clone()),
    ("Usually takes", |t| duration(t.estimated_duration.as_ref())),
    ("Locked", |t| yes(t.locked)),
    ("Inputs", |t| t.input_schema.as_ref().map(inputs).unwrap_or_default()),
    ("Guide", |t| t.guide.clone()),
];

const VERSION_COLUMNS: &[Column<TemplateVersion>] = &[
    ("VERSION", |v| v.version.clone()),
    ("ENGINE", |v| word(v.engine().as_str_name(), "ENGINE")),
    ("STATE", |v| word(v.state().as_str_name(), "TEMPLATE_VERSION_STATE")),
    ("CREATED", |v| time(v.create_time.as_ref())),
    ("SHA-256", |v| v.artifact_sha256.clone()),
];

const VERSION_FIELDS: &[Column<TemplateVersion>] = &[
    ("Template", |v| short(&v.name)),
    ("Engine", |v| word(v.engine().as_str_name(), "ENGINE")),
    ("State", |v| word(v.state().as_str_name(), "TEMPLATE_VERSION_STATE")),
    ("SHA-256", |v| v.artifact_sha256.clone()),
    ("Warned after", |v| duration(v.soft_timeout.as_ref())),
    ("Ended after", |v| duration(v.hard_timeout.as_ref())),
    ("Created", |v| time(v.create_time.as_ref())),
    ("Inputs", |v| v.input_schema.as_ref().map(inputs).unwrap_or_default()),
];

pub(crate) async fn run(context: &Context, templates: Templates) -> Result<(), Failure> {
    let client = &context.client;
    match templates {
        Templates::List(listing) => {
            let request = ListTemplatesRequest {
                page_size: listing.page_size(),
                filter: listing.filter.unwrap_or_default(),
                order_by: listing.order_by.unwrap_or_default(),
                ..Default::default()
            };
            context.print_list(client.list_templates(request), listing.limit, COLUMNS).await
        }
        Templates::Get { template } => {
            let name = names::template(&template)?;
            if name.contains("/versions/") {
                let version = client.templates().get_template_version(GetTemplateVersionRequest { name }).await?;
                return context.format.one(&version.into_inner(), VERSION_FIELDS);
            }
            let template = client.templates().get_template(GetTemplateRequest { name }).await?;
            context.format.one(&template.into_inner(), FIELDS)
        }
        Templates::Versions { template, listing } => {
            let request = ListTemplateVersionsRequest {
                parent: names::alone(&template, "templates")?,
                page_size: listing.page_size(),
                filter: listing.filter.unwrap_or_default(),
                order_by: listing.order_by.unwrap_or_default(),
                ..Default::default()
            };
            context.print_list(client.list_template_versions(request), listing.limit, VERSION_COLUMNS).await
        }
    }
}

/// A line for each input of a JSON Schema: name, type, whether it is required, default, title.
fn inputs(schema: &prost_types::Struct) -> String {
    let schema = object(schema);
    let required = |key: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == key));
    let Some(properties) = schema["properties"].as_object() else { return String::new() };
    let line = |(key, property): (&String, &serde_json::Value)| {
        let mut line = format!("{key}: {}", property["type"].as_str().unwrap_or("any"));
        if required(key) {
            line.push_str(", required");
        }
        if !property["default"].is_null() {
            line.push_str(&format!(", default {}", property["default"]));
        }
        match property["title"].as_str() {
            Some(title) => format!("{line} ({title})"),
            None => line,
        }
    };
    properties.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_a_line_for_each_input() {
        let field = |pairs: Vec<(&str, prost_types::Value)>| {
            let fields = pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
            prost_types::Value { kind: Some(prost_types::value::Kind::StructValue(prost_types::Struct { fields })) }
        };
        let properties = field(vec![
            ("name", field(vec![("type", "string".into()), ("title", "Bucket name".into())])),
            ("versioning", field(vec![("type", "boolean".into()), ("default", true.into())])),
        ]);
        let required = prost_types::Value::from(vec![prost_types::Value::from("name")]);
        let fields = [("properties".to_owned(), properties), ("required".to_owned(), required)].into();
        let text = inputs(&prost_types::Struct { fields });
        assert_eq!(text, "name: string, required (Bucket name)\nversioning: boolean, default true");
    }
}
