//! RunnerService: who executes jobs, and who may. What runners speak themselves is in [`super::runner_link`].

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use flagstone_api::pb::runner_service_server::RunnerService;
use flagstone_api::{Mutation, pb};
use flagstone_core::etag::Etag;
use flagstone_core::filter::{Field, FieldKind, Order};
use flagstone_core::names::{RunnerName, parse};
use flagstone_core::runner::{Labels, RunnerEvent, RunnerState, check_labels};
use flagstone_core::{Error as CoreError, Reason, Violations};
use flagstone_db::Connection;
use flagstone_db::list::{self, Branch};
use flagstone_db::runner::{self, RunnerRow};
use flagstone_db::runner_token::{self, NewRunnerToken};
use futures::try_join;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::App;
use crate::convert::{enum_number, timestamp};
use crate::cx::{Cx, Facts, Target};
use crate::error::{Error, Result};
use crate::flow::runner as runners;
use crate::ledger::ObjectRef;
use crate::list::{List, arguments};
use crate::rpc;
use crate::token::{self, TokenKind};
use crate::tx::Tx;

/// The service.
pub struct Runners(pub Arc<App>);

#[tonic::async_trait]
impl RunnerService for Runners {
    rpc::unary! {
        create_runner_token: pb::CreateRunnerTokenRequest => pb::CreateRunnerTokenResponse,
        list_runners: pb::ListRunnersRequest => pb::ListRunnersResponse,
        get_runner: pb::GetRunnerRequest => pb::Runner,
        adopt_runner: pb::AdoptRunnerRequest => pb::Runner,
        reject_runner: pb::RejectRunnerRequest => pb::Runner,
        drain_runner: pb::DrainRunnerRequest => pb::Runner,
        resume_runner: pb::ResumeRunnerRequest => pb::Runner,
        delete_runner: pb::DeleteRunnerRequest => pb::DeleteRunnerResponse,
    }
}

/// What allows to know that a runner exists.
const READABLE: &[&str] = &["platform:runners:list", "platform:runners:manage"];

/// How long a token works: unless it is said, at least, at most.
const LIFETIME: Duration = Duration::from_secs(60 * 60);
const LIFETIME_MIN: Duration = Duration::from_secs(60);
const LIFETIME_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);

const LIST: List = List {
    fields: &[
        Field { name: "display_name", kind: FieldKind::TextSearch },
        Field { name: "state", kind: FieldKind::Enum(RunnerState::WORDS) },
        Field { name: "embedded", kind: FieldKind::Bool },
        Field { name: "create_time", kind: FieldKind::Time },
    ],
    names: &[],
    orders: &[
        Order { name: "create_time", key: "create_time", descending: true },
        Order { name: "create_time", key: "create_time", descending: false },
    ],
};

async fn create_runner_token(cx: Cx, req: pb::CreateRunnerTokenRequest) -> Result<pb::CreateRunnerTokenResponse> {
    let mut wrong = Violations::new();
    check_labels(&req.labels, "labels", &mut wrong);
    let lifetime = match &req.lifetime {
        None => Some(LIFETIME),
        Some(sent) => Duration::try_from(*sent).ok().filter(|sent| (LIFETIME_MIN..=LIFETIME_MAX).contains(sent)),
    };
    wrong.check(lifetime.is_some(), "lifetime", "Give a time from 1 minute to 7 days.");
    let mut tx = cx.begin(&req, Target::organization("runners")).await?;
    tx.check(&Facts::of("runners", READABLE)).await?;
    wrong.finish()?;
    let (token, sha256) = token::mint(TokenKind::RunnerJoin)?;
    let (labels, creator) = (json!(req.labels), tx.principal.clone());
    let new = NewRunnerToken {
        id: Uuid::now_v7(),
        organization_id: tx.organization_id,
        token_sha256: &sha256,
        labels: &labels,
        needs_adoption: req.needs_adoption,
        lifetime: lifetime.unwrap_or(LIFETIME),
        creator: &creator,
    };
    let row = runner_token::insert(&mut tx, &new).await?;
    let name = format!("runnerTokens/{}", row.id);
    tx.about(name.clone());
    let about = ObjectRef { object_type: "runner_token", name, id: row.id, business_unit_id: None };
    let after = json!({"labels": row.labels, "needs_adoption": row.needs_adoption, "expire_time": row.expire_time});
    tx.record(about, None, Some(&after));
    let expire_time = Some(timestamp(row.expire_time));
    let (token, command) = if tx.is_dry() {
        (String::new(), String::new())
    } else {
        (token.clone(), command(&cx.app, &token, &req.labels))
    };
    tx.commit_sealed(pb::CreateRunnerTokenResponse { token, command, expire_time, effects: None }).await
}

/// What to type on the runner's machine. Nothing in it needs quoting: labels and tokens have no such characters.
fn command(app: &App, token: &str, labels: &Labels) -> String {
    let labels: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let labels = if labels.is_empty() { String::new() } else { format!(" --labels {}", labels.join(",")) };
    format!("FLAGSTONE_RUNNER_TOKEN={token} flagstone-server runner --server {}{labels}", app.config.public_url)
}

async fn list_runners(cx: Cx, req: pb::ListRunnersRequest) -> Result<pb::ListRunnersResponse> {
    let call = LIST.call(&cx, arguments!(req))?;
    let read = cx.read(Target::organization("runners")).await?;
    let names = call.names(&read).await?;
    let page = list::runner::list(read.conn(), &call.query(&read, &names, None, &[Branch::ALL])).await?;
    Ok(pb::ListRunnersResponse {
        next_page_token: call.next_token(page.next.as_ref())?,
        total_size: page.total.unwrap_or_default(),
        runners: to_proto(&cx.app, read.conn(), read.organization_id(), page.rows).await?,
    })
}

async fn get_runner(cx: Cx, req: pb::GetRunnerRequest) -> Result<pb::Runner> {
    let name: RunnerName = parse(&req.name, "name")?;
    let read = cx.read(Target::organization(&name)).await?;
    let found = runner::find(read.conn(), read.organization_id(), name.id().as_str()).await?;
    let row = found.ok_or_else(|| CoreError::not_found(&name))?;
    one(&cx.app, read.conn(), read.organization_id(), row).await
}

async fn adopt_runner(cx: Cx, req: pb::AdoptRunnerRequest) -> Result<pb::Runner> {
    change(&cx, &req, &req.name, &req.etag, RunnerEvent::Adopt).await
}

async fn reject_runner(cx: Cx, req: pb::RejectRunnerRequest) -> Result<pb::Runner> {
    change(&cx, &req, &req.name, &req.etag, RunnerEvent::Reject).await
}

async fn drain_runner(cx: Cx, req: pb::DrainRunnerRequest) -> Result<pb::Runner> {
    change(&cx, &req, &req.name, &req.etag, RunnerEvent::Drain).await
}

async fn resume_runner(cx: Cx, req: pb::ResumeRunnerRequest) -> Result<pb::Runner> {
    change(&cx, &req, &req.name, &req.etag, RunnerEvent::Resume).await
}

async fn delete_runner(cx: Cx, req: pb::DeleteRunnerRequest) -> Result<pb::DeleteRunnerResponse> {
    let (mut tx, row) = open(&cx, &req, &req.name, &req.etag).await?;
    let lease = cx.app.config.jobs.lease;
    if row.embedded && !runner::online(&tx, &[row.id], lease).await?.is_empty() {
        let message =
            format!("{} is inside a server that runs. Stop that server first, or drain the runner.", req.name);
        return Err(CoreError::precondition(Reason::InUse, message).with("name", &req.name).into());
    }
    if !req.force && runner::is_busy(&tx, &req.name).await? {
        let message = format!(
            "{} has jobs. Drain it and wait until it has none; or send `force`, which gives them up and loses what it has \
             not yet stored of their state.",
            req.name
        );
        return Err(CoreError::precondition(Reason::InUse, message).with("name", &req.name).into());
    }
    runners::step(&mut tx, &row, RunnerEvent::Remove).await?;
    tx.commit(pb::DeleteRunnerResponse::default()).await
}

/// Has something happen to a runner.
async fn change<M: Mutation>(cx: &Cx, message: &M, name: &str, etag: &str, event: RunnerEvent) -> Result<pb::Runner> {
    let (mut tx, row) = open(cx, message, name, etag).await?;
    let after = runners::step(&mut tx, &row, event).await?;
    let organization_id = tx.organization_id;
    let shown = one(&cx.app, &tx, organization_id, after).await?;
    tx.commit(shown).await
}

/// Opens the transaction in which a runner is changed, with the runner locked and judged. One of the installation is
/// changed by the organization that the installation began with.
async fn open<M: Mutation>(cx: &Cx, message: &M, name: &str, etag: &str) -> Result<(Tx, RunnerRow)> {
    let name: RunnerName = parse(name, "name")?;
    let slug = name.id().as_str();
    let of_installation = {
        let read = cx.read(Target::organization(&name)).await?;
        let found = runner::find(read.conn(), read.organization_id(), slug).await?;
        found.is_some_and(|row| row.organization_id.is_none())
    };
    let (mut tx, organization_id) = if of_installation {
        (cx.begin_installation(message, Target::organization(&name)).await?, None)
    } else {
        let tx = cx.begin(message, Target::organization(&name)).await?;
        let organization_id = tx.organization_id;
        (tx, Some(organization_id))
    };
    let found = runner::lock(&mut tx, organization_id, slug).await?;
    let row = found.ok_or_else(|| CoreError::not_found(&name))?;
    tx.check(&Facts::of(&name.to_string(), READABLE)).await?;
    Etag::check(etag, row.revision)?;
    Ok((tx, row))
}

async fn one(app: &App, conn: &Connection, organization_id: Uuid, row: RunnerRow) -> Result<pb::Runner> {
    let shown = to_proto(app, conn, organization_id, vec![row]).await?.pop();
    shown.ok_or_else(|| Error::internal("a runner that was shown is gone"))
}

/// Runners as people of an organization see them, in the same order.
async fn to_proto(
    app: &App,
    conn: &Connection,
    organization_id: Uuid,
    rows: Vec<RunnerRow>,
) -> Result<Vec<pb::Runner>> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let names: Vec<String> =
        rows.iter().map(|row| Ok(RunnerName::stored(&row.slug)?.to_string())).collect::<Result<_>>()?;
    let (online, loads) =
        try_join!(runner::online(conn, &ids, app.config.jobs.lease), runner::loads(conn, organization_id, &names))?;
    let loads: HashMap<String, i64> = loads.into_iter().collect();
    let shown = rows.into_iter().zip(names).map(|(row, name)| pb::Runner {
        running_jobs: loads.get(&name).and_then(|count| i32::try_from(*count).ok()).unwrap_or_default(),
        name,
        labels: labels(&row.labels),
        state: state_to_proto(&row.adoption),
        connection: match online.contains(&row.id) {
            true => pb::RunnerConnection::Online.into(),
            false => pb::RunnerConnection::Offline.into(),
        },
        engines: engines(&row.engines),
        display_name: row.display_name,
        version: row.version,
        capacity: row.capacity,
        embedded: row.embedded,
        installation: row.organization_id.is_none(),
        protocol_version: row.protocol_version,
        last_seen_time: row.last_seen_time.map(timestamp),
        create_time: Some(timestamp(row.create_time)),
        update_time: Some(timestamp(row.update_time)),
        creator: row.creator,
        etag: Etag::of(row.revision),
        effects: None,
    });
    Ok(shown.collect())
}

/// The contract's number of a state that a row has.
pub(super) fn state_to_proto(stored: &str) -> i32 {
    enum_number(pb::RunnerState::from_str_name, "RUNNER_STATE_", stored)
}

/// The labels of a row.
pub(super) fn labels(stored: &Value) -> Labels {
    serde_json::from_value(stored.clone()).unwrap_or_default()
}

fn engines(stored: &Value) -> Vec<pb::RunnerEngine> {
    let engine = |stored: &Value| pb::RunnerEngine {
        engine: enum_number(pb::Engine::from_str_name, "ENGINE_", stored["engine"].as_str().unwrap_or_default()),
        version: stored["version"].as_str().unwrap_or_default().to_owned(),
    };
    stored.as_array().into_iter().flatten().map(engine).collect()
}
