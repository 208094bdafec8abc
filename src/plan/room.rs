//! What the limits leave.

use std::collections::BTreeMap;

use aws_sdk_eks::types::NodegroupStatus;

use super::Facts;
use crate::config::Limits;
use crate::discover::Seen;
use crate::model::reason::{Limit, Reason};

/// How many updates are in progress, by anybody, and how many this run has started.
pub(super) struct Room<'a> {
    limits: Limits,
    in_clusters: BTreeMap<&'a str, usize>,
    in_fleet: usize,
    starts: usize,
}

impl<'a> Room<'a> {
    pub(super) fn new(facts: &Facts<'a>) -> Self {
        let mut room = Self { limits: facts.limits, in_clusters: BTreeMap::new(), in_fleet: 0, starts: 0 };
        for found in facts.found {
            let updating =
                matches!(&found.now, Seen::Nodegroup(nodegroup) if nodegroup.status == NodegroupStatus::Updating);
            let record = facts.records.get(&found.id.arn).and_then(|record| record.as_ref().ok());
            if updating || record.is_some_and(|record| record.open.is_some()) {
                room.count(&found.id.cluster);
            }
        }
        room
    }

    /// Takes the room for one more, if there is some.
    pub(super) fn take(&mut self, cluster: &'a str) -> Result<(), Reason> {
        let Limits { updates_per_cluster, updates_in_progress, starts_per_run } = self.limits;
        let in_cluster = self.in_clusters.get(cluster).copied().unwrap_or_default();
        if in_cluster >= updates_per_cluster {
            return Err(Reason::OverLimit(Limit::PerCluster(updates_per_cluster)));
        }
        if self.in_fleet >= updates_in_progress {
            return Err(Reason::OverLimit(Limit::InProgress(updates_in_progress)));
        }
        if self.starts >= starts_per_run {
            return Err(Reason::OverLimit(Limit::PerRun(starts_per_run)));
        }
        self.starts += 1;
        self.count(cluster);
        Ok(())
    }

    fn count(&mut self, cluster: &'a str) {
        *self.in_clusters.entry(cluster).or_default() += 1;
        self.in_fleet += 1;
    }
}
