//! The changes that come of reconciling.

use std::collections::{BTreeMap, BTreeSet};

use super::changes::{FleetChange, NodegroupChange, TrackChange};
use crate::model::decision::{Decision, Planned, Target};
use crate::model::id::{FleetId, NodegroupId, TrackId};
use crate::model::problem::{Problem, Unreadable};
use crate::plan::Plan;

/// What reconciling comes to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reconciled {
    /// The changes of node groups' records.
    pub nodegroups: BTreeMap<NodegroupId, Vec<NodegroupChange>>,
    /// The changes of release tracks' records.
    pub tracks: BTreeMap<TrackId, Vec<TrackChange>>,
    /// The changes of the fleet's record.
    pub fleet: Option<(FleetId, Vec<FleetChange>)>,
    /// Node groups on whose records nothing may be built in this run, and why.
    pub unreadable: Vec<(NodegroupId, Unreadable)>,
    /// What was asked for and cannot be done.
    pub errors: Vec<Problem>,
}

/// What has to be written of node groups, by node group.
pub type Bookkeeping = BTreeMap<NodegroupId, Vec<NodegroupChange>>;

impl Reconciled {
    /// Takes the changes of those node groups that may start: they are written with their intents, so that nothing comes between
    /// the record by which an update was planned and the intent.
    #[must_use]
    pub fn take_of_starts(&mut self, plan: &Plan) -> Bookkeeping {
        let may_start = |planned: &Planned| match (&planned.target, &planned.decision) {
            (Target::Nodegroup(id), Decision::Start(_) | Decision::Next(..)) => Some(id.clone()),
            _ => None,
        };
        let starts: BTreeSet<NodegroupId> = plan.decisions.iter().filter_map(may_start).collect();
        self.nodegroups.extract_if(.., |id, _| starts.contains(id)).collect()
    }

    /// Adds a change of a node group's record.
    pub fn change(&mut self, id: &NodegroupId, change: NodegroupChange) {
        self.nodegroups.entry(id.clone()).or_default().push(change);
    }

    /// Adds a change of a release track's record.
    pub fn change_track(&mut self, id: &TrackId, change: TrackChange) {
        self.tracks.entry(id.clone()).or_default().push(change);
    }

    /// Adds a change of the fleet's record.
    pub fn change_fleet(&mut self, id: &FleetId, change: FleetChange) {
        self.fleet.get_or_insert_with(|| (id.clone(), Vec::new())).1.push(change);
    }
}
