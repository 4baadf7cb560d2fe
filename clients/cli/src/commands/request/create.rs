//! Asking for a change.

use std::path::PathBuf;

use clap::Args;
use flagstone_api::pb::{
    CreatePayload, CreateRequestRequest, DestroyPayload, GetDeploymentRequest, Request, UpdatePayload, request::Payload,
};

use super::finish;
use crate::ask;
use crate::context::Context;
use crate::failure::Failure;
use crate::inputs::{self, Input};
use crate::names;
use crate::text::{id, short};
use crate::wait::Wait;

/// What every new request takes.
#[derive(Args)]
pub(crate) struct Common {
    /// What people read; made from the rest where it is missing
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Store a draft and do nothing else; `request submit` sends it on its way
    #[arg(long, conflicts_with = "wait")]
    draft: bool,
    /// Show what it would do, and do nothing
    #[arg(long, conflicts_with = "wait")]
    dry_run: bool,
    #[command(flatten)]
    wait: Wait,
}

/// The template's inputs.
#[derive(Args)]
pub(crate) struct Inputs {
    /// An input: KEY=TEXT, or KEY:=JSON for a number, true, a list or an object
    #[arg(short, long = "input", value_parser = inputs::input, value_name = "INPUT")]
    inputs: Vec<Input>,
    /// All inputs, from a YAML or JSON file or from stdin (-); --input goes over them. Secrets belong here
    #[arg(long, value_name = "FILE")]
    inputs_file: Option<PathBuf>,
}

/// A new deployment.
#[derive(Args)]
pub(crate) struct Create {
    /// TEMPLATE@VERSION, or TEMPLATE for its latest version
    #[arg(short = 'T', long, value_name = "TEMPLATE")]
    template: String,
    /// Environment to make it in
    #[arg(short = 'E', long, value_name = "ENVIRONMENT")]
    environment: String,
    #[command(flatten)]
    inputs: Inputs,
    /// A tag: KEY=VALUE
    #[arg(long = "tag", value_parser = inputs::tag, value_name = "TAG")]
    tags: Vec<(String, String)>,
    /// Id of the new deployment; made from the template and the request's code where it is missing
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// What people read of the deployment
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    /// Who pays; production needs this or --project-code
    #[arg(long, value_name = "CODE")]
    cost_center: Option<String>,
    /// What it is for
    #[arg(long, value_name = "CODE")]
    project_code: Option<String>,
    #[command(flatten)]
    common: Common,
}

/// A change of a deployment.
#[derive(Args)]
pub(crate) struct Update {
    /// DEPLOYMENT or UNIT/DEPLOYMENT
    deployment: String,
    /// Another version of the same template: TEMPLATE@VERSION
    #[arg(short = 'T', long, value_name = "TEMPLATE")]
    template: Option<String>,
    #[command(flatten)]
    inputs: Inputs,
    /// A tag: KEY=VALUE; any replaces all
    #[arg(long = "tag", value_parser = inputs::tag, value_name = "TAG")]
    tags: Vec<(String, String)>,
    #[command(flatten)]
    common: Common,
}

/// The end of a deployment.
#[derive(Args)]
pub(crate) struct Destroy {
    /// DEPLOYMENT or UNIT/DEPLOYMENT
    deployment: String,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    common: Common,
}

pub(super) async fn create(context: &Context, create: Create) -> Result<(), Failure> {
    let inputs = inputs::gather(create.inputs.inputs_file.as_deref(), create.inputs.inputs)?;
    let tags = inputs::tags(create.tags)?;
    let template_version = names::template(&create.template)?;
    let environment = context.under_unit(&create.environment, "environments").await?;
    let payload = CreatePayload {
        template_version,
        environment: environment.clone(),
        deployment_id: create.id.unwrap_or_default(),
        display_name: create.display_name.unwrap_or_default(),
        inputs: Some(inputs),
        cost_center: create.cost_center.unwrap_or_default(),
        project_code: create.project_code.unwrap_or_default(),
    };
    let request = Request { payload: Some(Payload::Create(payload)), tags, ..Default::default() };
    send(context, &environment, request, create.common).await
}

pub(super) async fn update(context: &Context, update: Update) -> Result<(), Failure> {
    let deployment = context.under_unit(&update.deployment, "deployments").await?;
    let Inputs { inputs, inputs_file } = update.inputs;
    // The payload carries all inputs or, to keep them as they are, none.
    let inputs = match inputs_file {
        None if inputs.is_empty() => None,
        None => {
            let get = GetDeploymentRequest { name: deployment.clone() };
            let present = context.client.deployments().get_deployment(get).await?.into_inner();
            Some(inputs::change(&present.inputs.unwrap_or_default(), inputs)?)
        }
        Some(file) => Some(inputs::gather(Some(&file), inputs)?),
    };
    let payload = UpdatePayload {
        deployment: deployment.clone(),
        template_version: update.template.as_deref().map(names::template).transpose()?.unwrap_or_default(),
        inputs,
    };
    let tags = inputs::tags(update.tags)?;
    let request = Request { payload: Some(Payload::Update(payload)), tags, ..Default::default() };
    send(context, &deployment, request, update.common).await
}

pub(super) async fn destroy(context: &Context, destroy: Destroy) -> Result<(), Failure> {
    let deployment = context.under_unit(&destroy.deployment, "deployments").await?;
    // A dry run and a draft destroy nothing.
    let yes = destroy.yes || destroy.common.dry_run || destroy.common.draft;
    let question = format!("This asks to destroy {} and everything in it.", short(&deployment));
    ask::typed(&question, &id(&deployment), yes)?;
    let payload = DestroyPayload { deployment: deployment.clone() };
    let request = Request { payload: Some(Payload::Destroy(payload)), ..Default::default() };
    send(context, &deployment, request, destroy.common).await
}

/// Creates the request in the business unit of its target.
async fn send(context: &Context, target: &str, request: Request, common: Common) -> Result<(), Failure> {
    let call = CreateRequestRequest {
        parent: names::unit_of(target).unwrap_or_default(),
        request: Some(Request {
            title: common.title.unwrap_or_default(),
            description: common.description.unwrap_or_default(),
            ..request
        }),
        draft: common.draft,
        validate_only: common.dry_run,
        ..Default::default()
    };
    let request = context.client.requests().create_request(call).await?.into_inner();
    finish(context, request, common.dry_run, common.wait).await
}
