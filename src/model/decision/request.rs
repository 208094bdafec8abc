//! The request of a manual event to a run of `start`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::id::{NodegroupName, NodegroupPattern, Subject};
use crate::model::release::selector::ReleaseSelector;

/// The request to a run of `start`; by default a full run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartRequest {
    /// Plan and report, but write and start nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// Only these node groups, and those of `clusters`. Without both: all.
    #[serde(default)]
    pub nodegroups: Vec<NodegroupName>,
    /// Only the node groups of these clusters, and those of `nodegroups`.
    #[serde(default)]
    pub clusters: Vec<String>,
    /// Explain the result of every rule for these node groups; read-only, like a dry run.
    #[serde(default)]
    pub explain: Vec<NodegroupName>,
    /// Retry at once the updates that failed on these node groups.
    #[serde(default)]
    pub retry: Vec<NodegroupName>,
    /// Roll node groups back to an older release of their Kubernetes version, by name or by a pattern such as `prod/*`.
    #[serde(default)]
    pub rollback: BTreeMap<NodegroupPattern, String>,
    /// Lift the quarantine of these releases.
    #[serde(default)]
    pub lift_quarantine: Vec<ReleaseSelector>,
}

impl StartRequest {
    /// Whether it asks for all node groups.
    #[must_use]
    pub fn includes_all(&self) -> bool {
        self.nodegroups.is_empty() && self.clusters.is_empty()
    }

    /// Whether the run covers the whole fleet and records its findings: only such a run assesses the fleet.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.includes_all() && !self.dry_run
    }

    /// Whether it only asks why about some node groups, so that not the whole fleet needs to be read.
    #[must_use]
    pub fn is_narrow(&self) -> bool {
        !self.explain.is_empty() && self.includes_all() && !self.has_action()
    }

    /// Whether it requests a change, among other things.
    #[must_use]
    pub fn has_action(&self) -> bool {
        let Self { dry_run: _, nodegroups: _, clusters: _, explain: _, retry, rollback, lift_quarantine } = self;
        !retry.is_empty() || !rollback.is_empty() || !lift_quarantine.is_empty()
    }

    /// Whether the answer has a line about this subject.
    #[must_use]
    pub fn answers_about(&self, subject: &Subject) -> bool {
        self.explain.is_empty() || matches!(subject, Subject::Nodegroup(name) if self.explain.contains(name))
    }

    /// Whether a node group is requested.
    #[must_use]
    pub fn includes(&self, name: &NodegroupName) -> bool {
        self.includes_all() || self.clusters.contains(&name.cluster) || self.nodegroups.contains(name)
    }
}
