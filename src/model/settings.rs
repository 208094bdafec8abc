//! The settings of a plan.

use std::fmt;

use aws_sdk_eks::types::AmiTypes;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::ami_type::TrackKey;
use super::kubernetes::KubernetesVersion;
use super::release_version::ReleaseVersion;
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

/// Releases as people name them: `[[<Kubernetes version>/]<AMI type>/]<release>`, or all of a day in the release's place.
/// The shorter a selector, the more releases it matches.
///
/// ```
/// use eks_nodegroup_updater::model::ami_type::TrackKey;
/// use eks_nodegroup_updater::model::settings::ReleaseSelector;
///
/// let track = TrackKey::new("1.33", &"AL2023_x86_64_NVIDIA".into());
/// let day = ReleaseSelector::parse("AL2023_x86_64_NVIDIA/*-20260110").expect("a day of one AMI type");
/// assert!(day.matches(&track, "1.33.1-20260110"));
/// assert!(!day.matches(&track, "1.33.1-20260111"));
/// assert!(!day.matches(&TrackKey::new("1.33", &"AL2023_x86_64_STANDARD".into()), "1.33.1-20260110"));
/// assert_eq!(ReleaseSelector::parse("*"), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReleaseSelector {
    /// The Kubernetes version, if it is limited to one.
    pub version: Option<String>,
    /// The AMI type, if it is limited to one.
    pub ami_type: Option<AmiTypes>,
    /// The releases.
    pub release: ReleasePattern,
}

/// A text that does not name releases.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} does not name a release; expected one, or all of a day such as *-20260110, each also as AMI-TYPE/… or \
     KUBERNETES-VERSION/AMI-TYPE/…"
)]
pub struct InvalidSelector(String);

impl TryFrom<String> for ReleaseSelector {
    type Error = InvalidSelector;

    fn try_from(word: String) -> Result<Self, InvalidSelector> {
        Self::parse(&word).ok_or(InvalidSelector(word))
    }
}

/// One release, or all of a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReleasePattern {
    /// One release.
    Exact(String),
    /// All of a day, as eight digits, in any family's format: `*-20260110` and `*.20260110` are
    /// `1.33.1-20260110` and `1.35-2026.01.10`.
    Date(String),
}

impl ReleaseSelector {
    /// Reads a release, or all of a day. Rejected are words in no family's format, which would silently match nothing, a lone
    /// `*`, which would match everything (the stop switch is for that), and unknown AMI types.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let mut parts = word.rsplitn(3, '/');
        let release = parts.next()?;
        let release = match release.strip_prefix('*') {
            None => ReleaseVersion::is_of_any_family(release).then(|| ReleasePattern::Exact(release.to_owned())),
            Some(ending) => date(ending).map(ReleasePattern::Date),
        };
        let ami_type =
            parts.next().map(|text| AmiTypes::try_parse(text).ok()).map_or(Some(None), |known| known.map(Some));
        let version = parts.next().map(str::to_owned);
        let is_version = version.as_ref().is_none_or(|version| version.parse::<KubernetesVersion>().is_ok());
        is_version.then_some(Self { version, ami_type: ami_type?, release: release? })
    }

    /// Whether it matches every release that the other one matches.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.version.as_ref().is_none_or(|version| other.version.as_ref() == Some(version))
            && self.ami_type.as_ref().is_none_or(|ami_type| other.ami_type.as_ref() == Some(ami_type))
            && match (&self.release, &other.release) {
                (ReleasePattern::Date(day), ReleasePattern::Exact(release)) => day_of(release).as_ref() == Some(day),
                (own, others) => own == others,
            }
    }

    /// Whether it matches this release of a track.
    #[must_use]
    pub fn matches(&self, track: &TrackKey, release: &str) -> bool {
        self.version.as_ref().is_none_or(|version| *version == track.version)
            && self.ami_type.as_ref().is_none_or(|ami_type| *ami_type == track.ami_type)
            && match &self.release {
                ReleasePattern::Exact(named) => release == named,
                ReleasePattern::Date(named) => day_of(release).as_ref() == Some(named),
            }
    }
}

impl From<ReleaseSelector> for String {
    fn from(selector: ReleaseSelector) -> Self {
        selector.to_string()
    }
}

impl fmt::Display for ReleaseSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self.version.as_deref().into_iter().chain(self.ami_type.as_ref().map(AmiTypes::as_str)) {
            write!(f, "{part}/")?;
        }
        match &self.release {
            ReleasePattern::Exact(release) => f.write_str(release),
            ReleasePattern::Date(day) => write!(f, "*-{day}"),
        }
    }
}

/// The day on which a release was built, as eight digits, if its family has one.
#[must_use]
pub fn day_of(release: &str) -> Option<String> {
    release.split_once('-').and_then(|(_, built)| date(built))
}

/// A day as eight digits, from eight digits or from `2026.01.10`.
fn date(text: &str) -> Option<String> {
    let digits: String = text.split(['.', '-']).collect();
    // Eight digits of a Bottlerocket commit are hardly ever a day after the launch of EKS managed node groups.
    let day = (digits.len() == 8).then(|| Date::strptime("%Y%m%d", &digits).ok()).flatten();
    day.filter(|day| day.year() >= 2019).map(|_| digits)
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
