//! A managed node group, as `DescribeNodegroup` tells it.
//!
//! See [Nodegroup](https://docs.aws.amazon.com/eks/latest/APIReference/API_Nodegroup.html) in the API reference.

use std::fmt;

use aws_sdk_eks::types::{self as eks, AmiTypes, NodegroupIssueCode, NodegroupStatus};
use jiff::Timestamp;

use super::policy::{Mode, Policy, Rules};

/// Where a node group is found: its ARN, and the names that the ARN holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodegroupId {
    /// Name of the cluster.
    pub cluster: String,
    /// Name of the node group, unique in its cluster.
    pub name: String,
    /// Unlike the names, never used again after the node group was deleted.
    pub arn: String,
}

/// A node group with everything the plan needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Nodegroup {
    /// Where it is found.
    pub id: NodegroupId,
    /// Kubernetes version, such as `1.33`; it may lag the cluster's. `None` where EKS names none.
    pub kubernetes_version: Option<String>,
    /// The release it runs; for a custom AMI its id. `None` where EKS names none.
    pub release_version: Option<String>,
    /// The AMI type.
    pub ami_type: AmiTypes,
    /// The status.
    pub status: NodegroupStatus,
    /// What EKS reports to be wrong with it.
    pub health: Vec<HealthIssue>,
    /// What its tags allow.
    pub policy: Policy,
    /// When it last changed, by EKS's account.
    pub modified_at: Option<Timestamp>,
}

/// Something that EKS reports to be wrong with a node group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthIssue {
    /// Its code, such as `AsgInstanceLaunchFailures`.
    pub code: NodegroupIssueCode,
    /// AWS's sentence about it.
    pub message: String,
}

/// An answer of `DescribeNodegroup` that lacks what no node group lacks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("EKS described the node group without {0}")]
pub struct MissingField(&'static str);

impl NodegroupId {
    /// Reads `arn:aws:eks:REGION:ACCOUNT:nodegroup/CLUSTER/NAME/UUID`.
    #[must_use]
    pub fn from_arn(arn: &str) -> Option<Self> {
        let resource = arn.strip_prefix("arn:")?.splitn(5, ':').nth(4)?;
        let mut parts = resource.strip_prefix("nodegroup/")?.split('/');
        let (cluster, name, _uuid) = (parts.next()?, parts.next()?, parts.next()?);
        let complete = parts.next().is_none() && !cluster.is_empty() && !name.is_empty();
        complete.then(|| Self { cluster: cluster.to_owned(), name: name.to_owned(), arn: arn.to_owned() })
    }
}

impl NodegroupId {
    /// Stands for all node groups of the account and region of an ARN: what holds for the whole fleet is recorded under it.
    #[must_use]
    pub fn fleet(arn: &str) -> Option<Self> {
        let (owner, _) = arn.split_once(":nodegroup/")?;
        Some(Self { cluster: String::new(), name: String::new(), arn: format!("{owner}:fleet") })
    }
}

impl Nodegroup {
    /// Takes over what EKS described.
    ///
    /// # Errors
    /// When status, AMI type or tags are missing: without them nothing can be decided. No `tags` are not taken for none, for
    /// which EKS is expected to answer an empty map. The ARN is checked as well, since another node group may bear the name
    /// by now.
    pub fn from_description(
        id: &NodegroupId,
        description: &eks::Nodegroup,
        defaults: &Rules,
    ) -> Result<Self, MissingField> {
        let arn = description.nodegroup_arn().ok_or(MissingField("nodegroupArn"))?;
        let id = NodegroupId { arn: arn.to_owned(), ..id.clone() };
        let issues = description.health().map(eks::NodegroupHealth::issues).unwrap_or_default();
        Ok(Self {
            id,
            kubernetes_version: description.version().map(str::to_owned),
            release_version: description.release_version().map(str::to_owned),
            ami_type: description.ami_type().ok_or(MissingField("amiType"))?.clone(),
            status: description.status().ok_or(MissingField("status"))?.clone(),
            health: issues.iter().map(HealthIssue::from_issue).collect(),
            policy: Policy::of(description.tags().ok_or(MissingField("tags"))?, defaults),
            modified_at: description.modified_at().and_then(|at| Timestamp::new(at.secs(), 0).ok()),
        })
    }

    /// Its rules, if it is to be kept up to date.
    #[must_use]
    pub fn rules(&self) -> Option<&Rules> {
        match &self.policy {
            Policy::OptedIn(Mode::Auto, rules) => Some(rules),
            Policy::OptedIn(Mode::Notify, _) | Policy::NotOptedIn | Policy::Malformed { .. } => None,
        }
    }

    /// The issues with which EKS refuses an update: all but
    /// [these four](https://repost.aws/knowledge-center/eks-managed-node-group-update).
    #[must_use]
    pub fn refused_issues(&self) -> Vec<&HealthIssue> {
        let tolerated = |code: &NodegroupIssueCode| {
            matches!(
                code,
                NodegroupIssueCode::AsgInstanceLaunchFailures
                    | NodegroupIssueCode::InstanceLimitExceeded
                    | NodegroupIssueCode::InsufficientFreeAddresses
                    | NodegroupIssueCode::ClusterUnreachable
            )
        };
        self.health.iter().filter(|issue| !tolerated(&issue.code)).collect()
    }
}

impl HealthIssue {
    fn from_issue(issue: &eks::Issue) -> Self {
        Self {
            code: issue.code().cloned().unwrap_or_else(|| NodegroupIssueCode::from("Unknown")),
            message: issue.message().unwrap_or_default().to_owned(),
        }
    }
}

impl fmt::Display for NodegroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.cluster, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:eks:eu-central-1:123456789012:nodegroup/prod/blue/9ebf4bd5-f1d2-4f2c-9b7b-1b2c3d4e5f60";

    #[test]
    fn an_arn_names_cluster_and_node_group() {
        let id = NodegroupId::from_arn(ARN).unwrap();
        assert_eq!((id.to_string().as_str(), id.arn.as_str()), ("prod/blue", ARN));
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
    fn a_description_without_what_we_need_is_an_error_that_names_it() {
        let id = NodegroupId::from_arn(ARN).unwrap();
        let missing =
            |description| Nodegroup::from_description(&id, &description, &Rules::default()).unwrap_err().to_string();
        let bare = eks::Nodegroup::builder().nodegroup_arn(ARN);
        assert_eq!(missing(eks::Nodegroup::builder().build()), "EKS described the node group without nodegroupArn");
        assert_eq!(missing(bare.clone().build()), "EKS described the node group without amiType");
        let bare = bare.ami_type(AmiTypes::Custom);
        assert_eq!(missing(bare.clone().build()), "EKS described the node group without status");
        let bare = bare.status(NodegroupStatus::Active);
        assert_eq!(missing(bare.build()), "EKS described the node group without tags");
    }
}
