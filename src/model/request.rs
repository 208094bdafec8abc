//! What a manual event asks a run of `start` for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::settings::ReleaseSelector;
use super::subject::{NodegroupName, NodegroupPattern, Subject};

/// What a run of `start` is asked for; by default a full run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartRequest {
    /// Plan and report, but write and start nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// Only these node groups, and those of `clusters`. Without either: all.
    #[serde(default)]
    pub nodegroups: Vec<NodegroupName>,
    /// Only the node groups of these clusters, and those of `nodegroups`.
    #[serde(default)]
    pub clusters: Vec<String>,
    /// Say of these node groups what every rule says of them; only looks, as a dry run does.
    #[serde(default)]
    pub explain: Vec<NodegroupName>,
    /// Try again at once on these node groups what failed before.
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

    /// Whether the run looks at the whole fleet and leaves what it finds: only such a run judges the fleet.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.includes_all() && !self.dry_run
    }

    /// Whether it asks for something to be changed, whatever else it asks for.
    #[must_use]
    pub fn has_action(&self) -> bool {
        let Self { dry_run: _, nodegroups: _, clusters: _, explain: _, retry, rollback, lift_quarantine } = self;
        !retry.is_empty() || !rollback.is_empty() || !lift_quarantine.is_empty()
    }

    /// Whether the answer has a line about this.
    #[must_use]
    pub fn answers_about(&self, subject: &Subject) -> bool {
        self.explain.is_empty() || matches!(subject, Subject::Nodegroup(name) if self.explain.contains(name))
    }

    /// Whether a node group is one of those asked for.
    #[must_use]
    pub fn includes(&self, name: &NodegroupName) -> bool {
        self.includes_all() || self.clusters.contains(&name.cluster) || self.nodegroups.contains(name)
    }
}
