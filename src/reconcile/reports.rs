//! What a plan leaves in the records: notices about node groups that are not updated, their standings, and notices about the
//! fleet as a whole.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, ToSpan};

use super::changes::{Change as _, FleetChange, NodegroupChange};
use super::reconciled::Reconciled;
use crate::model::attempt::{Attempt, Status};
use crate::model::decision::attention::Attention;
use crate::model::decision::reason::{Freeze, Reason};
use crate::model::decision::{Decision, DecisionKind, Planned, Target};
use crate::model::id::NodegroupName;
use crate::model::nodegroup::policy::Policy;
use crate::model::notice::support::{SupportEnded, Supported, amazon_linux_2};
use crate::model::notice::{Digest, Lasting, Week};
use crate::model::observed::fleet::{Discovered, NodegroupState};
use crate::model::release::track::{Family, ReleaseTrack};
use crate::plan::{Plan, PlanInput};
use crate::standing::{Standing, standing};

/// After how long a reported node group is listed in the digest.
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);
/// The maximum number of causes in a digest.
const CAUSES: usize = 20;

/// What a plan leaves in the records: notices about node groups that are not updated and, after a run that covered the whole
/// fleet, their standings.
#[must_use]
pub fn reports(input: &PlanInput<'_>, plan: &Plan) -> Reconciled {
    let now = input.now;
    let mut reconciled = Reconciled::default();
    for Planned { target, decision } in &plan.decisions {
        let (Target::Nodegroup(id), Decision::Skip(reason)) = (target, decision) else { continue };
        match reason {
            Reason::ReportOnly { version, target } => reconciled.change(
                id,
                NodegroupChange::ReportAvailable { version: version.clone(), release_version: target.clone(), at: now },
            ),
            Reason::InvalidTag(tag) => reconciled.change(id, NodegroupChange::ReportInvalidTag(tag.clone(), now)),
            _ => {}
        }
    }
    if input.request.is_whole() {
        for (discovered, planned) in input.fleet.nodegroups.iter().zip(&plan.decisions) {
            reconciled.judge(input, discovered, &planned.decision);
        }
        for discovered in &input.fleet.missing {
            reconciled.judge_missing(discovered, now);
        }
        let changes = fleet_reports(input, plan);
        if let Some(id) = &input.fleet.id {
            changes.into_iter().for_each(|change| reconciled.change_fleet(id, change));
        }
    }
    reconciled
}

/// Notices about the fleet as a whole.
fn fleet_reports(input: &PlanInput<'_>, plan: &Plan) -> Vec<FleetChange> {
    let PlanInput { fleet, now, .. } = input;
    let Ok(record) = fleet.record() else { return Vec::new() };
    let mut changes = Vec::new();
    let frozen = matches!(fleet.freeze, Some(Freeze::CalendarClosed { until: Some(_) }));
    let was_frozen = record.and_then(|record| record.freeze.as_ref()).is_some_and(|freeze| freeze.ended_at.is_none());
    if frozen != was_frozen {
        changes.push(FleetChange::RecordFreeze(frozen, *now));
    }
    changes.extend(supports_ended(input).into_iter().map(|ended| FleetChange::ReportSupport(ended, *now)));
    let unreadable: Vec<(NodegroupName, String)> = fleet
        .nodegroups
        .iter()
        .filter_map(|it| Some((it.id.name().clone(), fleet.records.nodegroup(&it.id).err()?.to_string())))
        .collect();
    if !unreadable.is_empty() || record.is_some_and(|record| !record.unreadable_records.is_empty()) {
        changes.push(FleetChange::SeeUnreadableRecords(unreadable, *now));
    }
    let week = week_began(input);
    let digest_at = record.and_then(|record| record.digest_at);
    match digest_at {
        Some(at) if at < week => changes.push(FleetChange::Digest(digest(input, plan, at), *now)),
        Some(_) => {}
        None => changes.push(FleetChange::Digest(None, *now)),
    }
    changes
}

/// The last Monday at nine in the schedule's time zone.
fn week_began(input: &PlanInput<'_>) -> Timestamp {
    let zone = &input.settings.time_zone;
    let today = zone.to_datetime(input.now).date();
    let days = i64::from(today.weekday().to_monday_zero_offset());
    let monday = |weeks: i64| {
        let day = today.checked_sub((days + 7 * weeks).days()).ok()?;
        zone.to_timestamp(day.at(9, 0, 0, 0)).ok()
    };
    monday(0).filter(|at| *at <= input.now).or_else(|| monday(1)).unwrap_or(Timestamp::MIN)
}

/// Node groups that were reported a week ago or longer and are still not current, and what happened since the last digest;
/// `None` if there are none.
fn digest(input: &PlanInput<'_>, plan: &Plan, last: Timestamp) -> Option<Digest> {
    let mut causes: BTreeMap<(bool, String), Vec<Standstill<'_>>> = BTreeMap::new();
    for (discovered, planned) in input.fleet.nodegroups.iter().zip(&plan.decisions) {
        if let Some((cause, standstill)) = standstill(input, discovered, &planned.decision) {
            let waits = planned.decision.attention() != Attention::NeedsYou;
            causes.entry((waits, cause)).or_default().push(standstill);
        }
    }
    let count = causes.values().map(Vec::len).sum();
    let (mut needs_you, mut waits) = (Vec::new(), Vec::new());
    // Causes that need somebody are first.
    for ((is_waiting, cause), nodegroups) in causes.into_iter().take(CAUSES) {
        let Some(first) = nodegroups.first() else { continue };
        let lasting = Lasting {
            decision: first.decision.clone(),
            cause,
            since: nodegroups.iter().map(|it| it.since).min().unwrap_or(first.since),
            until: nodegroups.iter().filter_map(|it| it.until).min(),
            nodegroups: nodegroups.iter().map(|it| it.name.clone()).collect::<Vec<_>>().into(),
        };
        if is_waiting { &mut waits } else { &mut needs_you }.push(lasting);
    }
    (count > 0).then(|| Digest { needs_you, waits, count, week: week(input, last) })
}

/// A node group that has not been kept current for a week or more since it was reported.
struct Standstill<'a> {
    name: &'a NodegroupName,
    decision: DecisionKind,
    since: Timestamp,
    until: Option<Timestamp>,
}

fn standstill<'a>(
    input: &PlanInput<'_>,
    discovered: &'a Discovered,
    decision: &Decision,
) -> Option<(String, Standstill<'a>)> {
    let record = input.fleet.records.nodegroup(&discovered.id).ok().flatten()?;
    let long_ago = |at: &Timestamp| input.now.duration_since(*at) >= WEEK;
    let stale = record.standing.open_stale().filter(|reported| long_ago(&reported.at));
    let invalid = record.reported.tag.as_ref().map(|reported| reported.at).filter(long_ago);
    let (cause, since) = match (stale, decision) {
        // The cause might have changed.
        (Some(reported), _) => match standing(input, discovered, decision) {
            Standing::Stale(now, _) => (now.cause, reported.stale.since),
            _ => (reported.stale.cause.clone(), reported.stale.since),
        },
        (None, Decision::Skip(reason @ Reason::InvalidTag(_))) => (reason.code().to_owned(), invalid?),
        (None, _) => return None,
    };
    let (decision, until) = (decision.kind(), decision.until());
    Some((cause, Standstill { name: discovered.id.name(), decision, since, until }))
}

/// What happened since the last digest.
fn week(input: &PlanInput<'_>, from: Timestamp) -> Week {
    let attempts = || input.fleet.records.readable().flat_map(|record| &record.attempts.ended);
    let ended = |attempt: &&Attempt| attempt.ended_at.is_some_and(|at| at >= from);
    let succeeded = attempts().filter(ended).filter(|attempt| attempt.status == Status::Successful).count();
    let failed = attempts().filter(ended).filter(|attempt| attempt.ended_without_success()).count();
    let fleet = input.fleet.record().ok().flatten();
    let quarantines = fleet.into_iter().flat_map(|record| &record.quarantines);
    let quarantined = quarantines.filter(|quarantine| quarantine.since >= from).count();
    Week { from, succeeded, failed, quarantined }
}

/// The Kubernetes versions and AMI types of the fleet whose support has ended, if not reported yet.
fn supports_ended(input: &PlanInput<'_>) -> Vec<SupportEnded> {
    let mut running: BTreeMap<Supported, Vec<NodegroupName>> = BTreeMap::new();
    let nodegroups = input.fleet.nodegroups.iter().filter_map(|discovered| discovered.nodegroup());
    for nodegroup in nodegroups.filter(|nodegroup| matches!(nodegroup.policy, Policy::OptedIn(..))) {
        let Some(version) = &nodegroup.kubernetes_version else { continue };
        let name = nodegroup.id.name();
        running.entry(Supported::Kubernetes(version.clone())).or_default().push(name.clone());
        let track = ReleaseTrack::of(&nodegroup.ami_type, version);
        if track.is_ok_and(|track| track.family == Family::AmazonLinux2) {
            running.entry(Supported::AmazonLinux2).or_default().push(name.clone());
        }
    }
    let record = input.fleet.record().ok().flatten();
    let support = |what: &Supported| match what {
        Supported::Kubernetes(version) => input.fleet.supports.get(version).copied(),
        Supported::AmazonLinux2 => Some(amazon_linux_2()),
    };
    let ended = running.into_iter().filter_map(|(what, nodegroups)| {
        let (ended, at) = support(&what)?.ended(input.now)?;
        let is_reported = record.is_some_and(|record| record.has_reported_end(&what, ended));
        (!is_reported).then(|| SupportEnded { what, ended, at, nodegroups: nodegroups.into() })
    });
    ended.collect()
}

impl Reconciled {
    /// The standing of a node group, if it differs from its record.
    fn judge(&mut self, input: &PlanInput<'_>, discovered: &Discovered, decision: &Decision) {
        let Ok(record) = input.fleet.records.nodegroup_or_new(&discovered.id) else { return };
        let id = &discovered.id;
        let was_ours = record.opted_in_since().is_some();
        match decision {
            Decision::Skip(Reason::NotOptedIn) if was_ours => self.change(id, NodegroupChange::OptOut(true, input.now)),
            Decision::Skip(Reason::OptedOut) if was_ours => self.change(id, NodegroupChange::OptOut(false, input.now)),
            Decision::Skip(Reason::NotOptedIn | Reason::OptedOut | Reason::Deleted | Reason::NotReached) => {}
            _ => {
                if !was_ours {
                    self.change(id, NodegroupChange::OptIn(input.now));
                }
                let is_reported = record.is_stale();
                match standing(input, discovered, decision) {
                    Standing::Unknown => {}
                    Standing::Stale(stale, obstacle) => {
                        let report = NodegroupChange::ReportStale(stale, obstacle, input.now);
                        let mut changed = record.clone();
                        report.apply(&mut changed);
                        if changed != record {
                            self.change(id, report);
                        }
                    }
                    Standing::Waiting(obstacle) => {
                        if is_reported || record.obstacle() != obstacle.as_ref() {
                            self.change(id, NodegroupChange::ReportCurrent(obstacle, input.now));
                        }
                    }
                    Standing::Deliberate => {
                        if is_reported || record.obstacle().is_some() {
                            self.change(id, NodegroupChange::ForgetStale(input.now));
                        }
                    }
                    Standing::Current => {
                        if is_reported || record.obstacle().is_some() {
                            self.change(id, NodegroupChange::ReportCurrent(None, input.now));
                        }
                    }
                }
            }
        }
    }

    /// Node groups that had opted in and that the tag index no longer lists.
    fn judge_missing(&mut self, discovered: &Discovered, now: Timestamp) {
        let lost_tag = match &discovered.state {
            NodegroupState::Deleted => false,
            NodegroupState::Exists(nodegroup) => match nodegroup.policy {
                Policy::NotOptedIn => true,
                Policy::OptedOut => false,
                // The index lags: the next run checks again.
                Policy::OptedIn(..) | Policy::Invalid { .. } => return,
            },
            NodegroupState::Unreadable(_) | NodegroupState::NotReached => return,
        };
        self.change(&discovered.id, NodegroupChange::OptOut(lost_tag, now));
    }
}
