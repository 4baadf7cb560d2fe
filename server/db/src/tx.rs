//! The door for writes: a transaction that is a guard. Dropped before its commit, nothing happened.
//!
//! The connection behind it goes back to its pool only when it is known to be clean. diesel's own `.transaction()`
//! is not used anywhere: its future, dropped half way, leaves the transaction and its locks open.

use std::ops::{Deref, DerefMut};
use std::pin::pin;
use std::time::Duration;

use diesel::connection::TransactionDepthChange;
use diesel_async::{AnsiTransactionManager, SimpleAsyncConnection, TransactionManager};
use tokio::runtime::Handle;
use tokio::time::timeout;
use uuid::Uuid;

use crate::connect::Connection;
use crate::error::Error;
use crate::pool::{Pool, Pooled};

/// How long a statement may go on after its transaction was dropped, before it is cancelled.
const PATIENCE: Duration = Duration::from_millis(50);

/// How long the server may take to roll back after that, before the connection is given up.
const LAST_PATIENCE: Duration = Duration::from_secs(5);

/// What a transaction may touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TxScope {
    /// The rows of one organization: `app.org` is set to it for row security.
    Organization(Uuid),
    /// Every organization; for workers.
    Worker,
}

/// Whether the session's transaction is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// BEGIN or COMMIT is under way, or failed.
    Unknown,
    /// In a transaction.
    Open,
}

/// An open transaction. Derefs to its [`Connection`].
pub struct Tx {
    /// There until the transaction is over.
    conn: Option<Pooled>,
    state: State,
    pool: Pool,
}

impl Tx {
    /// Takes a connection of `pool` and opens a transaction on it, in one round trip.
    ///
    /// A pooled connection may have been lost without anyone noticing. BEGIN changes nothing, so it is tried again
    /// with the next one, as often as the pool has connections.
    pub async fn begin(pool: &Pool, scope: TxScope) -> Result<Self, Error> {
        let begin = match scope {
            // It takes no binds; a UUID cannot break out of the quotes.
            TxScope::Organization(id) => format!("BEGIN; SELECT set_config('app.org', '{id}', true)"),
            TxScope::Worker => "BEGIN".to_owned(),
        };
        let mut retries = pool.capacity();
        loop {
            // Guard first: a future dropped in BEGIN discards the connection.
            let mut tx = Self { conn: Some(pool.get().await?), state: State::Unknown, pool: pool.clone() };
            match AnsiTransactionManager::begin_transaction_sql(&mut *tx, &begin).await.map_err(Error::from) {
                Ok(()) => {
                    tx.state = State::Open;
                    return Ok(tx);
                }
                Err(error) if error.is_unavailable() && retries > 0 => retries -= 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Makes everything permanent, or fails and leaves nothing.
    ///
    /// A statement that failed earlier makes this fail too, even if its error was swallowed: PostgreSQL alone would
    /// answer COMMIT of a failed transaction with success. After [`Error::Unavailable`] the outcome is not known.
    pub async fn commit(mut self) -> Result<(), Error> {
        let depth = AnsiTransactionManager::transaction_manager_status_mut(&mut *self).transaction_depth()?;
        if depth.is_none_or(|depth| depth.get() != 1) {
            return Err(Error::other("a savepoint is open: a nested transaction was dropped half way"));
        }
        self.state = State::Unknown;
        // One message, one round trip: in a failed transaction the SELECT fails, and the server skips the rest.
        self.batch_execute("SELECT 1; COMMIT").await?;
        AnsiTransactionManager::transaction_manager_status_mut(&mut *self)
            .transaction_state()?
            .change_transaction_depth(TransactionDepthChange::DecreaseDepth)?;
        drop(self.conn.take());
        Ok(())
    }

    /// Undoes everything and waits until its locks are free. Dropping does the same in the background.
    pub async fn rollback(mut self) -> Result<(), Error> {
        self.state = State::Unknown;
        AnsiTransactionManager::rollback_transaction(&mut *self).await?;
        drop(self.conn.take());
        Ok(())
    }
}

impl Deref for Tx {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.conn.as_ref().expect("only what consumes the transaction takes its connection")
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Connection {
        self.conn.as_mut().expect("only what consumes the transaction takes its connection")
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        let Some(conn) = self.conn.take() else { return };
        match (self.state, Handle::try_current()) {
            (State::Open, Ok(runtime)) => {
                runtime.spawn(roll_back(conn, self.pool.clone()));
            }
            _ => discard(conn),
        }
    }
}

/// Rolls back behind a statement that may still be running, and gives the connection back when it is clean.
async fn roll_back(mut conn: Pooled, pool: Pool) {
    let token = conn.cancel_token();
    let clean = {
        let mut rollback = pin!(AnsiTransactionManager::rollback_transaction(&mut **conn));
        match timeout(PATIENCE, &mut rollback).await {
            Ok(done) => done.is_ok(),
            Err(_) => {
                let gone = async {
                    pool.cancel(token).await;
                    let _ = rollback.await;
                };
                let _ = timeout(LAST_PATIENCE, gone).await;
                // The cancel request may arrive late and hit the next user's statement.
                false
            }
        }
    };
    if !clean {
        discard(conn);
    }
}

/// Closes the connection; the server rolls back by itself.
fn discard(conn: Pooled) {
    drop(Pooled::take(conn));
}
