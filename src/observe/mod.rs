//! Every read of AWS. What is read is a value of [`model`](crate::model); what cannot be read is one, too.

pub mod external;
pub mod freeze;
pub mod nodegroups;
pub mod past;
pub mod releases;
pub mod support;
pub mod updates;

use std::collections::BTreeSet;

use crate::aws::StartClients;
use crate::model::ami_type::TrackKey;
use crate::model::fleet::{Discovered, Fleet};
use crate::model::problem::Problem;
use crate::model::records::RecordSet;
use crate::model::releases::Recommendations;
use crate::model::settings::Settings;
use crate::model::subject::{ItemKey, NodegroupId, TrackId};
use crate::store::RecordStore;

/// Reads the fleet: its node groups, the clusters they follow, what the table holds, how long AWS supports Kubernetes
/// versions, and whether updates are stopped. A run that looks at the whole fleet also reads what had opted in and is not among
/// the tagged node groups any more.
///
/// # Errors
/// When the tag index cannot be read. Whatever else cannot be read is said where it belongs.
pub async fn fleet(
    clients: &StartClients,
    store: &RecordStore<'_>,
    settings: &Settings,
    whole: bool,
) -> anyhow::Result<Fleet> {
    let (nodegroups, invalid_arns) = nodegroups::discover(&clients.tagging, &clients.eks, &settings.defaults).await?;
    let mut fleet = Fleet { nodegroups, invalid_arns, ..Fleet::default() };
    let nodegroups = fleet.nodegroups.iter().map(|discovered| ItemKey::Nodegroup(discovered.id.clone()));
    let keys = nodegroups.chain(fleet.id().map(ItemKey::Fleet));
    let mut records = RecordSet::default();
    let ((), clusters, freeze, supports, opted_in) = futures_util::join!(
        store.load(keys, &mut records),
        nodegroups::followed_clusters(&clients.eks, &fleet.nodegroups),
        freeze::freeze(&clients.ssm, settings),
        support::supports(&clients.eks),
        async { if whole { store.opted_in().await } else { Ok(BTreeSet::new()) } },
    );
    (fleet.clusters, fleet.freeze) = (clusters, freeze);
    match supports {
        Ok(supports) => fleet.supports = supports,
        Err(error) => {
            let what = "reading how long AWS supports Kubernetes versions";
            fleet.errors.push(Problem::of_run(format!("{what}: {error}")));
        }
    }
    let known: BTreeSet<&str> = fleet.nodegroups.iter().map(|discovered| discovered.id.arn()).collect();
    let missing = match opted_in {
        Ok(arns) => arns
            .iter()
            .filter(|arn| !known.contains(arn.as_str()))
            .filter_map(|arn| NodegroupId::from_arn(arn))
            .collect(),
        Err(error) => {
            fleet.errors.push(Problem::of_run(format!("reading what had opted in: {error}")));
            Vec::new()
        }
    };
    if !missing.is_empty() {
        let keys = missing.iter().cloned().map(ItemKey::Nodegroup);
        store.load(keys, &mut records).await;
        fleet.missing = nodegroups::describe(&clients.eks, missing, &settings.defaults).await;
    }
    let is_new = |discovered: &Discovered| records.nodegroup(&discovered.id) == Ok(None);
    let all_new = !fleet.nodegroups.is_empty() && fleet.nodegroups.iter().all(is_new);
    fleet.table_empty = whole && all_new && fleet.missing.is_empty() && records.fleet() == Ok(None);
    fleet.records = records;
    Ok(fleet)
}

/// Reads what AWS recommends on these release tracks, and adds what the table holds of them.
pub async fn recommendations(
    clients: &StartClients,
    store: &RecordStore<'_>,
    fleet: &mut Fleet,
    tracks: BTreeSet<TrackKey>,
) -> Recommendations {
    let id = fleet.id();
    let keys = tracks.iter().flat_map(|track| id.as_ref().map(|id| ItemKey::Track(TrackId::of(id, track))));
    let keys: Vec<ItemKey> = keys.collect();
    let load = store.load(keys.into_iter(), &mut fleet.records);
    let ((), recommendations) = futures_util::join!(load, releases::recommendations(&clients.ssm, tracks));
    recommendations
}
