//! The configuration as operators give it: environment variables, a few flags, secrets also from files. Everything that
//! is wrong is told at once.

#![expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]

use std::collections::BTreeMap;
use std::env;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use ipnet::IpNet;

use super::{Config, EdgeConfig, MASTER_KEY_MIN, Mode, PORT, RunnerConfig, Secret, master_key_fault};

/// What `dev`, `serve`, `migrate` and `doctor` are told. Each flag can also be set by the variable beside it.
///
/// Secrets have no flag, since every process of the machine can read command lines: DATABASE_URL, FLAGSTONE_MASTER_KEY
/// and FLAGSTONE_ADMIN_PASSWORD are variables, or name a file with `_FILE` appended.
#[derive(Args, Clone, Debug)]
pub struct Settings {
    /// Address to listen on [default: 127.0.0.1:7400 in `dev`, 0.0.0.0:7400 in `serve`]
    #[arg(long, env = "FLAGSTONE_LISTEN")]
    listen: Option<SocketAddr>,
    /// How clients reach the server, for instance https://flagstone.example.org
    #[arg(long, env = "FLAGSTONE_PUBLIC_URL")]
    public_url: Option<String>,
    /// Directory for generated secrets and for the working directories of jobs [default: .flagstone in `dev`,
    /// /var/lib/flagstone in `serve`]
    #[arg(long, env = "FLAGSTONE_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// Directory of templates in place of those in the program
    #[arg(long, env = "FLAGSTONE_TEMPLATES_DIR")]
    templates_dir: Option<PathBuf>,
    /// Directory of the built web client in place of the one in the program
    #[arg(long, env = "FLAGSTONE_WEB_DIR")]
    web_dir: Option<PathBuf>,
    /// Origins of browsers that may call, separated by commas
    #[arg(long, env = "FLAGSTONE_CORS_ORIGINS", value_delimiter = ',')]
    cors_origins: Vec<String>,
    /// Networks of proxies whose x-forwarded-for is believed, separated by commas
    #[arg(long, env = "FLAGSTONE_TRUSTED_PROXIES", value_delimiter = ',')]
    trusted_proxies: Vec<IpNet>,
    /// Networks that may read /metrics, separated by commas [default: loopback]
    #[arg(long, env = "FLAGSTONE_METRICS_READERS", value_delimiter = ',')]
    metrics_readers: Vec<IpNet>,
    /// Networks beside the internet in which sign-in providers may be, separated by commas
    #[arg(long, env = "FLAGSTONE_SSO_NETWORKS", value_delimiter = ',')]
    sso_networks: Vec<IpNet>,
    /// Username of the administrator that the first start makes
    #[arg(long, env = "FLAGSTONE_ADMIN_USERNAME", default_value = "admin")]
    admin_username: String,
    /// E-mail address of that administrator [default: admin@flagstone.localhost]
    #[arg(long, env = "FLAGSTONE_ADMIN_EMAIL")]
    admin_email: Option<String>,
    /// Jobs that the embedded runner works on at a time; 0 for no embedded runner
    #[arg(long, env = "FLAGSTONE_RUNNER_CAPACITY", default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=5))]
    runner_capacity: u32,
    /// Variables that engines see, separated by commas; a star at the end stands for any ending
    #[arg(long, env = "FLAGSTONE_RUNNER_ENVIRONMENT", value_delimiter = ',', default_value = "AWS_*")]
    runner_environment: Vec<String>,
    /// The Terraform program [default: `terraform` in PATH]
    #[arg(long, env = "FLAGSTONE_TERRAFORM")]
    terraform: Option<PathBuf>,
    /// Directory of providers, as `terraform providers mirror` writes it; with it no registry is asked
    #[arg(long, env = "FLAGSTONE_TERRAFORM_MIRROR")]
    terraform_mirror: Option<PathBuf>,
    /// Seconds that a silent runner keeps its jobs
    #[arg(long, env = "FLAGSTONE_LEASE_SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(2..=600))]
    lease_seconds: u64,
    /// Seconds that the engine of a lost runner may need to end
    #[arg(long, env = "FLAGSTONE_WIND_DOWN_SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    wind_down_seconds: u64,
    /// Seconds that an access token lives
    #[arg(long, env = "FLAGSTONE_ACCESS_TOKEN_SECONDS", default_value_t = 900, value_parser = clap::value_parser!(u64).range(60..=3600))]
    access_token_seconds: u64,
    /// Seconds that a refresh token lives
    #[arg(long, env = "FLAGSTONE_REFRESH_TOKEN_SECONDS", default_value_t = 604_800, value_parser = clap::value_parser!(u64).range(3600..=7_776_000))]
    refresh_token_seconds: u64,
    /// Database connections for calls
    #[arg(long, env = "FLAGSTONE_CALL_CONNECTIONS", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=500))]
    call_connections: u16,
    /// Database connections for runners and maintenance
    #[arg(long, env = "FLAGSTONE_WORKER_CONNECTIONS", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=500))]
    worker_connections: u16,
    /// Database connections that reads share
    #[arg(long, env = "FLAGSTONE_READ_CONNECTIONS", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    read_connections: u16,
    /// Calls a minute of one principal
    #[arg(long, env = "FLAGSTONE_CALLS_PER_MINUTE", default_value_t = 1_200, value_parser = clap::value_parser!(u32).range(1..))]
    calls_per_minute: u32,
    /// Unary calls at a time
    #[arg(long, env = "FLAGSTONE_MAX_CALLS", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    max_calls: u32,
    /// Streams at a time
    #[arg(long, env = "FLAGSTONE_MAX_STREAMS", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    max_streams: u32,
    /// What is logged: a level, or directives such as `info,flagstone_server=debug`
    #[arg(long, env = "FLAGSTONE_LOG", default_value = "info")]
    pub log: String,
    /// How logs are written [default: text in `dev`, json in `serve`]
    #[arg(long, env = "FLAGSTONE_LOG_FORMAT", value_enum)]
    pub log_format: Option<LogFormat>,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The secrets of the environment.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    pub database_url: Option<Secret>,
    pub master_key: Option<Secret>,
    pub admin_password: Option<Secret>,
}

impl Secrets {
    /// Reads them from their variables, or from the files that `…_FILE` names. Fails with a sentence for each file that
    /// cannot be read.
    pub fn read() -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let mut read = |name: &str| match secret(name) {
            Ok(found) => found,
            Err(problem) => {
                problems.push(problem);
                None
            }
        };
        let secrets = Self {
            database_url: read("DATABASE_URL"),
            master_key: read("FLAGSTONE_MASTER_KEY"),
            admin_password: read("FLAGSTONE_ADMIN_PASSWORD"),
        };
        if problems.is_empty() { Ok(secrets) } else { Err(problems) }
    }
}

pub(super) fn secret(name: &str) -> Result<Option<Secret>, String> {
    let file = format!("{name}_FILE");
    match (env::var(name).ok(), env::var_os(&file)) {
        (Some(_), Some(_)) => Err(format!("{name} and {file} are both set: set one of them.")),
        (Some(value), None) => Ok(Some(Secret::new(value))),
        (None, Some(path)) => std::fs::read_to_string(&path)
            .map(|text| Some(Secret::new(text.trim_end_matches(['\n', '\r']))))
            .map_err(|error| format!("{file}: {} cannot be read: {error}.", PathBuf::from(&path).display())),
        (None, None) => Ok(None),
    }
}

impl Settings {
    /// Where `dev` keeps everything.
    pub fn data_dir(&self, mode: Mode) -> PathBuf {
        let usual = || match mode {
            // Absolute, since children of the server run in directories of their own.
            Mode::Development => env::current_dir().unwrap_or_default().join(".flagstone"),
            Mode::Production => PathBuf::from("/var/lib/flagstone"),
        };
        self.data_dir.clone().map_or_else(usual, |dir| std::path::absolute(&dir).unwrap_or(dir))
    }

    /// Where it listens.
    pub fn listen(&self, mode: Mode) -> SocketAddr {
        self.listen.unwrap_or_else(|| match mode {
            Mode::Development => SocketAddr::from(([127, 0, 0, 1], PORT)),
            Mode::Production => SocketAddr::from(([0, 0, 0, 0], PORT)),
        })
    }

    /// The configuration, or a sentence for each thing that is wrong or missing. `dev` passes a database and master key
    /// of its own where the environment has none.
    pub fn config(&self, mode: Mode, secrets: Secrets) -> Result<Config, Vec<String>> {
        let mut problems = Vec::new();
        let listen = self.listen(mode);
        let Secrets { database_url, master_key, admin_password } = secrets;
        let database_url = database_url.unwrap_or_else(|| {
            problems.push("DATABASE_URL is not set: give the address of a PostgreSQL database.".to_owned());
            Secret::new("")
        });
        let master_key = master_key.unwrap_or_else(|| {
            let advice = "`openssl rand -hex 32` makes one; keep a copy: nothing stored encrypted opens without it.";
            problems.push(format!(
                "FLAGSTONE_MASTER_KEY is not set: give at least {MASTER_KEY_MIN} random bytes. {advice}"
            ));
            Secret::new("")
        });
        if !master_key.expose().is_empty()
            && let Some(fault) = master_key_fault(master_key.expose())
        {
            problems.push(format!("FLAGSTONE_MASTER_KEY {fault}."));
        }
        if mode == Mode::Development && !listen.ip().is_loopback() {
            problems.push("`dev` listens on loopback only, since it shows passwords: use `serve`.".to_owned());
        }
        for origin in &self.cors_origins {
            let is_origin = ["http://", "https://"].iter().any(|scheme| {
                origin.strip_prefix(scheme).is_some_and(|host| !host.is_empty() && !host.contains(['/', '*', ' ']))
            });
            if !is_origin {
                problems.push(format!(
                    "FLAGSTONE_CORS_ORIGINS: `{origin}` is not an origin such as https://portal.example.org."
                ));
            }
        }
        let public_url = match &self.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}", reachable(listen)),
        };
        if !public_url.starts_with("http://") && !public_url.starts_with("https://") {
            problems.push("FLAGSTONE_PUBLIC_URL does not begin with https:// or http://.".to_owned());
        }
        if let Some(web_dir) = &self.web_dir
            && !web_dir.join("index.html").is_file()
        {
            problems.push(format!(
                "FLAGSTONE_WEB_DIR: {} has no index.html: `scripts/web build` leaves the web client in clients/web/dist.",
                web_dir.display()
            ));
        }
        if !problems.is_empty() {
            return Err(problems);
        }

        let mut config = Config::new(mode, database_url.expose(), master_key, self.data_dir(mode));
        config.listen = listen;
        config.public_url = public_url;
        config.templates_dir.clone_from(&self.templates_dir);
        config.web_dir.clone_from(&self.web_dir);
        config.database.app_size = self.call_connections.into();
        config.database.worker_size = self.worker_connections.into();
        config.database.read_connections = self.read_connections.into();
        config.admin.username.clone_from(&self.admin_username);
        config.admin.email = match &self.admin_email {
            Some(email) => email.to_lowercase(),
            None => format!("{}@flagstone.localhost", self.admin_username),
        };
        config.admin.password = admin_password;
        config.edge = self.edge();
        config.tokens.access = Duration::from_secs(self.access_token_seconds);
        config.tokens.refresh = Duration::from_secs(self.refresh_token_seconds);
        config.sso_networks.clone_from(&self.sso_networks);
        config.jobs.lease = Duration::from_secs(self.lease_seconds);
        config.jobs.wind_down = Duration::from_secs(self.wind_down_seconds);
        config.runner = RunnerConfig {
            capacity: self.runner_capacity,
            terraform: self.terraform.clone().or_else(|| in_path("terraform")),
            terraform_mirror: self.terraform_mirror.clone(),
            environment: passed_on(&self.runner_environment, env::vars()),
            supervisor: None,
        };
        Ok(config)
    }

    fn edge(&self) -> EdgeConfig {
        let usual = EdgeConfig::default();
        EdgeConfig {
            cors_origins: self.cors_origins.clone(),
            trusted_proxies: self.trusted_proxies.clone(),
            metrics_readers: if self.metrics_readers.is_empty() {
                usual.metrics_readers.clone()
            } else {
                self.metrics_readers.clone()
            },
            calls_per_minute: self.calls_per_minute,
            max_calls: usize::try_from(self.max_calls).unwrap_or(usual.max_calls),
            max_streams: usize::try_from(self.max_streams).unwrap_or(usual.max_streams),
            ..usual
        }
    }
}

/// The address that a client on this machine can use.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let mut address = listen;
    if address.ip().is_unspecified() {
        address.set_ip([127, 0, 0, 1].into());
    }
    address
}

/// Where a program is, if it is on the PATH.
pub(super) fn in_path(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|dir| dir.join(program)).find(|path| path.is_file())
}

/// The variables that a list of names and beginnings lets through.
pub(super) fn passed_on(
    patterns: &[String],
    variables: impl Iterator<Item = (String, String)>,
) -> BTreeMap<String, String> {
    let named = |name: &str| {
        patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(beginning) => !beginning.is_empty() && name.starts_with(beginning),
            None => pattern == name,
        })
    };
    // Our own secrets never reach an engine, whatever the list says.
    variables.filter(|(name, _)| named(name) && !name.starts_with("FLAGSTONE_") && name != "DATABASE_URL").collect()
}

/// The configuration of `serve`. Fails with a sentence for each thing that is wrong or missing.
pub fn load(settings: &Settings) -> Result<Config, Vec<String>> {
    settings.config(Mode::Production, Secrets::read()?)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        settings: Settings,
    }

    fn settings(arguments: &[&str]) -> Settings {
        Program::parse_from([&["program"], arguments].concat()).settings
    }

    fn secrets(master_key: &str) -> Secrets {
        Secrets {
            database_url: Some(Secret::new("postgres://localhost/x")),
            master_key: Some(Secret::new(master_key)),
            admin_password: None,
        }
    }

    const KEY: &str = "kZ8q2Vt0nB5xLr7cYw3mHs9dPf6gJa1e";

    #[test]
    fn production_tells_everything_that_is_missing_at_once() {
        let arguments = ["--cors-origins", "*", "--public-url", "flagstone.example.org", "--web-dir", "/absent"];
        let problems = settings(&arguments).config(Mode::Production, Secrets::default()).unwrap_err();
        let wanted = [
            "DATABASE_URL",
            "FLAGSTONE_MASTER_KEY",
            "FLAGSTONE_CORS_ORIGINS",
            "FLAGSTONE_PUBLIC_URL",
            "FLAGSTONE_WEB_DIR",
        ];
        for wanted in wanted {
            assert!(problems.iter().any(|problem| problem.starts_with(wanted)), "{wanted}: {problems:?}");
        }
    }

    #[test]
    fn a_weak_master_key_stops_production() {
        for weak in ["short", "0123456789abcdef0123456789abcdef", "changeme-changeme-but-longer-than-32"] {
            let problems = settings(&[]).config(Mode::Production, secrets(weak)).unwrap_err();
            assert!(problems[0].starts_with("FLAGSTONE_MASTER_KEY"), "{problems:?}");
        }
        settings(&[]).config(Mode::Production, secrets(KEY)).unwrap();
    }

    #[test]
    fn dev_listens_on_loopback_only() {
        let config = settings(&["--listen", "0.0.0.0:7400"]).config(Mode::Development, secrets(KEY));
        assert!(config.unwrap_err()[0].contains("loopback"));
    }

    #[test]
    fn engines_see_what_the_list_names_and_never_our_secrets() {
        let variables = ["AWS_REGION", "AWS", "HOME", "DATABASE_URL", "FLAGSTONE_MASTER_KEY", "ARM_CLIENT_ID"];
        let patterns = ["AWS_*", "ARM_CLIENT_ID", "FLAGSTONE_*", "DATABASE_URL", "*"].map(str::to_owned);
        let passed = passed_on(&patterns, variables.iter().map(|name| ((*name).to_owned(), "x".to_owned())));
        assert_eq!(passed.into_keys().collect::<Vec<_>>(), ["ARM_CLIENT_ID", "AWS_REGION"]);
    }
}
