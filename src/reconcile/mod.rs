//! The changes to record before the plan and because of it: pure, a list that the store writes.
//!
//! A change does not depend on other writes: applied to a newer revision of its record, or twice, it has the same effect.

mod changes;
mod reconciled;
mod reports;

use std::collections::BTreeMap;

use aws_sdk_eks::types::NodegroupStatus;
use jiff::Timestamp;

pub use self::changes::{Change, FleetChange, NodegroupChange, TrackChange};
pub use self::reconciled::{Bookkeeping, Reconciled};
pub use self::reports::reports;
use crate::model::attempt::hold::{Rollback, Running, StepBack};
use crate::model::id::names::Names;
use crate::model::id::{NodegroupId, NodegroupName, NodegroupPattern, TrackId};
use crate::model::nodegroup::policy::Policy;
use crate::model::observed::fleet::Fleet;
use crate::model::observed::releases::{Recommendation, Recommendations};
use crate::model::problem::{Problem, ProblemCode, UnreadHistory, Unreadable};
use crate::model::record::fleet::Quarantine;
use crate::model::record::nodegroup::ExternalUpdate;
use crate::model::release::track::TrackKey;
use crate::model::release::version::ReleaseVersion;
use crate::plan::{PlanInput, proofs, quarantines_due, tracks_of};

/// Compares the records with what was observed and requested.
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
            Ok(update) => reconciled.change(&id, NodegroupChange::Adopt(update, *now)),
            Err(error) => reconciled.unreadable.push((id, error)),
        }
    }
    for id in fleet.nodegroups.iter().map(|discovered| &discovered.id) {
        if request.retry.contains(id.name()) && fleet.records.nodegroup(id).is_ok_and(|record| record.is_some()) {
            reconciled.change(id, NodegroupChange::AllowRetry(*now));
        }
    }
    reconciled.record_cluster_versions(input);
    reconciled.record_running(input);
    reconciled.take_rollbacks(input);
    for (id, proof) in proofs(input) {
        reconciled.change(&id, NodegroupChange::Prove(proof));
    }
    reconciled.tracks = track_changes(input, recommendations);
    let mut changes = quarantine_changes(input, &mut reconciled.errors);
    if fleet.table_empty {
        changes.push(FleetChange::NoteEmptyTable(*now));
    }
    let stored = fleet.record().ok().flatten().and_then(|record| record.next_nodegroup.as_ref());
    if stored != fleet.next_nodegroup.as_ref() {
        changes.push(FleetChange::ReadNext(fleet.next_nodegroup.clone()));
    }
    reconciled.fleet = fleet.id.clone().filter(|_| !changes.is_empty()).map(|id| (id, changes));
    reconciled
}

/// New recommendations of AWS's parameters, and notices about releases.
fn track_changes(input: &PlanInput<'_>, recommendations: &Recommendations) -> BTreeMap<TrackId, Vec<TrackChange>> {
    let PlanInput { fleet, now, .. } = input;
    let Some(fleet_id) = &fleet.id else { return BTreeMap::new() };
    let mut tracks = BTreeMap::new();
    for (key, recommendation) in recommendations {
        let Recommendation::Release(release, date) = recommendation else { continue };
        let id = TrackId::of(fleet_id, key);
        // For an unreadable one, the plan reports that no update starts, and why.
        let Ok(stored) = fleet.records.track_or_new(&id) else { continue };
        let mut changes = Vec::new();
        let mut named = stored.clone();
        named.releases.recommend(release, *date, *now);
        if named != stored {
            changes.push(TrackChange::Recommend { release: release.clone(), date: *date, at: *now });
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
    let record = match fleet.record() {
        Ok(record) => record,
        // The plan then starts nothing, and reports why.
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
            errors.push(Problem::of_run(
                ProblemCode::InvalidRequest,
                format!("the release {releases} is not quarantined, so nothing is lifted"),
            ));
        }
    }
    changes
}

/// The result of reading update histories.
#[must_use]
pub fn take_histories(
    fleet: &Fleet,
    histories: Vec<(NodegroupId, Result<Option<StepBack>, UnreadHistory>)>,
    now: Timestamp,
) -> Reconciled {
    let mut reconciled = Reconciled::default();
    for (id, history) in histories {
        match history {
            Ok(downgrade) => reconciled.change(&id, NodegroupChange::ReadUpdateHistory(downgrade, now)),
            Err(_) => {
                let record = fleet.records.nodegroup(&id).ok().flatten();
                if record.is_none_or(|record| !record.misses_update_history()) {
                    reconciled.change(&id, NodegroupChange::MissUpdateHistory(now));
                }
            }
        }
    }
    reconciled
}

impl Reconciled {
    /// What node groups run, if it differs from their records.
    fn record_running(&mut self, input: &PlanInput<'_>) {
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
            let cluster_version = match fleet.clusters.get(&discovered.id.cluster_id()) {
                Some(Ok(version)) if discovered.follows_cluster() => Some(version.to_string()),
                // It is unknown whether its version was downgraded.
                Some(Err(_)) if discovered.follows_cluster() => continue,
                _ => None,
            };
            let change = NodegroupChange::RecordRunning {
                runs: Running::new(version, release),
                ami_type: nodegroup.ami_type.clone(),
                cluster_version,
                owner: nodegroup.owner,
                at: input.now,
            };
            let mut seen = record.clone();
            change.apply(&mut seen);
            if record.open().is_none() && seen != record {
                self.change(&discovered.id, change);
            }
        }
    }

    /// The rollbacks that the event requests, and those that were not carried out in time.
    fn take_rollbacks(&mut self, input: &PlanInput<'_>) {
        let PlanInput { fleet, request, now, .. } = input;
        for id in fleet.nodegroups.iter().map(|discovered| &discovered.id) {
            let Ok(record) = fleet.records.nodegroup_or_new(id) else { continue };
            let is_over = |rollback: &&Rollback| rollback.has_expired(*now) && record.open().is_none();
            if let Some(expired) = record.rollback().filter(is_over) {
                self.change(id, NodegroupChange::ExpireRollback(expired.request_id.clone(), *now));
            }
            let asked = request.rollback.iter().find(|(pattern, _)| pattern.matches(id.name()));
            if let Some((_, release)) = asked.filter(|_| !record.downgrade.was_requested_by(input.request_id)) {
                let rollback = Rollback::new(release, *now, input.request_id);
                self.change(id, NodegroupChange::RequestRollback(rollback));
            }
        }
        let known = |pattern: &NodegroupPattern| {
            fleet.nodegroups.iter().any(|discovered| pattern.matches(discovered.id.name()))
        };
        for pattern in request.rollback.keys().filter(|pattern| !known(pattern)) {
            let error = format!("no node group with the tag ami-update is named {pattern}, so nothing is rolled back");
            self.errors.push(Problem::of_run(ProblemCode::InvalidRequest, error));
        }
    }

    fn record_cluster_versions(&mut self, input: &PlanInput<'_>) {
        let fleet = input.fleet;
        for id in fleet.nodegroups.iter().filter(|it| it.follows_cluster()).map(|discovered| &discovered.id) {
            let (Some(Ok(version)), Ok(record)) = (fleet.clusters.get(&id.cluster_id()), fleet.records.nodegroup(id))
            else {
                continue;
            };
            let version = version.to_string();
            let seen = record.and_then(|record| record.cluster_version.as_ref());
            if seen.is_none_or(|seen| seen.version != version) {
                self.change(id, NodegroupChange::RecordClusterVersion(version, input.now));
            }
        }
    }
}
