//! The session of a connection: its tokens, renewed by one task at a time and kept where the caller wants them.

use std::sync::{PoisonError, RwLock};
use std::time::SystemTime;

use flagstone_api::pb::RefreshSessionRequest;
use flagstone_api::pb::auth_service_client::AuthServiceClient;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use tonic::{Code, Status};
use uuid::{Builder, Uuid};

use crate::connection::Connection;
use crate::local;
use crate::tokens::{TokenStore, Tokens};

/// The tokens of a connection and where they are kept.
pub(crate) struct Session {
    store: Box<dyn TokenStore>,
    /// What calls use, without asking the store.
    current: RwLock<Option<Tokens>>,
    /// Held by the task that renews.
    renewing: Mutex<()>,
}

impl Session {
    pub(crate) fn new(store: Box<dyn TokenStore>) -> Self {
        Self { store, current: RwLock::default(), renewing: Mutex::default() }
    }

    /// Takes over what is in the store.
    pub(crate) async fn load(&self) -> Result<(), Status> {
        let stored = self.store.open().await.and_then(|mut slot| slot.read());
        self.set(stored.map_err(|error| local::token_store(&error))?);
        Ok(())
    }

    /// Takes these tokens and stores them; `None` ends the session here.
    pub(crate) async fn replace(&self, tokens: Option<Tokens>) -> Result<(), Status> {
        let stored = self.store.open().await.and_then(|mut slot| slot.write(tokens.as_ref()));
        self.set(tokens);
        stored.map_err(|error| local::token_store(&error))
    }

    pub(crate) fn current(&self) -> Option<Tokens> {
        // A panic while it was held cannot have left half a value.
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, tokens: Option<Tokens>) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = tokens;
    }
}

impl Connection {
    /// An access token that is good for the next call; `None` without a session.
    pub(crate) async fn access_token(&self) -> Result<Option<String>, Status> {
        let Some(tokens) = self.0.session.current() else { return Ok(None) };
        let now = SystemTime::now();
        if !tokens.is_stale(now) {
            return Ok(Some(tokens.access_token));
        }
        match self.renew(&tokens.access_token).await {
            Ok(renewed) => Ok(Some(renewed)),
            // It was renewed ahead of time: what is left of the old one is better than no call at all.
            Err(status) if status.code() != Code::Unauthenticated && !tokens.is_over(now) => {
                Ok(Some(tokens.access_token))
            }
            Err(status) => Err(status),
        }
    }

    /// Renews the session unless another task or process has done so since `used` was read, and returns the access token.
    /// A session that the server has ended is removed from the store.
    pub(crate) async fn renew(&self, used: &str) -> Result<String, Status> {
        let session = &self.0.session;
        let _turn = session.renewing.lock().await;
        if let Some(current) = session.current().filter(|current| current.access_token != used) {
            return Ok(current.access_token);
        }
        let io = |error| local::token_store(&error);
        let mut slot = session.store.open().await.map_err(io)?;
        let Some(stored) = slot.read().map_err(io)? else {
            session.set(None);
            return Err(local::unauthenticated("The session was ended. Log in again."));
        };
        if stored.is_api_token() {
            return Err(local::unauthenticated("The API token has expired. Create a new one and log in with it."));
        }
        if stored.access_token != used && !stored.is_stale(SystemTime::now()) {
            session.set(Some(stored.clone()));
            return Ok(stored.access_token);
        }
        let request = RefreshSessionRequest {
            request_id: refresh_id(&stored.refresh_token).to_string(),
            refresh_token: stored.refresh_token,
        };
        match AuthServiceClient::new(self.clone()).refresh_session(request).await {
            Ok(response) => {
                let pair = response.into_inner().tokens.unwrap_or_default();
                let tokens = Tokens::received(pair);
                session.set(Some(tokens.clone()));
                slot.write(Some(&tokens)).map_err(io)?;
                Ok(tokens.access_token)
            }
            Err(status) if status.code() == Code::Unauthenticated => {
                session.set(None);
                slot.write(None).map_err(io)?;
                Err(status)
            }
            Err(status) => Err(status),
        }
    }
}

/// The request id that renews with this refresh token. Made from the token: whoever has to ask again because the answer
/// was lost, after a crash too, asks with the same id and gets the same pair. With another id the server would see a
/// retired token and revoke the session.
fn refresh_id(refresh_token: &str) -> Uuid {
    let hash = Sha256::new().chain_update("flagstone refresh ").chain_update(refresh_token).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    Builder::from_random_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refresh_token_has_one_request_id() {
        assert_eq!(refresh_id("a"), refresh_id("a"));
        assert_ne!(refresh_id("a"), refresh_id("b"));
        assert_eq!(refresh_id("a").get_version_num(), 4);
    }
}
