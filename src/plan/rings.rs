//! Rings: a ring takes a release once every node group of the lower rings that can run it has proved it.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use jiff::Timestamp;

use super::input::PlanInput;
use super::versions::next_version;
use crate::model::fleet::{Discovered, NodegroupState};
use crate::model::kubernetes::KubernetesVersion;
use crate::model::nodegroup::Nodegroup;
use crate::model::nodegroup_record::NodegroupRecord;
use crate::model::policy::{Policy, Rules};
use crate::model::reason::{Reason, RingWait};
use crate::model::release_version::ReleaseVersion;
use crate::model::releases::TrackKey;
use crate::model::subject::Subject;

/// A release that a ring would take, with its track.
#[derive(Clone, Copy)]
pub(super) struct Gate<'a> {
    pub(super) ring: u32,
    pub(super) track: &'a TrackKey,
    pub(super) target: &'a ReleaseVersion,
}

/// What is waited for at each gate: found out once, however many node groups come to it.
#[derive(Default)]
pub(super) struct Gates(BTreeMap<(TrackKey, u32, String), Option<(Subject, RingWait)>>);

impl Gates {
    /// Whether the lower rings have proved the release. A ring without node groups proves nothing and is passed.
    ///
    /// # Errors
    /// The node group that the ring waits for longest.
    pub(super) fn passed(&mut self, input: &PlanInput<'_>, gate: Gate<'_>) -> Result<(), Reason> {
        if gate.ring == 0 {
            return Ok(());
        }
        let key = (gate.track.clone(), gate.ring, gate.target.to_string());
        match self.0.entry(key).or_insert_with(|| longest_wait(input, gate)) {
            Some((nodegroup, wait)) => {
                Err(Reason::WaitingForRing { target: gate.target.clone(), nodegroup: nodegroup.clone(), wait: *wait })
            }
            None => Ok(()),
        }
    }
}

/// The node group that holds the ring up longest. One of which nobody knows how long comes before those that soak.
fn longest_wait(input: &PlanInput<'_>, gate: Gate<'_>) -> Option<(Subject, RingWait)> {
    // Which ring and release an entry without a name has is not known, so it may be one that has not proved the release.
    let invalid = input.fleet.invalid_arns.iter().map(|arn| (Subject::Entry(arn.clone()), RingWait::Unreadable));
    let nodegroups = input.fleet.nodegroups.iter();
    let waits = nodegroups.filter_map(|discovered| Some(((&discovered.id).into(), wait(input, gate, discovered)?)));
    invalid.chain(waits).reduce(|first, next| match (first.1, next.1) {
        (RingWait::Soaking(first_until), RingWait::Soaking(until)) if first_until >= until => first,
        (RingWait::Soaking(_), _) => next,
        _ => first,
    })
}

fn wait(input: &PlanInput<'_>, gate: Gate<'_>, discovered: &Discovered) -> Option<RingWait> {
    let other = match &discovered.state {
        NodegroupState::Exists(other) => other,
        NodegroupState::Deleted => return None,
        // Which ring and release it has is not known, so it may be one that has not proved the release.
        NodegroupState::Unreadable(_) => return Some(RingWait::Unreadable),
    };
    if other.ami_type != gate.track.ami_type {
        return None;
    }
    // What its tags were meant to say is not known, so it may be one that has to prove the release.
    if let Policy::Invalid { ring, .. } = &other.policy {
        let same_track = other.kubernetes_version.as_ref() == Some(&gate.track.version);
        let lower = ring.is_none_or(|ring| ring < gate.ring);
        return (same_track && lower).then_some(RingWait::InvalidTag);
    }
    let rules = other.rules().filter(|rules| rules.ring < gate.ring)?;
    match can_run(input, gate, other, rules) {
        Ok(true) => {}
        Ok(false) => return None,
        Err(wait) => return Some(wait),
    }
    match input.fleet.records.nodegroup(&discovered.id) {
        Ok(record) => proof(input, gate, other, record).err(),
        Err(_) => Some(RingWait::Unreadable),
    }
}

/// Whether a node group will get the release some day. One that is pinned elsewhere, or stays on another Kubernetes version,
/// holds no ring up.
fn can_run(input: &PlanInput<'_>, gate: Gate<'_>, other: &Nodegroup, rules: &Rules) -> Result<bool, RingWait> {
    if rules.pin.as_ref().is_some_and(|pin| pin != gate.target.as_str()) {
        return Ok(false);
    }
    let version = &gate.track.version;
    let own = other.kubernetes_version.as_ref();
    match next_version(other, rules, &input.fleet.clusters) {
        _ if own == Some(version) => Ok(true),
        Ok(next) => Ok(next.as_ref() == Some(version)),
        // Whether it follows its cluster there is not known, so it may be one that has to prove the release.
        Err(_) => {
            let parse = |text: &String| text.parse::<KubernetesVersion>().ok();
            let next = own.and_then(parse).map(KubernetesVersion::next);
            if next == parse(version) { Err(RingWait::Unreadable) } else { Ok(false) }
        }
    }
}

/// Whether a node group has run the release, or a newer one of its track, for the soak time, and it did not fail there. What
/// it ran with another Kubernetes version proves nothing: Bottlerocket has the same releases for all of them.
fn proof(
    input: &PlanInput<'_>,
    gate: Gate<'_>,
    other: &Nodegroup,
    record: Option<&NodegroupRecord>,
) -> Result<(), RingWait> {
    let version = gate.track.version.as_str();
    let reached = |release: &str| {
        let family = gate.track.track().ok()?.family;
        ReleaseVersion::parse(family, release).ok()?.compare(gate.target).ok()
    };
    let proves = |other: Option<&str>, release: Option<&str>| {
        other == Some(version) && release.and_then(reached).is_some_and(Ordering::is_ge)
    };
    if !proves(other.kubernetes_version.as_deref(), other.release_version.as_deref()) {
        let mut failures = record.into_iter().flat_map(|record| record.failures(version, gate.target.as_str()));
        return Err(if failures.next().is_some() { RingWait::Failed } else { RingWait::NotThere });
    }
    let successes = record.into_iter().flat_map(NodegroupRecord::successes);
    let proofs =
        successes.filter(|(success, _)| proves(Some(&success.intent.version), Some(&success.intent.release_version)));
    let since = proofs.map(|(_, at)| at).min();
    // A node group that came to the release otherwise runs it since it last changed, at the latest.
    let since = since.or(other.modified_at).unwrap_or(input.now);
    let until = since.saturating_add(input.settings.ring_soak).unwrap_or(Timestamp::MAX);
    if until <= input.now { Ok(()) } else { Err(RingWait::Soaking(until)) }
}
