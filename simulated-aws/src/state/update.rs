//! Updates of node groups, and their effects.

use jiff::Timestamp;

use crate::state::nodegroup::{HealthIssue, LaunchTemplate, Node, Nodegroup};
use crate::state::script::UpdateScript;

/// An update of a node group, as `DescribeUpdate` shows it, and the parameters of its request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// The id, a UUID.
    pub id: String,
    /// The node group it belongs to; one created later with the same name has another ARN.
    pub nodegroup_arn: String,
    /// `InProgress`, `Successful`, `Failed` or `Cancelled`.
    pub status: String,
    /// The Kubernetes version to reach; absent if the request named only a launch template.
    pub version: Option<String>,
    /// The release to reach; absent if the request named only a launch template.
    pub release: Option<String>,
    /// The launch template in the version to reach, if the request named one.
    pub launch_template: Option<LaunchTemplate>,
    /// When EKS accepted it.
    pub created_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Why it failed.
    pub errors: Vec<UpdateError>,
    /// Why it was cancelled, if EKS gives a reason.
    pub cancellation_reason: Option<String>,
    /// Whether pod disruption budgets are ignored.
    pub force: bool,
    /// The token that came with the request.
    pub client_request_token: Option<String>,
}

/// An update from before the world. [`World::updates`](crate::World::updates) does not list it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierUpdate {
    /// When EKS accepted it.
    pub created_at: Timestamp,
    /// One of AWS's `UpdateType`.
    pub update_type: String,
    /// One of AWS's `UpdateStatus`.
    pub status: String,
    /// The Kubernetes version and the release that it installed, if any.
    pub installed: Option<(String, String)>,
}

/// One error of a failed update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateError {
    /// One of AWS's `ErrorCode`.
    pub code: String,
    /// The message.
    pub message: String,
    /// The affected resources.
    pub resource_ids: Vec<String>,
}

/// An update with the world's internal data about it.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    pub(crate) update: Update,
    pub(crate) cluster: String,
    pub(crate) nodegroup: String,
    pub(crate) script: UpdateScript,
    /// The status to which the node group returns if the update does not succeed.
    pub(crate) status_before: String,
}

impl Running {
    /// When it ends, if it is in progress and does not hang.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        if self.update.status != "InProgress" {
            return None;
        }
        self.update.created_at.checked_add(self.script.after()?).ok()
    }

    /// Ends the update according to its script.
    pub(crate) fn finish(&mut self, at: Timestamp) {
        let update = &mut self.update;
        update.finished_at = Some(at);
        let status = match &self.script {
            UpdateScript::Succeed { .. } | UpdateScript::SucceedWithoutEffect { .. } => "Successful",
            UpdateScript::Cancel { .. } => "Cancelled",
            UpdateScript::CancelFor { reason, .. } => {
                update.cancellation_reason = Some(reason.clone());
                "Cancelled"
            }
            UpdateScript::Hang => "InProgress",
            UpdateScript::Fail { code, message, resource_ids, .. } => {
                update.errors = vec![UpdateError {
                    code: code.clone(),
                    message: message.clone(),
                    resource_ids: resource_ids.clone(),
                }];
                "Failed"
            }
        };
        status.clone_into(&mut update.status);
    }

    /// Applies the effects of a finished update to the node group.
    pub(crate) fn apply_to(&self, nodegroup: &mut Nodegroup, at: Timestamp) {
        nodegroup.modified_at = at;
        match &self.script {
            UpdateScript::Succeed { .. } => self.complete(nodegroup),
            UpdateScript::Fail { code, health, .. } => self.abandon(nodegroup, code, health),
            UpdateScript::Hang
            | UpdateScript::Cancel { .. }
            | UpdateScript::CancelFor { .. }
            | UpdateScript::SucceedWithoutEffect { .. } => self.restore_status(nodegroup),
        }
    }

    /// Every node runs the requested release.
    fn complete(&self, nodegroup: &mut Nodegroup) {
        let update = &self.update;
        "ACTIVE".clone_into(&mut nodegroup.status);
        nodegroup.health.clear();
        nodegroup.mixed_nodes.clear();
        if let Some(version) = &update.version {
            nodegroup.version.clone_from(version);
        }
        if let Some(release) = &update.release {
            nodegroup.release.clone_from(release);
        }
        if let Some(template) = &update.launch_template {
            nodegroup.launch_template = Some(template.clone());
        }
    }

    /// The first of several nodes stays on the new release; the last one stays cordoned if its pods could not be evicted.
    fn abandon(&self, nodegroup: &mut Nodegroup, code: &str, health: &[HealthIssue]) {
        let old = Node { release: nodegroup.release.clone(), cordoned: false };
        let mut nodes = vec![old; nodegroup.nodes as usize];
        if let [first, _, ..] = &mut nodes[..] {
            first.release.clone_from(self.update.release.as_ref().unwrap_or(&nodegroup.release));
        }
        if let Some(last) = nodes.last_mut() {
            last.cordoned = code == "PodEvictionFailure";
        }
        nodegroup.mixed_nodes = nodes;
        self.restore_status(nodegroup);
        if !health.is_empty() {
            "DEGRADED".clone_into(&mut nodegroup.status);
            nodegroup.health = health.to_vec();
        }
    }

    /// The status from before the update, unless the cause of its degradation is gone.
    fn restore_status(&self, nodegroup: &mut Nodegroup) {
        let status = if nodegroup.health.is_empty() { "ACTIVE" } else { &self.status_before };
        status.clone_into(&mut nodegroup.status);
    }
}
