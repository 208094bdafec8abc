//! Quarantine: a release that fails on several node groups, for causes that point at the release, starts nowhere any more.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Facts;
use crate::model::reason::Reason;
use crate::model::record::Record;
use crate::model::release_version::ReleaseVersion;

/// A release that has failed on so many node groups that it is to be quarantined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spread {
    /// The release.
    pub release_version: String,
    /// The node groups that it failed on, in the order of their failures.
    pub nodegroups: Vec<String>,
}

/// The releases that have to be quarantined now: those that failed on as many node groups as the setting says, since the
/// quarantine was last lifted.
#[must_use]
pub fn spreading<'a>(records: impl Iterator<Item = &'a Record> + Clone, quarantine_after: usize) -> Vec<Spread> {
    let mut failures: BTreeMap<&str, Vec<(Timestamp, &Record)>> = BTreeMap::new();
    for record in records.clone() {
        for (release, at) in record.blamed_releases() {
            let of_release = failures.entry(release).or_default();
            let lifted = records.clone().filter_map(|record| record.quarantine_lifted(release)).max();
            let counted = of_release.iter().any(|(_, counted)| counted.nodegroup_arn == record.nodegroup_arn);
            if !counted && lifted.is_none_or(|lifted| at > lifted) {
                of_release.push((at, record));
            }
        }
    }
    let spread = |(release, mut failures): (&str, Vec<(Timestamp, &Record)>)| {
        failures.sort_by(|left, right| (left.0, &left.1.nodegroup_arn).cmp(&(right.0, &right.1.nodegroup_arn)));
        if failures.len() < quarantine_after {
            return None;
        }
        let known = records.clone().any(|record| record.quarantined(release).is_some());
        (!known).then(|| Spread {
            release_version: release.to_owned(),
            nodegroups: failures.iter().map(|(_, record)| record.id().to_string()).collect(),
        })
    };
    failures.into_iter().filter_map(spread).collect()
}

pub(super) fn not_quarantined(facts: &Facts<'_>, release: &ReleaseVersion) -> Result<(), Reason> {
    let records = facts.records.values().filter_map(|record| record.as_ref().ok());
    let since = records.filter_map(|record| record.quarantined(release.as_str())).min();
    since.map_or(Ok(()), |since| Err(Reason::Quarantined { target: release.to_string(), since }))
}
