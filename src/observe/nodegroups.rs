//! Finds the node groups with the opt-in tag, describes each, and the clusters that they follow.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use aws_sdk_eks::operation::describe_nodegroup::DescribeNodegroupError;
use aws_sdk_resourcegroupstagging::config::http::HttpResponse;
use aws_sdk_resourcegroupstagging::error::SdkError;
use aws_sdk_resourcegroupstagging::operation::get_resources::builders::GetResourcesFluentBuilder;
use aws_sdk_resourcegroupstagging::operation::get_resources::{GetResourcesError, GetResourcesOutput};
use aws_sdk_resourcegroupstagging::types::{ResourceTagMapping, TagFilter};
use futures_util::{Stream, StreamExt, stream};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

use crate::aws::pace::Eks;
use crate::aws::pages::{NODEGROUPS, Page as ListPage, all_pages};
use crate::aws::{CONCURRENCY, concurrently, describe as in_words};
use crate::model::id::{ClusterId, NodegroupId, NodegroupName};
use crate::model::nodegroup::Nodegroup;
use crate::model::nodegroup::policy::{OPT_IN_TAG, Policy};
use crate::model::observed::fleet::{Clusters, Discovered, NodegroupState};
use crate::model::problem::Unreadable;
use crate::model::release::kubernetes::InvalidVersion;
use crate::model::rules::{RuleName, Rules};

/// The entries of the tag index.
#[derive(Debug, Default)]
pub struct Tagged {
    /// The node groups, by name.
    pub ids: BTreeSet<NodegroupId>,
    /// The entries that are not a node group's ARN.
    pub invalid_arns: BTreeSet<String>,
    /// How many pages there were, from the first that is not empty.
    pub pages: usize,
}

/// The entries of the tag index, with their policies.
#[derive(Debug, Default)]
pub struct Indexed {
    /// The policy of each node group, by its tags in the index.
    pub policies: BTreeMap<NodegroupId, Policy>,
    /// The entries that are not a node group's ARN.
    pub invalid_arns: Vec<String>,
}

/// A page of the tag index: the node groups that no page listed before.
#[derive(Debug)]
pub struct Page {
    /// The node groups, by name.
    pub ids: Vec<NodegroupId>,
    /// Whether it is the last one.
    pub is_last: bool,
}

/// Reads which node groups have the opt-in tag, and passes on each page as it comes. The index lags, lists node groups that
/// lost their tags, and only has tags, so each node group is described afterwards.
///
/// # Errors
/// When the index cannot be read.
pub async fn tagged(
    tagging: &aws_sdk_resourcegroupstagging::Client,
    found: UnboundedSender<Page>,
) -> anyhow::Result<Tagged> {
    let mut pages = with_tags(tagging, &[OPT_IN_TAG]).into_paginator().send();
    let mut tagged = Tagged::default();
    while let Some(page) = pages.next().await {
        let (resources, is_last) = resources_of(page)?;
        let mut ids = BTreeSet::new();
        for arn in resources.into_iter().map(|resource| resource.resource_arn.unwrap_or_default()) {
            match NodegroupId::from_arn(&arn) {
                Some(id) if tagged.ids.contains(&id) => {}
                Some(id) => {
                    ids.insert(id);
                }
                None => {
                    tagged.invalid_arns.insert(arn);
                }
            }
        }
        // Pages can be empty; the first one to pass on is not.
        if tagged.pages > 0 || !ids.is_empty() {
            tagged.pages += 1;
            tagged.ids.extend(ids.iter().cloned());
            // The reader of the pages has the same deadline.
            let _ = found.send(Page { ids: ids.into_iter().collect(), is_last });
        }
    }
    Ok(tagged)
}

/// Reads which node groups have the opt-in tag, with their other tags: all, or only those with a ring of their own.
///
/// # Errors
/// When the index cannot be read.
pub async fn indexed(
    tagging: &aws_sdk_resourcegroupstagging::Client,
    with_ring: bool,
    defaults: &Rules,
) -> anyhow::Result<Indexed> {
    let ring = format!("{OPT_IN_TAG}/{}", RuleName::Ring.name());
    let keys: &[&str] = if with_ring { &[OPT_IN_TAG, &ring] } else { &[OPT_IN_TAG] };
    let mut pages = with_tags(tagging, keys).into_paginator().send();
    let mut indexed = Indexed::default();
    while let Some(page) = pages.next().await {
        for ResourceTagMapping { resource_arn, tags, .. } in resources_of(page)?.0 {
            let arn = resource_arn.unwrap_or_default();
            let Some(id) = NodegroupId::from_arn(&arn) else {
                indexed.invalid_arns.push(arn);
                continue;
            };
            let tags = tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect();
            indexed.policies.insert(id, Policy::from_tags(&tags, defaults));
        }
    }
    Ok(indexed)
}

/// The request for the node groups that have all of these tags.
fn with_tags(tagging: &aws_sdk_resourcegroupstagging::Client, keys: &[&str]) -> GetResourcesFluentBuilder {
    let filters = keys.iter().map(|key| TagFilter::builder().key(*key).build());
    let request = tagging.get_resources().resource_type_filters("eks:nodegroup").resources_per_page(100);
    request.set_tag_filters(Some(filters.collect()))
}

/// The entries of a page, and whether it is the last one.
fn resources_of(
    page: Result<GetResourcesOutput, SdkError<GetResourcesError, HttpResponse>>,
) -> anyhow::Result<(Vec<ResourceTagMapping>, bool)> {
    let page = page.map_err(|error| anyhow::anyhow!("finding tagged node groups: {}", in_words(&error)))?;
    let is_last = page.pagination_token().is_none_or(str::is_empty);
    // An empty list means that none opted in; a missing list does not, and must not be mistaken for it.
    let resources = page.resource_tag_mapping_list;
    let resources = resources.context("finding tagged node groups: the answer has no ResourceTagMappingList")?;
    Ok((resources, is_last))
}

/// Describes node groups, in this order, while there is time. One that cannot be described is part of the result.
pub async fn describe(
    eks: &Eks,
    ids: impl Stream<Item = NodegroupId>,
    defaults: &Rules,
    until: Instant,
) -> Vec<Discovered> {
    let describe = |id: NodegroupId| async move {
        let state = match describe_nodegroup(eks, id.name(), defaults, until).await {
            // A new node group with the name of a deleted one: the index will list it under its own ARN.
            NodegroupState::Exists(nodegroup) if nodegroup.id != id => NodegroupState::Deleted,
            NodegroupState::Exists(nodegroup) => {
                NodegroupState::Exists(Box::new(Nodegroup { id: id.clone(), ..*nodegroup }))
            }
            state => state,
        };
        Discovered { id, state }
    };
    concurrently(ids.map(describe)).await
}

/// Describes node groups of which only the names are known.
pub async fn describe_by_name(
    eks: &Eks,
    names: BTreeSet<NodegroupName>,
    defaults: &Rules,
    until: Instant,
) -> Vec<(NodegroupName, NodegroupState)> {
    let describe = |name: NodegroupName| async move {
        let state = describe_nodegroup(eks, &name, defaults, until).await;
        (name, state)
    };
    concurrently(stream::iter(names).map(describe)).await
}

/// Reads the names of a cluster's node groups, with the tag or without.
///
/// # Errors
/// When EKS cannot be read. An answer without a list is also an error: treating it as empty would miss updates in progress.
pub async fn names_in(eks: &Eks, cluster: &str) -> Result<BTreeSet<NodegroupName>, Unreadable> {
    let read = async |token: Option<String>| {
        let page = eks
            .read(async |eks| eks.list_nodegroups().cluster_name(cluster).set_next_token(token.clone()).send().await);
        let page = page.await.map_err(|error| in_words(&error))?;
        Ok::<_, String>(ListPage { items: page.nodegroups, next_token: page.next_token })
    };
    let names = all_pages(NODEGROUPS, read).await.map_err(|error| Unreadable(error.to_string()))?;
    let named = |nodegroup| NodegroupName { cluster: cluster.to_owned(), nodegroup };
    Ok(names.into_iter().map(named).collect())
}

/// Reads the Kubernetes versions of the clusters that node groups follow; none if no node group follows its cluster.
pub async fn followed_clusters(eks: &Eks, nodegroups: &[Discovered]) -> Clusters {
    let following = nodegroups.iter().filter(|discovered| discovered.follows_cluster());
    let clusters: BTreeSet<ClusterId> = following.map(|discovered| discovered.id.cluster_id()).collect();
    let describe_cluster = |cluster: ClusterId| async move {
        let version = match eks.read(async |eks| eks.describe_cluster().name(cluster.name()).send().await).await {
            Ok(answer) => answer.cluster.and_then(|cluster| cluster.version),
            Err(error) => return (cluster, Err(Unreadable(in_words(&error)))),
        };
        let version = version.ok_or_else(|| Unreadable("EKS described the cluster without version".to_owned()));
        let parse = |text: String| text.parse().map_err(|error: InvalidVersion| Unreadable(error.to_string()));
        (cluster, version.and_then(parse))
    };
    stream::iter(clusters).map(describe_cluster).buffer_unordered(CONCURRENCY).collect().await
}

async fn describe_nodegroup(eks: &Eks, name: &NodegroupName, defaults: &Rules, until: Instant) -> NodegroupState {
    let answer = eks.read_before(until, async |eks| {
        eks.describe_nodegroup().cluster_name(&name.cluster).nodegroup_name(&name.nodegroup).send().await
    });
    let Some(answer) = answer.await else { return NodegroupState::NotReached };
    match answer {
        Ok(answer) => match answer.nodegroup().map(|nodegroup| Nodegroup::from_description(nodegroup, defaults)) {
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
