//! The rules of an update, in the order in which they are evaluated.

use serde::{Deserialize, Serialize};

use super::reason::Reason;

/// A rule. Each says what holds where it is satisfied; a [`Reason`] is what stands against an update by it.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
pub enum Rule {
    /// The event asks for it, and it was found.
    Selected,
    /// AWS and the table could be read.
    Readable,
    /// Its tags opt it in, and are understood.
    OptedIn,
    /// No update of it is in progress.
    NoUpdateInProgress,
    /// The rollback that was asked for can start.
    RollbackAllowed,
    /// AWS publishes releases for its AMI type.
    ManagedAmi,
    /// It was not downgraded.
    NotDowngraded,
    /// Its pin names a release to go to.
    Pin,
    /// There is a newer release.
    NewerRelease,
    /// Its cluster has run its Kubernetes version for long enough to follow.
    FollowClusterAfter,
    /// The release is not denied.
    NotDenied,
    /// The release is old enough.
    MinAge,
    /// The release is not quarantined.
    NotQuarantined,
    /// EKS does not refuse the release.
    ReleaseAccepted,
    /// The release did not fail on it, or may be tried again.
    NotFailedBefore,
    /// The lower rings have proved the release.
    Ring,
    /// Its tag allows updates, not only reports.
    UpdatesAllowed,
    /// It is active, and has no health issue with which EKS refuses updates.
    Healthy,
    /// EKS did not lately refuse to take an update of it.
    NotBackingOff,
    /// Its last update is long enough ago.
    MinInterval,
    /// No stop switch and no change calendar stops all updates.
    NotFrozen,
    /// Its window is open, and for long enough.
    Window,
    /// Its earlier updates are known.
    UpdateHistory,
    /// The limits leave it a place.
    Limits,
}

impl Rule {
    /// The rule's name in conditions.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }
}

impl Reason {
    /// The rule by which it stands against an update.
    #[must_use]
    pub fn rule(&self) -> Rule {
        match self {
            Self::Excluded | Self::NotFound => Rule::Selected,
            Self::Deleted | Self::NotReached | Self::Unreadable(_) => Rule::Readable,
            Self::NotOptedIn | Self::OptedOut | Self::InvalidTag(_) => Rule::OptedIn,
            Self::InProgress { .. } => Rule::NoUpdateInProgress,
            Self::RollbackBlocked { .. } => Rule::RollbackAllowed,
            Self::CustomAmi | Self::UnknownAmiType { .. } => Rule::ManagedAmi,
            Self::Downgraded(_) => Rule::NotDowngraded,
            Self::Pinned { .. } | Self::PinIsDowngrade { .. } | Self::PinUnknown { .. } | Self::PinWithdrawn { .. } => {
                Rule::Pin
            }
            Self::NoRelease { .. }
            | Self::EndOfSupport { .. }
            | Self::UpToDate { .. }
            | Self::NoNewReleases { .. }
            | Self::RunsWithdrawnRelease { .. }
            | Self::NotComparable { .. } => Rule::NewerRelease,
            Self::ClusterUpgradedRecently { .. } => Rule::FollowClusterAfter,
            Self::Denied { .. } => Rule::NotDenied,
            Self::MinAgeNotReached { .. } => Rule::MinAge,
            Self::Quarantined { .. } => Rule::NotQuarantined,
            Self::ReleaseRefused { .. } => Rule::ReleaseAccepted,
            Self::FailedBefore { .. } => Rule::NotFailedBefore,
            Self::WaitingForRing { .. } => Rule::Ring,
            Self::ReportOnly { .. } => Rule::UpdatesAllowed,
            Self::Unhealthy { .. } | Self::NotActive { .. } => Rule::Healthy,
            Self::BackingOff { .. } => Rule::NotBackingOff,
            Self::MinIntervalNotReached { .. } => Rule::MinInterval,
            Self::Frozen(_) => Rule::NotFrozen,
            Self::OutsideWindow { .. } => Rule::Window,
            Self::UpdateHistoryUnread(_) => Rule::UpdateHistory,
        }
    }
}
