//! The update history of a node group: one line for each ended attempt, for more attempts than are kept in full.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::attempt::{Attempt, StartedBy, Status, head};
use crate::model::unknown::{Unknown, Word};

/// The maximum length of a text in a line, in bytes. EKS's texts are much shorter.
const TEXT_BYTES: usize = 128;

/// An ended attempt, in one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PastAttempt {
    /// Its number.
    pub number: u32,
    /// The update's id, if EKS accepted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_id: Option<String>,
    /// The target Kubernetes version.
    pub version: String,
    /// The release that ran before, if known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub from: String,
    /// The target release, if EKS names one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub to: String,
    /// When it was started.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// How it ended.
    pub status: Word<Status>,
    /// Who started it.
    pub started_by: Word<StartedBy>,
    /// Attributes that only a newer version knows.
    #[serde(flatten)]
    pub unknown: Unknown,
}

impl PastAttempt {
    pub(super) fn of(attempt: &Attempt, ended_at: Timestamp) -> Self {
        Self {
            number: attempt.number,
            update_id: attempt.update_id.as_ref().map(|id| head(id, TEXT_BYTES)),
            version: head(&attempt.intent.version, TEXT_BYTES),
            from: head(&attempt.intent.previous_release_version, TEXT_BYTES),
            to: head(&attempt.intent.release_version, TEXT_BYTES),
            started_at: attempt.started_at,
            ended_at,
            status: attempt.status.clone(),
            started_by: attempt.started_by.clone(),
            unknown: Unknown::default(),
        }
    }
}
