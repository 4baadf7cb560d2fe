//! Passwords as they are stored: argon2id with a salt of their own, at the parameters that OWASP recommends (19 MiB, two
//! passes, one lane). Hashing is made to take memory and time, so it runs on threads for blocking work, on at most half of
//! the cores, and only so many logins may wait for it: a storm of them neither starves other calls of the processor nor of
//! their places.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use flagstone_core::{Error as CoreError, Kind, Reason};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// Most hashes at a time, 19 MiB each.
const AT_A_TIME_MAX: usize = 8;

/// Callers that may wait for a turn. Each holds the place of a call meanwhile.
const WAITING_MAX: usize = 64;

/// What is verified where there is nothing to verify. Its parameters are those of every other hash.
static NOBODYS: LazyLock<String> = LazyLock::new(|| hash(&Zeroizing::new(String::new())).unwrap_or_default());

/// Hashes and verifies passwords. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Passwords {
    /// Of those who wait or have a turn.
    places: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

/// The turn of one caller. What it does before it drops this, only a few other callers do at the same time.
pub struct Turn(#[expect(dead_code, reason = "held, not read")] [OwnedSemaphorePermit; 2]);

impl Default for Passwords {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let at_a_time = (cores / 2).clamp(1, AT_A_TIME_MAX);
        Self { places: Arc::new(Semaphore::new(at_a_time + WAITING_MAX)), turns: Arc::new(Semaphore::new(at_a_time)) }
    }
}

impl Passwords {
    /// Waits for a turn. RESOURCE_EXHAUSTED `OVERLOADED` where too many wait already.
    pub async fn turn(&self) -> Result<Turn> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| overloaded())?;
        let turn = self.turns.clone().acquire_owned().await.map_err(Error::internal)?;
        Ok(Turn([place, turn]))
    }

    /// The hash of a new password, in PHC form: `$argon2id$…`.
    pub async fn hash(&self, _turn: &Turn, password: &str) -> Result<String> {
        let password = Zeroizing::new(password.to_owned());
        blocking(move || hash(&password)).await?
    }

    /// Whether a password is the one that was hashed. Without a hash (there is no such user, or no password) one is
    /// verified all the same, so that the answer takes as long.
    pub async fn verify(&self, _turn: &Turn, password: &str, hash: Option<&str>) -> Result<bool> {
        let password = Zeroizing::new(password.to_owned());
        let stored = hash.map(str::to_owned);
        blocking(move || {
            let Ok(parsed) = PasswordHash::new(stored.as_deref().unwrap_or(&NOBODYS)) else { return false };
            let matches = Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok();
            matches && stored.is_some()
        })
        .await
    }
}

fn overloaded() -> CoreError {
    let message = "Too many people log in at this moment. Try again in a few seconds.";
    CoreError::new(Kind::Exhausted, Reason::Overloaded, message).retry_after(Duration::from_secs(2))
}

fn hash(password: &Zeroizing<String>) -> Result<String> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| Error::internal(error.to_string()))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_more_wait_than_there_are_places_for() {
        let passwords = Passwords::default();
        let mut waiting: Vec<_> =
            (0..passwords.places.available_permits()).map(|_| Box::pin(passwords.turn())).collect();
        // The first of them have their turn, and keep it.
        let mut turns = Vec::new();
        for turn in &mut waiting {
            turns.push(futures::poll!(turn));
        }
        match passwords.turn().await {
            Err(Error::Core(error)) => assert_eq!((error.kind, error.reason), (Kind::Exhausted, Reason::Overloaded)),
            _ => panic!("one more was let in"),
        }
        drop((turns, waiting));
        passwords.turn().await.unwrap();
    }

    #[tokio::test]
    async fn hashes_have_the_parameters_that_are_documented() {
        let passwords = Passwords::default();
        let turn = passwords.turn().await.unwrap();
        let hash = passwords.hash(&turn, "correct horse battery staple").await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    }

    #[tokio::test]
    async fn only_the_password_verifies() {
        let passwords = Passwords::default();
        let turn = passwords.turn().await.unwrap();
        let hash = passwords.hash(&turn, "correct horse battery staple").await.unwrap();
        assert!(hash.starts_with("$argon2id$"), "{hash}");
        assert_ne!(hash, passwords.hash(&turn, "correct horse battery staple").await.unwrap());
        for (password, hash, expected) in [
            ("correct horse battery staple", Some(hash.as_str()), true),
            ("wrong horse battery staple", Some(hash.as_str()), false),
            ("", None, false),
            ("x", None, false),
            ("", Some("not a hash"), false),
        ] {
            assert_eq!(passwords.verify(&turn, password, hash).await.unwrap(), expected, "{password}");
        }
    }
}
