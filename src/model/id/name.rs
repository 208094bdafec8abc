//! Names of node groups, and patterns of them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use wildmatch::WildMatchPattern;

/// The character of a pattern that matches any others.
const ANY: char = '*';

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
    /// The one node group that it names, if it has no `*`.
    #[must_use]
    pub fn literal(&self) -> Option<&NodegroupName> {
        let Self(name) = self;
        (self.cluster().is_some() && !name.nodegroup.contains(ANY)).then_some(name)
    }

    /// The one cluster that it names, if that part has no `*`.
    #[must_use]
    pub fn cluster(&self) -> Option<&str> {
        Some(self.0.cluster.as_str()).filter(|cluster| !cluster.contains(ANY))
    }

    /// Whether it can name node groups of this cluster.
    #[must_use]
    pub fn matches_cluster(&self, cluster: &str) -> bool {
        WildMatchPattern::<ANY, '\0'>::new(&self.0.cluster).matches(cluster)
    }

    /// Whether it names this node group.
    #[must_use]
    pub fn matches(&self, name: &NodegroupName) -> bool {
        self.matches_cluster(&name.cluster)
            && WildMatchPattern::<ANY, '\0'>::new(&self.0.nodegroup).matches(&name.nodegroup)
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
