//! Why something waits: every blocker typed, with what removes it and who may (M04).

mod waiting;

use chrono::{DateTime, Utc};
use flagstone_api::pb;
use flagstone_core::approval::{ApprovalStage, ApprovalState};
use flagstone_core::job::{JobKind, JobState};
use flagstone_core::names::{ApprovalName, JobName, RequestName, parse};
use flagstone_core::request::RequestState;
use flagstone_core::{Error as CoreError, FieldViolation};
use flagstone_db::approval::ApprovalRow;
use flagstone_db::job::JobRow;
use flagstone_db::request::RequestRow;
use flagstone_db::{approval, job, request};

use super::request::state_of;
use crate::convert::timestamp;
use crate::cx::{Cx, Facts, Read, Target};
use crate::error::{Error, Result};
use crate::services::request_view::facts;

/// What lets somebody end a job.
const CANCEL: &str = "business_unit:jobs:cancel";

/// What lets somebody run a queue.
const MANAGE: &str = "platform:queues:manage";

/// The blockers of a request, an approval or a job, which the caller may read.
pub async fn explain(cx: &Cx, name: &str) -> Result<Vec<pb::Blocker>> {
    if let Ok(name) = name.parse::<JobName>() {
        let read = cx.read(Target::job(*name.id())).await?;
        let row = job::get(read.conn(), read.organization_id(), *name.id()).await?;
        let row =
            row.filter(|_| readable(&read, &["business_unit:jobs:read"])).ok_or_else(|| CoreError::not_found(&name))?;
        return of_job(&read, &row).await;
    }
    if let Ok(name) = name.parse::<ApprovalName>() {
        let read = cx.read(Target::approval(*name.id())).await?;
        let row = approval::get(read.conn(), read.organization_id(), *name.id()).await?;
        let row = row
            .filter(|_| readable(&read, &["business_unit:approvals:list"]))
            .ok_or_else(|| CoreError::not_found(&name))?;
        return of_approval(&read, &row).await;
    }
    let name: RequestName = parse(name, "name").map_err(|_| {
        CoreError::invalid(vec![FieldViolation::new(
            "name",
            "names nothing that can wait. Send businessUnits/{bu}/requests/{id or code}, approvals/{id} or jobs/{id}.",
        )])
    })?;
    let read = cx.read(Target::in_unit(&name, name.business_unit())).await?;
    let row = request::find(read.conn(), read.organization_id(), read.unit()?.id, name.id()).await?;
    let text = name.to_string();
    // The method itself is open to everybody: whether this object is, is judged here.
    match row {
        Some(row) if read.may_read(&facts(&text, &row, None)?) => of_request(&read, &row).await,
        _ => Err(CoreError::not_found(&name).into()),
    }
}

/// Whether the caller holds one of these in the unit.
fn readable(read: &Read, readable_by: &'static [&'static str]) -> bool {
    read.may_read(&Facts::of("", readable_by))
}

async fn of_request(read: &Read, row: &RequestRow) -> Result<Vec<pb::Blocker>> {
    let organization_id = read.organization_id();
    let requester = || vec![row.requester.clone()];
    match state_of(row)? {
        RequestState::Draft => Ok(vec![blocker(
            pb::BlockerKind::Draft,
            "It is a draft.",
            "Submit it with SubmitRequest.",
            requester(),
            row.update_time,
        )]),
        RequestState::PendingApproval => match row.approval_id {
            Some(id) => match approval::get(read.conn(), organization_id, id).await? {
                Some(approval) => of_approval(read, &approval).await,
                None => Ok(Vec::new()),
            },
            None => Ok(Vec::new()),
        },
        RequestState::Planning | RequestState::Approved | RequestState::Applying => match row.job_ids.last() {
            Some(id) => match job::get(read.conn(), organization_id, *id).await? {
                Some(job) => of_job(read, &job).await,
                None => Ok(Vec::new()),
            },
            None => Ok(Vec::new()),
        },
        RequestState::Failed => {
            let why = row.error.as_ref().and_then(|error| error.get("message")).and_then(|message| message.as_str());
            let remedy = if row.apply_started {
                "Retry it with RetryRequest: it is planned anew."
            } else {
                "Retry it with RetryRequest, or cancel it with CancelRequest."
            };
            let mut who = requester();
            who.push("business_unit:deployments:retry".to_owned());
            let text = format!("It failed: {}", why.unwrap_or("see its error."));
            Ok(vec![blocker(pb::BlockerKind::Failed, &text, remedy, who, row.update_time)])
        }
        RequestState::Completed | RequestState::Rejected | RequestState::Cancelled | RequestState::Expired => {
            Ok(Vec::new())
        }
    }
}

async fn of_approval(read: &Read, row: &ApprovalRow) -> Result<Vec<pb::Blocker>> {
    if row.state != ApprovalState::Pending.as_str() {
        return Ok(Vec::new());
    }
    let stages: Vec<ApprovalStage> = serde_json::from_value(row.stages.clone()).map_err(Error::internal)?;
    let decisions = approval::decisions(read.conn(), read.organization_id(), &[row.id]).await?;
    let Some(stage) = usize::try_from(row.current_stage).ok().and_then(|index| stages.get(index)) else {
        return Ok(Vec::new());
    };
    let approved = decisions
        .iter()
        .filter(|decision| decision.stage == row.current_stage && decision.verdict == "APPROVE")
        .count();
    let who: Vec<String> = stage.approvers.iter().map(ToString::to_string).collect();
    let missing = (stage.quorum as usize).saturating_sub(approved);
    Ok(vec![pb::Blocker {
        object: format!("approvals/{}", row.id),
        until: Some(timestamp(row.expire_time)),
        ..blocker(
            pb::BlockerKind::Approval,
            &format!(
                "Waits for {missing} of {} approvals in stage `{}` from {}.",
                stage.quorum,
                stage.title,
                who.join(", ")
            ),
            "Somebody named there, who is not the requester, approves it with ApproveApproval.",
            who,
            row.create_time,
        )
    }])
}

async fn of_job(read: &Read, row: &JobRow) -> Result<Vec<pb::Blocker>> {
    let cancel = vec![CANCEL.to_owned()];
    match row.state()? {
        JobState::Queued => waiting::of(read, row).await,
        JobState::RetryWait => {
            let mut blockers = vec![pb::Blocker {
                until: Some(timestamp(row.run_after_time)),
                object: row.name(),
                ..blocker(
                    pb::BlockerKind::Backoff,
                    &format!("Attempt {} of {} failed for a passing reason.", row.attempt, row.max_attempts),
                    "It is tried again by itself; RunJobNow tries it at once, CancelJob ends it.",
                    vec![MANAGE.to_owned(), CANCEL.to_owned()],
                    row.update_time,
                )
            }];
            blockers.extend(waiting::of(read, row).await?.into_iter().filter(waiting::is_lasting));
            Ok(blockers)
        }
        JobState::Running | JobState::Cancelling => {
            let (kind, what) = match row.kind()? {
                JobKind::Plan => (pb::BlockerKind::PlanRunning, "Its plan is being made"),
                JobKind::Apply => (pb::BlockerKind::ApplyRunning, "Its apply is running"),
            };
            let runner = row.runner.as_deref().unwrap_or("a runner");
            Ok(vec![pb::Blocker {
                object: row.name(),
                ..blocker(
                    kind,
                    &format!("{what} on {runner}."),
                    "It goes on by itself; CancelJob ends it.",
                    cancel,
                    row.attempt_start_time.unwrap_or(row.update_time),
                )
            }])
        }
        JobState::DeadLettered => Ok(vec![dead_letter(row)?]),
        JobState::Failed | JobState::Succeeded | JobState::Cancelled => Ok(Vec::new()),
    }
}

/// A job that failed in every attempt.
fn dead_letter(row: &JobRow) -> Result<pb::Blocker> {
    let why = row.error.as_ref().and_then(|error| error["message"].as_str()).unwrap_or("see its log");
    let (remedy, who) = if row.kind()?.may_rerun() {
        ("ReplayJob puts it back into the line, while its request still waits for it.", "business_unit:jobs:replay")
    } else {
        ("An apply is never run again: RetryRequest plans its request anew.", "business_unit:deployments:retry")
    };
    Ok(pb::Blocker {
        object: row.name(),
        ..blocker(
            pb::BlockerKind::DeadLetter,
            &format!("It failed in all of its {} attempts: {why}", row.max_attempts),
            remedy,
            vec![who.to_owned()],
            row.end_time.unwrap_or(row.update_time),
        )
    })
}

fn blocker(kind: pb::BlockerKind, message: &str, remedy: &str, who: Vec<String>, since: DateTime<Utc>) -> pb::Blocker {
    pb::Blocker {
        kind: kind.into(),
        message: message.to_owned(),
        remedy: remedy.to_owned(),
        object: String::new(),
        who,
        since: Some(timestamp(since)),
        until: None,
    }
}
