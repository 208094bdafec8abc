//! What the table keeps records of, by account and region: node groups, clusters, release tracks, and the fleet.

use std::fmt;
use std::sync::Arc;

use aws_sdk_eks::types::AmiTypes;
use serde::{Deserialize, Serialize};

use super::name::NodegroupName;
use crate::model::release::track::TrackKey;

/// A node group as its ARN identifies it. The only way to make one is from an ARN, so it is always complete.
///
/// ```
/// use eks_nodegroup_updater::model::id::NodegroupId;
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

/// A key of the table that does not have the expected kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the key of a {1}")]
pub struct InvalidKey(String, &'static str);

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

impl fmt::Display for NodegroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}
