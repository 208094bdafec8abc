//! Instants, durations, virtual time, and parallel work for slow tests.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::{SignedDuration, Timestamp};

/// When every test begins: Monday, 20 July 2026, nine o'clock in UTC.
#[must_use]
pub fn now() -> Timestamp {
    at("2026-07-20T09:00:00Z")
}

/// An instant as `2026-07-20T09:00:00Z`.
#[must_use]
pub fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

/// This many minutes.
#[must_use]
pub fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

/// This many hours.
#[must_use]
pub fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

/// This many days of 24 hours.
#[must_use]
pub fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

/// Runs a future to completion in virtual time, on this thread.
pub fn in_virtual_time<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    tokio::task::LocalSet::new().block_on(&runtime.expect("a runtime"), future)
}

/// Processes work items on all cores.
pub fn on_every_core(work: Range<u64>, each: impl Fn(u64) + Sync) {
    let next = AtomicU64::new(work.start);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(piece) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|piece| work.contains(piece))
                {
                    each(piece);
                }
            });
        }
    });
}
