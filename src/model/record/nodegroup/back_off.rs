//! Rejections by EKS, and the wait before the next attempt.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::attempt::outcome::OutcomeKind;
use crate::model::attempt::{Intent, MESSAGE_BYTES, head};
use crate::model::decision::reason::Reason;
use crate::model::unknown::{Unknown, Word};

/// EKS rejected an update, for a cause that is neither the release nor permanent: the node group is in use or not active, or
/// the function is missing a permission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackOff {
    /// The outcome, such as `InUse`.
    pub outcome: Word<OutcomeKind>,
    /// EKS's words.
    pub error: String,
    /// The Kubernetes version to which EKS does not update the node group yet, if it only refuses that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The release that EKS does not know, if it only refuses that: a pin to a release that AWS's parameters never named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_version: Option<String>,
    /// When EKS first rejected it.
    pub since: Timestamp,
    /// When EKS last rejected it.
    pub last: Timestamp,
    /// How often in a row.
    pub times: usize,
    /// Attributes that only a newer version knows.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// The updates that EKS rejects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTaken<'a> {
    /// Any update of the node group.
    Update,
    /// The step to this Kubernetes version.
    Version(&'a str),
    /// This release.
    Release(&'a str),
}

impl BackOff {
    /// Why no update starts before this time.
    #[must_use]
    pub fn reason(&self, until: Timestamp) -> Reason {
        let access_denied = self.outcome == OutcomeKind::AccessDenied;
        Reason::BackingOff { error: self.error.clone(), until, access_denied }
    }

    /// Whether it stops this update.
    #[must_use]
    pub fn stops(&self, intent: &Intent) -> bool {
        self.version.as_ref().is_none_or(|version| *version == intent.version)
            && self.release_version.as_ref().is_none_or(|release| *release == intent.release_version)
    }

    /// After this one, which counts if it was the same.
    pub(super) fn after(before: Option<Self>, outcome: OutcomeKind, not_taken: NotTaken<'_>, now: Timestamp) -> Self {
        let (version, release_version) = match not_taken {
            NotTaken::Update => (None, None),
            NotTaken::Version(version) => (Some(version.to_owned()), None),
            NotTaken::Release(release) => (None, Some(release.to_owned())),
        };
        let is_same = |before: &Self| {
            (&before.version, &before.release_version) == (&version, &release_version) && before.outcome == outcome
        };
        match before.filter(is_same) {
            Some(before) => Self { last: now, times: before.times + 1, ..before },
            None => {
                let (outcome, error, unknown) = (outcome.into(), String::new(), Unknown::default());
                Self { outcome, error, version, release_version, since: now, last: now, times: 1, unknown }
            }
        }
    }

    /// In EKS's words.
    pub(super) fn with_error(self, error: &str) -> Self {
        Self { error: head(error, MESSAGE_BYTES), ..self }
    }
}
