//! The subject of a decision, an error or a message: a node group, or the whole fleet.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use aws_sdk_eks::types::AmiTypes;
use serde::{Deserialize, Serialize};
use wildmatch::WildMatchPattern;

use super::ami_type::TrackKey;

/// A node group's name with its cluster's, written `cluster/nodegroup`.
///
/// ```
/// use eks_nodegroup_updater::model::subject::NodegroupName;
///
/// let name: NodegroupName = "prod/blue".parse()?;
/// assert_eq!((name.cluster.as_str(), name.nodegroup.as_str()), ("prod", "blue"));
/// assert!("blue".parse::<NodegroupName>().is_err());
/// # Ok::<(), eks_nodegroup_updater::model::subject::InvalidName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodegroupName {
    /// Name of the cluster.
    pub cluster: String,
    /// Name of the node group, unique in its cluster.
    pub nodegroup: String,
}

/// Node groups by name; `*` matches any characters but the slash, as in `prod/*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodegroupPattern(NodegroupName);

/// A text that does not name a node group.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} does not name a node group; expected cluster/nodegroup")]
pub struct InvalidName(String);

/// A node group as its ARN identifies it. The only way to make one is from an ARN, so it is always complete.
///
/// ```
/// use eks_nodegroup_updater::model::subject::NodegroupId;
///
/// let arn = "arn:aws:eks:eu-central-1:123456789012:nodegroup/prod/blue/9ebf4bd5-f1d2-4f2c-9b7b-1b2c3d4e5f60";
/// let id = NodegroupId::from_arn(arn).expect("a node group's ARN");
/// assert_eq!((id.to_string().as_str(), id.region(), id.account()), ("prod/blue", "eu-central-1", "123456789012"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodegroupId {
    // Shared by all values of a run about a node group.
    name: Arc<NodegroupName>,
    arn: Arc<str>,
}

/// A cluster, with its account and region: clusters of two regions may have the same name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClusterId {
    arn: String,
}

/// All node groups of one account and region. Shared state is stored under this id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FleetId(String);

/// A release track of one account and region. Its recommended releases are stored under this id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TrackId {
    key: String,
    track: TrackKey,
}

/// The key of an item of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemKey {
    /// A node group's.
    Nodegroup(NodegroupId),
    /// The fleet's.
    Fleet(FleetId),
    /// A release track's.
    Track(TrackId),
}

/// A key of the table that does not have the expected kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the key of a {1}")]
pub struct InvalidKey(String, &'static str);

/// The subject of a decision, an error or a message.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A node group.
    Nodegroup(NodegroupName),
    /// The whole fleet.
    Fleet,
    /// A release track.
    Track(Box<TrackKey>),
    /// An entry of the tag index or the table that is not a node group's ARN.
    Entry(String),
}

impl NodegroupId {
    /// Reads `arn:aws:eks:REGION:ACCOUNT:nodegroup/CLUSTER/NAME/UUID`.
    #[must_use]
    pub fn from_arn(arn: &str) -> Option<Self> {
        let resource = arn.strip_prefix("arn:")?.splitn(5, ':').nth(4)?;
        let mut parts = resource.strip_prefix("nodegroup/")?.split('/');
        let (cluster, nodegroup, _uuid) = (parts.next()?, parts.next()?, parts.next()?);
        let complete = parts.next().is_none() && !cluster.is_empty() && !nodegroup.is_empty();
        let name = NodegroupName { cluster: cluster.to_owned(), nodegroup: nodegroup.to_owned() };
        complete.then(|| Self { name: name.into(), arn: arn.into() })
    }

    /// Its name and its cluster's.
    #[must_use]
    pub fn name(&self) -> &NodegroupName {
        &self.name
    }

    /// Its ARN. Unlike the names, an ARN is never reused after the node group is deleted.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// Name of its cluster.
    #[must_use]
    pub fn cluster(&self) -> &str {
        &self.name.cluster
    }

    /// Its cluster.
    #[must_use]
    pub fn cluster_id(&self) -> ClusterId {
        ClusterId { arn: format!("{}:cluster/{}", self.owner(), self.cluster()) }
    }

    /// Whether another node group is in the same cluster.
    #[must_use]
    pub fn shares_cluster_with(&self, other: &Self) -> bool {
        (self.owner(), self.cluster()) == (other.owner(), other.cluster())
    }

    /// The part of the ARN with partition, service, region and account.
    fn owner(&self) -> &str {
        self.arn.split_once(":nodegroup/").map_or(&self.arn, |(owner, _)| owner)
    }

    /// Its name, unique in its cluster.
    #[must_use]
    pub fn nodegroup(&self) -> &str {
        &self.name.nodegroup
    }

    /// Its region.
    #[must_use]
    pub fn region(&self) -> &str {
        arn_part(&self.arn, 3)
    }

    /// The account that owns it.
    #[must_use]
    pub fn account(&self) -> &str {
        arn_part(&self.arn, 4)
    }
}

impl ClusterId {
    /// Reads `arn:aws:eks:REGION:ACCOUNT:cluster/NAME`.
    #[must_use]
    pub fn from_arn(arn: &str) -> Option<Self> {
        let (owner, name) = arn.split_once(":cluster/")?;
        let complete = is_owner(owner) && !name.is_empty() && !name.contains('/');
        complete.then(|| Self { arn: arn.to_owned() })
    }

    /// Whether a node group is in it.
    #[must_use]
    pub fn contains(&self, nodegroup: &NodegroupId) -> bool {
        self.arn.split_once(":cluster/") == Some((nodegroup.owner(), nodegroup.cluster()))
    }

    /// Its ARN.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or_default()
    }
}

impl FleetId {
    /// The fleet that a node group belongs to.
    #[must_use]
    pub fn of(nodegroup: &NodegroupId) -> Self {
        Self(format!("{}:fleet", nodegroup.owner()))
    }

    /// Reads `arn:aws:eks:REGION:ACCOUNT:fleet`.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        let owner = key.strip_suffix(":fleet")?;
        is_owner(owner).then(|| Self(key.to_owned()))
    }

    /// The fleet of an account and region of a partition such as `aws`.
    #[must_use]
    pub fn new(partition: &str, region: &str, account: &str) -> Self {
        Self(format!("arn:{partition}:eks:{region}:{account}:fleet"))
    }

    /// Whether a node group belongs to it.
    #[must_use]
    pub fn contains(&self, nodegroup: &NodegroupId) -> bool {
        self.0.strip_suffix(":fleet") == Some(nodegroup.owner())
    }

    /// Its key in the table.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.0
    }

    /// Its region.
    #[must_use]
    pub fn region(&self) -> &str {
        arn_part(&self.0, 3)
    }

    /// The account that owns it.
    #[must_use]
    pub fn account(&self) -> &str {
        arn_part(&self.0, 4)
    }
}

impl TrackId {
    /// A track of a fleet.
    #[must_use]
    pub fn of(fleet: &FleetId, track: &TrackKey) -> Self {
        let owner = fleet.0.strip_suffix(":fleet").unwrap_or(&fleet.0);
        Self { key: format!("{owner}:track/{}/{}", track.version, track.ami_type.as_str()), track: track.clone() }
    }

    /// Reads `arn:aws:eks:REGION:ACCOUNT:track/KUBERNETES-VERSION/AMI-TYPE`.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        let (owner, track) = key.split_once(":track/")?;
        let (version, ami_type) = track.split_once('/')?;
        let complete = is_owner(owner) && !version.is_empty() && !ami_type.is_empty() && !ami_type.contains('/');
        complete.then(|| Self { key: key.to_owned(), track: TrackKey::new(version, &AmiTypes::from(ami_type)) })
    }

    /// Its key in the table.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The track.
    #[must_use]
    pub fn track(&self) -> &TrackKey {
        &self.track
    }

    /// Its region.
    #[must_use]
    pub fn region(&self) -> &str {
        arn_part(&self.key, 3)
    }

    /// The account that owns it.
    #[must_use]
    pub fn account(&self) -> &str {
        arn_part(&self.key, 4)
    }
}

impl ItemKey {
    /// Reads a key; `None` for a key that is not the updater's.
    #[must_use]
    pub fn read(key: &str) -> Option<Self> {
        let nodegroup = NodegroupId::from_arn(key).map(Self::Nodegroup);
        let fleet = || FleetId::from_key(key).map(Self::Fleet);
        nodegroup.or_else(fleet).or_else(|| TrackId::from_key(key).map(Self::Track))
    }

    /// The key, the attribute `itemKey`.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Nodegroup(id) => id.arn(),
            Self::Fleet(id) => id.key(),
            Self::Track(id) => id.key(),
        }
    }

    /// Its name, for people.
    #[must_use]
    pub fn subject(&self) -> Subject {
        match self {
            Self::Nodegroup(id) => id.into(),
            Self::Fleet(_) => Subject::Fleet,
            Self::Track(id) => Subject::Track(Box::new(id.track.clone())),
        }
    }
}

/// Whether this is the part of an ARN with partition, service, region and account.
fn is_owner(text: &str) -> bool {
    text.starts_with("arn:") && text.matches(':').count() == 4
}

fn arn_part(arn: &str, index: usize) -> &str {
    arn.split(':').nth(index).unwrap_or_default()
}

impl TryFrom<String> for NodegroupId {
    type Error = InvalidKey;

    fn try_from(arn: String) -> Result<Self, InvalidKey> {
        Self::from_arn(&arn).ok_or(InvalidKey(arn, "node group"))
    }
}

impl From<NodegroupId> for String {
    fn from(id: NodegroupId) -> Self {
        id.arn.as_ref().to_owned()
    }
}

impl TryFrom<String> for ClusterId {
    type Error = InvalidKey;

    fn try_from(arn: String) -> Result<Self, InvalidKey> {
        Self::from_arn(&arn).ok_or(InvalidKey(arn, "cluster"))
    }
}

impl From<ClusterId> for String {
    fn from(id: ClusterId) -> Self {
        id.arn
    }
}

impl TryFrom<String> for FleetId {
    type Error = InvalidKey;

    fn try_from(key: String) -> Result<Self, InvalidKey> {
        Self::from_key(&key).ok_or(InvalidKey(key, "fleet"))
    }
}

impl From<FleetId> for String {
    fn from(id: FleetId) -> Self {
        id.0
    }
}

impl TryFrom<String> for TrackId {
    type Error = InvalidKey;

    fn try_from(key: String) -> Result<Self, InvalidKey> {
        Self::from_key(&key).ok_or(InvalidKey(key, "release track"))
    }
}

impl From<TrackId> for String {
    fn from(id: TrackId) -> Self {
        id.key
    }
}

impl From<&NodegroupId> for Subject {
    fn from(id: &NodegroupId) -> Self {
        Self::Nodegroup(id.name().clone())
    }
}

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

impl fmt::Display for NodegroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nodegroup(name) => name.fmt(f),
            Self::Fleet => f.write_str("fleet"),
            Self::Track(track) => track.fmt(f),
            Self::Entry(entry) if entry.is_empty() => f.write_str("unknown"),
            Self::Entry(entry) => f.write_str(entry),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:eks:eu-central-1:123456789012:nodegroup/prod/blue/9ebf4bd5-f1d2-4f2c-9b7b-1b2c3d4e5f60";

    #[test]
    fn an_arn_names_cluster_and_node_group() {
        let id = NodegroupId::from_arn(ARN).unwrap();
        assert_eq!((id.to_string().as_str(), id.arn()), ("prod/blue", ARN));
    }

    #[test]
    fn what_is_no_node_group_arn_is_refused() {
        for arn in [
            "",
            "prod/blue",
            "arn:aws:eks:eu-central-1:123456789012:cluster/prod",
            "arn:aws:eks:eu-central-1:123456789012:nodegroup/prod/blue",
            "arn:aws:eks:eu-central-1:123456789012:nodegroup//blue/9ebf4bd5",
            "arn:aws:eks:eu-central-1:123456789012:nodegroup/prod/blue/9ebf4bd5/more",
        ] {
            assert_eq!(NodegroupId::from_arn(arn), None, "{arn}");
        }
    }

    #[test]
    fn a_fleet_is_known_by_account_and_region() {
        let fleet = FleetId::of(&NodegroupId::from_arn(ARN).unwrap());
        assert_eq!(fleet.key(), "arn:aws:eks:eu-central-1:123456789012:fleet");
        assert_eq!(FleetId::from_key(fleet.key()), Some(fleet.clone()));
        assert_eq!((fleet.region(), fleet.account()), ("eu-central-1", "123456789012"));
        assert_eq!(FleetId::from_key("fleet"), None);
    }

    #[test]
    fn each_item_of_the_table_is_known_by_its_key() {
        let fleet = FleetId::of(&NodegroupId::from_arn(ARN).unwrap());
        let track = TrackId::of(&fleet, &TrackKey::new("1.33", &AmiTypes::Al2023X8664Standard));
        assert_eq!(track.key(), "arn:aws:eks:eu-central-1:123456789012:track/1.33/AL2023_x86_64_STANDARD");
        assert_eq!((track.region(), track.account()), ("eu-central-1", "123456789012"));
        let read = |key: &str| ItemKey::read(key).map(|item| (item.key().to_owned(), item.subject().to_string()));
        let item = |key: &str, subject: &str| Some((key.to_owned(), subject.to_owned()));
        assert_eq!(read(ARN), item(ARN, "prod/blue"));
        assert_eq!(read(fleet.key()), item(fleet.key(), "fleet"));
        assert_eq!(read(track.key()), item(track.key(), "1.33/AL2023_x86_64_STANDARD"));
        for key in ["", "fleet", "track/1.33/CUSTOM", "arn:aws:eks:eu-central-1:123456789012:track/1.33"] {
            assert_eq!(read(key), None, "{key}");
        }
    }
}
