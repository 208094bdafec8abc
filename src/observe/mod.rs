//! Every read of AWS. What is read is a value of [`model`](crate::model); what cannot be read is one, too.

pub mod external;
pub mod freeze;
pub mod nodegroups;
pub mod past;
pub mod releases;
pub mod support;
pub mod updates;

use std::collections::BTreeSet;

use self::external::ExternalUpdates;
use self::nodegroups::Tagged;
use crate::aws::StartClients;
use crate::model::ami_type::TrackKey;
use crate::model::fleet::{Discovered, Fleet, NodegroupState};
use crate::model::problem::Problem;
use crate::model::releases::Recommendations;
use crate::model::settings::Settings;
use crate::model::subject::{FleetId, ItemKey, NodegroupId, TrackId};
use crate::run::Run;
use crate::store::RecordStore;

/// So many node groups are read within a run however few calls AWS takes.
const SURELY_REACHED: usize = 300;

/// What a run reads, and by which settings and at what time.
#[derive(Clone, Copy, Debug)]
pub struct Observer<'a> {
    /// The clients of AWS.
    pub clients: &'a StartClients,
    /// The table.
    pub store: &'a RecordStore<'a>,
    /// The settings.
    pub settings: &'a Settings,
    /// The run.
    pub run: Run<'a>,
}

impl Observer<'_> {
    /// Reads the fleet: its node groups, the clusters they follow, what the table holds, and how long AWS supports Kubernetes
    /// versions. A run that looks at the whole fleet also reads what had opted in and is not among the tagged node groups any
    /// more. What does not depend on another answer is asked at the same time.
    ///
    /// # Errors
    /// When the tag index cannot be read. Whatever else cannot be read is said where it belongs.
    pub async fn fleet(self, whole: bool) -> anyhow::Result<Fleet> {
        let Self { clients: StartClients { eks, tagging, .. }, store, settings, run } = self;
        let opted_in = async { if whole { store.opted_in().await } else { Ok(BTreeSet::new()) } };
        let (tagged, supports, opted_in) =
            futures_util::join!(nodegroups::tagged(tagging), support::supports(eks), opted_in);
        let Tagged { ids, invalid_arns } = tagged?;
        let mut fleet = Fleet { invalid_arns, ..Fleet::default() };
        match supports {
            Ok(supports) => fleet.supports = supports,
            Err(error) => {
                let what = "reading how long AWS supports Kubernetes versions";
                fleet.errors.push(Problem::of_run(format!("{what}: {error}")));
            }
        }
        let opted_in = opted_in.unwrap_or_else(|error| {
            fleet.errors.push(Problem::of_run(format!("reading what had opted in: {error}")));
            BTreeSet::new()
        });
        let opted_in = opted_in.iter().filter_map(|arn| NodegroupId::from_arn(arn));
        let missing: BTreeSet<NodegroupId> = opted_in.filter(|id| !ids.contains(id)).collect();
        let mut fleet_key = ids.first().map(|id| ItemKey::Fleet(FleetId::of(id)));
        if ids.len() > SURELY_REACHED {
            // It says where the last run stopped.
            fleet.records = store.load(fleet_key.take().into_iter()).await;
        }
        let keys: Vec<ItemKey> = ids.iter().chain(&missing).cloned().map(ItemKey::Nodegroup).chain(fleet_key).collect();
        let turns = fleet.in_turn(ids);
        let (records, mut nodegroups, missing) = futures_util::join!(
            store.load(keys.into_iter()),
            nodegroups::describe(eks, turns, &settings.defaults, run.last_read),
            nodegroups::describe(eks, missing.iter().cloned(), &settings.defaults, run.last_read),
        );
        fleet.records.extend(records);
        let not_reached = nodegroups.iter().find(|discovered| discovered.state == NodegroupState::NotReached);
        fleet.next_nodegroup = not_reached.map(|discovered| discovered.id.clone());
        nodegroups.sort_by(|one, other| one.id.cmp(&other.id));
        (fleet.nodegroups, fleet.missing) = (nodegroups, missing);
        fleet.clusters = nodegroups::followed_clusters(eks, &fleet.nodegroups).await;
        let is_new = |discovered: &Discovered| fleet.records.nodegroup(&discovered.id) == Ok(None);
        let all_new = !fleet.nodegroups.is_empty() && fleet.nodegroups.iter().all(is_new);
        fleet.table_empty = whole && all_new && fleet.missing.is_empty() && fleet.records.fleet() == Ok(None);
        Ok(fleet)
    }

    /// Reads what a plan must not be late with: what AWS recommends on these release tracks, and what the table holds of
    /// them; external updates; and whether updates are stopped.
    pub async fn latest(self, fleet: &mut Fleet, tracks: BTreeSet<TrackKey>) -> (Recommendations, ExternalUpdates) {
        let Self { clients: StartClients { eks, ssm, .. }, store, settings, run } = self;
        let id = fleet.id();
        let keys = tracks.iter().filter_map(|track| Some(ItemKey::Track(TrackId::of(id.as_ref()?, track))));
        let keys: Vec<ItemKey> = keys.collect();
        let (records, recommendations, freeze, external) = futures_util::join!(
            store.load(keys.into_iter()),
            releases::recommendations(ssm, tracks),
            freeze::freeze(ssm, settings),
            external::external_updates(eks, fleet, run.now),
        );
        fleet.records.extend(records);
        fleet.freeze = freeze;
        (recommendations, external)
    }
}
