//! What the servers do now and then, once over all replicas: a tick belongs to whoever moves its row on first, by the
//! database's clock. No transaction stays open while a tick runs, since an open one would hold up the change feed and the
//! sealing of the audit; that it runs is written into the row instead, with an end.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::dsl::{now, sql};
use diesel::expression::SqlLiteral;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Integer, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::lease::from_now;
use crate::schema::schedules;

/// A schedule.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = schedules)]
pub struct ScheduleRow {
    pub slug: String,
    pub id: Uuid,
    pub interval_seconds: i32,
    pub next_tick_time: DateTime<Utc>,
    /// How many ticks have begun; the number of the last one.
    pub tick: i64,
    pub last_tick_time: Option<DateTime<Utc>>,
    /// A tick runs until it says that it has ended, or until this time.
    pub runs_until_time: Option<DateTime<Utc>>,
    pub last_end_time: Option<DateTime<Utc>>,
    pub last_outcome: Option<String>,
    pub last_error: String,
}

/// No tick runs.
fn is_idle() -> SqlLiteral<Bool> {
    sql::<Bool>("coalesce(runs_until_time <= now(), true)")
}

/// Makes a schedule known to the database. Its first tick is an interval away, as after a change of the interval at most.
pub async fn enter(conn: &mut Connection, slug: &str, interval: Duration) -> Result<(), Error> {
    let seconds = i32::try_from(interval.as_secs()).map_err(Error::other)?;
    diesel::sql_query(
        "INSERT INTO schedules (slug, interval_seconds, next_tick_time) VALUES ($1, $2, now() + make_interval(secs => $2))
         ON CONFLICT (slug) DO UPDATE SET interval_seconds = excluded.interval_seconds,
           next_tick_time = least(schedules.next_tick_time, excluded.next_tick_time)
         WHERE schedules.interval_seconds <> excluded.interval_seconds",
    )
    .bind::<Text, _>(slug)
    .bind::<Integer, _>(seconds)
    .execute(conn)
    .await?;
    Ok(())
}

/// The schedules whose tick is due and of which none runs.
pub async fn due(mut conn: &Connection) -> Result<Vec<String>, Error> {
    Ok(schedules::table
        .filter(schedules::next_tick_time.le(now))
        .filter(is_idle())
        .order(schedules::next_tick_time)
        .select(schedules::slug)
        .load(&mut conn)
        .await?)
}

/// Begins the tick that is due, for `longest` at most; `None` where another replica has it.
pub async fn claim(conn: &mut Connection, slug: &str, longest: Duration) -> Result<Option<ScheduleRow>, Error> {
    let mine: Option<String> = schedules::table
        .filter(schedules::slug.eq(slug))
        .filter(schedules::next_tick_time.le(now))
        .filter(is_idle())
        .select(schedules::slug)
        .for_update()
        .skip_locked()
        .first(conn)
        .await
        .optional()?;
    if mine.is_none() {
        return Ok(None);
    }
    let next = sql::<Timestamptz>("now() + make_interval(secs => interval_seconds)");
    Ok(diesel::update(schedules::table.find(slug))
        .set((
            schedules::tick.eq(schedules::tick + 1),
            schedules::last_tick_time.eq(now),
            schedules::next_tick_time.eq(next),
            schedules::runs_until_time.eq(from_now(longest).nullable()),
        ))
        .returning(ScheduleRow::as_returning())
        .get_result(conn)
        .await
        .optional()?)
}

/// Writes how a tick ended; `error` where it failed. What a later tick has written stays.
pub async fn settle(conn: &mut Connection, slug: &str, tick: i64, error: Option<&str>) -> Result<(), Error> {
    let outcome = if error.is_some() { "FAILED" } else { "SUCCEEDED" };
    diesel::update(schedules::table.find(slug))
        .filter(schedules::tick.eq(tick))
        .set((
            schedules::runs_until_time.eq(None::<DateTime<Utc>>),
            schedules::last_end_time.eq(now),
            schedules::last_outcome.eq(outcome),
            schedules::last_error.eq(error.unwrap_or_default()),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// All schedules, by name.
pub async fn all(mut conn: &Connection) -> Result<Vec<ScheduleRow>, Error> {
    Ok(schedules::table.order(schedules::slug).select(ScheduleRow::as_select()).load(&mut conn).await?)
}

/// Locks a schedule for a change.
pub async fn lock(conn: &mut Connection, slug: &str) -> Result<Option<ScheduleRow>, Error> {
    Ok(schedules::table.find(slug).select(ScheduleRow::as_select()).for_update().first(conn).await.optional()?)
}

/// Makes the next tick due now; `None` while one runs.
pub async fn hasten(conn: &mut Connection, slug: &str) -> Result<Option<ScheduleRow>, Error> {
    Ok(diesel::update(schedules::table.find(slug))
        .filter(is_idle())
        .set(schedules::next_tick_time.eq(now))
        .returning(ScheduleRow::as_returning())
        .get_result(conn)
        .await
        .optional()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestDatabase;
    use crate::tx::TxScope;

    const LONG: Duration = Duration::from_secs(600);

    #[tokio::test]
    async fn of_many_that_want_a_tick_one_gets_it() {
        let test = TestDatabase::create().await;
        let db = test.connect().await;
        let mut owner = test.owner().await;
        enter(&mut owner, "tidy", Duration::from_secs(60)).await.unwrap();
        assert!(due(&owner).await.unwrap().is_empty(), "the first is an interval away");
        for round in 1..=3 {
            assert!(hasten(&mut owner, "tidy").await.unwrap().is_some());
            assert_eq!(due(&owner).await.unwrap(), ["tidy"]);
            let claims = (0..3).map(|_| async {
                let mut tx = db.begin(TxScope::Worker).await.unwrap();
                let claimed = claim(&mut tx, "tidy", LONG).await.unwrap();
                tx.commit().await.unwrap();
                claimed
            });
            let won: Vec<_> = futures::future::join_all(claims).await.into_iter().flatten().collect();
            assert_eq!(won.len(), 1, "round {round}");
            assert_eq!(won[0].tick, round);
            assert!(hasten(&mut owner, "tidy").await.unwrap().is_none(), "it runs");
            settle(&mut owner, "tidy", round, Some("no")).await.unwrap();
        }
        let [row] = <[ScheduleRow; 1]>::try_from(all(&owner).await.unwrap()).unwrap();
        assert_eq!((row.last_outcome.as_deref(), row.last_error.as_str()), (Some("FAILED"), "no"));
    }

    #[tokio::test]
    async fn the_tick_of_a_replica_that_was_killed_ends_by_the_clock() {
        let test = TestDatabase::create().await;
        let mut owner = test.owner().await;
        enter(&mut owner, "tidy", Duration::from_secs(60)).await.unwrap();
        hasten(&mut owner, "tidy").await.unwrap();
        assert!(claim(&mut owner, "tidy", Duration::ZERO).await.unwrap().is_some());
        hasten(&mut owner, "tidy").await.unwrap().unwrap();
        let second = claim(&mut owner, "tidy", LONG).await.unwrap().unwrap();
        // The first was only slow: what it says does not count any more.
        settle(&mut owner, "tidy", 1, Some("late")).await.unwrap();
        settle(&mut owner, "tidy", second.tick, None).await.unwrap();
        let row = lock(&mut owner, "tidy").await.unwrap().unwrap();
        assert_eq!((row.last_outcome.as_deref(), row.last_error.as_str()), (Some("SUCCEEDED"), ""));
        assert!(row.next_tick_time > row.last_tick_time.unwrap());
    }
}
