//! What people must be told.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Something that people must be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// What happened.
    pub event: Event,
    /// The attempt it is about; zero where it is about none.
    pub attempt: u32,
    /// The release it is about.
    pub release_version: String,
    /// When it was noticed.
    pub at: Timestamp,
    /// What else there is to say: the malformed tag, the node groups that a release failed on, or the Kubernetes version of
    /// one that is available.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// What can happen that people must be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// EKS ended the update without success.
    UpdateFailed,
    /// The update was cancelled.
    UpdateCancelled,
    /// The update runs longer than it should.
    UpdateStuck,
    /// The update, its node group or its cluster is no more.
    UpdateGone,
    /// EKS refused to start it.
    UpdateRefused,
    /// EKS reports success, but the node group does not run the release.
    UpdateUnverified,
    /// There is a newer release for a node group that is only reported on.
    UpdateAvailable,
    /// An update that overrode disruption budgets was successful.
    UpdateForced,
    /// A release failed on several node groups, and nothing starts with it any more.
    ReleaseQuarantined,
    /// A tag is not understood, so its node group is left alone.
    TagMalformed,
}

impl Event {
    /// Its name, as messages carry it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UpdateFailed => "UpdateFailed",
            Self::UpdateCancelled => "UpdateCancelled",
            Self::UpdateStuck => "UpdateStuck",
            Self::UpdateGone => "UpdateGone",
            Self::UpdateRefused => "UpdateRefused",
            Self::UpdateUnverified => "UpdateUnverified",
            Self::UpdateAvailable => "UpdateAvailable",
            Self::UpdateForced => "UpdateForced",
            Self::ReleaseQuarantined => "ReleaseQuarantined",
            Self::TagMalformed => "TagMalformed",
        }
    }
}
