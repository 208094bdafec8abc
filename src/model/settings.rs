//! The settings that a plan is made by.

use jiff::{SignedDuration, Timestamp};

use super::policy::Rules;
use super::release_version::ReleaseVersion;

/// The settings that hold for all node groups.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// `RING`, `MIN_AGE`, `WINDOW`, `FORCE`, `MIN_INTERVAL`, `KUBERNETES_VERSION`: the rules of a node group without tags for
    /// them.
    pub defaults: Rules,
    /// How much may be in progress at once.
    pub limits: Limits,
    /// `RETRY_AFTER`: when a release that failed is tried again.
    pub retry_after: RetryAfter,
    /// `DENIED_RELEASES`: releases that no node group is updated to.
    pub denied: Vec<Denied>,
    /// `WINDOW_MARGIN`: the last part of a window, in which nothing starts.
    pub window_margin: SignedDuration,
    /// `RING_SOAK`: how long a ring must run a release before the next ring takes it.
    pub ring_soak: SignedDuration,
    /// `QUARANTINE_AFTER`: on how many node groups a release must fail to be quarantined.
    pub quarantine_after: usize,
    /// `CHANGE_CALENDARS`: names or ARNs of SSM Change Calendars; all must be open.
    pub change_calendars: Vec<String>,
    /// `STOP_SWITCH`: name of the SSM parameter that stops all updates, if there is one.
    pub stop_switch: Option<String>,
}

/// How much may be in progress at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `MAX_UPDATES_PER_CLUSTER`: updates in progress in one cluster.
    pub updates_per_cluster: usize,
    /// `MAX_UPDATES_IN_PROGRESS`: updates in progress in the whole fleet.
    pub updates_in_progress: usize,
    /// `MAX_STARTS_PER_RUN`: updates that one run starts.
    pub starts_per_run: usize,
}

/// Denied releases.
///
/// ```
/// use eks_nodegroup_updater::model::settings::Denied;
///
/// let day = Denied::parse("*-20260110").expect("a day");
/// assert!(day.denies("1.33.1-20260110") && day.denies("1.35-2026.01.10"));
/// assert!(!day.denies("1.33.1-20260111"));
/// assert_eq!(Denied::parse("*"), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    /// One release.
    Exact(String),
    /// All of a day, as eight digits, however their family writes it: `*-20260110` and `*.20260110` are
    /// `1.33.1-20260110` and `1.35-2026.01.10`.
    Date(String),
}

impl Denied {
    /// Reads a release, or all of a day. A word that no family writes would deny nothing, in silence, and a lone `*` would
    /// deny everything, which the stop switch says better: neither is read.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word.strip_prefix('*') {
            None => ReleaseVersion::is_of_any_family(word).then(|| Self::Exact(word.to_owned())),
            Some(ending) => date(ending).map(Self::Date),
        }
    }

    /// Whether it denies a release.
    #[must_use]
    pub fn denies(&self, release: &str) -> bool {
        match self {
            Self::Exact(denied) => release == denied,
            Self::Date(denied) => release.split_once('-').and_then(|(_, built)| date(built)).as_ref() == Some(denied),
        }
    }
}

/// A day as eight digits, written so or as `2026.01.10`.
fn date(text: &str) -> Option<String> {
    let digits: String = text.split(['.', '-']).collect();
    (digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(digits)
}

/// The waits before each further try of a release that failed on a node group. After the last try it is given up.
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
    /// When to try again a release that has failed `failures` times, the last time at `last`; `None` once it is given up.
    #[must_use]
    pub fn next_try(&self, failures: usize, last: Timestamp) -> Option<Timestamp> {
        let wait = self.0.get(failures.saturating_sub(1))?;
        last.checked_add(*wait).ok()
    }
}
