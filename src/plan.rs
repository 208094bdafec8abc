//! Decides what to do with each node group: pure, total, and final. What the plan says is what runs, and what a dry run
//! prints.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::fmt;

use aws_sdk_eks::types::NodegroupStatus;
use jiff::Timestamp;

use crate::config::{Limits, RetryAfter};
use crate::discover::{Found, Seen};
use crate::event::StartEvent;
use crate::model::ami_type::{Family, Line, NoLine};
use crate::model::nodegroup::{Nodegroup, NodegroupId};
use crate::model::policy::{OPT_IN_TAG, Policy};
use crate::model::reason::{Limit, Reason};
use crate::model::record::Record;
use crate::model::release_version::ReleaseVersion;
use crate::resolve::{Newest, Releases};

/// Everything a plan is made from.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// What was found, in the order in which it is planned.
    pub found: &'a [Found],
    /// The newest releases.
    pub releases: &'a Releases,
    /// The records by ARN, or why one could not be read.
    pub records: &'a HashMap<String, Result<Record, String>>,
    /// Which node groups the event wants.
    pub event: &'a StartEvent,
    /// How much may be under way.
    pub limits: Limits,
    /// When a failed release is tried again.
    pub retry_after: &'a RetryAfter,
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
    Start(Start),
    /// Nothing starts, and why.
    Wait(Reason),
}

/// The update that starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// The Kubernetes version to send: the node group's own.
    pub version: String,
    /// The release to send.
    pub release_version: String,
    /// The release that runs.
    pub previous_release_version: String,
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, release_version, previous_release_version } = self;
        write!(f, "from {previous_release_version} to {release_version} (Kubernetes {version})")
    }
}

/// Decides for every node group that was found, and for every one that the event names and that was not.
#[must_use]
pub fn plan(facts: &Facts<'_>) -> Vec<Decision> {
    let mut room = Room::new(facts);
    let mut decisions: Vec<Decision> = facts
        .found
        .iter()
        .map(|found| {
            let verdict = candidate(facts, found).and_then(|start| room.take(&found.id.cluster).map(|()| start));
            Decision { id: found.id.clone(), verdict: verdict.map_or_else(Verdict::Wait, Verdict::Start) }
        })
        .collect();
    decisions.extend(facts.event.nodegroups.iter().filter_map(|path| not_found(facts, path)));
    decisions
}

/// The update that a node group could get if there were no other node groups; or the first reason against it.
fn candidate(facts: &Facts<'_>, found: &Found) -> Result<Start, Reason> {
    if !facts.event.wants(&found.id.cluster, &found.id.name) {
        return Err(Reason::Excluded);
    }
    let nodegroup = match &found.now {
        Seen::Nodegroup(nodegroup) => nodegroup,
        Seen::Gone => return Err(Reason::Deleted),
        Seen::Unreadable(error) => return Err(Reason::CouldNotBeRead { error: error.clone() }),
    };
    opted_in(nodegroup)?;
    let record = match facts.records.get(&found.id.arn) {
        Some(Ok(record)) => Some(record),
        Some(Err(error)) => return Err(Reason::CouldNotBeRead { error: error.clone() }),
        None => None,
    };
    not_in_progress(nodegroup, record)?;
    let (start, target) = newer_release(facts.releases, nodegroup)?;
    if nodegroup.policy == Policy::Notify {
        return Err(Reason::ReportOnly { target });
    }
    healthy(nodegroup)?;
    not_failed_before(facts, record, target.as_str())?;
    Ok(start)
}

fn opted_in(nodegroup: &Nodegroup) -> Result<(), Reason> {
    match &nodegroup.policy {
        Policy::Auto | Policy::Notify => Ok(()),
        Policy::NotOptedIn => Err(Reason::NotOptedIn),
        Policy::Unknown { key, value } if key == OPT_IN_TAG => Err(Reason::UnknownTagValue { value: value.clone() }),
        Policy::Unknown { key, value } => Err(Reason::UnknownRule { key: key.clone(), value: value.clone() }),
    }
}

/// Also keeps a group from being judged by a release that is just being replaced.
fn not_in_progress(nodegroup: &Nodegroup, record: Option<&Record>) -> Result<(), Reason> {
    match record.and_then(|record| record.open.as_ref()) {
        Some(attempt) => Err(Reason::InProgress { since: Some(attempt.started_at) }),
        None if nodegroup.status == NodegroupStatus::Updating => Err(Reason::InProgress { since: None }),
        None => Ok(()),
    }
}

/// The newest release, where it is newer than the one that runs.
fn newer_release(releases: &Releases, nodegroup: &Nodegroup) -> Result<(Start, ReleaseVersion), Reason> {
    let unreadable = |error: String| Reason::CouldNotBeRead { error };
    let missing = |field: &str| unreadable(format!("EKS described the node group without {field}"));
    let version = nodegroup.kubernetes_version.as_deref();
    let ami_type = nodegroup.ami_type.as_str();
    // A custom AMI has no line whatever the version, so that a group for which EKS names none still gets its real reason.
    let line = Line::of(&nodegroup.ami_type, version.unwrap_or_default()).map_err(|no_line| match no_line {
        NoLine::Custom => Reason::CustomAmi,
        NoLine::Unknown => Reason::UnknownAmiType { ami_type: ami_type.to_owned() },
    })?;
    let version = version.ok_or_else(|| missing("version"))?;
    let current = nodegroup.release_version.as_deref().ok_or_else(|| missing("releaseVersion"))?;
    let ended = line.family == Family::AmazonLinux2;
    let target = match releases.newest(version, &nodegroup.ami_type) {
        Some(Newest::Release(release)) => release.clone(),
        Some(Newest::Unreadable(error)) => return Err(unreadable(error.clone())),
        Some(Newest::NotPublished) | None => {
            let (version, ami_type) = (version.to_owned(), ami_type.to_owned());
            return Err(Reason::NoRelease { version, ami_type, ended });
        }
    };
    let order = ReleaseVersion::parse(line.family, current).and_then(|current| target.compare(&current));
    match order {
        Ok(Ordering::Greater) => {
            let start = Start {
                version: version.to_owned(),
                release_version: target.to_string(),
                previous_release_version: current.to_owned(),
            };
            Ok((start, target))
        }
        Ok(Ordering::Equal) if ended => Err(Reason::LineEnded { current: current.to_owned() }),
        Ok(Ordering::Equal) => Err(Reason::UpToDate { current: current.to_owned() }),
        Ok(Ordering::Less) => Err(Reason::NewerThanOffered { current: current.to_owned(), target }),
        Err(error) => Err(Reason::NotComparable { current: current.to_owned(), target, error }),
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

fn not_failed_before(facts: &Facts<'_>, record: Option<&Record>, target: &str) -> Result<(), Reason> {
    let Some(record) = record else { return Ok(()) };
    let failures = record.failures(target).count();
    let Some(last) = record.failures(target).last() else { return Ok(()) };
    let until = facts.retry_after.next_try(failures, last.ended_at.unwrap_or(last.started_at));
    match until {
        Some(until) if until <= facts.now => Ok(()),
        until => Err(Reason::FailedBefore { target: target.to_owned(), failures, status: last.status, until }),
    }
}

/// A node group that the event names, and that is not among those with the tag.
fn not_found(facts: &Facts<'_>, path: &str) -> Option<Decision> {
    let (cluster, name) = path.split_once('/')?;
    let found = facts.found.iter().any(|found| (found.id.cluster.as_str(), found.id.name.as_str()) == (cluster, name));
    let id = NodegroupId { cluster: cluster.to_owned(), name: name.to_owned(), arn: String::new() };
    (!found).then_some(Decision { id, verdict: Verdict::Wait(Reason::NotFound) })
}

/// What the limits leave.
struct Room<'a> {
    limits: Limits,
    in_progress: BTreeMap<&'a str, usize>,
    starts: usize,
}

impl<'a> Room<'a> {
    fn new(facts: &Facts<'a>) -> Self {
        let mut in_progress = BTreeMap::new();
        for found in facts.found {
            let updating =
                matches!(&found.now, Seen::Nodegroup(nodegroup) if nodegroup.status == NodegroupStatus::Updating);
            let record = facts.records.get(&found.id.arn).and_then(|record| record.as_ref().ok());
            let open = record.is_some_and(|record| record.open.is_some());
            *in_progress.entry(found.id.cluster.as_str()).or_insert(0) += usize::from(updating || open);
        }
        Self { limits: facts.limits, in_progress, starts: 0 }
    }

    fn take(&mut self, cluster: &'a str) -> Result<(), Reason> {
        let in_cluster = self.in_progress.entry(cluster).or_insert(0);
        let limit = if *in_cluster >= self.limits.updates_per_cluster {
            Some(Limit::PerCluster(self.limits.updates_per_cluster))
        } else if self.starts >= self.limits.starts_per_run {
            Some(Limit::PerRun(self.limits.starts_per_run))
        } else {
            None
        };
        if let Some(limit) = limit {
            return Err(Reason::OverLimit(limit));
        }
        *in_cluster += 1;
        self.starts += 1;
        Ok(())
    }
}
