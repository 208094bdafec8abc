//! The rules, in the order in which they are evaluated, for one node group at a time.

use aws_sdk_eks::types::NodegroupStatus;
use jiff::Timestamp;

use super::eligible::{self, Candidate};
use super::evaluation::Evaluation;
use super::input::PlanInput;
use super::rollback;
use crate::model::attempt::{Intent, StartedBy};
use crate::model::fleet::{Discovered, NodegroupState};
use crate::model::hold::DESCRIPTION_LAGS;
use crate::model::nodegroup::Nodegroup;
use crate::model::nodegroup_record::NodegroupRecord;
use crate::model::policy::{Mode, Policy};
use crate::model::problem::Unreadable;
use crate::model::reason::{Freeze, Reason};
use crate::model::rule::Rule;
use crate::model::rules::{Force, Rules};
use crate::model::window::Opening;

/// The update that a node group could get if there were no other node groups; or the first reason against it. This is the
/// order of the rules.
pub(super) fn candidate(
    input: &PlanInput<'_>,
    evaluation: &mut Evaluation,
    discovered: &Discovered,
) -> Result<Intent, Reason> {
    let nodegroup = described(input, discovered)?;
    let (mode, rules) = opted_in(nodegroup)?;
    let record = input.fleet.records.nodegroup(&discovered.id).map_err(|error| Reason::Unreadable(error.clone()))?;
    evaluation.check(not_in_progress(nodegroup, record))?;
    if let Some(rollback) = record.and_then(|record| record.rollback.as_ref())
        && !evaluation.waives(Rule::RollbackAllowed)
    {
        let intent = rollback::intent(input, nodegroup, (mode, rules), rollback)?;
        return evaluation.check(not_frozen(input)).map(|()| intent);
    }
    // What has failed before is no reason against a report.
    let tried = record.filter(|_| mode == Mode::Auto);
    let mut intent = eligible::release(input, evaluation, Candidate::of(nodegroup, rules, tried)?)?;
    if mode == Mode::Notify && !evaluation.waives(Rule::UpdatesAllowed) {
        return Err(Reason::ReportOnly { version: intent.version, target: intent.release_version });
    }
    evaluation.check(healthy(nodegroup))?;
    intent.may_force = rules.force == Force::AfterEvictionFailure;
    if let Some(record) = record {
        evaluation.check(not_backing_off(input, record, &intent))?;
        evaluation.check(long_enough_ago(input, record, rules))?;
        intent.force = intent.may_force && eviction_failed(record, &intent);
    }
    evaluation.check(not_frozen(input))?;
    match in_window(input, rules) {
        Ok(start_before) => intent.start_before = start_before,
        Err(reason) => evaluation.check(Err(reason))?,
    }
    evaluation.check(history_read(input, nodegroup))?;
    intent.update_history_unread = record.is_some_and(NodegroupRecord::skips_update_history);
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

pub(super) fn opted_in(nodegroup: &Nodegroup) -> Result<(Mode, &Rules), Reason> {
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
pub(super) fn healthy(nodegroup: &Nodegroup) -> Result<(), Reason> {
    let blocking = nodegroup.blocking_issues();
    if !blocking.is_empty() {
        return Err(Reason::Unhealthy { issues: blocking.into_iter().cloned().collect() });
    }
    // With issues, a node group is usually DEGRADED; with tolerated ones EKS takes the update all the same.
    let tolerated = nodegroup.status == NodegroupStatus::Degraded && !nodegroup.health.is_empty();
    // That an update is in progress is a rule of its own.
    if tolerated || matches!(nodegroup.status, NodegroupStatus::Active | NodegroupStatus::Updating) {
        return Ok(());
    }
    Err(Reason::NotActive { status: nodegroup.status.clone() })
}

/// The updates that a node group had before its first one by the updater. They are read for node groups that would start, so that
/// this is the last rule.
fn history_read(input: &PlanInput<'_>, nodegroup: &Nodegroup) -> Result<(), Reason> {
    let unread = input.fleet.unread_histories.get(&nodegroup.id);
    unread.map_or(Ok(()), |unread| Err(Reason::UpdateHistoryUnread(unread.clone())))
}

/// What EKS did not take is asked again after a wait, so that it does not cost another node group its place in each run.
fn not_backing_off(input: &PlanInput<'_>, record: &NodegroupRecord, intent: &Intent) -> Result<(), Reason> {
    let Some(back_off) = record.back_off.as_ref().filter(|back_off| back_off.stops(intent)) else { return Ok(()) };
    let until = input.settings.retry_after.again(back_off.times, back_off.last);
    if until <= input.now { Ok(()) } else { Err(Reason::BackingOff { error: back_off.error.clone(), until }) }
}

/// Fewer restarts: the interval counts from the end of the last update that replaced nodes. It is never so short that the
/// description it is judged by may be older than that update.
pub(super) fn long_enough_ago(input: &PlanInput<'_>, record: &NodegroupRecord, rules: &Rules) -> Result<(), Reason> {
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

pub(super) fn not_frozen(input: &PlanInput<'_>) -> Result<(), Reason> {
    match freeze(input) {
        Some(freeze) => Err(Reason::Frozen(freeze)),
        None => Ok(()),
    }
}

/// Why nothing may start anywhere, if something says so. Without the fleet's record it is not known what is quarantined.
pub(super) fn freeze(input: &PlanInput<'_>) -> Option<Freeze> {
    let quarantines = input.fleet.records.fleet().err();
    let unreadable = |error| Freeze::Unreadable(Unreadable(format!("the fleet's quarantines: {error}")));
    input.fleet.freeze.clone().or_else(|| quarantines.map(unreadable))
}

/// A started update cannot be stopped, so the last part of a window is kept free. Returns when that part begins.
pub(super) fn in_window(input: &PlanInput<'_>, rules: &Rules) -> Result<Option<Timestamp>, Reason> {
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
