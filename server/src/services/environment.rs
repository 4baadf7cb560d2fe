//! Environments and their tiers.

use std::sync::Arc;

use flagstone_api::pb;
use flagstone_api::pb::environment_service_server::EnvironmentService;
use flagstone_core::Error as CoreError;
use flagstone_core::access::Reach;
use flagstone_core::environment::EnvironmentState;
use flagstone_core::etag::Etag;
use flagstone_core::filter::{Field, FieldKind, Order};
use flagstone_core::names::{BusinessUnitParent, EnvironmentName, parse};
use flagstone_core::tier::Tier;
use flagstone_db::environment::{self, EnvironmentRow};
use flagstone_db::list::{self, Branch};

use crate::app::App;
use crate::convert::{enum_number, tier_to_proto, timestamp, unit_name};
use crate::cx::{Cx, Facts, Read, Target};
use crate::error::{Error, Result};
use crate::list::{List, arguments};
use crate::rpc;

/// The service.
#[derive(Debug)]
pub struct Environments(pub Arc<App>);

#[tonic::async_trait]
impl EnvironmentService for Environments {
    rpc::unary! {
        list_environment_tiers: pb::ListEnvironmentTiersRequest => pb::ListEnvironmentTiersResponse,
        get_environment: pb::GetEnvironmentRequest => pb::Environment,
        list_environments: pb::ListEnvironmentsRequest => pb::ListEnvironmentsResponse,
    }
}

const LIST: List = List {
    fields: &[
        Field { name: "tier", kind: FieldKind::Tier },
        Field { name: "region", kind: FieldKind::Text },
        Field { name: "display_name", kind: FieldKind::TextSearch },
        Field { name: "state", kind: FieldKind::Enum(EnvironmentState::WORDS) },
        Field { name: "create_time", kind: FieldKind::Time },
    ],
    names: &[],
    orders: &[
        Order { name: "rank", key: "rank", descending: false },
        Order { name: "create_time", key: "create_time", descending: true },
        Order { name: "create_time", key: "create_time", descending: false },
    ],
};

async fn list_environment_tiers(
    cx: Cx,
    _: pb::ListEnvironmentTiersRequest,
) -> Result<pb::ListEnvironmentTiersResponse> {
    // Through the door as everybody, although what is read here is in no table.
    cx.read(Target::organization("environmentTiers")).await?;
    let tiers = Tier::ALL
        .into_iter()
        .map(|tier| pb::EnvironmentTier {
            tier: tier_to_proto(tier).into(),
            display_name: tier.display_name().to_owned(),
            description: tier.description().to_owned(),
            rank: tier.rank(),
            aliases: tier.aliases().iter().map(|alias| (*alias).to_owned()).collect(),
        })
        .collect();
    Ok(pb::ListEnvironmentTiersResponse { tiers })
}

async fn get_environment(cx: Cx, message: pb::GetEnvironmentRequest) -> Result<pb::Environment> {
    let name: EnvironmentName = parse(&message.name, "name")?;
    let read = cx.read(Target::in_unit(&name, name.business_unit())).await?;
    let unit_id = read.unit()?.id;
    let found = environment::find(read.conn(), read.organization_id(), unit_id, name.id().as_str()).await?;
    let row = found.ok_or_else(|| CoreError::not_found(&name))?;
    read.check(&Facts {
        tier: Some(Tier::parse(&row.tier, "tier").map_err(Error::internal)?),
        ..Facts::of(&message.name, &["business_unit:environments:read"])
    })
    .await?;
    to_proto(&read, row)
}

async fn list_environments(cx: Cx, message: pb::ListEnvironmentsRequest) -> Result<pb::ListEnvironmentsResponse> {
    let (parent, call) = LIST.call_in::<BusinessUnitParent>(&cx, &message.parent, arguments!(message))?;
    let read = cx.read(Target::list(&parent)).await?;
    let names = call.names(&read).await?;
    let mut visible = read.visible.clone();
    if let Reach::AllExcept(hidden) = &mut visible.unowned {
        // Nothing can be ordered where a unit was deleted.
        hidden.extend(read.user.directory.deleted());
    }
    let branches = Branch::of_unowned(&visible, read.unit.as_ref().map(|unit| unit.id));
    let page = list::environment::list(read.conn(), &call.query(&read, &names, None, &branches)).await?;
    Ok(pb::ListEnvironmentsResponse {
        next_page_token: call.next_token(page.next.as_ref())?,
        total_size: page.total.unwrap_or_default(),
        environments: page.rows.into_iter().map(|row| to_proto(&read, row)).collect::<Result<_>>()?,
    })
}

/// An environment as people see it.
fn to_proto(read: &Read, row: EnvironmentRow) -> Result<pb::Environment> {
    let unit = unit_name(&read.user.directory, row.business_unit_id)?;
    Ok(pb::Environment {
        name: EnvironmentName::stored(unit.id(), &row.slug)?.to_string(),
        display_name: row.display_name,
        tier: enum_number(pb::Tier::from_str_name, "TIER_", &row.tier),
        rank: row.rank,
        region: row.region,
        state: enum_number(pb::EnvironmentState::from_str_name, "ENVIRONMENT_STATE_", &row.state),
        create_time: Some(timestamp(row.create_time)),
        update_time: Some(timestamp(row.update_time)),
        creator: row.creator,
        etag: Etag::of(row.revision),
    })
}
