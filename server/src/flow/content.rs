//! From what a caller sends to what a request asks for: names resolved, inputs checked and filled, tags completed,
//! guardrails evaluated. Everything wrong is found at once, for CreateRequest to refuse and for PreviewRequest to tell.

use std::collections::BTreeMap;

use flagstone_api::pb;
use flagstone_api::pb::request::Payload;
use flagstone_core::deployment::DeploymentState;
use flagstone_core::inputs::InputSchema;
use flagstone_core::names::{DeploymentName, EnvironmentName, Slug, TemplateName, TemplateVersionName, parse};
use flagstone_core::policy::{PolicyResult, PolicyTarget, Subject, enforce, evaluate};
use flagstone_core::request::{Content, RequestKind, content_hash};
use flagstone_core::tier::Tier;
use flagstone_core::{Error as CoreError, Kind, Reason, Violations, tags, text};
use flagstone_db::deployment::DeploymentRow;
use flagstone_db::environment::EnvironmentRow;
use flagstone_db::template::{TemplateRow, TemplateVersionRow};
use flagstone_db::{Connection, deployment, environment, template};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::policies;
use super::secrets::{self, Owner};
use crate::convert::struct_to_json;
use crate::directory::Unit;
use crate::error::{Error, Result};
use crate::vault::Vault;

/// Longest title, in characters.
const TITLE_MAX: usize = 255;

/// Longest description, in characters.
const DESCRIPTION_MAX: usize = 4000;

/// Longest cost center and project code, in characters.
const CODE_MAX: usize = 100;

/// What a request asks for, complete and checked.
#[derive(Debug)]
pub struct Proposal {
    pub kind: RequestKind,
    pub title: String,
    pub description: String,
    pub environment: EnvironmentRow,
    pub tier: Tier,
    pub template: TemplateRow,
    pub version: TemplateVersionRow,
    /// The deployment it changes; `None` where it makes one.
    pub deployment: Option<DeploymentRow>,
    /// The id asked for; empty where the platform makes one.
    pub deployment_id: String,
    pub display_name: String,
    /// The payload as people may see it.
    pub payload: Value,
    /// What the engine gets.
    pub inputs: Value,
    /// The inputs as people may see them.
    pub shown_inputs: Value,
    /// The deployment's tags, the platform's own included.
    pub tags: BTreeMap<String, String>,
    pub cost_center: String,
    pub project_code: String,
    pub policy_results: Vec<PolicyResult>,
    pub content_hash: String,
}

/// What was found: the proposal where there is enough to make one, and everything that is wrong with it.
#[derive(Debug, Default)]
pub struct Findings {
    pub proposal: Option<Proposal>,
    pub violations: Violations,
    pub policy_results: Vec<PolicyResult>,
    /// Tier of the target and creator of the deployment, for the permission of the kind; known even where the content
    /// is wrong, so that somebody who may not ask at all is not told what is wrong with it.
    pub target: Option<TargetFacts>,
}

/// What the permission of a kind depends on.
#[derive(Clone, Debug)]
pub struct TargetFacts {
    pub kind: RequestKind,
    pub tier: Tier,
    /// Name of what is touched.
    pub name: String,
    /// Who created it; `None` for something new, which is the caller's own.
    pub creator_id: Option<Uuid>,
    /// The team that owns it.
    pub team_id: Option<Uuid>,
}

impl Findings {
    /// The proposal, or everything that stands in its way at once: fields, and policies with their remedies.
    pub fn into_proposal(self) -> Result<Proposal> {
        let policies = enforce(&self.policy_results);
        let mut fields = self.violations.finish();
        if let (Err(error), Err(policy)) = (&mut fields, &policies)
            && policy.kind == Kind::Invalid
        {
            error.fields.extend(policy.fields.iter().cloned());
            error.policies.clone_from(&policy.policies);
            error.message = format!("{} things are wrong; see the field and policy violations.", error.fields.len());
        }
        fields?;
        policies?;
        self.proposal.ok_or_else(|| Error::internal("nothing is wrong with the content, yet there is no proposal"))
    }
}

/// The kind of request that a payload asks for.
pub const fn kind_of(payload: &Payload) -> RequestKind {
    match payload {
        Payload::Create(_) => RequestKind::Create,
        Payload::Update(_) => RequestKind::Update,
        Payload::Destroy(_) => RequestKind::Destroy,
    }
}

/// What may stay as it is when the content of an existing request changes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Existing<'a> {
    /// Inputs that the caller did not send again.
    pub inputs: Option<&'a Value>,
    /// The deployment that a CREATE has reserved.
    pub reserved: Option<&'a DeploymentRow>,
}

/// Reads and checks what a caller asks for in `unit`. Paths of violations start with `field`.
pub async fn assemble(
    conn: &Connection,
    vault: &Vault,
    organization_id: Uuid,
    unit: &Unit,
    asked: &pb::Request,
    field: &str,
    existing: Existing<'_>,
) -> Result<Findings> {
    let mut findings = Findings::default();
    let wrong = &mut findings.violations;
    wrong.check(
        asked.title.chars().count() <= TITLE_MAX,
        format!("{field}.title"),
        format!("is longer than {TITLE_MAX} characters. Shorten it."),
    );
    wrong.check(
        asked.description.chars().count() <= DESCRIPTION_MAX,
        format!("{field}.description"),
        format!("is longer than {DESCRIPTION_MAX} characters. Shorten it."),
    );
    for (name, value) in [("title", &asked.title), ("description", &asked.description)] {
        wrong.check(text::is_readable(value), format!("{field}.{name}"), text::READABLE);
    }
    let Some(payload) = &asked.payload else {
        wrong.add(field, "has no payload. Set one of `create`, `update` and `destroy`: it says what is asked for.");
        return Ok(findings);
    };
    let reader = Reader { conn, vault, organization_id, unit, field };
    let parts = match payload {
        Payload::Create(create) => reader.create(create, existing, &mut findings).await?,
        Payload::Update(update) => reader.update(update, existing, &mut findings).await?,
        Payload::Destroy(destroy) => reader.destroy(destroy, &mut findings).await?,
    };
    reader.finish(asked, payload, parts, &mut findings).await?;
    Ok(findings)
}

/// What the payload resolves to; parts that are wrong are missing.
#[derive(Default)]
struct Parts {
    environment: Option<EnvironmentRow>,
    template: Option<(TemplateRow, TemplateVersionRow)>,
    deployment: Option<DeploymentRow>,
    deployment_id: String,
    display_name: String,
    inputs: Option<(Value, Value)>,
    cost_center: String,
    project_code: String,
    /// The payload as it is stored, without its inputs.
    payload: Map<String, Value>,
}

struct Reader<'a> {
    conn: &'a Connection,
    vault: &'a Vault,
    organization_id: Uuid,
    unit: &'a Unit,
    field: &'a str,
}

impl Reader<'_> {
    async fn create(
        &self,
        create: &pb::CreatePayload,
        existing: Existing<'_>,
        findings: &mut Findings,
    ) -> Result<Parts> {
        let at = |name: &str| format!("{}.create.{name}", self.field);
        let wrong = &mut findings.violations;
        let environment = match wrong.take(parse::<EnvironmentName>(&create.environment, &at("environment"))) {
            Some(name) => self.environment(&name, &at("environment"), wrong).await?,
            None => None,
        };
        let template = self.template(&create.template_version, &at("template_version"), wrong).await?;
        if !create.deployment_id.is_empty() {
            wrong.take(Slug::parse(&create.deployment_id, &at("deployment_id")));
        }
        if let Some(reserved) = existing.reserved
            && !create.deployment_id.is_empty()
            && create.deployment_id != reserved.slug
        {
            wrong.add(
                at("deployment_id"),
                "is reserved already. Cancel this request and order anew under the other id.",
            );
        }
        wrong.check(
            create.display_name.chars().count() <= TITLE_MAX,
            at("display_name"),
            format!("is longer than {TITLE_MAX} characters. Shorten it."),
        );
        for (name, value) in [("cost_center", &create.cost_center), ("project_code", &create.project_code)] {
            wrong.check(
                value.chars().count() <= CODE_MAX,
                at(name),
                format!("is longer than {CODE_MAX} characters. Shorten it."),
            );
        }
        let texts = [
            ("display_name", &create.display_name),
            ("cost_center", &create.cost_center),
            ("project_code", &create.project_code),
        ];
        for (name, value) in texts {
            wrong.check(text::is_readable(value), at(name), text::READABLE);
        }
        let sent = match (&create.inputs, existing.inputs) {
            (Some(inputs), _) => struct_to_json(inputs),
            (None, Some(kept)) => kept.clone(),
            (None, None) => json!({}),
        };
        let inputs = match &template {
            Some((_, version)) => inputs(version, &sent, &at("inputs"), wrong)?,
            None => None,
        };
        if let Some(environment) = &environment {
            findings.target = Some(TargetFacts {
                kind: RequestKind::Create,
                tier: tier(&environment.tier)?,
                name: format!("{}/deployments/{}", self.unit.name, create.deployment_id),
                creator_id: None,
                team_id: None,
            });
        }
        let payload = json!({
            "template_version": template.as_ref().map(|(template, version)| version_name(template, version)),
            "environment": create.environment,
            "deployment_id": create.deployment_id,
            "display_name": create.display_name,
            "cost_center": create.cost_center,
            "project_code": create.project_code,
        });
        Ok(Parts {
            environment,
            template,
            deployment: existing.reserved.cloned(),
            deployment_id: create.deployment_id.clone(),
            display_name: create.display_name.clone(),
            inputs,
            cost_center: create.cost_center.clone(),
            project_code: create.project_code.clone(),
            payload: object(payload),
        })
    }

    async fn update(
        &self,
        update: &pb::UpdatePayload,
        existing: Existing<'_>,
        findings: &mut Findings,
    ) -> Result<Parts> {
        let at = |name: &str| format!("{}.update.{name}", self.field);
        let allowed = [DeploymentState::Active];
        let Some(mut parts) =
            self.target(RequestKind::Update, &update.deployment, &at("deployment"), &allowed, findings).await?
        else {
            return Ok(Parts::default());
        };
        let wrong = &mut findings.violations;
        if !update.template_version.is_empty() {
            let asked = self.template(&update.template_version, &at("template_version"), wrong).await?;
            match (&asked, &parts.deployment) {
                (Some((template, _)), Some(deployment)) if template.id != deployment.template_id => {
                    wrong.add(
                        at("template_version"),
                        "is of another template. A deployment keeps its template for life.",
                    );
                }
                (Some(_), _) => parts.template = asked,
                (None, _) => parts.template = None,
            }
        }
        let sent = match (&update.inputs, existing.inputs) {
            (Some(inputs), _) => Some(struct_to_json(inputs)),
            (None, Some(kept)) => Some(kept.clone()),
            // What it has; another version's schema may judge it differently.
            (None, None) => parts.inputs.take().map(|(real, _)| real),
        };
        if let (Some(sent), Some((_, version))) = (&sent, &parts.template) {
            parts.inputs = inputs(version, sent, &at("inputs"), wrong)?;
        }
        parts.payload.insert("deployment".into(), update.deployment.clone().into());
        parts.payload.insert(
            "template_version".into(),
            parts.template.as_ref().map(|(template, version)| version_name(template, version)).into(),
        );
        Ok(parts)
    }

    async fn destroy(&self, destroy: &pb::DestroyPayload, findings: &mut Findings) -> Result<Parts> {
        let at = format!("{}.destroy.deployment", self.field);
        let allowed = [DeploymentState::Active, DeploymentState::Failed, DeploymentState::DeleteFailed];
        let Some(mut parts) = self.target(RequestKind::Destroy, &destroy.deployment, &at, &allowed, findings).await?
        else {
            return Ok(Parts::default());
        };
        parts.payload.insert("deployment".into(), destroy.deployment.clone().into());
        Ok(parts)
    }

    /// The deployment that an update or destroy is about, with what it has now.
    async fn target(
        &self,
        kind: RequestKind,
        name: &str,
        field: &str,
        allowed: &[DeploymentState],
        findings: &mut Findings,
    ) -> Result<Option<Parts>> {
        let Some(parsed) = findings.violations.take(parse::<DeploymentName>(name, field)) else { return Ok(None) };
        if parsed.business_unit() != self.unit.name {
            findings
                .violations
                .add(field, format!("is of another business unit. Ask for it in {}.", parsed.business_unit()));
            return Ok(None);
        }
        let found = deployment::find(self.conn, self.organization_id, self.unit.id, parsed.id().as_str()).await?;
        let Some(found) = found else {
            findings.violations.add(field, format!("{name} was not found. Check the name."));
            return Ok(None);
        };
        findings.target = Some(TargetFacts {
            kind,
            tier: tier(&found.tier)?,
            name: name.to_owned(),
            creator_id: Some(found.owner_id),
            team_id: found.team_id,
        });
        let state = DeploymentState::parse(&found.state, "state")?;
        if !allowed.contains(&state) {
            let words: Vec<&str> = allowed.iter().map(|state| state.as_str()).collect();
            return Err(CoreError::wrong_state(&parsed, state.as_str(), &words).into());
        }
        let environment = environment::get(self.conn, self.organization_id, found.environment_id).await?;
        let version = template::version_by_id(self.conn, self.organization_id, found.template_version_id).await?;
        let template = template::get(self.conn, self.organization_id, found.template_id).await?;
        let owner = Owner::Deployment(found.id);
        let real = secrets::open(self.vault, self.organization_id, owner, "inputs", &found.inputs_ciphertext)?;
        Ok(Some(Parts {
            inputs: Some((real, found.inputs.clone())),
            environment,
            template: template.zip(version),
            deployment_id: found.slug.clone(),
            display_name: found.display_name.clone(),
            cost_center: found.cost_center.clone(),
            project_code: found.project_code.clone(),
            deployment: Some(found),
            ..Parts::default()
        }))
    }

    async fn environment(
        &self,
        name: &EnvironmentName,
        field: &str,
        wrong: &mut Violations,
    ) -> Result<Option<EnvironmentRow>> {
        if name.business_unit() != self.unit.name {
            wrong.add(field, format!("is not of {}. Choose one of its environments.", self.unit.name));
            return Ok(None);
        }
        let found = environment::find(self.conn, self.organization_id, self.unit.id, name.id().as_str()).await?;
        wrong.check(found.is_some(), field, format!("{name} was not found. ListEnvironments shows those there are."));
        Ok(found)
    }

    /// The version that a name asks for: itself, or a template's latest.
    async fn template(
        &self,
        name: &str,
        field: &str,
        wrong: &mut Violations,
    ) -> Result<Option<(TemplateRow, TemplateVersionRow)>> {
        let (template_name, version) = match parse::<TemplateVersionName>(name, field) {
            Ok(version) => (version.template(), Some(version.id().to_string())),
            Err(error) => match name.parse::<TemplateName>() {
                Ok(template) => (template, None),
                Err(_) => {
                    wrong.extend(error.fields);
                    return Ok(None);
                }
            },
        };
        let Some(found) = template::find(self.conn, self.organization_id, template_name.id().as_str()).await? else {
            wrong.add(field, format!("{template_name} was not found. ListTemplates shows those there are."));
            return Ok(None);
        };
        let row = match version {
            Some(version) => template::version(self.conn, self.organization_id, found.id, &version).await?,
            None => match found.latest_version_id {
                Some(id) => template::version_by_id(self.conn, self.organization_id, id).await?,
                None => None,
            },
        };
        wrong.check(
            row.is_some(),
            field,
            format!("{name} has no such published version. ListTemplateVersions shows them."),
        );
        Ok(row.map(|row| (found, row)))
    }

    /// Tags, guardrails and the hash over everything.
    async fn finish(
        &self,
        asked: &pb::Request,
        payload: &Payload,
        parts: Parts,
        findings: &mut Findings,
    ) -> Result<()> {
        let kind = kind_of(payload);
        let tags = self.tags(kind, asked, parts.deployment.as_ref())?;
        let (inputs, shown) = parts.inputs.unwrap_or_else(|| (json!({}), json!({})));
        let environment_tier = parts.environment.as_ref().map(|environment| tier(&environment.tier)).transpose()?;
        if kind != RequestKind::Destroy {
            let mut fields = parts.payload.clone();
            fields.insert("inputs".into(), shown.clone());
            let all = policies::guardrails(self.conn, self.organization_id).await?;
            // The platform's own tag is not the caller's to judge.
            let mut theirs = tags.clone();
            theirs.remove(tags::BUSINESS_UNIT);
            if let Some(own) = asked.tags.get(tags::BUSINESS_UNIT) {
                theirs.insert(tags::BUSINESS_UNIT.to_owned(), own.clone());
            }
            fields.insert("cost_center".into(), parts.cost_center.clone().into());
            fields.insert("project_code".into(), parts.project_code.clone().into());
            findings.policy_results = evaluate(
                &all,
                &Subject {
                    target: PolicyTarget::Request,
                    tier: environment_tier,
                    template: parts.template.as_ref().map(|(template, _)| template.slug.as_str()),
                    business_unit: Some(self.unit.name.id().as_str()),
                    tags: &theirs,
                    tags_field: &format!("{}.tags", self.field),
                    fields: &Value::Object(fields),
                    fields_prefix: &format!("{}.{}", self.field, kind.as_str().to_lowercase()),
                },
            );
        }
        let (Some(environment), Some((template, version)), Some(tier)) =
            (parts.environment, parts.template, environment_tier)
        else {
            return Ok(());
        };
        if !findings.violations.is_empty() {
            return Ok(());
        }
        let mut stored = parts.payload;
        stored.insert("inputs".into(), shown.clone());
        let payload = Value::Object(stored);
        let deployment_name =
            parts.deployment.as_ref().map_or_else(|| parts.deployment_id.clone(), |deployment| deployment.slug.clone());
        let hash = content_hash(&Content {
            kind,
            deployment: &format!("{}/deployments/{deployment_name}", self.unit.name),
            environment: Some(&environment.slug),
            // The hash covers the inputs as they are; a hash of theirs, so that nothing secret is recoverable from it.
            payload: &json!({"payload": payload, "inputs": flagstone_core::canonical::sha256_hex(&inputs)}),
            tags: &tags,
            schedule_time: None,
            on_behalf_of: None,
        });
        findings.proposal = Some(Proposal {
            kind,
            title: title(asked, kind, &template, &deployment_name),
            description: asked.description.clone(),
            environment,
            tier,
            template,
            version,
            deployment: parts.deployment,
            deployment_id: parts.deployment_id,
            display_name: parts.display_name,
            payload,
            inputs,
            shown_inputs: shown,
            tags,
            cost_center: parts.cost_center,
            project_code: parts.project_code,
            policy_results: findings.policy_results.clone(),
            content_hash: hash,
        });
        Ok(())
    }

    /// The tags the deployment will carry. An update without tags keeps those it has; the unit's tag is the platform's.
    fn tags(
        &self,
        kind: RequestKind,
        asked: &pb::Request,
        deployment: Option<&DeploymentRow>,
    ) -> Result<BTreeMap<String, String>> {
        let kept = kind != RequestKind::Create && asked.tags.is_empty();
        let mut tags: BTreeMap<String, String> = match deployment {
            Some(deployment) if kept => serde_json::from_value(deployment.tags.clone()).map_err(Error::internal)?,
            _ => asked.tags.clone().into_iter().collect(),
        };
        tags.insert(tags::BUSINESS_UNIT.to_owned(), self.unit.code.clone());
        Ok(tags)
    }
}

/// The inputs with the schema's defaults, and as people may see them.
fn inputs(
    version: &TemplateVersionRow,
    sent: &Value,
    field: &str,
    wrong: &mut Violations,
) -> Result<Option<(Value, Value)>> {
    let schema = InputSchema::compile(&version.input_schema, "input_schema")?;
    match schema.accept(sent, field) {
        Ok(inputs) => {
            let shown = schema.mask_secrets(&inputs);
            Ok(Some((inputs, shown)))
        }
        // Too large is told by itself: nothing was looked at.
        Err(error) if error.reason == Reason::PayloadTooLarge => Err(error.into()),
        Err(error) => {
            wrong.extend(error.fields);
            Ok(None)
        }
    }
}

/// Resource name of a template version.
pub fn version_name(template: &TemplateRow, version: &TemplateVersionRow) -> String {
    format!("templates/{}/versions/{}", template.slug, version.version)
}

fn title(asked: &pb::Request, kind: RequestKind, template: &TemplateRow, deployment: &str) -> String {
    if !asked.title.trim().is_empty() {
        return asked.title.clone();
    }
    let what = if deployment.is_empty() { template.display_name.as_str() } else { deployment };
    let verb = match kind {
        RequestKind::Create => "Create",
        RequestKind::Update => "Update",
        RequestKind::Destroy => "Destroy",
    };
    format!("{verb} {what}")
}

fn tier(stored: &str) -> Result<Tier> {
    stored.parse().map_err(Error::internal)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
