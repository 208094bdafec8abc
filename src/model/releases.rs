//! The releases that AWS offers, by release track.

use std::collections::BTreeMap;

use aws_sdk_eks::types::AmiTypes;
use jiff::Timestamp;

use super::ami_type::{NoTrack, ReleaseTrack};
use super::problem::Unreadable;
use super::release_version::ReleaseVersion;

/// Names a release track: a Kubernetes version and an AMI type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TrackKey {
    /// The Kubernetes version.
    pub version: String,
    /// The AMI type.
    pub ami_type: AmiTypes,
}

/// What AWS offers on each track.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Releases(BTreeMap<TrackKey, Available>);

/// What AWS offers on a track.
#[derive(Clone, Debug, PartialEq)]
pub enum Available {
    /// These releases, newest first, and at least one. Only the latest, unless older ones were asked for.
    Releases(Vec<Release>),
    /// AWS publishes none.
    NotPublished,
    /// It could not be read.
    Unreadable(Unreadable),
}

/// A release, and when AWS published it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The release.
    pub version: ReleaseVersion,
    /// When the parameter that names it was last modified.
    pub published_at: Option<Timestamp>,
}

impl TrackKey {
    /// The track of this Kubernetes version and AMI type.
    #[must_use]
    pub fn new(version: &str, ami_type: &AmiTypes) -> Self {
        Self { version: version.to_owned(), ami_type: ami_type.clone() }
    }

    /// Where AWS publishes its releases.
    ///
    /// # Errors
    /// When AWS publishes none for the AMI type.
    pub fn track(&self) -> Result<ReleaseTrack, NoTrack> {
        ReleaseTrack::of(&self.ami_type, &self.version)
    }
}

impl Releases {
    /// What AWS offers on a track, if it was asked for.
    #[must_use]
    pub fn on(&self, track: &TrackKey) -> Option<&Available> {
        self.0.get(track)
    }

    /// The same, to add older releases.
    pub fn on_mut(&mut self, track: &TrackKey) -> Option<&mut Available> {
        self.0.get_mut(track)
    }

    /// The latest release on a track, where there is one.
    #[must_use]
    pub fn latest(&self, track: &TrackKey) -> Option<&ReleaseVersion> {
        match self.on(track)? {
            Available::Releases(releases) => releases.first().map(|release| &release.version),
            Available::NotPublished | Available::Unreadable(_) => None,
        }
    }
}

impl FromIterator<(TrackKey, Available)> for Releases {
    fn from_iter<T: IntoIterator<Item = (TrackKey, Available)>>(tracks: T) -> Self {
        Self(tracks.into_iter().collect())
    }
}
