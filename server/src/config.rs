//! What one server process is told from outside: read once, checked as a whole, then passed on by value. The
//! environment is read nowhere else, and tests build a [`Config`] directly.

mod environment;
mod remote;

pub use environment::{LogFormat, Secrets, Settings, load};
pub use remote::{RemoteConfig, RunnerSettings};

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use zeroize::Zeroizing;

/// Fewest bytes of a master key.
pub const MASTER_KEY_MIN: usize = 32;

/// The port of `dev` and `serve`.
pub const PORT: u16 = 7400;

/// Whether people depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `flagstone-server dev`: loopback only, brings its own database and accounts, shows generated passwords.
    Development,
    /// `flagstone-server serve`: refuses to start with anything weak or missing.
    Production,
}

/// A text that nothing prints. Wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Keeps a text as a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The configuration of one server process.
#[derive(Clone)]
pub struct Config {
    pub mode: Mode,
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// How clients reach it, without slash at the end. It is the issuer of access tokens.
    pub public_url: String,
    /// Generated secrets, private directories of jobs, in `dev` also the database. Made if absent.
    pub data_dir: PathBuf,
    /// From which every key for encryption at rest is derived.
    pub master_key: Secret,
    pub database: flagstone_db::Config,
    /// Run pending migrations at start instead of refusing.
    pub migrate: bool,
    /// A directory of templates in place of those in the program.
    pub templates_dir: Option<PathBuf>,
    /// A directory with the built web client in place of the one in the program.
    pub web_dir: Option<PathBuf>,
    pub admin: Account,
    /// Accounts beside the administrator; only in `dev`.
    pub dev_accounts: Option<DevAccounts>,
    /// Whether the first start arranges things for somebody who tries it out: its developer may order in staging too, and
    /// there a second person approves.
    pub trial: bool,
    pub edge: EdgeConfig,
    pub tokens: TokenConfig,
    /// Networks beside the internet in which sign-in providers may be.
    pub sso_networks: Vec<IpNet>,
    pub jobs: JobConfig,
    pub runner: RunnerConfig,
    /// Longest time that a shutdown waits for calls under way.
    pub drain: Duration,
}

/// An account that the first start makes.
#[derive(Clone, Debug)]
pub struct Account {
    pub username: String,
    pub email: String,
    /// Generated where absent, and to be changed at the first login in production.
    pub password: Option<Secret>,
}

/// The people of `dev`: one who asks, one who approves.
#[derive(Clone, Debug)]
pub struct DevAccounts {
    pub developer: Account,
    pub approver: Account,
}

/// What the edge lets in, and how much of it.
#[derive(Clone, Debug)]
pub struct EdgeConfig {
    /// Origins of browsers that may call, for instance `https://portal.example.org`; never `*`.
    pub cors_origins: Vec<String>,
    /// Proxies whose `x-forwarded-for` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Who may read `/metrics`.
    pub metrics_readers: Vec<IpNet>,
    /// Unary calls at a time.
    pub max_calls: usize,
    /// Streams at a time.
    pub max_streams: usize,
    /// Calls a minute of one principal.
    pub calls_per_minute: u32,
    /// Calls a minute of one address without credential, logins and refreshes apart.
    pub anonymous_calls_per_minute: u32,
    /// Refreshes a minute of one session.
    pub refreshes_per_minute: u32,
    /// Longest that a unary call may take where its caller set no deadline.
    pub deadline: Duration,
    /// At most this long after the last message, a stream sends a heartbeat.
    pub heartbeat: Duration,
}

impl Default for EdgeConfig {
    fn default() -> Self {
        let loopback = ["127.0.0.0/8".parse(), "::1/128".parse()];
        Self {
            cors_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            metrics_readers: loopback.into_iter().flatten().collect(),
            max_calls: 256,
            max_streams: 2_000,
            calls_per_minute: 1_200,
            anonymous_calls_per_minute: 60,
            refreshes_per_minute: 30,
            deadline: Duration::from_secs(30),
            heartbeat: Duration::from_secs(15),
        }
    }
}

/// How long credentials live.
#[derive(Clone, Debug)]
pub struct TokenConfig {
    pub access: Duration,
    /// Of a refresh token, and so of a session that is not used.
    pub refresh: Duration,
    /// How long a signing key signs before the server makes another one.
    pub signing_key_age: Duration,
    /// How long a new signing key waits before it signs: until everybody who caches the keys has it.
    pub signing_key_lead: Duration,
}

impl Default for TokenConfig {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        Self {
            access: Duration::from_secs(15 * 60),
            refresh: 7 * DAY,
            signing_key_age: 90 * DAY,
            signing_key_lead: Duration::from_secs(120),
        }
    }
}

/// The times of jobs.
#[derive(Clone, Debug)]
pub struct JobConfig {
    /// How long a runner that is not heard of keeps its jobs.
    pub lease: Duration,
    /// How long after its lease the engine of a lost runner may need to end; its deployment stays locked until then.
    pub wind_down: Duration,
}

impl Default for JobConfig {
    fn default() -> Self {
        Self { lease: Duration::from_secs(15), wind_down: Duration::from_secs(60) }
    }
}

/// What a runner is given, inside the server or elsewhere.
#[derive(Clone, Debug)]
pub struct RunnerConfig {
    /// Jobs at a time; 0 starts no runner.
    pub capacity: u32,
    /// The Terraform program; searched in PATH where absent.
    pub terraform: Option<PathBuf>,
    /// A directory in the layout of `terraform providers mirror`; with it no registry is asked.
    pub terraform_mirror: Option<PathBuf>,
    /// What engines see of the environment, beside what they need to run.
    pub environment: BTreeMap<String, String>,
    /// The program that supervises engines, called with `supervise`; this one where absent.
    pub supervisor: Option<PathBuf>,
}

impl Default for RunnerConfig {
    fn default() -> Self {
        Self { capacity: 2, terraform: None, terraform_mirror: None, environment: BTreeMap::new(), supervisor: None }
    }
}

impl Config {
    /// A configuration with the usual values. `data_dir` must be private to the process.
    pub fn new(mode: Mode, database_url: impl Into<String>, master_key: Secret, data_dir: PathBuf) -> Self {
        let listen = SocketAddr::new(IpAddr::from([127, 0, 0, 1]), PORT);
        Self {
            mode,
            listen,
            public_url: format!("http://{listen}"),
            data_dir,
            master_key,
            database: flagstone_db::Config::new(database_url),
            migrate: mode == Mode::Development,
            templates_dir: None,
            web_dir: None,
            admin: Account::named("admin"),
            trial: false,
            dev_accounts: (mode == Mode::Development)
                .then(|| DevAccounts { developer: Account::named("dev"), approver: Account::named("approver") }),
            edge: EdgeConfig::default(),
            tokens: TokenConfig::default(),
            sso_networks: Vec::new(),
            jobs: JobConfig::default(),
            runner: RunnerConfig::default(),
            drain: Duration::from_secs(20),
        }
    }

    /// Whether clients come by TLS, through a proxy that ends it.
    pub fn is_https(&self) -> bool {
        self.public_url.starts_with("https://")
    }
}

/// Not derived: the address of the database holds its password.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("mode", &self.mode)
            .field("listen", &self.listen)
            .field("public_url", &self.public_url)
            .field("data_dir", &self.data_dir)
            .finish_non_exhaustive()
    }
}

impl Account {
    fn named(username: &str) -> Self {
        Self { username: username.to_owned(), email: format!("{username}@flagstone.localhost"), password: None }
    }
}

/// What is wrong with a master key, as the end of a sentence; `None` where nothing is.
pub fn master_key_fault(key: &str) -> Option<String> {
    if key.len() < MASTER_KEY_MIN {
        return Some(format!("has {} bytes; at least {MASTER_KEY_MIN} are needed", key.len()));
    }
    // Words such as "changeme" repeated, or one character held down: few different bytes, or a short period.
    let mut bytes = key.as_bytes().to_vec();
    let period =
        (1..=bytes.len() / 2).find(|period| bytes.iter().skip(*period).eq(bytes[..bytes.len() - period].iter()));
    bytes.sort_unstable();
    bytes.dedup();
    if bytes.len() < 10 || period.is_some() {
        return Some("repeats itself; take random bytes".to_owned());
    }
    let lower = key.to_ascii_lowercase();
    ["changeme", "change-me", "change_me", "default", "example", "secret", "password", "master-key", "master_key"]
        .iter()
        .find(|word| lower.contains(**word))
        .map(|word| format!("contains `{word}`, as samples do; take random bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_master_keys_are_told_apart() {
        for (key, fault) in [
            ("", "has 0 bytes"),
            ("k".repeat(31).as_str(), "has 31 bytes"),
            ("k".repeat(64).as_str(), "repeats"),
            ("0123456789abcdef".repeat(2).as_str(), "repeats"),
            ("please-changeme-0123456789-ABCDEFGHI", "changeme"),
        ] {
            assert!(master_key_fault(key).unwrap().contains(fault), "{key}");
        }
        assert_eq!(master_key_fault("kZ8q2Vt0nB5xLr7cYw3mHs9dPf6gJa1e"), None);
        assert_eq!(master_key_fault("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"), None);
    }

    #[test]
    fn nothing_prints_a_secret() {
        let config = Config::new(Mode::Production, "postgres://u:hunter2@h/d", Secret::new("hunter3"), "x".into());
        let printed = format!("{config:?} {:?} {:?}", config.master_key, config.admin);
        assert!(!printed.contains("hunter"), "{printed}");
    }
}
