//! Eight hours of a simulated fleet, and the same fleet for any AWS client.

#![deny(clippy::print_stderr, clippy::print_stdout, reason = "the crate terminal makes hidden characters visible")]

mod report;
mod screen;
pub mod serve;
mod simulation;
mod verbose;

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use clap::Args;
use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use terminal::Charset;
use terminal::kind::Kind;
use terminal::output::{Output, say};
use terminal::page::{Page, Piece, shortened};
use terminal::progress::draw_target;
use terminal::text::safe;

use simulation::Step;

/// How long a step is shown in a terminal, so that people can follow.
const PAUSE: Duration = Duration::from_millis(40);

/// Run the updater against a simulated AWS in a few seconds: observe, plan, update, watch, notify
///
/// The real handlers of both Lambda functions talk through the real AWS SDK, over HTTP, to a simulated AWS in this process:
/// four clusters with node groups of every AMI family. prod gets a release once dev and staging have run it, one node group
/// waits for its window, one update fails and is retried, one hangs, and a release that breaks nodes is quarantined.
/// Eight hours pass in a few seconds.
#[derive(Args)]
pub struct Demo {
    /// Print everything: the plans, every update, the table, the messages, and each function's AWS calls
    #[arg(long, short)]
    pub verbose: bool,
}

/// How this program is called, for what it suggests next.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// The demo.
    pub demo: &'static str,
    /// The simulated AWS for other clients.
    pub serve: &'static str,
}

impl Program {
    /// From a clone of the repository.
    pub const CARGO: Self = Self { demo: "cargo run -p demo --", serve: "cargo run -p demo --bin serve" };
    /// The installed command line.
    pub const INSTALLED: Self = Self { demo: "eks-nodegroup-updater demo", serve: "eks-nodegroup-updater serve" };
}

impl Demo {
    /// Runs the simulation and prints what happened.
    ///
    /// # Errors
    /// When a run failed as a whole, which no fault in the fleet causes, or stdout is closed.
    pub async fn run(self, output: Output, program: Program) -> anyhow::Result<()> {
        let bar = progress_bar();
        let report = simulation::run(async |step| show(&bar, &step).await).await?;
        bar.println("");
        bar.finish_and_clear();
        let draw = if self.verbose { verbose::draw } else { screen::draw };
        output.print(&report, |page| draw(page, &report, program)).map(drop)
    }
}

/// How a program of this crate ends; an error is printed.
#[must_use]
pub fn ended(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// A progress bar on a terminal; elsewhere nothing.
fn progress_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix} {wide_bar:.green} {msg}").ok().zip(draw_target());
    let Some((style, target)) = style else { return ProgressBar::hidden() };
    let signs = if Charset::here() == Charset::Unicode { "━╸ " } else { "=> " };
    let bar = ProgressBar::with_draw_target(Some(simulation::STEPS), target);
    bar.with_style(style.progress_chars(signs)).with_finish(ProgressFinish::AndClear)
}

async fn show(bar: &ProgressBar, step: &Step) {
    if bar.is_hidden() {
        return;
    }
    let is_colored = AutoStream::choice(&io::stderr()) != ColorChoice::Never;
    let time = report::clock(step.now);
    for news in &step.news {
        let style = news.kind.filter(|_| is_colored).map(Kind::style).unwrap_or_default();
        let sign = Piece::new(style, news.kind.map_or("✉", Kind::glyph));
        let mut page = Page::here();
        let text = shortened(&safe(&news.text), usize::from(page.width).saturating_sub(time.len() + 5));
        let (before, after) = (format!("{time}  "), format!(" {text}"));
        page.pieces(before.len(), &[Piece::plain(&before), sign, Piece::plain(&after)]);
        bar.println(page.text().trim_end());
    }
    bar.set_message(format!("{} in progress", step.in_progress));
    bar.set_prefix(time);
    bar.inc(1);
    tokio::time::sleep(PAUSE).await;
}
