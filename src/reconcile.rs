//! What has to be recorded before the plan, and what because of it: pure, a list of changes that the store writes.
//!
//! A change does not depend on what else was written meanwhile: applied to a newer revision of its record, or twice, it comes
//! to the same.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::model::decision::{Decision, Planned, Target};
use crate::model::fleet_record::FleetRecord;
use crate::model::nodegroup_record::{ExternalUpdate, NodegroupRecord};
use crate::model::notice::Names;
use crate::model::policy::InvalidTag;
use crate::model::problem::{Problem, Unreadable};
use crate::model::reason::Reason;
use crate::model::record::YES;
use crate::model::release_version::ReleaseVersion;
use crate::model::subject::{FleetId, NodegroupId};
use crate::plan::{Plan, PlanInput, QuarantineCandidate, releases_to_quarantine, tracks_of};

/// What reconciling comes to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reconciled {
    /// The changes of node groups' records.
    pub nodegroups: BTreeMap<NodegroupId, Vec<NodegroupChange>>,
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

/// A change of the fleet's record.
#[derive(Clone, Debug, PartialEq)]
pub enum FleetChange {
    /// A newer release of a quarantined one's track is out.
    Supersede(ReleaseVersion),
    /// A release is quarantined.
    Quarantine(String, Names, Timestamp),
    /// The quarantine of a release is lifted.
    LiftQuarantine(String, Timestamp),
}

/// Compares the records with what was observed and asked for.
#[must_use]
pub fn reconcile(
    input: &PlanInput<'_>,
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
    let changes = quarantine_changes(input, &mut reconciled.errors);
    reconciled.fleet = fleet.id().filter(|_| !changes.is_empty()).map(|id| (id, changes));
    reconciled
}

fn quarantine_changes(input: &PlanInput<'_>, errors: &mut Vec<Problem>) -> Vec<FleetChange> {
    let PlanInput { fleet, releases, request, settings, now } = input;
    let record = match fleet.records.fleet() {
        Ok(record) => record,
        // The plan starts nothing then, and says why.
        Err(_) => return Vec::new(),
    };
    let mut changes = Vec::new();
    if record.is_some_and(|record| !record.quarantines.is_empty()) {
        let tracks = fleet.nodegroups.iter().flat_map(|discovered| tracks_of(discovered, &fleet.clusters));
        let latest = tracks.filter_map(|track| releases.latest(&track).cloned());
        let supersedes = |latest: &ReleaseVersion| {
            let open = record.iter().flat_map(|record| &record.quarantines);
            open.filter(|quarantine| quarantine.superseded_by.is_none())
                .any(|quarantine| latest.is_newer_than(&quarantine.release_version))
        };
        changes.extend(latest.filter(supersedes).map(FleetChange::Supersede));
    }
    let candidates = releases_to_quarantine(fleet.records.readable(), record, settings.quarantine_after);
    let quarantine = |candidate: QuarantineCandidate| {
        FleetChange::Quarantine(candidate.release_version, candidate.nodegroups.into(), *now)
    };
    changes.extend(candidates.into_iter().map(quarantine));
    for release in &request.lift_quarantine {
        let is_quarantined = record.is_some_and(|record| record.quarantined(release).is_some())
            || changes.iter().any(|change| matches!(change, FleetChange::Quarantine(new, ..) if new == release));
        if is_quarantined {
            changes.push(FleetChange::LiftQuarantine(release.clone(), *now));
        } else {
            errors.push(Problem::of_run(format!("the release {release} is not quarantined, so nothing is lifted")));
        }
    }
    changes
}

/// What a plan has to leave in the records: what must be published of node groups that are not updated.
#[must_use]
pub fn reports(plan: &Plan, now: Timestamp) -> Reconciled {
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
    reconciled
}

impl Reconciled {
    fn change(&mut self, id: &NodegroupId, change: NodegroupChange) {
        self.nodegroups.entry(id.clone()).or_default().push(change);
    }
}

impl NodegroupChange {
    /// Makes the change. All of them are made to node groups that have the tag.
    pub fn apply(&self, record: &mut NodegroupRecord) {
        record.opted_in = Some(YES.to_owned());
        match self {
            Self::Adopt(update) => record.adopt(update),
            Self::AllowRetry(at) => record.allow_retry(*at),
            Self::ReportAvailable { version, release_version, at } => {
                record.report_available(version, release_version, *at);
            }
            Self::ReportInvalidTag(tag, at) => record.report_invalid_tag(tag, *at),
        }
    }
}

impl FleetChange {
    /// Makes the change.
    pub fn apply(&self, record: &mut FleetRecord) {
        match self {
            Self::Supersede(latest) => record.supersede(latest),
            Self::Quarantine(release, nodegroups, at) => record.quarantine(release, nodegroups, *at),
            Self::LiftQuarantine(release, at) => record.lift_quarantine(release, *at),
        }
    }
}
