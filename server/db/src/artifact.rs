//! Files: packed templates by their content, and what runners handed in for the outcome of a job.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::{artifacts, job_artifacts};

/// A file that a runner handed in, sealed.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = job_artifacts)]
pub struct JobArtifactRow {
    pub kind: String,
    /// Of the file in the clear.
    pub sha256: Vec<u8>,
    pub ciphertext: Vec<u8>,
}

/// The packed template of a digest.
pub async fn template(mut conn: &Connection, organization_id: Uuid, sha256: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    Ok(artifacts::table
        .filter(artifacts::organization_id.eq(organization_id))
        .filter(artifacts::sha256.eq(sha256))
        .select(artifacts::content)
        .first(&mut conn)
        .await
        .optional()?)
}

/// Keeps a file of a job. The same kind put again under the same fence replaces the one before.
pub async fn put(
    conn: &mut Connection,
    organization_id: Uuid,
    job_id: Uuid,
    fence: i64,
    artifact: &JobArtifactRow,
) -> Result<(), Error> {
    diesel::insert_into(job_artifacts::table)
        .values((
            job_artifacts::organization_id.eq(organization_id),
            job_artifacts::job_id.eq(job_id),
            job_artifacts::fence.eq(fence),
            job_artifacts::kind.eq(&artifact.kind),
            job_artifacts::sha256.eq(&artifact.sha256),
            job_artifacts::ciphertext.eq(&artifact.ciphertext),
        ))
        .on_conflict((job_artifacts::organization_id, job_artifacts::job_id, job_artifacts::fence, job_artifacts::kind))
        .do_update()
        .set((job_artifacts::sha256.eq(&artifact.sha256), job_artifacts::ciphertext.eq(&artifact.ciphertext)))
        .execute(conn)
        .await?;
    Ok(())
}

/// The files that a job has under this fence.
pub async fn of_job(
    mut conn: &Connection,
    organization_id: Uuid,
    job_id: Uuid,
    fence: i64,
) -> Result<Vec<JobArtifactRow>, Error> {
    Ok(job_artifacts::table
        .filter(job_artifacts::organization_id.eq(organization_id))
        .filter(job_artifacts::job_id.eq(job_id))
        .filter(job_artifacts::fence.eq(fence))
        .order(job_artifacts::kind)
        .select(JobArtifactRow::as_select())
        .load(&mut conn)
        .await?)
}

/// Forgets the files of a job that has ended: what is worth keeping was taken over.
pub async fn discard(conn: &mut Connection, organization_id: Uuid, job_id: Uuid) -> Result<(), Error> {
    diesel::delete(job_artifacts::table)
        .filter(job_artifacts::organization_id.eq(organization_id))
        .filter(job_artifacts::job_id.eq(job_id))
        .execute(conn)
        .await?;
    Ok(())
}
