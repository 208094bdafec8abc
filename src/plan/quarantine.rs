//! Quarantine: a release that fails on several node groups, for causes that point at the release, starts nowhere any more.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::model::reason::Reason;
use crate::model::record::{Quarantine, Record};
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
    let known = Quarantined::of(records.clone());
    let mut last_lifted: BTreeMap<&str, Timestamp> = BTreeMap::new();
    for quarantine in records.clone().flat_map(|record| &record.quarantines) {
        if let Some(at) = quarantine.lifted_at {
            let last = last_lifted.entry(&quarantine.release_version).or_insert(at);
            *last = at.max(*last);
        }
    }
    let mut failures: BTreeMap<&str, Vec<(Timestamp, &Record)>> = BTreeMap::new();
    for record in records {
        for (release, at) in record.blamed_releases() {
            let of_release = failures.entry(release).or_default();
            // A record's failures come one after another.
            let counted = of_release.last().is_some_and(|(_, last)| last.nodegroup_arn == record.nodegroup_arn);
            if !counted && last_lifted.get(release).is_none_or(|lifted| at > *lifted) {
                of_release.push((at, record));
            }
        }
    }
    let spread = |(release, mut failures): (&str, Vec<(Timestamp, &Record)>)| {
        failures.sort_by(|left, right| (left.0, &left.1.nodegroup_arn).cmp(&(right.0, &right.1.nodegroup_arn)));
        let news = failures.len() >= quarantine_after && !known.0.contains_key(release);
        news.then(|| Spread {
            release_version: release.to_owned(),
            nodegroups: failures.iter().map(|(_, record)| record.id().to_string()).collect(),
        })
    };
    failures.into_iter().filter_map(spread).collect()
}

/// The quarantined releases, and since when each is.
pub(super) struct Quarantined<'a>(BTreeMap<&'a str, Timestamp>);

impl<'a> Quarantined<'a> {
    pub(super) fn of(records: impl Iterator<Item = &'a Record>) -> Self {
        let mut all = BTreeMap::new();
        let held = records.flat_map(|record| &record.quarantines).filter(|quarantine| quarantine.lifted_at.is_none());
        for Quarantine { release_version, since, .. } in held {
            let earliest = all.entry(release_version.as_str()).or_insert(*since);
            *earliest = *since.min(earliest);
        }
        Self(all)
    }

    pub(super) fn allows(&self, release: &ReleaseVersion) -> Result<(), Reason> {
        match self.0.get(release.as_str()) {
            Some(since) => Err(Reason::Quarantined { target: release.to_string(), since: *since }),
            None => Ok(()),
        }
    }
}
