//! The audit, for reading and for checking. What writes it is in `crate::audit`, what seals it in `worker::sealer`.

mod effects;
mod export;
mod proof;
mod stats;
mod verify;
mod visible;

use std::collections::HashMap;
use std::sync::Arc;

use flagstone_api::pb;
use flagstone_api::pb::audit_service_server::AuditService;
use flagstone_core::Error as CoreError;
use flagstone_core::filter::{Field, FieldKind, Order};
use flagstone_core::names::{AuditEventName, BusinessUnitParent, parse};
use flagstone_db::audit::tree::LeafRow;
use flagstone_db::audit::{AuditEventRow, tree};
use flagstone_db::list::{self, ListQuery};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::app::App;
use crate::convert::{duration, enum_number, json_to_struct, timestamp, unit_name};
use crate::cx::{Cx, Place, Read, Target};
use crate::error::Result;
use crate::list::{List, NameKind, arguments};
use crate::rpc::{self, Answers};

use export::export_audit_events;
use proof::{get_audit_checkpoint, get_audit_proof};
use stats::get_audit_stats;
use verify::verify_audit;
use visible::Visible;

/// The service.
#[derive(Debug)]
pub struct Audit(pub Arc<App>);

#[tonic::async_trait]
impl AuditService for Audit {
    type ExportAuditEventsStream = Answers<pb::ExportAuditEventsResponse>;

    rpc::unary! {
        list_audit_events: pb::ListAuditEventsRequest => pb::ListAuditEventsResponse,
        get_audit_event: pb::GetAuditEventRequest => pb::AuditEvent,
        get_audit_stats: pb::GetAuditStatsRequest => pb::AuditStats,
        get_audit_checkpoint: pb::GetAuditCheckpointRequest => pb::AuditCheckpoint,
        get_audit_proof: pb::GetAuditProofRequest => pb::AuditProof,
        verify_audit: pb::VerifyAuditRequest => pb::AuditVerification,
    }

    async fn export_audit_events(
        &self,
        request: Request<pb::ExportAuditEventsRequest>,
    ) -> Result<Response<Self::ExportAuditEventsStream>, Status> {
        rpc::stream(&self.0, request, export_audit_events).await
    }
}

const LIST: List = List {
    fields: &[
        // Names here are what was written at the time: their objects need not exist any more.
        Field { name: "principal", kind: FieldKind::Name },
        Field { name: "action", kind: FieldKind::Text },
        Field { name: "object", kind: FieldKind::Name },
        Field { name: "object_type", kind: FieldKind::Text },
        Field { name: "outcome", kind: FieldKind::Enum(&["SUCCESS", "FAILURE", "DENIED"]) },
        Field { name: "business_unit", kind: FieldKind::Name },
        Field { name: "correlation_id", kind: FieldKind::Text },
        Field { name: "seq", kind: FieldKind::Int },
        Field { name: "text", kind: FieldKind::TextSearch },
        Field { name: "time", kind: FieldKind::Time },
    ],
    names: &[("business_unit", NameKind::BusinessUnit)],
    orders: &[
        Order { name: "time", key: "time", descending: true },
        Order { name: "time", key: "time", descending: false },
    ],
};

async fn list_audit_events(cx: Cx, message: pb::ListAuditEventsRequest) -> Result<pb::ListAuditEventsResponse> {
    let call = LIST.call(&cx, arguments!(message))?;
    let read = cx.read(Target::everywhere()).await?;
    let names = call.names(&read).await?;
    let visible = Visible::of(&read)?;
    let branches = visible.branches();
    let query = ListQuery { team_ids: &visible.teams, ..call.query(&read, &names, None, &branches) };
    let page = list::audit::list(read.conn(), &query).await?;
    Ok(pb::ListAuditEventsResponse {
        next_page_token: call.next_token(page.next.as_ref())?,
        total_size: page.total.unwrap_or_default(),
        audit_events: to_protos(&read, page.rows).await?,
    })
}

async fn get_audit_event(cx: Cx, message: pb::GetAuditEventRequest) -> Result<pb::AuditEvent> {
    let name: AuditEventName = parse(&message.name, "name")?;
    // Whoever reads any audit may ask. Whether the event is there is told only to those who read it.
    let read = cx.read(Target { name: name.to_string(), place: Place::Units(BusinessUnitParent::Any) }).await?;
    let visible = Visible::of(&read)?;
    let mut found = tree::events(read.conn(), read.organization_id(), &[*name.id()]).await?;
    found.retain(|event| visible.shows(event));
    to_protos(&read, found).await?.pop().ok_or_else(|| CoreError::not_found(&name).into())
}

/// Events as people see them, with their numbers.
async fn to_protos(read: &Read, rows: Vec<AuditEventRow>) -> Result<Vec<pb::AuditEvent>> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let leaves = tree::leaves_of(read.conn(), read.organization_id(), &ids).await?;
    let mut leaves: HashMap<Uuid, LeafRow> = leaves.into_iter().map(|leaf| (leaf.event_id, leaf)).collect();
    rows.into_iter()
        .map(|row| {
            let leaf = leaves.remove(&row.id);
            to_proto(read, row, leaf)
        })
        .collect()
}

/// An event as people see it.
fn to_proto(read: &Read, row: AuditEventRow, leaf: Option<LeafRow>) -> Result<pb::AuditEvent> {
    let seq = leaf.as_ref().map_or(0, |leaf| leaf.seq);
    let team = row.team_id.and_then(|id| read.user.directory.team(id));
    let unit = row.business_unit_id.map(|id| unit_name(&read.user.directory, id)).transpose()?;
    Ok(pb::AuditEvent {
        name: AuditEventName::new(row.id).to_string(),
        time: Some(timestamp(row.time)),
        principal: row.principal,
        action: row.action,
        object: row.object,
        object_type: row.object_type,
        business_unit: unit.map(ToString::to_string).unwrap_or_default(),
        outcome: enum_number(pb::AuditOutcome::from_str_name, "AUDIT_OUTCOME_", &row.outcome),
        effects: Some(effects::from_json(row.effects)?),
        details: Some(json_to_struct(&row.details)),
        ip: row.ip,
        user_agent: row.user_agent,
        correlation_id: row.correlation_id,
        origin: enum_number(pb::AuditOrigin::from_str_name, "AUDIT_ORIGIN_", &row.origin),
        duration: Some(duration(std::time::Duration::from_millis(row.duration_ms.try_into().unwrap_or_default()))),
        seq,
        leaf_hash: leaf.map(|leaf| leaf.hash).unwrap_or_default(),
        on_behalf_of: row.on_behalf_of.unwrap_or_default(),
        team: team.map(ToString::to_string).unwrap_or_default(),
    })
}
