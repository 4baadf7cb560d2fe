//! A real server on a free port, with a database of its own and the organization that `dev` makes: accounts `admin`
//! (PLATFORM_ADMIN), `dev` (DEVELOPER) and `approver` (IT_ENGINEER), business unit `sandbox` with one environment of each
//! tier, the templates that ship.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use flagstone_api::pb;
use flagstone_db::testing::TestDatabase;
use flagstone_server::config::{Account, Config, Mode, Secret};
use flagstone_server::serve::{self, Running};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use tokio_postgres::Client;
use tonic::transport::{Channel, Endpoint};

use super::caller::Caller;
use super::database;
use super::history;
use super::ledger::Calls;
use super::skip::built_program;

/// The password of every account of a test.
pub const PASSWORD: &str = "granite-kestrel-7-orbit";

/// Random, so that it is not refused as weak.
pub const MASTER_KEY: &str = "kZ8q2Vt0nB5xLr7cYw3mHs9dPf6gJa1e";

/// What a test changes of the usual configuration.
type Change = Box<dyn FnOnce(&mut Config)>;

/// How a test wants its server.
pub struct TestAppBuilder {
    changes: Vec<Change>,
}

/// See the module. End it with [`TestApp::finish`], which checks what every test must leave behind.
pub struct TestApp {
    pub address: SocketAddr,
    /// A connection as the owner of the tables, outside of every wall.
    pub sql: Client,
    pub(super) channel: Channel,
    pub(super) calls: Arc<Calls>,
    pub(super) database: TestDatabase,
    data: TempDir,
    running: Option<Running>,
    people: [OnceCell<Caller>; 3],
}

impl TestApp {
    /// A server without a runner: jobs wait, or a [`super::ScriptedRunner`] takes them.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// A server to be described further.
    pub fn builder() -> TestAppBuilder {
        TestAppBuilder { changes: Vec::new() }
    }

    /// Address for clients.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Address of the database, as its owner.
    pub fn database_url(&self) -> &str {
        self.database.url()
    }

    /// The server's inside, for what nobody can call.
    pub fn server(&self) -> &Arc<flagstone_server::app::App> {
        &self.running.as_ref().expect("the server runs").app
    }

    /// The data directory of the server.
    pub fn data_dir(&self) -> &std::path::Path {
        self.data.path()
    }

    /// The administrator.
    pub async fn as_admin(&self) -> Caller {
        self.person(0, "admin").await
    }

    /// The developer of `sandbox`.
    pub async fn as_dev(&self) -> Caller {
        self.person(1, "dev").await
    }

    /// The IT engineer of `sandbox`, who approves.
    pub async fn as_approver(&self) -> Caller {
        self.person(2, "approver").await
    }

    /// Somebody without credential.
    pub fn anonymous(&self) -> Caller {
        Caller::new(self.channel.clone(), None, self.calls.clone())
    }

    async fn person(&self, index: usize, username: &str) -> Caller {
        self.people[index].get_or_init(|| self.login(username)).await.clone()
    }

    /// A new session of anybody whose password is [`PASSWORD`].
    pub async fn login(&self, username: &str) -> Caller {
        self.anonymous().with_token(&self.session(username).await.access_token)
    }

    /// The tokens of a new session.
    pub async fn session(&self, username: &str) -> pb::TokenPair {
        let request =
            pb::LoginRequest { identifier: username.to_owned(), password: PASSWORD.to_owned(), ..Default::default() };
        let answer = self.anonymous().auth().login(request).await;
        let answer = answer.unwrap_or_else(|status| panic!("{username} logs in: {status}")).into_inner();
        answer.tokens.expect("a login answers with tokens")
    }

    /// A second server on the same database, as it is or changed. It reaches clients by the address of the first.
    pub async fn replica(&self, change: impl FnOnce(&mut Config)) -> Replica {
        let mut config = usual(self.database.url(), self.data.path());
        change(&mut config);
        let running = serve::start(config).await.expect("a replica starts");
        Replica { channel: connect(running.address).await, running, calls: self.calls.clone() }
    }

    /// A connection of its own, for tests about connections.
    pub async fn connect(&self) -> Channel {
        connect(self.address).await
    }

    /// A caller over a connection of its own.
    pub async fn over_new_connection(&self, caller: &Caller) -> Caller {
        Caller::new(self.connect().await, Some(caller.token()), self.calls.clone())
    }

    /// Stops the server and checks that no job was left behind that each mutation left one audit event, and that
    /// whatever jobs did is what the protocol does.
    pub async fn finish(self) {
        let query = "SELECT id::text || ' ' || kind || ' ' || state FROM jobs \
                     WHERE state NOT IN ('SUCCEEDED', 'FAILED', 'CANCELLED', 'DEAD_LETTERED')";
        let rows = self.sql.query(query, &[]).await.expect("jobs can be read");
        let left: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        assert!(left.is_empty(), "jobs were left behind: {left:?}");
        self.finish_with_jobs().await;
    }

    /// Like [`Self::finish`], for a test that ends while jobs wait or run.
    pub async fn finish_with_jobs(mut self) {
        self.stop().await;
        self.calls.check(&self.sql).await;
        history::check(&self.sql).await;
    }

    /// Has the server do at once what it does every hour.
    pub async fn tidy(&self) {
        let running = self.running.as_ref().expect("the server runs");
        flagstone_server::worker::maintenance::tidy(&running.app).await.expect("maintenance succeeds");
    }

    /// Stops the server as SIGTERM does, and keeps the rest.
    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            assert!(running.stop().await, "the server ends within its drain time");
        }
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        let unchecked = self.running.is_some() && !std::thread::panicking();
        assert!(!unchecked, "a test ends its TestApp with finish(), which checks what was left behind");
    }
}

impl TestAppBuilder {
    /// Changes the configuration before the start.
    #[must_use]
    pub fn config(mut self, change: impl FnOnce(&mut Config) + 'static) -> Self {
        self.changes.push(Box::new(change));
        self
    }

    /// Starts the embedded runner, with real engines.
    #[must_use]
    pub fn with_runner(self) -> Self {
        self.config(|config| {
            config.runner.capacity = 2;
            config.runner.supervisor = Some(built_program("flagstone-supervise"));
        })
    }

    /// Starts the server.
    pub async fn start(self) -> TestApp {
        let database = TestDatabase::create().await;
        let data = tempfile::tempdir().expect("a directory can be made");
        let mut config = usual(database.url(), data.path());
        for change in self.changes {
            change(&mut config);
        }
        let running = serve::start(config).await.expect("the server starts");
        let address = running.address;
        TestApp {
            address,
            sql: database::connect(database.url()).await,
            channel: connect(address).await,
            calls: Arc::default(),
            database,
            data,
            running: Some(running),
            people: Default::default(),
        }
    }
}

/// The configuration of a test's server.
fn usual(database_url: &str, data: &std::path::Path) -> Config {
    let mut config = Config::new(Mode::Development, database_url, Secret::new(MASTER_KEY), data.to_path_buf());
    config.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    config.runner.capacity = 0;
    config.jobs.lease = Duration::from_secs(2);
    config.jobs.wind_down = Duration::from_secs(3);
    config.edge.heartbeat = Duration::from_secs(1);
    config.drain = Duration::from_secs(5);
    // Walkers call more often than people, and rotate keys more often than operators.
    config.edge.calls_per_minute = 1_000_000;
    config.edge.anonymous_calls_per_minute = 1_000_000;
    config.tokens.signing_key_lead = Duration::ZERO;
    give_password(&mut config.admin);
    if let Some(accounts) = &mut config.dev_accounts {
        give_password(&mut accounts.developer);
        give_password(&mut accounts.approver);
    }
    config
}

/// A second server on the database of a [`TestApp`]. End it with [`Replica::stop`].
pub struct Replica {
    running: Running,
    channel: Channel,
    calls: Arc<Calls>,
}

impl Replica {
    /// Somebody who calls the second server with this token.
    pub fn with_token(&self, token: &str) -> Caller {
        Caller::new(self.channel.clone(), Some(token), self.calls.clone())
    }

    /// Somebody without credential.
    pub fn anonymous(&self) -> Caller {
        Caller::new(self.channel.clone(), None, self.calls.clone())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.running.address
    }

    /// Stops it.
    pub async fn stop(self) {
        assert!(self.running.stop().await, "the replica ends within its drain time");
    }
}

fn give_password(account: &mut Account) {
    account.password = Some(Secret::new(PASSWORD));
}

async fn connect(address: SocketAddr) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address makes a URL");
    endpoint.connect().await.expect("the server takes connections")
}
