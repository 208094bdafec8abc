//! Quarantine: no node group is updated to a release that fails on several, for causes that point at the release.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::model::fleet_record::FleetRecord;
use crate::model::nodegroup_record::NodegroupRecord;
use crate::model::reason::Reason;
use crate::model::release_version::ReleaseVersion;
use crate::model::subject::NodegroupName;

/// A release that has failed on so many node groups that it is to be quarantined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineCandidate {
    /// The release.
    pub release_version: String,
    /// The node groups that it failed on, in the order of their failures.
    pub nodegroups: Vec<NodegroupName>,
}

/// The releases that have to be quarantined now: those that failed on as many node groups as the setting says, since the
/// quarantine was last lifted.
#[must_use]
pub fn releases_to_quarantine<'a>(
    records: impl Iterator<Item = &'a NodegroupRecord>,
    fleet: Option<&FleetRecord>,
    quarantine_after: usize,
) -> Vec<QuarantineCandidate> {
    let mut last_lifted: BTreeMap<&str, Timestamp> = BTreeMap::new();
    for quarantine in fleet.into_iter().flat_map(|fleet| &fleet.quarantines) {
        if let Some(at) = quarantine.lifted_at {
            let last = last_lifted.entry(&quarantine.release_version).or_insert(at);
            *last = at.max(*last);
        }
    }
    let mut failures: BTreeMap<&str, Vec<(Timestamp, &NodegroupRecord)>> = BTreeMap::new();
    for record in records {
        for (release, at) in record.blamed_releases() {
            let of_release = failures.entry(release).or_default();
            // A record's failures come one after another.
            let counted = of_release.last().is_some_and(|(_, last)| last.id == record.id);
            if !counted && last_lifted.get(release).is_none_or(|lifted| at > *lifted) {
                of_release.push((at, record));
            }
        }
    }
    let candidate = |(release, mut failures): (&str, Vec<(Timestamp, &NodegroupRecord)>)| {
        failures.sort_by(|left, right| (left.0, left.1.id.arn()).cmp(&(right.0, right.1.id.arn())));
        let is_new = fleet.is_none_or(|fleet| fleet.quarantined(release).is_none());
        (failures.len() >= quarantine_after && is_new).then(|| QuarantineCandidate {
            release_version: release.to_owned(),
            nodegroups: failures.iter().map(|(_, record)| record.id.name().clone()).collect(),
        })
    };
    failures.into_iter().filter_map(candidate).collect()
}

/// Whether a release is quarantined, and since when.
pub(super) fn not_quarantined(fleet: Option<&FleetRecord>, release: &ReleaseVersion) -> Result<(), Reason> {
    let since = |fleet: &FleetRecord| fleet.quarantined(release.as_str()).map(|quarantine| quarantine.since);
    match fleet.and_then(since) {
        Some(since) => Err(Reason::Quarantined { target: release.clone(), since }),
        None => Ok(()),
    }
}
