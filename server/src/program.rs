//! `flagstone-server`: one program, whose first argument says what it is to be.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::config::{self, LogFormat, Mode, RunnerSettings, Secrets, Settings};
use crate::shutdown::Signals;
use crate::{dev, doctor, runner, serve};

/// Flagstone's server.
#[derive(Parser)]
#[command(name = "flagstone-server", version, about, max_term_width = 120)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs on this machine for trying things out: brings its own database, accounts and runner
    Dev(Box<Settings>),
    /// Runs for production; needs DATABASE_URL and FLAGSTONE_MASTER_KEY, or files named by them with `_FILE` appended
    Serve(Box<Settings>),
    /// Runs jobs for a server elsewhere: dials out, joins with a one-time token, needs no way in
    Runner(Box<RunnerSettings>),
    /// Tells what `serve` (or `dev`) would find and miss on this machine, and what to do about it
    Doctor {
        /// Look with the eyes of `dev`, which brings its own database and key
        #[arg(long)]
        dev: bool,
        #[command(flatten)]
        settings: Box<Settings>,
    },
    /// Brings the schema of the database DATABASE_URL up to date
    Migrate {
        /// Undo the last migration instead; what it added is lost
        #[arg(long)]
        revert: bool,
    },
    /// Runs one engine for a runner; not for people
    #[command(hide = true)]
    Supervise,
    /// Prints the version
    Version,
}

/// Runs what the command line says.
pub fn run() -> ExitCode {
    let command = Program::parse().command;
    if matches!(command, Command::Supervise) {
        // Without runtime and threads: it is started for every engine.
        return flagstone_engines::supervisor::main();
    }
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(execute(command)),
        Err(error) => fail([format!("The runtime cannot be started: {error}.")]),
    }
}

async fn execute(command: Command) -> ExitCode {
    match command {
        Command::Dev(settings) => {
            log(&settings.log, settings.log_format.unwrap_or(LogFormat::Text));
            dev::run(&settings).await
        }
        Command::Serve(settings) => {
            log(&settings.log, settings.log_format.unwrap_or(LogFormat::Json));
            production(&settings).await
        }
        Command::Runner(settings) => {
            log(&settings.log, settings.log_format.unwrap_or(LogFormat::Json));
            runner::remote::run(&settings).await
        }
        Command::Doctor { dev, settings } => {
            doctor::run(&settings, if dev { Mode::Development } else { Mode::Production }).await
        }
        Command::Migrate { revert } => migrate(revert).await,
        Command::Version | Command::Supervise => {
            say(env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
    }
}

async fn production(settings: &Settings) -> ExitCode {
    let config = match config::load(settings) {
        Ok(config) => config,
        Err(problems) => return fail(problems),
    };
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => return fail([format!("Signals cannot be listened to: {error}.")]),
    };
    let running = tokio::select! {
        started = serve::start(config) => match started {
            Ok(running) => running,
            Err(error) => return fail(error.0),
        },
        () = signals.next() => return ExitCode::SUCCESS,
    };
    signals.next().await;
    stop(running, &mut signals).await
}

/// Stops a server in order; a second signal ends the wait.
pub async fn stop(running: serve::Running, signals: &mut Signals) -> ExitCode {
    tokio::select! {
        drained = running.stop() => if drained { ExitCode::SUCCESS } else { ExitCode::FAILURE },
        () = signals.next() => ExitCode::from(130),
    }
}

async fn migrate(revert: bool) -> ExitCode {
    let url = match Secrets::read() {
        Ok(Secrets { database_url: Some(url), .. }) => url,
        Ok(_) => return fail(["DATABASE_URL is not set: give the address of a PostgreSQL database."]),
        Err(problems) => return fail(problems),
    };
    let done = if revert {
        flagstone_db::migrate::revert_last(url.expose()).await.map(|version| match version {
            Some(version) => vec![format!("Reverted {version}.")],
            None => vec!["There is nothing to revert.".to_owned()],
        })
    } else {
        flagstone_db::migrate::migrate(url.expose()).await.map(|names| match names.as_slice() {
            [] => vec!["The schema is up to date.".to_owned()],
            names => names.iter().map(|name| format!("Ran {name}.")).collect(),
        })
    };
    match done {
        Ok(lines) => {
            lines.iter().for_each(say);
            ExitCode::SUCCESS
        }
        Err(error) => fail([crate::status::chain(&error)]),
    }
}

/// Writes log lines to standard error, each with the fields of its call.
fn log(directives: &str, format: LogFormat) {
    let filter = EnvFilter::try_new(directives).unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours);
    // A second start in one process keeps the first one's log.
    let _ = match format {
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).try_init(),
        LogFormat::Text => lines.with_target(false).compact().try_init(),
    };
}

/// Prints a line for whoever started the program. Nobody may be listening.
pub fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Prints why it does not start, one sentence a line.
pub fn fail(problems: impl IntoIterator<Item = impl Display>) -> ExitCode {
    let mut stderr = std::io::stderr().lock();
    for problem in problems {
        let _ = writeln!(stderr, "flagstone-server: {problem}");
    }
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Program::command().debug_assert();
    }
}
