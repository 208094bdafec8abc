//! The capacity that the limits leave.

use std::collections::BTreeSet;

use aws_sdk_eks::types::NodegroupStatus;

use super::input::PlanInput;
use crate::model::decision::reason::Limit;
use crate::model::id::NodegroupId;
use crate::model::id::names::Names;
use crate::model::observed::fleet::Discovered;
use crate::model::settings::Limits;

/// How many node groups a reached limit names: thousands of node groups can wait for the same limit, and Lambda limits the size
/// of an answer.
const NAMED: usize = 5;

/// Which updates are in progress, external ones too, and how many this run starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capacity {
    limits: Limits,
    in_progress: BTreeSet<NodegroupId>,
    starts: usize,
}

impl Capacity {
    pub(super) fn new(input: &PlanInput<'_>) -> Self {
        let in_progress = |discovered: &&Discovered| {
            let updating = |status| status == NodegroupStatus::Updating;
            discovered.nodegroup().is_some_and(|nodegroup| updating(nodegroup.status.clone()))
                || matches!(input.fleet.records.nodegroup(&discovered.id), Ok(Some(record)) if record.open().is_some())
        };
        let in_progress = input.fleet.nodegroups.iter().filter(in_progress).map(|it| &it.id);
        let elsewhere = input.fleet.narrow.iter().flat_map(|narrow| &narrow.updating);
        Self { limits: input.settings.limits, in_progress: in_progress.chain(elsewhere).cloned().collect(), starts: 0 }
    }

    /// Reserves a start.
    ///
    /// # Errors
    /// When a limit is reached.
    pub fn reserve(&mut self, id: &NodegroupId) -> Result<(), Limit> {
        let Limits { updates_per_cluster, updates_in_progress, starts_per_run } = self.limits;
        let in_cluster = || self.in_progress.iter().filter(|other| other.shares_cluster_with(id));
        if in_cluster().count() >= updates_per_cluster {
            return Err(Limit::PerCluster(updates_per_cluster, names(in_cluster())));
        }
        if self.in_progress.len() >= updates_in_progress {
            return Err(Limit::InProgress(updates_in_progress, names(self.in_progress.iter())));
        }
        if self.starts >= starts_per_run {
            return Err(Limit::PerRun(starts_per_run));
        }
        self.starts += 1;
        self.in_progress.insert(id.clone());
        Ok(())
    }

    /// How many calls a run may make: a refusal frees its place, but not without end.
    #[must_use]
    pub fn most_calls(&self) -> usize {
        self.limits.starts_per_run.saturating_mul(2)
    }

    /// Releases a reserved start that did not happen.
    pub fn release(&mut self, id: &NodegroupId) {
        self.starts = self.starts.saturating_sub(1);
        self.in_progress.remove(id);
    }
}

fn names<'a>(ids: impl Iterator<Item = &'a NodegroupId> + Clone) -> Names {
    let named = ids.clone().take(NAMED).map(|id| id.name().clone());
    Names::some_of(named.collect(), ids.count())
}
