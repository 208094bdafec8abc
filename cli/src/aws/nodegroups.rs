//! The node groups of a region, whether or not they opted in.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_eks::error::ProvideErrorMetadata as _;
use aws_sdk_eks::types as eks;
use eks_nodegroup_updater::aws::pages::{List, ListError, NODEGROUPS, Page, all_pages};
use eks_nodegroup_updater::aws::{StartClients, concurrently};
use eks_nodegroup_updater::config::{StartConfig, process_environment};
use eks_nodegroup_updater::handler::preview;
use eks_nodegroup_updater::model::decision::DecisionKind;
use eks_nodegroup_updater::model::decision::attention::Attention;
use eks_nodegroup_updater::model::decision::reason::ReasonKind;
use eks_nodegroup_updater::model::id::{NodegroupName, NodegroupPattern};
use eks_nodegroup_updater::model::nodegroup::Nodegroup;
use eks_nodegroup_updater::model::nodegroup::owner::Owner;
use eks_nodegroup_updater::model::nodegroup::policy::OPT_IN_TAG;
use eks_nodegroup_updater::run::Run;
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;

use super::answer::{DecisionLine, StartAnswer, read};
use super::place::Place;
use super::unread::{Unread, What};
use crate::failure::{Failure, NOT_FOUND};
use terminal::progress::Progress;
use terminal::text::nearest;

/// Node groups by name, and the clusters whose node groups could not be listed.
#[derive(Debug, Default)]
pub struct Listed {
    /// In the order of their names.
    pub names: Vec<NodegroupName>,
    /// What could not be listed.
    pub unread: Vec<Unread>,
}

/// A node group as EKS describes it.
#[derive(Clone, Debug)]
pub struct Described {
    /// Its name.
    pub name: NodegroupName,
    /// EKS's description, or why there is none.
    pub description: Result<Box<eks::Nodegroup>, Failure>,
}

/// The node groups that patterns can name; all, without patterns. A cluster that cannot be listed stops no other. Only the
/// clusters that are named are listed, and nothing at all for names without `*`: describing those shows whether they exist.
///
/// # Errors
/// When the clusters cannot be listed.
pub async fn list(place: &Place, patterns: &[NodegroupPattern]) -> Result<Listed, Failure> {
    let literal = patterns.iter().filter_map(NodegroupPattern::literal).cloned();
    let mut names: BTreeSet<NodegroupName> = literal.collect();
    let open: Vec<&NodegroupPattern> = patterns.iter().filter(|pattern| pattern.literal().is_none()).collect();
    let mut unread = Vec::new();
    if patterns.is_empty() || !open.is_empty() {
        let clusters = clusters(place, &open).await?;
        let progress = Progress::over(clusters.len(), "clusters");
        let lists = stream::iter(clusters).map(|cluster| async {
            let nodegroups = nodegroups_of(place, &cluster).await;
            progress.advance();
            (cluster, nodegroups)
        });
        for (cluster, nodegroups) in progress.with_pace(&place.eks, concurrently(lists)).await {
            match nodegroups {
                Ok(nodegroups) => {
                    let all =
                        nodegroups.into_iter().map(|nodegroup| NodegroupName { cluster: cluster.clone(), nodegroup });
                    names.extend(all.filter(|name| open.is_empty() || open.iter().any(|it| it.matches(name))));
                }
                Err(failure) => unread.push(Unread::of(place, What::Cluster(cluster), failure)),
            }
        }
    }
    Ok(Listed { names: names.into_iter().collect(), unread })
}

/// The clusters that patterns can name; all, without patterns.
async fn clusters(place: &Place, patterns: &[&NodegroupPattern]) -> Result<BTreeSet<String>, Failure> {
    let literal: Option<BTreeSet<String>> =
        patterns.iter().map(|pattern| pattern.cluster().map(str::to_owned)).collect();
    if let Some(literal) = literal.filter(|literal| !literal.is_empty()) {
        return Ok(literal);
    }
    let all = all_clusters(place).await?;
    Ok(all.into_iter().filter(|it| patterns.is_empty() || patterns.iter().any(|by| by.matches_cluster(it))).collect())
}

/// The clusters of the region.
///
/// # Errors
/// When they cannot be listed.
pub async fn all_clusters(place: &Place) -> Result<Vec<String>, Failure> {
    let read = async |token: Option<String>| {
        let page = place.eks.read(async |eks| eks.list_clusters().set_next_token(token.clone()).send().await).await;
        let page = page.map_err(|error| Failure::of_call("listing clusters", &error))?;
        Ok(Page { items: page.clusters, next_token: page.next_token })
    };
    all_pages(List { of: "clusters", member: "clusters" }, read).await.map_err(unlisted)
}

/// The node groups of a cluster.
///
/// # Errors
/// When they cannot be listed.
pub async fn nodegroups_of(place: &Place, cluster: &str) -> Result<Vec<String>, Failure> {
    let read = async |token: Option<String>| {
        let page = place
            .eks
            .read(async |eks| eks.list_nodegroups().cluster_name(cluster).set_next_token(token.clone()).send().await);
        let page = page.await.map_err(|error| match error.code() {
            Some(NOT_FOUND) => Failure::new("there is no such cluster"),
            _ => Failure::of_call("listing its node groups", &error),
        })?;
        Ok(Page { items: page.nodegroups, next_token: page.next_token })
    };
    all_pages(NODEGROUPS, read).await.map_err(unlisted)
}

fn unlisted(error: ListError<Failure>) -> Failure {
    match error {
        ListError::Page(failure) => failure,
        ListError::Malformed(error) => Failure::new(error),
    }
}

/// Describes these node groups, in this order.
pub async fn describe(place: &Place, names: Vec<NodegroupName>) -> Vec<Described> {
    let progress = Progress::over(names.len(), "node groups");
    let described = stream::iter(names).map(|name| async {
        let description = describe_one(place, &name).await;
        progress.advance();
        Described { name, description }
    });
    progress.with_pace(&place.eks, concurrently(described)).await
}

/// Describes a node group.
///
/// # Errors
/// When EKS does not.
pub async fn describe_one(place: &Place, name: &NodegroupName) -> Result<Box<eks::Nodegroup>, Failure> {
    let NodegroupName { cluster, nodegroup } = name;
    let answer = place
        .eks
        .read(async |eks| eks.describe_nodegroup().cluster_name(cluster).nodegroup_name(nodegroup).send().await)
        .await;
    let answer = answer.map_err(|error| match error.code() {
        Some(NOT_FOUND) => Failure::not_found("there is no such node group"),
        _ => Failure::of_call("describing it", &error),
    })?;
    answer.nodegroup.map(Box::new).ok_or_else(|| Failure::new("EKS's answer has no node group"))
}

/// That there is no node group of this name, and what might be meant.
pub async fn no_such_nodegroup(place: &Place, wanted: &NodegroupPattern) -> Failure {
    let failure = Failure::new(format!("there is no node group {wanted} in {}", place.region));
    let near_by = match wanted.cluster() {
        // Typos are more often in the longer name.
        Some(cluster) => format!("{cluster}/*").parse().ok(),
        None => None,
    };
    let of_cluster = list(place, near_by.as_slice()).await.map(|listed| listed.names).unwrap_or_default();
    let names = match of_cluster.is_empty() {
        true => list(place, &[]).await.map(|listed| listed.names).unwrap_or_default(),
        false => of_cluster,
    };
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    failure.did_you_mean(&nearest(&wanted.to_string(), names.iter().map(String::as_str)), &place.options)
}

/// What these node groups would get with the settings of the environment if they opted in, with explanations of those that are
/// to be explained.
///
/// # Errors
/// When the settings are invalid.
pub async fn if_opted_in(
    place: &Place,
    described: Vec<Described>,
    explain: Vec<NodegroupName>,
) -> Result<StartAnswer, Failure> {
    if described.is_empty() {
        return Ok(StartAnswer::default());
    }
    let config = StartConfig::without_table(&process_environment).map_err(Failure::usage)?;
    let (mut nodegroups, mut unreadable, mut owners) = (Vec::new(), Vec::new(), BTreeMap::new());
    for Described { name, description } in described {
        let opted_in = description.map_err(|failure| failure.message).and_then(|mut description| {
            let mut tags: HashMap<String, String> = description.tags.take().unwrap_or_default();
            owners.extend(Owner::of(&tags).map(|owner| (name.to_string(), owner.name().to_owned())));
            tags.insert(OPT_IN_TAG.to_owned(), "auto".to_owned());
            description.tags = Some(tags);
            Nodegroup::from_description(&description, &config.settings.defaults).map_err(|error| error.to_string())
        });
        match opted_in {
            Ok(nodegroup) => nodegroups.push(nodegroup),
            Err(reason) => unreadable.push(unreadable_line(&name, reason)),
        }
    }
    let clients = StartClients { eks: place.eks.clone(), ..StartClients::new(&place.configuration) };
    let summary = preview(&clients, &config, nodegroups, explain, here()).await;
    let summary = serde_json::to_value(summary).map_err(|error| Failure::new(error.to_string()))?;
    let mut answer: StartAnswer = read(summary)?;
    place.say_throttled(answer.throttled);
    answer.decisions.extend(unreadable);
    for line in &mut answer.decisions {
        line.opted_in = false;
        line.owner = owners.remove(&line.nodegroup);
    }
    answer.decisions.sort_by(|one, other| one.nodegroup.cmp(&other.nodegroup));
    Ok(answer)
}

fn unreadable_line(name: &NodegroupName, reason: String) -> DecisionLine {
    let decision = DecisionKind::Skip(ReasonKind::Unreadable);
    DecisionLine { opted_in: false, ..DecisionLine::new(name.to_string(), decision, Attention::NeedsYou, reason) }
}

/// A run of this process.
#[expect(clippy::disallowed_methods, reason = "the edge: here the clock is read, once a run")]
pub fn here() -> Run<'static> {
    Run::new("here", Timestamp::now(), crate::aws::stack::LONGEST_RUN)
}
