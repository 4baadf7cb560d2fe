//! What is deployed. Only requests change it: `request create`, `request update`, `request destroy`.

use clap::Subcommand;
use flagstone_api::pb::{
    Deployment, GetDeploymentRequest, ListDeploymentsRequest, ListRevisionsRequest, Output, Revision,
};

use crate::cli::Listing;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Column;
use crate::text::{id, object, short, time, value, word};
use crate::wait::state_word;

/// What to do with deployments.
#[derive(Subcommand)]
pub(crate) enum Deployments {
    /// List the deployments of a business unit, the newest first
    List(Listing),
    /// Show a deployment with its outputs
    Get {
        /// DEPLOYMENT or UNIT/DEPLOYMENT
        deployment: String,
    },
    /// List what was applied to a deployment, the newest first
    Revisions {
        /// DEPLOYMENT or UNIT/DEPLOYMENT
        deployment: String,
        #[command(flatten)]
        listing: Listing,
    },
}

const COLUMNS: &[Column<Deployment>] = &[
    ("DEPLOYMENT", |d| short(&d.name)),
    ("ENVIRONMENT", |d| id(&d.environment)),
    ("TEMPLATE", |d| short(&d.template_version)),
    ("STATE", |d| word(d.state().as_str_name(), "DEPLOYMENT_STATE")),
    ("REVISION", |d| d.current_revision.to_string()),
    ("OWNER", |d| id(&d.owner)),
    ("CHANGED", |d| time(d.update_time.as_ref())),
];

const FIELDS: &[Column<Deployment>] = &[
    ("Deployment", |d| short(&d.name)),
    ("Title", |d| d.display_name.clone()),
    ("State", |d| word(d.state().as_str_name(), "DEPLOYMENT_STATE")),
    ("Environment", |d| id(&d.environment)),
    ("Tier", |d| word(d.tier().as_str_name(), "TIER")),
    ("Template", |d| short(&d.template_version)),
    ("Provider", |d| word(d.provider().as_str_name(), "PROVIDER")),
    ("Region", |d| d.region.clone()),
    ("Owner", |d| id(&d.owner)),
    ("Revision", |d| d.current_revision.to_string()),
    ("Resources", |d| d.resource_count.to_string()),
    ("Cost center", |d| d.cost_center.clone()),
    ("Project code", |d| d.project_code.clone()),
    ("Tags", |d| d.tags.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("\n")),
    ("Inputs", |d| d.inputs.as_ref().map(pairs).unwrap_or_default()),
    ("Outputs", |d| outputs(&d.outputs)),
    ("Last operation", |d| {
        d.last_operation.as_ref().map_or_else(String::new, |last| {
            let error = last.error.as_ref().map_or("", |error| &error.message);
            let kind = word(last.kind().as_str_name(), "REQUEST_KIND");
            format!("{kind} {} {error}", state_word(last.state()))
        })
    }),
    ("Created", |d| time(d.create_time.as_ref())),
    ("Changed", |d| time(d.update_time.as_ref())),
];

const REVISION_COLUMNS: &[Column<Revision>] = &[
    ("REVISION", |r| r.number.to_string()),
    ("KIND", |r| word(r.kind().as_str_name(), "REQUEST_KIND")),
    ("TEMPLATE", |r| short(&r.template_version)),
    ("STATE", |r| word(r.state().as_str_name(), "REVISION_STATE")),
    ("BY", |r| id(&r.initiator)),
    ("DESCRIPTION", |r| r.description.clone()),
    ("APPLIED", |r| time(r.end_time.as_ref())),
];

pub(crate) async fn run(context: &Context, deployments: Deployments) -> Result<(), Failure> {
    let client = &context.client;
    match deployments {
        Deployments::List(listing) => {
            let request = ListDeploymentsRequest {
                parent: context.parent().await?,
                page_size: listing.page_size(),
                filter: listing.filter.unwrap_or_default(),
                order_by: listing.order_by.unwrap_or_default(),
                ..Default::default()
            };
            context.print_list(client.list_deployments(request), listing.limit, COLUMNS).await
        }
        Deployments::Get { deployment } => {
            let name = context.under_unit(&deployment, "deployments").await?;
            let deployment = client.deployments().get_deployment(GetDeploymentRequest { name }).await?.into_inner();
            context.format.one(&deployment, FIELDS)
        }
        Deployments::Revisions { deployment, listing } => {
            let request = ListRevisionsRequest {
                parent: context.under_unit(&deployment, "deployments").await?,
                page_size: listing.page_size(),
                filter: listing.filter.unwrap_or_default(),
                order_by: listing.order_by.unwrap_or_default(),
                ..Default::default()
            };
            context.print_list(client.list_revisions(request), listing.limit, REVISION_COLUMNS).await
        }
    }
}

fn pairs(inputs: &prost_types::Struct) -> String {
    let inputs = object(inputs);
    let pairs = inputs.as_object().into_iter().flatten();
    pairs.map(|(key, value)| format!("{key} = {value}")).collect::<Vec<_>>().join("\n")
}

fn outputs(outputs: &[Output]) -> String {
    let line = |output: &Output| match &output.value {
        _ if output.sensitive => format!("{} = ••••••", output.output),
        Some(found) => format!("{} = {}", output.output, value(found)),
        None => format!("{} = null", output.output),
    };
    outputs.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sensitive_outputs_are_masked() {
        let output = |name: &str, sensitive| Output { output: name.into(), value: Some("shown".into()), sensitive };
        assert_eq!(outputs(&[output("a", false), output("b", true)]), "a = \"shown\"\nb = ••••••");
    }
}
