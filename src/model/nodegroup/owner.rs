//! The tool that might manage a node group's release and tags, as its tags show.
//!
//! `docs/ownership.md` describes each tool and its setting.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// Keys of tags that name the managing tool, in lower case and without separators.
const MANAGED_BY: [&str; 4] = ["managedby", "provisionedby", "provisioner", "createdby"];
/// Values of such tags, and their tools. Terragrunt runs Terraform or OpenTofu.
const TOOLS: [(&str, Owner); 8] = [
    ("terraform", Owner::Terraform),
    ("terragrunt", Owner::Terraform),
    ("tofu", Owner::Terraform),
    ("pulumi", Owner::Pulumi),
    ("crossplane", Owner::Crossplane),
    ("eksctl", Owner::Eksctl),
    ("cloudformation", Owner::CloudFormation),
    ("cdk", Owner::CloudFormation),
];
/// Prefixes of keys that a tool writes itself.
const OWN_KEYS: [(&str, Owner); 8] = [
    ("alpha.eksctl.io/", Owner::Eksctl),
    ("eksctl.cluster.k8s.io/", Owner::Eksctl),
    ("aws:cloudformation:stack-name", Owner::CloudFormation),
    ("crossplane-", Owner::Crossplane),
    ("services.k8s.aws/", Owner::Ack),
    ("sigs.k8s.io/cluster-api-provider-aws/", Owner::ClusterApi),
    ("pulumi:", Owner::Pulumi),
    ("terraform", Owner::Terraform),
];

/// A tool that creates and changes a node group from its own definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, strum::VariantArray)]
pub enum Owner {
    /// eksctl.
    Eksctl,
    /// CloudFormation, or the CDK through it.
    CloudFormation,
    /// Crossplane.
    Crossplane,
    /// AWS Controllers for Kubernetes.
    Ack,
    /// Cluster API with its provider for AWS.
    ClusterApi,
    /// Pulumi.
    Pulumi,
    /// Terraform, OpenTofu or Terragrunt.
    Terraform,
}

impl Owner {
    /// The owner of the node group with these tags, if they show one.
    #[must_use]
    pub fn of(tags: &HashMap<String, String>) -> Option<Self> {
        Self::with_evidence(tags).map(|(owner, ..)| owner)
    }

    /// The owner, and the key and value of the tag that shows it: a tag written by the tool itself is preferred to one written
    /// by people.
    #[must_use]
    pub fn with_evidence(tags: &HashMap<String, String>) -> Option<(Self, &str, &str)> {
        let shown = tags.iter().filter_map(|(key, value)| {
            let (rank, owner) = shown_by(key, value)?;
            Some((rank, key.as_str(), value.as_str(), owner))
        });
        shown.min().map(|(_, key, value, owner)| (owner, key, value))
    }

    /// Its name, as its users write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Eksctl => "eksctl",
            Self::CloudFormation => "CloudFormation",
            Self::Crossplane => "Crossplane",
            Self::Ack => "AWS Controllers for Kubernetes",
            Self::ClusterApi => "Cluster API",
            Self::Pulumi => "Pulumi",
            Self::Terraform => "Terraform or OpenTofu",
        }
    }

    /// Where it reads the tags from: tags that are set there persist.
    #[must_use]
    pub fn tags(self) -> &'static str {
        match self {
            Self::Eksctl => "tags of the managedNodeGroups entry in its config file",
            Self::CloudFormation => "Tags of the AWS::EKS::Nodegroup in the stack's template or CDK app",
            Self::Crossplane => "spec.forProvider.tags of the NodeGroup",
            Self::Ack => "spec.tags of the Nodegroup",
            Self::ClusterApi => "spec.additionalTags of the AWSManagedMachinePool",
            Self::Pulumi => "tags of the NodeGroup in its program",
            Self::Terraform => {
                "tags of the aws_eks_node_group; not tags of the module terraform-aws-eks, which replace all nodes"
            }
        }
    }

    /// The setting with which it leaves the release to the updater, as advice.
    #[must_use]
    pub fn setting(self) -> &'static str {
        match self {
            Self::Eksctl => "leave releaseVersion out of its config file, and do not run eksctl upgrade nodegroup",
            Self::CloudFormation => "leave ReleaseVersion out of the AWS::EKS::Nodegroup",
            Self::Crossplane => {
                "leave releaseVersion and version out of spec.forProvider; provider-aws of crossplane-contrib needs ami-update=notify"
            }
            Self::Ack => "leave releaseVersion out of the Nodegroup's spec",
            Self::ClusterApi => "leave amiVersion out of the AWSManagedMachinePool's spec",
            Self::Pulumi => "leave releaseVersion out of the NodeGroup, or name it in ignoreChanges",
            Self::Terraform => {
                "leave release_version out, or name it in ignore_changes; in the module terraform-aws-eks, set \
                    use_latest_ami_release_version = false"
            }
        }
    }

    /// The section of the documentation about it.
    #[must_use]
    pub fn page(self) -> &'static str {
        match self {
            Self::Eksctl => "docs/ownership.md#eksctl",
            Self::CloudFormation => "docs/ownership.md#cloudformation-and-cdk",
            Self::Crossplane => "docs/ownership.md#crossplane",
            Self::Ack => "docs/ownership.md#aws-controllers-for-kubernetes",
            Self::ClusterApi => "docs/ownership.md#cluster-api",
            Self::Pulumi => "docs/ownership.md#pulumi",
            Self::Terraform => "docs/ownership.md#the-module-terraform-aws-eks",
        }
    }
}

/// The owner that a tag shows, and how weak that evidence is: 0 is the strongest.
fn shown_by(key: &str, value: &str) -> Option<(usize, Owner)> {
    let own = OWN_KEYS.iter().enumerate().find(|(_, (begin, owner))| match owner {
        // People write tags such as Terraform=true.
        Owner::Terraform => key.eq_ignore_ascii_case(begin) && !is_no(value),
        _ => key.get(..begin.len()).is_some_and(|start| start.eq_ignore_ascii_case(begin)),
    });
    if let Some((rank, (_, owner))) = own {
        return Some((rank, *owner));
    }
    let plain = || key.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase);
    if !MANAGED_BY.iter().any(|managed_by| plain().eq(managed_by.chars())) {
        return None;
    }
    let value = value.to_lowercase();
    let tool = TOOLS.iter().find(|(tool, _)| value.contains(tool));
    tool.map(|(_, owner)| (OWN_KEYS.len(), *owner))
}

fn is_no(value: &str) -> bool {
    matches!(value.to_lowercase().as_str(), "false" | "no" | "0" | "")
}

#[cfg(test)]
mod tests {

    use super::*;

    fn owner_of(tags: &[(&str, &str)]) -> Option<Owner> {
        Owner::of(&tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn each_owner_is_known_by_the_tags_that_it_writes_or_that_people_write_for_it() {
        for (key, value, owner) in [
            ("alpha.eksctl.io/nodegroup-name", "blue", Owner::Eksctl),
            ("eksctl.cluster.k8s.io/v1alpha1/cluster-name", "prod", Owner::Eksctl),
            ("aws:cloudformation:stack-name", "eks-prod", Owner::CloudFormation),
            ("ManagedBy", "CDK", Owner::CloudFormation),
            ("crossplane-kind", "nodegroup.eks.aws.upbound.io", Owner::Crossplane),
            ("services.k8s.aws/controller-version", "eks-v1.9.0", Owner::Ack),
            ("sigs.k8s.io/cluster-api-provider-aws/cluster/prod", "owned", Owner::ClusterApi),
            ("pulumi:Project", "eks", Owner::Pulumi),
            ("managed-by", "pulumi", Owner::Pulumi),
            ("Terraform", "true", Owner::Terraform),
            ("terraform", "yes", Owner::Terraform),
            ("managed_by", "Terraform Cloud", Owner::Terraform),
            ("ManagedBy", "OpenTofu", Owner::Terraform),
            ("Provisioner", "terragrunt", Owner::Terraform),
        ] {
            assert_eq!(owner_of(&[("Name", "blue"), (key, value)]), Some(owner), "{key}={value}");
        }
    }

    #[test]
    fn other_tags_name_no_owner() {
        for (key, value) in [
            ("ManagedBy", "platform-team"),
            ("Terraform", "false"),
            ("team", "terraform"),
            ("karpenter.sh/discovery", "prod"),
            ("kubernetes.io/cluster/prod", "owned"),
            ("größe", "terraform"),
            ("ami-update", "auto"),
        ] {
            assert_eq!(owner_of(&[(key, value)]), None, "{key}={value}");
        }
    }

    #[test]
    fn what_a_tool_writes_itself_says_more_than_what_people_write() {
        let tags =
            [("ManagedBy", "terraform"), ("aws:cloudformation:stack-name", "eksctl-prod"), ("Terraform", "true")];
        assert_eq!(owner_of(&tags), Some(Owner::CloudFormation));
        let tags = [("aws:cloudformation:stack-name", "eksctl-prod"), ("alpha.eksctl.io/cluster-name", "prod")];
        assert_eq!(owner_of(&tags), Some(Owner::Eksctl));
    }

    #[test]
    fn the_evidence_is_always_the_same_tag() {
        let tags = ["b", "a", "c"].map(|name| (format!("alpha.eksctl.io/{name}"), name.to_owned())).into();
        assert_eq!(Owner::with_evidence(&tags), Some((Owner::Eksctl, "alpha.eksctl.io/a", "a")));
    }
}
