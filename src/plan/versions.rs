//! Which Kubernetes versions, and so which release tracks, matter for a node group.

use std::collections::BTreeSet;

use crate::model::decision::request::StartRequest;
use crate::model::id::NodegroupId;
use crate::model::nodegroup::Nodegroup;
use crate::model::nodegroup::policy::Policy;
use crate::model::observed::fleet::{Clusters, Discovered, Fleet};
use crate::model::problem::Unreadable;
use crate::model::release::kubernetes::KubernetesVersion;
use crate::model::release::track::TrackKey;
use crate::model::rules::{Rules, VersionPolicy};

/// The release tracks that a plan needs: those of every node group that is planned; and that of a node group to be explained
/// alone, so that it is known how far it is behind, whatever its tags.
#[must_use]
pub fn tracks(fleet: &Fleet, request: &StartRequest) -> BTreeSet<TrackKey> {
    let is_wanted = |id: &NodegroupId| request.includes(id.name()) && fleet.plans(id);
    let wanted = fleet.nodegroups.iter().filter(|discovered| is_wanted(&discovered.id));
    let of_planned = wanted.flat_map(|discovered| tracks_of(discovered, &fleet.clusters));
    let explained = fleet.nodegroups.iter().filter_map(Discovered::nodegroup);
    let explained = explained.filter(|it| fleet.narrow.is_some() && request.explain.contains(it.id.name()));
    let own = |nodegroup: &Nodegroup| Some(TrackKey::new(nodegroup.kubernetes_version.as_ref()?, &nodegroup.ami_type));
    of_planned.chain(explained.filter_map(own)).collect()
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
