//! Notices, and where they must be published.

pub mod pending;
pub mod stale;
pub mod support;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::attempt::hold::{Hold, Rollback};
use super::decision::DecisionKind;
use super::id::ClusterId;
use super::id::names::Names;
use super::nodegroup::policy::InvalidTag;
use super::notice::stale::{Stale, UnreadableRecord};
use super::notice::support::SupportEnded;
use super::unknown::Unknown;

/// Something to publish, which is kept until it is published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// What happened.
    pub kind: NoticeKind,
    /// When it was noticed.
    pub at: Timestamp,
    /// Where it has already been published.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub published: Vec<Sink>,
    /// The notice as it was stored, if only a newer version can read all of it.
    #[serde(skip)]
    pub(super) original: Unknown,
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
    /// Kinds with messages, although by default they have none.
    pub more_messages: Vec<&'static str>,
    /// Kinds without messages, although by default they have them.
    pub fewer_messages: Vec<&'static str>,
}

/// What can happen that must be published. The comment of each variant is its row in `docs/notifications.md`.
#[derive(
    Clone, Debug, PartialEq, Eq, Serialize, Deserialize, strum::EnumMessage, strum::IntoStaticStr, strum::VariantNames,
)]
#[serde(rename_all_fields = "camelCase")]
pub enum NoticeKind {
    /// EKS accepted an update.
    UpdateStarted(AttemptRef),
    /// The update was successful.
    UpdateSucceeded(AttemptRef),
    /// A node group runs the release that an update failed on or hung, or a newer one.
    UpdateRecovered(Recovery),
    /// EKS ended the update without success; some nodes may run the new release.
    UpdateFailed(AttemptRef),
    /// EKS did not start the update; once for each release.
    UpdateRefused(AttemptRef),
    /// EKS reports success, but the node group runs another release.
    UpdateUnverified(AttemptRef),
    /// The update, its node group or its cluster no longer exists.
    UpdateNotFound(AttemptRef),
    /// The update was cancelled.
    UpdateCancelled(AttemptRef),
    /// The update runs longer than `StuckAfter` and twice what the last one took, or than its tag `ami-update/stuck-after`; sent
    /// once, the update is still watched.
    UpdateStuck(AttemptRef),
    /// An update that overrode disruption budgets was successful.
    UpdateForced(AttemptRef),
    /// There is a newer release for a node group with `ami-update=notify`.
    UpdateAvailable {
        /// The Kubernetes version of the release.
        version: String,
        /// The release.
        release_version: String,
    },
    /// EKS accepted a requested rollback.
    RollbackStarted(AttemptRef),
    /// The node group runs the requested older release.
    RolledBack(AttemptRef),
    /// A requested rollback did not start within a day.
    RollbackExpired(Rollback),
    /// An external update downgraded the node group; it stays on the older release.
    NodegroupDowngraded(Hold),
    /// An opted-in node group has not been kept current for too long, and why.
    NodegroupStale(Stale),
    /// A node group that was reported as not kept current is kept current again.
    NodegroupCurrent(Stale),
    /// A node group that had opted in no longer has the tag `ami-update`.
    TagLost,
    /// A tag is not recognised; the node group is not updated.
    TagInvalid(InvalidTag),
    /// Node groups reported a week ago or longer as not kept current, or with an invalid tag, that still are; `info` if none
    /// needs you.
    Digest(Digest),
    /// A release failed on several node groups; no further node group of the cluster, or of the fleet, gets it.
    ReleaseQuarantined(QuarantinedRelease),
    /// AWS recommends a release that it did not name before.
    ReleaseAvailable {
        /// The release.
        release_version: String,
        /// The parameter's date, if AWS gives one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        published_at: Option<Timestamp>,
    },
    /// AWS withdrew a release; which node groups run it. No node group is updated to it.
    ReleaseWithdrawn {
        /// The release.
        release_version: String,
        /// The latest release that AWS still recommends.
        latest: String,
        /// The node groups that run it.
        nodegroups: Names,
    },
    /// EKS has refused a release as invalid for a day; an older one is installed if there is one.
    ReleaseRefused {
        /// The release.
        release_version: String,
        /// Since when.
        since: Timestamp,
        /// EKS's words.
        message: String,
    },
    /// Standard or all support of a Kubernetes version that node groups run has ended; once for each.
    SupportEnded(SupportEnded),
    /// EKS refused three updates in a row because permissions are missing; once, until EKS accepts one again.
    AccessDenied {
        /// EKS's words.
        error: String,
    },
    /// A node group's record has been unreadable for a day; no update of it starts.
    RecordUnreadable(UnreadableRecord),
    /// The table was empty: expected on a new installation, data loss on any other.
    TableEmpty,
}

/// The detail type of an event on EventBridge. The comment of each variant is its row in `docs/events.md`. Never `EKS AMI
/// Release`, which wakes `start`.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    strum::Display,
    strum::EnumMessage,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
pub enum DetailType {
    /// AWS recommends a release that it did not name before; once for each release track.
    #[strum(serialize = "EKS Release Available")]
    ReleaseAvailable,
    /// AWS withdrew a release; once for each track.
    #[strum(serialize = "EKS Release Withdrawn")]
    ReleaseWithdrawn,
    /// A release failed on several node groups; once for each track, in one cluster or in all.
    #[strum(serialize = "EKS Release Quarantined")]
    ReleaseQuarantined,
    /// EKS accepted an update, or an external update was found.
    #[strum(serialize = "EKS Nodegroup Update Started")]
    UpdateStarted,
    /// The update succeeded, and the node group runs the release.
    #[strum(serialize = "EKS Nodegroup Update Succeeded")]
    UpdateSucceeded,
    /// The update failed, had no effect or was not found; `reason` and `kind` tell which.
    #[strum(serialize = "EKS Nodegroup Update Failed")]
    UpdateFailed,
    /// It was cancelled.
    #[strum(serialize = "EKS Nodegroup Update Cancelled")]
    UpdateCancelled,
    /// The update runs longer than `StuckAfter` allows; an event for its end follows.
    #[strum(serialize = "EKS Nodegroup Update Stuck")]
    UpdateStuck,
    /// EKS did not start the update; once for each release.
    #[strum(serialize = "EKS Nodegroup Update Refused")]
    UpdateRefused,
    /// A node group has not been kept current for too long.
    #[strum(serialize = "EKS Nodegroup Stale")]
    NodegroupStale,
    /// It is kept current again, or runs the release that failed before.
    #[strum(serialize = "EKS Nodegroup Current")]
    NodegroupCurrent,
}

/// The identity of a notice among others of its kind in the same record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity<'a> {
    /// The attempt that it is about.
    Attempt(&'a AttemptRef),
    /// Its subject, for which there is never a second notice.
    Once(String),
    /// Its subject, if any, and when it was noticed.
    At(Option<String>),
}

/// A node group runs the release to which an update failed before, or a newer one.
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

/// The weekly digest: node groups that have not been kept current for a week or more, by cause, and a summary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Digest {
    /// Causes that last until somebody acts.
    pub needs_you: Vec<Lasting>,
    /// Causes that wait for a rule, or are retried automatically.
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
    /// When it might end, if that is known.
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
    /// The cluster, if it is quarantined in one only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterId>,
    /// The node groups that it failed on.
    pub nodegroups: Names,
    /// The node groups that it came up on.
    pub ran_on: Names,
    /// The release that the first of the failed ones ran before, and runs again.
    #[serde(default)]
    pub previous_release_version: String,
    /// Releases of the same build on other tracks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub same_build: Vec<String>,
}

impl Notice {
    /// A notice that is not published yet.
    #[must_use]
    pub fn new(kind: NoticeKind, at: Timestamp) -> Self {
        Self { kind, at, published: Vec::new(), original: Unknown::default() }
    }

    /// Its id in the record with this key: the same however often it is published, so that a reader can drop a repeat.
    #[must_use]
    pub fn id(&self, record: &str) -> String {
        let (code, at) = (self.kind.code(), self.at);
        let name = match self.kind.identity() {
            Identity::Attempt(AttemptRef { number, release_version }) => {
                format!("{record}/{code}/{number}/{release_version}")
            }
            Identity::Once(about) => format!("{record}/{code}/{about}"),
            Identity::At(Some(about)) => format!("{record}/{code}/{about}/{at}"),
            Identity::At(None) => format!("{record}/{code}/{at}"),
        };
        Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()).to_string()
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
    /// Whether people are not notified of it, unless a setting asks for it.
    #[must_use]
    pub fn is_event_only(&self) -> bool {
        matches!(self, Self::UpdateStarted(_) | Self::UpdateSucceeded(_) | Self::ReleaseAvailable { .. })
    }

    /// The detail type of its event, if it has one.
    #[must_use]
    pub fn detail_type(&self) -> Option<DetailType> {
        let detail_type = match self {
            Self::UpdateStarted(_) | Self::RollbackStarted(_) => DetailType::UpdateStarted,
            Self::UpdateSucceeded(_) | Self::UpdateForced(_) | Self::RolledBack(_) => DetailType::UpdateSucceeded,
            Self::UpdateFailed(_) | Self::UpdateNotFound(_) | Self::UpdateUnverified(_) => DetailType::UpdateFailed,
            Self::UpdateRefused(_) => DetailType::UpdateRefused,
            Self::UpdateCancelled(_) => DetailType::UpdateCancelled,
            Self::UpdateStuck(_) => DetailType::UpdateStuck,
            Self::NodegroupStale(_) => DetailType::NodegroupStale,
            Self::NodegroupCurrent(_) | Self::UpdateRecovered(_) => DetailType::NodegroupCurrent,
            Self::ReleaseAvailable { .. } => DetailType::ReleaseAvailable,
            Self::ReleaseWithdrawn { .. } => DetailType::ReleaseWithdrawn,
            Self::ReleaseQuarantined(_) => DetailType::ReleaseQuarantined,
            Self::RollbackExpired(_)
            | Self::NodegroupDowngraded(_)
            | Self::TagLost
            | Self::TagInvalid(_)
            | Self::Digest(_)
            | Self::SupportEnded(_)
            | Self::RecordUnreadable(_)
            | Self::TableEmpty
            | Self::UpdateAvailable { .. }
            | Self::AccessDenied { .. }
            | Self::ReleaseRefused { .. } => return None,
        };
        Some(detail_type)
    }

    /// Its identity among others of its kind.
    #[must_use]
    pub fn identity(&self) -> Identity<'_> {
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
            | Self::RolledBack(attempt) => Identity::Attempt(attempt),
            Self::UpdateRecovered(over) => Identity::Once(format!("{}/{}", over.number, over.release_version)),
            Self::UpdateAvailable { version, release_version } => {
                Identity::Once(format!("{version}/{release_version}"))
            }
            Self::RollbackExpired(rollback) => Identity::Once(rollback.request_id.clone()),
            Self::NodegroupDowngraded(Hold { from, to, since, .. }) => {
                Identity::Once(format!("{}/{}/{since}", from.release_version, to.release_version))
            }
            Self::TagInvalid(tag) => Identity::Once(format!("{}={}", tag.key, tag.value)),
            Self::NodegroupStale(_)
            | Self::NodegroupCurrent(_)
            | Self::TagLost
            | Self::Digest(_)
            | Self::AccessDenied { .. }
            | Self::TableEmpty => Identity::At(None),
            Self::SupportEnded(ended) => Identity::At(Some(ended.what.to_string())),
            Self::RecordUnreadable(record) => Identity::At(Some(record.nodegroup.to_string())),
            // AWS might withdraw a release twice.
            Self::ReleaseAvailable { release_version, .. }
            | Self::ReleaseWithdrawn { release_version, .. }
            | Self::ReleaseRefused { release_version, .. } => Identity::At(Some(release_version.clone())),
            Self::ReleaseQuarantined(held) => {
                let cluster = held.cluster.as_ref().map(ClusterId::name).unwrap_or_default();
                let release = format!("{}/{}/{}", held.version, held.ami_type, held.release_version);
                Identity::At(Some(format!("{release}/{cluster}")))
            }
        }
    }

    /// Its name in messages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.into()
    }

    /// The attempt it is about, if it is about one.
    #[must_use]
    pub fn attempt(&self) -> Option<&AttemptRef> {
        match self.identity() {
            Identity::Attempt(attempt) => Some(attempt),
            Identity::Once(_) | Identity::At(_) => None,
        }
    }
}
