//! Updates of node groups, and the scripts that say how they go.

use jiff::{SignedDuration, Timestamp};

use crate::state::nodegroup::Nodegroup;

/// How an update goes once EKS has accepted it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpdateScript {
    /// The node group runs what was asked for.
    Succeed {
        /// How long it takes.
        after: SignedDuration,
    },
    /// The node group is `ACTIVE` again with its old release, and the update says why.
    Fail {
        /// How long it takes.
        after: SignedDuration,
        /// One of AWS's `ErrorCode`, for instance `PodEvictionFailure`.
        code: String,
        /// The message.
        message: String,
        /// What is affected; the nodes' DNS names for `PodEvictionFailure`.
        resource_ids: Vec<String>,
    },
    /// It stays `InProgress` for ever.
    Hang,
    /// It is `Cancelled`, and the node group keeps its old release.
    Cancel {
        /// How long it takes.
        after: SignedDuration,
    },
    /// It says `Successful`, but the node group keeps its old release.
    SucceedWithoutEffect {
        /// How long it takes.
        after: SignedDuration,
    },
}

impl Default for UpdateScript {
    fn default() -> Self {
        Self::Succeed { after: SignedDuration::from_mins(10) }
    }
}

impl UpdateScript {
    /// Pods of these nodes cannot be evicted: a `PodEvictionFailure` in EKS's words.
    pub fn pod_eviction_failure(after: SignedDuration, nodegroup: &str, nodes: &[&str]) -> Self {
        Self::Fail {
            after,
            code: "PodEvictionFailure".to_owned(),
            message: format!("Reached max retries while trying to evict pods from nodes in node group {nodegroup}"),
            resource_ids: nodes.iter().map(|&node| node.to_owned()).collect(),
        }
    }

    /// New nodes do not join: a `NodeCreationFailure` in EKS's words.
    pub fn node_creation_failure(after: SignedDuration, nodegroup: &str) -> Self {
        Self::Fail {
            after,
            code: "NodeCreationFailure".to_owned(),
            message: format!(
                "Couldn't proceed with upgrade process as new nodes are not joining node group {nodegroup}"
            ),
            resource_ids: Vec::new(),
        }
    }

    fn after(&self) -> Option<SignedDuration> {
        match self {
            Self::Succeed { after }
            | Self::Fail { after, .. }
            | Self::Cancel { after }
            | Self::SucceedWithoutEffect { after } => Some(*after),
            Self::Hang => None,
        }
    }
}

/// An update of a node group, as `DescribeUpdate` shows it, and what the request for it said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// The id, a UUID.
    pub id: String,
    /// The node group it belongs to; one that is created anew under the same name has another ARN.
    pub nodegroup_arn: String,
    /// `InProgress`, `Successful`, `Failed` or `Cancelled`.
    pub status: String,
    /// The Kubernetes version to reach; absent for custom AMIs.
    pub version: Option<String>,
    /// The release to reach; absent for custom AMIs.
    pub release: Option<String>,
    /// The version of the launch template to reach, if the request named one.
    pub launch_template_version: Option<String>,
    /// When EKS accepted it.
    pub created_at: Timestamp,
    /// When it came to its end.
    pub finished_at: Option<Timestamp>,
    /// Why it failed.
    pub errors: Vec<UpdateError>,
    /// Whether pod disruption budgets are to be ignored.
    pub force: bool,
    /// The token that came with the request.
    pub client_request_token: Option<String>,
}

/// One error of a failed update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateError {
    /// One of AWS's `ErrorCode`.
    pub code: String,
    /// The message.
    pub message: String,
    /// What is affected.
    pub resource_ids: Vec<String>,
}

/// An update with what only the world knows about it.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    pub(crate) update: Update,
    pub(crate) cluster: String,
    pub(crate) nodegroup: String,
    pub(crate) script: UpdateScript,
    /// The status to which the node group returns when the update comes to nothing.
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

    /// Ends the update as its script says.
    pub(crate) fn finish(&mut self, at: Timestamp) {
        let update = &mut self.update;
        update.finished_at = Some(at);
        let status = match &self.script {
            UpdateScript::Succeed { .. } | UpdateScript::SucceedWithoutEffect { .. } => "Successful",
            UpdateScript::Cancel { .. } => "Cancelled",
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

    /// Gives the node group what a finished update leaves it with.
    pub(crate) fn apply_to(&self, nodegroup: &mut Nodegroup, at: Timestamp) {
        nodegroup.modified_at = at;
        if !matches!(self.script, UpdateScript::Succeed { .. }) {
            nodegroup.status.clone_from(&self.status_before);
            return;
        }
        let update = &self.update;
        "ACTIVE".clone_into(&mut nodegroup.status);
        nodegroup.health.clear();
        if let Some(version) = &update.version {
            nodegroup.version.clone_from(version);
        }
        if let Some(release) = &update.release {
            nodegroup.release.clone_from(release);
        }
        if let (Some(template), Some(version)) = (&mut nodegroup.launch_template, &update.launch_template_version) {
            template.version.clone_from(version);
        }
    }
}
