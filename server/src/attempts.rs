//! Failed authentications: what limits how often a password can be guessed. Counted in the database, so that all replicas
//! count together; only failures count, so that nobody who knows the password is held up.

use std::time::Duration;

use flagstone_core::Error as CoreError;
use flagstone_db::auth_failure::{self, FailureRow};
use flagstone_db::{Connection, TxScope};
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::audit::{self, Entry};
use crate::edge::limits::rate_limited;
use crate::error::Result;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// Failures that may be had: of one address with one identifier in a minute and in an hour, of one address in an hour.
const LIMITS: [Limit; 3] = [
    Limit { same_identifier: true, count: 5, window: MINUTE },
    Limit { same_identifier: true, count: 20, window: HOUR },
    Limit { same_identifier: false, count: 100, window: HOUR },
];

struct Limit {
    /// Only failures with the same identifier count.
    same_identifier: bool,
    count: usize,
    window: Duration,
}

/// An address that tries an identifier.
#[derive(Clone, Debug)]
pub struct Attempt {
    address: String,
    identifier_sha256: [u8; 32],
}

impl Attempt {
    /// `identifier` as it is compared: in lower case.
    pub fn new(address: &str, identifier: &str) -> Self {
        Self { address: address.to_owned(), identifier_sha256: Sha256::digest(identifier.as_bytes()).into() }
    }

    /// RESOURCE_EXHAUSTED `RATE_LIMITED` after too many failures.
    pub async fn check(&self, conn: &Connection) -> Result<()> {
        let most = LIMITS.iter().map(|limit| limit.count).max().unwrap_or_default();
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let failures = auth_failure::recent(conn, &self.address, &self.identifier_sha256, most).await?;
        match wait(&failures) {
            Some(wait) => Err(refused(wait).into()),
            None => Ok(()),
        }
    }

    /// Notes a failure, and tells the audit of every account that was meant. In one transaction, however many they are, so
    /// that the time of the answer does not tell.
    pub async fn failed(&self, app: &App, entries: &[Entry]) -> Result<()> {
        let tx = app.db.begin(TxScope::Worker).await?;
        auth_failure::insert(&tx, &self.address, &self.identifier_sha256).await?;
        for entry in entries {
            audit::insert(&tx, entry).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

/// How long to wait, by the failures of the address in the last hour, newest first. `None` where one may try.
fn wait(failures: &[FailureRow]) -> Option<Duration> {
    LIMITS
        .iter()
        .filter_map(|limit| {
            let last = failures.iter().filter(|failure| failure.same_identifier || !limit.same_identifier);
            // The one that has to be forgotten first.
            let decisive = last.take(limit.count).nth(limit.count - 1)?;
            let age = (decisive.now - decisive.time).to_std().unwrap_or_default();
            limit.window.checked_sub(age).filter(|left| !left.is_zero())
        })
        .max()
}

fn refused(wait: Duration) -> CoreError {
    rate_limited("Too many failed attempts.", wait)
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};
    use flagstone_core::Reason;
    use flagstone_db::testing::TestDatabase;

    use super::*;
    use crate::error::Error;

    fn failures(ages: impl IntoIterator<Item = i64>, same_identifier: bool) -> Vec<FailureRow> {
        let now = DateTime::<Utc>::UNIX_EPOCH;
        let row = |age| FailureRow { same_identifier, time: now - TimeDelta::seconds(age), now };
        ages.into_iter().map(row).collect()
    }

    #[test]
    fn five_a_minute_and_twenty_an_hour_of_a_pair() {
        assert_eq!(wait(&failures([1, 2, 3, 4], true)), None);
        assert_eq!(wait(&failures([1, 2, 3, 4, 10], true)), Some(Duration::from_secs(50)));
        assert_eq!(wait(&failures([1, 2, 3, 4, 60], true)), None);
        assert_eq!(wait(&failures((1..=19).map(|n| n * 60), true)), None);
        assert_eq!(wait(&failures((1..=20).map(|n| n * 60), true)), Some(Duration::from_secs(2400)));
    }

    #[test]
    fn a_hundred_an_hour_of_an_address_whatever_the_identifier() {
        assert_eq!(wait(&failures(1..=99, false)), None);
        assert_eq!(wait(&failures(1..=100, false)), Some(Duration::from_secs(3500)));
    }

    #[tokio::test]
    async fn failures_of_others_do_not_count() {
        let test = TestDatabase::create().await;
        let database = test.connect().await;
        let tx = database.begin(TxScope::Worker).await.unwrap();
        let mine = Attempt::new("192.0.2.1", "ada");
        for (address, identifier) in [("192.0.2.1", "bob"), ("192.0.2.2", "ada")] {
            let other = Attempt::new(address, identifier);
            for _ in 0..5 {
                auth_failure::insert(&tx, &other.address, &other.identifier_sha256).await.unwrap();
            }
            assert!(other.check(&tx).await.is_err());
            mine.check(&tx).await.unwrap();
        }
        for _ in 0..5 {
            auth_failure::insert(&tx, &mine.address, &mine.identifier_sha256).await.unwrap();
        }
        match mine.check(&tx).await {
            Err(Error::Core(error)) => {
                assert_eq!(error.reason, Reason::RateLimited);
                assert!(error.retry_after.unwrap() <= Duration::from_secs(60));
            }
            other => panic!("{other:?}"),
        }
    }
}
