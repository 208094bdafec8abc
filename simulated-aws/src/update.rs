use jiff::{SignedDuration, Timestamp};

use crate::world::State;

/// How an update goes once EKS has accepted it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Course {
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
        /// What AWS says for people.
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

impl Default for Course {
    fn default() -> Self {
        Self::Succeed { after: SignedDuration::from_mins(10) }
    }
}

impl Course {
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
    /// What AWS says for people.
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
    pub(crate) course: Course,
    /// The status to which the node group returns when the update comes to nothing.
    pub(crate) status_before: String,
}

impl Running {
    fn due(&self) -> Option<Timestamp> {
        if self.update.status != "InProgress" {
            return None;
        }
        self.update.created_at.checked_add(self.course.after()?).ok()
    }
}

impl State {
    /// Brings every update to its end that is due by now, in the order of their ends.
    pub(crate) fn settle(&mut self) {
        let mut due: Vec<(Timestamp, usize)> = self
            .updates
            .iter()
            .enumerate()
            .filter_map(|(index, running)| Some((running.due()?, index)))
            .filter(|&(at, _)| at <= self.now)
            .collect();
        due.sort_unstable();
        for (at, index) in due {
            self.finish(index, at);
        }
    }

    fn finish(&mut self, index: usize, at: Timestamp) {
        let Some(running) = self.updates.get_mut(index) else { return };
        let update = &mut running.update;
        update.finished_at = Some(at);
        let status = match &running.course {
            Course::Succeed { .. } | Course::SucceedWithoutEffect { .. } => "Successful",
            Course::Cancel { .. } => "Cancelled",
            Course::Hang => "InProgress",
            Course::Fail { code, message, resource_ids, .. } => {
                update.errors = vec![UpdateError {
                    code: code.clone(),
                    message: message.clone(),
                    resource_ids: resource_ids.clone(),
                }];
                "Failed"
            }
        };
        status.clone_into(&mut update.status);

        let key = (running.cluster.clone(), running.nodegroup.clone());
        let running = running.clone();
        let update = &running.update;
        self.keep_former(&key, at);
        let Some(nodegroup) = self.nodegroups.get_mut(&key).filter(|of| of.arn == update.nodegroup_arn) else { return };
        nodegroup.modified_at = at;
        if !matches!(running.course, Course::Succeed { .. }) {
            nodegroup.status.clone_from(&running.status_before);
            return;
        }
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
