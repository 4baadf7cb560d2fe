//! Puts a server together and runs it: for the program, and for tests, which call the same function.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use flagstone_db::{Bells, Database, migrate};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use crate::app::App;
use crate::bootstrap::{self, Failure};
use crate::config::Config;
use crate::contract::Contract;
use crate::edge::limits::Limits;
use crate::edge::{self, metrics};
use crate::identities::Identities;
use crate::keys::SigningKeys;
use crate::password_hash::Passwords;
use crate::services::{self, health};
use crate::sso::Providers;
use crate::vault::Vault;
use crate::watch::Horizon;
use crate::{runner, status, worker};

/// Streams at a time on one connection. Browsers share one connection for all tabs of a page.
const CONNECTION_STREAMS: u32 = 512;

/// Bytes of the headers of one request. A status stays below 8 KiB, a token below 1 KiB.
const HEADERS_MAX: u32 = 16 * 1024;

/// Resets that a client may cause before its connection is closed: against floods of them.
const LOCAL_RESETS: usize = 1_024;
const PENDING_RESETS: usize = 20;

/// Windows of flow control: of one stream, and of one connection.
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;

/// How often a silent connection is asked whether it lives, and how long it may take to answer.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// Why a server did not start: a sentence for each reason.
#[derive(Debug)]
pub struct StartError(pub Vec<String>);

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for StartError {}

impl From<Failure> for StartError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Sentences(sentences) => Self(sentences),
            Failure::Error(error) => Self(vec![status::chain(&error)]),
        }
    }
}

impl From<flagstone_db::Error> for StartError {
    fn from(error: flagstone_db::Error) -> Self {
        Self(vec![status::chain(&error)])
    }
}

impl From<crate::Error> for StartError {
    fn from(error: crate::Error) -> Self {
        Self(vec![status::chain(&error)])
    }
}

/// A server that runs.
pub struct Running {
    /// Where it listens: the port that was taken where the configuration says 0.
    pub address: SocketAddr,
    pub app: Arc<App>,
}

impl Running {
    /// Ends it in order: says that it does not serve, ends streams, claims no jobs, takes no connections, and waits for
    /// what is under way, at most as long as the configuration says. Returns whether everything ended in time.
    pub async fn stop(self) -> bool {
        let app = self.app;
        tracing::info!("Shutting down.");
        app.shutdown.cancel();
        app.tasks.close();
        let drained = tokio::time::timeout(app.config.drain, app.tasks.wait()).await.is_ok();
        app.db.close();
        if drained {
            tracing::info!("Everything under way has ended.");
        } else {
            tracing::warn!(left = app.tasks.len(), "Not everything under way ended in time.");
        }
        drained
    }
}

/// Starts a server. Ready when it returns.
pub async fn start(config: Config) -> Result<Running, StartError> {
    metrics::install();
    let contract = Contract::load().map_err(|problems| StartError(vec![problems]))?;
    // Before anything is changed: another server may have the port.
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|error| StartError(vec![format!("{} cannot be listened on: {error}.", config.listen)]))?;
    let address = listener.local_addr().map_err(|error| StartError(vec![error.to_string()]))?;
    std::fs::create_dir_all(&config.data_dir).map_err(|error| {
        StartError(vec![format!("The data directory {} cannot be made: {error}.", config.data_dir.display())])
    })?;
    if config.migrate {
        migrate::migrate(&config.database.url).await?;
    } else {
        migrate::status(&config.database.url).await?.check()?;
    }

    let app = app(config, contract).await?;
    bootstrap::run(&app).await?;
    worker::schedules::enter(&app).await?;
    worker::start(&app);
    let services = services::routes(&app);
    let runner_done = runner::start(&app, services.clone(), format!("http://{}", own_address(address))).await?;
    let (health, health_service) = health::service();
    health.set(true).await;
    app.tasks.spawn(health.keep(app.clone()));
    let router = edge::router(&app, services::beside(services, health_service)?);
    // Open until the runner is done: an engine on its way out still stores its state here.
    app.tasks.spawn(listen(listener, Routes::from(router), runner_done));
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "Serving.");
    Ok(Running { address, app })
}

/// Everything a server has, before anything runs.
pub(crate) async fn app(config: Config, contract: Contract) -> Result<Arc<App>, StartError> {
    let db = Database::connect(&config.database).await?;
    let bells = Bells::open(&config.database)?;
    let vault = Arc::new(Vault::from_master_key(config.master_key.expose().as_bytes()));
    bootstrap::prepare(&db, &vault).await?;
    let keys = SigningKeys::load(db.clone(), vault.clone(), &config.public_url, config.tokens.access).await?;
    let keys = Arc::new(keys);
    Ok(Arc::new(App {
        identities: Identities::new(db.clone(), keys.clone()),
        keys,
        vault,
        passwords: Passwords::default(),
        sso: Providers::new(&config),
        limits: Limits::new(&config.edge),
        calls: Arc::new(Semaphore::new(config.edge.max_calls)),
        streams: Arc::new(Semaphore::new(config.edge.max_streams)),
        horizon: Horizon::default(),
        tasks: TaskTracker::new(),
        shutdown: CancellationToken::new(),
        config,
        contract,
        db,
        bells,
    }))
}

/// Where the engines of this machine reach the server.
fn own_address(address: SocketAddr) -> SocketAddr {
    let mut own = address;
    if own.ip().is_unspecified() {
        own.set_ip([127, 0, 0, 1].into());
    }
    own
}

/// Serves HTTP/1.1 and HTTP/2 on one port until the shutdown, with every limit said rather than left to defaults.
async fn listen(listener: TcpListener, routes: Routes, shutdown: CancellationToken) {
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true)).with_keepalive(Some(KEEPALIVE));
    let served = Server::builder()
        .accept_http1(true)
        .max_concurrent_streams(CONNECTION_STREAMS)
        .http2_max_header_list_size(HEADERS_MAX)
        .http2_max_local_error_reset_streams(Some(LOCAL_RESETS))
        .http2_max_pending_accept_reset_streams(Some(PENDING_RESETS))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .add_routes(routes)
        .serve_with_incoming_shutdown(incoming, shutdown.cancelled_owned())
        .await;
    if let Err(error) = served {
        tracing::error!(error = %status::chain(&error), "The server stopped listening.");
    }
}
