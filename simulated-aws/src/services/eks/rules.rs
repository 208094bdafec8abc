//! The checks of `UpdateNodegroupVersion` on a request and its node group.

use super::lookup::{in_use, invalid_parameter, invalid_request};
use crate::state::State;
use crate::state::cluster::Cluster;
use crate::state::nodegroup::{Nodegroup, key};
use crate::state::quirks::{DegradedUpdate, Downgrade};
use crate::state::releases::rank;
use crate::wire::error::ApiError;

/// Health issues that EKS tolerates when it updates a node group.
const TOLERATED: [&str; 4] =
    ["AsgInstanceLaunchFailures", "InstanceLimitExceeded", "InsufficientFreeAddresses", "ClusterUnreachable"];

/// The version is the node group's own, its cluster's, or the one to which its cluster can be rolled back.
pub(super) fn check_version(
    state: &State,
    nodegroup: &Nodegroup,
    cluster: &Cluster,
    version: &str,
) -> Result<(), ApiError> {
    let of_cluster = cluster.version_for_nodegroups();
    if version == nodegroup.version || version == of_cluster || cluster.rollback_version(state.now) == Some(version) {
        return Ok(());
    }
    Err(invalid_parameter(format!(
        "Nodegroup Kubernetes version should be equal to Cluster kubernetes version {of_cluster} or NodeGroup \
         kubernetes version {}",
        nodegroup.version
    )))
}

/// Within one Kubernetes version, an older release is a downgrade.
pub(super) fn check_downgrade(
    state: &State,
    nodegroup: &Nodegroup,
    version: &str,
    release: &str,
) -> Result<(), ApiError> {
    let is_older = rank(&nodegroup.ami_type, release) < rank(&nodegroup.ami_type, &nodegroup.release);
    if is_older && version == nodegroup.version && state.quirks.downgrade == Downgrade::Refused {
        return Err(invalid_parameter(format!(
            "Requested Nodegroup release version {release} is invalid. Allowed release version is {}",
            nodegroup.release
        )));
    }
    Ok(())
}

/// For a node group with health issues, those decide; any other must be `ACTIVE`.
pub(super) fn check_condition(state: &State, nodegroup: &Nodegroup) -> Result<(), ApiError> {
    let not_active = || in_use("Nodegroup cannot be updated as it is currently not in Active State");
    let is_degraded = nodegroup.status == "DEGRADED" && !nodegroup.health.is_empty();
    if nodegroup.status != "ACTIVE" && !is_degraded {
        return Err(not_active());
    }
    if nodegroup.health.iter().any(|issue| !TOLERATED.contains(&issue.code.as_str())) {
        return Err(invalid_request(format!("Nodegroup health has issues other than [ {} ]", TOLERATED.join(", "))));
    }
    if is_degraded && state.quirks.degraded_update == DegradedUpdate::InUse {
        return Err(not_active());
    }
    Ok(())
}

/// The caller must be allowed to launch instances with the node group's launch template. EKS encodes what is missing; only AWS
/// STS can decode it.
pub(super) fn check_launch_rights(state: &State, cluster: &str, name: &str) -> Result<(), ApiError> {
    if !state.denied_launch_templates.contains(&key(cluster, name)) {
        return Ok(());
    }
    Err(invalid_request(
        "You are not authorized to launch instances with this launch template. Encoded authorization failure message: \
         c2ltdWxhdGVk",
    ))
}
