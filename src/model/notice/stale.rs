//! Node groups that are not kept current.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::decision::DecisionKind;
use crate::model::id::NodegroupName;
use crate::model::unknown::Unknown;

/// An obstacle: a condition that blocks updates of a node group regardless of the release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Obstacle {
    /// The reason.
    pub reason: DecisionKind,
    /// Since when.
    pub since: Timestamp,
    /// Attributes that only a newer version knows.
    #[serde(flatten)]
    pub unknown: Unknown,
}

impl Obstacle {
    /// An obstacle with this reason.
    #[must_use]
    pub fn new(reason: DecisionKind, since: Timestamp) -> Self {
        Self { reason, since, unknown: Unknown::default() }
    }
}

/// A node group that has not been kept current for too long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stale {
    /// Since when.
    pub since: Timestamp,
    /// The oldest release that is newer than its current one, if one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<String>,
    /// How many days ago that release was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days_behind: Option<i64>,
    /// The decision.
    pub reason: DecisionKind,
    /// The sentence of the decision.
    pub detail: String,
    /// The cause, which other node groups might share.
    pub cause: String,
    /// Attributes that only a newer version knows.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// The report of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportedStale {
    /// What was reported.
    pub stale: Stale,
    /// When.
    pub at: Timestamp,
    /// When it ended. Kept for a while, so that a recurring cause is not reported again and again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over_at: Option<Timestamp>,
    /// Attributes that only a newer version knows.
    #[serde(flatten)]
    pub unknown: Unknown,
}

impl Stale {
    /// For this decision, without a known newer release.
    #[must_use]
    pub fn new(since: Timestamp, reason: DecisionKind, detail: &str, cause: &str) -> Self {
        let (detail, cause) = (detail.to_owned(), cause.to_owned());
        Self { since, oldest: None, days_behind: None, reason, detail, cause, unknown: Unknown::default() }
    }
}

impl ReportedStale {
    /// A report made now.
    #[must_use]
    pub fn new(stale: &Stale, now: Timestamp) -> Self {
        Self { stale: stale.clone(), at: now, over_at: None, unknown: Unknown::default() }
    }

    /// Whether it lasts.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.over_at.is_none()
    }
}

/// A node group whose record cannot be read, so that the fleet's record keeps track of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnreadableRecord {
    /// The node group.
    pub nodegroup: NodegroupName,
    /// Why.
    pub error: String,
    /// Since when.
    pub since: Timestamp,
    /// Whether it was reported.
    #[serde(default)]
    pub reported: bool,
    /// Attributes that only a newer version knows.
    #[serde(flatten)]
    pub unknown: Unknown,
}
