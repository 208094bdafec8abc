//! Node groups.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::state::ids::hexadecimal;

/// A node group's cluster and name.
pub(crate) type Key = (String, String);

/// The key of a node group.
pub(crate) fn key(cluster: &str, name: &str) -> Key {
    (cluster.to_owned(), name.to_owned())
}

/// A managed node group, as `DescribeNodegroup` shows it, and its nodes.
///
/// [`Nodegroup::new`] makes a healthy one; a test sets only what matters to it. The same type reads
/// and edits a node group of the world ([`World::nodegroup`](crate::World::nodegroup),
/// [`World::edit_nodegroup`](crate::World::edit_nodegroup)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nodegroup {
    /// The cluster's name.
    pub cluster: String,
    /// The node group's name.
    pub name: String,
    /// The ARN. The world gives it when the node group is added.
    pub arn: String,
    /// One of AWS's `AMITypes`, or another value to simulate a future type.
    pub ami_type: String,
    /// The Kubernetes version, `major.minor`.
    pub version: String,
    /// The AMI release version; for the type `CUSTOM` the AMI's id.
    pub release: String,
    /// One of AWS's `NodegroupStatus`.
    pub status: String,
    /// Health issues.
    pub health: Vec<HealthIssue>,
    /// `ON_DEMAND`, `SPOT` or `CAPACITY_BLOCK`.
    pub capacity_type: String,
    /// The launch template it was created with, if any.
    pub launch_template: Option<LaunchTemplate>,
    /// The desired number of nodes; the smallest is 1 or less, the largest one more.
    pub nodes: u32,
    /// How many nodes an update replaces at once.
    pub max_unavailable: u32,
    /// The release of each node since an update failed; empty if they all run [`Nodegroup::release`]. The EKS API does not show
    /// it.
    pub mixed_nodes: Vec<Node>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// When it was added to the world.
    pub created_at: Timestamp,
    /// When it last changed.
    pub modified_at: Timestamp,
}

/// One node of a node group whose last update failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The release it runs.
    pub release: String,
    /// Whether it is cordoned, because its pods could not be evicted.
    pub cordoned: bool,
}

/// One health issue of a node group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthIssue {
    /// One of AWS's `NodegroupIssueCode`, for instance `AsgInstanceLaunchFailures`.
    pub code: String,
    /// The message.
    pub message: String,
    /// The affected resources.
    pub resource_ids: Vec<String>,
}

/// The launch template of a node group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaunchTemplate {
    /// For instance `lt-0123456789abcdef0`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The version in use.
    pub version: String,
}

impl Nodegroup {
    /// A healthy node group with three nodes on Amazon Linux 2023, x86-64, Kubernetes 1.33, release 1.33.1-20260610.
    pub fn new(cluster: &str, name: &str) -> Self {
        Self {
            cluster: cluster.to_owned(),
            name: name.to_owned(),
            arn: String::new(),
            ami_type: "AL2023_x86_64_STANDARD".to_owned(),
            version: "1.33".to_owned(),
            release: "1.33.1-20260610".to_owned(),
            status: "ACTIVE".to_owned(),
            health: Vec::new(),
            capacity_type: "ON_DEMAND".to_owned(),
            launch_template: None,
            nodes: 3,
            max_unavailable: 1,
            mixed_nodes: Vec::new(),
            tags: BTreeMap::new(),
            created_at: Timestamp::UNIX_EPOCH,
            modified_at: Timestamp::UNIX_EPOCH,
        }
    }

    /// Sets the AMI type.
    #[must_use]
    pub fn ami_type(mut self, ami_type: &str) -> Self {
        ami_type.clone_into(&mut self.ami_type);
        self
    }

    /// Sets the Kubernetes version.
    #[must_use]
    pub fn version(mut self, version: &str) -> Self {
        version.clone_into(&mut self.version);
        self
    }

    /// Sets the AMI release version.
    #[must_use]
    pub fn release(mut self, release: &str) -> Self {
        release.clone_into(&mut self.release);
        self
    }

    /// Adds a tag.
    #[must_use]
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Sets the status.
    #[must_use]
    pub fn status(mut self, status: &str) -> Self {
        status.clone_into(&mut self.status);
        self
    }

    /// Adds a health issue. The status stays the same; EKS mostly shows `DEGRADED` with one.
    #[must_use]
    pub fn health_issue(mut self, code: &str, message: &str, resource_ids: &[&str]) -> Self {
        self.health.push(HealthIssue {
            code: code.to_owned(),
            message: message.to_owned(),
            resource_ids: resource_ids.iter().map(|&id| id.to_owned()).collect(),
        });
        self
    }

    /// Gives it a launch template of this name, in this version.
    #[must_use]
    pub fn launch_template(mut self, name: &str, version: &str) -> Self {
        self.launch_template = Some(LaunchTemplate {
            id: format!("lt-{}", hexadecimal(name, 17)),
            name: name.to_owned(),
            version: version.to_owned(),
        });
        self
    }

    /// Sets the capacity type.
    #[must_use]
    pub fn capacity_type(mut self, capacity_type: &str) -> Self {
        capacity_type.clone_into(&mut self.capacity_type);
        self
    }

    /// Sets the number of nodes.
    #[must_use]
    pub fn nodes(mut self, nodes: u32) -> Self {
        self.nodes = nodes;
        self
    }

    /// Sets how many nodes an update replaces at once.
    #[must_use]
    pub fn max_unavailable(mut self, nodes: u32) -> Self {
        self.max_unavailable = nodes;
        self
    }
}
