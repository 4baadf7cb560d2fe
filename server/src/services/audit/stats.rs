//! Counts of what the caller may read.

use chrono::{DateTime, TimeDelta, Utc};
use flagstone_api::pb;
use flagstone_core::access::Reach;
use flagstone_core::error::Violations;
use flagstone_db::audit::stats::{By, CountRow, Counted, count};

use super::visible::Visible;
use crate::cx::{Cx, Target};
use crate::error::Result;

/// Time that is counted where the call does not say.
const DAYS: TimeDelta = TimeDelta::days(30);

/// Longest time.
const DAYS_MAX: TimeDelta = TimeDelta::days(400);

/// Longest list of kinds and actions.
const KEYS_MAX: usize = 100;

pub(super) async fn get_audit_stats(cx: Cx, req: pb::GetAuditStatsRequest) -> Result<pb::AuditStats> {
    let mut violations = Violations::new();
    let [start, end] = [(&req.start_time, "start_time"), (&req.end_time, "end_time")].map(|(sent, field)| {
        let time = sent.as_ref().map(read_time);
        violations.check(time != Some(None), field, "is no time between the years 1 and 9999.");
        time.flatten()
    });
    let end = end.unwrap_or_else(Utc::now);
    let start = start.unwrap_or(end - DAYS);
    violations.check(start <= end, "start_time", "is after end_time.");
    violations.check(end - start <= DAYS_MAX, "start_time", "is more than 400 days before end_time.");
    violations.finish()?;
    let read = cx.read(Target::everywhere()).await?;
    let visible = Visible::of(&read)?;
    let (all_except, units) = match visible.whole {
        Reach::AllExcept(units) => (true, units),
        Reach::Only(units) => (false, units),
    };
    let counted = Counted {
        organization_id: read.organization_id(),
        start,
        end,
        all_except,
        units,
        team_units: visible.team_units,
        teams: visible.teams,
    };
    let rows = count(read.conn(), &counted).await?;
    let of = |by: By, most: usize| {
        let rows = rows.iter().filter(|row| row.by == by).take(most);
        rows.map(|CountRow { key, count, .. }| pb::AuditCount { key: key.clone(), count: *count }).collect()
    };
    Ok(pb::AuditStats {
        total: rows.iter().find(|row| row.by == By::Nothing).map_or(0, |row| row.count),
        by_object_type: of(By::ObjectType, KEYS_MAX),
        by_action: of(By::Action, KEYS_MAX),
        by_outcome: of(By::Outcome, usize::MAX),
        by_day: of(By::Day, usize::MAX),
    })
}

fn read_time(time: &prost_types::Timestamp) -> Option<DateTime<Utc>> {
    let valid = (-62_135_596_800..=253_402_300_799).contains(&time.seconds);
    let nanos = u32::try_from(time.nanos).ok()?;
    DateTime::from_timestamp(time.seconds, nanos).filter(|_| valid)
}
