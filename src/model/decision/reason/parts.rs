//! The parts of some reasons, each with its sentence.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::id::names::Names;
use crate::model::problem::Unreadable;
use crate::model::release::version::ReleaseVersion;
use crate::model::settings::setting::Setting;

/// Why a requested rollback cannot start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RollbackBlock {
    /// Its tag allows no update.
    #[error("its tag ami-update=notify allows no update")]
    NotifyOnly,
    /// It is pinned.
    #[error("its tag ami-update/pin names {0}; move the pin")]
    Pinned(String),
    /// The release is not one of its AMI type and Kubernetes version.
    #[error("no such release for its AMI type and Kubernetes version")]
    NoRelease,
    /// The release is not older than the current one.
    #[error("it runs {0}, which is not newer")]
    NotOlder(String),
    /// AWS withdrew the release.
    #[error("AWS has withdrawn that release")]
    Withdrawn,
    /// The setting denies the release.
    #[error("that release is denied")]
    Denied,
    /// The release is quarantined.
    #[error("that release is quarantined")]
    Quarantined,
}

/// Why a ring waits for a node group of a lower one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RingWait {
    /// It does not run the release yet.
    NotThere,
    /// The release failed on it.
    Failed,
    /// It runs the release, but not long enough.
    Soaking(Timestamp),
    /// It cannot be read, and so proves nothing.
    Unreadable,
    /// It has an invalid tag, and so proves nothing.
    InvalidTag,
    /// It is unhealthy, and so proves nothing.
    Unhealthy,
    /// It has no nodes, and so proves nothing.
    NoNodes,
    /// The release is quarantined in its cluster.
    Quarantined,
    /// It was downgraded, and stays on an older release.
    Downgraded,
}

/// Why no update is allowed to start anywhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, strum::EnumDiscriminants)]
#[strum_discriminants(
    name(FreezeKind),
    doc = "A freeze without its details: what answers name.",
    derive(Serialize, Deserialize)
)]
#[expect(missing_docs, reason = "the fields are the words of each sentence")]
pub enum Freeze {
    /// The stop switch is set to `stopped`.
    #[error("the stop switch {parameter} is set to stopped")]
    Stopped { parameter: String },
    /// A change calendar is closed.
    #[error("a change calendar is closed{}", .until.map(|until| format!(" until {until:.0}")).unwrap_or_default())]
    CalendarClosed { until: Option<Timestamp> },
    /// The stop switch, a calendar or the quarantines cannot be read.
    #[error("cannot read whether updates are stopped, so none is started: {0}")]
    Unreadable(Unreadable),
}

/// Which limit is reached, and by whom.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Limit {
    /// Updates in progress in the cluster.
    #[error("{setting} is {0}, reached by {1}", setting = Setting::MaxUpdatesPerCluster.row().variable)]
    PerCluster(usize, Names),
    /// Updates in progress in the whole fleet.
    #[error("{setting} is {0}, reached by {1}", setting = Setting::MaxUpdatesInProgress.row().variable)]
    InProgress(usize, Names),
    /// Updates started by this run.
    #[error("{setting} is {0}, reached by this run", setting = Setting::MaxStartsPerRun.row().variable)]
    PerRun(usize),
}

impl Freeze {
    /// Whether it ends by itself: a calendar whose next opening is known.
    pub(super) fn ends_by_itself(&self) -> bool {
        matches!(self, Self::CalendarClosed { until: Some(_) })
    }

    /// When it might end, if that is known.
    #[must_use]
    pub fn until(&self) -> Option<Timestamp> {
        match self {
            Self::CalendarClosed { until } => *until,
            Self::Stopped { .. } | Self::Unreadable(_) => None,
        }
    }
}

impl RingWait {
    /// Whether it ends by itself: the node group will run the release or the next one.
    pub(super) fn ends_by_itself(self) -> bool {
        match self {
            Self::NotThere | Self::Soaking(_) | Self::Downgraded => true,
            Self::Failed
            | Self::Unreadable
            | Self::InvalidTag
            | Self::Unhealthy
            | Self::NoNodes
            | Self::Quarantined => false,
        }
    }

    /// Whether the node group in its current state cannot prove any release, or failed to update to this one.
    pub(super) fn proves_nothing(self) -> bool {
        match self {
            Self::Failed | Self::Unreadable | Self::InvalidTag | Self::Unhealthy | Self::NoNodes => true,
            Self::NotThere | Self::Soaking(_) | Self::Downgraded | Self::Quarantined => false,
        }
    }

    pub(super) fn sentence(self, target: &ReleaseVersion) -> String {
        match self {
            Self::NotThere => format!("does not run {target} yet"),
            Self::Failed => format!("failed to update to {target}"),
            Self::Soaking(until) => format!("is soaking {target} until {until:.0}"),
            Self::Unreadable => format!("cannot be read, so it does not prove {target}"),
            Self::InvalidTag => format!("has an invalid tag, so it does not prove {target}"),
            Self::Unhealthy => format!("is unhealthy, so it does not prove {target}"),
            Self::NoNodes => format!("has no nodes, and no other node group of the lower rings proves {target}"),
            Self::Downgraded => format!("was downgraded and is held back, so it does not prove {target}"),
            Self::Quarantined => format!("is in a cluster where {target} is quarantined"),
        }
    }
}
