//! Which releases a quarantine, a denial or a rollback names.

use std::fmt;

use aws_sdk_eks::types::AmiTypes;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::kubernetes::KubernetesVersion;
use super::track::TrackKey;
use super::version::ReleaseVersion;

/// Releases as people name them: `[[<Kubernetes version>/]<AMI type>/]<release>`, or all of a day in the release's place.
/// The shorter a selector, the more releases it matches.
///
/// ```
/// use eks_nodegroup_updater::model::release::track::TrackKey;
/// use eks_nodegroup_updater::model::release::selector::ReleaseSelector;
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
