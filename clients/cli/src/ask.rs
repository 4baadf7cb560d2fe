//! Questions to the person at the terminal. Without one nobody is asked: the command says which option answers.

use std::fs;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::Path;

use crate::config::named;
use crate::failure::Failure;

/// Whether somebody can be asked.
pub(crate) fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks for a line. `option` is what to give where nobody can be asked.
pub(crate) fn line(question: &str, option: &str) -> Result<String, Failure> {
    if !is_interactive() {
        return Err(Failure::Usage(format!("There is no terminal to ask on. Give {option}.")));
    }
    let mut stderr = io::stderr();
    write!(stderr, "{question} ")?;
    stderr.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim().to_owned())
}

/// Asks for consent, unless it was given by `--yes`.
pub(crate) fn consent(question: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    match line(&format!("{question} [y/N]"), "--yes")?.to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::Declined),
    }
}

/// Asks to type a word before something is destroyed, unless consent was given by `--yes`.
pub(crate) fn typed(question: &str, word: &str, yes: bool) -> Result<(), Failure> {
    if yes || line(&format!("{question} Type `{word}` to go on:"), "--yes")? == word {
        return Ok(());
    }
    Err(Failure::Declined)
}

/// Asks for a password without showing it.
pub(crate) fn password(question: &str, option: &str) -> Result<String, Failure> {
    if !is_interactive() {
        return Err(Failure::Usage(format!("There is no terminal to ask on. Give {option}.")));
    }
    Ok(rpassword::prompt_password(format!("{question} "))?)
}

/// The first lines of a file or, without one, of stdin, without their ends: one secret on each.
pub(crate) fn secrets(file: Option<&Path>) -> Result<Vec<String>, Failure> {
    let text = match file {
        Some(path) => fs::read_to_string(path).map_err(|error| named(path, &error))?,
        None => io::read_to_string(io::stdin())?,
    };
    Ok(text.lines().map(str::to_owned).collect())
}
