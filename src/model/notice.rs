//! What must be published.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::hold::{Hold, Rollback};
use super::policy::InvalidTag;
use super::subject::NodegroupName;

/// Names that a list keeps; the others are counted.
const NAMES: usize = 20;

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
    /// Somebody else lowered a node group, so it stays there.
    NodegroupLowered(Hold),
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
    /// Releases of the same build on other tracks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sisters: Vec<String>,
}

/// The first names of a list that may be long, and how many there are.
///
/// ```
/// use eks_nodegroup_updater::model::notice::Names;
/// use eks_nodegroup_updater::model::subject::NodegroupName;
///
/// let names = (1..=22).map(|number| format!("prod/workers-{number}").parse::<NodegroupName>());
/// let names: Names = names.collect::<Result<Vec<_>, _>>()?.into();
/// assert_eq!(names.count, 22);
/// assert!(names.to_string().ends_with("prod/workers-20 and 2 more"));
/// # Ok::<(), eks_nodegroup_updater::model::subject::InvalidName>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Names {
    /// The first twenty.
    pub names: Vec<NodegroupName>,
    /// How many there are.
    pub count: usize,
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
            _ => self.attempt().map(|attempt| attempt.release_version.as_str()),
        }
    }
}

impl From<Vec<NodegroupName>> for Names {
    fn from(mut names: Vec<NodegroupName>) -> Self {
        let count = names.len();
        names.truncate(NAMES);
        Self { names, count }
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.names.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{name}")?;
        }
        let more = self.count.saturating_sub(self.names.len());
        if more > 0 { write!(f, " and {more} more") } else { Ok(()) }
    }
}
