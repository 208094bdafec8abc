//! The whole story in one command.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::play::{self, Moment};
use crate::{page, render};

/// How long a moment of the story stays in a terminal, so that eyes can follow.
const PAUSE: Duration = Duration::from_millis(40);

/// Run the whole story in a few seconds: find, plan, update, follow, tell
///
/// The real handlers of both Lambda functions talk through the real AWS SDK, over HTTP, to a simulated AWS in this process:
/// four clusters with node groups of every AMI family. prod takes a release when dev and staging have proved it, one group
/// waits for its window, one update fails and is tried again, one hangs, and a release that breaks nodes is quarantined.
/// Eight hours pass in a few seconds.
#[derive(Args)]
pub struct Demo {
    /// Tables for people, or one JSON document with the same content
    #[arg(long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Clone, Copy, ValueEnum)]
enum Output {
    Table,
    Json,
}

impl Demo {
    /// Runs the story and prints it.
    ///
    /// # Errors
    /// When a run failed as a whole, which no fault of the fleet brings about, or stdout is closed.
    pub async fn run(self) -> anyhow::Result<()> {
        let bar = progress_bar();
        let story = play::play(async |moment| show(&bar, &moment).await).await?;
        bar.println("");
        bar.finish_and_clear();
        let text = match self.output {
            Output::Table => render::story(&story, page::width()),
            Output::Json => serde_json::to_string_pretty(&story).context("writing the story as JSON")? + "\n",
        };
        match anstream::stdout().write_all(text.as_bytes()) {
            // Whoever reads has read enough, as `head` does.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            printed => printed.context("printing the story"),
        }
    }
}

/// A bar on a terminal; elsewhere nothing.
fn progress_bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(play::MOMENTS), ProgressDrawTarget::stderr());
    match ProgressStyle::with_template("{prefix} {wide_bar:.green} {msg}") {
        Ok(style) if io::stderr().is_terminal() => bar.with_style(style.progress_chars("━╸ ")),
        _ => ProgressBar::hidden(),
    }
}

async fn show(bar: &ProgressBar, moment: &Moment) {
    if bar.is_hidden() {
        return;
    }
    let time = moment.now.strftime("%H:%M").to_string();
    for line in &moment.news {
        bar.println(format!("{time}  {line}"));
    }
    bar.set_message(format!("{} in progress", moment.in_progress));
    bar.set_prefix(time);
    bar.inc(1);
    tokio::time::sleep(PAUSE).await;
}
