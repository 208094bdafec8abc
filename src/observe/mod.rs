//! Every read of AWS. What is read is a value of [`model`](crate::model); what cannot be read is one, too.

pub mod external;
pub mod freeze;
pub mod nodegroups;
pub mod releases;
pub mod updates;

use crate::aws::StartClients;
use crate::model::fleet::Fleet;
use crate::model::settings::Settings;
use crate::store::RecordStore;

/// Reads the fleet: its node groups, the clusters they follow, what the table holds, and whether updates are stopped.
///
/// # Errors
/// When the tag index cannot be read. Whatever else cannot be read is said where it belongs.
pub async fn fleet(clients: &StartClients, store: &RecordStore<'_>, settings: &Settings) -> anyhow::Result<Fleet> {
    let (nodegroups, invalid_arns) = nodegroups::discover(&clients.tagging, &clients.eks, &settings.defaults).await?;
    let mut fleet = Fleet { nodegroups, invalid_arns, ..Fleet::default() };
    let ids = fleet.nodegroups.iter().map(|discovered| &discovered.id);
    (fleet.clusters, fleet.records, fleet.freeze) = futures_util::join!(
        nodegroups::followed_clusters(&clients.eks, &fleet.nodegroups),
        store.load(ids, fleet.id()),
        freeze::freeze(&clients.ssm, settings),
    );
    Ok(fleet)
}
