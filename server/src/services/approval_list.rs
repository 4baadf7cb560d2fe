//! The list of approvals: the inbox.

use flagstone_api::pb;
use flagstone_core::approval::ApprovalState;
use flagstone_core::filter::{Field, FieldKind};
use flagstone_db::list::{self, Branch};

use super::approval;
use crate::cx::{Cx, Target};
use crate::error::Result;
use crate::list::{BY_CREATION, List, NameKind, arguments};

const LIST: List = List {
    fields: &[
        Field { name: "state", kind: FieldKind::Enum(ApprovalState::WORDS) },
        Field { name: "tier", kind: FieldKind::Tier },
        Field { name: "business_unit", kind: FieldKind::Name },
        Field { name: "request", kind: FieldKind::Name },
        Field { name: "requester", kind: FieldKind::Name },
        Field { name: "create_time", kind: FieldKind::Time },
    ],
    names: &[("business_unit", NameKind::BusinessUnit), ("request", NameKind::Request), ("requester", NameKind::User)],
    orders: BY_CREATION,
};

/// `ApprovalService.ListApprovals`.
pub(super) async fn list_approvals(cx: Cx, message: pb::ListApprovalsRequest) -> Result<pb::ListApprovalsResponse> {
    let call = LIST.call(&cx, arguments!(message))?;
    let read = cx.read(Target::everywhere()).await?;
    let names = call.names(&read).await?;
    let branches = Branch::of(&read.visible, None);
    let page = list::approval::list(read.conn(), &call.query(&read, &names, None, &branches)).await?;
    Ok(pb::ListApprovalsResponse {
        next_page_token: call.next_token(page.next.as_ref())?,
        total_size: page.total.unwrap_or_default(),
        approvals: approval::to_proto(read.conn(), &read, page.rows).await?,
    })
}
