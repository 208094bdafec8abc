//! That a node group is not kept current.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::decision::DecisionKind;
use crate::model::id::NodegroupName;
use crate::model::unknown::Unknown;

/// What keeps a node group from being looked after, whatever release is out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Obstacle {
    /// The reason.
    pub reason: DecisionKind,
    /// Since when.
    pub since: Timestamp,
    /// What a newer version knows beside.
    #[serde(flatten)]
    pub unknown: Unknown,
}

impl Obstacle {
    /// For this reason.
    #[must_use]
    pub fn new(reason: DecisionKind, since: Timestamp) -> Self {
        Self { reason, since, unknown: Unknown::default() }
    }
}

/// A node group has not been kept current for longer than it may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stale {
    /// Since when.
    pub since: Timestamp,
    /// The oldest release that is newer than what it runs, where one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<String>,
    /// How many days ago that was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days_behind: Option<i64>,
    /// The decision.
    pub reason: DecisionKind,
    /// The decision's sentence.
    pub detail: String,
    /// What may hold other node groups as well.
    pub cause: String,
    /// What a newer version knows beside.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// That it was reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportedStale {
    /// What was reported.
    pub stale: Stale,
    /// When.
    pub at: Timestamp,
    /// When it was over. Kept for a while, so that what comes and goes is not reported again and again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over_at: Option<Timestamp>,
    /// What a newer version knows beside.
    #[serde(flatten)]
    pub unknown: Unknown,
}

impl Stale {
    /// For this decision, where no newer release is known.
    #[must_use]
    pub fn new(since: Timestamp, reason: DecisionKind, detail: &str, cause: &str) -> Self {
        let (detail, cause) = (detail.to_owned(), cause.to_owned());
        Self { since, oldest: None, days_behind: None, reason, detail, cause, unknown: Unknown::default() }
    }
}

impl ReportedStale {
    /// That it was reported now.
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

/// A node group whose record cannot be read, and so cannot say it itself.
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
    /// What a newer version knows beside.
    #[serde(flatten)]
    pub unknown: Unknown,
}
