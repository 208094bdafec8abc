//! Which release a node group may go to: the newest that satisfies every rule, not "the latest or nothing".

use std::cmp::Ordering;

use jiff::Timestamp;

use super::evaluation::Evaluation;
use super::input::PlanInput;
use super::quarantine::not_quarantined;
use super::rings::Gate;
use super::versions::version_step;
use crate::model::ami_type::{Family, NoTrack, ReleaseTrack, TrackKey};
use crate::model::attempt::{Attempt, Intent};
use crate::model::hold::Hold;
use crate::model::nodegroup::Nodegroup;
use crate::model::nodegroup_record::NodegroupRecord;
use crate::model::problem::Unreadable;
use crate::model::reason::Reason;
use crate::model::release_version::ReleaseVersion;
use crate::model::releases::{Available, Release};
use crate::model::rule::Rule;
use crate::model::rules::Rules;
use crate::model::support::Ended;

/// A node group whose release is looked for.
#[derive(Clone, Copy)]
pub(super) struct Candidate<'a> {
    nodegroup: &'a Nodegroup,
    rules: &'a Rules,
    /// What has been tried on it; `None` where that does not matter, or nothing was.
    record: Option<&'a NodegroupRecord>,
    family: Family,
    /// Its Kubernetes version, and the release it runs.
    version: &'a str,
    current: &'a str,
}

impl<'a> Candidate<'a> {
    pub(super) fn of(
        nodegroup: &'a Nodegroup,
        rules: &'a Rules,
        record: Option<&'a NodegroupRecord>,
    ) -> Result<Self, Reason> {
        // A custom AMI has no track whatever the version, so that a node group for which EKS returns none still gets its
        // real reason.
        let version = nodegroup.kubernetes_version.as_deref();
        let track = ReleaseTrack::of(&nodegroup.ami_type, version.unwrap_or_default());
        let track = track.map_err(|no_track| match no_track {
            NoTrack::Custom => Reason::CustomAmi,
            NoTrack::Unknown => Reason::UnknownAmiType { ami_type: nodegroup.ami_type.as_str().to_owned() },
        })?;
        let missing =
            |field: &str| Reason::Unreadable(Unreadable(format!("EKS described the node group without {field}")));
        Ok(Self {
            nodegroup,
            rules,
            record,
            family: track.family,
            version: version.ok_or_else(|| missing("version"))?,
            current: nodegroup.release_version.as_deref().ok_or_else(|| missing("releaseVersion"))?,
        })
    }

    fn intent(&self, version: &str, release: &ReleaseVersion) -> Intent {
        Intent {
            version: version.to_owned(),
            ami_type: self.nodegroup.ami_type.as_str().to_owned(),
            release_version: release.to_string(),
            previous_release_version: self.current.to_owned(),
            force: false,
            may_force: false,
            rollback: None,
            launch_template: None,
            start_before: None,
            stuck_after: self.rules.stuck_after.map(Box::new),
            update_history_unread: false,
        }
    }

    fn track(&self, version: &str) -> TrackKey {
        TrackKey::new(version, &self.nodegroup.ami_type)
    }

    /// Whether a release of a track would bring it forward: it is newer than the one that runs or, of another Kubernetes
    /// version, not older.
    pub(super) fn would_go_forward(&self, track: &TrackKey, release: &Release) -> bool {
        let Ok(running) = ReleaseVersion::parse(self.family, self.current) else { return false };
        if track.version == self.version {
            return release.is_newer_than(&running);
        }
        release.version.compare(&running) != Ok(Ordering::Less)
    }
}

/// The update to the newest release that the rules allow, or the reason against the latest one.
pub(super) fn release(
    input: &PlanInput<'_>,
    evaluation: &mut Evaluation,
    candidate: Candidate<'_>,
) -> Result<Intent, Reason> {
    let Candidate { version, current, family, rules, .. } = candidate;
    let hold = candidate.record.and_then(|record| record.hold.as_deref()).filter(|hold| hold.is_open());
    let hold = hold.filter(|_| !evaluation.waives(Rule::NotDowngraded));
    if let Some(hold) = hold.filter(|hold| !hold.confirmed) {
        return Err(Reason::Downgraded(Box::new(hold.clone())));
    }
    if let Some(pin) = rules.pin.as_ref().filter(|_| !evaluation.waives(Rule::Pin)) {
        if let Some(hold) = hold.filter(|hold| !hold.ends_with_pin(pin)) {
            return Err(Reason::Downgraded(Box::new(hold.clone())));
        }
        let target = pinned(input, evaluation, candidate, pin)?;
        return Ok(candidate.intent(version, &target));
    }
    let mut ahead = None;
    let step = version_step(candidate.nodegroup, rules, &input.fleet.clusters).map_err(Reason::Unreadable)?;
    if let Some(step) = step {
        let track = candidate.track(&step);
        let target = hold
            .map_or(Ok(()), |hold| Err(Reason::Downgraded(Box::new(hold.clone()))))
            .and_then(|()| evaluation.check(may_step(input, candidate, &step)))
            .and_then(|()| offered(input, &track))
            .and_then(|releases| not_older(releases, family, current))
            .and_then(|releases| newest_allowed(input, evaluation, candidate, &track, &releases));
        match target {
            Ok(target) => return Ok(candidate.intent(&step, target)),
            // Until it comes, the own version goes on.
            Err(reason) => ahead = Some(reason),
        }
    }
    let track = candidate.track(version);
    let target = offered(input, &track)
        .and_then(|releases| newer(input, candidate, releases))
        .and_then(|releases| not_held(releases, hold))
        .and_then(|releases| newest_allowed(input, evaluation, candidate, &track, &releases));
    target.map(|target| candidate.intent(version, target)).map_err(|own| deciding(ended(input, candidate, own), ahead))
}

/// Where AWS names no release any more, whether that is because the Kubernetes version has ended.
fn ended(input: &PlanInput<'_>, candidate: Candidate<'_>, own: Reason) -> Reason {
    match (own, end_of_support(input, candidate)) {
        (Reason::NoRelease { .. }, Some(end)) => end,
        (own, _) => own,
    }
}

fn end_of_support(input: &PlanInput<'_>, candidate: Candidate<'_>) -> Option<Reason> {
    let (current, version) = (candidate.current.to_owned(), candidate.version);
    if candidate.family == Family::AmazonLinux2 {
        return Some(Reason::EndOfSupport {
            current,
            what: "Amazon Linux 2".to_owned(),
            since: "2025-11-26".to_owned(),
        });
    }
    match input.fleet.supports.get(version)?.ended(input.now)? {
        (Ended::AllSupport, at) => {
            let since = at.strftime("%Y-%m-%d").to_string();
            Some(Reason::EndOfSupport { current, what: format!("Kubernetes {version}"), since })
        }
        (Ended::StandardSupport, _) => None,
    }
}

/// Whether the step to the cluster's Kubernetes version is due: AWS rolls an upgrade of a cluster back within seven days, and
/// node groups that have followed it already keep it from that.
fn may_step(input: &PlanInput<'_>, candidate: Candidate<'_>, step: &str) -> Result<(), Reason> {
    let seen = candidate.record.and_then(|record| record.cluster_version.as_ref());
    let since = seen.filter(|seen| seen.version == step).map_or(input.now, |seen| seen.since);
    let until = since.saturating_add(candidate.rules.follow_cluster_after).unwrap_or(Timestamp::MAX);
    if until > input.now {
        return Err(Reason::ClusterUpgradedRecently { version: step.to_owned(), until });
    }
    let back_off = candidate.record.and_then(|record| record.back_off.as_ref());
    let refused = back_off.filter(|back_off| back_off.version.as_deref() == Some(step));
    let until = refused.map(|back_off| input.settings.retry_after.again(back_off.times, back_off.last));
    match (refused, until.filter(|until| *until > input.now)) {
        (Some(refused), Some(until)) => Err(Reason::BackingOff { error: refused.error.clone(), until }),
        _ => Ok(()),
    }
}

/// Which of two reasons decides: where the own version has nothing more to offer, why the next one does not come, unless AWS
/// has nothing for that either.
fn deciding(own: Reason, ahead: Option<Reason>) -> Reason {
    let own_is_done = matches!(
        own,
        Reason::UpToDate { .. }
            | Reason::NoNewReleases { .. }
            | Reason::EndOfSupport { .. }
            | Reason::NoRelease { .. }
            | Reason::RunsWithdrawnRelease { .. }
            | Reason::NotComparable { .. }
    );
    let comes = |reason: &Reason| !matches!(reason, Reason::NoRelease { .. });
    ahead.filter(|reason| own_is_done && comes(reason)).unwrap_or(own)
}

/// What AWS offers on a track, newest first: what it has recommended and not taken back.
fn offered<'a>(input: &PlanInput<'a>, track: &TrackKey) -> Result<Vec<&'a Release>, Reason> {
    match input.releases.on(track) {
        Some(Available::Releases(releases)) => Ok(releases.iter().filter(|release| !release.withdrawn).collect()),
        Some(Available::Unreadable(error)) => Err(Reason::Unreadable(error.clone())),
        Some(Available::NotPublished) | None => {
            Err(Reason::NoRelease { version: track.version.clone(), ami_type: track.ami_type.as_str().to_owned() })
        }
    }
}

/// Those that are newer than the one that runs, newest first; or why there is none.
fn newer<'a>(
    input: &PlanInput<'_>,
    candidate: Candidate<'_>,
    releases: Vec<&'a Release>,
) -> Result<Vec<&'a Release>, Reason> {
    let Candidate { family, current, .. } = candidate;
    let Some(first) = releases.first() else { return Ok(Vec::new()) };
    let latest = &first.version;
    let own = || current.to_owned();
    let not_comparable = |error| Reason::NotComparable { current: own(), target: latest.clone(), error };
    let running = ReleaseVersion::parse(family, current).map_err(not_comparable)?;
    match latest.compare(&running).map_err(not_comparable)? {
        Ordering::Greater => {}
        Ordering::Equal => return Err(up_to_date(input, candidate, first)),
        Ordering::Less => return Err(Reason::RunsWithdrawnRelease { current: own(), latest: latest.clone() }),
    }
    Ok(releases.into_iter().filter(|release| release.is_newer_than(&running)).collect())
}

/// Whether that is all: no newer release may come any more.
fn up_to_date(input: &PlanInput<'_>, candidate: Candidate<'_>, latest: &Release) -> Reason {
    if let Some(end) = end_of_support(input, candidate) {
        return end;
    }
    let current = candidate.current.to_owned();
    let since = latest.published_at;
    let is_old = candidate.rules.stale_after.is_some_and(|after| input.now.duration_since(since) >= after);
    if is_old { Reason::NoNewReleases { current, since } } else { Reason::UpToDate { current } }
}

/// What was downgraded stays until there is something newer than what it left; a downgraded Kubernetes version keeps its releases
/// coming.
fn not_held<'a>(releases: Vec<&'a Release>, hold: Option<&Hold>) -> Result<Vec<&'a Release>, Reason> {
    let Some(hold) = hold.filter(|hold| !hold.is_of_version()) else { return Ok(releases) };
    let is_newer = |release: &&Release| release.version.is_newer_than(&hold.from.release_version);
    let newer: Vec<&Release> = releases.into_iter().filter(|it| hold.ends_with_newer() && is_newer(it)).collect();
    if newer.is_empty() { Err(Reason::Downgraded(Box::new(hold.clone()))) } else { Ok(newer) }
}

/// Those of another Kubernetes version, newest first, but for those older than the one that runs. Only Bottlerocket's have an
/// order across Kubernetes versions.
fn not_older<'a>(releases: Vec<&'a Release>, family: Family, current: &str) -> Result<Vec<&'a Release>, Reason> {
    let Some(latest) = releases.first().map(|release| release.version.clone()) else { return Ok(Vec::new()) };
    let running = match ReleaseVersion::parse(family, current) {
        Ok(running) => running,
        Err(error) => return Err(Reason::NotComparable { current: current.to_owned(), target: latest, error }),
    };
    if latest.compare(&running) == Ok(Ordering::Less) {
        return Err(Reason::RunsWithdrawnRelease { current: current.to_owned(), latest });
    }
    let is_not_older = |release: &&Release| release.version.compare(&running) != Ok(Ordering::Less);
    Ok(releases.into_iter().filter(is_not_older).collect())
}

/// The newest that is allowed; or the reason against the newest of all, with the earliest time at which any is old enough.
fn newest_allowed<'a>(
    input: &PlanInput<'_>,
    evaluation: &mut Evaluation,
    candidate: Candidate<'_>,
    track: &TrackKey,
    releases: &[&'a Release],
) -> Result<&'a ReleaseVersion, Reason> {
    let mut first_reason = None;
    let mut last_resort = None;
    for release in releases {
        let is_passed_over = release.refusal.as_ref().is_some_and(|refusal| refusal.is_passed_over(input.now));
        match allowed(input, evaluation, candidate, track, release) {
            // EKS is asked again for those that have nothing else to go to, or it would be asked for all at every run.
            Ok(()) if is_passed_over => {
                last_resort.get_or_insert(&release.version);
            }
            Ok(()) => return Ok(&release.version),
            Err(reason) => {
                let wait_for_it = is_asked_again_soon(&reason) || an_older_would_fail_too(&reason, candidate, track);
                first_reason = Some(earlier(first_reason, reason));
                if wait_for_it {
                    break;
                }
            }
        }
    }
    let none = || Reason::Unreadable(Unreadable("AWS offers no release".to_owned()));
    last_resort.ok_or_else(|| first_reason.unwrap_or_else(none))
}

/// Whether no older release is taken meanwhile: the node group would be rotated twice within hours.
fn is_asked_again_soon(reason: &Reason) -> bool {
    matches!(reason, Reason::FailedBefore { until: Some(_), .. } | Reason::ReleaseRefused { passed_over: false, .. })
}

/// Whether the node group is why all tries failed: then they would fail with an older release, too, each at the cost of a
/// rotation.
fn an_older_would_fail_too(reason: &Reason, candidate: Candidate<'_>, track: &TrackKey) -> bool {
    let Reason::FailedBefore { target, .. } = reason else { return false };
    let mut failures = candidate.record.into_iter().flat_map(|record| record.failures(&track.version, target));
    !failures.any(Attempt::blames_release)
}

fn earlier(first: Option<Reason>, later: Reason) -> Reason {
    match (first, later) {
        (None, later) => later,
        (Some(Reason::MinAgeNotReached { target, until }), Reason::MinAgeNotReached { until: sooner, .. }) => {
            Reason::MinAgeNotReached { target, until: until.min(sooner) }
        }
        (Some(first), _) => first,
    }
}

fn allowed(
    input: &PlanInput<'_>,
    evaluation: &mut Evaluation,
    candidate: Candidate<'_>,
    track: &TrackKey,
    release: &Release,
) -> Result<(), Reason> {
    let target = &release.version;
    evaluation.check(not_denied(input, track, target))?;
    evaluation.check(old_enough(input, candidate.rules, release))?;
    evaluation.check(not_quarantined(input, &candidate.nodegroup.id, track, target))?;
    evaluation.check(not_refused(input, release))?;
    evaluation.check(not_failed_before(input, candidate, track, target))?;
    let proved = evaluation.gates.passed(input, Gate { ring: candidate.rules.ring, track, target });
    evaluation.check(proved)
}

/// Everything that stands against one release, not only the first.
pub(super) fn all_against(
    input: &PlanInput<'_>,
    evaluation: &mut Evaluation,
    candidate: Candidate<'_>,
    track: &TrackKey,
    release: &Release,
) -> Vec<Reason> {
    let target = &release.version;
    let is_step = track.version != candidate.version;
    let hold = candidate.record.and_then(|record| record.hold.as_deref()).filter(|hold| hold.is_open());
    let is_held = hold.is_some_and(|hold| !hold.confirmed || is_step) || not_held(vec![release], hold).is_err();
    let held = hold.filter(|_| is_held).map_or(Ok(()), |hold| Err(Reason::Downgraded(Box::new(hold.clone()))));
    let verdicts = [
        held,
        if is_step { may_step(input, candidate, &track.version) } else { Ok(()) },
        not_denied(input, track, target),
        old_enough(input, candidate.rules, release),
        not_quarantined(input, &candidate.nodegroup.id, track, target),
        not_refused(input, release),
        not_failed_before(input, candidate, track, target),
        evaluation.gates.passed(input, Gate { ring: candidate.rules.ring, track, target }),
    ];
    verdicts.into_iter().filter_map(Result::err).collect()
}

pub(super) fn not_denied(input: &PlanInput<'_>, track: &TrackKey, release: &ReleaseVersion) -> Result<(), Reason> {
    let denied = input.settings.denied.iter().any(|denied| denied.matches(track, release.as_str()));
    if denied { Err(Reason::Denied { target: release.clone() }) } else { Ok(()) }
}

fn old_enough(input: &PlanInput<'_>, rules: &Rules, release: &Release) -> Result<(), Reason> {
    let until = release.published_at.saturating_add(rules.min_age).unwrap_or(Timestamp::MAX);
    if rules.min_age.is_zero() || until <= input.now {
        return Ok(());
    }
    Err(Reason::MinAgeNotReached { target: release.version.clone(), until })
}

/// A release that EKS refuses as not valid is asked for again after a wait, whatever node group asks for it.
fn not_refused(input: &PlanInput<'_>, release: &Release) -> Result<(), Reason> {
    let Some(refusal) = &release.refusal else { return Ok(()) };
    let until = input.settings.retry_after.again(refusal.times, refusal.last);
    if until <= input.now {
        return Ok(());
    }
    let (target, since) = (release.version.clone(), refusal.since);
    Err(Reason::ReleaseRefused { target, since, until, passed_over: refusal.is_passed_over(input.now) })
}

/// A release that failed on this node group is tried again after a wait, and not for ever.
fn not_failed_before(
    input: &PlanInput<'_>,
    candidate: Candidate<'_>,
    track: &TrackKey,
    target: &ReleaseVersion,
) -> Result<(), Reason> {
    let Some(record) = candidate.record else { return Ok(()) };
    let failures = || record.failures(&track.version, target.as_str());
    let Some(last) = failures().last() else { return Ok(()) };
    let until = input.settings.retry_after.next_try(failures().count(), last.ended_at.unwrap_or(last.started_at));
    match until {
        Some(until) if until <= input.now => Ok(()),
        until => {
            let (target, failures) = (target.to_string(), failures().count());
            Err(Reason::FailedBefore { target, failures, status: last.status, until })
        }
    }
}

/// A pin ignores minimum age and rings, but not what is known to be bad. One that the history does not hold may be older than
/// the history: EKS judges it.
fn pinned(
    input: &PlanInput<'_>,
    evaluation: &Evaluation,
    candidate: Candidate<'_>,
    pin: &str,
) -> Result<ReleaseVersion, Reason> {
    let Candidate { family, version, current, nodegroup, .. } = candidate;
    if pin == current {
        return Err(Reason::Pinned { release: pin.to_owned() });
    }
    let unknown = || Reason::PinUnknown { pin: pin.to_owned() };
    let target = ReleaseVersion::parse(family, pin).map_err(|_| unknown())?;
    let running = ReleaseVersion::parse(family, current).map_err(|error| Reason::NotComparable {
        current: current.to_owned(),
        target: target.clone(),
        error,
    })?;
    match target.compare(&running) {
        Ok(Ordering::Greater) => {}
        Ok(_) => return Err(Reason::PinIsDowngrade { pin: pin.to_owned(), current: current.to_owned() }),
        Err(_) => return Err(unknown()),
    }
    let track = candidate.track(version);
    let known = match input.releases.on(&track) {
        Some(Available::Unreadable(error)) => return Err(Reason::Unreadable(error.clone())),
        Some(Available::Releases(releases)) => releases.iter().find(|release| release.version == target),
        Some(Available::NotPublished) | None => None,
    };
    if known.is_some_and(|release| release.withdrawn) {
        return Err(Reason::PinWithdrawn { pin: pin.to_owned() });
    }
    evaluation.check(not_denied(input, &track, &target))?;
    evaluation.check(not_quarantined(input, &nodegroup.id, &track, &target))?;
    evaluation.check(known.map_or(Ok(()), |release| not_refused(input, release)))?;
    evaluation.check(not_failed_before(input, candidate, &track, &target))?;
    Ok(target)
}
