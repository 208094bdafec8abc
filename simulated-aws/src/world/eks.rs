//! Test operations on node groups and their updates.

use crate::services;
use crate::state::cluster::Cluster;
use crate::state::nodegroup::{Nodegroup, key};
use crate::state::script::UpdateScript;
use crate::state::update::{EarlierUpdate, Update};
use crate::wire::error::ApiError;
use crate::world::World;

impl World {
    /// Adds a node group and returns its ARN. A missing cluster is created with the same Kubernetes version, and
    /// EKS accepts the node group's release from now on.
    pub fn add_nodegroup(&self, nodegroup: Nodegroup) -> String {
        let mut state = self.state();
        let now = state.now;
        let id = state.next_id("nodegroup");
        let arn = state.arns.nodegroup(&nodegroup.cluster, &nodegroup.name, &id);
        let nodegroup = Nodegroup { arn: arn.clone(), created_at: now, modified_at: now, ..nodegroup };
        state.clusters.entry(nodegroup.cluster.clone()).or_insert_with(|| Cluster::new(&nodegroup.version, now));
        state
            .releases
            .entry((nodegroup.ami_type.clone(), nodegroup.version.clone()))
            .or_default()
            .accept(&nodegroup.release);
        state.insert(nodegroup);
        arn
    }

    /// A node group as it is now.
    pub fn nodegroup(&self, cluster: &str, name: &str) -> Option<Nodegroup> {
        self.state().nodegroup(cluster, name).cloned()
    }

    /// The ARNs of all node groups.
    pub fn nodegroup_arns(&self) -> Vec<String> {
        self.state().nodegroups.values().map(|nodegroup| nodegroup.arn.clone()).collect()
    }

    /// Changes a node group without a request; returns whether it exists.
    pub fn edit_nodegroup(&self, cluster: &str, name: &str, edit: impl FnOnce(&mut Nodegroup)) -> bool {
        self.state().change(&key(cluster, name), edit).is_some()
    }

    /// Removes a node group's health issues, as happens once their cause is gone, and makes it `ACTIVE` if it was `DEGRADED`.
    /// Returns whether it exists.
    pub fn heal(&self, cluster: &str, name: &str) -> bool {
        self.edit_nodegroup(cluster, name, |nodegroup| {
            nodegroup.health.clear();
            if nodegroup.status == "DEGRADED" {
                "ACTIVE".clone_into(&mut nodegroup.status);
            }
        })
    }

    /// Removes a node group; its updates are gone for `DescribeUpdate` as well.
    pub fn remove_nodegroup(&self, cluster: &str, name: &str) {
        self.state().nodegroups.remove(&key(cluster, name));
    }

    /// Scripts the next accepted update of this node group. Several calls make a queue; without any, an update succeeds after
    /// ten minutes.
    pub fn script_next_update(&self, cluster: &str, name: &str, script: UpdateScript) {
        self.state().update_scripts.entry(key(cluster, name)).or_default().push_back(script);
    }

    /// Forgets what [`World::script_next_update`] has queued.
    pub fn clear_update_scripts(&self) {
        self.state().update_scripts.clear();
    }

    /// Changes the script of the update that is in progress, for instance one that hangs; its time still counts from its start.
    /// Returns whether there was one.
    pub fn change_update_script(&self, cluster: &str, name: &str, script: UpdateScript) -> bool {
        let mut state = self.state();
        let running = state.updates.iter_mut().find(|running| {
            running.update.status == "InProgress" && running.cluster == cluster && running.nodegroup == name
        });
        running.map(|running| running.script = script).is_some()
    }

    /// Starts an update like another client, such as the console or Terraform; returns its id. It follows the same rules and
    /// uses the next script of the queue, but is not among [`World::requests`].
    ///
    /// # Errors
    /// Those of `UpdateNodegroupVersion`.
    pub fn start_update(&self, cluster: &str, name: &str, version: &str, release: &str) -> Result<String, ApiError> {
        services::start_update(&mut self.state(), cluster, name, version, release).map(|update| update.id)
    }

    /// Starts an update to this version of the node group's launch template, like another client; returns its id. The request
    /// names nothing else, so the node group keeps its release, and the update's `params` have no release.
    ///
    /// # Errors
    /// Those of `UpdateNodegroupVersion`.
    pub fn start_launch_template_update(&self, cluster: &str, name: &str, version: &str) -> Result<String, ApiError> {
        let started = services::start_launch_template_update(&mut self.state(), cluster, name, version);
        started.map(|update| update.id)
    }

    /// While on, `UpdateNodegroupVersion` refuses requests for this node group, because the caller is not allowed to launch
    /// instances with its launch template. [`World::start_update`] is another caller, which is allowed.
    pub fn deny_launch_template(&self, cluster: &str, name: &str, denied: bool) {
        let mut state = self.state();
        let key = key(cluster, name);
        match denied {
            true => state.denied_launch_templates.insert(key),
            false => state.denied_launch_templates.remove(&key),
        };
    }

    /// Every update that was ever accepted for a node group of this name, oldest first.
    pub fn updates(&self, cluster: &str, name: &str) -> Vec<Update> {
        let state = self.state();
        let of_nodegroup =
            state.updates.iter().filter(|running| running.cluster == cluster && running.nodegroup == name);
        of_nodegroup.map(|running| running.update.clone()).collect()
    }

    /// Every update that is in progress, oldest first.
    pub fn updates_in_progress(&self) -> Vec<Update> {
        let state = self.state();
        let running = state.updates.iter().map(|running| &running.update);
        running.filter(|update| update.status == "InProgress").cloned().collect()
    }

    /// Adds earlier updates of a node group, such as seven hundred changes of its size; returns their ids. The node group does
    /// not change.
    pub fn add_earlier_updates(&self, cluster: &str, name: &str, updates: Vec<EarlierUpdate>) -> Vec<String> {
        let mut state = self.state();
        let Some(arn) = state.nodegroup(cluster, name).map(|nodegroup| nodegroup.arn.clone()) else {
            return Vec::new();
        };
        let updates: Vec<_> = updates.into_iter().map(|update| (state.next_id("earlier update"), update)).collect();
        let ids = updates.iter().map(|(id, _)| id.clone()).collect();
        state.earlier_updates.entry(arn).or_default().extend(updates);
        ids
    }

    /// Makes EKS forget an update. The node group does not change.
    pub fn remove_update(&self, cluster: &str, id: &str) {
        self.state().updates.retain(|running| running.cluster != cluster || running.update.id != id);
    }
}
