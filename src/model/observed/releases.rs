//! The releases that AWS recommends or has recommended, by release track.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use jiff::Timestamp;

use super::fleet::Fleet;
use crate::model::problem::Unreadable;
use crate::model::record::track::{Refusal, ReleaseHistory};
use crate::model::release::track::{Family, TrackKey};
use crate::model::release::version::ReleaseVersion;

/// The recommendation of AWS's parameter for each track.
pub type Recommendations = BTreeMap<TrackKey, Recommendation>;

/// The recommendation of AWS's parameter for a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recommendation {
    /// This release, and the parameter's date.
    Release(ReleaseVersion, Option<Timestamp>),
    /// AWS publishes none.
    NotPublished,
    /// It could not be read.
    Unreadable(Unreadable),
}

/// The available releases of each track.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Releases(BTreeMap<TrackKey, Available>);

/// The available releases of a track.
#[derive(Clone, Debug, PartialEq)]
pub enum Available {
    /// The releases that AWS has recommended, newest first, including withdrawn ones.
    Releases(Vec<Release>),
    /// AWS publishes none.
    NotPublished,
    /// It could not be read.
    Unreadable(Unreadable),
}

/// A release that AWS has recommended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The release.
    pub version: ReleaseVersion,
    /// When AWS published it; if AWS gives no date, when it was first seen.
    pub published_at: Timestamp,
    /// When it was first seen.
    pub first_seen_at: Timestamp,
    /// Whether AWS withdrew it.
    pub withdrawn: bool,
    /// EKS's refusal of it as invalid.
    pub refusal: Option<Refusal>,
}

impl Releases {
    /// The current recommendations, merged with earlier ones.
    #[must_use]
    pub fn of(recommendations: &Recommendations, fleet: &Fleet, now: Timestamp) -> Self {
        let track = |(key, recommendation): (&TrackKey, &Recommendation)| {
            let available = match (recommendation, fleet.track_record(key)) {
                (Recommendation::NotPublished, _) => Available::NotPublished,
                (Recommendation::Unreadable(error), _) => Available::Unreadable(error.clone()),
                (Recommendation::Release(..), Err(error)) => {
                    Available::Unreadable(Unreadable(format!("the release history of {key}: {error}")))
                }
                (Recommendation::Release(version, date), Ok(record)) => {
                    let mut history = record.map(|record| record.releases.clone()).unwrap_or_default();
                    history.recommend(version, *date, now);
                    Available::Releases(newest_first(version.family(), &history))
                }
            };
            (key.clone(), available)
        };
        Self(recommendations.iter().map(track).collect())
    }

    /// The available releases of a track, if they were requested.
    #[must_use]
    pub fn on(&self, track: &TrackKey) -> Option<&Available> {
        self.0.get(track)
    }

    /// All requested tracks.
    pub fn iter(&self) -> impl Iterator<Item = (&TrackKey, &Available)> {
        self.0.iter()
    }

    /// A release of a track, by its name.
    #[must_use]
    pub fn named(&self, track: &TrackKey, release: &str) -> Option<&Release> {
        match self.on(track)? {
            Available::Releases(releases) => releases.iter().find(|known| known.version.as_str() == release),
            Available::NotPublished | Available::Unreadable(_) => None,
        }
    }

    /// The latest release on a track, if there is one.
    #[must_use]
    pub fn latest(&self, track: &TrackKey) -> Option<&Release> {
        match self.on(track)? {
            Available::Releases(releases) => releases.iter().find(|release| !release.withdrawn),
            Available::NotPublished | Available::Unreadable(_) => None,
        }
    }
}

/// Unparsable versions are never stored: a record is validated when it is read.
fn newest_first(family: Family, history: &ReleaseHistory) -> Vec<Release> {
    let releases = history.iter().rev().filter_map(|known| {
        Some(Release {
            version: ReleaseVersion::parse(family, &known.release_version).ok()?,
            published_at: known.published_at.unwrap_or(known.first_seen_at),
            first_seen_at: known.first_seen_at,
            withdrawn: known.withdrawal.is_some(),
            refusal: known.refusal.clone(),
        })
    });
    releases.collect()
}

impl Release {
    /// Whether it is newer than another, by the order of its family.
    #[must_use]
    pub fn is_newer_than(&self, other: &ReleaseVersion) -> bool {
        self.version.compare(other) == Ok(Ordering::Greater)
    }
}

impl FromIterator<(TrackKey, Available)> for Releases {
    fn from_iter<T: IntoIterator<Item = (TrackKey, Available)>>(tracks: T) -> Self {
        Self(tracks.into_iter().collect())
    }
}
