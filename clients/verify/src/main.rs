//! `flagstone-verify`: checks an export of the audit, without the server.

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use flagstone_verify::{Error, Keys, Older, Report, verify};

const EXIT_CODES: &str = "Exit codes:
  0  nothing was changed
  1  something was changed, removed, inserted or moved; each finding is a line on stdout
  2  the command line is wrong
  3  the file, the key or the older file cannot be read

What can be told: an entry whose content was changed is named. Where its leaf hash was changed with it, the block of
at most 256 entries is named. Where somebody computed all hashes anew, the signed root still differs: give --previous with
an older export, and each entry that differs from it is named. Only the holder of the signing key can make a file that
passes; a whole file of an earlier day passes, too: look at the time of its checkpoint.";

/// Checks an exported audit against the server's public keys: every leaf hash, the numbers without gap, the tree, the
/// signature, and that it continues an older export or checkpoint.
#[derive(Parser)]
#[command(name = "flagstone-verify", version, after_help = EXIT_CODES)]
struct Arguments {
    /// The export, NDJSON or CSV
    export: PathBuf,
    /// The server's public keys: a JWKS, one JWK or PEM file
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// An older export or checkpoint that this one has to continue
    #[arg(long, value_name = "FILE")]
    previous: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(report) => {
            let printed = print(&report);
            match (report.is_good(), printed) {
                (_, Err(_)) => ExitCode::from(3),
                (true, Ok(())) => ExitCode::SUCCESS,
                (false, Ok(())) => ExitCode::FAILURE,
            }
        }
        Err(error) => {
            // Nobody may be reading: the code tells.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::from(3)
        }
    }
}

fn run(arguments: &Arguments) -> Result<Report, Error> {
    let keys = Keys::read(&at(&arguments.key, std::fs::read_to_string(&arguments.key))?);
    let keys = keys.ok_or_else(|| Error::Form(format!("{} has no Ed25519 key.", arguments.key.display())))?;
    let older = arguments.previous.as_deref().map(|path| Older::open(path, &keys)).transpose()?;
    let export = at(&arguments.export, File::open(&arguments.export))?;
    verify(BufReader::with_capacity(1 << 20, export), &keys, older)
}

fn at<T>(path: &Path, done: io::Result<T>) -> Result<T, Error> {
    done.map_err(|error| Error::Form(format!("{}: {error}", path.display())))
}

fn print(report: &Report) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for line in report.lines() {
        writeln!(out, "{line}")?;
    }
    out.flush()
}
