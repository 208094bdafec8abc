//! Reads all updates that a node group had before it had a record: the last one might have downgraded it, and a downgraded node
//! group stays.
//!
//! EKS lists updates in no order, so only the complete list shows which one was last.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_eks::types::{Update, UpdateParamType, UpdateStatus, UpdateType};
use futures_util::stream;
use tokio::time::Instant;

use super::updates::{NoAnswer, param, read_update, update_ids};
use crate::aws::concurrently;
use crate::aws::pace::Eks;
use crate::model::attempt::hold::{Running, StepBack};
use crate::model::id::NodegroupId;
use crate::model::nodegroup::Nodegroup;
use crate::model::observed::fleet::{Fleet, UnreadHistories};
use crate::model::problem::{UnreadHistory, Unreadable};

/// A node group's last update, if it was a downgrade; or why not all of its updates could be read.
pub type History = Result<Option<StepBack>, UnreadHistory>;

/// What an update installed, and when it was started.
type Installed = (Duration, Running);

/// Reads the update histories of these node groups until this time. Histories that an earlier run could not read completely
/// come first, with at most half of the time, so that a history which is too long for any run does not starve other node
/// groups.
pub async fn histories(
    eks: &Eks,
    fleet: &Fleet,
    unread: &UnreadHistories,
    until: Instant,
) -> Vec<(NodegroupId, History)> {
    let UnreadHistories { again, first } = unread;
    let now = Instant::now();
    let half = if first.is_empty() { until } else { now + until.saturating_duration_since(now) / 2 };
    let mut histories = read(eks, fleet, again, half).await;
    histories.extend(read(eks, fleet, first, until).await);
    histories
}

/// Reads the shortest histories first.
async fn read(eks: &Eks, fleet: &Fleet, ids: &[NodegroupId], until: Instant) -> Vec<(NodegroupId, History)> {
    let nodegroups = fleet.nodegroups.iter().filter_map(|discovered| discovered.nodegroup());
    let nodegroups: Vec<&Nodegroup> = nodegroups.filter(|nodegroup| ids.contains(&nodegroup.id)).collect();
    let list = async |nodegroup: &&Nodegroup| update_ids(eks, &nodegroup.id, Some(until)).await;
    let lists = concurrently(stream::iter(nodegroups.iter().map(list))).await;
    let mut listed: Vec<(&Nodegroup, &Vec<String>)> =
        nodegroups.iter().zip(&lists).filter_map(|(nodegroup, list)| Some((*nodegroup, list.as_ref().ok()?))).collect();
    listed.sort_by_key(|(_, list)| list.len());
    // The rest of a history is skipped once one of its updates could not be read.
    let failed: RefCell<BTreeSet<NodegroupId>> = RefCell::default();
    let describe = async |(nodegroup, update_id): (&Nodegroup, &String)| {
        if failed.borrow().contains(&nodegroup.id) {
            return (nodegroup.id.clone(), None);
        }
        let update = installed(eks, nodegroup, update_id, until).await;
        if update.is_err() {
            failed.borrow_mut().insert(nodegroup.id.clone());
        }
        (nodegroup.id.clone(), Some(update))
    };
    let updates = listed.iter().flat_map(|(nodegroup, list)| list.iter().map(|update_id| (*nodegroup, update_id)));
    let mut updates = concurrently(stream::iter(updates.map(describe))).await;
    let histories = nodegroups.iter().zip(&lists).map(|(nodegroup, list)| {
        let of_it: Vec<_> = updates.extract_if(.., |(id, _)| *id == nodegroup.id).map(|(_, update)| update).collect();
        let history = match list {
            Ok(_) => whole(nodegroup, of_it),
            Err(error) => Err(UnreadHistory { read: 0, listed: None, error: error.to_string() }),
        };
        (nodegroup.id.clone(), history)
    });
    histories.collect()
}

fn whole(nodegroup: &Nodegroup, updates: Vec<Option<Result<Option<Installed>, Unreadable>>>) -> History {
    let listed = updates.len();
    let read = updates.iter().flatten().filter(|update| update.is_ok()).count();
    let installed: Result<Vec<Option<Installed>>, Unreadable> = updates.into_iter().flatten().collect();
    let installed =
        installed.map_err(|error| UnreadHistory { read, listed: Some(listed), error: error.to_string() })?;
    let mut installed: Vec<Installed> = installed.into_iter().flatten().collect();
    installed.sort_by_key(|(at, _)| *at);
    Ok(downgrade(nodegroup, installed.into_iter().map(|(_, running)| running).collect()))
}

/// What an update installed; `None` if it did not succeed or was of another type.
async fn installed(
    eks: &Eks,
    nodegroup: &Nodegroup,
    update_id: &str,
    until: Instant,
) -> Result<Option<Installed>, Unreadable> {
    match read_update(eks, &nodegroup.id, update_id, Some(until)).await {
        Ok(update) => running_after(&update),
        // If EKS no longer has it, it is not in the next list.
        Err(NoAnswer::NotFound(error)) => Err(Unreadable(format!("{}: {}", error.error_code, error.error_message))),
        Err(NoAnswer::Unreadable(error)) => Err(error),
    }
}

/// Missing or unknown data might hide a downgrade.
fn running_after(update: &Update) -> Result<Option<Installed>, Unreadable> {
    let unreadable = |what: &str| {
        let id = update.id().unwrap_or_default();
        Unreadable(format!("EKS described the update {id} {what}"))
    };
    let status = update.status().ok_or_else(|| unreadable("without its status"))?;
    let update_type = update.r#type().ok_or_else(|| unreadable("without its type"))?;
    for (value, known) in [(status.as_str(), UpdateStatus::values()), (update_type.as_str(), UpdateType::values())] {
        if !known.contains(&value) {
            return Err(unreadable(&format!("as {value}, which this version does not know")));
        }
    }
    if *status != UpdateStatus::Successful || *update_type != UpdateType::VersionUpdate {
        return Ok(None);
    }
    let created_at = update.created_at().ok_or_else(|| unreadable("without its date"))?;
    let at = Duration::new(u64::try_from(created_at.secs()).unwrap_or_default(), created_at.subsec_nanos());
    let value = |kind| param(update, kind).map(str::to_owned);
    let installed = value(UpdateParamType::Version).zip(value(UpdateParamType::ReleaseVersion));
    let is_known =
        |kind: Option<&UpdateParamType>| kind.is_some_and(|kind| UpdateParamType::values().contains(&kind.as_str()));
    let all_known = !update.params().is_empty() && update.params().iter().all(|param| is_known(param.r#type()));
    if installed.is_none() && !all_known {
        return Err(unreadable("without its version and release"));
    }
    // An update to another launch template names neither.
    Ok(installed.map(|(version, release_version)| (at, Running::new(&version, &release_version))))
}

/// Whether the last update is a downgrade, and the node group still runs what it installed.
fn downgrade(nodegroup: &Nodegroup, mut installed: Vec<Running>) -> Option<StepBack> {
    let last = installed.pop()?;
    let runs = (nodegroup.kubernetes_version.as_deref()?, nodegroup.release_version.as_deref()?);
    let before = installed.pop()?;
    let is_back = last.compare(&before, &nodegroup.ami_type) == Some(std::cmp::Ordering::Less);
    (is_back && last.version == before.version && runs == (last.version.as_str(), last.release_version.as_str()))
        .then_some(StepBack { from: before, to: last })
}
