//! What the limits leave.

use std::collections::BTreeMap;

use aws_sdk_eks::types::NodegroupStatus;

use super::input::PlanInput;
use crate::model::fleet::Discovered;
use crate::model::reason::Limit;
use crate::model::settings::Limits;

/// How many updates are in progress, external ones too, and how many this run starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capacity {
    limits: Limits,
    in_clusters: BTreeMap<String, usize>,
    in_progress: usize,
    starts: usize,
}

impl Capacity {
    pub(super) fn new(input: &PlanInput<'_>) -> Self {
        let mut capacity =
            Self { limits: input.settings.limits, in_clusters: BTreeMap::new(), in_progress: 0, starts: 0 };
        let in_progress = |discovered: &&Discovered| {
            let updating = |status| status == NodegroupStatus::Updating;
            discovered.nodegroup().is_some_and(|nodegroup| updating(nodegroup.status.clone()))
                || matches!(input.fleet.records.nodegroup(&discovered.id), Ok(Some(record)) if record.open.is_some())
        };
        for discovered in input.fleet.nodegroups.iter().filter(in_progress) {
            capacity.count(discovered.id.cluster());
        }
        capacity
    }

    /// Reserves a start in a cluster.
    ///
    /// # Errors
    /// When a limit is reached.
    pub fn reserve(&mut self, cluster: &str) -> Result<(), Limit> {
        let Limits { updates_per_cluster, updates_in_progress, starts_per_run } = self.limits;
        let in_cluster = self.in_clusters.get(cluster).copied().unwrap_or_default();
        if in_cluster >= updates_per_cluster {
            return Err(Limit::PerCluster(updates_per_cluster));
        }
        if self.in_progress >= updates_in_progress {
            return Err(Limit::InProgress(updates_in_progress));
        }
        if self.starts >= starts_per_run {
            return Err(Limit::PerRun(starts_per_run));
        }
        self.starts += 1;
        self.count(cluster);
        Ok(())
    }

    /// How often a run may ask EKS: refusals free their places, but not for ever.
    #[must_use]
    pub fn most_calls(&self) -> usize {
        self.limits.starts_per_run.saturating_mul(2)
    }

    /// Gives back a reserved start that came to nothing.
    pub fn release(&mut self, cluster: &str) {
        self.starts = self.starts.saturating_sub(1);
        self.in_progress = self.in_progress.saturating_sub(1);
        if let Some(in_cluster) = self.in_clusters.get_mut(cluster) {
            *in_cluster = in_cluster.saturating_sub(1);
        }
    }

    fn count(&mut self, cluster: &str) {
        *self.in_clusters.entry(cluster.to_owned()).or_default() += 1;
        self.in_progress += 1;
    }
}
