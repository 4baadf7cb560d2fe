//! Business units: the scope of most work.

use std::collections::HashMap;
use std::sync::Arc;

use flagstone_api::pb;
use flagstone_api::pb::business_unit_service_server::BusinessUnitService;
use flagstone_core::Error as CoreError;
use flagstone_core::etag::Etag;
use flagstone_core::filter::{Field, FieldKind, Order};
use flagstone_core::names::{BusinessUnitName, UserName, parse};
use flagstone_db::business_unit::{self, BusinessUnitRow};
use flagstone_db::list::{self, Branch};

use crate::app::App;
use crate::convert::timestamp;
use crate::cx::{Cx, Facts, Read, Target};
use crate::error::Result;
use crate::list::{List, arguments};
use crate::rpc;

/// The service.
#[derive(Debug)]
pub struct BusinessUnits(pub Arc<App>);

#[tonic::async_trait]
impl BusinessUnitService for BusinessUnits {
    rpc::unary! {
        get_business_unit: pb::GetBusinessUnitRequest => pb::BusinessUnit,
        list_business_units: pb::ListBusinessUnitsRequest => pb::ListBusinessUnitsResponse,
    }
}

const LIST: List = List {
    fields: &[
        Field { name: "display_name", kind: FieldKind::TextSearch },
        Field { name: "code", kind: FieldKind::Text },
        Field { name: "active", kind: FieldKind::Bool },
        Field { name: "create_time", kind: FieldKind::Time },
    ],
    names: &[],
    orders: &[
        Order { name: "create_time", key: "create_time", descending: true },
        Order { name: "create_time", key: "create_time", descending: false },
    ],
};

async fn get_business_unit(cx: Cx, message: pb::GetBusinessUnitRequest) -> Result<pb::BusinessUnit> {
    let name: BusinessUnitName = parse(&message.name, "name")?;
    let read = cx.read(Target::in_unit(&name, name.clone())).await?;
    read.check(&Facts {
        name: &message.name,
        tier: None,
        creator_id: None,
        readable_by: &["business_unit:business_units:read", "platform:business_units:read"],
    })
    .await?;
    let found = business_unit::get(read.conn(), read.organization_id(), read.unit()?.id).await?;
    let row = found.ok_or_else(|| CoreError::not_found(&name))?;
    to_proto(&read, vec![row]).await?.pop().ok_or_else(|| CoreError::not_found(&name).into())
}

async fn list_business_units(cx: Cx, message: pb::ListBusinessUnitsRequest) -> Result<pb::ListBusinessUnitsResponse> {
    let call = LIST.call(&cx, arguments!(message))?;
    let read = cx.read(Target::everywhere()).await?;
    let names = call.names(&read).await?;
    let branches = Branch::of_unowned(&read.visible, None);
    let page = list::business_unit::list(read.conn(), &call.query(&read, &names, None, &branches)).await?;
    Ok(pb::ListBusinessUnitsResponse {
        next_page_token: call.next_token(page.next.as_ref())?,
        total_size: page.total.unwrap_or_default(),
        business_units: to_proto(&read, page.rows).await?,
    })
}

/// Units as people see them, in the same order; the names of their owners in one look-up.
async fn to_proto(read: &Read, rows: Vec<BusinessUnitRow>) -> Result<Vec<pb::BusinessUnit>> {
    let owners = business_unit::owners(read.conn(), read.organization_id(), &rows).await?;
    let owners: HashMap<_, _> = owners.into_iter().collect();
    rows.into_iter()
        .map(|row| {
            let owner = row.owner_id.and_then(|id| owners.get(&id));
            Ok(pb::BusinessUnit {
                name: BusinessUnitName::stored(&row.slug)?.to_string(),
                code: row.code,
                display_name: row.display_name,
                description: row.description,
                owner: owner.map(UserName::stored).transpose()?.map(|name| name.to_string()).unwrap_or_default(),
                active: row.active,
                create_time: Some(timestamp(row.create_time)),
                update_time: Some(timestamp(row.update_time)),
                creator: row.creator,
                etag: Etag::of(row.revision),
            })
        })
        .collect()
}
