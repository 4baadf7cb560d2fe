//! Counts of audit events.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;

/// Which events are counted.
#[derive(Clone, Debug)]
pub struct Counted {
    pub organization_id: Uuid,
    pub start: DateTime<Utc>,
    /// Not included.
    pub end: DateTime<Utc>,
    /// Also those of no unit, and of every unit but `units`; else only those of `units`.
    pub all_except: bool,
    pub units: Vec<Uuid>,
    /// Of these units only what belongs to `teams`.
    pub team_units: Vec<Uuid>,
    pub teams: Vec<Uuid>,
}

/// By what events are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    ObjectType,
    Action,
    Outcome,
    Day,
    Nothing,
}

/// How many events have something in common.
#[derive(Clone, Debug)]
pub struct CountRow {
    pub by: By,
    pub key: String,
    pub count: i64,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Integer)]
    grouping: i32,
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Every count in one pass: the most frequent first, days from the oldest on.
pub async fn count(mut conn: &Connection, counted: &Counted) -> Result<Vec<CountRow>, Error> {
    let query = diesel::sql_query(
        "SELECT grouping(object_type, action, outcome, day) AS grouping,
           coalesce(object_type, action, outcome, day, '') AS key, count(*) AS count
         FROM (
           SELECT object_type, action, outcome, to_char(time AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day FROM audit_events
           WHERE organization_id = $1 AND time >= $2 AND time < $3
             AND (CASE WHEN $4 THEN business_unit_id IS NULL OR business_unit_id <> ALL ($5)
                  ELSE business_unit_id = ANY ($5) END
               OR business_unit_id = ANY ($6) AND team_id = ANY ($7))
         ) AS visible
         GROUP BY GROUPING SETS ((object_type), (action), (outcome), (day), ())
         ORDER BY 1, CASE WHEN grouping(day) = 0 THEN 0 ELSE -count(*) END, 2",
    );
    let rows: Vec<Row> = query
        .bind::<SqlUuid, _>(counted.organization_id)
        .bind::<Timestamptz, _>(counted.start)
        .bind::<Timestamptz, _>(counted.end)
        .bind::<Bool, _>(counted.all_except)
        .bind::<Array<SqlUuid>, _>(&counted.units)
        .bind::<Array<SqlUuid>, _>(&counted.team_units)
        .bind::<Array<SqlUuid>, _>(&counted.teams)
        .load(&mut conn)
        .await?;
    // A bit is set for each column that is not grouped by.
    let by = |grouping| match grouping {
        0b0111 => By::ObjectType,
        0b1011 => By::Action,
        0b1101 => By::Outcome,
        0b1110 => By::Day,
        _ => By::Nothing,
    };
    Ok(rows.into_iter().map(|row| CountRow { by: by(row.grouping), key: row.key, count: row.count }).collect())
}
