//! Releases that a node group has proved, and the Kubernetes version of its cluster.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::unknown::Unknown;

/// A Kubernetes version, and when it was first seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeenVersion {
    /// The Kubernetes version.
    pub version: String,
    /// When it was first seen.
    pub since: Timestamp,
    /// Attributes that only a newer version knows.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// A release that ran for the soak time, on nodes, in a healthy node group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Proof {
    /// The Kubernetes version.
    pub version: String,
    /// The release.
    pub release_version: String,
    /// When the first run saw it.
    pub at: Timestamp,
    /// Attributes that only a newer version knows.
    #[serde(flatten)]
    pub unknown: Unknown,
}

impl SeenVersion {
    /// A version that is first seen now.
    #[must_use]
    pub fn new(version: &str, since: Timestamp) -> Self {
        Self { version: version.to_owned(), since, unknown: Unknown::default() }
    }
}

impl Proof {
    /// A proof of this release.
    #[must_use]
    pub fn new(version: &str, release_version: &str, at: Timestamp) -> Self {
        let (version, release_version) = (version.to_owned(), release_version.to_owned());
        Self { version, release_version, at, unknown: Unknown::default() }
    }

    /// Whether it proves this release.
    #[must_use]
    pub fn is_of(&self, version: &str, release: &str) -> bool {
        (self.version.as_str(), self.release_version.as_str()) == (version, release)
    }
}
