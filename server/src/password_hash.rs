//! Passwords as they are stored: argon2id with a salt of their own. Hashing is made to take memory and time, so it runs
//! on threads for blocking work, only a few at a time.

use std::sync::{Arc, LazyLock};

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// Hashes at a time, 19 MiB each.
const AT_A_TIME: usize = 2;

/// What is verified where there is nothing to verify. Its parameters are those of every other hash.
static NOBODYS: LazyLock<String> = LazyLock::new(|| hash(&Zeroizing::new(String::new())).unwrap_or_default());

/// Hashes and verifies passwords. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Passwords {
    permits: Arc<Semaphore>,
}

/// The turn of one caller. What it does before it drops this, at most one other caller does at the same time.
pub struct Turn(#[expect(dead_code, reason = "held, not read")] OwnedSemaphorePermit);

impl Default for Passwords {
    fn default() -> Self {
        Self { permits: Arc::new(Semaphore::new(AT_A_TIME)) }
    }
}

impl Passwords {
    /// Waits for a turn.
    pub async fn turn(&self) -> Result<Turn> {
        Ok(Turn(self.permits.clone().acquire_owned().await.map_err(Error::internal)?))
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
