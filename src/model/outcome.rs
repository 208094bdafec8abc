//! What came of a start: a closed set, each with the sentence an operator reads.

use super::attempt::ErrorDetail;

/// What came of a start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, strum::IntoStaticStr)]
pub enum Outcome {
    /// EKS accepted the update; `check` watches it.
    #[error("EKS accepted the update {update_id}")]
    Accepted {
        /// The update's id.
        update_id: String,
    },
    /// The node group is being changed otherwise.
    #[error("another change of the node group is in progress: {0}")]
    InUse(String),
    /// EKS does not accept the release yet: the parameter was ahead of it.
    #[error("EKS does not accept this release yet; retried in the next run: {0}")]
    NotReady(String),
    /// The node group or its cluster was deleted meanwhile.
    #[error("it was deleted meanwhile: {0}")]
    Deleted(String),
    /// EKS refused, and will refuse again until something is changed.
    #[error("EKS refused: {}: {}", .0.error_code, .0.error_message)]
    Refused(ErrorDetail),
    /// Whether EKS accepted the update is not known. `check` finds out.
    #[error("it is not known whether EKS accepted the update; check finds out: {0}")]
    Unclear(String),
    /// Another run started it in the same moment.
    #[error("another run started it")]
    LostRace,
    /// The intent could not be written, so nothing was started.
    #[error("not started, since the intent could not be recorded: {0}")]
    NotRecorded(String),
    /// The window closed before its turn came.
    #[error("its window closed before its turn came")]
    WindowClosed,
    /// Lambda's time limit was near.
    #[error("left to the next run, since Lambda's time limit is near")]
    DeadlineNear,
}

impl Outcome {
    /// The outcome's name in summaries and logs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.into()
    }

    /// Whether an update is or may be in progress because of it, and counts against the limits.
    #[must_use]
    pub fn takes_capacity(&self) -> bool {
        matches!(self, Self::Accepted { .. } | Self::Unclear(_) | Self::LostRace | Self::InUse(_))
    }

    /// Whether it is an error of the run.
    #[must_use]
    pub fn is_error(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Unclear(_) | Self::NotRecorded(_))
    }
}
