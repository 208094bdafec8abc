//! Quarantine: no node group is updated to a release that failed on several, for causes that point at the release.
//!
//! It has two scopes: a release that fails on several node groups of one cluster is quarantined there, and a release that fails
//! in several clusters is quarantined in the fleet.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::input::PlanInput;
use crate::model::decision::reason::Reason;
use crate::model::id::{ClusterId, NodegroupId, NodegroupName};
use crate::model::nodegroup::Nodegroup;
use crate::model::observed::releases::Available;
use crate::model::record::fleet::{FleetRecord, Quarantine};
use crate::model::record::nodegroup::NodegroupRecord;
use crate::model::release::selector::day_of;
use crate::model::release::track::TrackKey;
use crate::model::release::version::ReleaseVersion;
use crate::model::unknown::Unknown;

/// The maximum number of releases of the same build in a quarantine.
const SAME_BUILD: usize = 10;

/// A release of a track.
type TrackRelease = (TrackKey, String);

/// The new quarantines, for failures since the last one was lifted.
#[must_use]
pub fn quarantines_due(input: &PlanInput<'_>) -> Vec<Quarantine> {
    let fleet = input.fleet.record().ok().flatten();
    let mut due = Vec::new();
    for (release, failures) in failures(input, fleet) {
        let mut in_clusters: BTreeMap<ClusterId, Vec<&NodegroupName>> = BTreeMap::new();
        for (_, record) in &failures {
            in_clusters.entry(record.id.cluster_id()).or_default().push(record.id.name());
        }
        let is_quarantined = |cluster: Option<&ClusterId>| {
            fleet.is_some_and(|fleet| fleet.is_quarantined_in(&release.0, &release.1, cluster))
        };
        let after = input.settings.quarantine_after;
        let bad_clusters: BTreeSet<ClusterId> = in_clusters
            .iter()
            .filter(|(cluster, failed)| failed.len() >= after || is_quarantined(Some(*cluster)))
            .map(|(cluster, _)| cluster.clone())
            .collect();
        // Of a part of the fleet it is unknown whether other clusters run the track.
        let is_whole = input.fleet.narrow.is_none();
        let in_all = is_whole && !bad_clusters.is_empty() && clusters_on(input, &release.0).is_subset(&bad_clusters);
        if (in_clusters.len() >= after || in_all) && !is_quarantined(None) {
            let failed = failures.iter().map(|(_, record)| record.id.name().clone()).collect();
            due.push(quarantine(input, &release, None, failed));
            continue;
        }
        for cluster in bad_clusters.into_iter().filter(|cluster| !is_quarantined(Some(cluster))) {
            let failed = in_clusters.get(&cluster).into_iter().flatten().map(|name| (*name).clone()).collect();
            due.push(quarantine(input, &release, Some(cluster), failed));
        }
    }
    due
}

/// The node groups on which each release failed, in the order of their failures; each once.
fn failures<'a>(
    input: &PlanInput<'a>,
    fleet: Option<&FleetRecord>,
) -> BTreeMap<TrackRelease, Vec<(Timestamp, &'a NodegroupRecord)>> {
    let mut failures: BTreeMap<TrackRelease, Vec<(Timestamp, &NodegroupRecord)>> = BTreeMap::new();
    for record in input.fleet.records.readable() {
        let mut counted = BTreeSet::new();
        for (attempt, at) in record.blames() {
            let release = (attempt.intent.track(), attempt.intent.release_version.clone());
            let last_lifted = fleet.and_then(|fleet| fleet.last_lifted(&release.0, &release.1));
            if last_lifted.is_none_or(|lifted| at > lifted) && counted.insert(release.clone()) {
                failures.entry(release).or_default().push((at, record));
            }
        }
    }
    for of_release in failures.values_mut() {
        of_release.sort_by(|left, right| (left.0, left.1.id.arn()).cmp(&(right.0, right.1.id.arn())));
    }
    failures
}

/// The clusters in which a node group of this track is kept up to date.
fn clusters_on(input: &PlanInput<'_>, track: &TrackKey) -> BTreeSet<ClusterId> {
    let nodegroups = input.fleet.nodegroups.iter().filter_map(|discovered| discovered.nodegroup());
    let on_track = |nodegroup: &&Nodegroup| {
        nodegroup.rules().is_some()
            && nodegroup.ami_type == track.ami_type
            && nodegroup.kubernetes_version.as_ref() == Some(&track.version)
    };
    nodegroups.filter(on_track).map(|nodegroup| nodegroup.id.cluster_id()).collect()
}

fn quarantine(
    input: &PlanInput<'_>,
    (track, release): &TrackRelease,
    cluster: Option<ClusterId>,
    failed: Vec<NodegroupName>,
) -> Quarantine {
    let came_up = |record: &&NodegroupRecord| {
        record
            .successes()
            .any(|(attempt, _)| attempt.intent.track() == *track && attempt.intent.release_version == *release)
    };
    let blames = input.fleet.records.readable().flat_map(|record| record.blames());
    let previous = blames
        .map(|(attempt, _)| &attempt.intent)
        .find(|intent| intent.track() == *track && intent.release_version == *release)
        .map(|intent| intent.previous_release_version.clone());
    let ran_on: Vec<NodegroupName> =
        input.fleet.records.readable().filter(came_up).map(|record| record.id.name().clone()).collect();
    Quarantine {
        version: track.version.clone(),
        ami_type: track.ami_type.as_str().to_owned(),
        release_version: release.clone(),
        cluster,
        since: input.now,
        nodegroups: failed.into(),
        ran_on: ran_on.into(),
        previous_release_version: previous.unwrap_or_default(),
        same_build: same_build(input, track, release),
        lifted_at: None,
        superseded_by: None,
        unknown: Unknown::default(),
    }
}

/// The releases of the same build on other tracks: for Amazon Linux and Windows those of the same day, for Bottlerocket the
/// same release with another Kubernetes version.
fn same_build(input: &PlanInput<'_>, track: &TrackKey, release: &str) -> Vec<String> {
    let day = day_of(release);
    let mut same_build = Vec::new();
    for (other, available) in input.releases.iter().filter(|(other, _)| *other != track) {
        let Available::Releases(releases) = available else { continue };
        let is_same_build = |text: &str| match &day {
            Some(day) => day_of(text).as_ref() == Some(day),
            None => text == release && other.ami_type == track.ami_type,
        };
        let found = releases.iter().filter(|known| is_same_build(known.version.as_str()));
        same_build.extend(found.map(|known| format!("{other}/{}", known.version)));
    }
    same_build.truncate(SAME_BUILD);
    same_build
}

/// Whether a release of a track is quarantined for a node group, and since when.
pub(super) fn not_quarantined(
    input: &PlanInput<'_>,
    nodegroup: &NodegroupId,
    track: &TrackKey,
    release: &ReleaseVersion,
) -> Result<(), Reason> {
    let fleet = input.fleet.record().ok().flatten();
    let held = fleet.and_then(|fleet| fleet.quarantined_for(track, release.as_str(), nodegroup));
    match held {
        Some(held) => {
            let cluster = held.cluster.as_ref().map(|cluster| cluster.name().to_owned());
            Err(Reason::Quarantined { target: release.clone(), since: held.since, cluster })
        }
        None => Ok(()),
    }
}
