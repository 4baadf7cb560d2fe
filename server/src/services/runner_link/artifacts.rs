//! Files of a job: what its engine needs, and what it handed in. Every one is checked against its hash on the way.

use async_stream::try_stream;
use bytes::Bytes;
use flagstone_api::pb;
use flagstone_core::{Error as CoreError, Reason};
use flagstone_db::artifact::{self, JobArtifactRow};
use flagstone_db::job::JobRow;
use flagstone_db::{TxScope, lease, plan, template};
use futures::Stream;
use sha2::{Digest, Sha256};
use tonic::Streaming;
use uuid::Uuid;

use super::{checksum_mismatch, lease_ref, organization_of, sha256, stale};
use crate::app::App;
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::flow::secrets;

/// Largest file.
const FILE_MAX: usize = 64 * 1024 * 1024;

/// Bytes of a chunk.
const CHUNK: usize = 512 * 1024;

/// PutJobArtifact. The file is kept sealed beside the job until its outcome takes it over.
pub(super) async fn put_job_artifact(
    cx: Cx,
    mut sent: Streaming<pb::PutJobArtifactRequest>,
) -> Result<pb::PutJobArtifactResponse> {
    use pb::put_job_artifact_request::Message;
    let mut next = async || sent.message().await.map_err(|_| cut_short());
    let Some(Message::Header(header)) = next().await?.and_then(|first| first.message) else {
        return Err(Error::field("header", "This is required, as the first message."));
    };
    let (job_id, fence) = lease_ref(header.job.as_ref())?;
    let kind = word(header.kind())?;
    let announced = sha256(&header.sha256, "header.sha256")?;
    let size = usize::try_from(header.size).ok().filter(|size| *size <= FILE_MAX);
    let size = size.ok_or_else(|| CoreError::field("header.size", format!("is not between 0 and {FILE_MAX}.")))?;
    let mut bytes = Vec::with_capacity(size);
    while let Some(message) = next().await? {
        match message.message {
            Some(Message::Chunk(chunk)) if bytes.len() + chunk.len() <= size => bytes.extend_from_slice(&chunk),
            _ => return Err(Error::field("chunk", "More was sent than the header announced.")),
        }
    }
    let found = Sha256::digest(&bytes);
    if found.as_slice() != announced {
        return Err(checksum_mismatch(&header.sha256, &hex::encode(found)).into());
    }
    let organization_id = organization_of(&cx, cx.runner()?, job_id).await?;
    let ciphertext = cx.app.vault.seal(&bound_to(organization_id, job_id, fence, kind), &bytes)?;
    let mut tx = cx.app.db.begin(TxScope::Worker).await?;
    lease::hold(&tx, &cx.caller.principal(), job_id, fence).await?.ok_or_else(|| stale(job_id, fence))?;
    let row = JobArtifactRow { kind: kind.to_owned(), sha256: announced.to_vec(), ciphertext };
    artifact::put(&mut tx, organization_id, job_id, fence, &row).await?;
    tx.commit().await?;
    Ok(pb::PutJobArtifactResponse { sha256: header.sha256 })
}

/// GetJobArtifact: the template of the job, or the saved plan that it applies.
pub(super) async fn get_job_artifact(
    cx: Cx,
    req: pb::GetJobArtifactRequest,
) -> Result<impl Stream<Item = Result<pb::GetJobArtifactResponse>> + Send + 'static> {
    use pb::get_job_artifact_response::Message;
    let (job_id, fence) = lease_ref(req.job.as_ref())?;
    organization_of(&cx, cx.runner()?, job_id).await?;
    // Not on a shared connection: a large file would hold up everybody behind it.
    let tx = cx.app.db.begin(TxScope::Worker).await?;
    let held = lease::hold(&tx, &cx.caller.principal(), job_id, fence).await?.ok_or_else(|| stale(job_id, fence))?;
    let found = match req.kind() {
        pb::ArtifactKind::Template => packed_template(&tx, &held).await?,
        pb::ArtifactKind::PlanFile => saved_plan(&cx.app, &tx, &held).await?,
        _ => return Err(Error::field("kind", "Only TEMPLATE and PLAN_FILE can be read.")),
    };
    tx.rollback().await?;
    let bytes =
        found.ok_or_else(|| CoreError::not_found(&format!("the {} of jobs/{job_id}", req.kind().as_str_name())))?;
    let header = pb::ArtifactHeader {
        job: req.job,
        kind: req.kind,
        sha256: hex::encode(Sha256::digest(&bytes)),
        size: i64::try_from(bytes.len()).unwrap_or(i64::MAX),
    };
    Ok(try_stream! {
        yield pb::GetJobArtifactResponse { message: Some(Message::Header(header)) };
        let mut bytes = Bytes::from(bytes);
        while !bytes.is_empty() {
            let chunk = bytes.split_to(bytes.len().min(CHUNK));
            yield pb::GetJobArtifactResponse { message: Some(Message::Chunk(chunk)) };
        }
    })
}

/// The files that a job has handed in under a fence, opened.
pub(super) async fn handed_in(
    app: &App,
    conn: &flagstone_db::Connection,
    job: &JobRow,
    fence: i64,
) -> Result<Vec<(JobArtifactRow, Vec<u8>)>> {
    let rows = artifact::of_job(conn, job.organization_id, job.id, fence).await?;
    rows.into_iter()
        .map(|row| {
            let bytes = app.vault.open(&bound_to(job.organization_id, job.id, fence, &row.kind), &row.ciphertext)?;
            Ok((row, bytes))
        })
        .collect()
}

async fn packed_template(conn: &flagstone_db::Connection, job: &JobRow) -> Result<Option<Vec<u8>>> {
    let version = template::version_by_id(conn, job.organization_id, job.template_version_id).await?;
    let Some(version) = version else { return Ok(None) };
    Ok(artifact::template(conn, job.organization_id, &version.artifact_sha256).await?)
}

async fn saved_plan(app: &App, conn: &flagstone_db::Connection, job: &JobRow) -> Result<Option<Vec<u8>>> {
    let Some(plan_id) = job.plan_id else { return Ok(None) };
    let sealed = plan::file(conn, job.organization_id, plan_id).await?;
    sealed.map(|sealed| Ok(secrets::open_file(&app.vault, job.organization_id, plan_id, &sealed)?)).transpose()
}

/// A kind that a runner may hand in, as rows spell it.
fn word(kind: pb::ArtifactKind) -> Result<&'static str, CoreError> {
    match kind {
        pb::ArtifactKind::PlanFile => Ok("PLAN_FILE"),
        pb::ArtifactKind::PlanJson => Ok("PLAN_JSON"),
        pb::ArtifactKind::PlanText => Ok("PLAN_TEXT"),
        pb::ArtifactKind::Unspecified | pb::ArtifactKind::Template => {
            Err(CoreError::field("header.kind", "Only PLAN_FILE, PLAN_JSON and PLAN_TEXT can be handed in."))
        }
    }
}

fn bound_to(organization_id: Uuid, job_id: Uuid, fence: i64, kind: &str) -> String {
    format!("{organization_id}/jobs/{job_id}/{fence}/{kind}")
}

fn cut_short() -> Error {
    CoreError::aborted(Reason::Conflict, "The file was cut short on its way. Send it again.").into()
}
