//! Decides what to do with each node group: pure, total, and final. A run executes the plan as it is, and a dry run prints it.

mod capacity;
pub(crate) mod eligible;
mod input;
mod quarantine;
pub(crate) mod release_rules;
pub(crate) mod rings;
mod rollback;
pub(crate) mod rules;
pub(crate) mod selected;
pub(crate) mod versions;

use std::collections::BTreeSet;

use jiff::Timestamp;

use rings::Gates;
use rules::{candidate, freeze};

use crate::model::attempt::Intent;
use crate::model::decision::reason::{Freeze, Reason};
use crate::model::decision::{Decision, Planned, Target};
use crate::model::id::{NodegroupName, Subject};
use crate::model::observed::fleet::{Discovered, UnreadHistories};
use crate::model::problem::Unreadable;
use crate::model::record::set::RecordSet;

pub use capacity::Capacity;
pub use input::PlanInput;
pub use quarantine::quarantines_due;
pub use rings::proofs;
pub use versions::{tracks, tracks_of};

/// Everything that a run will do.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// One decision for each discovered node group, by name, and for every other one that the event names.
    pub decisions: Vec<Planned>,
    /// The indexes of the decisions that start an update, or can start one, in that order: the node group that has waited
    /// longest goes first.
    pub order: Vec<usize>,
    /// The capacity that is left after all planned starts.
    pub capacity: Capacity,
    /// Why no update is allowed to start anywhere, if updates are stopped.
    pub freeze: Option<Freeze>,
}

/// Decides for every discovered node group, and for every other one that the event names.
#[must_use]
pub fn plan(input: &PlanInput<'_>) -> Plan {
    let mut gates = Gates::default();
    let decide = |discovered: &Discovered| Planned {
        target: Target::Nodegroup(discovered.id.clone()),
        decision: candidate(input, &mut gates, discovered).map_or_else(Decision::Skip, Decision::Start),
    };
    let mut decisions: Vec<Planned> = input.fleet.nodegroups.iter().map(decide).collect();
    // When limits apply, the node group that has waited longest goes first; in name order, some would never have a turn. A
    // requested rollback is recent, and goes before all.
    let mut order: Vec<(bool, Option<Timestamp>, usize)> = Vec::new();
    for (index, (discovered, planned)) in input.fleet.nodegroups.iter().zip(&decisions).enumerate() {
        if let Decision::Start(intent) = &planned.decision {
            order.push((intent.rollback.is_none(), last_turn(input, discovered, intent), index));
        }
    }
    order.sort_unstable();
    let order: Vec<usize> = order.into_iter().map(|(_, _, index)| index).collect();
    let mut capacity = Capacity::new(input);
    for index in &order {
        let (Some(discovered), Some(planned)) = (input.fleet.nodegroups.get(*index), decisions.get_mut(*index)) else {
            continue;
        };
        if let (Err(limit), Decision::Start(intent)) = (capacity.reserve(&discovered.id), &planned.decision) {
            planned.decision = Decision::Next(intent.clone(), limit);
        }
    }
    decisions.extend(invalid_entries(input));
    decisions.extend(not_found(input));
    Plan { decisions, order, capacity, freeze: freeze(input) }
}

impl Plan {
    /// The node groups whose update history has to be read before they start, among those that this run could start.
    #[must_use]
    pub fn unread_histories(&self, records: &RecordSet) -> UnreadHistories {
        let mut unread = UnreadHistories::default();
        for (turn, planned) in self.order.iter().filter_map(|index| self.decisions.get(*index)).enumerate() {
            let (Target::Nodegroup(id), Some(intent)) = (&planned.target, planned.decision.intent()) else { continue };
            let Ok(record) = records.nodegroup(id) else { continue };
            if intent.rollback.is_some() || record.is_some_and(|record| record.knows_update_history()) {
                continue;
            }
            if record.is_some_and(|record| record.misses_update_history()) {
                unread.again.push(id.clone());
            } else if turn < self.capacity.most_calls() {
                unread.first.push(id.clone());
            }
        }
        unread
    }
}

/// When a node group last had its turn: it was updated, or EKS refused its update or its release for another node group.
/// Without the refusals, a node group that keeps failing would always go first.
fn last_turn(input: &PlanInput<'_>, discovered: &Discovered, intent: &Intent) -> Option<Timestamp> {
    let record = input.fleet.records.nodegroup(&discovered.id).ok().flatten();
    let release = input.releases.named(&intent.track(), &intent.release_version);
    let failures = record.into_iter().flat_map(|record| record.failures(&intent.version, &intent.release_version));
    let turns = [
        record.and_then(|record| record.last_success()),
        record.and_then(|record| record.back_off()).map(|back_off| back_off.last),
        release.and_then(|release| release.refusal.as_ref()).map(|refusal| refusal.last),
    ];
    failures.filter_map(|failure| failure.ended_at).chain(turns.into_iter().flatten()).max()
}

/// The entries of the tag index that do not name a node group.
fn invalid_entries(input: &PlanInput<'_>) -> impl Iterator<Item = Planned> {
    input.fleet.invalid_arns.iter().map(|arn| {
        let error = format!("the tag index lists it as {arn:?}, which is not a node group's ARN");
        let unreadable = Reason::Unreadable(Unreadable(error));
        let decision = Decision::Skip(if input.request.includes_all() { unreadable } else { Reason::Excluded });
        Planned { target: Target::Other(Subject::Entry(arn.clone())), decision }
    })
}

/// The node groups that the event names but that do not have the tag.
fn not_found(input: &PlanInput<'_>) -> impl Iterator<Item = Planned> {
    let known: BTreeSet<&NodegroupName> =
        input.fleet.nodegroups.iter().map(|discovered| discovered.id.name()).collect();
    let named = input.request.nodegroups.iter().chain(&input.request.retry).chain(&input.request.explain);
    let named: BTreeSet<&NodegroupName> = named.collect();
    let missing: Vec<&NodegroupName> = named.difference(&known).copied().collect();
    let undescribed = |name| input.fleet.narrow.as_ref()?.undescribed.get(name);
    missing.into_iter().map(move |name| Planned {
        target: Target::Other(Subject::Nodegroup(name.clone())),
        decision: Decision::Skip(undescribed(name).cloned().unwrap_or(Reason::NotFound)),
    })
}
