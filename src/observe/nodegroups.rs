//! Finds the node groups with the opt-in tag, describes each, and the clusters that they follow.

use std::collections::BTreeSet;

use anyhow::Context as _;
use aws_sdk_eks::operation::describe_nodegroup::DescribeNodegroupError;
use aws_sdk_resourcegroupstagging::types::TagFilter;
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, timeout_at};

use crate::aws::pace::Eks;
use crate::aws::{CONCURRENCY, describe as in_words};
use crate::model::fleet::{Clusters, Discovered, NodegroupState};
use crate::model::kubernetes::InvalidVersion;
use crate::model::nodegroup::Nodegroup;
use crate::model::policy::{OPT_IN_TAG, Rules};
use crate::model::problem::Unreadable;
use crate::model::subject::NodegroupId;

/// What the tag index lists.
pub struct Tagged {
    /// The node groups, by name.
    pub ids: BTreeSet<NodegroupId>,
    /// The entries that are not a node group's ARN.
    pub invalid_arns: Vec<String>,
}

/// Reads which node groups have the opt-in tag. The index lags, lists node groups that lost their tags, and holds nothing but
/// tags, so each is described afterwards.
///
/// # Errors
/// When the index cannot be read.
pub async fn tagged(tagging: &aws_sdk_resourcegroupstagging::Client) -> anyhow::Result<Tagged> {
    let pages = tagging
        .get_resources()
        .resource_type_filters("eks:nodegroup")
        .tag_filters(TagFilter::builder().key(OPT_IN_TAG).build())
        .resources_per_page(100)
        .into_paginator()
        .send();
    // The SDK's stream is none of `futures`, but collects into a `Result` by itself.
    let pages: Result<Vec<_>, _> = pages.collect().await;
    let pages = pages.map_err(|error| anyhow::anyhow!("finding tagged node groups: {}", in_words(&error)))?;
    let resources: Option<Vec<_>> = pages.into_iter().map(|page| page.resource_tag_mapping_list).collect();
    // An empty list says that none opted in; no list says nothing, and must not pass for it.
    let resources = resources.context("finding tagged node groups: the answer has no ResourceTagMappingList")?;
    let mut ids = BTreeSet::new();
    let mut invalid_arns = BTreeSet::new();
    for arn in resources.into_iter().flatten().map(|resource| resource.resource_arn.unwrap_or_default()) {
        match NodegroupId::from_arn(&arn) {
            Some(id) => ids.insert(id),
            None => invalid_arns.insert(arn),
        };
    }
    Ok(Tagged { ids, invalid_arns: invalid_arns.into_iter().collect() })
}

/// Describes node groups, in this order, as long as there is time. One that cannot be described is an item of the result.
pub async fn describe(
    eks: &Eks,
    ids: impl IntoIterator<Item = NodegroupId>,
    defaults: &Rules,
    until: Instant,
) -> Vec<Discovered> {
    let describe = |id| async move {
        let state = describe_nodegroup(eks, &id, defaults, until).await;
        Discovered { id, state }
    };
    stream::iter(ids).map(describe).buffered(CONCURRENCY).collect().await
}

/// Reads the Kubernetes versions of the clusters that a node group follows; none, as long as none does.
pub async fn followed_clusters(eks: &Eks, nodegroups: &[Discovered]) -> Clusters {
    let following = nodegroups.iter().filter(|discovered| discovered.follows_cluster());
    let names: BTreeSet<&str> = following.map(|discovered| discovered.id.cluster()).collect();
    let describe_cluster = |name: String| async move {
        let version = match eks.read().await.describe_cluster().name(&name).send().await {
            Ok(answer) => answer.cluster.and_then(|cluster| cluster.version),
            Err(error) => return (name, Err(Unreadable(in_words(&error)))),
        };
        let version = version.ok_or_else(|| Unreadable("EKS described the cluster without version".to_owned()));
        let parse = |text: String| text.parse().map_err(|error: InvalidVersion| Unreadable(error.to_string()));
        (name, version.and_then(parse))
    };
    let names = names.into_iter().map(str::to_owned);
    stream::iter(names).map(describe_cluster).buffer_unordered(CONCURRENCY).collect().await
}

async fn describe_nodegroup(eks: &Eks, id: &NodegroupId, defaults: &Rules, until: Instant) -> NodegroupState {
    // Its turn may be long after.
    let eks = match timeout_at(until, eks.read()).await {
        Ok(eks) if Instant::now() < until => eks,
        _ => return NodegroupState::NotReached,
    };
    let request = eks.describe_nodegroup().cluster_name(id.cluster()).nodegroup_name(id.nodegroup());
    match request.send().await {
        Ok(answer) => match answer.nodegroup().map(|nodegroup| Nodegroup::from_description(nodegroup, defaults)) {
            // A node group with the name of a deleted one: the index will list it under its own ARN.
            Some(Ok(nodegroup)) if nodegroup.id != *id => NodegroupState::Deleted,
            Some(Ok(nodegroup)) => NodegroupState::Exists(Box::new(nodegroup)),
            Some(Err(missing)) => NodegroupState::Unreadable(Unreadable(missing.to_string())),
            None => NodegroupState::Unreadable(Unreadable("EKS described no node group".to_owned())),
        },
        Err(error) => match error.as_service_error() {
            Some(DescribeNodegroupError::ResourceNotFoundException(_)) => NodegroupState::Deleted,
            _ => NodegroupState::Unreadable(Unreadable(in_words(&error))),
        },
    }
}
