//! The rules, in the order in which they are evaluated, for one node group at a time: selection, node group, release, start.

use aws_sdk_eks::types::NodegroupStatus;
use jiff::Timestamp;

use super::eligible;
use super::input::PlanInput;
use super::rings::Gates;
use super::rollback;
use super::selected::Selected;
use crate::model::attempt::Intent;
use crate::model::attempt::error_code::POD_EVICTION_FAILURE;
use crate::model::attempt::hold::DESCRIPTION_LAGS;
use crate::model::decision::reason::{Freeze, Reason};
use crate::model::decision::rule::Rule;
use crate::model::nodegroup::Nodegroup;
use crate::model::nodegroup::policy::Mode;
use crate::model::observed::fleet::Discovered;
use crate::model::problem::Unreadable;
use crate::model::record::nodegroup::NodegroupRecord;
use crate::model::rules::window::Opening;
use crate::model::rules::{Force, Rules};

/// A rule for a node group with this update; it returns `None` if it needs an update and there is none.
type Check = fn(Selected<'_>, Option<&Intent>) -> Option<Result<(), Reason>>;

/// The rules about starting an update now, in the order in which they are evaluated.
pub(crate) const START_RULES: [(Rule, Check); 7] = [
    (Rule::UpdatesAllowed, |it, intent| intent.map(|intent| updates_allowed(it.mode, intent))),
    (Rule::Healthy, |it, _| Some(healthy(it.nodegroup))),
    (Rule::NotBackingOff, |it, intent| intent.map(|intent| not_backing_off(it, intent))),
    (Rule::MinInterval, |it, _| Some(long_enough_ago(it))),
    (Rule::NotFrozen, |it, _| Some(not_frozen(it.input))),
    (Rule::Window, |it, _| Some(in_window(it.input, it.rules).map(|_| ()))),
    (Rule::UpdateHistory, |it, _| Some(history_read(it))),
];

/// The update for a node group, regardless of other node groups; or the first reason against it. This function defines the
/// order of the rules.
pub(crate) fn candidate<'a>(
    input: &'a PlanInput<'a>,
    gates: &mut Gates,
    discovered: &'a Discovered,
) -> Result<Intent, Reason> {
    let selected = Selected::of(input, discovered)?;
    selected.not_in_progress()?;
    if let Some(intent) = requested_rollback(selected) {
        let intent = intent?;
        return not_frozen(input).map(|()| intent);
    }
    let mut intent = eligible::release(selected.candidate()?, gates)?;
    START_RULES.iter().try_for_each(|(_, check)| check(selected, Some(&intent)).unwrap_or(Ok(())))?;
    complete(&mut intent, selected);
    Ok(intent)
}

/// The final intent of an update that starts.
fn complete(intent: &mut Intent, Selected { input, rules, record, .. }: Selected<'_>) {
    intent.may_force = rules.force == Force::AfterEvictionFailure;
    intent.force = intent.may_force && record.is_some_and(|record| eviction_failed(record, intent));
    intent.start_before = in_window(input, rules).ok().flatten();
    intent.update_history_unread = record.is_some_and(|record| record.skips_update_history());
}

/// The update of a rollback that was requested, or why it does not start.
pub(crate) fn requested_rollback(selected: Selected<'_>) -> Option<Result<Intent, Reason>> {
    Some(rollback::intent(selected, selected.record?.rollback()?))
}

fn updates_allowed(mode: Mode, intent: &Intent) -> Result<(), Reason> {
    match mode {
        Mode::Auto => Ok(()),
        Mode::Notify => {
            Err(Reason::ReportOnly { version: intent.version.clone(), target: intent.release_version.clone() })
        }
    }
}

/// EKS does not update a node group that is not active, or that has health issues other than the four that it tolerates.
pub(crate) fn healthy(nodegroup: &Nodegroup) -> Result<(), Reason> {
    let blocking = nodegroup.blocking_issues();
    if !blocking.is_empty() {
        return Err(Reason::Unhealthy { issues: blocking.into_iter().cloned().collect() });
    }
    // With issues, a node group is usually DEGRADED; EKS still accepts the update if all of them are tolerated.
    let tolerated = nodegroup.status == NodegroupStatus::Degraded && !nodegroup.health.is_empty();
    // A separate rule checks for an update in progress.
    if tolerated || matches!(nodegroup.status, NodegroupStatus::Active | NodegroupStatus::Updating) {
        return Ok(());
    }
    Err(Reason::NotActive { status: nodegroup.status.clone() })
}

/// The updates that a node group had before the updater's first update. They are read only for node groups that would start, so
/// this is the last rule.
fn history_read(selected: Selected<'_>) -> Result<(), Reason> {
    let unread = selected.input.fleet.unread_histories.get(&selected.nodegroup.id);
    unread.map_or(Ok(()), |unread| Err(Reason::UpdateHistoryUnread(unread.clone())))
}

/// A rejected update is retried after a wait, so that it does not take another node group's place in each run.
fn not_backing_off(Selected { input, record, .. }: Selected<'_>, intent: &Intent) -> Result<(), Reason> {
    let back_off = record.and_then(|record| record.back_off());
    let Some(back_off) = back_off.filter(|back_off| back_off.stops(intent)) else { return Ok(()) };
    let until = input.settings.retry_after.again(back_off.times, back_off.last);
    if until <= input.now { Ok(()) } else { Err(back_off.reason(until)) }
}

/// Limits how often nodes are replaced: the interval counts from the end of the last update that replaced nodes. It is always
/// long enough that the current description is not older than that update.
fn long_enough_ago(Selected { input, record, rules, .. }: Selected<'_>) -> Result<(), Reason> {
    let Some(last) = record.and_then(|record| record.last_success()) else { return Ok(()) };
    let until = last.saturating_add(rules.min_interval.max(DESCRIPTION_LAGS)).unwrap_or(Timestamp::MAX);
    if until <= input.now { Ok(()) } else { Err(Reason::MinIntervalNotReached { until }) }
}

/// The last attempt of this release failed because of disruption budgets, and none was forced yet.
fn eviction_failed(record: &NodegroupRecord, intent: &Intent) -> bool {
    let failures = || record.failures(&intent.version, &intent.release_version);
    let forced = failures().any(|attempt| attempt.intent.force);
    !forced && failures().last().is_some_and(|attempt| attempt.failed_with(POD_EVICTION_FAILURE))
}

pub(crate) fn not_frozen(input: &PlanInput<'_>) -> Result<(), Reason> {
    match freeze(input) {
        Some(freeze) => Err(Reason::Frozen(freeze)),
        None => Ok(()),
    }
}

/// Why no update is allowed to start anywhere, if updates are stopped. Without the fleet's record the quarantines are unknown.
pub(crate) fn freeze(input: &PlanInput<'_>) -> Option<Freeze> {
    let quarantines = input.fleet.record().err();
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
