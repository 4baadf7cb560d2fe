//! The benchmarks. Everything that is compared runs in one go on one machine, in turns, and is printed as ratios: numbers
//! of different days or machines say nothing about each other.
//!
//! `make bench` builds the server and this program and runs all of it, which takes some ten minutes. Subjects that are named
//! run alone, and replace their own parts of the file of results. Nothing here fails because a machine is slow.

#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

mod access;
mod client;
mod list;
mod load;
mod login;
mod machine;
mod order;
mod peer;
mod report;
mod request;
mod results;
mod revoke;
mod runner;
mod seal;
mod seed;
mod stack;
mod start;
mod stats;
mod tail;
mod unary;
mod write;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use crate::stack::Stack;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Why a benchmark could not be run.
type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T, E = Error> = std::result::Result<T, E>;

/// Measures Flagstone and prints the results as Markdown.
#[derive(Parser)]
struct Program {
    #[command(subcommand)]
    command: Option<Command>,
    /// Only these subjects; all where none is named
    #[arg(value_enum)]
    subjects: Vec<Subject>,
    /// Also write the results to this file, each part in the place of its older self
    #[arg(long)]
    write: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Serves as the bare peer; started by the benchmarks themselves
    #[command(hide = true)]
    Peer(peer::Options),
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Subject {
    /// A read by name against the same query in a bare server
    Get,
    /// A call without database against a hello-world
    Hello,
    /// Other calls during a storm of logins
    Login,
    /// Pages from a small and from a large table
    List,
    /// Decisions about permissions, alone and through the edge
    Access,
    /// How long a right works that was taken away
    Revoke,
    /// A write with everything it leaves behind against a bare INSERT
    Write,
    /// Sealing, exporting and verifying the audit
    Seal,
    /// The live log
    Tail,
    /// An order from CreateRequest to COMPLETED
    Request,
    /// Start, idle memory and CPU time, size
    Start,
}

/// What the file of results begins with.
const BEGINNING: &str = "## Benchmarks

`make bench` runs all of it and writes this file; `target/release/flagstone-bench --write benches/RESULTS.md revoke` runs one
subject and replaces its part. Each part ends with when and on what it was taken.
";

fn main() -> ExitCode {
    let program = Program::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let done = runtime.map_err(Error::from).and_then(|runtime| match program.command {
        Some(Command::Peer(options)) => runtime.block_on(peer::serve(options)),
        None => runtime.block_on(async {
            tokio::select! {
                done = run(&program.subjects, program.write) => done,
                // Ends the servers and the cluster, as the end of a run does.
                _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
            }
        }),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(wanted: &[Subject], file: Option<PathBuf>) -> Result<()> {
    let stack = Stack::start().await?;
    let taken = format!("Taken on {} on {}", chrono::Utc::now().format("%-d %B %Y"), machine::describe());
    println!("{BEGINNING}");
    for subject in Subject::value_variants() {
        if !wanted.is_empty() && !wanted.contains(subject) {
            continue;
        }
        let section = match subject {
            Subject::Get => unary::get(&stack).await?,
            Subject::Hello => unary::hello(&stack).await?,
            Subject::Login => login::login(&stack).await?,
            Subject::List => list::list(&stack).await?,
            Subject::Access => access::access(&stack).await?,
            Subject::Revoke => revoke::revoke(&stack).await?,
            Subject::Write => write::write(&stack).await?,
            Subject::Seal => seal::seal(&stack).await?,
            Subject::Tail => tail::tail(&stack).await?,
            Subject::Request => request::request(&stack).await?,
            Subject::Start => start::start(&stack).await?,
        };
        let section = section.render(&taken);
        println!("{section}");
        // What was measured stays, whatever becomes of the next.
        if let Some(path) = &file {
            let known = std::fs::read_to_string(path).unwrap_or_else(|_| BEGINNING.to_owned());
            std::fs::write(path, results::put(&known, &section))?;
        }
    }
    stack.stop().await;
    Ok(())
}
