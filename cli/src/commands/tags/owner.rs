//! Who else writes a node group's tags, as the tags themselves tell.

use std::collections::HashMap;

/// Keys that say by what something is managed, in lower case and without what separates words.
const MANAGED_BY: [&str; 4] = ["managedby", "provisionedby", "provisioner", "createdby"];
/// What such a tag says, and who that is. Terragrunt runs Terraform or OpenTofu.
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
/// How a key begins that a tool writes itself.
const OWN_KEYS: [(&str, Owner); 8] = [
    ("alpha.eksctl.io/", Owner::Eksctl),
    ("eksctl.cluster.k8s.io/", Owner::Eksctl),
    ("aws:cloudformation:stack-name", Owner::CloudFormation),
    ("crossplane-", Owner::Crossplane),
    ("services.k8s.aws/", Owner::Controllers),
    ("sigs.k8s.io/cluster-api-provider-aws/", Owner::ClusterApi),
    ("pulumi:", Owner::Pulumi),
    ("terraform", Owner::Terraform),
];

/// What writes a node group's tags from a description of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Eksctl,
    CloudFormation,
    Crossplane,
    Controllers,
    ClusterApi,
    Pulumi,
    Terraform,
}

impl Owner {
    fn name(self) -> &'static str {
        match self {
            Self::Eksctl => "eksctl",
            Self::CloudFormation => "CloudFormation",
            Self::Crossplane => "Crossplane",
            Self::Controllers => "AWS Controllers for Kubernetes",
            Self::ClusterApi => "Cluster API",
            Self::Pulumi => "Pulumi",
            Self::Terraform => "Terraform or OpenTofu",
        }
    }

    /// Where it takes the tags from.
    fn source(self) -> &'static str {
        match self {
            Self::Eksctl => "tags of the managedNodeGroups entry in its config file",
            Self::CloudFormation => "Tags of the AWS::EKS::Nodegroup in the stack's template or CDK app",
            Self::Crossplane => "spec.forProvider.tags of the NodeGroup",
            Self::Controllers => "spec.tags of the Nodegroup",
            Self::ClusterApi => "spec.additionalTags of the AWSManagedMachinePool",
            Self::Pulumi => "tags of the NodeGroup in its program",
            Self::Terraform => "tags of the aws_eks_node_group",
        }
    }
}

/// That another owner may undo what is written, and where to write it so that it stays.
pub fn warning(tags: &HashMap<String, String>) -> Option<String> {
    let (owner, key, value) = owner(tags)?;
    let (name, source) = (owner.name(), owner.source());
    Some(format!(
        "managed by {name} (tag {key}={value}), whose next apply may undo this; write the same there: {source}"
    ))
}

/// The owner, and the tag that tells: rather one that the tool writes itself than one that people write.
fn owner(tags: &HashMap<String, String>) -> Option<(Owner, &str, &str)> {
    let mut sorted: Vec<(&str, &str)> = tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    sorted.sort_unstable();
    let own = OWN_KEYS.iter().find_map(|(begin, owner)| {
        let is_own = |(key, value): &&(&str, &str)| match owner {
            // People write it, as Terraform=true.
            Owner::Terraform => key.eq_ignore_ascii_case(begin) && !is_no(value),
            _ => key.to_lowercase().starts_with(begin),
        };
        sorted.iter().find(is_own).map(|(key, value)| (*owner, *key, *value))
    });
    own.or_else(|| {
        sorted.iter().find_map(|(key, value)| {
            let plain: String = key.to_lowercase().chars().filter(|character| character.is_alphanumeric()).collect();
            let said = value.to_lowercase();
            let tool = TOOLS.iter().find(|(tool, _)| MANAGED_BY.contains(&plain.as_str()) && said.contains(tool));
            tool.map(|(_, owner)| (*owner, *key, *value))
        })
    })
}

fn is_no(value: &str) -> bool {
    matches!(value.to_lowercase().as_str(), "false" | "no" | "0" | "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner_of(tags: &[(&str, &str)]) -> Option<Owner> {
        let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        owner(&tags).map(|(owner, ..)| owner)
    }

    #[test]
    fn each_owner_is_known_by_the_tags_that_it_writes_or_that_people_write_for_it() {
        for (key, value, owner) in [
            ("alpha.eksctl.io/nodegroup-name", "blue", Owner::Eksctl),
            ("eksctl.cluster.k8s.io/v1alpha1/cluster-name", "prod", Owner::Eksctl),
            ("aws:cloudformation:stack-name", "eks-prod", Owner::CloudFormation),
            ("ManagedBy", "CDK", Owner::CloudFormation),
            ("crossplane-kind", "nodegroup.eks.aws.upbound.io", Owner::Crossplane),
            ("services.k8s.aws/controller-version", "eks-v1.9.0", Owner::Controllers),
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
    fn the_warning_says_where_to_write_the_tags() {
        let tags = HashMap::from([("ManagedBy".to_owned(), "terraform".to_owned())]);
        let expected = "managed by Terraform or OpenTofu (tag ManagedBy=terraform), whose next apply may undo this; write the \
                        same there: tags of the aws_eks_node_group";
        assert_eq!(warning(&tags).unwrap(), expected);
    }
}
