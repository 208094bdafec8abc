//! Why an update of a node group starts or does not: what every rule says, not only the first that fails.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::attention::Attention;
use super::decision::DecisionKind;
use super::rule::Rule;

/// What every rule says of one node group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// `cluster/nodegroup`.
    pub nodegroup: String,
    /// The plan's decision.
    pub decision: DecisionKind,
    /// What it asks of the people who run the fleet.
    #[serde(default)]
    pub attention: Attention,
    /// The sentence to it.
    pub reason: String,
    /// What it runs, where it could be described.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<Description>,
    /// The release that it would get, were every rule satisfied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// When an update can start if nothing else changes, where time alone brings that about.
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
    /// The release, where EKS says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_version: Option<String>,
    /// The Kubernetes version, where EKS says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes_version: Option<String>,
    /// The AMI type.
    pub ami_type: String,
    /// How many days ago the oldest newer release was published, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days_behind: Option<i64>,
}

/// What one rule says, as Kubernetes writes conditions.
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
    /// The sentence to it.
    pub message: String,
    /// Where it is known from: a tag, a setting, the record, or the AWS service that says so.
    pub source: String,
    /// Whether it is the one that decides.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub decides: bool,
    /// When it may be satisfied, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Since when it is as it is, where that is known.
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
    /// It was not evaluated, since an earlier one left nothing to evaluate it for.
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
    /// When AWS published it; where AWS does not say, when it was first seen.
    pub published_at: Timestamp,
    /// What stands against it; nothing where it may be taken.
    pub against: Vec<Objection>,
}

/// Something that stands against a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Objection {
    /// The reason's code, or `Withdrawn`, or `NotPinned`.
    pub reason: String,
    /// The sentence to it.
    pub message: String,
    /// When it may no longer hold, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}
