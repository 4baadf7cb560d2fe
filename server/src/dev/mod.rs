//! `flagstone-server dev`: everything on one machine, for trying things out. It needs nothing but itself and PostgreSQL's
//! programs, keeps all it makes in one directory, and finds it again at the next start.

mod account;
pub mod binaries;
pub mod postgres;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;

use postgres::Postgres;

use crate::bootstrap::{generate_password, write_private};
use crate::config::{Account, Config, Mode, Secret, Secrets, Settings};
use crate::edge::web;
use crate::program::{fail, say, stop};
use crate::serve;
use crate::shutdown::Signals;

/// The generated passwords, by username.
const ACCOUNTS_FILE: &str = "accounts.json";

/// The generated master key.
const MASTER_KEY_FILE: &str = "master.key";

/// Runs until it is asked to end, then stops all that it started.
pub async fn run(settings: &Settings) -> ExitCode {
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => return fail([format!("Signals cannot be listened to: {error}.")]),
    };
    let mut postgres = None;
    let exit = tokio::select! {
        started = start(settings, &mut postgres) => match started {
            Ok((running, config)) => {
                announce(&running, &config, web::is_there(&config).await);
                signals.next().await;
                say("Stopping. Press Ctrl-C again to end at once.");
                stop(running, &mut signals).await
            }
            Err(problems) => fail(problems),
        },
        () = signals.next() => ExitCode::SUCCESS,
    };
    if let Some(postgres) = postgres {
        tokio::select! {
            () = postgres.stop() => {}
            () = signals.next() => {}
        }
    }
    exit
}

/// Starts the database, unless the environment names one, then the server.
async fn start(settings: &Settings, postgres: &mut Option<Postgres>) -> Result<(serve::Running, Config), Vec<String>> {
    let mut secrets = Secrets::read()?;
    let data_dir = settings.data_dir(Mode::Development);
    let cannot = |error: io::Error| vec![format!("{} cannot be used: {error}.", data_dir.display())];
    make_private(&data_dir).map_err(cannot)?;
    if secrets.database_url.is_none() {
        let started = Postgres::start(&data_dir.join("postgres")).await.map_err(|error| vec![error.to_string()])?;
        secrets.database_url = Some(Secret::new(started.url()));
        *postgres = Some(started);
    }
    if secrets.master_key.is_none() {
        secrets.master_key = Some(master_key(&data_dir).map_err(cannot)?);
    }
    let mut config = settings.config(Mode::Development, secrets)?;
    config.trial = true;
    give_passwords(&mut config, &data_dir).map_err(cannot)?;
    let running = serve::start(config.clone()).await.map_err(|error| error.0)?;
    Ok((running, config))
}

/// Makes a directory that others can pass through but not look into: PostgreSQL may run as another user.
fn make_private(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o711))
}

/// The master key of this directory, made on the first start.
fn master_key(data_dir: &Path) -> io::Result<Secret> {
    let path = data_dir.join(MASTER_KEY_FILE);
    match fs::read_to_string(&path) {
        Ok(key) => Ok(Secret::new(key.trim_end())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut random = [0; 32];
            getrandom::fill(&mut random).map_err(io::Error::other)?;
            let key = Secret::new(hex::encode(random));
            write_private(&path, key.expose())?;
            Ok(key)
        }
        Err(error) => Err(error),
    }
}

/// Gives every account without a password the one of the last start, or a new one.
fn give_passwords(config: &mut Config, data_dir: &Path) -> io::Result<()> {
    let path = data_dir.join(ACCOUNTS_FILE);
    let mut known: BTreeMap<String, String> = match fs::read_to_string(&path) {
        Ok(text) => serde_json::from_str(&text)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
        Err(error) => return Err(error),
    };
    let before = known.len();
    for account in accounts_mut(config) {
        if account.password.is_none() {
            let password = match known.get(&account.username) {
                Some(password) => password.clone(),
                None => generate_password().map_err(io::Error::other)?.expose().to_owned(),
            };
            known.insert(account.username.clone(), password.clone());
            account.password = Some(Secret::new(password));
        }
    }
    if known.len() > before {
        write_private(&path, &serde_json::to_string_pretty(&known)?)?;
    }
    Ok(())
}

fn accounts_mut(config: &mut Config) -> Vec<&mut Account> {
    let mut accounts = vec![&mut config.admin];
    if let Some(dev) = &mut config.dev_accounts {
        accounts.extend([&mut dev.developer, &mut dev.approver]);
    }
    accounts
}

/// Says where it is, who can log in, and what to try: for somebody who has read nothing.
fn announce(running: &serve::Running, config: &Config, has_web_client: bool) {
    let address = running.address;
    let ready = if has_web_client {
        format!("Open http://{address} in a browser.")
    } else {
        format!("Flagstone is ready at http://{address}, without its web client: `make up` builds that.")
    };
    let mut lines = vec![String::new(), ready, String::new()];
    let mut accounts = vec![(&config.admin, "administrator: may do everything, but not approve what is their own")];
    if let Some(dev) = &config.dev_accounts {
        accounts = vec![
            (&dev.developer, "senior engineer: orders, changes and destroys in development and staging"),
            (&dev.approver, "IT engineer: approves or rejects what others order, and orders nothing"),
            accounts[0],
        ];
    }
    for (account, can) in accounts {
        let password = account.password.as_ref().map(Secret::expose).unwrap_or_default();
        lines.push(format!("  {:<10} {password:<28} {can}", account.username));
    }
    if let Some(dev) = &config.dev_accounts {
        let (developer, approver) = (&dev.developer.username, &dev.approver.username);
        lines.extend([
            String::new(),
            format!("To try: as {developer}, order config-bundle in development; its policy approves the plan, and you watch it"),
            format!("happen. Order it in staging, and its plan waits until {approver} approves it (in a private window)."),
        ]);
    }
    let developer = config.dev_accounts.as_ref().map_or(&config.admin, |dev| &dev.developer);
    lines.extend([
        String::new(),
        format!("  CLI       flagstone login --server http://{address} --username {}", developer.username),
        format!("  grpcurl   grpcurl -plaintext {address} describe flagstone.v1.RequestService"),
        String::new(),
        format!("Its data are in {}. Ctrl-C stops everything.", config.data_dir.display()),
    ]);
    lines.iter().for_each(say);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_start_finds_the_key_and_the_passwords() {
        let dir = tempfile::tempdir().unwrap();
        let start = || {
            let key = master_key(dir.path()).unwrap();
            let mut config = Config::new(Mode::Development, "postgres://x/y", key.clone(), dir.path().into());
            give_passwords(&mut config, dir.path()).unwrap();
            let passwords: Vec<_> =
                accounts_mut(&mut config).iter().map(|account| account.password.clone().unwrap()).collect();
            (key, passwords)
        };
        let first = start();
        assert_eq!(first.1.len(), 3);
        assert!(first == start());
        for file in [MASTER_KEY_FILE, ACCOUNTS_FILE] {
            let mode = fs::metadata(dir.path().join(file)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
    }
}
