//! Scripts: the course and result of node group updates.

use jiff::SignedDuration;

use crate::state::nodegroup::HealthIssue;

/// The course and result of an update after EKS has accepted it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpdateScript {
    /// The node group runs the requested release.
    Succeed {
        /// How long it takes.
        after: SignedDuration,
    },
    /// The node group keeps its old release and its status, or is `DEGRADED` if it has health issues from then on; some of its
    /// nodes stay on the new release ([`Nodegroup::mixed_nodes`](crate::Nodegroup::mixed_nodes)). The update has the cause.
    Fail {
        /// How long it takes.
        after: SignedDuration,
        /// One of AWS's `ErrorCode`, for instance `PodEvictionFailure`.
        code: String,
        /// The message.
        message: String,
        /// What is affected; the nodes' DNS names for `PodEvictionFailure`.
        resource_ids: Vec<String>,
        /// The health issues that the node group shows from then on, until it is healed or updated.
        health: Vec<HealthIssue>,
    },
    /// It stays `InProgress` indefinitely.
    Hang,
    /// It is `Cancelled`, and the node group keeps its old release.
    Cancel {
        /// How long it takes.
        after: SignedDuration,
    },
    /// It is `Cancelled` for a reason that `DescribeUpdate` shows, and the node group keeps its old release.
    CancelFor {
        /// How long it takes.
        after: SignedDuration,
        /// The reason.
        reason: String,
    },
    /// It is `Successful`, but the node group keeps its old release.
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
            health: Vec::new(),
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
            health: Vec::new(),
        }
    }

    /// Gives the node group this health issue from the moment the update fails.
    ///
    /// # Panics
    /// When the script is not that of a failure.
    #[must_use]
    pub fn with_health(mut self, code: &str, message: &str) -> Self {
        let Self::Fail { health, .. } = &mut self else { panic!("{self:?} leaves no health issues") };
        health.push(HealthIssue { code: code.to_owned(), message: message.to_owned(), resource_ids: Vec::new() });
        self
    }

    /// How long the update takes, unless it hangs.
    pub(crate) fn after(&self) -> Option<SignedDuration> {
        match self {
            Self::Succeed { after }
            | Self::Fail { after, .. }
            | Self::Cancel { after }
            | Self::CancelFor { after, .. }
            | Self::SucceedWithoutEffect { after } => Some(*after),
            Self::Hang => None,
        }
    }
}
