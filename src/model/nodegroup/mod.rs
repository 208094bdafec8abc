//! A managed node group as `DescribeNodegroup` returns it.
//!
//! See [Nodegroup](https://docs.aws.amazon.com/eks/latest/APIReference/API_Nodegroup.html) in the API reference.

pub mod owner;
pub mod policy;

use aws_sdk_eks::types::{self as eks, AmiTypes, NodegroupIssueCode, NodegroupStatus};
use jiff::Timestamp;

use super::id::NodegroupId;
use super::nodegroup::owner::Owner;
use super::nodegroup::policy::{Mode, Policy};
use super::rules::Rules;

/// A node group with everything the plan needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Nodegroup {
    /// Its names and ARN.
    pub id: NodegroupId,
    /// Kubernetes version, such as `1.33`; it can be older than the cluster's. `None` if EKS returns none.
    pub kubernetes_version: Option<String>,
    /// The release it runs; for a custom AMI the AMI's id. `None` if EKS returns none.
    pub release_version: Option<String>,
    /// The AMI type.
    pub ami_type: AmiTypes,
    /// The status.
    pub status: NodegroupStatus,
    /// Its health issues.
    pub health: Vec<HealthIssue>,
    /// Its policy, from its tags.
    pub policy: Policy,
    /// The tool that might manage its release and tags, if its tags show one.
    pub owner: Option<Owner>,
    /// When EKS last changed it.
    pub modified_at: Option<Timestamp>,
    /// Its desired number of nodes, if EKS returns it.
    pub desired_size: Option<i32>,
}

/// A health issue of a node group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthIssue {
    /// Its code, such as `AsgInstanceLaunchFailures`.
    pub code: NodegroupIssueCode,
    /// AWS's message.
    pub message: String,
}

/// An answer of `DescribeNodegroup` without a field that every node group has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("EKS described the node group without {0}")]
pub struct MissingField(&'static str);

impl Nodegroup {
    /// Reads the description that EKS returned for the name of `id`. Its ARN can differ: the name might belong to a new node
    /// group by now.
    ///
    /// # Errors
    /// When status, AMI type or tags are missing: nothing can be decided without them. Missing `tags` do not mean "no tags":
    /// for those, EKS is expected to return an empty map.
    pub fn from_description(description: &eks::Nodegroup, defaults: &Rules) -> Result<Self, MissingField> {
        let arn = description.nodegroup_arn().ok_or(MissingField("nodegroupArn"))?;
        let issues = description.health().map(eks::NodegroupHealth::issues).unwrap_or_default();
        Ok(Self {
            id: NodegroupId::from_arn(arn).ok_or(MissingField("a node group's ARN in nodegroupArn"))?,
            kubernetes_version: description.version().map(str::to_owned),
            release_version: description.release_version().map(str::to_owned),
            ami_type: description.ami_type().ok_or(MissingField("amiType"))?.clone(),
            status: description.status().ok_or(MissingField("status"))?.clone(),
            health: issues.iter().map(HealthIssue::from_issue).collect(),
            policy: Policy::from_tags(description.tags().ok_or(MissingField("tags"))?, defaults),
            owner: description.tags().and_then(Owner::of),
            modified_at: description.modified_at().and_then(|at| Timestamp::new(at.secs(), 0).ok()),
            desired_size: description.scaling_config().and_then(eks::NodegroupScalingConfig::desired_size),
        })
    }

    /// Its rules, if it is kept up to date.
    #[must_use]
    pub fn rules(&self) -> Option<&Rules> {
        match &self.policy {
            Policy::OptedIn(Mode::Auto, rules) => Some(rules),
            Policy::OptedIn(Mode::Notify, _) | Policy::NotOptedIn | Policy::OptedOut | Policy::Invalid { .. } => None,
        }
    }

    /// Whether it is too unhealthy to prove a release: by its status, or because it has an issue that EKS does not tolerate.
    #[must_use]
    pub fn is_unhealthy(&self) -> bool {
        let failed = matches!(self.status, NodegroupStatus::CreateFailed | NodegroupStatus::DeleteFailed);
        let degraded = self.status == NodegroupStatus::Degraded && self.health.is_empty();
        failed || degraded || !self.blocking_issues().is_empty()
    }

    /// The health issues that make EKS refuse an update: all but
    /// [these four](https://repost.aws/knowledge-center/eks-managed-node-group-update).
    #[must_use]
    pub fn blocking_issues(&self) -> Vec<&HealthIssue> {
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

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:eks:eu-central-1:123456789012:nodegroup/prod/blue/9ebf4bd5-f1d2-4f2c-9b7b-1b2c3d4e5f60";

    #[test]
    fn a_description_without_what_we_need_is_an_error_that_names_it() {
        let missing =
            |description| Nodegroup::from_description(&description, &Rules::default()).unwrap_err().to_string();
        let bare = eks::Nodegroup::builder().nodegroup_arn(ARN);
        assert_eq!(missing(eks::Nodegroup::builder().build()), "EKS described the node group without nodegroupArn");
        assert_eq!(missing(bare.clone().build()), "EKS described the node group without amiType");
        let bare = bare.ami_type(AmiTypes::Custom);
        assert_eq!(missing(bare.clone().build()), "EKS described the node group without status");
        let bare = bare.status(NodegroupStatus::Active);
        assert_eq!(missing(bare.build()), "EKS described the node group without tags");
    }
}
