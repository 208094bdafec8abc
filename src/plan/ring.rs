//! Rings: a ring takes a release when every node group of the earlier rings that can run it has proved it.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use aws_sdk_eks::types::AmiTypes;
use jiff::Timestamp;

use super::{Facts, eligible};
use crate::discover::{Found, Seen};
use crate::model::ami_type::Line;
use crate::model::nodegroup::Nodegroup;
use crate::model::policy::{Policy, Rules};
use crate::model::reason::{Reason, RingWait};
use crate::model::record::Record;
use crate::model::release_version::ReleaseVersion;
use crate::resolve::LineKey;

/// Before a ring: which release it would take, and of which line.
#[derive(Clone, Copy)]
pub(super) struct Gate<'a> {
    pub(super) ring: u32,
    pub(super) ami_type: &'a AmiTypes,
    pub(super) version: &'a str,
    pub(super) target: &'a ReleaseVersion,
}

/// What is waited for at each gate: found out once, however many node groups come to it.
#[derive(Default)]
pub(super) struct Gates(BTreeMap<(LineKey, u32, String), Option<(String, RingWait)>>);

impl Gates {
    /// Whether the earlier rings have proved the release. A ring with nobody in it proves nothing and is passed.
    ///
    /// # Errors
    /// The node group that the ring waits for longest.
    pub(super) fn passed(&mut self, facts: &Facts<'_>, gate: Gate<'_>) -> Result<(), Reason> {
        if gate.ring == 0 {
            return Ok(());
        }
        let key = (LineKey::new(gate.version, gate.ami_type), gate.ring, gate.target.to_string());
        match self.0.entry(key).or_insert_with(|| longest_wait(facts, gate)) {
            Some((nodegroup, wait)) => {
                Err(Reason::RingWaits { target: gate.target.clone(), nodegroup: nodegroup.clone(), wait: *wait })
            }
            None => Ok(()),
        }
    }
}

/// The node group that holds the ring up longest: those of which nobody knows how long before those that are soaking.
fn longest_wait(facts: &Facts<'_>, gate: Gate<'_>) -> Option<(String, RingWait)> {
    let waits = facts.found.iter().filter_map(|found| Some((found, waits_for(facts, gate, found)?)));
    let longest = waits.reduce(|first, next| match (first.1, next.1) {
        (RingWait::Soaking(first_until), RingWait::Soaking(until)) if first_until >= until => first,
        (RingWait::Soaking(_), _) => next,
        _ => first,
    });
    longest.map(|(found, wait)| (found.id.to_string(), wait))
}

fn waits_for(facts: &Facts<'_>, gate: Gate<'_>, found: &Found) -> Option<RingWait> {
    let other = match &found.now {
        Seen::Nodegroup(other) => other,
        Seen::Gone => return None,
        // Which ring and release it has is not known, so it may be one that has not proved the release.
        Seen::Unreadable(_) => return Some(RingWait::Unreadable),
    };
    if other.ami_type != *gate.ami_type {
        return None;
    }
    // What its tags were meant to say is not known, so it may be one that has to prove the release.
    if let Policy::Malformed { ring: malformed, .. } = &other.policy {
        let same_line = other.kubernetes_version.as_deref() == Some(gate.version);
        let earlier = malformed.is_none_or(|malformed| malformed < gate.ring);
        return (same_line && earlier).then_some(RingWait::Malformed);
    }
    let rules = other.rules().filter(|rules| rules.ring < gate.ring)?;
    match can_run(facts, gate, other, rules) {
        Ok(true) => {}
        Ok(false) => return None,
        Err(wait) => return Some(wait),
    }
    let record = match facts.records.get(&found.id.arn) {
        Some(Err(_)) => return Some(RingWait::Unreadable),
        Some(Ok(record)) => Some(record),
        None => None,
    };
    proof(facts, gate, other, record).err()
}

/// Whether a node group will get the release some day. One that is pinned elsewhere, or stays on another Kubernetes version,
/// holds nobody up.
fn can_run(facts: &Facts<'_>, gate: Gate<'_>, other: &Nodegroup, rules: &Rules) -> Result<bool, RingWait> {
    if rules.pin.as_ref().is_some_and(|pin| pin != gate.target.as_str()) {
        return Ok(false);
    }
    let own = other.kubernetes_version.as_deref();
    match eligible::next_version(other, rules, facts.clusters) {
        _ if own == Some(gate.version) => Ok(true),
        Ok(next) => Ok(next.as_deref() == Some(gate.version)),
        // Whether it follows its cluster there is not known, so it may be one that has to prove the release.
        Err(_) if own.and_then(eligible::after) == eligible::minor_version(gate.version) => Err(RingWait::Unreadable),
        Err(_) => Ok(false),
    }
}

/// Whether a node group has run the release, or a newer one of its line, for the soak time, and it did not fail there. What
/// it ran with another Kubernetes version proves nothing: Bottlerocket has the same releases for all of them.
fn proof(facts: &Facts<'_>, gate: Gate<'_>, other: &Nodegroup, record: Option<&Record>) -> Result<(), RingWait> {
    let reached = |release: &str| {
        let family = Line::of(&other.ami_type, gate.version).ok().map(|line| line.family)?;
        ReleaseVersion::parse(family, release).ok()?.compare(gate.target).ok()
    };
    let proves = |version: Option<&str>, release: Option<&str>| {
        version == Some(gate.version) && release.and_then(reached).is_some_and(Ordering::is_ge)
    };
    if !proves(other.kubernetes_version.as_deref(), other.release_version.as_deref()) {
        let mut failures = record.into_iter().flat_map(|record| record.failures(gate.version, gate.target.as_str()));
        return Err(if failures.next().is_some() { RingWait::Failed } else { RingWait::NotThere });
    }
    let successes = record.into_iter().flat_map(Record::successes);
    let proofs = successes.filter(|(success, _)| proves(Some(&success.version), Some(&success.release_version)));
    let since = proofs.map(|(_, at)| at).min();
    // A group that came to the release without us runs it since it last changed, at the latest.
    let since = since.or(other.modified_at).unwrap_or(facts.now);
    let until = since.saturating_add(facts.fleet.ring_soak).unwrap_or(Timestamp::MAX);
    if until <= facts.now { Ok(()) } else { Err(RingWait::Soaking(until)) }
}
