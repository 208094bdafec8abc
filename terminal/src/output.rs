//! How a command prints: tables for people, JSON for programs.

use std::env;
use std::ffi::OsString;
use std::io::{self, Write as _};

use anyhow::Context as _;
use clap::ValueEnum;
use serde::Serialize;

use crate::charset::Charset;
use crate::hidden::is_hidden;
use crate::message::Message;
use crate::page::Page;
use crate::progress::aside;

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
        match self {
            Self::Table => {
                let mut page = Page::here();
                draw(&mut page);
                page.print()
            }
            Self::Json => print(&(serde_json::to_string_pretty(document).context("writing JSON")? + "\n")),
        }
    }
}

impl Page {
    /// Prints the page on stdout.
    ///
    /// # Errors
    /// As [`print()`].
    pub fn print(&self) -> anyhow::Result<Reader> {
        print(self.text())
    }

    /// Prints the page on stderr, apart from the answer.
    pub fn say(&self) {
        on_stderr(self.text());
    }
}

/// Prints a document as one line, so that each of several is read as soon as it is there: [JSON Lines](https://jsonlines.org).
///
/// # Errors
/// As [`print()`].
pub fn print_line<T: Serialize>(document: &T) -> anyhow::Result<Reader> {
    print(&(serde_json::to_string(document).context("writing JSON")? + "\n"))
}

/// Prints text for a program on stdout, such as a script: as it is.
///
/// # Errors
/// When it cannot be written for another reason than that its reader has read enough, as `head` does.
pub fn print(text: &str) -> anyhow::Result<Reader> {
    let mut stdout = anstream::stdout();
    match aside(|| stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())) {
        Ok(()) => Ok(Reader::There),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(error).context("printing"),
    }
}

/// Prints a message on stderr, apart from the answer.
pub fn say(message: impl Into<Message>) {
    on_stderr(&(message.into().show(Charset::here()) + "\n"));
}

/// Prints a question on stderr; the answer is written behind it.
pub fn ask(question: &str) {
    on_stderr(&Charset::here().show(&format!("{question} ")));
}

/// Prints help on stdout, or what is wrong with the arguments on stderr.
pub fn print_usage(usage: &clap::Error) {
    let text = usage.render().to_string();
    let shown: String = text.lines().map(|line| Charset::here().show(line).into_owned() + "\n").collect();
    let is_shown = |argument: OsString| !argument.to_string_lossy().contains(is_hidden);
    // A closed stdout or stderr is no error.
    let _ = if shown == text && env::args_os().all(is_shown) {
        usage.print()
    } else if usage.use_stderr() {
        on_stderr(&shown);
        Ok(())
    } else {
        print(&shown).map(drop).map_err(io::Error::other)
    };
}

fn on_stderr(text: &str) {
    // A closed stderr is no error.
    let mut stderr = anstream::stderr();
    let _ = aside(|| stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush()));
}
