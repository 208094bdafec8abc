//! What must be published, and where.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::decision::DecisionKind;
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
    /// Where it was published already.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub published: Vec<Sink>,
}

/// Where notices are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Sink {
    /// As a message, for people, to the SNS topic.
    Message,
    /// As an event, for programs, on an EventBridge bus.
    Event,
}

/// Which notices are published where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sinks {
    /// Whether there is a bus for events.
    pub events: bool,
    /// The kinds of which there is a message though by default there is none.
    pub more_messages: Vec<&'static str>,
    /// The kinds of which there is no message though by default there is one.
    pub fewer_messages: Vec<&'static str>,
}

/// What can happen that must be published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, strum::IntoStaticStr, strum::VariantNames)]
#[serde(rename_all_fields = "camelCase")]
pub enum NoticeKind {
    /// EKS accepted an update.
    UpdateStarted(AttemptRef),
    /// The update was successful.
    UpdateSucceeded(AttemptRef),
    /// A node group that an update failed on, or hung, is well again.
    UpdateRecovered(Recovery),
    /// EKS ended the update without success.
    UpdateFailed(AttemptRef),
    /// The update was cancelled.
    UpdateCancelled(AttemptRef),
    /// The update runs longer than it should.
    UpdateStuck(AttemptRef),
    /// The update, its node group or its cluster no longer exists.
    UpdateNotFound(AttemptRef),
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
    RollbackExpired(Rollback),
    /// An external update downgraded a node group, so it stays there.
    NodegroupDowngraded(Hold),
    /// A node group has not been kept current for longer than it may.
    NodegroupStale(Stale),
    /// A node group that was reported so is kept current again.
    NodegroupCurrent(Stale),
    /// A node group has lost its tag, and so is not kept current any more.
    TagLost,
    /// What has not been kept current for a week or more.
    Digest(Digest),
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
    /// AWS recommends a release that it did not name before.
    ReleaseAvailable {
        /// The release.
        release_version: String,
        /// The parameter's date, where AWS gives one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        published_at: Option<Timestamp>,
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

/// A node group runs the release that it could not be brought to before, or a newer one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recovery {
    /// The number of the last attempt that was reported.
    pub number: u32,
    /// Its release.
    pub release_version: String,
    /// The release that runs.
    pub runs: String,
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

/// What has not been kept current for a week or more, by cause, and what else there was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Digest {
    /// What does not go on before somebody does something.
    pub needs_you: Vec<Lasting>,
    /// What waits by a rule, or is tried again by itself.
    pub waits: Vec<Lasting>,
    /// How many node groups there are in both.
    pub count: usize,
    /// What happened since the last one.
    pub week: Week,
}

/// Node groups that have not been kept current for one cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lasting {
    /// The decision.
    pub decision: DecisionKind,
    /// The cause, which begins with the code.
    pub cause: String,
    /// The node groups.
    pub nodegroups: Names,
    /// Since when the first of them has been so.
    pub since: Timestamp,
    /// When it may be over, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// What happened in a week, in the fleet as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Week {
    /// When it began.
    pub from: Timestamp,
    /// Updates that were successful.
    pub succeeded: usize,
    /// Updates that ended otherwise.
    pub failed: usize,
    /// Releases that were quarantined.
    pub quarantined: usize,
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
    pub same_build: Vec<String>,
}

impl Notice {
    /// A notice that is published nowhere yet.
    #[must_use]
    pub fn new(kind: NoticeKind, at: Timestamp) -> Self {
        Self { kind, at, published: Vec::new() }
    }

    /// Whether it is the same, wherever it was published meanwhile.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        (&self.kind, self.at) == (&other.kind, other.at)
    }
}

impl Sink {
    /// Every sink.
    pub const ALL: [Self; 2] = [Self::Message, Self::Event];
}

impl Sinks {
    /// Where a notice is still to be published.
    #[must_use]
    pub fn left(&self, notice: &Notice) -> Vec<Sink> {
        let is_left = |sink: &Sink| !notice.published.contains(sink) && self.take(*sink, &notice.kind);
        Sink::ALL.into_iter().filter(is_left).collect()
    }

    fn take(&self, sink: Sink, kind: &NoticeKind) -> bool {
        let code = kind.code();
        match sink {
            Sink::Message if kind.is_event_only() => self.more_messages.contains(&code),
            Sink::Message => !self.fewer_messages.contains(&code),
            Sink::Event => self.events && kind.detail_type().is_some(),
        }
    }
}

impl NoticeKind {
    /// Whether it is nothing that people have to know, unless a setting says so.
    #[must_use]
    pub fn is_event_only(&self) -> bool {
        matches!(self, Self::UpdateStarted(_) | Self::UpdateSucceeded(_) | Self::ReleaseAvailable { .. })
    }

    /// Whether another owner of the node group may have done it.
    #[must_use]
    pub fn is_of_owner(&self) -> bool {
        matches!(self, Self::NodegroupDowngraded(_) | Self::TagLost)
    }

    /// The detail type of its event, where there is one. Never `EKS AMI Release`, which wakes `start`.
    #[must_use]
    pub fn detail_type(&self) -> Option<&'static str> {
        let name = match self {
            Self::UpdateStarted(_) | Self::RollbackStarted(_) => "EKS Nodegroup Update Started",
            Self::UpdateSucceeded(_) | Self::UpdateForced(_) | Self::RolledBack(_) => "EKS Nodegroup Update Succeeded",
            Self::UpdateFailed(_) | Self::UpdateNotFound(_) | Self::UpdateUnverified(_) => {
                "EKS Nodegroup Update Failed"
            }
            Self::UpdateRefused(_) => "EKS Nodegroup Update Refused",
            Self::UpdateCancelled(_) => "EKS Nodegroup Update Cancelled",
            Self::UpdateStuck(_) => "EKS Nodegroup Update Stuck",
            Self::NodegroupStale(_) => "EKS Nodegroup Stale",
            Self::NodegroupCurrent(_) | Self::UpdateRecovered(_) => "EKS Nodegroup Current",
            Self::ReleaseAvailable { .. } => "EKS Release Available",
            Self::ReleaseWithdrawn { .. } => "EKS Release Withdrawn",
            Self::ReleaseQuarantined(_) => "EKS Release Quarantined",
            Self::RollbackExpired(_)
            | Self::NodegroupDowngraded(_)
            | Self::TagLost
            | Self::Digest(_)
            | Self::SupportEnded(_)
            | Self::RecordUnreadable(_)
            | Self::TableEmpty
            | Self::UpdateAvailable { .. }
            | Self::AccessDenied { .. }
            | Self::ReleaseRefused { .. }
            | Self::TagInvalid(_) => return None,
        };
        Some(name)
    }

    /// Its name, as messages carry it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.into()
    }

    /// The attempt it is about, if it is about one.
    #[must_use]
    pub fn attempt(&self) -> Option<&AttemptRef> {
        match self {
            Self::UpdateStarted(attempt)
            | Self::UpdateSucceeded(attempt)
            | Self::UpdateFailed(attempt)
            | Self::UpdateCancelled(attempt)
            | Self::UpdateStuck(attempt)
            | Self::UpdateNotFound(attempt)
            | Self::UpdateRefused(attempt)
            | Self::UpdateUnverified(attempt)
            | Self::UpdateForced(attempt)
            | Self::RollbackStarted(attempt)
            | Self::RolledBack(attempt) => Some(attempt),
            Self::UpdateAvailable { .. }
            | Self::UpdateRecovered(_)
            | Self::ReleaseQuarantined(_)
            | Self::ReleaseAvailable { .. }
            | Self::ReleaseWithdrawn { .. }
            | Self::ReleaseRefused { .. }
            | Self::AccessDenied { .. }
            | Self::RollbackExpired(_)
            | Self::NodegroupDowngraded(_)
            | Self::NodegroupStale(_)
            | Self::NodegroupCurrent(_)
            | Self::TagLost
            | Self::Digest(_)
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
            | Self::UpdateRecovered(Recovery { release_version, .. })
            | Self::ReleaseQuarantined(QuarantinedRelease { release_version, .. })
            | Self::ReleaseAvailable { release_version, .. }
            | Self::ReleaseWithdrawn { release_version, .. }
            | Self::ReleaseRefused { release_version, .. } => Some(release_version),
            Self::RollbackExpired(rollback) => Some(&rollback.release_version),
            Self::NodegroupDowngraded(hold) => Some(&hold.to.release_version),
            Self::NodegroupStale(stale) | Self::NodegroupCurrent(stale) => stale.oldest.as_deref(),
            _ => self.attempt().map(|attempt| attempt.release_version.as_str()),
        }
    }
}
