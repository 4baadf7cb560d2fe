//! What people do with jobs beside ending them: replay a dead letter, delete what is over.

use flagstone_api::pb;
use flagstone_core::etag::Etag;
use flagstone_core::names::{JobName, parse};
use flagstone_core::{Error as CoreError, Violations};
use flagstone_db::job;
use flagstone_db::job::JobRow;
use uuid::Uuid;

use super::job::{READABLE_BY, facts, one_to_proto};
use crate::cx::{Cx, Facts, Target};
use crate::error::{Error, Result};
use crate::flow::queue::{self as jobs, Locked};
use crate::status;
use crate::tx::Tx;

/// Most jobs of one call.
pub(super) const BATCH_MAX: usize = 100;

/// What calls about no single job are about.
pub(super) const COLLECTION: &str = "jobs";

pub(super) async fn replay_job(cx: Cx, req: pb::ReplayJobRequest) -> Result<pb::ReplayJobResponse> {
    let name: JobName = parse(&req.name, "name")?;
    let mut tx = cx.begin(&req, Target::job(*name.id())).await?;
    let found = locked(&mut tx, &name, &req.etag).await?;
    let after = jobs::replay(&mut tx, &found).await?;
    let job = answer(&tx, after).await?;
    tx.commit(pb::ReplayJobResponse { job: Some(job), effects: None }).await
}

pub(super) async fn delete_job(cx: Cx, req: pb::DeleteJobRequest) -> Result<pb::DeleteJobResponse> {
    let name: JobName = parse(&req.name, "name")?;
    // The permission is of the organization: it is judged there, and tells nothing of the job.
    let mut tx = cx.begin(&req, Target::organization(&name)).await?;
    let found = locked(&mut tx, &name, &req.etag).await?;
    jobs::delete(&mut tx, &found).await?;
    tx.commit(pb::DeleteJobResponse { effects: None }).await
}

pub(super) async fn batch_delete_jobs(cx: Cx, req: pb::BatchDeleteJobsRequest) -> Result<pb::BatchDeleteJobsResponse> {
    let mut tx = cx.begin(&req, Target::organization(COLLECTION)).await?;
    tx.check(&Facts::of(COLLECTION, READABLE_BY)).await?;
    let ids = read_names(&req.names)?;
    let results = delete_all(&mut tx, &ids).await?;
    tx.commit(pb::BatchDeleteJobsResponse { results, effects: None }).await
}

/// The job of a call, its request locked, judged by the method's permission.
pub(super) async fn locked(tx: &mut Tx, name: &JobName, etag: &str) -> Result<Locked> {
    let found = jobs::lock_request(tx, *name.id()).await?.ok_or_else(|| CoreError::not_found(name))?;
    let requested = job::requested(tx, tx.organization_id, found.job.id).await?;
    let text = name.to_string();
    tx.check(&facts(&text, requested.as_ref())?).await?;
    Etag::check(etag, found.job.revision)?;
    Ok(found)
}

/// The job as its caller sees it.
pub(super) async fn answer(tx: &Tx, row: JobRow) -> Result<pb::Job> {
    one_to_proto(tx, tx.organization_id, &tx.directory, row).await
}

/// The ids in a list of names. Everything that is wrong is told at once.
fn read_names(names: &[String]) -> Result<Vec<Uuid>> {
    let mut wrong = Violations::new();
    let count = names.len();
    if !(1..=BATCH_MAX).contains(&count) {
        return Err(Error::field("names", format!("has {count} jobs. Name 1 to {BATCH_MAX}.")));
    }
    let mut ids = Vec::with_capacity(count);
    for (index, name) in names.iter().enumerate() {
        let field = format!("names[{index}]");
        let Some(name) = wrong.take(parse::<JobName>(name, &field)) else { continue };
        wrong.check(!ids.contains(name.id()), field, "Named before. Leave it out.");
        ids.push(*name.id());
    }
    wrong.finish()?;
    Ok(ids)
}

/// Deletes jobs, each by itself.
pub(super) async fn delete_all(tx: &mut Tx, ids: &[Uuid]) -> Result<Vec<pb::JobResult>> {
    let found = jobs::lock_requests(tx, ids).await?;
    let mut results = Vec::with_capacity(ids.len());
    for (id, found) in ids.iter().zip(&found) {
        let done = match found {
            Some(found) => jobs::delete(tx, found).await,
            None => Err(CoreError::not_found(&JobName::new(*id)).into()),
        };
        results.push(result(tx, *id, done)?);
    }
    Ok(results)
}

/// Replays jobs, each by itself.
pub(super) async fn replay_all(tx: &mut Tx, ids: &[Uuid]) -> Result<Vec<pb::JobResult>> {
    let found = jobs::lock_requests(tx, ids).await?;
    let mut results = Vec::with_capacity(ids.len());
    for (id, found) in ids.iter().zip(&found) {
        let done = match found {
            Some(found) => jobs::replay(tx, found).await.map(drop),
            None => Err(CoreError::not_found(&JobName::new(*id)).into()),
        };
        results.push(result(tx, *id, done)?);
    }
    Ok(results)
}

/// What became of one job of several. Only what is about the job becomes its result: a fault of ours ends the call.
fn result(tx: &Tx, id: Uuid, done: Result<()>) -> Result<pb::JobResult> {
    let name = JobName::new(id).to_string();
    match done {
        Ok(()) => Ok(pb::JobResult { name, error: None }),
        Err(error) if is_the_jobs(&error) => {
            Ok(pb::JobResult { name, error: Some(status::in_band(&error, &tx.call.correlation_id)) })
        }
        Err(error) => Err(error),
    }
}

/// Whether an error was found before anything was written for the job, so that the others can go on.
const fn is_the_jobs(error: &Error) -> bool {
    use flagstone_core::{Kind, Reason};
    matches!(
        error,
        Error::Core(
            CoreError { kind: Kind::NotFound | Kind::Precondition, .. }
                | CoreError { kind: Kind::Aborted, reason: Reason::OperationInProgress, .. }
        )
    )
}
