//! What must be published.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::hold::{Hold, Rollback};
use super::names::Names;
use super::policy::InvalidTag;
use super::stale::{Stale, UnreadableRecord};
use super::support::SupportEnded;

/// Something that must be published, and is kept until it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// What happened.
    pub kind: NoticeKind,
    /// When it was noticed.
    pub at: Timestamp,
}

/// What can happen that must be published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all_fields = "camelCase")]
pub enum NoticeKind {
    /// EKS ended the update without success.
    UpdateFailed(AttemptRef),
    /// The update was cancelled.
    UpdateCancelled(AttemptRef),
    /// The update runs longer than it should.
    UpdateStuck(AttemptRef),
    /// The update, its node group or its cluster no longer exists.
    UpdateGone(AttemptRef),
    /// EKS refused to start it.
    UpdateRefused(AttemptRef),
    /// EKS reports success, but the node group does not run the release.
    UpdateUnverified(AttemptRef),
    /// An update that overrode disruption budgets was successful.
    UpdateForced(AttemptRef),
    /// A rollback that was asked for has started.
    RollbackStarted(AttemptRef),
    /// A rollback that was asked for was successful.
    RolledBack(AttemptRef),
    /// A rollback that was asked for was not carried out within a day.
    RollbackLapsed(Rollback),
    /// An external update lowered a node group, so it stays there.
    NodegroupLowered(Hold),
    /// A node group has not been kept current for longer than it may.
    NodegroupStale(Stale),
    /// A node group that was reported so is kept current again.
    NodegroupCurrent(Stale),
    /// A node group has lost its tag, and so is not kept current any more.
    TagLost,
    /// What has not been kept current for a week or more.
    Reminder(Reminder),
    /// The support of a Kubernetes version has ended.
    SupportEnded(SupportEnded),
    /// The record of a node group has been unreadable for a day.
    RecordUnreadable(UnreadableRecord),
    /// The table held nothing, so what was before is not known.
    TableEmpty,
    /// There is a newer release for a node group that is only reported on.
    UpdateAvailable {
        /// The Kubernetes version of the release.
        version: String,
        /// The release.
        release_version: String,
    },
    /// A release failed on several node groups, and none is updated to it any more.
    ReleaseQuarantined(QuarantinedRelease),
    /// EKS refuses updates because the function lacks a right.
    AccessDenied {
        /// EKS's words.
        error: String,
    },
    /// AWS took a release back.
    ReleaseWithdrawn {
        /// The release.
        release_version: String,
        /// The latest release that AWS still recommends.
        latest: String,
        /// The node groups that run it.
        nodegroups: Names,
    },
    /// EKS has refused a release as not valid for a day.
    ReleaseRefused {
        /// The release.
        release_version: String,
        /// Since when.
        since: Timestamp,
        /// EKS's words.
        message: String,
    },
    /// A tag is not recognised, so its node group is not updated.
    TagInvalid(InvalidTag),
}

/// The attempt that a notice is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttemptRef {
    /// Its number.
    pub number: u32,
    /// Its release.
    pub release_version: String,
}

/// What has not been kept current for a week or more, by cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reminder {
    /// The causes, and the node groups of each.
    pub causes: Vec<(String, Names)>,
    /// How many node groups there are.
    pub count: usize,
}

/// A release that is quarantined, and the evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QuarantinedRelease {
    /// The Kubernetes version of the release track.
    pub version: String,
    /// The AMI type of the release track.
    pub ami_type: String,
    /// The release.
    pub release_version: String,
    /// The cluster, where it is quarantined in one only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// The node groups that it failed on.
    pub nodegroups: Names,
    /// The node groups that it came up on.
    pub ran_on: Names,
    /// The release that the first of the failed ones ran, and runs again.
    #[serde(default)]
    pub previous_release_version: String,
    /// Releases of the same build on other tracks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sisters: Vec<String>,
}

impl NoticeKind {
    /// Its name, as messages carry it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.into()
    }

    /// The attempt it is about, if it is about one.
    #[must_use]
    pub fn attempt(&self) -> Option<&AttemptRef> {
        match self {
            Self::UpdateFailed(attempt)
            | Self::UpdateCancelled(attempt)
            | Self::UpdateStuck(attempt)
            | Self::UpdateGone(attempt)
            | Self::UpdateRefused(attempt)
            | Self::UpdateUnverified(attempt)
            | Self::UpdateForced(attempt)
            | Self::RollbackStarted(attempt)
            | Self::RolledBack(attempt) => Some(attempt),
            Self::UpdateAvailable { .. }
            | Self::ReleaseQuarantined(_)
            | Self::ReleaseWithdrawn { .. }
            | Self::ReleaseRefused { .. }
            | Self::AccessDenied { .. }
            | Self::RollbackLapsed(_)
            | Self::NodegroupLowered(_)
            | Self::NodegroupStale(_)
            | Self::NodegroupCurrent(_)
            | Self::TagLost
            | Self::Reminder(_)
            | Self::SupportEnded(_)
            | Self::TableEmpty
            | Self::RecordUnreadable(_)
            | Self::TagInvalid(_) => None,
        }
    }

    /// The release it is about, if it is about one.
    #[must_use]
    pub fn release_version(&self) -> Option<&str> {
        match self {
            Self::UpdateAvailable { release_version, .. }
            | Self::ReleaseQuarantined(QuarantinedRelease { release_version, .. })
            | Self::ReleaseWithdrawn { release_version, .. }
            | Self::ReleaseRefused { release_version, .. } => Some(release_version),
            Self::RollbackLapsed(rollback) => Some(&rollback.release_version),
            Self::NodegroupLowered(hold) => Some(&hold.to.release_version),
            Self::NodegroupStale(stale) | Self::NodegroupCurrent(stale) => stale.oldest.as_deref(),
            _ => self.attempt().map(|attempt| attempt.release_version.as_str()),
        }
    }
}
