//! That a node group is not kept current.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::decision::DecisionKind;
use super::subject::NodegroupName;

/// What keeps a node group from being looked after, whatever release is out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Obstacle {
    /// The reason.
    pub reason: DecisionKind,
    /// Since when.
    pub since: Timestamp,
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
}
