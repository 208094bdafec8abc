//! Finds the node groups that bear the opt-in tag, and what each of them is now.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use aws_sdk_eks::operation::describe_nodegroup::DescribeNodegroupError;
use aws_sdk_resourcegroupstagging::types::TagFilter;
use futures_util::{StreamExt, stream};

use crate::aws::{CONCURRENCY, describe};
use crate::model::nodegroup::{Nodegroup, NodegroupId};
use crate::model::policy::{KubernetesVersion, OPT_IN_TAG, Policy, Rules};

/// What was found under one ARN of the tag index.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Where it is. An ARN that cannot be read stands in place of the name.
    pub id: NodegroupId,
    /// What it is now.
    pub now: Seen,
}

/// What `DescribeNodegroup` says of a node group that the tag index lists.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// It is there.
    Nodegroup(Box<Nodegroup>),
    /// It was deleted; the index lags.
    Gone,
    /// It could not be read, and why.
    Unreadable(String),
}

/// The Kubernetes version of each cluster whose node groups follow it, or why it could not be read.
pub type Clusters = BTreeMap<String, Result<String, String>>;

/// Finds every node group that the tag index lists, and describes each: the index lags, lists formerly tagged groups, and
/// holds nothing but tags.
///
/// # Errors
/// When the index itself cannot be read. A node group that cannot be read is an item of the result.
pub async fn discover(
    tagging: &aws_sdk_resourcegroupstagging::Client,
    eks: &aws_sdk_eks::Client,
    defaults: &Rules,
) -> anyhow::Result<Vec<Found>> {
    let arns = tagged(tagging).await?;
    let mut found: Vec<Found> = stream::iter(arns)
        .map(|arn| async move {
            match NodegroupId::from_arn(&arn) {
                Some(id) => describe_nodegroup(eks, id, defaults).await,
                None => unreadable_arn(arn),
            }
        })
        .buffer_unordered(CONCURRENCY)
        .collect()
        .await;
    found.sort_by(|left, right| left.id.cmp(&right.id));
    found.dedup_by(|left, right| left.id.arn == right.id.arn);
    Ok(found)
}

/// Reads the Kubernetes versions of the clusters that a node group follows; none, as long as none does.
pub async fn followed_clusters(eks: &aws_sdk_eks::Client, found: &[Found]) -> Clusters {
    let followed: BTreeSet<&String> = found
        .iter()
        .filter(|found| match &found.now {
            Seen::Nodegroup(nodegroup) => match &nodegroup.policy {
                Policy::OptedIn(_, rules) => rules.kubernetes_version == KubernetesVersion::FollowCluster,
                Policy::NotOptedIn | Policy::Malformed { .. } => false,
            },
            Seen::Gone | Seen::Unreadable(_) => false,
        })
        .map(|found| &found.id.cluster)
        .collect();
    let describe_cluster = |name: String| async move {
        let version = match eks.describe_cluster().name(&name).send().await {
            Ok(answer) => answer.cluster.and_then(|cluster| cluster.version),
            Err(error) => return (name, Err(describe(&error))),
        };
        (name, version.ok_or_else(|| "EKS described the cluster without version".to_owned()))
    };
    stream::iter(followed.into_iter().cloned()).map(describe_cluster).buffer_unordered(CONCURRENCY).collect().await
}

async fn tagged(tagging: &aws_sdk_resourcegroupstagging::Client) -> anyhow::Result<Vec<String>> {
    let pages = tagging
        .get_resources()
        .resource_type_filters("eks:nodegroup")
        .tag_filters(TagFilter::builder().key(OPT_IN_TAG).build())
        .resources_per_page(100)
        .into_paginator()
        .send();
    // The SDK's stream is none of `futures`, but collects into a `Result` by itself.
    let pages: Result<Vec<_>, _> = pages.collect().await;
    let pages = pages.map_err(|error| anyhow::anyhow!("finding tagged node groups: {}", describe(&error)))?;
    let resources: Option<Vec<_>> = pages.into_iter().map(|page| page.resource_tag_mapping_list).collect();
    // An empty list says that nobody opted in; no list says nothing, and must not pass for it.
    let resources = resources.context("finding tagged node groups: the answer has no ResourceTagMappingList")?;
    Ok(resources.into_iter().flatten().map(|resource| resource.resource_arn.unwrap_or_default()).collect())
}

async fn describe_nodegroup(eks: &aws_sdk_eks::Client, id: NodegroupId, defaults: &Rules) -> Found {
    let request = eks.describe_nodegroup().cluster_name(&id.cluster).nodegroup_name(&id.name);
    let now = match request.send().await {
        Ok(answer) => match answer.nodegroup().map(|nodegroup| Nodegroup::from_description(&id, nodegroup, defaults)) {
            // A group that bears the name of a deleted one: the index will list it under its own ARN.
            Some(Ok(nodegroup)) if nodegroup.id.arn != id.arn => Seen::Gone,
            Some(Ok(nodegroup)) => Seen::Nodegroup(Box::new(nodegroup)),
            Some(Err(missing)) => Seen::Unreadable(missing.to_string()),
            None => Seen::Unreadable("EKS described no node group".to_owned()),
        },
        Err(error) => match error.as_service_error() {
            Some(DescribeNodegroupError::ResourceNotFoundException(_)) => Seen::Gone,
            _ => Seen::Unreadable(describe(&error)),
        },
    };
    Found { id, now }
}

fn unreadable_arn(arn: String) -> Found {
    let error = format!("the tag index lists it as {arn:?}, which is no node group's ARN");
    let name = if arn.is_empty() { "unknown".to_owned() } else { arn.clone() };
    Found { id: NodegroupId { cluster: String::new(), name, arn }, now: Seen::Unreadable(error) }
}
