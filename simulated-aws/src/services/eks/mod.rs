//! EKS, as far as managed node groups and their updates go.
//!
//! Texts and status codes are those of AWS's API model, its documentation or users' reports. Where none of these says,
//! the wording is plain and the behaviour is one of the world's quirks.

mod json;
mod lookup;
mod read;
mod route;
mod rules;
mod start;
mod tags;
mod versions;

pub(crate) use route::route;
pub(crate) use start::{start_launch_template_update, start_update};

use crate::state::State;
use crate::wire::answer::Answer;
use crate::wire::call::{Call, text};
use crate::wire::error::ApiError;

pub(crate) fn answer(state: &mut State, call: &Call) -> Result<Answer, ApiError> {
    let input = &call.input;
    match call.operation.as_str() {
        "ListClusters" => read::list_clusters(state, input),
        "DescribeCluster" => read::describe_cluster(state, input),
        "DescribeClusterVersions" => versions::describe_cluster_versions(state, input),
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
    .map(Answer::Json)
}

pub(crate) fn resources(state: &State, call: &Call) -> Vec<String> {
    let input = &call.input;
    let cluster = text(input, "clusterName").or_else(|| text(input, "name"));
    let nodegroup = || {
        let (cluster, name) = (cluster?, text(input, "nodegroupName")?);
        let arn = state.nodegroup(cluster, name).map(|nodegroup| nodegroup.arn.clone());
        Some(arn.unwrap_or_else(|| state.arns.nodegroup(cluster, name, "00000000-0000-0000-0000-000000000000")))
    };
    let cluster_arn = || cluster.map(|cluster| state.arns.cluster(cluster));
    match call.operation.as_str() {
        "DescribeNodegroup" | "UpdateNodegroupVersion" => nodegroup().into_iter().collect(),
        "DescribeUpdate" | "ListUpdates" => cluster_arn().into_iter().chain(nodegroup()).collect(),
        "DescribeCluster" | "ListNodegroups" => cluster_arn().into_iter().collect(),
        _ => text(input, "resourceArn").map(str::to_owned).into_iter().collect(),
    }
}
