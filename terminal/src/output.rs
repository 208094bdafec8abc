//! How a command prints: tables for people, JSON for programs.

use std::io::{self, IsTerminal as _, Write as _};

use anyhow::Context as _;
use clap::ValueEnum;
use serde::Serialize;

use crate::page::Page;

/// How a command prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Text and tables for people.
    Table,
    /// One JSON document.
    Json,
}

/// Whether the output still has a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// As far as is known.
    There,
    /// As after `head`.
    Gone,
}

impl Output {
    /// Prints a document, or the page that shows it.
    ///
    /// # Errors
    /// As [`print()`].
    pub fn print<T: Serialize>(self, document: &T, draw: impl FnOnce(&mut Page)) -> anyhow::Result<Reader> {
        let text = match self {
            Self::Table => {
                let mut page = Page::here();
                draw(&mut page);
                page.text
            }
            Self::Json => serde_json::to_string_pretty(document).context("writing JSON")? + "\n",
        };
        print(&text)
    }
}

/// Prints text on stdout.
///
/// # Errors
/// When it cannot be written for another reason than that its reader has read enough, as `head` does.
pub fn print(text: &str) -> anyhow::Result<Reader> {
    let mut stdout = anstream::stdout();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(Reader::There),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(error).context("printing"),
    }
}

/// Clears the terminal; elsewhere the answers follow each other.
///
/// # Errors
/// As [`print()`].
pub fn clear() -> anyhow::Result<()> {
    if io::stdout().is_terminal() { print("\x1b[2J\x1b[H").map(drop) } else { Ok(()) }
}

/// Prints a message on stderr, apart from the answer.
pub fn say(text: &str) {
    // A closed stderr is no error.
    let _ = writeln!(anstream::stderr(), "{text}");
}
