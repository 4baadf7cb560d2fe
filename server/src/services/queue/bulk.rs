//! Failed jobs by the dozen, found by the filter of their list.

use flagstone_api::pb;
use flagstone_core::filter::{Filter, Op, Predicate, Value};
use flagstone_core::job::JobState;
use flagstone_db::list::{self, Branch, ListQuery};
use uuid::Uuid;

use super::READABLE;
use crate::cx::{Cx, Facts, Target};
use crate::error::{Error, Result};
use crate::list::Arguments;
use crate::services::job_change::{BATCH_MAX, COLLECTION, delete_all, replay_all};
use crate::services::job_list::LIST;

pub(super) async fn retry_failed_jobs(cx: Cx, req: pb::RetryFailedJobsRequest) -> Result<pb::RetryFailedJobsResponse> {
    let mut tx = cx.begin(&req, Target::organization(COLLECTION)).await?;
    tx.check(&Facts::of(COLLECTION, READABLE)).await?;
    let (ids, more) = failed(&cx, &req.filter, req.max_jobs, &[JobState::DeadLettered]).await?;
    let results = replay_all(&mut tx, &ids).await?;
    tx.commit(pb::RetryFailedJobsResponse { results, more, effects: None }).await
}

pub(super) async fn purge_failed_jobs(cx: Cx, req: pb::PurgeFailedJobsRequest) -> Result<pb::PurgeFailedJobsResponse> {
    let mut tx = cx.begin(&req, Target::organization(COLLECTION)).await?;
    tx.check(&Facts::of(COLLECTION, READABLE)).await?;
    let (ids, more) = failed(&cx, &req.filter, req.max_jobs, &[JobState::Failed, JobState::DeadLettered]).await?;
    let results = delete_all(&mut tx, &ids).await?;
    tx.commit(pb::PurgeFailedJobsResponse { results, more, effects: None }).await
}

/// The oldest jobs in these states that a filter finds, and whether there are more of them.
async fn failed(cx: &Cx, filter: &str, max_jobs: i32, states: &[JobState]) -> Result<(Vec<Uuid>, bool)> {
    let most = i32::try_from(BATCH_MAX).map_err(Error::internal)?;
    if max_jobs < 0 {
        return Err(Error::field("max_jobs", format!("cannot be negative. Send 0 for {most} jobs.")));
    }
    let page_size = if max_jobs == 0 { most } else { max_jobs.min(most) };
    let sent = Arguments { page_size, page_token: "", filter, order_by: "create_time", include_total: false };
    let call = LIST.call(cx, sent)?;
    let read = cx.read(Target::organization(COLLECTION)).await?;
    let names = call.names(&read).await?;
    let found = match Filter::parse(filter, LIST.fields)? {
        None => in_states(states),
        Some(asked) => Predicate::And(vec![in_states(states), asked]),
    };
    // What runs the queues runs them for all units.
    let branches = [Branch::ALL];
    let query = ListQuery { filter: Some(&found), ..call.query(&read, &names, None, &branches) };
    let page = list::job::list(read.conn(), &query).await?;
    Ok((page.rows.iter().map(|row| row.id).collect(), page.next.is_some()))
}

/// Any of these states.
fn in_states(states: &[JobState]) -> Predicate {
    let is = |state: &JobState| Predicate::Cmp {
        field: "state",
        key: None,
        op: Op::Equal,
        value: Value::Word(state.as_str()),
    };
    match states {
        [one] => is(one),
        several => Predicate::Or(several.iter().map(is).collect()),
    }
}
