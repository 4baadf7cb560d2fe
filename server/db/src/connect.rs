//! How a connection is made: address, role, limits, TLS. Everything that connects goes through [`Connector`].

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use diesel::connection::{Instrumentation, InstrumentationEvent};
use diesel::result::Error as DieselError;
use diesel_async::pooled_connection::PoolableConnection;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{CancelToken, Client, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::sync::CancellationToken;

use crate::error::Error;

/// One connection to the database. Reading functions take `&Connection`, writing and locking ones `&mut Connection`.
pub type Connection = AsyncPgConnection;

/// The part of a connection that moves bytes; it ends when the connection does.
pub(crate) type Driver = tokio_postgres::Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

/// How to reach the database, and how much of it to use.
#[derive(Clone)]
pub struct Config {
    /// `postgres://user:password@host:port/database`. The user owns the tables and is a member of the three roles of
    /// [`Role`]. `sslmode=require` turns on TLS, with the certificate checked against the system's roots.
    pub url: String,
    /// Shown in `pg_stat_activity`, followed by the role.
    pub application_name: String,
    /// Connections for transactions of calls.
    pub app_size: usize,
    /// Connections for transactions of workers.
    pub worker_size: usize,
    /// Shared connections for reads.
    pub read_connections: usize,
    /// Longest statement in a transaction.
    pub statement_timeout: Duration,
    /// Longest statement on a shared connection: a slow one holds up all reads behind it.
    pub read_statement_timeout: Duration,
}

impl Config {
    /// The usual sizes and limits for `url`.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            application_name: "flagstone".to_owned(),
            app_size: 16,
            worker_size: 4,
            read_connections: 2,
            statement_timeout: Duration::from_secs(5),
            read_statement_timeout: Duration::from_secs(1),
        }
    }
}

impl std::fmt::Debug for Config {
    /// Without the address, which holds the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config").field("application_name", &self.application_name).finish_non_exhaustive()
    }
}

/// Who a connection acts as. The roles are created by the first migration, without login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Transactions of calls: row security holds, one organization at a time.
    App,
    /// Transactions of workers, which serve every organization.
    Worker,
    /// Shared reads: may read every row and write none.
    Read,
}

impl Role {
    /// The role's name in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::App => "flagstone_app",
            Self::Worker => "flagstone_worker",
            Self::Read => "flagstone_read",
        }
    }
}

/// Makes connections of one role.
#[derive(Clone)]
pub(crate) struct Connector {
    config: tokio_postgres::Config,
    tls: MakeRustlsConnect,
}

impl Connector {
    /// Prepares connections as `role`. Fails when the address cannot be understood.
    pub(crate) fn new(settings: &Config, role: Role) -> Result<Self, Error> {
        let mut connector = Self::owner(&settings.url)?;
        let statement_timeout = match role {
            Role::Read => settings.read_statement_timeout,
            Role::App | Role::Worker => settings.statement_timeout,
        };
        let mut options = vec![
            format!("role={}", role.as_str()),
            format!("statement_timeout={}", statement_timeout.as_millis()),
            "lock_timeout=2000".to_owned(),
            "idle_in_transaction_session_timeout=10000".to_owned(),
        ];
        match role {
            Role::App => {}
            // The queue's statements are few and hot; planning each anew costs more than a better plan would save.
            Role::Worker => options.push("plan_cache_mode=force_generic_plan".to_owned()),
            Role::Read => options.push("default_transaction_read_only=on".to_owned()),
        }
        let mut line = connector.config.get_options().unwrap_or_default().to_owned();
        for option in options {
            line.push_str(" -c ");
            line.push_str(&option);
        }
        connector.config.options(line.trim_start());
        connector.config.application_name(format!("{} {}", settings.application_name, role.as_str()));
        Ok(connector)
    }

    /// Prepares connections as the user of `url`, who owns the tables: for migrations and tools.
    pub(crate) fn owner(url: &str) -> Result<Self, Error> {
        let mut config: tokio_postgres::Config = url.parse().map_err(|error| {
            // The address itself stays out of the message: it holds the password.
            Error::setup(format!("DATABASE_URL is not an address of a PostgreSQL database: {}", Causes(&error)))
        })?;
        // A peer that vanished without a word is noticed within half a minute, also in the middle of a statement.
        config
            .connect_timeout(Duration::from_secs(5))
            .keepalives_idle(Duration::from_secs(15))
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(3)
            .tcp_user_timeout(Duration::from_secs(30));
        let encrypted = config.get_ssl_mode() == SslMode::Require;
        if !encrypted {
            // "prefer" would turn on TLS without being asked and then refuse a self-signed certificate.
            config.ssl_mode(SslMode::Disable);
        }
        Ok(Self { config, tls: tls(encrypted)? })
    }

    /// Connects, and leaves driving the connection to the caller.
    pub(crate) async fn client(&self) -> Result<(Client, Driver), Error> {
        Ok(self.config.connect(self.tls.clone()).await?)
    }

    /// Connects for queries. The returned driver must be polled (spawned) for the session to do anything.
    pub(crate) async fn session(&self) -> Result<Session, Error> {
        let (client, driver) = self.client().await?;
        let ended = CancellationToken::new();
        let guard = ended.clone().drop_guard();
        // Not `tokio::spawn`, whose ban keeps tasks of calls where they are counted: this task ends with the session.
        tokio::runtime::Handle::current().spawn(async move {
            let _ended = guard;
            if let Err(error) = driver.await {
                tracing::debug!(error = %Causes(&error), "A database connection ended.");
            }
        });
        let mut conn = Connection::try_from(client).await?;
        let stale = CancellationToken::new();
        conn.set_instrumentation(StalePlans(stale.clone()));
        Ok(Session { conn, ended, stale })
    }

    /// Asks the server to stop the statement that `token`'s session is running.
    pub(crate) async fn cancel(&self, token: CancelToken) -> Result<(), Error> {
        Ok(token.cancel_query(self.tls.clone()).await?)
    }
}

diesel::define_sql_function! {
    /// A setting of the server, as text.
    fn current_setting(name: diesel::sql_types::Text) -> diesel::sql_types::Text;
}

/// A connection and what is known of its health.
pub(crate) struct Session {
    conn: Connection,
    /// Cancelled when the socket is closed.
    pub(crate) ended: CancellationToken,
    /// Cancelled when a migration made one of its prepared statements unusable for good.
    pub(crate) stale: CancellationToken,
}

impl Session {
    /// True while the next statement has a chance. Never asks the server: a question per use halves throughput.
    pub(crate) fn is_sound(&mut self) -> bool {
        !self.ended.is_cancelled() && !self.stale.is_cancelled() && !self.conn.is_broken()
    }

    /// The value of one of the server's settings.
    pub(crate) async fn setting(&self, name: &str) -> Result<String, Error> {
        Ok(diesel::select(current_setting(name)).get_result(&mut &self.conn).await?)
    }
}

impl Deref for Session {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.conn
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.conn
    }
}

/// Watches for the error that a changed column type gives to every later use of a prepared statement.
struct StalePlans(CancellationToken);

impl Instrumentation for StalePlans {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if let InstrumentationEvent::FinishQuery { error: Some(DieselError::DatabaseError(_, info)), .. } = event
            && info.message() == "cached plan must not change result type"
        {
            self.0.cancel();
        }
    }
}

/// TLS by the system's roots, or a connector that is never asked.
fn tls(wanted: bool) -> Result<MakeRustlsConnect, Error> {
    let mut roots = rustls::RootCertStore::empty();
    if wanted {
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            return Err(Error::setup(
                "DATABASE_URL asks for TLS, but no root certificates were found; install ca-certificates",
            ));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

/// An error with its causes in one line: tokio-postgres keeps what the server said in the source.
pub struct Causes<'a>(pub &'a (dyn std::error::Error + 'static));

impl std::fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}
