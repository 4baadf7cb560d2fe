//! The list of jobs.

use flagstone_api::pb;
use flagstone_core::filter::{Field, FieldKind, Order};
use flagstone_core::job::{JobKind, JobState, QueueName};
use flagstone_db::list::{self, Branch};

use super::job;
use crate::cx::{Cx, Target};
use crate::error::Result;
use crate::list::{List, NameKind, arguments};

/// The list, whose filter others share.
pub(super) const LIST: List = List {
    fields: &[
        Field { name: "state", kind: FieldKind::Enum(JobState::WORDS) },
        Field { name: "kind", kind: FieldKind::Enum(JobKind::WORDS) },
        Field { name: "queue", kind: FieldKind::Enum(QueueName::WORDS) },
        Field { name: "subject", kind: FieldKind::Name },
        // A principal: compared as it is stored, since it need not be a person.
        Field { name: "trigger", kind: FieldKind::Name },
        Field { name: "create_time", kind: FieldKind::Time },
    ],
    names: &[("subject", NameKind::Request)],
    orders: &[
        Order { name: "create_time", key: "create_time", descending: true },
        Order { name: "create_time", key: "create_time", descending: false },
    ],
};

/// `JobService.ListJobs`.
pub(super) async fn list_jobs(cx: Cx, message: pb::ListJobsRequest) -> Result<pb::ListJobsResponse> {
    let call = LIST.call(&cx, arguments!(message))?;
    let read = cx.read(Target::everywhere()).await?;
    let names = call.names(&read).await?;
    // A row does not say whose request it works on: a job that is only one's own is read by name, not listed.
    let branches = Branch::of_unowned(&read.visible, None);
    let page = list::job::list(read.conn(), &call.query(&read, &names, None, &branches)).await?;
    Ok(pb::ListJobsResponse {
        next_page_token: call.next_token(page.next.as_ref())?,
        total_size: page.total.unwrap_or_default(),
        jobs: job::to_proto(read.conn(), read.organization_id(), &read.user.directory, page.rows).await?,
    })
}
