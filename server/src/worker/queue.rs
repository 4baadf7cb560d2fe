//! The claim: a runner's free slots are filled with the next jobs, one organization at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use flagstone_api::pb;
use flagstone_core::inputs::InputSchema;
use flagstone_core::job::{ErrorClass, JobEvent, JobKind};
use flagstone_core::machine::StateMachine;
use flagstone_db::job::JobRow;
use flagstone_db::queue::{self, Claimant, Turn};
use flagstone_db::{deployment, job, job_log, lease, plan, request, template};
use uuid::Uuid;

use crate::app::App;
use crate::call::{Call, Origin};
use crate::convert::{json_to_struct, timestamp};
use crate::error::{Error, Result};
use crate::flow::job::JobError;
use crate::flow::secrets::{self, Owner};
use crate::flow::{apply, job as jobs, objects};
use crate::services::tfstate;
use crate::tx::Tx;

/// A job that a runner has now.
#[derive(Debug)]
pub struct Claimed {
    pub job: JobRow,
    pub lease_id: Uuid,
    pub assignment: pb::JobAssignment,
}

/// Organizations asked in one claim. What is held by somebody else just now must not keep all others waiting.
const ASKED: usize = 4;

/// Takes at most `limit` jobs for a runner, all of one organization; none where there is nothing to take just now.
pub async fn claim(app: &Arc<App>, claimant: &Claimant, runner: &str, limit: usize) -> Result<Vec<Claimed>> {
    let mut asked = Vec::new();
    while asked.len() < ASKED {
        let turn = queue::next_turn(&*app.db.reads.get().await?, claimant, &asked).await?;
        let Some(turn) = turn else { break };
        let claimed = take(app, claimant, &turn, runner, limit).await?;
        if !claimed.is_empty() {
            return Ok(claimed);
        }
        asked.push(turn.organization_id);
    }
    Ok(Vec::new())
}

/// Takes jobs of the organization whose turn it is.
async fn take(app: &Arc<App>, claimant: &Claimant, turn: &Turn, runner: &str, limit: usize) -> Result<Vec<Claimed>> {
    let organization_id = turn.organization_id;
    let call = Call::internal(&Uuid::now_v7().to_string(), Origin::Runner);
    let mut tx = app.begin_worker(organization_id, call, runner, "job.start", runner).await?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let taken = queue::take(&mut tx, turn, &claimant.engines, limit).await?;
    if taken.is_empty() {
        return Ok(Vec::new());
    }
    let mut ready = Vec::new();
    for row in &taken {
        // The request's row is locked by now, so that the job is as it will be started.
        let Some(row) = job::lock(&mut tx, organization_id, row.id).await? else { continue };
        let offer = match row.kind()? {
            JobKind::Plan => true,
            // A plan that no longer holds is made anew instead of being offered.
            JobKind::Apply => apply::may_offer_apply(&mut tx, &row).await?,
        };
        if offer {
            ready.push(row);
        } else if row.state()?.step(JobEvent::Cancel).is_some() {
            jobs::cancel(&mut tx, &row).await?;
        }
    }
    let claimed = start(&mut tx, &ready, runner).await?;
    tx.commit_worker().await?;
    Ok(claimed)
}

/// Starts jobs under one lease.
async fn start(tx: &mut Tx, ready: &[JobRow], runner: &str) -> Result<Vec<Claimed>> {
    if ready.is_empty() {
        return Ok(Vec::new());
    }
    let lease_id = Uuid::now_v7();
    let ids: Vec<Uuid> = ready.iter().map(|job| job.id).collect();
    let duration = tx.app.config.jobs.lease;
    lease::grant(tx, lease_id, runner, &ids, duration).await?;
    if let [only] = ready {
        tx.about(only.name());
    }
    let mut claimed = Vec::new();
    for row in ready {
        let job = jobs::start(tx, row, lease_id, runner).await?;
        match assignment(tx, &job).await {
            Ok(assignment) => claimed.push(Claimed { job, lease_id, assignment }),
            // What cannot be read today cannot be read tomorrow: at the head of the line it would stop everything.
            Err(Error::Core(error)) if error.kind == flagstone_core::Kind::DataLoss => {
                tracing::error!(job = %job.id, %error, "A job's inputs cannot be opened.");
                let error = JobError::new(ErrorClass::Unknown, "The inputs of the request cannot be decrypted.");
                jobs::fail(tx, &job, &error, false).await?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(claimed)
}

/// Everything that a runner is told of a job.
async fn assignment(tx: &Tx, job: &JobRow) -> Result<pb::JobAssignment> {
    let missing = || Error::internal(format!("something that {} needs is gone", job.name()));
    let organization_id = job.organization_id;
    let request = request::get(tx, organization_id, job.request_id).await?.ok_or_else(missing)?;
    let deployment = deployment::get(tx, organization_id, job.deployment_id).await?.ok_or_else(missing)?;
    let version = template::version_by_id(tx, organization_id, job.template_version_id).await?.ok_or_else(missing)?;
    let log = job_log::get(tx, organization_id, job.id).await?.ok_or_else(missing)?;
    let plan = match job.plan_id {
        Some(id) => Some(plan::get(tx, organization_id, id).await?.ok_or_else(missing)?),
        None => None,
    };
    let owner = Owner::Request(request.id);
    let inputs = secrets::open(&tx.app.vault, organization_id, owner, "inputs", &request.inputs_ciphertext)?;
    let schema = InputSchema::compile(&version.input_schema, "input_schema")?;
    let unit = objects::unit_name(tx, job.business_unit_id)?;
    let started = job.attempt_start_time.unwrap_or_else(Utc::now);
    let environment = BTreeMap::from([
        ("FLAGSTONE_JOB".to_owned(), job.name()),
        ("FLAGSTONE_REQUEST".to_owned(), objects::request_name(tx, &request)?),
        ("FLAGSTONE_DEPLOYMENT".to_owned(), objects::deployment_name(tx, &deployment)?),
    ]);
    Ok(pb::JobAssignment {
        job: Some(pb::JobLeaseRef { job: job.name(), fence: job.fence }),
        attempt: job.attempt,
        kind: crate::services::job::kind_to_proto(job.kind()?).into(),
        operation: crate::services::job::operation_to_proto(job.operation()?).into(),
        engine: pb::Engine::from_str_name(&format!("ENGINE_{}", version.engine)).unwrap_or_default().into(),
        template_sha256: hex::encode(&version.artifact_sha256),
        plan_sha256: plan.map(|plan| plan.file_sha256).unwrap_or_default(),
        inputs: Some(json_to_struct(&inputs)),
        secret_inputs: schema.secret_paths(),
        state_path: format!("/tfstate/{}/{}", unit.trim_start_matches("businessUnits/"), deployment.slug),
        state_username: job.id.to_string(),
        state_password: tfstate::password(&tx.app.vault, job.id, job.fence),
        next_log_seq: log.last_seq + 1,
        soft_deadline: Some(timestamp(after(started, job.soft_timeout_seconds))),
        hard_deadline: Some(timestamp(after(started, job.hard_timeout_seconds))),
        environment,
    })
}

fn after(start: DateTime<Utc>, seconds: i32) -> DateTime<Utc> {
    start + TimeDelta::seconds(i64::from(seconds))
}
