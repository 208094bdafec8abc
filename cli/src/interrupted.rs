//! Ctrl-C.

use std::io::{self, IsTerminal as _};

use terminal::output::say;

/// Waits for Ctrl-C. On a terminal, what is said after it begins in a line of its own, not behind the `^C`.
pub async fn interrupted() {
    // Without signals there is no interruption.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
    if io::stderr().is_terminal() {
        say("");
    }
}
