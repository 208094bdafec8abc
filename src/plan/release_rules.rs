//! The rules about one release, defined once: the plan uses the first that fails, an explanation all of them, and a pin or a
//! rollback the subset that applies to it.

use jiff::Timestamp;

use super::input::PlanInput;
use super::rings::{Gate, Gates};
use crate::model::decision::reason::Reason;
use crate::model::decision::rule::Rule;
use crate::model::nodegroup::Nodegroup;
use crate::model::observed::releases::Release;
use crate::model::record::nodegroup::NodegroupRecord;
use crate::model::release::track::TrackKey;
use crate::model::release::version::ReleaseVersion;
use crate::model::rules::Rules;

/// A release that a node group could be updated to.
#[derive(Clone, Copy)]
pub(crate) struct Case<'a> {
    pub(crate) input: &'a PlanInput<'a>,
    pub(crate) nodegroup: &'a Nodegroup,
    pub(crate) rules: &'a Rules,
    /// The node group's record, with earlier attempts; `None` if they do not matter, or there are none.
    pub(crate) record: Option<&'a NodegroupRecord>,
    pub(crate) track: &'a TrackKey,
    pub(crate) target: &'a ReleaseVersion,
    /// The release in the history of its track.
    pub(crate) known: Option<&'a Release>,
}

/// A rule about a release.
type Check = fn(Case<'_>, &mut Gates) -> Result<(), Reason>;

/// The rules about a release, in the order in which they are evaluated.
const RELEASE_RULES: [(Rule, Check); 6] = [
    (Rule::NotDenied, |case, _| not_denied(case.input, case.track, case.target)),
    (Rule::MinAge, |case, _| old_enough(case)),
    (Rule::NotQuarantined, |case, _| not_quarantined(case)),
    (Rule::ReleaseAccepted, |case, _| not_refused(case)),
    (Rule::NotFailedBefore, |case, _| not_failed_before(case)),
    (Rule::Ring, |case, gates| {
        gates.passed(case.input, Gate { ring: case.rules.ring, track: case.track, target: case.target })
    }),
];

/// The rules that apply to a pin: it ignores minimum age and rings, but not known problems of a release.
pub(crate) const FOR_PINS: [Rule; 4] =
    [Rule::NotDenied, Rule::NotQuarantined, Rule::ReleaseAccepted, Rule::NotFailedBefore];

impl Case<'_> {
    /// Checks every rule for the release.
    ///
    /// # Errors
    /// The reason of the first rule that fails.
    pub(crate) fn allowed(self, gates: &mut Gates) -> Result<(), Reason> {
        RELEASE_RULES.iter().try_for_each(|(_, check)| check(self, gates))
    }

    /// Checks these rules for the release.
    ///
    /// # Errors
    /// The reason of the first rule that fails.
    pub(crate) fn allowed_by(self, rules: &[Rule], gates: &mut Gates) -> Result<(), Reason> {
        let mut checks = RELEASE_RULES.iter().filter(|(rule, _)| rules.contains(rule));
        checks.try_for_each(|(_, check)| check(self, gates))
    }

    /// The result of each rule for the release.
    pub(crate) fn all(self, gates: &mut Gates) -> Vec<(Rule, Result<(), Reason>)> {
        RELEASE_RULES.iter().map(|(rule, check)| (*rule, check(self, gates))).collect()
    }
}

/// Checks that no setting denies a release of a track.
pub(crate) fn not_denied(input: &PlanInput<'_>, track: &TrackKey, release: &ReleaseVersion) -> Result<(), Reason> {
    let denied = input.settings.denied.iter().any(|denied| denied.matches(track, release.as_str()));
    if denied { Err(Reason::Denied { target: release.clone() }) } else { Ok(()) }
}

/// A release of unknown age passes: EKS decides about it.
fn old_enough(case: Case<'_>) -> Result<(), Reason> {
    let Some(release) = case.known.filter(|_| !case.rules.min_age.is_zero()) else { return Ok(()) };
    let until = release.published_at.saturating_add(case.rules.min_age).unwrap_or(Timestamp::MAX);
    if until <= case.input.now {
        return Ok(());
    }
    Err(Reason::MinAgeNotReached { target: case.target.clone(), until })
}

fn not_quarantined(case: Case<'_>) -> Result<(), Reason> {
    super::quarantine::not_quarantined(case.input, &case.nodegroup.id, case.track, case.target)
}

/// A release that EKS refuses as invalid is retried after a wait, on any node group.
fn not_refused(case: Case<'_>) -> Result<(), Reason> {
    let Some(refusal) = case.known.and_then(|release| release.refusal.as_ref()) else { return Ok(()) };
    let until = case.input.settings.retry_after.again(refusal.times, refusal.last);
    if until <= case.input.now {
        return Ok(());
    }
    let passed_over = refusal.is_passed_over(case.input.now);
    Err(Reason::ReleaseRefused { target: case.target.clone(), since: refusal.since, until, passed_over })
}

/// A release that failed on this node group is retried after a wait, and a limited number of times.
fn not_failed_before(case: Case<'_>) -> Result<(), Reason> {
    let Some(record) = case.record else { return Ok(()) };
    let failures = || record.failures(&case.track.version, case.target.as_str());
    let Some(last) = failures().last() else { return Ok(()) };
    let ended = last.ended_at.unwrap_or(last.started_at);
    let until = case.input.settings.retry_after.next_try(failures().count(), ended);
    match until {
        Some(until) if until <= case.input.now => Ok(()),
        until => {
            let (target, failures) = (case.target.to_string(), failures().count());
            Err(Reason::FailedBefore { target, failures, status: last.failure(), until })
        }
    }
}
