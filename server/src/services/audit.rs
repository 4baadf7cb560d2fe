//! The audit, for reading. What writes it is in `crate::audit`.

mod effects;

use std::sync::Arc;

use flagstone_api::pb;
use flagstone_api::pb::audit_service_server::AuditService;
use flagstone_core::access::{Object, Permission, Reach, Scope, Visible, decide};
use flagstone_core::filter::{Field, FieldKind, Order};
use flagstone_core::names::AuditEventName;
use flagstone_db::audit::AuditEventRow;
use flagstone_db::list::{self, Branch};

use crate::app::App;
use crate::convert::{duration, enum_number, json_to_struct, timestamp, unit_name};
use crate::cx::{Admitted, Cx, Read, Target};
use crate::error::{Error, Result};
use crate::list::{List, NameKind, arguments};
use crate::rpc;

/// The service.
#[derive(Debug)]
pub struct Audit(pub Arc<App>);

#[tonic::async_trait]
impl AuditService for Audit {
    rpc::unary! {
        list_audit_events: pb::ListAuditEventsRequest => pb::ListAuditEventsResponse,
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
    let branches = Branch::of_unowned(&visible(&read)?, None);
    let page = list::audit::list(read.conn(), &call.query(&read, &names, None, &branches)).await?;
    Ok(pb::ListAuditEventsResponse {
        next_page_token: call.next_token(page.next.as_ref())?,
        total_size: page.total.unwrap_or_default(),
        audit_events: page.rows.into_iter().map(|row| to_proto(&read, row)).collect::<Result<_>>()?,
    })
}

/// What the caller sees of the audit. Events of no unit, such as logins, are for those who may read the audit of the
/// organization; to read the audits of all its units is not enough.
fn visible(read: &Admitted) -> Result<Visible> {
    let everything = Permission::parse("platform:audit:read").map_err(Error::internal)?;
    let whole = decide(&read.user.grants, read.now, everything, Object::of(Scope::Organization)).is_allow();
    let mut visible = read.visible.clone();
    if let (false, Reach::AllExcept(hidden)) = (whole, &visible.others) {
        let units = read.user.directory.units().iter().map(|unit| unit.id);
        visible.others = Reach::Only(units.filter(|unit| !hidden.contains(unit)).collect());
    }
    Ok(visible)
}

/// An event as people see it.
fn to_proto(read: &Read, row: AuditEventRow) -> Result<pb::AuditEvent> {
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
    })
}
