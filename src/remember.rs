//! Takes into the records what has to be remembered before the plan: updates that somebody else started, what the event asks
//! to forgive or to lift, and releases whose failures have spread.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_eks::Client;
use aws_sdk_eks::types::NodegroupStatus;
use futures_util::{StreamExt, stream};
use jiff::Timestamp;

use crate::adopt::{Foreign, find_foreign};
use crate::aws::CONCURRENCY;
use crate::discover::{Clusters, Found, Seen};
use crate::event::StartEvent;
use crate::model::nodegroup::{Nodegroup, NodegroupId};
use crate::model::policy::Policy;
use crate::model::record::Record;
use crate::model::release_version::ReleaseVersion;
use crate::plan::{lines, spreading};
use crate::resolve::{Offer, Releases};

/// The records by ARN, or why one could not be read.
pub type Loaded = HashMap<String, Result<Record, String>>;

/// What the run knows already.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The node groups that were found.
    pub found: &'a [Found],
    /// Names the record of the whole fleet, if there is a fleet.
    pub fleet: Option<&'a NodegroupId>,
    /// The Kubernetes versions of the clusters that a node group follows.
    pub clusters: &'a Clusters,
    /// The newest release of each line.
    pub newest: &'a Releases,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Remembered {
    /// The ARNs of the records that changed, or what kept one from changing.
    pub changed: BTreeMap<String, Result<(), String>>,
    /// What the event asks for and cannot be done.
    pub problems: Vec<String>,
}

/// Changes the records.
pub async fn remember(
    eks: &Client,
    quarantine_after: usize,
    event: &StartEvent,
    known: &Known<'_>,
    records: &mut Loaded,
    now: Timestamp,
) -> Remembered {
    let Remembered { mut changed, mut problems } = Remembered::default();
    for (arn, adopted) in adopt_all(eks, known.found, records, now).await {
        let outcome = adopted.map(|record| drop(records.insert(arn.clone(), Ok(record))));
        changed.insert(arn, outcome);
    }
    for found in known.found.iter().filter(|found| event.retry.contains(&found.id.to_string())) {
        let arn = &found.id.arn;
        if let Some(Ok(record)) = records.get_mut(arn)
            && record.forgive(now)
        {
            changed.entry(arn.clone()).or_insert(Ok(()));
        }
    }
    if let Some(fleet) = known.fleet
        && quarantine(fleet, quarantine_after, known, records, now)
    {
        changed.insert(fleet.arn.clone(), Ok(()));
    }
    for release in &event.lift_quarantine {
        let lifted = known.fleet.and_then(|fleet| records.get_mut(&fleet.arn)?.as_mut().ok());
        if lifted.is_some_and(|record| record.lift_quarantine(release, now)) {
            changed.extend(known.fleet.map(|fleet| (fleet.arn.clone(), Ok(()))));
        } else {
            problems.push(format!("the release {release} is not quarantined, so nothing is lifted"));
        }
    }
    Remembered { changed, problems }
}

/// The records of the node groups that somebody else is updating, with that update; or why it could not be looked for.
async fn adopt_all(
    eks: &Client,
    found: &[Found],
    records: &Loaded,
    now: Timestamp,
) -> Vec<(String, Result<Record, String>)> {
    let updating = found.iter().filter_map(|found| match &found.now {
        Seen::Nodegroup(nodegroup) if is_updating(nodegroup) => Some(nodegroup.as_ref()),
        _ => None,
    });
    let without_attempt = updating.filter_map(|nodegroup| match records.get(&nodegroup.id.arn) {
        Some(Ok(record)) => record.open.is_none().then(|| (nodegroup, record.clone())),
        Some(Err(_)) => None,
        None => Some((nodegroup, Record::new(&nodegroup.id))),
    });
    let lookups = without_attempt.map(|(nodegroup, record)| adopt(eks, nodegroup, record, now));
    stream::iter(lookups).buffer_unordered(CONCURRENCY).filter_map(std::future::ready).collect().await
}

fn is_updating(nodegroup: &Nodegroup) -> bool {
    nodegroup.status == NodegroupStatus::Updating && matches!(nodegroup.policy, Policy::OptedIn(..))
}

/// Takes up the update that somebody else started on a node group, if there is one.
async fn adopt(
    eks: &Client,
    nodegroup: &Nodegroup,
    mut record: Record,
    now: Timestamp,
) -> Option<(String, Result<Record, String>)> {
    let adopted = match find_foreign(eks, nodegroup, &record, now).await {
        Ok(foreign) => {
            let Foreign { update_id, intent, started_at } = foreign?;
            record.adopt(&update_id, &intent, started_at);
            Ok(record)
        }
        Err(error) => Err(format!("looking for somebody else's update: {error}")),
    };
    Some((nodegroup.id.arn.clone(), adopted))
}

/// Begins and supersedes quarantines in the record of the whole fleet. Returns whether it changed.
fn quarantine(
    fleet: &NodegroupId,
    quarantine_after: usize,
    known: &Known<'_>,
    records: &mut Loaded,
    now: Timestamp,
) -> bool {
    let spreads = spreading(records.values().filter_map(|record| record.as_ref().ok()), quarantine_after);
    let before = records.get(&fleet.arn).cloned();
    if let Ok(record) = records.entry(fleet.arn.clone()).or_insert_with(|| Ok(Record::new(fleet))) {
        for release in known.found.iter().flat_map(|found| newest_of(found, known)) {
            record.supersede(release);
        }
        for spread in spreads {
            record.quarantine(&spread.release_version, &spread.nodegroups, now);
        }
    }
    let after = records.get(&fleet.arn);
    after != before.as_ref() && after != Some(&Ok(Record::new(fleet)))
}

/// The newest release of each line that matters for a node group.
fn newest_of<'a>(found: &Found, known: &Known<'a>) -> impl Iterator<Item = &'a ReleaseVersion> {
    lines(found, known.clusters).into_iter().filter_map(|line| match known.newest.offer(&line)? {
        Offer::Releases(releases) => releases.first().map(|published| &published.release),
        Offer::NotPublished | Offer::Unreadable(_) => None,
    })
}
