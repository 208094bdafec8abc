//! The rules of an update, in the order in which they are evaluated.

use serde::{Deserialize, Serialize};

/// A rule. Each variant describes the satisfied rule; a [`Reason`](super::reason::Reason) is why an update fails the rule.
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
    /// The event selects it, and it was found.
    Selected,
    /// AWS and the table could be read.
    Readable,
    /// Its tags opt it in, and are valid.
    OptedIn,
    /// No update of it is in progress.
    NoUpdateInProgress,
    /// The requested rollback can start.
    RollbackAllowed,
    /// AWS publishes releases for its AMI type.
    ManagedAmi,
    /// Its pin names a release to go to.
    Pin,
    /// There is a newer release.
    NewerRelease,
    /// It was not downgraded, or the release is newer than the one it left.
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
    /// The release did not fail on it, or can be retried.
    NotFailedBefore,
    /// The lower rings have proved the release.
    Ring,
    /// Its tag allows updates, not only reports.
    UpdatesAllowed,
    /// It is active, and has no health issue that makes EKS refuse updates.
    Healthy,
    /// EKS has not rejected an update of it recently.
    NotBackingOff,
    /// Its last update is old enough.
    MinInterval,
    /// Neither the stop switch nor a change calendar stops all updates.
    NotFrozen,
    /// Its window is open, and for long enough.
    Window,
    /// Its earlier updates are known.
    UpdateHistory,
    /// The limits allow another update.
    Limits,
}

/// The steps in which rules are evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::VariantArray)]
pub enum Step {
    /// Is the node group opted in and readable?
    Selection,
    /// Can it be updated at all?
    Nodegroup,
    /// Which release can it be updated to?
    Release,
    /// Is its update allowed to start now?
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
