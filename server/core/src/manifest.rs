//! Template manifests: `template.yaml`, what an author says about a template. Read once, when a version is loaded; all
//! faults are told at once, with the line where that is known.

mod fields;
mod lines;
mod order;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::fields::Fields;
use crate::access::PermissionPattern;
use crate::error::{Error, FieldViolation, Kind, Reason};
use crate::inputs::InputSchema;
use crate::names::{Slug, TemplateVersionNumber};
use crate::runner::Labels;
use crate::words::words;

/// Largest manifest, in bytes.
pub const MAX_BYTES: usize = 256 * 1024;

/// Longest that a job of a template may run, in seconds.
pub const MAX_TIMEOUT_SECONDS: u32 = 24 * 3600;

const DEFAULT_SOFT_TIMEOUT_SECONDS: u32 = 30 * 60;
const DEFAULT_HARD_TIMEOUT_SECONDS: u32 = 60 * 60;

words! {
    /// Where a template makes something.
    pub enum Provider: "provider" {
        Aws = "AWS",
        Gcp = "GCP",
        Azure = "AZURE",
        Kubernetes = "KUBERNETES",
        /// Nowhere outside of the platform.
        None = "NONE",
    }
}

words! {
    /// What runs a template.
    pub enum Engine: "engine" {
        Terraform = "TERRAFORM",
    }
}

words! {
    /// What a template is for.
    pub enum TemplateKind: "template kind" {
        Infrastructure = "INFRASTRUCTURE",
        Microservice = "MICROSERVICE",
        Environment = "ENVIRONMENT",
        Action = "ACTION",
    }
}

/// A manifest that keeps every rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub id: Slug,
    /// What people read, at most 255 characters.
    pub name: String,
    pub version: TemplateVersionNumber,
    pub author: String,
    pub description: String,
    pub category: String,
    pub provider: Provider,
    pub engine: Engine,
    pub kind: TemplateKind,
    /// Name of a Lucide icon.
    pub icon: String,
    /// Shown as golden path.
    pub recommended: bool,
    /// How long an apply usually takes; absent where the author gives no estimate.
    pub estimated_duration_seconds: Option<u32>,
    /// The file that the engine starts with, relative to the template's directory.
    pub entrypoint: String,
    /// JSON Schema of the inputs; [`InputSchema`] compiles it. Each property says as `x-order` which place it has in the
    /// manifest, and so in the form.
    pub inputs: Value,
    /// JSON Schema of the outputs, with `x-order` as well.
    pub outputs: Value,
    /// Hints for the form.
    pub ui: Value,
    /// Markdown file with the guide, relative to the template's directory.
    pub guide: String,
    /// A job that runs longer is warned.
    pub soft_timeout_seconds: u32,
    /// A job that runs longer is ended. Not less than the soft one.
    pub hard_timeout_seconds: u32,
    /// What one needs beside the permissions that every request needs, in the form of method options.
    pub permissions: Vec<String>,
    /// Its jobs go to runners that have all of these labels; to any where there are none.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub runner_labels: Labels,
}

impl Manifest {
    /// Reads a manifest. `file` is how faults name it, for instance `templates/aws-s3/template.yaml`.
    pub fn parse(text: &str, file: &str) -> Result<Self, Error> {
        if text.len() > MAX_BYTES {
            let message = format!("{file} has {} bytes; at most {MAX_BYTES} are accepted.", text.len());
            return Err(Error::new(Kind::Invalid, Reason::PayloadTooLarge, message).with("limit", &MAX_BYTES));
        }
        let document = serde_yaml_ng::from_str::<serde_yaml_ng::Value>(text)
            .map_err(|error| Error::field(file, format!("This is not YAML: {error}.")))?;
        let mut fields = Fields::open(document, text, file)?;
        let manifest = Self::read(&mut fields);
        fields.finish()?;
        manifest.ok_or_else(|| Error::field(file, "The manifest cannot be read."))
    }

    /// Takes every field; `None` where one of them is missing, which `fields` knows.
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let id = fields.text("id", 63, true).and_then(|text| fields.take("id", Slug::parse(&text, "id")));
        let name = fields.text("name", 255, true);
        let version = fields.text("version", 100, true);
        let version = version.and_then(|text| fields.take("version", parse_version(&text)));
        let author = fields.text("author", 255, false);
        let description = fields.text("description", 1000, true);
        let category = fields.text("category", 100, true);
        let provider = fields.word("provider", Provider::parse);
        let engine = fields.word("engine", Engine::parse);
        let kind = fields.word("kind", TemplateKind::parse);
        let icon = fields.text("icon", 100, false).filter(|icon| !icon.is_empty());
        let recommended = fields.switch("recommended");
        let estimate = fields.seconds("estimated_duration_seconds", MAX_TIMEOUT_SECONDS);
        let entrypoint = fields.file("entrypoint", ".tf");
        let inputs = fields.schema("inputs", true);
        let outputs = fields.schema("outputs", false);
        let ui = fields.object("ui");
        let guide = if fields.has("guide") { fields.file("guide", ".md") } else { Some("GUIDE.md".to_owned()) };
        let soft = fields.seconds("soft_timeout_seconds", MAX_TIMEOUT_SECONDS).unwrap_or(DEFAULT_SOFT_TIMEOUT_SECONDS);
        let hard = fields.seconds("hard_timeout_seconds", MAX_TIMEOUT_SECONDS);
        let hard = hard.unwrap_or(DEFAULT_HARD_TIMEOUT_SECONDS.max(soft));
        if hard < soft {
            fields.add(
                "hard_timeout_seconds",
                "A job is warned before it is ended: not less than `soft_timeout_seconds`.",
            );
        }
        let permissions = fields.list("permissions");
        for (index, permission) in permissions.iter().enumerate() {
            if let Err(error) = PermissionPattern::parse(permission) {
                fields.add(&format!("permissions[{index}]"), &error.to_string());
            }
        }
        let runner_labels = fields.labels("runner_labels");
        Some(Self {
            id: id?,
            name: name?,
            version: version?,
            author: author.unwrap_or_default(),
            description: description?,
            category: category?,
            provider: provider?,
            engine: engine?,
            kind: kind?,
            icon: icon.unwrap_or_else(|| "package".to_owned()),
            recommended,
            estimated_duration_seconds: estimate,
            entrypoint: entrypoint?,
            inputs: inputs?,
            outputs: outputs.unwrap_or_else(|| json!({"type": "object"})),
            ui: ui.unwrap_or_else(|| json!({})),
            guide: guide?,
            soft_timeout_seconds: soft,
            hard_timeout_seconds: hard,
            permissions,
            runner_labels,
        })
    }
}

fn parse_version(text: &str) -> Result<TemplateVersionNumber, Error> {
    <TemplateVersionNumber as crate::names::Segment>::read(text).ok_or_else(|| {
        Error::invalid(vec![FieldViolation::new(
            "version",
            "Give a version such as `1.4.0`, in quotes if YAML reads a number.",
        )])
    })
}

/// Checks a schema in a manifest: the same rules for inputs and outputs.
fn check_schema(schema: &Value, field: &str) -> Result<(), Error> {
    InputSchema::compile(schema, field).map(|_| ())
}

#[cfg(test)]
mod tests;
