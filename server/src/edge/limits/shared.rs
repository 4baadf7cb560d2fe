//! A limit that all replicas count together. A call is judged by what this process knows, without asking anybody; twice a
//! second it tells the others what it counted and hears what they did (R015). What is told is each count whole, so that a
//! round that fails loses nothing.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use flagstone_core::rate::{Counted, Left, judge};
use flagstone_db::rate_count::{self, RateCount};
use flagstone_db::{Database, TxScope, clock};
use uuid::Uuid;

use super::{Exceeded, Remaining};
use crate::error::{Error, Result};

/// Parts of the counts, so that calls do not wait for each other. A power of two.
const SHARDS: usize = 32;

/// A number of calls a minute for each principal, over all replicas.
#[derive(Debug)]
pub struct SharedLimit {
    limit: u32,
    replica: Uuid,
    shards: [Mutex<HashMap<Uuid, Calls>>; SHARDS],
    clock: Mutex<Clock>,
}

/// The database's clock, as far as this process knows it: replicas count the same minutes.
#[derive(Clone, Copy, Debug)]
struct Clock {
    read: Instant,
    time: DateTime<Utc>,
}

/// The calls of one principal.
#[derive(Clone, Copy, Debug, Default)]
struct Calls {
    minute: DateTime<Utc>,
    own: Counted,
    others: Counted,
    /// What of `own` the others were told.
    told: Counted,
}

impl Calls {
    /// Goes on to a minute.
    fn turn_to(&mut self, minute: DateTime<Utc>) {
        if self.minute >= minute {
            return;
        }
        let next = self.minute + TimeDelta::minutes(1) == minute;
        for counted in [&mut self.own, &mut self.others, &mut self.told] {
            *counted = Counted { before: if next { counted.now } else { 0 }, now: 0 };
        }
        self.minute = minute;
    }

    const fn total(&self) -> Counted {
        Counted { before: self.own.before + self.others.before, now: self.own.now + self.others.now }
    }
}

impl SharedLimit {
    pub(super) fn per_minute(limit: u32) -> Self {
        Self {
            limit,
            replica: Uuid::new_v4(),
            shards: std::array::from_fn(|_| Mutex::default()),
            clock: Mutex::new(Clock { read: Instant::now(), time: Utc::now() }),
        }
    }

    /// Counts a call.
    pub fn take(&self, principal: &Uuid) -> Result<Remaining, Exceeded> {
        self.take_at(principal, self.now())
    }

    fn take_at(&self, principal: &Uuid, now: DateTime<Utc>) -> Result<Remaining, Exceeded> {
        let (minute, into) = minute_of(now);
        let mut shard = self.shard(principal);
        let calls = shard.entry(*principal).or_default();
        calls.turn_to(minute);
        match judge(calls.total(), into, u64::from(self.limit)) {
            Left::Calls(left) => {
                calls.own.now += 1;
                // The calls of this minute have all faded at the end of the next.
                let reset = Duration::from_secs(120).saturating_sub(into);
                let remaining = u32::try_from(left).unwrap_or(u32::MAX);
                Ok(Remaining { limit: self.limit, remaining, reset })
            }
            Left::Wait(retry_after) => Err(Exceeded { limit: self.limit, retry_after }),
        }
    }

    /// Tells the other replicas what this one counted, and hears what they did. Without calls it asks nothing.
    pub async fn exchange(&self, database: &Database) -> Result<()> {
        let (known, news) = self.news();
        if known.is_empty() {
            return Ok(());
        }
        if !news.is_empty() {
            let mut tx = database.begin(TxScope::Worker).await?;
            rate_count::store(&mut tx, &news).await?;
            let (minute, _) = minute_of(self.now());
            rate_count::purge(&mut tx, minute - TimeDelta::minutes(5)).await?;
            tx.commit().await?;
            self.told(&news);
        }
        let conn = database.reads.get().await?;
        let read = Instant::now();
        let time = clock::read(&conn).await?;
        *self.clock.lock().unwrap_or_else(PoisonError::into_inner) = Clock { read, time };
        let (minute, _) = minute_of(time);
        let since = minute - TimeDelta::minutes(1);
        let heard = rate_count::of_others(&conn, self.replica, &known, since).await?;
        self.hear(minute, &known, &heard)
    }

    /// Every principal with calls in this minute or the last, and what the others do not know of them.
    fn news(&self) -> (Vec<Uuid>, Vec<RateCount>) {
        let (minute, _) = minute_of(self.now());
        let before = minute - TimeDelta::minutes(1);
        let (mut known, mut news) = (Vec::new(), Vec::new());
        for shard in &self.shards {
            for (principal, calls) in shard.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
                calls.turn_to(minute);
                if calls.own == Counted::default() {
                    continue;
                }
                known.push(*principal);
                let counts =
                    [(calls.minute, calls.own.now, calls.told.now), (before, calls.own.before, calls.told.before)];
                for (minute, own, _) in counts.into_iter().filter(|(_, own, told)| own != told) {
                    let calls = i64::try_from(own).unwrap_or(i64::MAX);
                    news.push(RateCount { principal_id: *principal, minute, replica: self.replica, calls });
                }
            }
        }
        (known, news)
    }

    fn told(&self, news: &[RateCount]) {
        for count in news {
            let mut shard = self.shard(&count.principal_id);
            let Some(calls) = shard.get_mut(&count.principal_id) else { continue };
            let told = u64::try_from(count.calls).unwrap_or_default();
            if count.minute == calls.minute {
                calls.told.now = told;
            } else if count.minute + TimeDelta::minutes(1) == calls.minute {
                calls.told.before = told;
            }
        }
    }

    fn hear(&self, minute: DateTime<Utc>, known: &[Uuid], heard: &[(Uuid, DateTime<Utc>, i64)]) -> Result<()> {
        let mut others: HashMap<Uuid, Counted> = HashMap::new();
        for (principal, when, calls) in heard {
            let counted = others.entry(*principal).or_default();
            let calls = u64::try_from(*calls).map_err(Error::internal)?;
            if *when == minute {
                counted.now += calls;
            } else {
                counted.before += calls;
            }
        }
        for principal in known {
            let mut shard = self.shard(principal);
            let Some(calls) = shard.get_mut(principal) else { continue };
            calls.turn_to(minute);
            if calls.minute == minute {
                calls.others = others.get(principal).copied().unwrap_or_default();
            }
        }
        Ok(())
    }

    /// Forgets whoever has not called for two minutes.
    pub(super) fn tidy(&self) {
        let (minute, _) = minute_of(self.now());
        for shard in &self.shards {
            let recent = |calls: &Calls| calls.minute + TimeDelta::minutes(1) >= minute;
            shard.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, calls| recent(calls));
        }
    }

    fn now(&self) -> DateTime<Utc> {
        let clock = *self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        clock.time + TimeDelta::from_std(clock.read.elapsed()).unwrap_or_default()
    }

    fn shard(&self, principal: &Uuid) -> MutexGuard<'_, HashMap<Uuid, Calls>> {
        // The last byte: the first ones of these ids are a time.
        let shard = usize::from(principal.as_bytes()[15]) % SHARDS;
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When a minute began, and how far into it a time is.
fn minute_of(time: DateTime<Utc>) -> (DateTime<Utc>, Duration) {
    let minute = time.duration_trunc(TimeDelta::minutes(1)).unwrap_or(time);
    (minute, (time - minute).to_std().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use flagstone_db::testing::TestDatabase;

    use super::*;

    #[test]
    fn each_principal_has_its_own_calls() {
        let limit = SharedLimit::per_minute(3);
        let now = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::seconds(10);
        let [a, b] = [1, 2].map(Uuid::from_u128);
        let left: Vec<u32> = (0..3).map(|_| limit.take_at(&a, now).unwrap().remaining).collect();
        assert_eq!(left, [2, 1, 0]);
        let exceeded = limit.take_at(&a, now).unwrap_err();
        assert!(exceeded.retry_after > Duration::from_secs(50), "{exceeded:?}");
        assert_eq!(limit.take_at(&b, now).unwrap().remaining, 2);
        let later = now + TimeDelta::from_std(exceeded.retry_after).unwrap();
        limit.take_at(&a, later).unwrap();
    }

    #[tokio::test]
    async fn what_another_replica_counted_counts_here_after_an_exchange() {
        let test = TestDatabase::create().await;
        let database = test.connect().await;
        let [one, two] = [SharedLimit::per_minute(1_000), SharedLimit::per_minute(1_000)];
        let principal = Uuid::now_v7();
        for _ in 0..400 {
            one.take(&principal).unwrap();
        }
        two.take(&principal).unwrap();
        for limit in [&one, &two, &one] {
            limit.exchange(&database).await.unwrap();
        }
        // At a turn of the minute the calls before weigh a little less.
        let left = two.take(&principal).unwrap().remaining;
        assert!((598..=640).contains(&left), "{left}");
        assert!(one.take(&principal).unwrap().remaining <= 640);
        two.exchange(&database).await.unwrap();
        let again = two.take(&principal).unwrap().remaining;
        assert!(again >= left.saturating_sub(3), "a count is told whole, not again: {again} after {left}");
    }
}
