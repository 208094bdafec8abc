//! Node groups that have not opted in, and their decisions if they did.

use std::collections::{BTreeSet, HashMap};

use aws_config::SdkConfig;
use aws_sdk_eks::types as eks;
use eks_nodegroup_updater::aws::endpoints::{self, Service};
use eks_nodegroup_updater::aws::{StartClients, concurrently};
use eks_nodegroup_updater::config::{StartConfig, process_environment};
use eks_nodegroup_updater::handler::preview;
use eks_nodegroup_updater::model::decision::DecisionKind;
use eks_nodegroup_updater::model::decision::reason::ReasonKind;
use eks_nodegroup_updater::model::nodegroup::Nodegroup;
use eks_nodegroup_updater::model::nodegroup::policy::OPT_IN_TAG;
use eks_nodegroup_updater::run::Run;
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use serde::Serialize;

use crate::failure::Failure;
use terminal::progress::Progress;

/// A node group that has not opted in.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// `cluster/nodegroup`.
    pub nodegroup: String,
    /// The release it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runs: Option<String>,
    /// The release it would get.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The decision it would have.
    pub decision: DecisionKind,
    /// The sentence that explains it.
    pub reason: String,
}

/// A node group as EKS describes it.
#[derive(Clone, Debug)]
pub struct Described {
    /// `cluster/nodegroup`.
    pub name: String,
    /// EKS's description, or why there is none.
    pub description: Result<eks::Nodegroup, String>,
}

/// All node groups of the region, by name.
///
/// # Errors
/// When clusters or node groups cannot be listed.
pub async fn list(configuration: &SdkConfig) -> Result<Vec<String>, Failure> {
    let eks = aws_sdk_eks::Client::new(&endpoints::of(configuration, Service::Eks));
    let clusters: Result<Vec<String>, _> = eks.list_clusters().into_paginator().items().send().collect().await;
    let clusters = clusters.map_err(|error| Failure::of_call("listing clusters", &error))?;
    let lists = stream::iter(clusters).map(|cluster| {
        let call = eks.list_nodegroups().cluster_name(&cluster).into_paginator().items().send();
        async move { (call.collect::<Result<Vec<String>, _>>().await, cluster) }
    });
    let mut names = Vec::new();
    for (nodegroups, cluster) in concurrently(lists).await {
        let doing = format!("listing the node groups of {cluster}");
        let nodegroups = nodegroups.map_err(|error| Failure::of_call(&doing, &error))?;
        names.extend(nodegroups.into_iter().map(|name| format!("{cluster}/{name}")));
    }
    names.sort();
    Ok(names)
}

/// Describes these node groups.
pub async fn describe(configuration: &SdkConfig, names: Vec<String>, progress: &Progress) -> Vec<Described> {
    let eks = aws_sdk_eks::Client::new(&endpoints::of(configuration, Service::Eks));
    let described = stream::iter(names).map(|name| {
        let (cluster, nodegroup) = name.split_once('/').unwrap_or((&name, ""));
        let call = eks.describe_nodegroup().cluster_name(cluster).nodegroup_name(nodegroup).send();
        async move {
            let answer = call.await.map_err(|error| eks_nodegroup_updater::aws::describe(&error));
            progress.advance();
            let description =
                answer.and_then(|answer| answer.nodegroup.ok_or_else(|| "EKS's answer has no node group".to_owned()));
            Described { name, description }
        }
    });
    concurrently(described).await
}

/// The node groups that are not among the known ones, and their decisions with the settings of the environment.
///
/// # Errors
/// When they cannot be listed, or the settings are invalid.
pub async fn candidates(configuration: &SdkConfig, known: &[String]) -> Result<Vec<Candidate>, Failure> {
    let known: BTreeSet<&String> = known.iter().collect();
    let names: Vec<String> = list(configuration).await?.into_iter().filter(|name| !known.contains(name)).collect();
    let progress = Progress::over(names.len(), "node groups");
    let described = describe(configuration, names, &progress).await;
    drop(progress);
    let config = StartConfig::without_table(&process_environment).map_err(Failure::usage)?;
    let (mut nodegroups, mut candidates) = (Vec::new(), Vec::new());
    for Described { name, description } in described {
        let opted_in = description.and_then(|mut description| {
            let mut tags: HashMap<String, String> = description.tags.take().unwrap_or_default();
            tags.insert(OPT_IN_TAG.to_owned(), "auto".to_owned());
            description.tags = Some(tags);
            Nodegroup::from_description(&description, &config.settings.defaults).map_err(|error| error.to_string())
        });
        match opted_in {
            Ok(nodegroup) => nodegroups.push(nodegroup),
            Err(reason) => candidates.push(Candidate {
                nodegroup: name,
                runs: None,
                target: None,
                decision: DecisionKind::Skip(ReasonKind::Unreadable),
                reason,
            }),
        }
    }
    let clients = StartClients::new(configuration);
    for (nodegroup, decision) in preview(&clients, &config, nodegroups, here()).await {
        candidates.push(Candidate {
            nodegroup: nodegroup.id.to_string(),
            target: decision.target().map(str::to_owned),
            decision: decision.kind(),
            reason: decision.to_string(),
            runs: nodegroup.release_version,
        });
    }
    candidates.sort_by(|one, other| one.nodegroup.cmp(&other.nodegroup));
    Ok(candidates)
}

/// A run of this process.
#[expect(clippy::disallowed_methods, reason = "the edge: here the clock is read, once a run")]
pub fn here() -> Run<'static> {
    Run::new("here", Timestamp::now(), crate::aws::stack::LONGEST_RUN)
}
