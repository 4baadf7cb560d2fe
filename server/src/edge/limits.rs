//! How often one principal or address may call: addresses as this process counts them, principals as all replicas do.

mod shared;

use std::hash::Hash;
use std::num::NonZeroU32;
use std::time::Duration;

use flagstone_core::{Error as CoreError, Kind, Reason};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
pub use shared::SharedLimit;

use crate::config::EdgeConfig;

/// The limits of one process.
#[derive(Debug)]
pub struct Limits {
    /// Authenticated calls, by row id of the user or service account.
    pub principals: SharedLimit,
    /// Anonymous calls other than logins and refreshes, by address.
    pub addresses: Limit<std::sync::Arc<str>>,
}

impl Limits {
    /// Nothing is used up yet.
    pub fn new(config: &EdgeConfig) -> Self {
        Self {
            principals: SharedLimit::per_minute(config.calls_per_minute),
            addresses: Limit::per_minute(config.anonymous_calls_per_minute),
        }
    }

    /// Forgets whoever has all calls left. To be called now and then.
    pub fn tidy(&self) {
        self.principals.tidy();
        self.addresses.limiter.retain_recent();
    }
}

/// A number of calls a minute for each key. All may come at once; they come back one by one over the minute.
#[derive(Debug)]
pub struct Limit<K: Hash + Eq + Clone> {
    limiter: RateLimiter<K, DefaultKeyedStateStore<K>, DefaultClock, StateInformationMiddleware>,
    clock: DefaultClock,
    limit: u32,
}

/// What a caller has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remaining {
    /// Calls a minute.
    pub limit: u32,
    /// Calls that may come at once now.
    pub remaining: u32,
    /// Until all calls are there again.
    pub reset: Duration,
}

/// A call too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded {
    pub limit: u32,
    /// When the next call may come.
    pub retry_after: Duration,
}

impl<K: Hash + Eq + Clone> Limit<K> {
    fn per_minute(limit: u32) -> Self {
        let quota = Quota::per_minute(NonZeroU32::new(limit).unwrap_or(NonZeroU32::MIN));
        Self { limiter: RateLimiter::keyed(quota).with_middleware(), clock: DefaultClock::default(), limit }
    }

    /// Counts a call.
    pub fn take(&self, key: &K) -> Result<Remaining, Exceeded> {
        match self.limiter.check_key(key) {
            Ok(snapshot) => {
                let remaining = snapshot.remaining_burst_capacity();
                let used = self.limit.saturating_sub(remaining);
                let reset = Duration::from_secs(60) * used / self.limit.max(1);
                Ok(Remaining { limit: self.limit, remaining, reset })
            }
            Err(not_until) => {
                let retry_after = not_until.wait_time_from(self.clock.now());
                Err(Exceeded { limit: self.limit, retry_after })
            }
        }
    }
}

impl Exceeded {
    /// The answer. `subject` names whose calls were counted.
    pub fn error(self, subject: &str) -> CoreError {
        rate_limited(&format!("More than {} calls a minute of {subject}.", self.limit), self.retry_after)
            .with("subject", &subject)
    }
}

/// RESOURCE_EXHAUSTED `RATE_LIMITED`, with the time to wait rounded up to whole seconds.
pub fn rate_limited(what: &str, retry_after: Duration) -> CoreError {
    let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
    let message = format!("{what} Try again in {} s.", seconds.max(1));
    CoreError::new(Kind::Exhausted, Reason::RateLimited, message).retry_after(Duration::from_secs(seconds.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_own_calls() {
        let limit = Limit::per_minute(3);
        let left: Vec<u32> = (0..3).map(|_| limit.take(&"a").unwrap().remaining).collect();
        assert_eq!(left, [2, 1, 0]);
        let exceeded = limit.take(&"a").unwrap_err();
        assert!(exceeded.retry_after > Duration::from_secs(10) && exceeded.retry_after <= Duration::from_secs(20));
        assert_eq!(limit.take(&"b").unwrap(), Remaining { limit: 3, remaining: 2, reset: Duration::from_secs(20) });
    }

    #[test]
    fn the_answer_says_when_to_come_again() {
        let error = Exceeded { limit: 3, retry_after: Duration::from_millis(1_200) }.error("users/ada");
        assert_eq!((error.kind, error.reason), (Kind::Exhausted, Reason::RateLimited));
        assert_eq!(error.retry_after, Some(Duration::from_secs(2)));
        assert!(error.message.contains("users/ada") && error.message.contains("2 s"), "{}", error.message);
    }
}
