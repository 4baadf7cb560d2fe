//! What the benchmarks run against: a PostgreSQL of its own with the usual, durable settings, and servers as processes of
//! their own, so that they share nothing with the load generator but the machine.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use flagstone_server::dev::postgres::Postgres;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::{Client, NoTls};

use crate::{Result, client};

/// The administrator of the benchmarked installation. It listens on loopback and is gone after the run.
pub(crate) const ADMIN: &str = "admin";
pub(crate) const ADMIN_PASSWORD: &str = "Loopback-only-9f2c71d4e8";

/// Encrypts what the benchmarks store, which is nothing that anybody misses.
const MASTER_KEY: &str = "5b0d7c19e3a84f26b7f1c2d8906ae35471bd8c02f9e64a7385d1206bce97f8a4";

/// How long a server may take until it answers.
const START_LIMIT: Duration = Duration::from_secs(60);

/// How long a server may take to end when asked.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// The database cluster, the programs and a folder for all that is left behind.
pub(crate) struct Stack {
    postgres: Option<Postgres>,
    dir: PathBuf,
    /// The server's program, built like this one and beside it.
    pub(crate) program: PathBuf,
}

impl Stack {
    /// Starts the cluster and lets `flagstone-server dev` fill the database `flagstone` with what a first start makes.
    pub(crate) async fn start() -> Result<Self> {
        let own = std::env::current_exe()?;
        let build = own.parent().ok_or("this program lies in no folder")?;
        let program = build.join("flagstone-server");
        if !program.is_file() {
            return Err(format!("{} is not there: run `make bench`, which builds it.", program.display()).into());
        }
        let dir = build.join(format!("bench-{}", std::process::id()));
        fs::create_dir_all(&dir)?;
        let mut stack = Self { postgres: None, dir, program };
        stack.postgres = Some(Postgres::start(&stack.dir.join("postgres")).await?);
        // Lets the tail benchmark ask when a chunk was committed; costs 8 bytes a transaction.
        stack.database().await?.batch_execute("ALTER SYSTEM SET track_commit_timestamp = on").await?;
        if let Some(postgres) = &mut stack.postgres {
            postgres.restart().await?;
        }
        let server = Options::default().command("dev").start(&stack).await?;
        client::login(server.address).await?;
        server.stop().await;
        Ok(stack)
    }

    /// Address of the cluster's database with this name, as its superuser.
    pub(crate) fn url_of(&self, database: &str) -> Result<String> {
        let postgres = self.postgres.as_ref().ok_or("the cluster has not been started")?;
        let url = postgres.url();
        let (address, options) = url.split_once('?').unwrap_or((url, ""));
        let (server, _) = address.rsplit_once('/').ok_or("the cluster's address names no database")?;
        Ok(format!("{server}/{database}?{options}"))
    }

    /// A connection of its own to the database of the first start.
    pub(crate) async fn database(&self) -> Result<Client> {
        connect(&self.url_of("flagstone")?).await
    }

    /// A folder for one subject, which goes away with the run.
    pub(crate) fn dir(&self, name: &str) -> Result<PathBuf> {
        let dir = self.dir.join(name);
        fs::create_dir_all(&dir)?;
        Ok(dir)
    }

    /// Stops the cluster and removes the folder.
    pub(crate) async fn stop(mut self) {
        if let Some(postgres) = self.postgres.take() {
            postgres.stop().await;
        }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        drop(self.postgres.take());
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Connects to a database and drives the connection in the background.
pub(crate) async fn connect(url: &str) -> Result<Client> {
    let (client, driver) = tokio_postgres::connect(url, NoTls).await?;
    #[expect(clippy::disallowed_methods, reason = "a benchmark has no shutdown that waits for tasks")]
    tokio::spawn(driver);
    Ok(client)
}

/// How a server is started.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    command: &'static str,
    database: String,
    runner_capacity: u32,
    variables: Vec<(&'static str, PathBuf)>,
}

impl Default for Options {
    /// `serve`, on the database of the first start, without an embedded runner.
    fn default() -> Self {
        Self { command: "serve", database: "flagstone".to_owned(), runner_capacity: 0, variables: Vec::new() }
    }
}

impl Options {
    fn command(self, command: &'static str) -> Self {
        Self { command, ..self }
    }

    pub(crate) fn database(self, name: &str) -> Self {
        Self { database: name.to_owned(), ..self }
    }

    pub(crate) fn runner_capacity(self, runner_capacity: u32) -> Self {
        Self { runner_capacity, ..self }
    }

    pub(crate) fn variable(mut self, name: &'static str, value: &Path) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    /// Starts the server and returns before it answers.
    pub(crate) fn spawn(&self, stack: &Stack) -> Result<Server> {
        let address = free_address()?;
        let data = stack.dir("data")?;
        let log = stack.dir.join(format!("{}-{}.log", self.command, address.port()));
        let mut command = Command::new(&stack.program);
        command
            .arg(self.command)
            .env_clear()
            .env("PATH", path())
            .env("HOME", &data)
            .env("DATABASE_URL", stack.url_of(&self.database)?)
            .env("FLAGSTONE_MASTER_KEY", MASTER_KEY)
            .env("FLAGSTONE_ADMIN_USERNAME", ADMIN)
            .env("FLAGSTONE_ADMIN_PASSWORD", ADMIN_PASSWORD)
            .env("FLAGSTONE_LISTEN", address.to_string())
            // The issuer of tokens: one that was given out by one server is good at the next.
            .env("FLAGSTONE_PUBLIC_URL", "http://flagstone.localhost")
            .env("FLAGSTONE_DATA_DIR", &data)
            .env("FLAGSTONE_RUNNER_CAPACITY", self.runner_capacity.to_string())
            .env("FLAGSTONE_ACCESS_TOKEN_SECONDS", "3600")
            // The limit is counted and told as always, but nobody runs into it.
            .env("FLAGSTONE_CALLS_PER_MINUTE", "100000000")
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        Server::spawn(command, address, &log)
    }

    /// Starts the server and waits until it takes connections.
    pub(crate) async fn start(&self, stack: &Stack) -> Result<Server> {
        let mut server = self.spawn(stack)?;
        server.answers().await?;
        Ok(server)
    }
}

/// A server as a process of its own. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    pub(crate) address: SocketAddr,
    log: PathBuf,
}

impl Server {
    /// Runs a command whose output goes to a file.
    pub(crate) fn spawn(mut command: Command, address: SocketAddr, log: &Path) -> Result<Self> {
        let output = File::create(log)?;
        let process =
            command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).kill_on_drop(true).spawn()?;
        Ok(Self { process, address, log: log.to_owned() })
    }

    /// Waits until it takes connections; fails with the end of its log.
    pub(crate) async fn answers(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        while tokio::net::TcpStream::connect(self.address).await.is_err() {
            if self.process.try_wait()?.is_some() || Instant::now() > deadline {
                let log = fs::read_to_string(&self.log).unwrap_or_default();
                return Err(format!("the server at {} did not start:\n{log}", self.address).into());
            }
            sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }

    /// The process id; 0 once it has ended.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id().unwrap_or_default()
    }

    /// Asks it to end and waits for that, a while.
    pub(crate) async fn stop(mut self) {
        let pid = self.process.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::TERM);
            let _ = timeout(STOP_LIMIT, self.process.wait()).await;
        }
    }
}

/// An address on loopback where nobody listens now.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// A program in PATH.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    path().split(':').map(|dir| Path::new(dir).join(program)).find(|path| path.is_file())
}

#[expect(clippy::disallowed_methods, reason = "the ban is about configuration of the server")]
fn path() -> String {
    std::env::var("PATH").unwrap_or_default()
}
