//! `flagstone`, the command line of Flagstone.

mod ask;
mod change;
mod cli;
mod commands;
mod config;
mod context;
mod credentials;
mod failure;
mod inputs;
mod names;
mod output;
mod progress;
mod render;
mod text;
mod wait;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;
use crate::failure::Failure;

fn main() -> ExitCode {
    // Help and version end here with 0, a wrong command line with 2.
    let cli = Cli::parse();
    // One thread: a command waits for one thing at a time.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failure::report(&Failure::Io(error)),
    };
    let outcome = runtime.block_on(commands::run(cli));
    // A thread that waits for a lock must not keep the program.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure::report(&failure),
    }
}
