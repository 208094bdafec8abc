//! Names of node groups, and patterns of them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use wildmatch::WildMatchPattern;

/// A node group's name with its cluster's, written `cluster/nodegroup`.
///
/// ```
/// use eks_nodegroup_updater::model::id::NodegroupName;
///
/// let name: NodegroupName = "prod/blue".parse()?;
/// assert_eq!((name.cluster.as_str(), name.nodegroup.as_str()), ("prod", "blue"));
/// assert!("blue".parse::<NodegroupName>().is_err());
/// # Ok::<(), eks_nodegroup_updater::model::id::InvalidName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodegroupName {
    /// Name of the cluster.
    pub cluster: String,
    /// Name of the node group, unique in its cluster.
    pub nodegroup: String,
}

/// Node groups by name; `*` matches any characters except the slash, as in `prod/*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodegroupPattern(NodegroupName);

/// A text that does not name a node group.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} does not name a node group; expected cluster/nodegroup")]
pub struct InvalidName(String);

impl FromStr for NodegroupName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let name = text
            .split_once('/')
            .filter(|(cluster, nodegroup)| !cluster.is_empty() && !nodegroup.is_empty() && !nodegroup.contains('/'));
        let (cluster, nodegroup) = name.ok_or_else(|| InvalidName(text.to_owned()))?;
        Ok(Self { cluster: cluster.to_owned(), nodegroup: nodegroup.to_owned() })
    }
}

impl NodegroupPattern {
    /// Whether it names this node group.
    #[must_use]
    pub fn matches(&self, name: &NodegroupName) -> bool {
        let matches = |pattern: &str, text: &str| WildMatchPattern::<'*', '\0'>::new(pattern).matches(text);
        matches(&self.0.cluster, &name.cluster) && matches(&self.0.nodegroup, &name.nodegroup)
    }
}

impl FromStr for NodegroupPattern {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        text.parse().map(Self)
    }
}

impl TryFrom<String> for NodegroupPattern {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<NodegroupPattern> for String {
    fn from(pattern: NodegroupPattern) -> Self {
        pattern.to_string()
    }
}

impl fmt::Display for NodegroupPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<String> for NodegroupName {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<NodegroupName> for String {
    fn from(name: NodegroupName) -> Self {
        name.to_string()
    }
}

impl fmt::Display for NodegroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.cluster, self.nodegroup)
    }
}
