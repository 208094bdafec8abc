//! Rings: a ring gets a release once the node groups of the lower rings that can run it have proved it.
//!
//! A node group has proved a release once it was seen healthy, with nodes, after it ran the release for the soak time. The
//! proof is recorded, so the node group can scale to zero afterwards.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use aws_sdk_eks::types::{AmiTypes, NodegroupStatus};
use jiff::Timestamp;

use super::input::PlanInput;
use super::quarantine::not_quarantined;
use super::versions::version_step;
use crate::model::attempt::Intent;
use crate::model::decision::reason::{Reason, RingWait};
use crate::model::id::{NodegroupId, Subject};
use crate::model::nodegroup::Nodegroup;
use crate::model::observed::fleet::{Discovered, NodegroupState};
use crate::model::observed::releases::{Available, Release};
use crate::model::record::nodegroup::{NodegroupRecord, Proof};
use crate::model::release::kubernetes::KubernetesVersion;
use crate::model::release::track::{ReleaseTrack, TrackKey};
use crate::model::release::version::ReleaseVersion;
use crate::model::rules::Rules;

/// A release for a ring, with its track.
#[derive(Clone, Copy)]
pub(crate) struct Gate<'a> {
    pub(crate) ring: u32,
    pub(crate) track: &'a TrackKey,
    pub(crate) target: &'a ReleaseVersion,
}

/// The result of each gate: evaluated once, for any number of node groups.
#[derive(Default)]
pub(crate) struct Gates(BTreeMap<(TrackKey, u32, String), Option<(Subject, RingWait)>>);

impl Gates {
    /// Checks that the lower rings have proved the release. A ring without node groups proves nothing and is skipped.
    ///
    /// # Errors
    /// The node group for which the ring waits longest.
    pub(crate) fn passed(&mut self, input: &PlanInput<'_>, gate: Gate<'_>) -> Result<(), Reason> {
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

/// The vote of one node group of a lower ring about a release.
enum Verdict {
    /// It has proved it.
    Proved,
    /// It blocks the ring.
    Holds(RingWait),
    /// It has no nodes: it neither proves nor blocks, if another node group proves.
    WithoutNodes,
    /// It will never run the release.
    NotApplicable,
}

/// The node group that blocks the ring longest. One with an unknown end comes before those that soak.
fn longest_wait(input: &PlanInput<'_>, gate: Gate<'_>) -> Option<(Subject, RingWait)> {
    // The ring and the release of an entry without a name are unknown, so it might not have proved the release.
    let invalid = input.fleet.invalid_arns.iter().map(|arn| (Subject::Entry(arn.clone()), RingWait::Unreadable));
    let mut waits: Vec<(Subject, RingWait)> = invalid.collect();
    let (mut proved, mut without_nodes) = (false, None);
    for discovered in &input.fleet.nodegroups {
        match verdict(input, gate, discovered) {
            Verdict::Proved => proved = true,
            Verdict::Holds(wait) => waits.push(((&discovered.id).into(), wait)),
            Verdict::WithoutNodes => {
                without_nodes.get_or_insert_with(|| ((&discovered.id).into(), RingWait::NoNodes));
            }
            Verdict::NotApplicable => {}
        }
    }
    waits.extend(without_nodes.filter(|_| !proved));
    waits.into_iter().reduce(|first, next| match (first.1, next.1) {
        (RingWait::Soaking(first_until), RingWait::Soaking(until)) if first_until >= until => first,
        (RingWait::Soaking(_), _) => next,
        _ => first,
    })
}

fn verdict(input: &PlanInput<'_>, gate: Gate<'_>, discovered: &Discovered) -> Verdict {
    let other = match &discovered.state {
        NodegroupState::Exists(other) => other,
        NodegroupState::Deleted => return Verdict::NotApplicable,
        // Its ring and its release are unknown, so it might not have proved the release.
        NodegroupState::Unreadable(_) => return Verdict::Holds(RingWait::Unreadable),
        NodegroupState::NotReached => return not_reached(input, gate, &discovered.id),
    };
    if other.ami_type != gate.track.ami_type {
        return Verdict::NotApplicable;
    }
    if !other.policy.is_below(gate.ring) {
        return Verdict::NotApplicable;
    }
    let Some(rules) = other.rules() else {
        let same_track = other.kubernetes_version.as_ref() == Some(&gate.track.version);
        return if same_track { Verdict::Holds(RingWait::InvalidTag) } else { Verdict::NotApplicable };
    };
    match can_run(input, gate, other, rules) {
        Ok(true) => {}
        Ok(false) => return Verdict::NotApplicable,
        Err(wait) => return Verdict::Holds(wait),
    }
    match input.fleet.records.nodegroup(&discovered.id) {
        Ok(record) => judge(input, gate, other, record),
        Err(_) => Verdict::Holds(RingWait::Unreadable),
    }
}

/// The vote of a node group that this run did not reach, by the record of earlier runs. Its ring and its release are unknown,
/// so without a record it might not have proved the release.
fn not_reached(input: &PlanInput<'_>, gate: Gate<'_>, id: &NodegroupId) -> Verdict {
    let record = input.fleet.records.nodegroup(id).ok().flatten();
    let is_held = record.is_some_and(|record| record.hold().is_some());
    let mut proofs = record.into_iter().flat_map(|record| &record.proofs);
    let proves = |proof: &Proof| proves(input, gate, id, Some(&proof.version), Some(&proof.release_version));
    if !is_held && proofs.any(proves) { Verdict::Proved } else { Verdict::Holds(RingWait::Unreadable) }
}

/// Whether a node group will get the release eventually. A node group with another pin, or on another Kubernetes version, does
/// not block a ring.
fn can_run(input: &PlanInput<'_>, gate: Gate<'_>, other: &Nodegroup, rules: &Rules) -> Result<bool, RingWait> {
    if rules.pin.as_ref().is_some_and(|pin| pin != gate.target.as_str()) {
        return Ok(false);
    }
    let version = &gate.track.version;
    let own = other.kubernetes_version.as_ref();
    match version_step(other, rules, &input.fleet.clusters) {
        _ if own == Some(version) => Ok(true),
        Ok(step) => Ok(step.as_ref() == Some(version)),
        // It is unknown whether it follows its cluster there, so it might have to prove the release.
        Err(_) => {
            let parse = |text: &String| text.parse::<KubernetesVersion>().ok();
            if own.and_then(parse) < parse(version) { Err(RingWait::Unreadable) } else { Ok(false) }
        }
    }
}

/// The vote of a node group that can run the release.
fn judge(input: &PlanInput<'_>, gate: Gate<'_>, other: &Nodegroup, record: Option<&NodegroupRecord>) -> Verdict {
    if other.is_unhealthy() {
        return Verdict::Holds(RingWait::Unhealthy);
    }
    if not_quarantined(input, &other.id, gate.track, gate.target).is_err() {
        return Verdict::Holds(RingWait::Quarantined);
    }
    let hold = record.and_then(|record| record.hold());
    if hold.is_some_and(|hold| !hold.ends_with_newer() || !gate.target.is_newer_than(&hold.from.release_version)) {
        return Verdict::Holds(RingWait::Downgraded);
    }
    let mut proofs = record.into_iter().flat_map(|record| &record.proofs);
    if proofs.any(|proof| proves(input, gate, &other.id, Some(&proof.version), Some(&proof.release_version))) {
        return Verdict::Proved;
    }
    if other.desired_size == Some(0) {
        return Verdict::WithoutNodes;
    }
    if !proves(input, gate, &other.id, other.kubernetes_version.as_deref(), other.release_version.as_deref()) {
        let (version, target) = (gate.track.version.as_str(), gate.target.as_str());
        let mut failures = record.into_iter().flat_map(|record| record.failures(version, target));
        return Verdict::Holds(if failures.next().is_some() { RingWait::Failed } else { RingWait::NotThere });
    }
    let proving = |version: &str, release: &str| proves(input, gate, &other.id, Some(version), Some(release));
    let since = record.and_then(|record| runs_since(record, proving));
    match soaked_at(input, other, record, since) {
        until if until <= input.now => Verdict::Proved,
        until => Verdict::Holds(RingWait::Soaking(until)),
    }
}

/// Whether a release proves the gate's release: it is the same, or a newer one of its track that AWS has not withdrawn and that
/// is not quarantined. A release on another Kubernetes version proves nothing: Bottlerocket has the same releases for all of
/// them.
fn proves(
    input: &PlanInput<'_>,
    gate: Gate<'_>,
    other: &NodegroupId,
    version: Option<&str>,
    release: Option<&str>,
) -> bool {
    let Some(release) = release.filter(|_| version == Some(gate.track.version.as_str())) else { return false };
    if release == gate.target.as_str() {
        return true;
    }
    let Ok(release) = ReleaseVersion::parse(gate.target.family(), release) else { return false };
    let withdrawn = |known: &Release| known.version == release && known.withdrawn;
    let is_withdrawn = match input.releases.on(gate.track) {
        Some(Available::Releases(releases)) => releases.iter().any(withdrawn),
        _ => false,
    };
    release.compare(gate.target).is_ok_and(Ordering::is_gt)
        && !is_withdrawn
        && not_quarantined(input, other, gate.track, &release).is_ok()
}

/// Since when a node group has run such releases without interruption, according to its record.
fn runs_since(record: &NodegroupRecord, is_such: impl Fn(&str, &str) -> bool) -> Option<Timestamp> {
    let downgraded = record.downgrade.hold.as_ref().filter(|hold| !is_such(&hold.to.version, &hold.to.release_version));
    let is_before = |at: Timestamp| downgraded.is_some_and(|hold| at <= hold.since);
    record.successes().fold(None, |since, (success, at)| {
        let Intent { version, release_version, .. } = &success.intent;
        let runs_on = is_such(version, release_version) && !is_before(at);
        runs_on.then_some(since.unwrap_or(at))
    })
}

/// When the soak time is over. A node group that got its release other than by a recorded update has run it since its last
/// change at the latest, and at the earliest since the last recorded update.
fn soaked_at(
    input: &PlanInput<'_>,
    nodegroup: &Nodegroup,
    record: Option<&NodegroupRecord>,
    since: Option<Timestamp>,
) -> Timestamp {
    let changed = || nodegroup.modified_at.max(record.and_then(|record| record.last_success()));
    let since = since.or_else(changed).unwrap_or(input.now);
    since.saturating_add(input.settings.ring_soak).unwrap_or(Timestamp::MAX)
}

/// New proofs of node groups, if a later ring of their AMI type might need them: the newest release that was covered, by it or
/// newer ones, for the soak time.
#[must_use]
pub fn proofs(input: &PlanInput<'_>) -> Vec<(NodegroupId, Proof)> {
    let nodegroups = || input.fleet.nodegroups.iter().filter_map(|discovered| discovered.nodegroup());
    let mut last_rings: BTreeMap<&AmiTypes, u32> = BTreeMap::new();
    for (nodegroup, rules) in nodegroups().filter_map(|nodegroup| Some((nodegroup, nodegroup.rules()?))) {
        let last = last_rings.entry(&nodegroup.ami_type).or_default();
        *last = rules.ring.max(*last);
    }
    let asked_for = |nodegroup: &&Nodegroup| {
        let last = last_rings.get(&nodegroup.ami_type);
        nodegroup.rules().zip(last).is_some_and(|(rules, last)| rules.ring < *last)
    };
    nodegroups()
        .filter(asked_for)
        .filter_map(|nodegroup| Some((nodegroup.id.clone(), proved(input, nodegroup)?)))
        .collect()
}

fn proved(input: &PlanInput<'_>, nodegroup: &Nodegroup) -> Option<Proof> {
    let record = input.fleet.records.nodegroup(&nodegroup.id).ok()?;
    let in_progress =
        nodegroup.status == NodegroupStatus::Updating || record.is_some_and(|record| record.open().is_some());
    if nodegroup.is_unhealthy() || in_progress || nodegroup.desired_size == Some(0) {
        return None;
    }
    let version = nodegroup.kubernetes_version.as_deref()?;
    let family = ReleaseTrack::of(&nodegroup.ami_type, version).ok()?.family;
    let current = nodegroup.release_version.as_deref()?;
    let running = ReleaseVersion::parse(family, current).ok()?;
    let since = |release: &ReleaseVersion| {
        let is_such = |other_version: &str, other: &str| {
            let other = ReleaseVersion::parse(family, other);
            other_version == version && other.is_ok_and(|other| other.compare(release).is_ok_and(Ordering::is_ge))
        };
        record.and_then(|record| runs_since(record, is_such))
    };
    let successes = record.into_iter().flat_map(|record| record.successes());
    let ran = successes.filter(|(success, _)| success.intent.version == version).filter_map(|(success, _)| {
        let release = ReleaseVersion::parse(family, &success.intent.release_version).ok()?;
        let since = since(&release)?;
        // A release that it left for an older one did not keep running.
        release.compare(&running).is_ok_and(Ordering::is_le).then_some((release, Some(since)))
    });
    let installed_at = since(&running);
    let soaked = ran
        .chain([(running.clone(), installed_at)])
        .filter(|(_, at)| soaked_at(input, nodegroup, record, *at) <= input.now);
    let newest = soaked.reduce(|best, next| if next.0.is_newer_than(best.0.as_str()) { next } else { best });
    let proof = newest.map(|(release, _)| Proof::new(version, release.as_str(), input.now))?;
    let written = record.into_iter().flat_map(|record| &record.proofs);
    let is_written = written.into_iter().any(|held| held.is_of(&proof.version, &proof.release_version));
    (!is_written).then_some(proof)
}
