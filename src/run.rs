//! One invocation of a function: its time, and how much of it is left.

use std::time::Duration;

use jiff::Timestamp;
use lambda_runtime::Context;
use tokio::time::Instant;

/// One invocation.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// Lambda's request id.
    pub id: &'a str,
    /// The time, read once. Never taken from an event: events come late.
    pub now: Timestamp,
    /// When it began, to count from.
    pub began: Instant,
    /// Until when it may begin something new. A call that is cut off is found again later, but better not made.
    pub last_start: Instant,
}

/// The longest that a run keeps free before its deadline: a call with its retries usually ends within it. Of a short
/// time-out, the last quarter is enough.
const SPARE: Duration = Duration::from_mins(1);
/// The longest time-out that Lambda allows.
const LONGEST: Duration = Duration::from_mins(15);

impl<'a> Run<'a> {
    /// The run that Lambda has just begun. Local runtimes send a deadline in 1970: one that has passed is none.
    #[must_use]
    pub fn begin(context: &'a Context, now: Timestamp) -> Self {
        let now_millis = u64::try_from(now.as_millisecond()).unwrap_or_default();
        let time_out = match context.deadline.saturating_sub(now_millis) {
            0 => LONGEST,
            left => Duration::from_millis(left).min(LONGEST),
        };
        Self::new(&context.request_id, now, time_out)
    }

    /// A run that is ended after this time.
    #[must_use]
    pub fn new(id: &'a str, now: Timestamp, time_out: Duration) -> Self {
        let began = Instant::now();
        Self { id, now, began, last_start: began + time_out - SPARE.min(time_out / 4) }
    }
}
