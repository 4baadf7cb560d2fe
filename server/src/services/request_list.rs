//! The list of requests.

use flagstone_api::pb;
use flagstone_core::filter::{Field, FieldKind};
use flagstone_core::names::BusinessUnitParent;
use flagstone_core::request::{RequestKind, RequestState};
use flagstone_db::list::{self, Branch};

use super::request_view;
use crate::cx::{Cx, Target};
use crate::error::Result;
use crate::list::{BY_CREATION, List, NameKind, arguments};

const LIST: List = List {
    fields: &[
        Field { name: "state", kind: FieldKind::Enum(RequestState::WORDS) },
        Field { name: "kind", kind: FieldKind::Enum(RequestKind::WORDS) },
        Field { name: "tier", kind: FieldKind::Tier },
        Field { name: "requester", kind: FieldKind::Name },
        Field { name: "deployment", kind: FieldKind::Name },
        Field { name: "environment", kind: FieldKind::Name },
        Field { name: "code", kind: FieldKind::Text },
        Field { name: "create_time", kind: FieldKind::Time },
        Field { name: "title", kind: FieldKind::TextSearch },
    ],
    names: &[
        ("requester", NameKind::User),
        ("deployment", NameKind::Deployment),
        ("environment", NameKind::Environment),
        ("code", NameKind::RequestCode),
    ],
    orders: BY_CREATION,
};

/// `RequestService.ListRequests`.
pub(super) async fn list_requests(cx: Cx, message: pb::ListRequestsRequest) -> Result<pb::ListRequestsResponse> {
    let (parent, call) = LIST.call_in::<BusinessUnitParent>(&cx, &message.parent, arguments!(message))?;
    let read = cx.read(Target::list(&parent)).await?;
    let names = call.names(&read).await?;
    let branches = Branch::of(&read.visible, read.unit.as_ref().map(|unit| unit.id));
    let page = list::request::list(read.conn(), &call.query(&read, &names, None, &branches)).await?;
    Ok(pb::ListRequestsResponse {
        requests: request_view::to_proto(read.conn(), &read, &page.rows).await?,
        next_page_token: call.next_token(page.next.as_ref())?,
        total_size: page.total.unwrap_or_default(),
    })
}
