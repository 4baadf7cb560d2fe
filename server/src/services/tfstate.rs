//! The state backend that engines speak: Terraform's `http` backend, under `/tfstate/{business unit}/{deployment}`.
//!
//! A caller is the engine of one job under one fence: the user name is the job's id, the password is derived from both,
//! so that it ends with the lease and nothing has to be stored. The lock belongs to that job. What comes with an older
//! fence is answered 409 and kept aside.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flagstone_core::{Error as CoreError, Kind};
use flagstone_db::job::JobRow;
use flagstone_db::{deployment, job, workspace};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};
use sha2::Sha256;
use uuid::Uuid;

use crate::app::App;
use crate::call::{Call, Origin};
use crate::error::{Error, Result};
use crate::flow::job as jobs;
use crate::flow::state::{self, Disposition, STATE_MAX};
use crate::tx::Tx;
use crate::vault::Vault;

/// The fences that are tried for a late caller's password: jobs have a handful of attempts.
const FENCES_MAX: i64 = 64;

/// The password of a job's engine under a fence.
pub fn password(vault: &Vault, job_id: Uuid, fence: i64) -> String {
    hex::encode(mac(vault, job_id, fence).finalize().into_bytes())
}

fn mac(vault: &Vault, job_id: Uuid, fence: i64) -> Hmac<Sha256> {
    // A key of the block's length, so that there is nothing that could fail.
    let mut block = [0; 64];
    block[..32].copy_from_slice(&vault.derive_key("tfstate"));
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(format!("{job_id}/{fence}").as_bytes());
    mac
}

/// The backend's routes.
pub fn router(app: Arc<App>) -> Router {
    Router::new().route("/tfstate/{business_unit}/{deployment}", any(serve)).with_state(app)
}

/// Who calls: the engine of a job under a fence, and what of its workspace it names.
struct Engine {
    job: JobRow,
    fence: i64,
}

/// What the engine is answered.
enum Answer {
    /// The newest state.
    State(Vec<u8>),
    /// There is none yet.
    NoState,
    Done,
    /// Somebody else has the lock; what is known of it.
    Locked(Value),
    /// The state came late and is kept aside.
    Late,
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let json = [(header::CONTENT_TYPE, "application/json")];
        match self {
            Self::State(state) => (json, state).into_response(),
            Self::NoState => StatusCode::NO_CONTENT.into_response(),
            Self::Done => StatusCode::OK.into_response(),
            Self::Locked(info) => (StatusCode::LOCKED, json, info.to_string()).into_response(),
            Self::Late => {
                let text = "The lock of this workspace is gone: the state was kept aside and not made current.\n";
                (StatusCode::CONFLICT, text).into_response()
            }
        }
    }
}

async fn serve(State(app): State<Arc<App>>, Path((unit, slug)): Path<(String, String)>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    // In a task of its own, like every call: an engine that is killed while it sends leaves nothing half done.
    let correlation_id = Uuid::now_v7().to_string();
    let id = correlation_id.clone();
    let tasks = app.tasks.clone();
    let task = tasks.spawn(async move {
        let engine = authenticate(&app, &parts.headers, &unit, &slug).await?;
        let call = Call::internal(&id, Origin::Runner);
        match parts.method.as_str() {
            "GET" => read(&app, &engine).await,
            "POST" => store(&app, call, &engine, &receive(body, STATE_MAX).await?).await,
            "LOCK" => lock(&app, call, &engine, &receive(body, 64 * 1024).await?).await,
            "UNLOCK" => unlock(&app, call, &engine).await,
            _ => Err(CoreError::new(
                Kind::Unimplemented,
                flagstone_core::Reason::UnknownMethod,
                "States are kept: this backend takes GET, POST, LOCK and UNLOCK.",
            )
            .into()),
        }
    });
    match task.await {
        Ok(Ok(answer)) => answer.into_response(),
        Ok(Err(error)) => refusal(&error, &correlation_id),
        Err(panic) => refusal(&Error::internal(panic), &correlation_id),
    }
}

/// Finds the job whose engine calls, and under which fence. Whatever does not fit is answered alike.
async fn authenticate(app: &App, headers: &HeaderMap, unit: &str, slug: &str) -> Result<Engine> {
    let refused = || {
        CoreError::new(
            Kind::Unauthenticated,
            flagstone_core::Reason::BadCredentials,
            "This is not the credential of a job that works on this deployment.",
        )
    };
    let (job_id, password) = basic(headers).ok_or_else(refused)?;
    let conn = app.db.reads.get().await?;
    let organization_id = job::organization(&conn, job_id).await?.ok_or_else(refused)?;
    let job = job::get(&conn, organization_id, job_id).await?.ok_or_else(refused)?;
    let newest = job.fence;
    let fence = (1..=newest)
        .rev()
        .take(usize::try_from(FENCES_MAX).unwrap_or_default())
        .find(|fence| mac(&app.vault, job_id, *fence).verify_slice(&password).is_ok())
        .ok_or_else(refused)?;
    let found = deployment::get(&conn, organization_id, job.deployment_id).await?.ok_or_else(refused)?;
    let directory = app.identities.directory(organization_id).await?;
    let is_named = found.slug == slug
        && directory.unit_by_id(found.business_unit_id).is_some_and(|found| found.name.id().as_str() == unit);
    if is_named { Ok(Engine { job, fence }) } else { Err(refused().into()) }
}

/// User name and password of a Basic credential: a job's id, and 32 bytes in hex.
fn basic(headers: &HeaderMap) -> Option<(Uuid, Vec<u8>)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    let decoded = STANDARD.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let text = String::from_utf8(decoded).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((Uuid::parse_str(user).ok()?, hex::decode(password).ok()?))
}

async fn receive(body: Body, limit: usize) -> Result<Bytes> {
    to_bytes(body, limit).await.map_err(|_| {
        CoreError::new(
            Kind::OutOfRange,
            flagstone_core::Reason::PayloadTooLarge,
            format!("The body was cut short, or has more than {limit} bytes."),
        )
        .into()
    })
}

async fn read(app: &Arc<App>, engine: &Engine) -> Result<Answer> {
    let (organization_id, deployment_id) = (engine.job.organization_id, engine.job.deployment_id);
    // Not on a shared connection: a large state would hold up everybody behind it.
    let tx = app.db.begin(flagstone_db::TxScope::Worker).await?;
    let found = workspace::get(&tx, organization_id, deployment_id).await?;
    may_use(&engine.job, engine.fence, found.as_ref())?;
    let newest = workspace::newest_state(&tx, organization_id, deployment_id).await?;
    tx.rollback().await?;
    match newest {
        Some(row) => Ok(Answer::State(state::open(&app.vault, organization_id, deployment_id, &row)?)),
        None => Ok(Answer::NoState),
    }
}

async fn store(app: &Arc<App>, call: Call, engine: &Engine, body: &[u8]) -> Result<Answer> {
    let (mut tx, job) = begin(app, call, engine, "workspace.store_state").await?;
    let disposition = state::store(&mut tx, &job, engine.fence, body).await?;
    tx.commit_worker().await?;
    match disposition {
        Disposition::Stored | Disposition::Known => Ok(Answer::Done),
        Disposition::Orphaned => {
            tracing::warn!(job = %engine.job.id, fence = engine.fence, "A state came late and was kept aside.");
            Ok(Answer::Late)
        }
    }
}

async fn lock(app: &Arc<App>, call: Call, engine: &Engine, body: &[u8]) -> Result<Answer> {
    let (mut tx, job) = begin(app, call, engine, "workspace.lock").await?;
    let found = workspace::lock_or_create(&mut tx, &job).await?;
    let locked_by_other = found.lock_job_id.is_some() && !found.is_locked_by(job.id, engine.fence);
    if !job.facts()?.may_lock(engine.fence, locked_by_other) {
        let info = found.lock_info.unwrap_or_else(|| json!({"ID": "", "Who": found.lock_job_id}));
        return Ok(Answer::Locked(info));
    }
    let info: Value = serde_json::from_slice(body).unwrap_or_default();
    workspace::take_lock(&mut tx, &found, job.id, engine.fence, &info).await?;
    tx.commit_worker().await?;
    Ok(Answer::Done)
}

async fn unlock(app: &Arc<App>, call: Call, engine: &Engine) -> Result<Answer> {
    let (mut tx, job) = begin(app, call, engine, "workspace.unlock").await?;
    // The engine of a lost runner lets go too when it could not store its state and left a file instead: the lock is
    // kept for what its supervisor's runner brings, until that says that it was all.
    if job.facts()?.is_current(engine.fence) {
        workspace::free_lock(&mut tx, &job, engine.fence).await?;
    }
    tx.commit_worker().await?;
    Ok(Answer::Done)
}

/// Opens the transaction of an engine's call, with its job locked.
async fn begin(app: &Arc<App>, call: Call, engine: &Engine, action: &str) -> Result<(Tx, JobRow)> {
    let principal = engine.job.runner.clone().unwrap_or_else(|| "system".to_owned());
    let mut tx = app.begin_worker(engine.job.organization_id, call, &principal, action, "").await?;
    let job = jobs::lock(&mut tx, engine.job.id).await?.ok_or_else(|| Error::internal("a job is gone"))?;
    let deployment = state::deployment_name(&tx, &job).await?;
    tx.about(format!("{deployment}/workspace"));
    tx.ledger.detail("job", job.name());
    Ok((tx, job))
}

/// Whether the engine may see the state: while its lease lives, and while its lock is kept.
fn may_use(job: &JobRow, fence: i64, found: Option<&workspace::WorkspaceRow>) -> Result<(), CoreError> {
    if job.facts()?.is_current(fence) || found.is_some_and(|found| found.is_locked_by(job.id, fence)) {
        return Ok(());
    }
    Err(CoreError::new(
        Kind::Denied,
        flagstone_core::Reason::StaleFence,
        "The lease of this job is over, and with it the access to the state.",
    ))
}

/// An error as HTTP, with our sentence as text.
fn refusal(error: &Error, correlation_id: &str) -> Response {
    // Logs what is our fault; the engine prints the text.
    let status = crate::status::from_error(error, correlation_id);
    let kind = match error {
        Error::Core(error) | Error::Audited(error) => error.kind,
        Error::Replay(_) => Kind::Internal,
    };
    let code = match kind {
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Denied => StatusCode::FORBIDDEN,
        Kind::Invalid => StatusCode::BAD_REQUEST,
        Kind::OutOfRange => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::Unimplemented => StatusCode::METHOD_NOT_ALLOWED,
        Kind::Unavailable | Kind::Exhausted | Kind::Aborted => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    (code, format!("{}\n", status.message())).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_of_one_job_under_one_fence() {
        let vault = Vault::from_master_key(b"a master key of at least 32 bytes");
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let secret = hex::decode(password(&vault, one, 3)).unwrap();
        assert!(mac(&vault, one, 3).verify_slice(&secret).is_ok());
        for wrong in [mac(&vault, one, 2), mac(&vault, other, 3)] {
            assert!(wrong.verify_slice(&secret).is_err());
        }
    }

    #[test]
    fn reads_basic_credentials() {
        let id = Uuid::from_u128(7);
        let of = |value: String| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            basic(&headers)
        };
        let encoded = STANDARD.encode(format!("{id}:00ff"));
        assert_eq!(of(format!("Basic {encoded}")), Some((id, vec![0, 255])));
        assert_eq!(of(format!("basic {encoded}")), Some((id, vec![0, 255])));
        assert_eq!(of(format!("Bearer {encoded}")), None);
        assert_eq!(of(format!("Basic {}", STANDARD.encode("no colon"))), None);
        assert_eq!(basic(&HeaderMap::new()), None);
    }
}
