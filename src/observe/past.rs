//! Reads the updates that a node group had before it had a record: the last one may have taken it back, and what was lowered
//! stays.

use aws_sdk_eks::types::{Update, UpdateParamType, UpdateStatus, UpdateType};
use futures_util::{StreamExt, stream};

use super::updates::{NoAnswer, param, read_update, update_ids};
use crate::aws::CONCURRENCY;
use crate::aws::pace::Eks;
use crate::model::fleet::Fleet;
use crate::model::hold::{Running, StepBack};
use crate::model::nodegroup::Nodegroup;
use crate::model::problem::Unreadable;
use crate::model::subject::NodegroupId;

/// Updates that are read of a node group: the newest are what matters, but EKS promises no order of its list, so some of
/// either end.
const UPDATES: usize = 10;

/// What a node group ran, and the older release that its last update took it back to, if it did.
pub type Past = Result<Option<StepBack>, Unreadable>;

/// Reads the past of these node groups.
pub async fn pasts(eks: &Eks, fleet: &Fleet, ids: Vec<NodegroupId>) -> Vec<(NodegroupId, Past)> {
    let nodegroups = fleet.nodegroups.iter().filter_map(|discovered| discovered.nodegroup());
    let unread = nodegroups.filter(|nodegroup| ids.contains(&nodegroup.id)).cloned();
    let read = unread.map(|nodegroup| async move {
        let past = past(eks, &nodegroup).await;
        (nodegroup.id, past)
    });
    stream::iter(read).buffer_unordered(CONCURRENCY).collect().await
}

async fn past(eks: &Eks, nodegroup: &Nodegroup) -> Past {
    let unreadable = |error: String| Unreadable(format!("reading its updates: {error}"));
    let mut ids = update_ids(eks, &nodegroup.id).await.map_err(|error| unreadable(error.to_string()))?;
    let surplus = ids.len().saturating_sub(UPDATES);
    let half = ids.len().min(UPDATES) / 2;
    ids.drain(half..half + surplus);
    let mut brought: Vec<(i64, Running)> = Vec::new();
    for id in ids {
        match read_update(eks, &nodegroup.id, &id).await {
            Ok(update) => brought.extend(what_it_brought(&update)),
            Err(NoAnswer::NotFound(_)) => {}
            Err(NoAnswer::Unreadable(error)) => return Err(unreadable(error.to_string())),
        }
    }
    brought.sort_by_key(|(at, _)| *at);
    Ok(lowered(nodegroup, brought.into_iter().map(|(_, running)| running).collect()))
}

/// What a successful update of version or release brought, and when it was started.
fn what_it_brought(update: &Update) -> Option<(i64, Running)> {
    let is_one =
        update.status() == Some(&UpdateStatus::Successful) && update.r#type() == Some(&UpdateType::VersionUpdate);
    let param = |kind| param(update, kind).map(str::to_owned);
    let running =
        Running { version: param(UpdateParamType::Version)?, release_version: param(UpdateParamType::ReleaseVersion)? };
    is_one.then_some((update.created_at()?.secs(), running))
}

/// Whether the last update is a step back, and what runs still is what it brought.
fn lowered(nodegroup: &Nodegroup, mut brought: Vec<Running>) -> Option<StepBack> {
    let last = brought.pop()?;
    let runs = (nodegroup.kubernetes_version.as_deref()?, nodegroup.release_version.as_deref()?);
    let before = brought.pop()?;
    let is_back = last.compare(&before, &nodegroup.ami_type) == Some(std::cmp::Ordering::Less);
    (is_back && last.version == before.version && runs == (last.version.as_str(), last.release_version.as_str()))
        .then_some(StepBack { from: before, to: last })
}
