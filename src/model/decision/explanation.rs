//! Why an update of a node group starts or does not: the result of every rule, not only of the first that fails.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::attention::Attention;
use super::rule::Rule;
use crate::model::decision::DecisionKind;

/// The result of every rule for one node group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// `cluster/nodegroup`.
    pub nodegroup: String,
    /// The plan's decision.
    pub decision: DecisionKind,
    /// The attention it needs from the people who run the fleet.
    #[serde(default)]
    pub attention: Attention,
    /// The sentence that explains it.
    pub reason: String,
    /// What it runs, if it could be described.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<Description>,
    /// The release that it would get if every rule were satisfied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// When an update can start if nothing else changes, if that only depends on time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Timestamp>,
    /// Each rule that applies to it, in the order in which they are evaluated.
    pub conditions: Vec<Condition>,
    /// The releases that are newer than what it runs, newest first.
    pub releases: Vec<ConsideredRelease>,
}

/// What a node group runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Description {
    /// The release, if EKS returned it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_version: Option<String>,
    /// The Kubernetes version, if EKS returned it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes_version: Option<String>,
    /// The AMI type.
    pub ami_type: String,
    /// How many days ago the oldest newer release was published, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days_behind: Option<i64>,
}

/// The result of one rule, in the form of a Kubernetes condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// The rule.
    #[serde(rename = "type")]
    pub rule: Rule,
    /// Whether it is satisfied.
    pub status: ConditionStatus,
    /// `Satisfied`, `NotEvaluated`, or the code of the reason against an update.
    pub reason: String,
    /// The sentence that explains it.
    pub message: String,
    /// Its source: a tag, a setting, the record, or an AWS service.
    pub source: String,
    /// Whether it is the decisive rule.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub decides: bool,
    /// When it might be satisfied, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Since when it has this status, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<Timestamp>,
}

/// Whether a rule is satisfied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConditionStatus {
    /// It is.
    True,
    /// It is not.
    False,
    /// It was not evaluated, because an earlier rule left nothing to evaluate.
    Unknown,
}

/// A release that is newer than what a node group runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsideredRelease {
    /// The release.
    pub release_version: String,
    /// Its Kubernetes version.
    pub kubernetes_version: String,
    /// When AWS published it; if AWS gives no date, when it was first seen.
    pub published_at: Timestamp,
    /// The objections to it; empty if the node group can be updated to it.
    pub against: Vec<Objection>,
}

/// An objection to a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Objection {
    /// The reason's code, or `Withdrawn`, or `NotPinned`.
    pub reason: String,
    /// The sentence that explains it.
    pub message: String,
    /// When it might end, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}
