//! The rules of an update, in the order in which they are evaluated.

use serde::{Deserialize, Serialize};

/// A rule. Each says what holds where it is satisfied; a [`Reason`](super::reason::Reason) is what stands against an update by it.
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
    /// Its pin names a release to go to.
    Pin,
    /// There is a newer release.
    NewerRelease,
    /// It was not downgraded, or the release is newer than what it left.
    NotDowngraded,
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

/// The steps in which rules are evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::VariantArray)]
pub enum Step {
    /// Is the node group to be kept current, and known?
    Selection,
    /// Can it be updated at all?
    Nodegroup,
    /// Which release may it go to?
    Release,
    /// May its update start now?
    Start,
}

impl Rule {
    /// The step in which it is evaluated.
    #[must_use]
    pub fn step(self) -> Step {
        match self {
            Self::Selected | Self::Readable | Self::OptedIn => Step::Selection,
            Self::NoUpdateInProgress | Self::RollbackAllowed | Self::ManagedAmi => Step::Nodegroup,
            Self::NotDowngraded
            | Self::Pin
            | Self::NewerRelease
            | Self::FollowClusterAfter
            | Self::NotDenied
            | Self::MinAge
            | Self::NotQuarantined
            | Self::ReleaseAccepted
            | Self::NotFailedBefore
            | Self::Ring => Step::Release,
            Self::UpdatesAllowed
            | Self::Healthy
            | Self::NotBackingOff
            | Self::MinInterval
            | Self::NotFrozen
            | Self::Window
            | Self::UpdateHistory
            | Self::Limits => Step::Start,
        }
    }

    /// The rule's name in conditions.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }
}
