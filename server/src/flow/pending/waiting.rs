//! What a job in the line waits for: all of it at once, so that nobody removes one thing only to meet the next.

use flagstone_api::pb;
use flagstone_core::job::FRONT;
use flagstone_db::job::JobRow;
use flagstone_db::queue::{ReadyRow, pause, stats};
use flagstone_db::{clock, job, queue, workspace};

use super::{CANCEL, MANAGE, blocker};
use crate::convert::timestamp;
use crate::cx::Read;
use crate::error::Result;

/// Whoever starts programs on the machines.
const OPERATOR: &str = "whoever operates the installation";

/// Everything that keeps a job in the line.
pub(super) async fn of(read: &Read, row: &JobRow) -> Result<Vec<pb::Blocker>> {
    let (conn, organization_id) = (read.conn(), read.organization_id());
    // Taken this very moment: there is nothing to tell any more.
    let Some(place) = queue::place(conn, organization_id, row.id).await? else { return Ok(Vec::new()) };
    let mut blockers = Vec::new();
    blockers.extend(paused(read, row, &place).await?);
    let now = clock::read(conn).await?;
    if place.run_after_time > now {
        blockers.push(pb::Blocker {
            until: Some(timestamp(place.run_after_time)),
            object: row.name(),
            ..blocker(
                pb::BlockerKind::Scheduled,
                "It is not to start before its time.",
                "It goes on by itself; RunJobNow starts it at once.",
                vec![MANAGE.to_owned()],
                row.create_time,
            )
        });
    }
    blockers.extend(held(read, row).await?);
    blockers.extend(limit(read, row).await?);
    let runner = runners(read, row, &place).await?;
    let is_free = runner.is_none();
    blockers.extend(runner);
    if is_free && blockers.is_empty() {
        blockers.push(busy(read, row).await?);
    }
    Ok(blockers)
}

/// Whether something stays in the way when the job's time has come.
pub(super) fn is_lasting(blocker: &pb::Blocker) -> bool {
    !matches!(blocker.kind(), pb::BlockerKind::Scheduled | pb::BlockerKind::RunnersBusy)
}

/// Its queue is paused. What somebody put to the front goes all the same.
async fn paused(read: &Read, row: &JobRow, place: &ReadyRow) -> Result<Option<pb::Blocker>> {
    if place.priority == FRONT {
        return Ok(None);
    }
    let found = pause::get(read.conn(), read.organization_id(), &row.queue).await?;
    Ok(found.map(|pause| {
        let because = if pause.reason.is_empty() { String::new() } else { format!(": {}", pause.reason) };
        blocker(
            pb::BlockerKind::QueuePaused,
            &format!("{} paused the queue {}{because}", pause.principal, pause.queue),
            "ResumeQueue lets all of its jobs go, RunJobNow this one.",
            vec![MANAGE.to_owned()],
            pause.time,
        )
    }))
}

/// Another job holds its key.
async fn held(read: &Read, row: &JobRow) -> Result<Option<pb::Blocker>> {
    let organization_id = read.organization_id();
    let holder = queue::holder(read.conn(), organization_id, &row.concurrency_key).await?;
    let Some(holder) = holder.filter(|holder| *holder != row.id) else { return Ok(None) };
    let name = format!("jobs/{holder}");
    let since = job::get(read.conn(), organization_id, holder).await?.and_then(|job| job.attempt_start_time);
    let locked = workspace::get(read.conn(), organization_id, row.deployment_id).await?;
    let winding_down = locked.filter(|found| found.lock_job_id == Some(holder)).and_then(|found| found.lock_until_time);
    let (kind, text) = match winding_down {
        Some(_) => (
            pb::BlockerKind::WorkspaceLock,
            format!("The workspace is kept locked for {name}, whose runner was lost: its last state may still come."),
        ),
        None => (pb::BlockerKind::Concurrency, format!("{name} works on the same deployment.")),
    };
    Ok(Some(pb::Blocker {
        object: name,
        until: winding_down.map(timestamp),
        ..blocker(
            kind,
            &text,
            "It ends by itself; CancelJob ends it sooner.",
            vec![CANCEL.to_owned()],
            since.unwrap_or(row.create_time),
        )
    }))
}

/// The organization runs as many jobs as it may.
async fn limit(read: &Read, row: &JobRow) -> Result<Option<pb::Blocker>> {
    let found = stats::load(read.conn(), read.organization_id()).await?;
    Ok(found.and_then(|load| {
        let limit = load.limit.filter(|limit| load.running >= *limit)?;
        Some(blocker(
            pb::BlockerKind::ConcurrencyLimit,
            &format!("The organization runs {} of the {limit} jobs that it may run at a time.", load.running),
            "It goes on when one of them ends; UpdateOrganizationSettings with `max_concurrent_jobs` allows more.",
            vec!["platform:organizations:manage_settings".to_owned()],
            row.create_time,
        ))
    }))
}

/// No runner that is there could take it.
async fn runners(read: &Read, row: &JobRow, place: &ReadyRow) -> Result<Option<pb::Blocker>> {
    let engine = &place.engine;
    let fleet = stats::fleet(read.conn(), read.organization_id(), engine).await?;
    let (kind, message, remedy) = match fleet {
        stats::Fleet { engine_online: true, .. } => return Ok(None),
        stats::Fleet { any_online: false, .. } => (
            pb::BlockerKind::NoRunner,
            "No runner is connected.".to_owned(),
            "Start one: the server's own runner starts with it unless its capacity is set to 0.".to_owned(),
        ),
        stats::Fleet { engine_known: true, .. } => (
            pb::BlockerKind::NoEngine,
            format!("The runners that have the engine {engine} are not connected."),
            "Start one of them again.".to_owned(),
        ),
        _ => (
            pb::BlockerKind::NoEngine,
            format!("No runner that is registered has the engine {engine}."),
            format!("Install {engine} where a runner runs, or start a runner that has it."),
        ),
    };
    Ok(Some(blocker(kind, &message, &remedy, vec![OPERATOR.to_owned()], row.create_time)))
}

/// Others are before it.
async fn busy(read: &Read, row: &JobRow) -> Result<pb::Blocker> {
    let ahead = queue::jobs_ahead(read.conn(), read.organization_id(), row.id).await?.unwrap_or(0);
    let jobs = match ahead {
        0 => "it is the next of its organization".to_owned(),
        1 => "1 job of the organization is before it".to_owned(),
        more => format!("{more} jobs of the organization are before it"),
    };
    Ok(blocker(
        pb::BlockerKind::RunnersBusy,
        &format!("All runners are busy; {jobs}."),
        "It goes on by itself as soon as a runner is free; RunJobNow puts it first.",
        vec![MANAGE.to_owned()],
        row.create_time,
    ))
}
