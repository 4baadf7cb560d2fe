//! What one server process has: its configuration, contract, connections, keys and limits. Made once, shared by all
//! calls, holding nothing that would be missed after a restart.

use std::sync::Arc;

use flagstone_db::{Bells, Database, TxScope};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::call::Call;
use crate::config::Config;
use crate::contract::Contract;
use crate::edge::limits::Limits;
use crate::error::Result;
use crate::identities::Identities;
use crate::keys::SigningKeys;
use crate::password_hash::Passwords;
use crate::sso::Providers;
use crate::tx::Tx;
use crate::vault::Vault;
use crate::watch::Horizon;

/// One server process.
pub struct App {
    pub config: Config,
    pub contract: Contract,
    pub db: Database,
    pub bells: Bells,
    /// Seals and opens what is stored encrypted.
    pub vault: Arc<Vault>,
    /// Signs and verifies access tokens.
    pub keys: Arc<SigningKeys>,
    /// Who is behind a token, and what they may do.
    pub identities: Identities,
    /// Hashes and verifies passwords, a few at a time.
    pub passwords: Passwords,
    /// The way to sign-in providers, and what they say of themselves.
    pub sso: Providers,
    /// How often each principal and address may call.
    pub limits: Limits,
    /// How many unary calls run at a time.
    pub calls: Arc<Semaphore>,
    /// How many streams are open at a time.
    pub streams: Arc<Semaphore>,
    /// Where the change feed stands.
    pub horizon: Horizon,
    /// What the shutdown waits for.
    pub tasks: TaskTracker,
    /// Cancelled when the shutdown begins: streams end, workers claim nothing more.
    pub shutdown: CancellationToken,
}

impl App {
    /// Opens a worker's transaction in one organization: for runners and the server's own loops, which have no person
    /// behind them. `action` and `target` are what its audit event says.
    pub async fn begin_worker(
        self: &Arc<Self>,
        organization_id: Uuid,
        call: Call,
        principal: &str,
        action: &str,
        target: &str,
    ) -> Result<Tx> {
        let db = self.db.begin(TxScope::Worker).await?;
        let directory = self.identities.directory(organization_id).await?;
        Ok(Tx::of_worker(self.clone(), db, directory, call, principal.to_owned(), action, target.to_owned()))
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("db", &self.db).finish_non_exhaustive()
    }
}
