//! The progress of a long command: a bar on a terminal, and nothing elsewhere.

use std::io::{self, IsTerminal as _};
use std::pin::pin;
use std::time::Duration;

use eks_nodegroup_updater::aws::pace::Eks;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The interval of the spinner.
const TICK: Duration = Duration::from_millis(120);
/// How often the pace of EKS is read, and the calls a second above which it is not shown.
const PACE: Duration = Duration::from_secs(1);
const SLOW: f64 = 50.0;

/// The progress of a long command.
pub struct Progress(ProgressBar);

impl Progress {
    /// A bar with this number of items.
    pub fn over(number: usize, things: &'static str) -> Self {
        let number = u64::try_from(number).unwrap_or(u64::MAX);
        let style = ProgressStyle::with_template("{wide_bar:.green} {pos} of {len} {msg}");
        let bar = match style {
            Ok(style) if io::stderr().is_terminal() => {
                let bar = ProgressBar::with_draw_target(Some(number), ProgressDrawTarget::stderr());
                bar.with_style(style.progress_chars("━╸ ")).with_message(things)
            }
            _ => ProgressBar::hidden(),
        };
        Self(bar)
    }

    /// A spinner for something of unknown length, such as a run of a function.
    pub fn of(what: String) -> Self {
        if !io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new_spinner().with_message(what);
        bar.enable_steady_tick(TICK);
        Self(bar)
    }

    /// Waits for work that calls EKS, and shows it if EKS throttles.
    pub async fn with_pace<T>(&self, eks: &Eks, work: impl Future<Output = T>) -> T {
        let what = self.0.message();
        let mut work = pin!(work);
        loop {
            match tokio::time::timeout(PACE, &mut work).await {
                Ok(done) => return done,
                Err(_) => self.0.set_message(match eks.calls_a_second().filter(|pace| *pace < SLOW) {
                    Some(pace) => format!("{what}; EKS throttles this account: {pace:.1} calls a second"),
                    None => what.clone(),
                }),
            }
        }
    }

    /// Adds this many items.
    pub fn expect(&self, number: usize) {
        self.0.inc_length(u64::try_from(number).unwrap_or_default());
    }

    /// Marks one item as done.
    pub fn advance(&self) {
        self.0.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
