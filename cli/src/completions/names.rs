//! The clusters and node groups of the accounts and regions that the line selects.

use std::cell::RefCell;
use std::collections::BTreeSet;

use eks_nodegroup_updater::aws::concurrently;
use futures_util::stream;

use super::in_time;
use crate::aws::account::Account;
use crate::aws::nodegroups::{all_clusters, nodegroups_of};

/// The clusters, as `CLUSTER/`; behind a cluster, its node groups.
pub fn nodegroups(account: Option<&Account>, begun: &str) -> Vec<String> {
    match begun.split_once('/') {
        None => names(account, None).into_iter().map(|cluster| format!("{cluster}/")).collect(),
        Some((cluster, _)) => {
            let nodegroups = names(account, Some(cluster)).into_iter();
            nodegroups.map(|nodegroup| format!("{cluster}/{nodegroup}")).collect()
        }
    }
}

/// The same, and behind a cluster with several node groups the pattern of them all.
pub fn patterns(account: Option<&Account>, begun: &str) -> Vec<String> {
    let mut candidates = nodegroups(account, begun);
    if let Some((cluster, _)) = begun.split_once('/')
        && candidates.len() > 1
    {
        candidates.insert(0, format!("{cluster}/*"));
    }
    candidates
}

/// The clusters, or the node groups of one, in the places that answer in time.
fn names(account: Option<&Account>, cluster: Option<&str>) -> BTreeSet<String> {
    let names = RefCell::default();
    if let Some(account) = account
        && cluster.is_none_or(is_name)
    {
        in_time(read(account, cluster, &names));
    }
    names.into_inner()
}

async fn read(account: &Account, cluster: Option<&str>, names: &RefCell<BTreeSet<String>>) {
    let Ok(all) = account.places().await else { return };
    let reads = all.places.iter().map(|place| async move {
        let listed = match cluster {
            None => all_clusters(place).await,
            Some(cluster) => nodegroups_of(place, cluster).await,
        };
        names.borrow_mut().extend(listed.into_iter().flatten().filter(|name| is_name(name)));
    });
    concurrently(stream::iter(reads)).await;
}

/// Whether EKS allows it as a name. Any other text could be more than a name to a shell.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|character| character.is_ascii_alphanumeric() || "-_".contains(character))
}
