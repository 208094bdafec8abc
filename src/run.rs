//! One invocation of a function: its time, and how much of it is left.

use std::time::Duration;

use jiff::Timestamp;
use lambda_runtime::Context;
use tokio::time::Instant;

use crate::model::id::scope::Scope;

/// One invocation.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// Lambda's request id.
    pub id: &'a str,
    /// The time, read once. Never the time of an event, because events can be late.
    pub now: Timestamp,
    /// When it began, to count from.
    pub began: Instant,
    /// Until when it may read the fleet: the rest of the time is for the other reads and the starts.
    pub last_read: Instant,
    /// Until when it may read update histories.
    pub last_history: Instant,
    /// Until when it may start something new. A call that is cut off is found again later, but is better not made.
    pub last_start: Instant,
    /// Whether it is read-only: it was invoked through the alias `readonly`.
    pub read_only: bool,
    /// Its scope: the function's own account and region.
    pub scope: Scope<'a>,
}

/// The alias of `start` for read-only runs: it needs another permission than the function itself.
pub const READ_ONLY_ALIAS: &str = "readonly";

/// The maximum time that a run keeps free before its deadline: a call with its retries usually ends within it. For a short
/// timeout, the last quarter is enough.
const SPARE: Duration = Duration::from_mins(1);
/// The maximum timeout that Lambda allows.
const LONGEST: Duration = Duration::from_mins(15);

impl<'a> Run<'a> {
    /// The run that Lambda has just started.
    #[must_use]
    pub fn begin(context: &'a Context, now: Timestamp) -> Self {
        let run = Self::new(&context.request_id, now, time_left(context.deadline, now));
        let arn = context.invoked_function_arn.as_str();
        Self { read_only: alias(arn) == Some(READ_ONLY_ALIAS), scope: Scope::of_function(arn), ..run }
    }

    /// Whether it may still start something new.
    #[must_use]
    pub fn has_time(&self) -> bool {
        Instant::now() < self.last_start
    }

    /// A run that is ended after this time.
    #[must_use]
    pub fn new(id: &'a str, now: Timestamp, time_out: Duration) -> Self {
        let began = Instant::now();
        let (last_read, last_start) = (began + time_out * 3 / 4, began + time_out - SPARE.min(time_out / 4));
        let last_history = last_read + last_start.saturating_duration_since(last_read) / 2;
        Self { id, now, began, last_read, last_history, last_start, read_only: false, scope: Scope::default() }
    }
}

/// The alias or version in `arn:aws:lambda:REGION:ACCOUNT:function:NAME:ALIAS`, if the function was invoked through one.
fn alias(function_arn: &str) -> Option<&str> {
    function_arn.splitn(8, ':').nth(7)
}

/// The time from now to Lambda's deadline, which is in milliseconds since 1970. A deadline in the past counts as none: local
/// runtimes, such as `cargo lambda watch`, send a constant that is a time in 1970.
fn time_left(deadline: u64, now: Timestamp) -> Duration {
    let now = u64::try_from(now.as_millisecond()).unwrap_or_default();
    match deadline.saturating_sub(now) {
        0 => LONGEST,
        left => Duration::from_millis(left).min(LONGEST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-25T12:00:00Z.
    const NOW: u64 = 1_795_608_000_000;

    fn left(deadline: u64) -> Duration {
        time_left(deadline, Timestamp::from_millisecond(NOW.try_into().unwrap()).unwrap())
    }

    #[test]
    fn a_run_ends_at_lambdas_deadline() {
        assert_eq!(left(NOW + 300_000), Duration::from_mins(5));
        assert_eq!(left(NOW + 1), Duration::from_millis(1));
    }

    #[test]
    fn a_deadline_that_is_not_ahead_is_none() {
        for deadline in [0, 600_000, NOW - 1, NOW] {
            assert_eq!(left(deadline), LONGEST, "{deadline}");
        }
    }

    #[test]
    fn no_run_takes_longer_than_lambda_allows() {
        for deadline in [NOW + 900_000, NOW + 900_001, u64::MAX] {
            assert_eq!(left(deadline), LONGEST, "{deadline}");
        }
    }

    #[tokio::test]
    async fn a_run_through_the_alias_readonly_may_only_look() {
        let only_looks = |arn: &str| {
            let mut context = Context::default();
            context.invoked_function_arn = arn.to_owned();
            Run::begin(&context, Timestamp::UNIX_EPOCH).read_only
        };
        let arn = "arn:aws:lambda:eu-central-1:123456789012:function:updater-start";
        assert!(only_looks(&format!("{arn}:readonly")));
        for other in ["", arn, &format!("{arn}:live"), &format!("{arn}-readonly"), "readonly"] {
            assert!(!only_looks(other), "{other}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_a_run_is_kept_free() {
        let kept = |time_out| {
            let run = Run::new("1", Timestamp::UNIX_EPOCH, time_out);
            run.began + time_out - run.last_start
        };
        assert_eq!(kept(Duration::from_mins(15)), Duration::from_mins(1));
        assert_eq!(kept(Duration::from_mins(1)), Duration::from_secs(15), "a quarter of a short one");
    }
}
