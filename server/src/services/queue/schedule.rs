//! Schedules: what the servers of the installation do by themselves.

use std::time::Duration;

use flagstone_api::pb;
use flagstone_core::names::{ScheduleName, parse};
use flagstone_core::{Error as CoreError, Reason};
use flagstone_db::schedule::{self, ScheduleRow};
use serde_json::json;

use crate::convert::{duration, enum_number, timestamp};
use crate::cx::{Cx, Facts, Target};
use crate::error::Result;
use crate::ledger::ObjectRef;
use crate::worker::schedules::{self, Schedule};

/// What allows to know of schedules.
const READABLE: &[&str] = &["platform:schedules:read"];

pub(super) async fn list_schedules(cx: Cx, _: pb::ListSchedulesRequest) -> Result<pb::ListSchedulesResponse> {
    let read = cx.read(Target::organization("schedules")).await?;
    let rows = schedule::all(read.conn()).await?;
    // What a build no longer does is not told, though its row stays.
    let known = rows.into_iter().filter_map(|row| schedules::find(&row.slug).map(|found| to_proto(found, row)));
    Ok(pb::ListSchedulesResponse { schedules: known.collect() })
}

pub(super) async fn run_schedule(cx: Cx, req: pb::RunScheduleRequest) -> Result<pb::RunScheduleResponse> {
    let name: ScheduleName = parse(&req.name, "name")?;
    let mut tx = cx.begin_installation(&req, Target::organization(&name)).await?;
    tx.check(&Facts::of(&req.name, READABLE)).await?;
    let found = schedules::find(name.id().as_str()).ok_or_else(|| CoreError::not_found(&name))?;
    let before = schedule::lock(&mut tx, found.slug).await?.ok_or_else(|| CoreError::not_found(&name))?;
    let after = schedule::hasten(&mut tx, found.slug).await?.ok_or_else(|| {
        CoreError::precondition(
            Reason::WrongState,
            format!("{name}: a tick of it runs. Wait for its end, then ask again."),
        )
        .with("name", &name)
    })?;
    let view = |row: &ScheduleRow| json!({"next_tick_time": row.next_tick_time});
    let object = ObjectRef { object_type: "schedule", name: name.to_string(), id: after.id, business_unit_id: None };
    tx.record(object, Some(&view(&before)), Some(&view(&after)));
    let schedule = to_proto(found, after);
    tx.commit(pb::RunScheduleResponse { schedule: Some(schedule), effects: None }).await
}

fn to_proto(schedule: &Schedule, row: ScheduleRow) -> pb::Schedule {
    let outcome = row.last_outcome.as_deref().unwrap_or("UNSPECIFIED");
    pb::Schedule {
        name: format!("schedules/{}", row.slug),
        description: schedule.description.to_owned(),
        interval: Some(duration(Duration::from_secs(u64::try_from(row.interval_seconds).unwrap_or_default()))),
        next_tick_time: Some(timestamp(row.next_tick_time)),
        last_tick_time: row.last_tick_time.map(timestamp),
        last_end_time: row.last_end_time.map(timestamp),
        last_outcome: enum_number(pb::ScheduleOutcome::from_str_name, "SCHEDULE_OUTCOME_", outcome),
        last_error: row.last_error,
        ticks: row.tick,
        running: row.runs_until_time.is_some_and(|until| until > chrono::Utc::now()),
    }
}
