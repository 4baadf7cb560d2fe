//! What a client holds of a session, and where it is kept.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use flagstone_api::pb::TokenPair;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// An access token is renewed this long before its end: a call under way must not outlive it.
const RENEW_BEFORE: Duration = Duration::from_secs(60);

/// A token younger than this is not renewed, whatever the local clock says: a clock that is ahead would else renew
/// before every call.
const FRESH: Duration = Duration::from_secs(60);

/// When an API token ends, as far as its holder knows: in the year 9999. The server knows better.
const NEVER: Duration = Duration::from_secs(253_402_300_799);

/// The tokens of one session.
#[derive(Clone, PartialEq, Eq)]
pub struct Tokens {
    /// Sent with every call.
    pub access_token: String,
    /// When the access token ends, by the server's clock.
    pub access_expire_time: SystemTime,
    /// Renews the session; works once.
    pub refresh_token: String,
    /// When the refresh token ends, by the server's clock.
    pub refresh_expire_time: SystemTime,
    /// When this pair was received, by the local clock.
    pub received_time: SystemTime,
}

impl Tokens {
    /// A pair that was received now. A time that is missing counts as over.
    pub fn received(pair: TokenPair) -> Self {
        let time = |stamp: Option<prost_types::Timestamp>| {
            stamp.and_then(|stamp| stamp.try_into().ok()).unwrap_or(SystemTime::UNIX_EPOCH)
        };
        Self {
            access_token: pair.access_token,
            access_expire_time: time(pair.access_token_expire_time),
            refresh_token: pair.refresh_token,
            refresh_expire_time: time(pair.refresh_token_expire_time),
            received_time: SystemTime::now(),
        }
    }

    /// An API token, which takes the place of a session's pair: it is sent with every call and never renewed.
    pub fn api_token(secret: impl Into<String>) -> Self {
        let never = SystemTime::UNIX_EPOCH + NEVER;
        Self {
            access_token: secret.into(),
            access_expire_time: never,
            refresh_token: String::new(),
            refresh_expire_time: never,
            received_time: SystemTime::now(),
        }
    }

    /// Whether this is an API token: there is nothing to renew it with.
    pub fn is_api_token(&self) -> bool {
        self.refresh_token.is_empty()
    }

    /// Whether the access token should be renewed before the next call.
    pub(crate) fn is_stale(&self, now: SystemTime) -> bool {
        // A clock that was set back makes `received_time` lie ahead: that says nothing about freshness.
        let fresh = now.duration_since(self.received_time).is_ok_and(|age| age < FRESH);
        !fresh && now + RENEW_BEFORE >= self.access_expire_time
    }

    /// Whether the access token has ended.
    pub(crate) fn is_over(&self, now: SystemTime) -> bool {
        now >= self.access_expire_time
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("access_expire_time", &self.access_expire_time).finish_non_exhaustive()
    }
}

/// Where the tokens of one session are kept. Several clients, also of several processes, may share one place.
#[tonic::async_trait]
pub trait TokenStore: Send + Sync + 'static {
    /// Waits until nobody else holds the slot and takes it. It is free again when the value is dropped.
    ///
    /// # Errors
    /// Whatever keeps the place from being opened.
    async fn open(&self) -> io::Result<Box<dyn TokenSlot>>;
}

/// The place, held by one client. Held while the session is renewed, so that one of several clients does it and the
/// others read what it got.
pub trait TokenSlot: Send + Sync {
    /// The tokens; `None` where nobody is logged in.
    ///
    /// # Errors
    /// Whatever keeps them from being read.
    fn read(&mut self) -> io::Result<Option<Tokens>>;

    /// Replaces the tokens; `None` removes them.
    ///
    /// # Errors
    /// Whatever keeps them from being stored. The old ones should then still be there.
    fn write(&mut self, tokens: Option<&Tokens>) -> io::Result<()>;
}

/// Keeps the tokens in memory: they end with the process. Clones share them.
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Mutex<Option<Tokens>>>);

impl MemoryStore {
    /// A store that holds these tokens from the start.
    pub fn with(tokens: Tokens) -> Self {
        Self(Arc::new(Mutex::new(Some(tokens))))
    }
}

#[tonic::async_trait]
impl TokenStore for MemoryStore {
    async fn open(&self) -> io::Result<Box<dyn TokenSlot>> {
        Ok(Box::new(MemorySlot(Arc::clone(&self.0).lock_owned().await)))
    }
}

struct MemorySlot(OwnedMutexGuard<Option<Tokens>>);

impl TokenSlot for MemorySlot {
    fn read(&mut self) -> io::Result<Option<Tokens>> {
        Ok(self.0.clone())
    }

    fn write(&mut self, tokens: Option<&Tokens>) -> io::Result<()> {
        *self.0 = tokens.cloned();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(received: SystemTime, expire: SystemTime) -> Tokens {
        Tokens {
            access_token: "access".into(),
            access_expire_time: expire,
            refresh_token: "refresh".into(),
            refresh_expire_time: expire,
            received_time: received,
        }
    }

    #[test]
    fn a_token_is_renewed_shortly_before_its_end() {
        let start = SystemTime::now();
        let fifteen = tokens(start, start + Duration::from_secs(900));
        assert!(!fifteen.is_stale(start + Duration::from_secs(800)));
        assert!(fifteen.is_stale(start + Duration::from_secs(850)));
        assert!(!fifteen.is_over(start + Duration::from_secs(850)));
    }

    #[test]
    fn a_clock_that_is_ahead_does_not_renew_before_every_call() {
        let local = SystemTime::now();
        let skewed = tokens(local, local - Duration::from_secs(3600));
        assert!(!skewed.is_stale(local + Duration::from_secs(1)));
        assert!(skewed.is_stale(local + Duration::from_secs(61)));
    }

    #[test]
    fn tokens_are_not_printed() {
        let now = SystemTime::now();
        assert!(!format!("{:?}", tokens(now, now)).contains("refresh"));
    }
}
