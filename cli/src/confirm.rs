//! The question before something is changed.

use std::io::{self, IsTerminal as _};
use std::thread;

use tokio::sync::oneshot;

use crate::failure::Failure;
use terminal::output::{ask, say};

/// Asks on the terminal whether to continue; `yes` is an answer given in advance, with `--yes`. After a "no", it prints that
/// nothing was changed.
///
/// # Errors
/// When there is no terminal, or the answer cannot be read.
pub async fn confirm(question: &str, yes: bool) -> Result<bool, Failure> {
    if yes {
        return Ok(true);
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::usage(
            "this command changes something and needs a confirmation, but there is no terminal",
        )
        .hint("Use --yes to confirm without a terminal."));
    }
    ask(&format!("{question} [y/N]"));
    let (sender, answer) = oneshot::channel();
    // Not a thread of tokio, for which the program would wait: so Ctrl-C ends it while the question is open.
    thread::spawn(move || {
        let mut line = String::new();
        sender.send(io::stdin().read_line(&mut line).map(|_| line))
    });
    let answer = answer.await.map_err(|_| Failure::new("the answer was not read"))?;
    let goes_on = is_yes(&answer.map_err(|error| Failure::new(format!("reading the answer: {error}")))?);
    if !goes_on {
        say("Nothing was changed.");
    }
    Ok(goes_on)
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        let answers = ["y\n", "Yes\r\n", "", "\n", "n\n", "no\n", "yesterday\n"];
        assert_eq!(answers.map(is_yes), [true, true, false, false, false, false, false]);
    }
}
