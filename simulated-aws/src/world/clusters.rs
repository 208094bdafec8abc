//! Test operations on clusters and on the Kubernetes versions of EKS.

use jiff::Timestamp;

use crate::state::State;
use crate::state::cluster::{Cluster, is_newer};
use crate::state::kubernetes::KubernetesVersion;
use crate::world::World;

impl World {
    /// Adds a cluster whose control plane runs `kubernetes_version`, or gives one that exists this version. A version
    /// higher by one minor version is an upgrade, which [`World::roll_back_cluster`] can take back for seven days.
    pub fn add_cluster(&self, name: &str, kubernetes_version: &str) {
        let mut state = self.state();
        let now = state.now;
        state
            .clusters
            .entry(name.to_owned())
            .or_insert_with(|| Cluster::new(kubernetes_version, now))
            .set_version(kubernetes_version, now);
    }

    /// While on, an upgrade of the cluster is under way: `DescribeCluster` shows the new version already, but EKS
    /// takes the old one for the cluster's when it judges updates of node groups.
    pub fn cluster_upgrading(&self, name: &str, upgrading: bool) {
        let mut state = self.state();
        let now = state.now;
        if let Some(cluster) = state.clusters.get_mut(name) {
            cluster.set_upgrading(upgrading, now);
        }
    }

    /// Puts the control plane back to the minor version before its last upgrade. Returns false, and changes nothing,
    /// without such an upgrade, before it is complete, later than seven days after it, and while a node group runs
    /// the newer version or is on its way to it.
    pub fn roll_back_cluster(&self, name: &str) -> bool {
        let mut state = self.state();
        let now = state.now;
        let former = state.clusters.get(name).and_then(|cluster| cluster.rollback_version(now)).map(str::to_owned);
        let Some(former) = former.filter(|former| !has_nodes_beyond(&state, name, former)) else { return false };
        if let Some(cluster) = state.clusters.get_mut(name) {
            cluster.set_version(&former, now);
        }
        true
    }

    /// Removes a cluster with its node groups.
    pub fn remove_cluster(&self, name: &str) {
        let mut state = self.state();
        state.clusters.remove(name);
        state.nodegroups.retain(|(cluster, _), _| cluster != name);
    }

    /// Makes `DescribeClusterVersions` list a Kubernetes version with these ends of support. Its status follows from
    /// them and the world's time. Without a call the list is empty.
    pub fn add_kubernetes_version(
        &self,
        version: &str,
        end_of_standard_support: Timestamp,
        end_of_extended_support: Timestamp,
    ) {
        let support = KubernetesVersion { end_of_standard_support, end_of_extended_support };
        self.state().kubernetes_versions.insert(version.to_owned(), support);
    }
}

/// Whether a node group of the cluster runs a version higher than this, or is being updated to one.
fn has_nodes_beyond(state: &State, cluster: &str, version: &str) -> bool {
    let mut own = state.nodegroups.values().filter(|nodegroup| nodegroup.cluster == cluster);
    own.any(|nodegroup| {
        let updates = state.updates.iter().map(|running| &running.update);
        let mut in_progress =
            updates.filter(|update| update.nodegroup_arn == nodegroup.arn && update.status == "InProgress");
        is_newer(&nodegroup.version, version)
            || in_progress.any(|update| update.version.as_ref().is_some_and(|target| is_newer(target, version)))
    })
}
