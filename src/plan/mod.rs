//! Decides what to do with each node group: pure, total, and final. What the plan says is what runs, and what a dry run
//! prints.

mod capacity;
mod eligible;
mod input;
mod quarantine;
mod rings;
mod rollback;
mod stale;
mod versions;

use std::collections::BTreeSet;

use aws_sdk_eks::types::NodegroupStatus;
use jiff::Timestamp;

use eligible::Candidate;
use rings::Gates;

use crate::model::attempt::{Intent, StartedBy};
use crate::model::decision::{Decision, Planned, Target};
use crate::model::fleet::{Discovered, NodegroupState};
use crate::model::hold::DESCRIPTION_LAGS;
use crate::model::nodegroup::Nodegroup;
use crate::model::nodegroup_record::NodegroupRecord;
use crate::model::policy::{Force, Mode, Policy, Rules};
use crate::model::problem::Unreadable;
use crate::model::reason::{Freeze, Reason};
use crate::model::records::RecordSet;
use crate::model::subject::{NodegroupId, NodegroupName, Subject};
use crate::model::window::Opening;

pub use capacity::Capacity;
pub use input::PlanInput;
pub use quarantine::quarantines_due;
pub use rings::proofs;
pub use stale::{Standing, standing};
pub use versions::{tracks, tracks_of};

/// What a run does, to the last choice.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// One decision for each node group that was discovered, by name, and for every other that the event names.
    pub decisions: Vec<Planned>,
    /// The indexes of the decisions that start an update or may, in that order: the node group whose last turn is
    /// longest ago goes first.
    pub order: Vec<usize>,
    /// What the limits leave once everything is started that is to start.
    pub capacity: Capacity,
    /// Why nothing may start anywhere, if that is so.
    pub freeze: Option<Freeze>,
}

/// Decides for every node group that was discovered, and for every one that the event names and that was not.
#[must_use]
pub fn plan(input: &PlanInput<'_>) -> Plan {
    let mut gates = Gates::default();
    let decide = |discovered| candidate(input, &mut gates, discovered).map_or_else(Decision::Skip, Decision::Start);
    let mut decisions: Vec<Decision> = input.fleet.nodegroups.iter().map(decide).collect();
    // Where the limits leave too little, the node group whose last turn is longest ago goes first; by name, some would never
    // have one. A rollback was asked for just now, and goes before all.
    let mut order: Vec<(bool, Option<Timestamp>, usize)> = Vec::new();
    for (index, (discovered, decision)) in input.fleet.nodegroups.iter().zip(&decisions).enumerate() {
        if let Decision::Start(intent) = decision {
            order.push((intent.rollback.is_none(), last_turn(input, discovered, intent), index));
        }
    }
    order.sort_unstable();
    let order: Vec<usize> = order.into_iter().map(|(_, _, index)| index).collect();
    let mut capacity = Capacity::new(input);
    for index in &order {
        let (Some(discovered), Some(decision)) = (input.fleet.nodegroups.get(*index), decisions.get_mut(*index)) else {
            continue;
        };
        if let (Err(limit), Decision::Start(intent)) = (capacity.reserve(discovered.id.name()), &*decision) {
            *decision = Decision::Next(intent.clone(), limit);
        }
    }
    let planned = input.fleet.nodegroups.iter().zip(decisions);
    let planned =
        planned.map(|(discovered, decision)| Planned { target: Target::Nodegroup(discovered.id.clone()), decision });
    let decisions = planned.chain(invalid_entries(input)).chain(not_found(input)).collect();
    Plan { decisions, order, capacity, freeze: freeze(input) }
}

impl Plan {
    /// The node groups whose past nobody has read, among those that EKS may be asked for in this run.
    #[must_use]
    pub fn with_unread_past(&self, records: &RecordSet) -> Vec<NodegroupId> {
        let ids = self.order.iter().take(self.capacity.most_calls()).filter_map(|index| {
            let Target::Nodegroup(id) = &self.decisions.get(*index)?.target else { return None };
            Some(id)
        });
        let is_unread = |id: &&NodegroupId| {
            records
                .nodegroup(id)
                .is_ok_and(|record| record.is_none_or(|record| !record.past_read && record.attempts == 0))
        };
        ids.filter(is_unread).cloned().collect()
    }
}

/// When a node group last had its turn: it was updated, or EKS was asked in vain, for itself or for another one's same release.
/// What is tried in vain again and again would otherwise come before all that is not.
fn last_turn(input: &PlanInput<'_>, discovered: &Discovered, intent: &Intent) -> Option<Timestamp> {
    let record = input.fleet.records.nodegroup(&discovered.id).ok().flatten();
    let release = input.releases.named(&intent.track(), &intent.release_version);
    let failures = record.into_iter().flat_map(|record| record.failures(&intent.version, &intent.release_version));
    let turns = [
        record.and_then(NodegroupRecord::last_success),
        record.and_then(|record| record.back_off.as_ref()).map(|back_off| back_off.last),
        release.and_then(|release| release.refusal.as_ref()).map(|refusal| refusal.last),
    ];
    failures.filter_map(|failure| failure.ended_at).chain(turns.into_iter().flatten()).max()
}

/// The update that a node group could get if there were no other node groups; or the first reason against it. This is the
/// order of the rules.
fn candidate(input: &PlanInput<'_>, gates: &mut Gates, discovered: &Discovered) -> Result<Intent, Reason> {
    let nodegroup = described(input, discovered)?;
    let (mode, rules) = opted_in(nodegroup)?;
    let record = input.fleet.records.nodegroup(&discovered.id).map_err(|error| Reason::Unreadable(error.clone()))?;
    not_in_progress(nodegroup, record)?;
    if let Some(rollback) = record.and_then(|record| record.rollback.as_ref()) {
        let intent = rollback::intent(input, nodegroup, (mode, rules), rollback)?;
        return not_frozen(input).map(|()| intent);
    }
    // What has failed before is no reason against a report.
    let tried = record.filter(|_| mode == Mode::Auto);
    let mut intent = eligible::release(input, gates, Candidate::of(nodegroup, rules, tried)?)?;
    if mode == Mode::Notify {
        return Err(Reason::ReportOnly { version: intent.version, target: intent.release_version });
    }
    healthy(nodegroup)?;
    intent.may_force = rules.force == Force::AfterEvictionFailure;
    if let Some(record) = record {
        not_backing_off(input, record, &intent)?;
        long_enough_ago(input, record, rules)?;
        intent.force = intent.may_force && eviction_failed(record, &intent);
    }
    not_frozen(input)?;
    intent.start_before = in_window(input, rules)?;
    Ok(intent)
}

fn described<'a>(input: &PlanInput<'a>, discovered: &'a Discovered) -> Result<&'a Nodegroup, Reason> {
    if !input.request.includes(discovered.id.name()) {
        return Err(Reason::Excluded);
    }
    match &discovered.state {
        NodegroupState::Exists(nodegroup) => Ok(nodegroup),
        NodegroupState::Deleted => Err(Reason::Deleted),
        NodegroupState::NotReached => Err(Reason::NotReached),
        NodegroupState::Unreadable(error) => Err(Reason::Unreadable(error.clone())),
    }
}

fn opted_in(nodegroup: &Nodegroup) -> Result<(Mode, &Rules), Reason> {
    match &nodegroup.policy {
        Policy::OptedIn(mode, rules) => Ok((*mode, rules)),
        Policy::NotOptedIn => Err(Reason::NotOptedIn),
        Policy::OptedOut => Err(Reason::OptedOut),
        Policy::Invalid { tag, .. } => Err(Reason::InvalidTag(tag.clone())),
    }
}

/// Also keeps a node group from being judged by a release that is just being replaced.
fn not_in_progress(nodegroup: &Nodegroup, record: Option<&NodegroupRecord>) -> Result<(), Reason> {
    match record.and_then(|record| record.open.as_ref()) {
        Some(attempt) => Err(Reason::InProgress { since: Some(attempt.started_at), started_by: attempt.started_by }),
        None if nodegroup.status == NodegroupStatus::Updating => {
            Err(Reason::InProgress { since: None, started_by: StartedBy::External })
        }
        None => Ok(()),
    }
}

/// EKS starts no update on a node group that is not active, and none with health issues beyond four that it tolerates.
fn healthy(nodegroup: &Nodegroup) -> Result<(), Reason> {
    let blocking = nodegroup.blocking_issues();
    if !blocking.is_empty() {
        return Err(Reason::Unhealthy { issues: blocking.into_iter().cloned().collect() });
    }
    // With issues, a node group is usually DEGRADED; with tolerated ones EKS takes the update all the same.
    let tolerated = nodegroup.status == NodegroupStatus::Degraded && !nodegroup.health.is_empty();
    if nodegroup.status == NodegroupStatus::Active || tolerated {
        return Ok(());
    }
    Err(Reason::NotActive { status: nodegroup.status.clone() })
}

/// What EKS did not take is asked again after a wait, so that it does not cost another node group its place in each run.
fn not_backing_off(input: &PlanInput<'_>, record: &NodegroupRecord, intent: &Intent) -> Result<(), Reason> {
    let Some(back_off) = record.back_off.as_ref().filter(|back_off| back_off.stops(intent)) else { return Ok(()) };
    let until = input.settings.retry_after.again(back_off.times, back_off.last);
    if until <= input.now { Ok(()) } else { Err(Reason::BackingOff { error: back_off.error.clone(), until }) }
}

/// Fewer restarts: the interval counts from the end of the last update that replaced nodes. It is never so short that the
/// description it is judged by may be older than that update.
fn long_enough_ago(input: &PlanInput<'_>, record: &NodegroupRecord, rules: &Rules) -> Result<(), Reason> {
    let Some(last) = record.last_success() else { return Ok(()) };
    let until = last.saturating_add(rules.min_interval.max(DESCRIPTION_LAGS)).unwrap_or(Timestamp::MAX);
    if until <= input.now { Ok(()) } else { Err(Reason::MinIntervalNotReached { until }) }
}

/// The last try of this release failed with the disruption budgets, and none was forced yet.
fn eviction_failed(record: &NodegroupRecord, intent: &Intent) -> bool {
    let failures = || record.failures(&intent.version, &intent.release_version);
    let forced = failures().any(|attempt| attempt.intent.force);
    !forced && failures().last().is_some_and(|attempt| attempt.failed_with("PodEvictionFailure"))
}

fn not_frozen(input: &PlanInput<'_>) -> Result<(), Reason> {
    match freeze(input) {
        Some(freeze) => Err(Reason::Frozen(freeze)),
        None => Ok(()),
    }
}

/// Why nothing may start anywhere, if something says so. Without the fleet's record it is not known what is quarantined.
fn freeze(input: &PlanInput<'_>) -> Option<Freeze> {
    let quarantines = input.fleet.records.fleet().err();
    let unreadable = |error| Freeze::Unreadable(Unreadable(format!("the fleet's quarantines: {error}")));
    input.fleet.freeze.clone().or_else(|| quarantines.map(unreadable))
}

/// A started update cannot be stopped, so the last part of a window is kept free. Returns when that part begins.
fn in_window(input: &PlanInput<'_>, rules: &Rules) -> Result<Option<Timestamp>, Reason> {
    let margin = input.settings.window_margin;
    match rules.window.at(input.now) {
        Opening::Open(None) => Ok(None),
        Opening::Open(Some(closes)) if closes.duration_since(input.now) > margin => {
            Ok(Some(closes.saturating_sub(margin).unwrap_or(Timestamp::MIN)))
        }
        Opening::Open(Some(_)) | Opening::Closed(_) => {
            let opens = rules.window.next_start(input.now, margin);
            Err(Reason::OutsideWindow { window: rules.window.clone(), opens })
        }
    }
}

/// The entries of the tag index that name no node group.
fn invalid_entries(input: &PlanInput<'_>) -> impl Iterator<Item = Planned> {
    input.fleet.invalid_arns.iter().map(|arn| {
        let error = format!("the tag index lists it as {arn:?}, which is not a node group's ARN");
        let unreadable = Reason::Unreadable(Unreadable(error));
        let decision = Decision::Skip(if input.request.includes_all() { unreadable } else { Reason::Excluded });
        Planned { target: Target::Other(Subject::Entry(arn.clone())), decision }
    })
}

/// The node groups that the event names and that are not among those with the tag.
fn not_found(input: &PlanInput<'_>) -> impl Iterator<Item = Planned> {
    let known: BTreeSet<&NodegroupName> =
        input.fleet.nodegroups.iter().map(|discovered| discovered.id.name()).collect();
    let named: BTreeSet<&NodegroupName> = input.request.nodegroups.iter().chain(&input.request.retry).collect();
    let missing: Vec<&NodegroupName> = named.difference(&known).copied().collect();
    missing.into_iter().map(|name| Planned {
        target: Target::Other(Subject::Nodegroup(name.clone())),
        decision: Decision::Skip(Reason::NotFound),
    })
}
