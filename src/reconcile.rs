//! What has to be recorded before the plan, and what because of it: pure, a list of changes that the store writes.
//!
//! A change does not depend on what else was written meanwhile: applied to a newer revision of its record, or twice, it comes
//! to the same.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_eks::types::{AmiTypes, NodegroupStatus};
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::model::ami_type::{Family, ReleaseTrack, TrackKey};
use crate::model::decision::{Decision, Planned, Target};
use crate::model::fleet::{Discovered, NodegroupState};
use crate::model::fleet_record::{FleetRecord, Quarantine};
use crate::model::hold::{Rollback, Running, StepBack};
use crate::model::names::Names;
use crate::model::nodegroup_record::{ExternalUpdate, NodegroupRecord, Proof};
use crate::model::notice::Reminder;
use crate::model::policy::{InvalidTag, Policy};
use crate::model::problem::{Problem, Unreadable};
use crate::model::reason::{Freeze, Reason};
use crate::model::record::YES;
use crate::model::release_version::ReleaseVersion;
use crate::model::releases::{Recommendation, Recommendations};
use crate::model::settings::ReleaseSelector;
use crate::model::stale::{Obstacle, Stale};
use crate::model::subject::{FleetId, NodegroupId, NodegroupName, NodegroupPattern, TrackId};
use crate::model::support::{SupportEnded, amazon_linux_2};
use crate::model::track_record::TrackRecord;
use crate::plan::{Plan, PlanInput, Standing, proofs, quarantines_due, standing, tracks_of};

/// What lasts is listed once it was reported so long ago.
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Causes that a reminder lists.
const CAUSES: usize = 20;

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

/// A change of a node group's record.
#[derive(Clone, Debug, PartialEq)]
pub enum NodegroupChange {
    /// An external update is taken up.
    Adopt(ExternalUpdate),
    /// A retry was asked for.
    AllowRetry(Timestamp),
    /// Its cluster runs this Kubernetes version.
    SeeCluster(String, Timestamp),
    /// It runs this, and is not being updated.
    See {
        /// What it runs.
        runs: Running,
        /// Its AMI type.
        ami_type: AmiTypes,
        /// The Kubernetes version of its cluster, where it follows it.
        cluster_version: Option<String>,
        /// When it was seen.
        at: Timestamp,
    },
    /// The updates that it had before it had a record were read: what it ran, and what the last one took it back to.
    ReadPast(Option<StepBack>, Timestamp),
    /// It was first seen opted in.
    OptIn(Timestamp),
    /// It has not opted in any more; whether its tag was lost.
    OptOut(bool, Timestamp),
    /// It is reported as not kept current.
    ReportStale(Stale, Option<Obstacle>, Timestamp),
    /// That it is not kept current is deliberate.
    ForgetStale(Timestamp),
    /// It is kept current, or not for too long yet.
    ReportCurrent(Option<Obstacle>, Timestamp),
    /// A rollback is asked for.
    AskRollback(Rollback),
    /// A rollback that was asked for is no longer carried out.
    LapseRollback(String, Timestamp),
    /// It has proved a release.
    Prove(Proof),
    /// A release is reported as available.
    ReportAvailable {
        /// Its Kubernetes version.
        version: String,
        /// The release.
        release_version: String,
        /// When it was seen.
        at: Timestamp,
    },
    /// A tag is reported as invalid.
    ReportInvalidTag(InvalidTag, Timestamp),
}

/// A change of a release track's record.
#[derive(Clone, Debug, PartialEq)]
pub enum TrackChange {
    /// AWS's parameter names a release.
    Name {
        /// The release.
        release: ReleaseVersion,
        /// The parameter's date.
        date: Option<Timestamp>,
        /// When it was seen.
        at: Timestamp,
    },
    /// A withdrawn release is reported.
    ReportWithdrawn {
        /// The release.
        release_version: String,
        /// The release that AWS recommends now.
        latest: String,
        /// The node groups that run it.
        running: Names,
        /// When it was seen.
        at: Timestamp,
    },
    /// A release that EKS refuses is reported.
    ReportRefused(String, Timestamp),
    /// EKS refused a release as not valid.
    Refuse {
        /// The release.
        release_version: String,
        /// EKS's words.
        message: String,
        /// When.
        at: Timestamp,
    },
    /// EKS accepted a release.
    Accept(String),
}

/// A change of the fleet's record.
#[derive(Clone, Debug, PartialEq)]
pub enum FleetChange {
    /// A newer release of a quarantined one's track is out.
    Supersede(TrackKey, ReleaseVersion),
    /// A release is quarantined.
    Quarantine(Quarantine),
    /// The quarantine of releases is lifted.
    LiftQuarantine(ReleaseSelector, Timestamp),
    /// The table held nothing.
    NoteEmptyTable(Timestamp),
    /// Whether a freeze lasts whose end is known.
    SeeFreeze(bool, Timestamp),
    /// The support of a Kubernetes version has ended.
    ReportSupport(SupportEnded, Timestamp),
    /// The node groups whose records cannot be read, and why.
    SeeUnreadableRecords(Vec<(NodegroupName, String)>, Timestamp),
    /// A week has begun; what lasts.
    Remind(Option<Reminder>, Timestamp),
    /// EKS refuses updates for want of a right.
    ReportAccessDenied(String, Timestamp),
    /// EKS accepted an update.
    AccessGranted,
}

/// Compares the records with what was observed and asked for.
#[must_use]
pub fn reconcile(
    input: &PlanInput<'_>,
    recommendations: &Recommendations,
    external: Vec<(NodegroupId, Result<ExternalUpdate, Unreadable>)>,
) -> Reconciled {
    let PlanInput { fleet, request, now, .. } = input;
    let mut reconciled = Reconciled::default();
    for (id, update) in external {
        match update {
            Ok(update) => reconciled.change(&id, NodegroupChange::Adopt(update)),
            Err(error) => reconciled.unreadable.push((id, error)),
        }
    }
    for id in fleet.nodegroups.iter().map(|discovered| &discovered.id) {
        if request.retry.contains(id.name()) && fleet.records.nodegroup(id).is_ok_and(|record| record.is_some()) {
            reconciled.change(id, NodegroupChange::AllowRetry(*now));
        }
    }
    reconciled.see_clusters(input);
    reconciled.see_nodegroups(input);
    reconciled.take_rollbacks(input);
    for (id, proof) in proofs(input) {
        reconciled.change(&id, NodegroupChange::Prove(proof));
    }
    reconciled.tracks = track_changes(input, recommendations);
    let mut changes = quarantine_changes(input, &mut reconciled.errors);
    if fleet.table_empty {
        changes.push(FleetChange::NoteEmptyTable(*now));
    }
    reconciled.fleet = fleet.id().filter(|_| !changes.is_empty()).map(|id| (id, changes));
    reconciled
}

/// What AWS's parameters name, where that is not known yet, and what has to be said of releases.
fn track_changes(input: &PlanInput<'_>, recommendations: &Recommendations) -> BTreeMap<TrackId, Vec<TrackChange>> {
    let PlanInput { fleet, now, .. } = input;
    let Some(fleet_id) = fleet.id() else { return BTreeMap::new() };
    let mut tracks = BTreeMap::new();
    for (key, recommendation) in recommendations {
        let Recommendation::Release(release, date) = recommendation else { continue };
        let id = TrackId::of(&fleet_id, key);
        // The plan says of one that cannot be read that nothing starts, and why.
        let Ok(stored) = fleet.records.track_or_new(&id) else { continue };
        let mut changes = Vec::new();
        let mut named = stored.clone();
        named.releases.name(release, *date, *now);
        if named != stored {
            changes.push(TrackChange::Name { release: release.clone(), date: *date, at: *now });
        }
        for known in named.withdrawals_to_report(*now) {
            // Only while the parameter still names an older one.
            if release.is_older_than(&known.release_version) {
                changes.push(TrackChange::ReportWithdrawn {
                    release_version: known.release_version.clone(),
                    latest: release.to_string(),
                    running: running(input, key, &known.release_version),
                    at: *now,
                });
            }
        }
        let refused = named.refusals_to_report(*now).into_iter();
        changes.extend(refused.map(|known| TrackChange::ReportRefused(known.release_version.clone(), *now)));
        if !changes.is_empty() {
            tracks.insert(id, changes);
        }
    }
    tracks
}

/// The node groups that run a release.
fn running(input: &PlanInput<'_>, track: &TrackKey, release: &str) -> Names {
    let nodegroups = input.fleet.nodegroups.iter().filter_map(|discovered| discovered.nodegroup());
    let running = nodegroups.filter(|nodegroup| {
        nodegroup.ami_type == track.ami_type
            && nodegroup.kubernetes_version.as_ref() == Some(&track.version)
            && nodegroup.release_version.as_deref() == Some(release)
    });
    running.map(|nodegroup| nodegroup.id.name().clone()).collect::<Vec<NodegroupName>>().into()
}

fn quarantine_changes(input: &PlanInput<'_>, errors: &mut Vec<Problem>) -> Vec<FleetChange> {
    let PlanInput { fleet, releases, request, now, .. } = input;
    let record = match fleet.records.fleet() {
        Ok(record) => record,
        // The plan starts nothing then, and says why.
        Err(_) => return Vec::new(),
    };
    let mut changes = Vec::new();
    if record.is_some_and(|record| !record.quarantines.is_empty()) {
        let tracks = fleet.nodegroups.iter().flat_map(|discovered| tracks_of(discovered, &fleet.clusters));
        let latest = tracks.filter_map(|track| Some((track.clone(), releases.latest(&track)?.version.clone())));
        let supersedes = |(track, latest): &(TrackKey, ReleaseVersion)| {
            let open = record.iter().flat_map(|record| &record.quarantines);
            open.filter(|quarantine| quarantine.superseded_by.is_none() && quarantine.track() == *track)
                .any(|quarantine| latest.is_newer_than(&quarantine.release_version))
        };
        let latest: BTreeMap<String, (TrackKey, ReleaseVersion)> =
            latest.filter(supersedes).map(|(track, latest)| (track.to_string(), (track, latest))).collect();
        changes.extend(latest.into_values().map(|(track, latest)| FleetChange::Supersede(track, latest)));
    }
    changes.extend(quarantines_due(input).into_iter().map(FleetChange::Quarantine));
    for releases in &request.lift_quarantine {
        let names = |held: &Quarantine| releases.matches(&held.track(), &held.release_version);
        let held = record.into_iter().flat_map(|record| &record.quarantines);
        let is_quarantined = held.into_iter().any(|held| held.lifted_at.is_none() && names(held))
            || changes.iter().any(|change| matches!(change, FleetChange::Quarantine(new) if names(new)));
        if is_quarantined {
            changes.push(FleetChange::LiftQuarantine(releases.clone(), *now));
        } else {
            errors.push(Problem::of_run(format!("the release {releases} is not quarantined, so nothing is lifted")));
        }
    }
    changes
}

/// What reading the past of node groups comes to.
#[must_use]
pub fn take_pasts(pasts: Vec<(NodegroupId, Result<Option<StepBack>, Unreadable>)>, now: Timestamp) -> Reconciled {
    let mut reconciled = Reconciled::default();
    for (id, past) in pasts {
        match past {
            Ok(lowered) => reconciled.change(&id, NodegroupChange::ReadPast(lowered, now)),
            Err(error) => reconciled.unreadable.push((id, error)),
        }
    }
    reconciled
}

/// What a plan has to leave in the records: what must be published of node groups that are not updated, and, after a run that
/// looked at the whole fleet, how they stand.
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
        if let Some(id) = input.fleet.id() {
            changes.into_iter().for_each(|change| reconciled.change_fleet(&id, change));
        }
    }
    reconciled
}

/// What is said of the fleet as a whole.
fn fleet_reports(input: &PlanInput<'_>, plan: &Plan) -> Vec<FleetChange> {
    let PlanInput { fleet, now, .. } = input;
    let Ok(record) = fleet.records.fleet() else { return Vec::new() };
    let mut changes = Vec::new();
    let frozen = matches!(fleet.freeze, Some(Freeze::CalendarClosed { until: Some(_) }));
    let was_frozen = record.and_then(|record| record.freeze.as_ref()).is_some_and(|freeze| freeze.ended_at.is_none());
    if frozen != was_frozen {
        changes.push(FleetChange::SeeFreeze(frozen, *now));
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
    let reminded_at = record.and_then(|record| record.reminded_at);
    match reminded_at {
        Some(at) if at < week => changes.push(FleetChange::Remind(reminder(input, plan), *now)),
        Some(_) => {}
        None => changes.push(FleetChange::Remind(None, *now)),
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

/// What was reported a week ago or longer and still lasts.
fn reminder(input: &PlanInput<'_>, plan: &Plan) -> Option<Reminder> {
    let mut causes: BTreeMap<String, Vec<NodegroupName>> = BTreeMap::new();
    for (discovered, planned) in input.fleet.nodegroups.iter().zip(&plan.decisions) {
        let Ok(Some(record)) = input.fleet.records.nodegroup(&discovered.id) else { continue };
        let long_ago = |at: Timestamp| input.now.duration_since(at) >= WEEK;
        let stale = record.stale.as_ref().filter(|reported| reported.over_at.is_none() && long_ago(reported.at));
        let invalid = matches!(planned.decision, Decision::Skip(Reason::InvalidTag(_)));
        let invalid = invalid && record.reported_tag_at.is_some_and(long_ago);
        let cause = stale.map(|reported| reported.stale.cause.clone());
        if let Some(cause) = cause.or(invalid.then(|| "InvalidTag".to_owned())) {
            causes.entry(cause).or_default().push(discovered.id.name().clone());
        }
    }
    let count = causes.values().map(Vec::len).sum();
    let causes = causes.into_iter().take(CAUSES).map(|(cause, nodegroups)| (cause, nodegroups.into())).collect();
    (count > 0).then_some(Reminder { causes, count })
}

/// The Kubernetes versions and AMI types of the fleet whose support has ended, where that is not reported yet.
fn supports_ended(input: &PlanInput<'_>) -> Vec<SupportEnded> {
    let mut running: BTreeMap<String, Vec<NodegroupName>> = BTreeMap::new();
    let nodegroups = input.fleet.nodegroups.iter().filter_map(|discovered| discovered.nodegroup());
    for nodegroup in nodegroups.filter(|nodegroup| matches!(nodegroup.policy, Policy::OptedIn(..))) {
        let Some(version) = &nodegroup.kubernetes_version else { continue };
        let name = nodegroup.id.name();
        running.entry(format!("Kubernetes {version}")).or_default().push(name.clone());
        let track = ReleaseTrack::of(&nodegroup.ami_type, version);
        if track.is_ok_and(|track| track.family == Family::AmazonLinux2) {
            running.entry(Family::AmazonLinux2.to_string()).or_default().push(name.clone());
        }
    }
    let record = input.fleet.records.fleet().ok().flatten();
    let support = |what: &str| match what.strip_prefix("Kubernetes ") {
        Some(version) => input.fleet.supports.get(version).copied(),
        None => Some(amazon_linux_2()),
    };
    let ended = running.into_iter().filter_map(|(what, nodegroups)| {
        let (ended, at) = support(&what)?.ended(input.now)?;
        let end = (what, ended);
        let is_reported = record.is_some_and(|record| record.reported_ends.contains(&end));
        (!is_reported).then(|| SupportEnded { what: end.0, ended, at, nodegroups: nodegroups.into() })
    });
    ended.collect()
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

    /// What node groups run, where that is not what their records say.
    fn see_nodegroups(&mut self, input: &PlanInput<'_>) {
        let fleet = input.fleet;
        for discovered in &fleet.nodegroups {
            let Some(nodegroup) = discovered.nodegroup().filter(|it| it.status != NodegroupStatus::Updating) else {
                continue;
            };
            let Policy::OptedIn(..) = nodegroup.policy else { continue };
            let (Some(version), Some(release)) = (&nodegroup.kubernetes_version, &nodegroup.release_version) else {
                continue;
            };
            let Ok(record) = fleet.records.nodegroup_or_new(&discovered.id) else { continue };
            let cluster_version = match fleet.clusters.get(discovered.id.cluster()) {
                Some(Ok(version)) if discovered.follows_cluster() => Some(version.to_string()),
                // Whether its version was lowered cannot be told.
                Some(Err(_)) if discovered.follows_cluster() => continue,
                _ => None,
            };
            let change = NodegroupChange::See {
                runs: Running { version: version.clone(), release_version: release.clone() },
                ami_type: nodegroup.ami_type.clone(),
                cluster_version,
                at: input.now,
            };
            let mut seen = record.clone();
            change.apply(&mut seen);
            if record.open.is_none() && seen != record {
                self.change(&discovered.id, change);
            }
        }
    }

    /// The rollbacks that the event asks for, and those that were not carried out in time.
    fn take_rollbacks(&mut self, input: &PlanInput<'_>) {
        let PlanInput { fleet, request, now, .. } = input;
        for id in fleet.nodegroups.iter().map(|discovered| &discovered.id) {
            let Ok(record) = fleet.records.nodegroup_or_new(id) else { continue };
            if let Some(lapsed) = record.rollback.filter(|rollback| rollback.has_lapsed(*now) && record.open.is_none())
            {
                self.change(id, NodegroupChange::LapseRollback(lapsed.request_id, *now));
            }
            let asked = request.rollback.iter().find(|(pattern, _)| pattern.matches(id.name()));
            if let Some((_, release)) = asked.filter(|_| record.rollback_request.as_deref() != Some(input.request_id)) {
                let (release_version, request_id) = (release.clone(), input.request_id.to_owned());
                self.change(id, NodegroupChange::AskRollback(Rollback { release_version, asked_at: *now, request_id }));
            }
        }
        let known = |pattern: &NodegroupPattern| {
            fleet.nodegroups.iter().any(|discovered| pattern.matches(discovered.id.name()))
        };
        for pattern in request.rollback.keys().filter(|pattern| !known(pattern)) {
            let error = format!("no node group with the tag ami-update is named {pattern}, so nothing is rolled back");
            self.errors.push(Problem::of_run(error));
        }
    }

    /// How a node group stands, where that is not what its record says.
    fn judge(&mut self, input: &PlanInput<'_>, discovered: &Discovered, decision: &Decision) {
        let Ok(record) = input.fleet.records.nodegroup_or_new(&discovered.id) else { return };
        let id = &discovered.id;
        let was_ours = record.opted_in.is_some();
        match decision {
            Decision::Skip(Reason::NotOptedIn) if was_ours => self.change(id, NodegroupChange::OptOut(true, input.now)),
            Decision::Skip(Reason::OptedOut) if was_ours => self.change(id, NodegroupChange::OptOut(false, input.now)),
            Decision::Skip(Reason::NotOptedIn | Reason::OptedOut | Reason::Deleted) => {}
            _ => {
                if record.opted_in_since.is_none() {
                    self.change(id, NodegroupChange::OptIn(input.now));
                }
                let is_reported = record.stale.as_ref().is_some_and(|reported| reported.over_at.is_none());
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
                        if is_reported || record.obstacle != obstacle {
                            self.change(id, NodegroupChange::ReportCurrent(obstacle, input.now));
                        }
                    }
                    Standing::Deliberate => {
                        if is_reported || record.obstacle.is_some() {
                            self.change(id, NodegroupChange::ForgetStale(input.now));
                        }
                    }
                    Standing::Current => {
                        if is_reported || record.obstacle.is_some() {
                            self.change(id, NodegroupChange::ReportCurrent(None, input.now));
                        }
                    }
                }
            }
        }
    }

    /// What had opted in, and the tag index does not list any more.
    fn judge_missing(&mut self, discovered: &Discovered, now: Timestamp) {
        let lost_tag = match &discovered.state {
            NodegroupState::Deleted => false,
            NodegroupState::Exists(nodegroup) => match nodegroup.policy {
                Policy::NotOptedIn => true,
                Policy::OptedOut => false,
                // The index lags: the next run looks again.
                Policy::OptedIn(..) | Policy::Invalid { .. } => return,
            },
            NodegroupState::Unreadable(_) => return,
        };
        self.change(&discovered.id, NodegroupChange::OptOut(lost_tag, now));
    }

    fn see_clusters(&mut self, input: &PlanInput<'_>) {
        let fleet = input.fleet;
        for id in fleet.nodegroups.iter().filter(|it| it.follows_cluster()).map(|discovered| &discovered.id) {
            let (Some(Ok(version)), Ok(record)) = (fleet.clusters.get(id.cluster()), fleet.records.nodegroup(id))
            else {
                continue;
            };
            let version = version.to_string();
            let seen = record.and_then(|record| record.cluster_version.as_ref());
            if seen.is_none_or(|seen| seen.version != version) {
                self.change(id, NodegroupChange::SeeCluster(version, input.now));
            }
        }
    }
}

impl NodegroupChange {
    /// Makes the change. All but one are made to node groups that have the tag.
    pub fn apply(&self, record: &mut NodegroupRecord) {
        if !matches!(self, Self::OptOut(..)) {
            record.opted_in = Some(YES.to_owned());
        }
        match self {
            Self::OptIn(at) => record.opt_in(*at),
            Self::OptOut(lost_tag, at) => record.opt_out(*lost_tag, *at),
            Self::ReportStale(stale, obstacle, at) => record.report_stale(stale, obstacle.as_ref(), *at),
            Self::ForgetStale(at) => record.forget_stale(*at),
            Self::ReportCurrent(obstacle, at) => record.report_current(obstacle.as_ref(), *at),
            Self::Adopt(update) => record.adopt(update),
            Self::AllowRetry(at) => record.allow_retry(*at),
            Self::SeeCluster(version, at) => record.see_cluster(version, *at),
            Self::See { runs, ami_type, cluster_version, at } => {
                record.opt_in(*at);
                record.see(runs, ami_type, cluster_version.as_deref(), *at);
            }
            Self::ReadPast(lowered, at) => record.read_past(lowered.as_ref(), *at),
            Self::AskRollback(rollback) => record.ask_rollback(rollback),
            Self::LapseRollback(request_id, at) => record.lapse_rollback(request_id, *at),
            Self::Prove(proof) => record.prove(proof),
            Self::ReportAvailable { version, release_version, at } => {
                record.report_available(version, release_version, *at);
            }
            Self::ReportInvalidTag(tag, at) => record.report_invalid_tag(tag, *at),
        }
    }
}

impl TrackChange {
    /// Makes the change.
    pub fn apply(&self, record: &mut TrackRecord) {
        match self {
            Self::Name { release, date, at } => record.releases.name(release, *date, *at),
            Self::ReportWithdrawn { release_version, latest, running, at } => {
                record.report_withdrawn(release_version, latest, running, *at);
            }
            Self::ReportRefused(release, at) => record.report_refused(release, *at),
            Self::Refuse { release_version, message, at } => record.refuse(release_version, message, *at),
            Self::Accept(release) => record.accept(release),
        }
    }
}

impl FleetChange {
    /// Makes the change.
    pub fn apply(&self, record: &mut FleetRecord) {
        match self {
            Self::Supersede(track, latest) => record.supersede(track, latest),
            Self::Quarantine(quarantine) => record.quarantine(quarantine),
            Self::LiftQuarantine(releases, at) => record.lift_quarantine(releases, *at),
            Self::NoteEmptyTable(at) => record.note_empty_table(*at),
            Self::SeeFreeze(frozen, at) => record.see_freeze(*frozen, *at),
            Self::ReportSupport(ended, at) => record.report_support(ended, *at),
            Self::SeeUnreadableRecords(unreadable, at) => record.see_unreadable_records(unreadable, *at),
            Self::Remind(reminder, at) => record.remind(reminder.as_ref(), *at),
            Self::ReportAccessDenied(error, at) => record.report_access_denied(error, *at),
            Self::AccessGranted => record.access_granted(),
        }
    }
}
