//! Decides what to do with each node group: pure, total, and final. What the plan says is what runs, and what a dry run
//! prints.

mod eligible;
mod quarantine;
mod ring;
mod room;

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use aws_sdk_eks::types::NodegroupStatus;
use jiff::{SignedDuration, Timestamp};

use crate::config::{Fleet, Limits, RetryAfter};
use crate::discover::{Clusters, Found, Seen};
use crate::event::StartEvent;
use crate::model::nodegroup::{Nodegroup, NodegroupId};
use crate::model::policy::{Force, Mode, Policy, Rules};
use crate::model::reason::{Freeze, Reason};
use crate::model::record::{Intent, Record};
use crate::model::window::Opening;
use crate::resolve::{LineKey, Releases};

pub use eligible::lines;
pub use quarantine::{Spread, spreading};

/// Everything a plan is made from.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// What was found, in the order in which it is planned.
    pub found: &'a [Found],
    /// The Kubernetes versions of the clusters that a node group follows.
    pub clusters: &'a Clusters,
    /// What AWS offers.
    pub releases: &'a Releases,
    /// The records by ARN, or why one could not be read.
    pub records: &'a HashMap<String, Result<Record, String>>,
    /// Which node groups the event wants.
    pub event: &'a StartEvent,
    /// How much may be under way.
    pub limits: Limits,
    /// When a failed release is tried again.
    pub retry_after: &'a RetryAfter,
    /// The rules of the whole fleet.
    pub fleet: &'a Fleet,
    /// Why nothing starts anywhere, if something says so.
    pub freeze: Option<&'a Freeze>,
    /// The time of the run.
    pub now: Timestamp,
}

/// One decision for each node group.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The node group.
    pub id: NodegroupId,
    /// What happens to it.
    pub verdict: Verdict,
}

/// What happens to a node group.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// An update starts.
    Start(Intent),
    /// Nothing starts, and why.
    Wait(Reason),
}

/// The facts, and what is worked out of them once, however many node groups ask.
struct Overview<'a> {
    facts: &'a Facts<'a>,
    quarantined: quarantine::Quarantined<'a>,
    gates: ring::Gates,
}

impl<'a> Overview<'a> {
    fn new(facts: &'a Facts<'a>) -> Self {
        let records = facts.records.values().filter_map(|record| record.as_ref().ok());
        Self { facts, quarantined: quarantine::Quarantined::of(records), gates: ring::Gates::default() }
    }
}

impl fmt::Display for Intent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, release_version, previous_release_version, force, may_force: _ } = self;
        write!(f, "from {previous_release_version} to {release_version} (Kubernetes {version})")?;
        if *force { f.write_str(", overriding disruption budgets, since they made it fail before") } else { Ok(()) }
    }
}

/// Decides for every node group that was found, and for every one that the event names and that was not.
#[must_use]
pub fn plan(facts: &Facts<'_>) -> Vec<Decision> {
    let mut overview = Overview::new(facts);
    let mut verdicts: Vec<Result<Intent, Reason>> =
        facts.found.iter().map(|found| candidate(&mut overview, found)).collect();
    let mut room = room::Room::new(facts);
    // Where the limits leave too little room, the group goes first that has waited longest; by name, some never would.
    let mut queue: Vec<(Option<Timestamp>, &Found, &mut Result<Intent, Reason>)> = facts
        .found
        .iter()
        .zip(&mut verdicts)
        .filter(|(_, verdict)| verdict.is_ok())
        .map(|(found, verdict)| (last_success(facts, found), found, verdict))
        .collect();
    queue.sort_by(|left, right| (left.0, &left.1.id).cmp(&(right.0, &right.1.id)));
    for (_, found, verdict) in queue {
        if let Err(reason) = room.take(&found.id.cluster) {
            *verdict = Err(reason);
        }
    }
    let decide = |(found, verdict): (&Found, Result<Intent, Reason>)| Decision {
        id: found.id.clone(),
        verdict: verdict.map_or_else(Verdict::Wait, Verdict::Start),
    };
    let mut decisions: Vec<Decision> = facts.found.iter().zip(verdicts).map(decide).collect();
    let named: BTreeSet<&String> = facts.event.nodegroups.iter().chain(&facts.event.retry).collect();
    decisions.extend(named.into_iter().filter_map(|path| not_found(facts, path)));
    decisions
}

/// The same decision at a later moment of the run: a window may have closed since the plan was made.
#[must_use]
pub fn confirm(facts: &Facts<'_>, decision: Decision) -> Decision {
    let planned = matches!(decision.verdict, Verdict::Start(_));
    let found = facts.found.iter().find(|found| planned && found.id == decision.id);
    match found.map(|found| candidate(&mut Overview::new(facts), found)) {
        Some(Err(reason)) => Decision { verdict: Verdict::Wait(reason), ..decision },
        Some(Ok(_)) | None => decision,
    }
}

fn last_success(facts: &Facts<'_>, found: &Found) -> Option<Timestamp> {
    facts.records.get(&found.id.arn)?.as_ref().ok()?.last_success()
}

/// The lines of which a node group needs an older release than the newest.
#[must_use]
pub fn lines_that_need_older(facts: &Facts<'_>) -> BTreeSet<LineKey> {
    let mut overview = Overview::new(facts);
    let needed = |found: &Found| match candidate(&mut overview, found) {
        Err(
            Reason::TooYoung { .. }
            | Reason::Denied { .. }
            | Reason::Quarantined { .. }
            | Reason::RingWaits { .. }
            | Reason::PinUnknown { .. },
        ) => Some(lines(found, facts.clusters)),
        _ => None,
    };
    facts.found.iter().filter_map(needed).flatten().collect()
}

/// The update that a node group could get if there were no other node groups; or the first reason against it. This is the
/// order of the rules.
fn candidate(overview: &mut Overview<'_>, found: &Found) -> Result<Intent, Reason> {
    let facts = overview.facts;
    let nodegroup = seen(facts, found)?;
    let (mode, rules) = opted_in(nodegroup)?;
    let record = record(facts, found)?;
    not_in_progress(nodegroup, record)?;
    let mut intent = eligible::release(overview, nodegroup, rules)?;
    if mode == Mode::Notify {
        return Err(Reason::ReportOnly { version: intent.version, target: intent.release_version });
    }
    healthy(nodegroup)?;
    intent.may_force = rules.force == Force::AfterEvictionFailure;
    if let Some(record) = record {
        not_failed_before(facts, record, &intent)?;
        long_enough_ago(facts, record, rules)?;
        intent.force = intent.may_force && eviction_failed(record, &intent);
    }
    not_frozen(facts)?;
    in_window(facts, rules)?;
    Ok(intent)
}

fn seen<'a>(facts: &Facts<'a>, found: &'a Found) -> Result<&'a Nodegroup, Reason> {
    if !facts.event.wants(&found.id.cluster, &found.id.name) {
        return Err(Reason::Excluded);
    }
    match &found.now {
        Seen::Nodegroup(nodegroup) => Ok(nodegroup),
        Seen::Gone => Err(Reason::Deleted),
        Seen::Unreadable(error) => Err(Reason::CouldNotBeRead { error: error.clone() }),
    }
}

fn opted_in(nodegroup: &Nodegroup) -> Result<(Mode, &Rules), Reason> {
    match &nodegroup.policy {
        Policy::OptedIn(mode, rules) => Ok((*mode, rules)),
        Policy::NotOptedIn => Err(Reason::NotOptedIn),
        Policy::Malformed { error, .. } => Err(Reason::MalformedTag(error.clone())),
    }
}

fn record<'a>(facts: &Facts<'a>, found: &Found) -> Result<Option<&'a Record>, Reason> {
    match facts.records.get(&found.id.arn) {
        Some(Ok(record)) => Ok(Some(record)),
        Some(Err(error)) => Err(Reason::CouldNotBeRead { error: error.clone() }),
        None => Ok(None),
    }
}

/// Also keeps a group from being judged by a release that is just being replaced.
fn not_in_progress(nodegroup: &Nodegroup, record: Option<&Record>) -> Result<(), Reason> {
    match record.and_then(|record| record.open.as_ref()) {
        Some(attempt) => Err(Reason::InProgress { since: Some(attempt.started_at), origin: attempt.origin }),
        None if nodegroup.status == NodegroupStatus::Updating => {
            Err(Reason::InProgress { since: None, origin: crate::model::update::Origin::Other })
        }
        None => Ok(()),
    }
}

/// EKS starts no update on a node group that is not active, and none with health issues beyond four that it tolerates.
fn healthy(nodegroup: &Nodegroup) -> Result<(), Reason> {
    let refused = nodegroup.refused_issues();
    if !refused.is_empty() {
        let issues = refused.into_iter().cloned().collect();
        return Err(Reason::Unhealthy { issues });
    }
    // With issues, a group is usually DEGRADED; with tolerated ones EKS takes the update all the same.
    let tolerated = nodegroup.status == NodegroupStatus::Degraded && !nodegroup.health.is_empty();
    if nodegroup.status == NodegroupStatus::Active || tolerated {
        return Ok(());
    }
    Err(Reason::NotActive { status: nodegroup.status.clone() })
}

fn not_failed_before(facts: &Facts<'_>, record: &Record, intent: &Intent) -> Result<(), Reason> {
    let Intent { version, release_version: target, .. } = intent;
    let failures = record.failures(version, target).count();
    let Some(last) = record.failures(version, target).last() else { return Ok(()) };
    let until = facts.retry_after.next_try(failures, last.ended_at.unwrap_or(last.started_at));
    match until {
        Some(until) if until <= facts.now => Ok(()),
        until => Err(Reason::FailedBefore { target: target.clone(), failures, status: last.status, until }),
    }
}

/// How long after a recorded end EKS may still describe what was before it: 15 minutes, and five more, since a run of `check`
/// dates the end by its own beginning.
const DESCRIPTION_LAGS: SignedDuration = SignedDuration::from_mins(20);

/// Fewer restarts: the interval counts from the end of the last update that replaced nodes. It is never so short that the
/// description it is judged by may be older than that update.
fn long_enough_ago(facts: &Facts<'_>, record: &Record, rules: &Rules) -> Result<(), Reason> {
    let Some(last) = record.last_success() else { return Ok(()) };
    let until = last.saturating_add(rules.min_interval.max(DESCRIPTION_LAGS)).unwrap_or(Timestamp::MAX);
    if until <= facts.now { Ok(()) } else { Err(Reason::TooSoon { until }) }
}

/// The last try of this release failed with the disruption budgets, and none was forced yet.
fn eviction_failed(record: &Record, intent: &Intent) -> bool {
    let failures = || record.failures(&intent.version, &intent.release_version);
    let forced = failures().any(|attempt| attempt.force);
    !forced && failures().last().is_some_and(|attempt| attempt.failed_with("PodEvictionFailure"))
}

fn not_frozen(facts: &Facts<'_>) -> Result<(), Reason> {
    facts.freeze.map_or(Ok(()), |freeze| Err(Reason::Frozen(freeze.clone())))
}

/// A started update cannot be stopped, so the last part of a window is kept free.
fn in_window(facts: &Facts<'_>, rules: &Rules) -> Result<(), Reason> {
    let margin = facts.fleet.window_margin;
    let fits = match rules.window.at(facts.now) {
        Opening::Open(None) => true,
        Opening::Open(Some(closes)) => closes.duration_since(facts.now) > margin,
        Opening::Closed(_) => false,
    };
    if fits {
        return Ok(());
    }
    let opens = rules.window.next_start(facts.now, margin);
    Err(Reason::OutsideWindow { window: rules.window.clone(), opens })
}

/// A node group that the event names, and that is not among those with the tag.
fn not_found(facts: &Facts<'_>, path: &str) -> Option<Decision> {
    let (cluster, name) = path.split_once('/')?;
    let found = facts.found.iter().any(|found| (found.id.cluster.as_str(), found.id.name.as_str()) == (cluster, name));
    let id = NodegroupId { cluster: cluster.to_owned(), name: name.to_owned(), arn: String::new() };
    (!found).then_some(Decision { id, verdict: Verdict::Wait(Reason::NotFound) })
}
