//! The settings of a plan.

pub mod setting;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::release::selector::ReleaseSelector;
use super::rules::Rules;

/// The settings for all node groups.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The rules of a node group without tags for them.
    pub defaults: Rules,
    /// How much may be in progress at once.
    pub limits: Limits,
    /// `RetryAfter`: when a failed release is retried.
    pub retry_after: RetryAfter,
    /// `DeniedReleases`: releases that no node group is updated to.
    pub denied: Vec<ReleaseSelector>,
    /// `WindowMargin`: the last part of a window, in which no update starts.
    pub window_margin: SignedDuration,
    /// `RingSoak`: how long a ring must run a release before the next ring gets it.
    pub ring_soak: SignedDuration,
    /// `QuarantineAfter`: on how many node groups a release must fail to be quarantined.
    pub quarantine_after: usize,
    /// `ChangeCalendars`: names or ARNs of SSM Change Calendars; all must be open.
    pub change_calendars: Vec<String>,
    /// `StartScheduleTimezone`: the time zone of the schedule, and of the week of the digest.
    pub time_zone: TimeZone,
}

/// How much may be in progress at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `MaxUpdatesPerCluster`: updates in progress in one cluster.
    pub updates_per_cluster: usize,
    /// `MaxUpdatesInProgress`: updates in progress in the whole fleet.
    pub updates_in_progress: usize,
    /// `MaxStartsPerRun`: updates that one run starts.
    pub starts_per_run: usize,
}

/// The waits before each retry of a release that failed on a node group. After the last retry it is given up.
///
/// ```
/// use eks_nodegroup_updater::model::settings::RetryAfter;
/// use jiff::SignedDuration;
///
/// let retry_after = RetryAfter([1, 4].map(SignedDuration::from_hours).into());
/// let failed_at = "2026-07-20T09:00:00Z".parse()?;
/// assert_eq!(retry_after.next_try(1, failed_at), Some("2026-07-20T10:00:00Z".parse()?));
/// assert_eq!(retry_after.next_try(2, failed_at), Some("2026-07-20T13:00:00Z".parse()?));
/// assert_eq!(retry_after.next_try(3, failed_at), None);
/// # Ok::<(), jiff::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryAfter(pub Vec<SignedDuration>);

impl RetryAfter {
    /// When to retry a release that has failed `failures` times, the last time at `last`; `None` once it is given up.
    #[must_use]
    pub fn next_try(&self, failures: usize, last: Timestamp) -> Option<Timestamp> {
        let wait = self.0.get(failures.saturating_sub(1))?;
        last.checked_add(*wait).ok()
    }

    /// When to retry after this many refusals for causes unrelated to the release, the last one at `last`. The last wait
    /// repeats indefinitely.
    #[must_use]
    pub fn again(&self, refusals: usize, last: Timestamp) -> Timestamp {
        let wait = self.0.get(refusals.saturating_sub(1)).or(self.0.last());
        last.checked_add(wait.copied().unwrap_or(SignedDuration::from_hours(1))).unwrap_or(Timestamp::MAX)
    }
}
