//! Every read of AWS. What is read is a value of [`model`](crate::model); what cannot be read is one, too.

pub mod external;
pub mod freeze;
pub mod nodegroups;
pub mod past;
pub mod releases;
pub mod updates;

use std::collections::BTreeSet;

use crate::aws::StartClients;
use crate::model::ami_type::TrackKey;
use crate::model::fleet::Fleet;
use crate::model::records::RecordSet;
use crate::model::releases::Recommendations;
use crate::model::settings::Settings;
use crate::model::subject::{ItemKey, TrackId};
use crate::store::RecordStore;

/// Reads the fleet: its node groups, the clusters they follow, what the table holds, and whether updates are stopped.
///
/// # Errors
/// When the tag index cannot be read. Whatever else cannot be read is said where it belongs.
pub async fn fleet(clients: &StartClients, store: &RecordStore<'_>, settings: &Settings) -> anyhow::Result<Fleet> {
    let (nodegroups, invalid_arns) = nodegroups::discover(&clients.tagging, &clients.eks, &settings.defaults).await?;
    let mut fleet = Fleet { nodegroups, invalid_arns, ..Fleet::default() };
    let nodegroups = fleet.nodegroups.iter().map(|discovered| ItemKey::Nodegroup(discovered.id.clone()));
    let keys = nodegroups.chain(fleet.id().map(ItemKey::Fleet));
    let mut records = RecordSet::default();
    (fleet.clusters, (), fleet.freeze) = futures_util::join!(
        nodegroups::followed_clusters(&clients.eks, &fleet.nodegroups),
        store.load(keys, &mut records),
        freeze::freeze(&clients.ssm, settings),
    );
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
