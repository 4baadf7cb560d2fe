//! `flagstone-server doctor`: tells what a start would find on this machine and what it would miss, each with what to do.
//! It changes nothing but for a file that it writes and removes.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use flagstone_db::migrate::{self, SchemaStatus};
use flagstone_engines::Engine;
use flagstone_engines::supervisor::SupervisorCommand;
use flagstone_engines::terraform::{Terraform, TerraformConfig};
use tokio::net::TcpListener;

use crate::config::{Config, Mode, Secret, Secrets, Settings};
use crate::dev::binaries;
use crate::edge::web;
use crate::program::{fail, say};
use crate::{status, templates};

/// What was found out about one thing.
#[derive(Debug)]
struct Finding {
    what: &'static str,
    verdict: Verdict,
}

#[derive(Debug)]
enum Verdict {
    /// As it should be; which one it is.
    Found(String),
    /// Works without, but somebody should know: what is the matter, and what to do.
    Advice(String),
    /// No start, or no work, without it: what is the matter, and what to do.
    Missing(String),
}
use Verdict::{Advice, Found, Missing};

/// Looks at everything and prints a line for each. Fails when something is missing that is needed.
pub async fn run(settings: &Settings, mode: Mode) -> ExitCode {
    let secrets = match Secrets::read() {
        Ok(secrets) => secrets,
        Err(problems) => return fail(problems),
    };
    let findings = examine(settings, mode, secrets).await;
    let width = findings.iter().map(|finding| finding.what.len()).max().unwrap_or_default();
    let mut missing = 0;
    for Finding { what, verdict } in &findings {
        let (word, text) = match verdict {
            Found(text) => ("found  ", text),
            Advice(text) => ("advice ", text),
            Missing(text) => {
                missing += 1;
                ("MISSING", text)
            }
        };
        say(format!("{word}  {what:<width$}  {text}"));
    }
    if missing == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn examine(settings: &Settings, mode: Mode, secrets: Secrets) -> Vec<Finding> {
    let mut findings = vec![
        Finding { what: "database", verdict: database(mode, secrets.database_url.as_ref()).await },
        Finding { what: "master key", verdict: master_key(mode, secrets.master_key.as_ref()) },
    ];
    // With stand-ins for what was judged above, so that only the rest is told here.
    let complete = Secrets {
        database_url: secrets.database_url.or_else(|| Some(Secret::new("postgres://localhost/flagstone"))),
        master_key: Some(Secret::new("kZ8q2Vt0nB5xLr7cYw3mHs9dPf6gJa1e")),
        admin_password: secrets.admin_password,
    };
    let config = match settings.config(mode, complete) {
        Ok(config) => config,
        Err(problems) => {
            findings
                .extend(problems.into_iter().map(|problem| Finding { what: "settings", verdict: Missing(problem) }));
            return findings;
        }
    };
    findings.extend([
        Finding { what: "data directory", verdict: data_dir(&config.data_dir) },
        Finding { what: "port", verdict: port(&config).await },
        Finding { what: "templates", verdict: shipped(&config) },
        Finding { what: "web client", verdict: web_client(&config).await },
        Finding { what: "terraform", verdict: terraform(&config).await },
        Finding { what: "provider mirror", verdict: mirror(&config) },
        Finding { what: "supervisor", verdict: supervisor() },
        Finding { what: "limits", verdict: limits(&config) },
        Finding { what: "HTTPS", verdict: https(&config) },
    ]);
    findings
}

async fn database(mode: Mode, url: Option<&Secret>) -> Verdict {
    let Some(url) = url else {
        return match (mode, binaries::find_binaries()) {
            (Mode::Production, _) => {
                Missing("DATABASE_URL is not set: give the address of a PostgreSQL database.".to_owned())
            }
            (Mode::Development, Ok(found)) => {
                Found(format!("PostgreSQL {} in {}", found.version, found.bindir.display()))
            }
            (Mode::Development, Err(sentence)) => Missing(sentence),
        };
    };
    match migrate::status(url.expose()).await {
        Ok(SchemaStatus::Current) => Found("reachable, its schema is up to date".to_owned()),
        Ok(SchemaStatus::Pending(names)) if mode == Mode::Development => {
            Found(format!("reachable, {} migrations will run", names.len()))
        }
        Ok(status) => match status.check() {
            Ok(()) => Found("reachable".to_owned()),
            Err(error) => Missing(error.to_string()),
        },
        Err(error) => Missing(format!("{}. Check DATABASE_URL and that the server runs.", status::chain(&error))),
    }
}

fn master_key(mode: Mode, key: Option<&Secret>) -> Verdict {
    match (key, mode) {
        (None, Mode::Development) => Found("generated at the first start".to_owned()),
        (None, Mode::Production) => {
            Missing("FLAGSTONE_MASTER_KEY is not set: `openssl rand -hex 32` makes one. Keep a copy.".to_owned())
        }
        (Some(key), _) => match crate::config::master_key_fault(key.expose()) {
            Some(fault) => Missing(format!("FLAGSTONE_MASTER_KEY {fault}.")),
            None => Found(format!("{} bytes", key.expose().len())),
        },
    }
}

fn data_dir(dir: &Path) -> Verdict {
    let probe = dir.join(".doctor");
    // What is not there yet is made at the start: its nearest parent has to allow that.
    let parent = dir.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(dir);
    let written = if dir.exists() {
        fs::write(&probe, b"").and_then(|()| fs::remove_file(&probe))
    } else {
        rustix::fs::access(parent, rustix::fs::Access::WRITE_OK).map_err(Into::into)
    };
    match written {
        Ok(()) => Found(dir.display().to_string()),
        Err(error) => Missing(format!(
            "{} cannot be written: {error}. Make it writable, or name another one in FLAGSTONE_DATA_DIR.",
            dir.display()
        )),
    }
}

async fn port(config: &Config) -> Verdict {
    match TcpListener::bind(config.listen).await {
        Ok(_) => Found(format!("{} is free", config.listen)),
        Err(error) => Missing(format!(
            "{} cannot be listened on: {error}. Stop what uses it, or name another one in FLAGSTONE_LISTEN.",
            config.listen
        )),
    }
}

fn shipped(config: &Config) -> Verdict {
    match templates::read(config.templates_dir.as_deref()) {
        Ok(packages) => {
            let names: Vec<_> = packages
                .iter()
                .map(|package| format!("{} {}", package.manifest.id, package.manifest.version))
                .collect();
            Found(names.join(", "))
        }
        Err(faults) => Missing(faults.join(" ")),
    }
}

async fn web_client(config: &Config) -> Verdict {
    if web::is_there(config).await {
        return Found(config.web_dir.as_ref().map_or("that of this build".to_owned(), |dir| dir.display().to_string()));
    }
    Advice("This build has none: `make up` builds it, and FLAGSTONE_WEB_DIR names a folder that has one.".to_owned())
}

async fn terraform(config: &Config) -> Verdict {
    if config.runner.capacity == 0 {
        return Found("not needed: there is no embedded runner".to_owned());
    }
    let mut terraform = match SupervisorCommand::own() {
        Ok(supervisor) => TerraformConfig::new(supervisor),
        Err(error) => return Missing(format!("the program cannot find itself: {error}.")),
    };
    terraform.binary.clone_from(&config.runner.terraform);
    match Terraform::new(terraform).detect().await {
        Ok(found) => Found(format!("{found} in {}", found.binary.display())),
        Err(error) => Missing(format!("{error} Without it every plan fails.")),
    }
}

fn mirror(config: &Config) -> Verdict {
    match &config.runner.terraform_mirror {
        Some(dir) if dir.is_dir() => Found(dir.display().to_string()),
        Some(dir) => Missing(format!("FLAGSTONE_TERRAFORM_MIRROR: {} is not a directory.", dir.display())),
        None => Advice(
            "none: providers are fetched from their registry for each job. `terraform providers mirror` makes one; name \
             it in FLAGSTONE_TERRAFORM_MIRROR."
                .to_owned(),
        ),
    }
}

fn supervisor() -> Verdict {
    match SupervisorCommand::own() {
        Ok(command) if command.program.exists() => Found("this program".to_owned()),
        Ok(command) => Missing(format!("{} is not there: is /proc mounted?", command.program.display())),
        Err(error) => Missing(format!("the program cannot find itself: {error}.")),
    }
}

fn limits(config: &Config) -> Verdict {
    let (confinement, told) = crate::runner::confine(&config.runner, &config.data_dir);
    let is_lacking = config.runner.sandbox && confinement.sandbox.is_none();
    if is_lacking { Advice(told) } else { Found(told) }
}

fn https(config: &Config) -> Verdict {
    match (config.is_https(), config.mode) {
        (true, _) => Found(config.public_url.clone()),
        (false, Mode::Development) => Found("not needed on loopback".to_owned()),
        (false, Mode::Production) => Advice(format!(
            "clients come to {}: put a proxy with TLS before it, and set FLAGSTONE_PUBLIC_URL and \
             FLAGSTONE_TRUSTED_PROXIES.",
            config.public_url
        )),
    }
}
