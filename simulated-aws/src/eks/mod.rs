//! EKS, as far as managed node groups and their updates go.
//!
//! Texts and status codes are those that AWS's API model, its documentation or users' reports show. Where nobody
//! could say, the wording is plain and the behaviour is a switch of the world.

mod read;
mod route;
mod start;
mod tags;
mod wire;

use serde_json::Value;

pub(crate) use route::parse;
pub(crate) use wire::epoch_seconds;

use crate::request::{Call, text};
use crate::world::State;
use crate::{ACCOUNT, ApiError, Nodegroup, REGION};

pub(crate) fn answer(state: &mut State, call: &Call) -> Result<Value, ApiError> {
    let input = &call.input;
    match call.operation.as_str() {
        "ListClusters" => read::list_clusters(state, input),
        "DescribeCluster" => read::describe_cluster(state, input),
        "ListNodegroups" => read::list_nodegroups(state, input),
        "DescribeNodegroup" => read::describe_nodegroup(state, input),
        "ListUpdates" => read::list_updates(state, input),
        "DescribeUpdate" => read::describe_update(state, input),
        "UpdateNodegroupVersion" => start::update_nodegroup_version(state, input),
        "TagResource" => tags::tag_resource(state, input),
        "UntagResource" => tags::untag_resource(state, input),
        "ListTagsForResource" => tags::list_tags(state, input),
        _ => Err(call.unknown()),
    }
}

/// The ARNs that IAM checks for an operation.
pub(crate) fn resources(state: &State, operation: &str, input: &Value) -> Vec<String> {
    let cluster = text(input, "clusterName").or_else(|| text(input, "name"));
    let nodegroup = || {
        let (cluster, name) = (cluster?, text(input, "nodegroupName")?);
        let arn = state.nodegroup(cluster, name).map(|nodegroup| nodegroup.arn.clone());
        Some(arn.unwrap_or_else(|| nodegroup_arn(cluster, name, "00000000-0000-0000-0000-000000000000")))
    };
    let cluster_arn = || cluster.map(cluster_arn);
    let arns: Vec<String> = match operation {
        "DescribeNodegroup" | "UpdateNodegroupVersion" => nodegroup().into_iter().collect(),
        "DescribeUpdate" | "ListUpdates" => cluster_arn().into_iter().chain(nodegroup()).collect(),
        "DescribeCluster" | "ListNodegroups" => cluster_arn().into_iter().collect(),
        _ => text(input, "resourceArn").map(str::to_owned).into_iter().collect(),
    };
    if arns.is_empty() { vec!["*".to_owned()] } else { arns }
}

pub(crate) fn cluster_arn(name: &str) -> String {
    format!("arn:aws:eks:{REGION}:{ACCOUNT}:cluster/{name}")
}

pub(crate) fn nodegroup_arn(cluster: &str, name: &str, id: &str) -> String {
    format!("arn:aws:eks:{REGION}:{ACCOUNT}:nodegroup/{cluster}/{name}/{id}")
}

/// The node group that a request names, or the error that EKS answers.
fn find<'a>(state: &'a State, cluster: &str, name: &str) -> Result<&'a Nodegroup, ApiError> {
    find_cluster(state, cluster)?;
    state.nodegroup(cluster, name).ok_or_else(|| {
        ApiError::new(404, "ResourceNotFoundException", format!("No node group found for name: {name}."))
            .member("clusterName", cluster)
            .member("nodegroupName", name)
    })
}

fn find_cluster<'a>(state: &'a State, name: &str) -> Result<&'a crate::world::Cluster, ApiError> {
    state.clusters.get(name).ok_or_else(|| {
        ApiError::new(404, "ResourceNotFoundException", format!("No cluster found for name: {name}."))
            .member("clusterName", name)
    })
}

fn invalid_parameter(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "InvalidParameterException", message)
}
