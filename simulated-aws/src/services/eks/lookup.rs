//! The resources that a request names, or EKS's error.

use crate::state::State;
use crate::state::cluster::Cluster;
use crate::state::nodegroup::Nodegroup;
use crate::wire::error::ApiError;

pub(super) fn find<'a>(state: &'a State, cluster: &str, name: &str) -> Result<&'a Nodegroup, ApiError> {
    find_cluster(state, cluster)?;
    state.nodegroup(cluster, name).ok_or_else(|| {
        ApiError::new(404, "ResourceNotFoundException", format!("No node group found for name: {name}."))
            .member("clusterName", cluster)
            .member("nodegroupName", name)
    })
}

pub(super) fn find_cluster<'a>(state: &'a State, name: &str) -> Result<&'a Cluster, ApiError> {
    state.clusters.get(name).ok_or_else(|| {
        ApiError::new(404, "ResourceNotFoundException", format!("No cluster found for name: {name}."))
            .member("clusterName", name)
    })
}

pub(super) fn in_use(message: impl Into<String>) -> ApiError {
    ApiError::new(409, "ResourceInUseException", message)
}

pub(super) fn invalid_request(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "InvalidRequestException", message)
}

pub(super) fn invalid_parameter(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "InvalidParameterException", message)
}
