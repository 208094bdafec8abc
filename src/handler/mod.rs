//! The two stories. Only here are the steps composed.

mod check;
mod start;

use std::time::Duration;

use jiff::Timestamp;
use lambda_runtime::Context;
use tokio::time::Instant;

pub use check::check;
pub use start::start;

/// One invocation.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// Lambda's request id.
    pub id: &'a str,
    /// The time, read once. Never taken from an event: events come late.
    pub now: Timestamp,
    /// When Lambda kills the run.
    pub deadline: Instant,
}

/// The longest that a run keeps free before its deadline: a call with its retries usually ends within it.
const SPARE: Duration = Duration::from_mins(1);
/// The longest life that Lambda gives.
const LONGEST: Duration = Duration::from_mins(15);

impl<'a> Run<'a> {
    /// The run that Lambda has just begun.
    #[must_use]
    pub fn begin(context: &'a Context, now: Timestamp) -> Self {
        let now_millis = u64::try_from(now.as_millisecond()).unwrap_or_default();
        let left = Duration::from_millis(context.deadline.saturating_sub(now_millis)).min(LONGEST);
        Self { id: &context.request_id, now, deadline: Instant::now() + left }
    }

    /// Until when something new may begin: what is killed half-way is found out later, but better not begun. Reckoned when
    /// the run begins, since the last quarter of a short life is spare enough.
    fn last_start(&self) -> Instant {
        let left = self.deadline.duration_since(Instant::now());
        self.deadline - SPARE.min(left / 4)
    }
}

/// What a run says of work that it no longer began.
fn left_over(count: usize) -> Option<String> {
    (count > 0).then(|| format!("{count} node groups are left to the next run, since Lambda's time limit is near"))
}
