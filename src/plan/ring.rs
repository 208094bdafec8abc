//! Rings: a ring takes a release when every node group of the earlier rings that can run it has proved it.

use std::cmp::Ordering;

use super::{Facts, eligible};
use crate::discover::{Found, Seen};
use crate::model::ami_type::Line;
use crate::model::nodegroup::Nodegroup;
use crate::model::policy::{Policy, Rules};
use crate::model::reason::{Reason, RingWait};
use crate::model::record::Record;
use crate::model::release_version::ReleaseVersion;
use jiff::Timestamp;

/// Whether the earlier rings have proved a release at a Kubernetes version. A ring with nobody in it proves nothing and is
/// passed.
///
/// # Errors
/// The node group that the ring waits for longest.
pub(super) fn passed(
    facts: &Facts<'_>,
    nodegroup: &Nodegroup,
    rules: &Rules,
    version: &str,
    target: &ReleaseVersion,
) -> Result<(), Reason> {
    if rules.ring == 0 {
        return Ok(());
    }
    let waits = facts.found.iter().filter_map(|found| {
        let wait = waits_for(facts, nodegroup, rules.ring, version, target, found)?;
        Some((found.id.to_string(), wait))
    });
    // The one that holds the ring up longest: those of which nobody knows how long before those that are soaking.
    let longest = waits.reduce(|first, next| match (first.1, next.1) {
        (RingWait::Soaking(first_until), RingWait::Soaking(until)) if first_until >= until => first,
        (RingWait::Soaking(_), _) => next,
        _ => first,
    });
    longest.map_or(Ok(()), |(nodegroup, wait)| Err(Reason::RingWaits { target: target.clone(), nodegroup, wait }))
}

fn waits_for(
    facts: &Facts<'_>,
    nodegroup: &Nodegroup,
    ring: u32,
    version: &str,
    target: &ReleaseVersion,
    found: &Found,
) -> Option<RingWait> {
    let other = match &found.now {
        Seen::Nodegroup(other) => other,
        Seen::Gone => return None,
        // Which ring and release it has is not known, so it may be one that has not proved the release.
        Seen::Unreadable(_) => return Some(RingWait::Unreadable),
    };
    if other.ami_type != nodegroup.ami_type {
        return None;
    }
    // What its tags were meant to say is not known, so it may be one that has to prove the release.
    if let Policy::Malformed { ring: malformed, .. } = &other.policy {
        let same_line = other.kubernetes_version.as_deref() == Some(version);
        let earlier = malformed.is_none_or(|malformed| malformed < ring);
        return (same_line && earlier && other.id != nodegroup.id).then_some(RingWait::Malformed);
    }
    let rules = other.rules().filter(|rules| rules.ring < ring)?;
    if !can_run(facts, other, rules, version, target) {
        return None;
    }
    let record = match facts.records.get(&found.id.arn) {
        Some(Err(_)) => return Some(RingWait::Unreadable),
        Some(Ok(record)) => Some(record),
        None => None,
    };
    proof(facts, other, record, version, target).err()
}

/// Whether a node group will get the release some day. One that is pinned elsewhere, or stays on another Kubernetes version,
/// holds nobody up.
fn can_run(facts: &Facts<'_>, other: &Nodegroup, rules: &Rules, version: &str, target: &ReleaseVersion) -> bool {
    if rules.pin.as_ref().is_some_and(|pin| pin != target.as_str()) {
        return false;
    }
    let follows = || eligible::next_version(other, rules, facts.clusters).ok().flatten();
    other.kubernetes_version.as_deref() == Some(version) || follows().as_deref() == Some(version)
}

/// Whether a node group has run the release, or a newer one of its line, for the soak time, and it did not fail there.
fn proof(
    facts: &Facts<'_>,
    other: &Nodegroup,
    record: Option<&Record>,
    version: &str,
    target: &ReleaseVersion,
) -> Result<(), RingWait> {
    let reached = |release: &str| {
        let family = Line::of(&other.ami_type, version).ok().map(|line| line.family)?;
        ReleaseVersion::parse(family, release).ok()?.compare(target).ok()
    };
    let there = other.release_version.as_deref().and_then(reached).is_some_and(Ordering::is_ge);
    if !there {
        let failed = record.is_some_and(|record| record.failures(target.as_str()).next().is_some());
        return Err(if failed { RingWait::Failed } else { RingWait::NotThere });
    }
    let successes = record.into_iter().flat_map(Record::successes);
    let since = successes.filter(|(release, _)| reached(release).is_some_and(Ordering::is_ge)).map(|(_, at)| at).min();
    // A group that came to the release without us runs it since it last changed, at the latest.
    let since = since.or(other.modified_at).unwrap_or(facts.now);
    let until = since.saturating_add(facts.fleet.ring_soak).unwrap_or(Timestamp::MAX);
    if until <= facts.now { Ok(()) } else { Err(RingWait::Soaking(until)) }
}
