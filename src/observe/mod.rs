//! Every read of AWS. The result is a value of [`model`](crate::model), also if something cannot be read.

pub mod calendars;
pub mod controls;
pub mod external;
mod narrow;
pub mod nodegroups;
pub mod releases;
pub mod support;
pub mod update_history;
pub mod updates;

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, stream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use self::controls::Controls;
use self::external::ExternalUpdates;
use self::nodegroups::{Page, Tagged};
use crate::aws::StartClients;
use crate::config::StartConfig;
use crate::model::decision::reason::Freeze;
use crate::model::id::{FleetId, ItemKey, NodegroupId, TrackId};
use crate::model::notice::support::Supports;
use crate::model::observed::fleet::{Discovered, Fleet, NodegroupState};
use crate::model::observed::releases::Recommendations;
use crate::model::problem::{Problem, ProblemCode, Unreadable};
use crate::model::record::set::RecordSet;
use crate::model::release::track::TrackKey;
use crate::model::rules::Rules;
use crate::model::settings::Settings;
use crate::run::Run;
use crate::store::RecordStore;

/// The clients and the time of a run's reads.
#[derive(Clone, Copy, Debug)]
pub struct Observer<'a> {
    /// The clients of AWS.
    pub clients: &'a StartClients,
    /// The table.
    pub store: &'a RecordStore<'a>,
    /// The run.
    pub run: Run<'a>,
}

/// The first observations of a run.
#[derive(Debug)]
pub struct Found {
    /// The settings, including those of the document.
    pub config: StartConfig,
    /// The controls, which people set without a deployment.
    pub controls: Controls,
    /// The fleet.
    pub fleet: Fleet,
}

impl Observer<'_> {
    /// Reads the settings, and the fleet: its node groups, the clusters they follow, the records, and how long AWS supports
    /// Kubernetes versions. A run that covers the whole fleet also reads which node groups had opted in and no longer have the
    /// tag. Independent calls run concurrently.
    ///
    /// # Errors
    /// When the settings or the tag index cannot be read. Other read errors are part of the result.
    pub async fn fleet(self, config: &StartConfig, whole: bool) -> anyhow::Result<Found> {
        let Self { clients: StartClients { eks, ssm, tagging, .. }, store, run } = self;
        let (found, pages) = unbounded_channel();
        let recorded = async {
            let tagged = nodegroups::tagged(tagging, found).await?;
            let fleet_key = tagged.ids.first().map(|id| ItemKey::Fleet(self.fleet_of(id)));
            let keys = tagged.ids.iter().cloned().map(ItemKey::Nodegroup);
            // If there are more pages, it was read after the first.
            let records = store.load(keys.chain(fleet_key.filter(|_| tagged.pages == 1))).await;
            anyhow::Ok((tagged, records))
        };
        // A node group's rules need its tags and the settings, which arrive at about the same time as the first page.
        let described = async {
            let (config, controls) = controls::settings_and_controls(ssm, config).await?;
            let (fleet_record, nodegroups) = self.described(pages, &config.settings.defaults).await;
            anyhow::Ok((config, controls, fleet_record, nodegroups))
        };
        let opted_in = async { if whole { store.opted_in().await } else { Ok(BTreeSet::new()) } };
        let (recorded, described, supports, opted_in) =
            futures_util::join!(recorded, described, support::supports(eks), opted_in);
        let (config, controls, fleet_record, mut nodegroups) = described?;
        let (Tagged { ids, invalid_arns, .. }, mut records) = recorded?;
        records.extend(fleet_record);
        let not_reached = nodegroups.iter().find(|discovered| discovered.state == NodegroupState::NotReached);
        let next_nodegroup = not_reached.map(|discovered| discovered.id.clone());
        nodegroups.sort_by(|one, other| one.id.cmp(&other.id));
        let invalid_arns = invalid_arns.into_iter().collect();
        let freeze = controls.freeze.clone();
        let id = nodegroups.first().map(|discovered| self.fleet_of(&discovered.id));
        let mut fleet = Fleet { id, nodegroups, next_nodegroup, invalid_arns, records, freeze, ..Fleet::default() };
        note_supports(&mut fleet, supports);
        let opted_in = opted_in.unwrap_or_else(|error| {
            fleet.errors.push(Problem::of_run(
                ProblemCode::Unreadable,
                format!(
                    "reading the opted-in node groups: \
                                                                                {error}"
                ),
            ));
            BTreeSet::new()
        });
        let opted_in = opted_in.iter().filter_map(|arn| NodegroupId::from_arn(arn));
        let missing: Vec<NodegroupId> = opted_in.filter(|id| !ids.contains(id)).collect();
        if !missing.is_empty() {
            let keys = missing.iter().cloned().map(ItemKey::Nodegroup);
            let missing = stream::iter(missing.iter().cloned());
            let (records, missing) = futures_util::join!(
                store.load(keys),
                nodegroups::describe(eks, missing, &config.settings.defaults, run.last_read),
            );
            fleet.records.extend(records);
            fleet.missing = missing;
        }
        fleet.clusters = nodegroups::followed_clusters(eks, &fleet.nodegroups).await;
        let is_new = |discovered: &Discovered| fleet.records.nodegroup(&discovered.id) == Ok(None);
        let all_new = !fleet.nodegroups.is_empty() && fleet.nodegroups.iter().all(is_new);
        fleet.table_empty = whole && all_new && fleet.missing.is_empty() && fleet.record() == Ok(None);
        Ok(Found { config, controls, fleet })
    }

    /// The fleet that the function manages; if its account and region are unknown, the fleet of a node group.
    fn fleet_of(self, nodegroup: &NodegroupId) -> FleetId {
        self.run.scope.fleet().unwrap_or_else(|| FleetId::of(nodegroup))
    }

    /// Describes the node groups of these pages as they arrive: first those of the first page, then those that the last run did
    /// not reach. If there is more than one page, those are in the fleet's record, which is also returned.
    async fn described(self, mut pages: UnboundedReceiver<Page>, defaults: &Rules) -> (RecordSet, Vec<Discovered>) {
        let Self { clients: StartClients { eks, .. }, store, run } = self;
        let Some(first) = pages.recv().await else { return <_>::default() };
        let mut records = RecordSet::default();
        let turns = if first.is_last {
            stream::iter(first.ids).boxed_local()
        } else {
            let id = first.ids.first().map(|id| self.fleet_of(id));
            records = store.load(id.iter().cloned().map(ItemKey::Fleet)).await;
            let record = id.and_then(|id| records.fleet(&id).ok().flatten());
            let rest = stream::unfold(pages, async |mut pages| Some((stream::iter(pages.recv().await?.ids), pages)));
            let rest = match record.and_then(|record| record.next_nodegroup.clone()) {
                Some(next) => stream::iter(turns_from(&next, rest.flatten().collect().await)).boxed_local(),
                None => rest.flatten().boxed_local(),
            };
            stream::iter(first.ids).chain(rest).boxed_local()
        };
        let nodegroups = nodegroups::describe(eks, turns, defaults, run.last_read).await;
        (records, nodegroups)
    }

    /// Reads the data that must be fresh for a plan: AWS's recommendations on these release tracks, and their records; external
    /// updates; and whether a calendar stops updates.
    pub async fn latest(
        self,
        fleet: &mut Fleet,
        tracks: BTreeSet<TrackKey>,
        settings: &Settings,
    ) -> (Recommendations, ExternalUpdates) {
        let Self { clients: StartClients { eks, ssm, .. }, store, run } = self;
        let keys = tracks.iter().filter_map(|track| Some(ItemKey::Track(TrackId::of(fleet.id.as_ref()?, track))));
        let keys: Vec<ItemKey> = keys.collect();
        let (records, recommendations, freeze, external) = futures_util::join!(
            store.load(keys.into_iter()),
            releases::recommendations(ssm, tracks),
            self.freeze(fleet.freeze.clone(), settings),
            external::external_updates(eks, fleet, run),
        );
        fleet.records.extend(records);
        fleet.freeze = freeze;
        (recommendations, external)
    }

    /// Reads the controls again.
    pub async fn controls(self, config: &StartConfig) -> Controls {
        controls::controls(&self.clients.ssm, &config.parameters).await
    }

    /// Whether updates are stopped, by the controls or by the calendars.
    pub async fn freeze(self, controls: Option<Freeze>, settings: &Settings) -> Option<Freeze> {
        match controls {
            Some(freeze) => Some(freeze),
            None => calendars::change_calendars(&self.clients.ssm, &settings.change_calendars).await,
        }
    }
}

/// Notes how long AWS supports Kubernetes versions, or that it could not be read.
fn note_supports(fleet: &mut Fleet, supports: Result<Supports, Unreadable>) {
    match supports {
        Ok(supports) => fleet.supports = supports,
        Err(error) => {
            let what = "reading the support dates of Kubernetes versions";
            fleet.errors.push(Problem::of_run(ProblemCode::Unreadable, format!("{what}: {error}")));
        }
    }
}

/// The node groups by name, starting with this one.
fn turns_from(next: &NodegroupId, nodegroups: BTreeSet<NodegroupId>) -> Vec<NodegroupId> {
    let mut before = nodegroups;
    let first = before.split_off(next);
    first.into_iter().chain(before).collect()
}
