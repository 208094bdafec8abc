//! The whole job in one command.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::failure::Failure;
use crate::output::{Output, print};
use crate::simulation::{self, Step};
use crate::{page, render};

/// How long a step is shown in a terminal, so that people can follow.
const PAUSE: Duration = Duration::from_millis(40);

/// Run the updater against a simulated AWS in a few seconds: observe, plan, update, watch, notify
///
/// The real handlers of both Lambda functions talk through the real AWS SDK, over HTTP, to a simulated AWS in this process:
/// four clusters with node groups of every AMI family. prod gets a release once dev and staging have run it, one node group
/// waits for its window, one update fails and is retried, one hangs, and a release that breaks nodes is quarantined. Eight
/// hours pass in a few seconds.
#[derive(Args)]
pub struct Demo {}

impl Demo {
    /// Runs the simulation and prints what happened.
    ///
    /// # Errors
    /// When a run failed as a whole, which no fault in the fleet causes, or stdout is closed.
    pub async fn run(self, output: Output) -> Result<(), Failure> {
        let bar = progress_bar();
        let report = simulation::run(async |step| show(&bar, &step).await).await?;
        bar.println("");
        bar.finish_and_clear();
        let text = match output {
            Output::Table => render::report(&report, page::width()),
            Output::Json => serde_json::to_string_pretty(&report).context("writing the report as JSON")? + "\n",
        };
        print(&text).map(drop)
    }
}

/// A progress bar on a terminal; elsewhere nothing.
fn progress_bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(simulation::STEPS), ProgressDrawTarget::stderr());
    match ProgressStyle::with_template("{prefix} {wide_bar:.green} {msg}") {
        Ok(style) if io::stderr().is_terminal() => bar.with_style(style.progress_chars("━╸ ")),
        _ => ProgressBar::hidden(),
    }
}

async fn show(bar: &ProgressBar, step: &Step) {
    if bar.is_hidden() {
        return;
    }
    let time = step.now.strftime("%H:%M").to_string();
    for line in &step.news {
        bar.println(format!("{time}  {line}"));
    }
    bar.set_message(format!("{} in progress", step.in_progress));
    bar.set_prefix(time);
    bar.inc(1);
    tokio::time::sleep(PAUSE).await;
}
