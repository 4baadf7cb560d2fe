//! What engines know of deployments: which versions of a state there are. What is in them is for engines alone.

use std::sync::Arc;

use flagstone_api::pb;
use flagstone_api::pb::workspace_service_server::WorkspaceService;
use flagstone_core::Error as CoreError;
use flagstone_core::filter::{Field, FieldKind, Order};
use flagstone_core::names::{DeploymentName, JobName, WorkspaceName, parse};
use flagstone_db::deployment::{self, DeploymentRow};
use flagstone_db::list::{self, Branch};
use flagstone_db::workspace::{self, StateHeadRow, WorkspaceRow};

use super::deployment::facts;
use crate::app::App;
use crate::convert::{enum_number, timestamp};
use crate::cx::{Cx, Read, Target};
use crate::error::Result;
use crate::list::{List, arguments};
use crate::rpc;

/// The service.
#[derive(Debug)]
pub struct Workspaces(pub Arc<App>);

#[tonic::async_trait]
impl WorkspaceService for Workspaces {
    rpc::unary! {
        get_workspace: pb::GetWorkspaceRequest => pb::Workspace,
        list_workspace_states: pb::ListWorkspaceStatesRequest => pb::ListWorkspaceStatesResponse,
    }
}

const STATES: List = List {
    fields: &[
        Field { name: "state", kind: FieldKind::Enum(&["CURRENT", "SUPERSEDED", "ORPHANED"]) },
        Field { name: "time", kind: FieldKind::Time },
    ],
    names: &[],
    orders: &[
        Order { name: "time", key: "time", descending: true },
        Order { name: "time", key: "time", descending: false },
    ],
};

async fn get_workspace(cx: Cx, message: pb::GetWorkspaceRequest) -> Result<pb::Workspace> {
    let name: WorkspaceName = parse(&message.name, "name")?;
    let read = cx.read(Target::in_unit(&name, name.business_unit())).await?;
    let deployment = find(&read, &name.deployment(), &message.name).await?;
    let (organization_id, conn) = (read.organization_id(), read.conn());
    let (row, resource_count) = futures::try_join!(
        workspace::get(conn, organization_id, deployment.id),
        workspace::resource_count(conn, organization_id, deployment.id),
    )?;
    let row = row.ok_or_else(|| CoreError::not_found(&name))?;
    Ok(pb::Workspace {
        name: name.to_string(),
        engine: enum_number(pb::Engine::from_str_name, "ENGINE_", &row.engine),
        lineage: row.lineage,
        serial: row.serial,
        resource_count: resource_count.unwrap_or_default(),
        lock_job: row.lock_job_id.map(|id| JobName::new(id).to_string()).unwrap_or_default(),
        lock_time: row.lock_time.map(timestamp),
        update_time: Some(timestamp(row.update_time)),
    })
}

async fn list_workspace_states(
    cx: Cx,
    message: pb::ListWorkspaceStatesRequest,
) -> Result<pb::ListWorkspaceStatesResponse> {
    let (parent, call) = STATES.call_in::<DeploymentName>(&cx, &message.parent, arguments!(message))?;
    let read = cx.read(Target::in_unit(&parent, parent.business_unit())).await?;
    let deployment = find(&read, &parent, &message.parent).await?;
    let names = call.names(&read).await?;
    let query = call.query(&read, &names, Some(deployment.id), &[Branch::ALL]);
    let (page, workspace) = futures::try_join!(
        list::workspace_state::list(read.conn(), &query),
        workspace::get(read.conn(), read.organization_id(), deployment.id),
    )?;
    Ok(pb::ListWorkspaceStatesResponse {
        next_page_token: call.next_token(page.next.as_ref())?,
        total_size: page.total.unwrap_or_default(),
        workspace_states: page.rows.into_iter().map(|row| state_to_proto(workspace.as_ref(), row)).collect(),
    })
}

/// The deployment of a name, judged: its workspace is no way to learn of a deployment that is hidden. `asked` is the name
/// in the call, which the answer repeats.
async fn find(read: &Read, name: &DeploymentName, asked: &str) -> Result<DeploymentRow> {
    let unit_id = read.unit()?.id;
    let found = deployment::find(read.conn(), read.organization_id(), unit_id, name.id().as_str()).await?;
    let row = found.ok_or_else(|| CoreError::not_found(&asked))?;
    let facts = facts(asked, &row)?;
    if !read.may_read(&facts) {
        return Err(CoreError::not_found(&asked).into());
    }
    read.check(&facts).await?;
    Ok(row)
}

fn state_to_proto(workspace: Option<&WorkspaceRow>, row: StateHeadRow) -> pb::WorkspaceState {
    let is_current = workspace.is_some_and(|workspace| row.is_current(workspace));
    let state = match row.state.as_str() {
        "ORPHANED" => pb::WorkspaceStateState::Orphaned,
        _ if is_current => pb::WorkspaceStateState::Current,
        _ => pb::WorkspaceStateState::Superseded,
    };
    pb::WorkspaceState {
        serial: row.serial,
        lineage: row.lineage,
        resource_count: row.resource_count,
        sha256: hex::encode(row.sha256),
        job: JobName::new(row.job_id).to_string(),
        fence: row.fence,
        state: state.into(),
        time: Some(timestamp(row.time)),
    }
}
