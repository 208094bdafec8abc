//! Asking before something is changed.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use crate::failure::{Exit, Failure};
use crate::output::say;

/// Whether to go on: `--yes` says so, or whoever sits at the terminal.
///
/// # Errors
/// When nobody can be asked.
pub fn confirm(question: &str, yes: bool) -> Result<bool, Failure> {
    if yes {
        return Ok(true);
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::usage("there is no terminal to ask on").hint("Give --yes to go on without being asked."));
    }
    let mut stderr = anstream::stderr();
    let mut answer = String::new();
    let asked = write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush());
    let read = asked.and_then(|()| io::stdin().lock().read_line(&mut answer));
    read.map_err(|error| Failure::new(format!("asking: {error}")))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Says that the answer was no.
pub fn unchanged() -> Exit {
    say("Nothing was changed.");
    Exit::Done
}
