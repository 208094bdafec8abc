//! Which Kubernetes versions, and so which release tracks, matter for a node group.

use std::collections::BTreeSet;

use crate::model::decision::request::StartRequest;
use crate::model::nodegroup::Nodegroup;
use crate::model::nodegroup::policy::Policy;
use crate::model::observed::fleet::{Clusters, Discovered, Fleet};
use crate::model::problem::Unreadable;
use crate::model::release::kubernetes::KubernetesVersion;
use crate::model::release::track::TrackKey;
use crate::model::rules::{Rules, VersionPolicy};

/// The release tracks that a plan needs: those of every node group that the event selects.
#[must_use]
pub fn tracks(fleet: &Fleet, request: &StartRequest) -> BTreeSet<TrackKey> {
    let wanted = fleet.nodegroups.iter().filter(|discovered| request.includes(discovered.id.name()));
    wanted.flat_map(|discovered| tracks_of(discovered, &fleet.clusters)).collect()
}

/// The tracks of one node group: that of its own Kubernetes version, and that of its cluster's if it follows the cluster. The
/// history of the latter starts before the node group is allowed to follow.
#[must_use]
pub fn tracks_of(discovered: &Discovered, clusters: &Clusters) -> Vec<TrackKey> {
    let Some(nodegroup) = discovered.nodegroup() else { return Vec::new() };
    let Policy::OptedIn(_, rules) = &nodegroup.policy else { return Vec::new() };
    let step = version_step(nodegroup, rules, clusters).ok().flatten();
    let versions = nodegroup.kubernetes_version.iter().cloned().chain(step);
    versions.map(|version| TrackKey::new(&version, &nodegroup.ami_type)).collect()
}

/// The Kubernetes version that a node group goes to, if it follows its cluster and is behind. EKS updates a node group to its
/// cluster's version in one step. A pinned node group stays on the version of its pin.
pub(crate) fn version_step(
    nodegroup: &Nodegroup,
    rules: &Rules,
    clusters: &Clusters,
) -> Result<Option<String>, Unreadable> {
    let (VersionPolicy::FollowCluster, None, Some(own)) =
        (rules.kubernetes_version, &rules.pin, &nodegroup.kubernetes_version)
    else {
        return Ok(None);
    };
    let unreadable = |error: &str| Unreadable(format!("its cluster's version: {error}"));
    let control_plane = match clusters.get(&nodegroup.id.cluster_id()) {
        Some(Ok(version)) => *version,
        Some(Err(error)) => return Err(unreadable(&error.0)),
        None => return Err(unreadable("it was not read")),
    };
    let own: KubernetesVersion = own.parse().map_err(|error| unreadable(&format!("{error}")))?;
    Ok((own < control_plane).then(|| control_plane.to_string()))
}
