//! The changes that come of reconciling.

use std::collections::{BTreeMap, BTreeSet};

use super::changes::{FleetChange, NodegroupChange, TrackChange};
use crate::model::decision::{Decision, Planned, Target};
use crate::model::id::{FleetId, NodegroupId, TrackId};
use crate::model::problem::{Problem, Unreadable};
use crate::plan::Plan;

/// The result of reconciling.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reconciled {
    /// The changes of node groups' records.
    pub nodegroups: BTreeMap<NodegroupId, Vec<NodegroupChange>>,
    /// The changes of release tracks' records.
    pub tracks: BTreeMap<TrackId, Vec<TrackChange>>,
    /// The changes of the fleet's record.
    pub fleet: Option<(FleetId, Vec<FleetChange>)>,
    /// Node groups whose records must not be used in this run, and why.
    pub unreadable: Vec<(NodegroupId, Unreadable)>,
    /// Requests that cannot be carried out.
    pub errors: Vec<Problem>,
}

/// The changes to write, by node group.
pub type Bookkeeping = BTreeMap<NodegroupId, Vec<NodegroupChange>>;

impl Reconciled {
    /// Takes out the changes of node groups that can start: they are written together with the intents, so that no write comes
    /// between the record of the plan and the intent.
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
