//! How far a long command is: a bar in a terminal, and nothing elsewhere.

use std::io::{self, IsTerminal as _};
use std::pin::pin;
use std::time::Duration;

use eks_nodegroup_updater::aws::pace::Eks;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often the sign turns that something goes on.
const TICK: Duration = Duration::from_millis(120);
/// How often the pace of EKS is looked at, and the calls a second from which nobody needs to know it.
const PACE: Duration = Duration::from_secs(1);
const SLOW: f64 = 50.0;

/// How far a long command is.
pub struct Progress(ProgressBar);

impl Progress {
    /// A bar over so many of these.
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

    /// That something of unknown length goes on, such as a run of a function.
    pub fn of(what: String) -> Self {
        if !io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new_spinner().with_message(what);
        bar.enable_steady_tick(TICK);
        Self(bar)
    }

    /// Waits for work that calls EKS, and says so where EKS slows it down.
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

    /// So many more have turned up.
    pub fn expect(&self, number: usize) {
        self.0.inc_length(u64::try_from(number).unwrap_or_default());
    }

    /// One more is done.
    pub fn advance(&self) {
        self.0.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
