//! Deployments and their revisions, for reading: only requests change them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use flagstone_api::pb;
use flagstone_api::pb::deployment_service_server::DeploymentService;
use flagstone_core::Error as CoreError;
use flagstone_core::deployment::{DeploymentState, RevisionState};
use flagstone_core::etag::Etag;
use flagstone_core::filter::{Field, FieldKind, Order};
use flagstone_core::names::{
    ApprovalName, BusinessUnitName, BusinessUnitParent, DeploymentName, EnvironmentName, JobName, RequestName,
    RevisionName, TemplateVersionName, parse,
};
use flagstone_core::request::RequestKind;
use flagstone_core::tier::Tier;
use flagstone_db::deployment::DeploymentRow;
use flagstone_db::list::{self, Branch};
use flagstone_db::request::RequestRow;
use flagstone_db::revision::RevisionRow;
use flagstone_db::template::VersionName;
use flagstone_db::{deployment, environment, request, revision, template};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::request_view;
use super::template::PROVIDERS;
use crate::app::App;
use crate::convert::{enum_number, json_to_struct, timestamp, unit_name, value_to_proto};
use crate::cx::{Cx, Facts, Read, Target};
use crate::error::{Error, Result};
use crate::list::{BY_CREATION, List, NameKind, arguments};
use crate::rpc;

/// The service.
#[derive(Debug)]
pub struct Deployments(pub Arc<App>);

#[tonic::async_trait]
impl DeploymentService for Deployments {
    rpc::unary! {
        get_deployment: pb::GetDeploymentRequest => pb::Deployment,
        list_deployments: pb::ListDeploymentsRequest => pb::ListDeploymentsResponse,
        get_revision: pb::GetRevisionRequest => pb::Revision,
        list_revisions: pb::ListRevisionsRequest => pb::ListRevisionsResponse,
    }
}

/// What allows to know that a deployment exists.
pub(super) const READABLE: &[&str] = &["business_unit:deployments:read", "user:deployments:read:own"];

const LIST: List = List {
    fields: &[
        Field { name: "state", kind: FieldKind::Enum(DeploymentState::WORDS) },
        Field { name: "tier", kind: FieldKind::Tier },
        Field { name: "environment", kind: FieldKind::Name },
        Field { name: "template", kind: FieldKind::Name },
        Field { name: "owner", kind: FieldKind::Name },
        Field { name: "provider", kind: PROVIDERS },
        Field { name: "tags", kind: FieldKind::Map },
        Field { name: "display_name", kind: FieldKind::TextSearch },
        Field { name: "create_time", kind: FieldKind::Time },
    ],
    names: &[("environment", NameKind::Environment), ("template", NameKind::Template), ("owner", NameKind::User)],
    orders: BY_CREATION,
};

const REVISIONS: List = List {
    fields: &[
        Field { name: "state", kind: FieldKind::Enum(RevisionState::WORDS) },
        Field { name: "kind", kind: FieldKind::Enum(RequestKind::WORDS) },
        Field { name: "create_time", kind: FieldKind::Time },
    ],
    names: &[],
    orders: &[
        Order { name: "number", key: "number", descending: true },
        Order { name: "number", key: "number", descending: false },
    ],
};

async fn get_deployment(cx: Cx, message: pb::GetDeploymentRequest) -> Result<pb::Deployment> {
    let name: DeploymentName = parse(&message.name, "name")?;
    let read = cx.read(Target::in_unit(&name, name.business_unit())).await?;
    let row = find(&read, &name, &message.name).await?;
    to_proto(&read, vec![row]).await?.pop().ok_or_else(|| CoreError::not_found(&name).into())
}

async fn list_deployments(cx: Cx, message: pb::ListDeploymentsRequest) -> Result<pb::ListDeploymentsResponse> {
    let (parent, call) = LIST.call_in::<BusinessUnitParent>(&cx, &message.parent, arguments!(message))?;
    let read = cx.read(Target::list(&parent)).await?;
    let names = call.names(&read).await?;
    let branches = Branch::of(&read.visible, read.unit.as_ref().map(|unit| unit.id));
    let page = list::deployment::list(read.conn(), &call.query(&read, &names, None, &branches)).await?;
    Ok(pb::ListDeploymentsResponse {
        next_page_token: call.next_token(page.next.as_ref())?,
        total_size: page.total.unwrap_or_default(),
        deployments: to_proto(&read, page.rows).await?,
    })
}

async fn get_revision(cx: Cx, message: pb::GetRevisionRequest) -> Result<pb::Revision> {
    let name: RevisionName = parse(&message.name, "name")?;
    let read = cx.read(Target::in_unit(&name, name.business_unit())).await?;
    let deployment = find(&read, &name.deployment(), &message.name).await?;
    let found = revision::get(read.conn(), read.organization_id(), deployment.id, name.id().get()).await?;
    let row = found.ok_or_else(|| CoreError::not_found(&name))?;
    let mut revisions = revisions_to_proto(&read, &deployment, vec![row]).await?;
    revisions.pop().ok_or_else(|| CoreError::not_found(&name).into())
}

async fn list_revisions(cx: Cx, message: pb::ListRevisionsRequest) -> Result<pb::ListRevisionsResponse> {
    let (parent, call) = REVISIONS.call_in::<DeploymentName>(&cx, &message.parent, arguments!(message))?;
    let read = cx.read(Target::in_unit(&parent, parent.business_unit())).await?;
    let deployment = find(&read, &parent, &message.parent).await?;
    let names = call.names(&read).await?;
    let query = call.query(&read, &names, Some(deployment.id), &[Branch::ALL]);
    let page = list::revision::list(read.conn(), &query).await?;
    Ok(pb::ListRevisionsResponse {
        next_page_token: call.next_token(page.next.as_ref())?,
        total_size: page.total.unwrap_or_default(),
        revisions: revisions_to_proto(&read, &deployment, page.rows).await?,
    })
}

/// The deployment of a name, judged. `asked` is the name in the call, which the answer repeats.
async fn find(read: &Read, name: &DeploymentName, asked: &str) -> Result<DeploymentRow> {
    let unit_id = read.unit()?.id;
    let found = deployment::find(read.conn(), read.organization_id(), unit_id, name.id().as_str()).await?;
    let row = found.ok_or_else(|| CoreError::not_found(&asked))?;
    read.check(&facts(asked, &row)?).await?;
    Ok(row)
}

/// What only a deployment can tell of itself.
pub(super) fn facts<'a>(name: &'a str, row: &DeploymentRow) -> Result<Facts<'a>> {
    let tier: Tier = row.tier.parse().map_err(Error::internal)?;
    let (creator_id, team_id) = (Some(row.owner_id), row.team_id);
    Ok(Facts { tier: Some(tier), creator_id, team_id, ..Facts::of(name, READABLE) })
}

/// Deployments as people see them, in the same order. What they refer to is looked up at once, however many they are.
async fn to_proto(read: &Read, rows: Vec<DeploymentRow>) -> Result<Vec<pb::Deployment>> {
    let (conn, organization_id) = (read.conn(), read.organization_id());
    let environments: Vec<Uuid> = rows.iter().map(|row| row.environment_id).collect();
    let versions: Vec<Uuid> = rows.iter().map(|row| row.template_version_id).collect();
    let requests: Vec<Uuid> = rows.iter().filter_map(|row| row.last_request_id).collect();
    let (environments, versions, requests) = futures::try_join!(
        environment::slugs(conn, organization_id, &environments),
        template::version_names(conn, organization_id, &versions),
        request::of_ids(conn, organization_id, &requests),
    )?;
    let environments: HashMap<Uuid, String> = environments.into_iter().collect();
    let versions: HashMap<Uuid, VersionName> = versions.into_iter().map(|version| (version.id, version)).collect();
    let requests: HashMap<Uuid, RequestRow> = requests.into_iter().map(|request| (request.id, request)).collect();
    rows.into_iter()
        .map(|row| {
            let unit = unit_name(&read.user.directory, row.business_unit_id)?;
            let environment = environments.get(&row.environment_id);
            let environment = environment.ok_or_else(|| Error::internal("a deployment without environment"))?;
            let version = version_name(&versions, row.template_version_id)?;
            let last = row.last_request_id.and_then(|id| requests.get(&id));
            one(unit, EnvironmentName::stored(unit.id(), environment)?, version, last, row)
        })
        .collect()
}

fn one(
    unit: &BusinessUnitName,
    environment: EnvironmentName,
    template_version: String,
    last: Option<&RequestRow>,
    row: DeploymentRow,
) -> Result<pb::Deployment> {
    let tags: BTreeMap<String, String> = serde_json::from_value(row.tags).map_err(Error::internal)?;
    Ok(pb::Deployment {
        name: DeploymentName::stored(unit.id(), &row.slug)?.to_string(),
        display_name: row.display_name,
        state: enum_number(pb::DeploymentState::from_str_name, "DEPLOYMENT_STATE_", &row.state),
        environment: environment.to_string(),
        tier: enum_number(pb::Tier::from_str_name, "TIER_", &row.tier),
        template_version,
        provider: enum_number(pb::Provider::from_str_name, "PROVIDER_", &row.provider),
        region: row.region,
        owner: row.owner,
        inputs: Some(json_to_struct(&row.inputs)),
        outputs: outputs(row.outputs)?,
        tags,
        cost_center: row.cost_center,
        project_code: row.project_code,
        current_revision: row.current_revision,
        last_operation: last.map(|request| last_operation(unit, request)).transpose()?,
        resource_count: row.resource_count,
        create_time: Some(timestamp(row.create_time)),
        update_time: Some(timestamp(row.update_time)),
        creator: row.creator,
        etag: Etag::of(row.revision),
    })
}

fn last_operation(unit: &BusinessUnitName, request: &RequestRow) -> Result<pb::LastOperation> {
    let job = request.job_ids.last().map(|id| JobName::new(*id).to_string());
    Ok(pb::LastOperation {
        kind: request_view::kind(&request.kind)?.into(),
        request: RequestName::stored(unit.id(), request.id)?.to_string(),
        job: job.unwrap_or_default(),
        state: request_view::state(&request.state)?.into(),
        error: request.error.as_ref().map(request_view::error_to_proto),
    })
}

/// Revisions of a deployment as people see them, in the same order.
async fn revisions_to_proto(
    read: &Read,
    deployment: &DeploymentRow,
    rows: Vec<RevisionRow>,
) -> Result<Vec<pb::Revision>> {
    let versions: Vec<Uuid> = rows.iter().map(|row| row.template_version_id).collect();
    let versions = template::version_names(read.conn(), read.organization_id(), &versions).await?;
    let versions: HashMap<Uuid, VersionName> = versions.into_iter().map(|version| (version.id, version)).collect();
    let unit = unit_name(&read.user.directory, deployment.business_unit_id)?;
    rows.into_iter()
        .map(|row| {
            Ok(pb::Revision {
                name: RevisionName::stored(unit.id(), &deployment.slug, row.number)?.to_string(),
                number: row.number,
                kind: request_view::kind(&row.kind)?.into(),
                template_version: version_name(&versions, row.template_version_id)?,
                inputs: Some(json_to_struct(&row.inputs)),
                outputs: outputs(row.outputs)?,
                request: RequestName::stored(unit.id(), row.request_id)?.to_string(),
                job: row.job_id.map(|id| JobName::new(id).to_string()).unwrap_or_default(),
                plan_digest: row.plan_digest,
                approval: row.approval_id.map(|id| ApprovalName::new(id).to_string()).unwrap_or_default(),
                initiator: row.initiator,
                description: row.description,
                state: enum_number(pb::RevisionState::from_str_name, "REVISION_STATE_", &row.state),
                create_time: Some(timestamp(row.create_time)),
                start_time: row.start_time.map(timestamp),
                end_time: row.end_time.map(timestamp),
            })
        })
        .collect()
}

fn version_name(versions: &HashMap<Uuid, VersionName>, id: Uuid) -> Result<String> {
    let found = versions.get(&id).ok_or_else(|| Error::internal("a reference to a version that is gone"))?;
    Ok(TemplateVersionName::stored(&found.template, &found.version)?.to_string())
}

/// One output as it is stored, masked where it is sensitive.
#[derive(Debug, Deserialize)]
struct StoredOutput {
    output: String,
    value: Value,
    sensitive: bool,
}

fn outputs(stored: Value) -> Result<Vec<pb::Output>> {
    let stored: Vec<StoredOutput> = serde_json::from_value(stored).map_err(Error::internal)?;
    let outputs = stored.into_iter().map(|stored| pb::Output {
        output: stored.output,
        value: Some(value_to_proto(&stored.value)),
        sensitive: stored.sensitive,
    });
    Ok(outputs.collect())
}
