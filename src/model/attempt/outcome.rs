//! The result of an attempt to start an update: a closed set, each with the sentence an operator reads.

use crate::model::attempt::ErrorDetail;

/// The result of an attempt to start an update.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, strum::IntoStaticStr, strum::EnumDiscriminants)]
#[strum_discriminants(
    name(OutcomeKind),
    doc = "An outcome without its details: what answers and records name.",
    derive(serde::Serialize, serde::Deserialize, strum::IntoStaticStr)
)]
pub enum Outcome {
    /// EKS accepted the update; `check` watches it.
    #[error("EKS accepted the update {update_id}")]
    Accepted {
        /// The update's id.
        update_id: String,
    },
    /// Another change of the node group is in progress.
    #[error("another change of the node group is in progress: {0}")]
    InUse(String),
    /// The node group or its cluster is no longer active, or has health issues.
    #[error("the node group or its cluster is not active: {0}")]
    NotActive(String),
    /// EKS does not know the release: not yet, or never.
    #[error("EKS refuses this release as invalid: {0}")]
    NotReady(String),
    /// EKS does not update the node group to its cluster's Kubernetes version yet.
    #[error("EKS does not update it to its cluster's Kubernetes version yet: {0}")]
    VersionNotReady(String),
    /// The node group or its cluster was deleted meanwhile.
    #[error("it was deleted meanwhile: {0}")]
    Deleted(String),
    /// EKS refused, and refuses again until something is changed.
    #[error("EKS refused: {}: {}", .0.error_code, .0.error_message)]
    Refused(ErrorDetail),
    /// The function is not allowed to launch instances with the node group's launch template.
    #[error("EKS refused: missing permissions for its launch template: {}", .0.error_message)]
    LaunchTemplateDenied(ErrorDetail),
    /// The function is not allowed to start updates.
    #[error("the function is not allowed to start it: {0}")]
    AccessDenied(String),
    /// It is unknown whether EKS accepted the update. `check` finds out.
    #[error("it is unknown whether EKS accepted the update; check finds out: {0}")]
    Unknown(String),
    /// It was not requested in this run.
    #[error("not requested in this run: {0}")]
    NotAsked(NotAsked),
    /// Another run started it in the same moment.
    #[error("another run started it")]
    LostRace,
    /// The intent could not be written, so nothing was started.
    #[error("not started, because the intent could not be recorded: {0}")]
    NotRecorded(String),
    /// The window closed before its turn came.
    #[error("its window closed before its turn came")]
    WindowClosed,
    /// Lambda's time limit was near.
    #[error("left to the next run, because Lambda's time limit is near")]
    DeadlineNear,
}

/// Why a planned start was not requested from EKS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAsked {
    /// EKS refused the release for another node group.
    #[error("EKS refused this release for another node group")]
    NotReady,
    /// EKS refused several starts in a row because permissions are missing.
    #[error("EKS refuses updates because permissions are missing")]
    AccessDenied,
    /// The run has made all the calls that it is allowed.
    #[error("the run has made {0} calls, twice MAX_STARTS_PER_RUN")]
    Calls(usize),
}

impl OutcomeKind {
    /// Its name in answers, logs and records.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.into()
    }
}

impl Outcome {
    /// The outcome's name in summaries and logs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.into()
    }

    /// Whether an update is, or might be, in progress because of it, and counts against the limits.
    #[must_use]
    pub fn takes_capacity(&self) -> bool {
        matches!(self, Self::Accepted { .. } | Self::Unknown(_) | Self::LostRace | Self::InUse(_))
    }

    /// Whether the intent was written, together with what the run knew about the node group.
    #[must_use]
    pub fn had_intent(&self) -> bool {
        !matches!(
            self,
            Self::NotRecorded(_) | Self::NotAsked(_) | Self::LostRace | Self::WindowClosed | Self::DeadlineNear
        )
    }

    /// Whether the summary lists it as an error.
    #[must_use]
    pub fn is_error(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::LaunchTemplateDenied(_) | Self::Unknown(_) | Self::NotRecorded(_))
    }
}
