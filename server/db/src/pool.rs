//! The connections of one server process: a pool for transactions of calls, one for workers, shared ones for reads.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::{Manager, Metrics, Object, PoolError, RecycleError, RecycleResult, TimeoutType};
use tokio_postgres::CancelToken;

use crate::connect::{Causes, Config, Connector, Role, Session};
use crate::error::Error;
use crate::read::Reads;
use crate::tx::{Tx, TxScope};

/// Longest wait for a free connection, and for a new one to be made.
const WAIT: Duration = Duration::from_secs(2);

/// Everything a process needs to talk to its database. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    /// Transactions of calls.
    pub app: Pool,
    /// Transactions of workers.
    pub worker: Pool,
    /// Reads outside of a transaction.
    pub reads: Reads,
    config: Arc<Config>,
}

impl Database {
    /// Opens the database: makes one connection to see that it works, and starts the shared ones for reads.
    ///
    /// Fails with [`Error::Unavailable`] when the database cannot be reached, refuses the user or has no such role
    /// (migrations create the roles: migrate first).
    pub async fn connect(config: &Config) -> Result<Self, Error> {
        let app = Pool::new(Connector::new(config, Role::App)?, config.app_size)?;
        let worker = Pool::new(Connector::new(config, Role::Worker)?, config.worker_size)?;
        warn_of_translated_messages(&app).await?;
        let reads = Reads::open(Connector::new(config, Role::Read)?, config.read_connections);
        Ok(Self { app, worker, reads, config: Arc::new(config.clone()) })
    }

    /// Opens a transaction: of the pool for calls when it is of one organization, else of the pool for workers.
    pub async fn begin(&self, scope: TxScope) -> Result<Tx, Error> {
        match scope {
            TxScope::Organization(_) => Tx::begin(&self.app, scope).await,
            TxScope::Worker => Tx::begin(&self.worker, scope).await,
        }
    }

    /// What the database was opened with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Hands out no connection from now on. Those in use end with their transaction.
    pub fn close(&self) {
        self.app.inner.close();
        self.worker.inner.close();
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("app", &self.app).field("worker", &self.worker).finish_non_exhaustive()
    }
}

/// Connections for transactions of one role. The way to one is [`Tx::begin`].
#[derive(Clone)]
pub struct Pool {
    inner: deadpool::managed::Pool<Connector>,
}

/// A connection that goes back to its pool when dropped.
pub(crate) type Pooled = Object<Connector>;

impl Pool {
    fn new(connector: Connector, size: usize) -> Result<Self, Error> {
        let inner = deadpool::managed::Pool::builder(connector)
            .max_size(size)
            .wait_timeout(Some(WAIT))
            .create_timeout(Some(WAIT))
            .runtime(deadpool::Runtime::Tokio1)
            .build()
            .map_err(Error::other)?;
        Ok(Self { inner })
    }

    /// A connection, within four seconds. It may have been lost a moment ago: only using it tells.
    pub(crate) async fn get(&self) -> Result<Pooled, Error> {
        self.inner.get().await.map_err(|error| match error {
            PoolError::Timeout(TimeoutType::Wait) => Error::PoolExhausted,
            PoolError::Backend(error) => error,
            PoolError::Closed => Error::Unavailable("the server is shutting down".into()),
            other => Error::Unavailable(other.to_string().into()),
        })
    }

    /// Asks the server to stop what `token`'s session is doing. A failure is only logged: the statement has a time
    /// limit of its own.
    pub(crate) async fn cancel(&self, token: CancelToken) {
        if let Err(error) = self.inner.manager().cancel(token).await {
            tracing::debug!(error = %Causes(&error), "A statement could not be cancelled.");
        }
    }

    /// The most connections it holds.
    pub fn capacity(&self) -> usize {
        self.inner.status().max_size
    }

    /// Connections that are idle or not made yet: what could begin without waiting.
    pub fn free(&self) -> usize {
        let status = self.inner.status();
        status.max_size - (status.size - status.available.min(status.size))
    }

    /// Callers that wait for a connection.
    pub fn waiting(&self) -> usize {
        self.inner.status().waiting
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool({:?})", self.inner.status())
    }
}

impl Manager for Connector {
    type Type = Session;
    type Error = Error;

    async fn create(&self) -> Result<Session, Error> {
        self.session().await
    }

    async fn recycle(&self, session: &mut Session, _: &Metrics) -> RecycleResult<Error> {
        if session.is_sound() { Ok(()) } else { Err(RecycleError::message("the connection is broken")) }
    }
}

/// Deadlocks and timeouts are told apart by the server's words (see `error.rs`), which must be English ones.
async fn warn_of_translated_messages(pool: &Pool) -> Result<(), Error> {
    let language = pool.get().await?.setting("lc_messages").await?;
    if !["", "C", "C.UTF-8", "POSIX"].contains(&language.as_str()) && !language.starts_with("en") {
        tracing::warn!(
            lc_messages = language,
            "The database speaks another language than English: deadlocks and timeouts will be reported as internal \
             errors. Run ALTER DATABASE ... SET lc_messages = 'C' as a superuser."
        );
    }
    Ok(())
}
