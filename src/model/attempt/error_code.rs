//! The error codes of EKS, and whether each points at the release that an update was to install.
//!
//! Those of [updates](https://docs.aws.amazon.com/eks/latest/APIReference/API_ErrorDetail.html) and of node groups'
//! [health](https://docs.aws.amazon.com/eks/latest/APIReference/API_Issue.html) are in one table,
//! because both describe the same failure.

use serde::Serialize;

/// Whether a code points at the release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// Nodes with the release did not come up.
    Release,
    /// Something else prevented the update, regardless of its release.
    Cause(Cause),
    /// Nothing.
    Nothing,
}

/// A cause that prevents updates, regardless of their release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::VariantArray)]
pub enum Cause {
    /// No instances could be launched.
    Capacity,
    /// A quota of the account is used up.
    Quota,
    /// The subnets have no addresses left.
    Addresses,
    /// A subnet, security group or VPC is gone or does not fit.
    Network,
    /// The launch template is gone or does not fit.
    LaunchTemplate,
    /// The Auto Scaling group is gone, does not fit or is busy.
    AutoScalingGroup,
    /// The node role or its instance profile is gone.
    NodeRole,
    /// EKS or a node lacks a permission.
    Permission,
    /// The cluster's Kubernetes API could not be used.
    ClusterApi,
    /// The node group's own configuration is invalid.
    Configuration,
    /// AWS failed, or throttled itself.
    Aws,
}

use Blame::{Nothing, Release};

/// Pods did not leave a node in time.
pub const POD_EVICTION_FAILURE: &str = "PodEvictionFailure";
/// Nodes did not start or did not join the cluster.
pub const NODE_CREATION_FAILURE: &str = "NodeCreationFailure";

/// Every code that this version knows.
const CODES: [(&str, Blame); 50] = [
    ("AccessDenied", Blame::Cause(Cause::ClusterApi)),
    ("AdmissionRequestDenied", Blame::Cause(Cause::ClusterApi)),
    ("AmiIdNotFound", Release),
    ("AsgInstanceLaunchFailures", Blame::Cause(Cause::Capacity)),
    ("AutoScalingGroupInstanceRefreshActive", Blame::Cause(Cause::AutoScalingGroup)),
    ("AutoScalingGroupInvalidConfiguration", Blame::Cause(Cause::AutoScalingGroup)),
    ("AutoScalingGroupNotFound", Blame::Cause(Cause::AutoScalingGroup)),
    ("AutoScalingGroupOptInRequired", Blame::Cause(Cause::AutoScalingGroup)),
    ("AutoScalingGroupRateLimitExceeded", Blame::Cause(Cause::Aws)),
    ("ClusterUnreachable", Blame::Cause(Cause::ClusterApi)),
    ("ConfigurationConflict", Nothing),
    ("Ec2InstanceTypeDoesNotExist", Blame::Cause(Cause::Configuration)),
    ("Ec2LaunchTemplateDeletionFailure", Blame::Cause(Cause::LaunchTemplate)),
    ("Ec2LaunchTemplateInvalidConfiguration", Blame::Cause(Cause::LaunchTemplate)),
    ("Ec2LaunchTemplateMaxLimitExceeded", Blame::Cause(Cause::Quota)),
    ("Ec2LaunchTemplateNotFound", Blame::Cause(Cause::LaunchTemplate)),
    ("Ec2LaunchTemplateVersionMaxLimitExceeded", Blame::Cause(Cause::Quota)),
    ("Ec2LaunchTemplateVersionMismatch", Blame::Cause(Cause::LaunchTemplate)),
    ("Ec2SecurityGroupDeletionFailure", Blame::Cause(Cause::Network)),
    ("Ec2SecurityGroupNotFound", Blame::Cause(Cause::Network)),
    ("Ec2SubnetInvalidConfiguration", Blame::Cause(Cause::Network)),
    ("Ec2SubnetListTooLong", Blame::Cause(Cause::Network)),
    ("Ec2SubnetMissingIpv6Assignment", Blame::Cause(Cause::Network)),
    ("Ec2SubnetNotFound", Blame::Cause(Cause::Network)),
    ("EniLimitReached", Blame::Cause(Cause::Addresses)),
    ("IamInstanceProfileNotFound", Blame::Cause(Cause::NodeRole)),
    ("IamLimitExceeded", Blame::Cause(Cause::Quota)),
    ("IamNodeRoleNotFound", Blame::Cause(Cause::NodeRole)),
    ("IamThrottling", Blame::Cause(Cause::Aws)),
    ("InstanceLimitExceeded", Blame::Cause(Cause::Quota)),
    ("InsufficientFreeAddresses", Blame::Cause(Cause::Addresses)),
    ("InsufficientNumberOfReplicas", Nothing),
    ("InternalFailure", Blame::Cause(Cause::Aws)),
    ("IpNotAvailable", Blame::Cause(Cause::Addresses)),
    ("K8sResourceNotFound", Nothing),
    ("KubernetesLabelInvalid", Blame::Cause(Cause::Configuration)),
    ("LimitExceeded", Blame::Cause(Cause::Quota)),
    (NODE_CREATION_FAILURE, Release),
    ("NodeTerminationFailure", Nothing),
    ("OperationNotPermitted", Blame::Cause(Cause::Permission)),
    (POD_EVICTION_FAILURE, Nothing),
    ("SecurityGroupNotFound", Blame::Cause(Cause::Network)),
    ("SourceEc2LaunchTemplateNotFound", Blame::Cause(Cause::LaunchTemplate)),
    ("SubnetNotFound", Blame::Cause(Cause::Network)),
    ("Unknown", Nothing),
    ("UnsupportedAddonModification", Nothing),
    ("VpcIdNotFound", Blame::Cause(Cause::Network)),
    // Codes of this program: an update without effect, a cancelled update, and errors that did not fit.
    ("Cancelled", Nothing),
    ("ReleaseVersionMismatch", Nothing),
    ("Shortened", Nothing),
];

impl Blame {
    /// What a code points at; `None` for a code that this version does not know, which blames nothing.
    #[must_use]
    pub fn of(code: &str) -> Option<Self> {
        CODES.iter().find(|(known, _)| *known == code).map(|(_, blame)| *blame)
    }
}

impl Cause {
    /// Its meaning, in a sentence.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Capacity => {
                "EC2 could not launch the new nodes: there was no capacity for their instance type, or the launch was refused."
            }
            Self::Quota => "An account quota is used up, so the new nodes could not be created.",
            Self::Addresses => "The subnets had no addresses left for the new nodes.",
            Self::Network => {
                "A subnet, security group or VPC that the node group uses no longer exists or is not configured as nodes need it."
            }
            Self::LaunchTemplate => "The node group's launch template no longer exists or is not valid for EKS.",
            Self::AutoScalingGroup => "The node group's Auto Scaling group no longer exists, was changed or is busy.",
            Self::NodeRole => "The node group's IAM role or its instance profile no longer exists.",
            Self::Permission => {
                "The service-linked role of EKS node groups is missing a permission for the update: an organisation \
                 policy might deny it."
            }
            Self::ClusterApi => {
                "EKS could not use the cluster's Kubernetes API: a webhook, an access entry or the network prevented it."
            }
            Self::Configuration => {
                "The node group's own configuration is invalid, such as its instance types or labels."
            }
            Self::Aws => "AWS failed or throttled its own calls. No change is needed before the next attempt.",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use aws_sdk_eks::types::{ErrorCode, NodegroupIssueCode};
    use strum::VariantArray as _;

    use super::*;

    #[test]
    fn every_code_that_the_sdk_knows_is_in_the_table_and_each_once() {
        let own = BTreeSet::from(["Cancelled", "ReleaseVersionMismatch", "Shortened"]);
        let codes: BTreeSet<&str> = ErrorCode::values().iter().chain(NodegroupIssueCode::values()).copied().collect();
        let known: BTreeSet<&str> = CODES.iter().map(|(code, _)| *code).collect();
        assert_eq!(known, codes.union(&own).copied().collect());
        assert_eq!(known.len(), CODES.len());
    }

    #[test]
    fn a_code_that_is_not_in_the_table_says_nothing_that_anybody_knows() {
        assert_eq!(Blame::of("NodeCreationFailure"), Some(Blame::Release));
        assert_eq!(Blame::of("InstanceLimitExceeded"), Some(Blame::Cause(Cause::Quota)));
        assert_eq!(Blame::of("PodEvictionFailure"), Some(Blame::Nothing));
        for unknown in ["", "nodeCreationFailure", "SomethingNew"] {
            assert_eq!(Blame::of(unknown), None);
        }
    }

    #[test]
    fn every_cause_is_the_one_of_a_code() {
        let of_codes: Vec<Cause> = CODES
            .iter()
            .filter_map(|(_, blame)| match blame {
                Blame::Cause(cause) => Some(*cause),
                Blame::Release | Blame::Nothing => None,
            })
            .collect();
        assert!(Cause::VARIANTS.iter().all(|cause| of_codes.contains(cause)));
    }
}
