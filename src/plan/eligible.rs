//! Which release a node group can be updated to: the newest that satisfies every rule, not "the latest or nothing".

use std::cmp::Ordering;

use jiff::Timestamp;

use super::input::PlanInput;
use super::release_rules::{Case, FOR_PINS};
use super::rings::Gates;
use super::versions::version_step;
use crate::model::attempt::hold::Hold;
use crate::model::attempt::{Attempt, Intent};
use crate::model::decision::reason::Reason;
use crate::model::nodegroup::Nodegroup;
use crate::model::notice::support::Ended;
use crate::model::observed::releases::{Available, Release};
use crate::model::problem::Unreadable;
use crate::model::record::nodegroup::NodegroupRecord;
use crate::model::release::track::{Family, NoTrack, ReleaseTrack, TrackKey};
use crate::model::release::version::ReleaseVersion;
use crate::model::rules::Rules;

/// A node group for which a release is chosen.
#[derive(Clone, Copy)]
pub(crate) struct Candidate<'a> {
    input: &'a PlanInput<'a>,
    nodegroup: &'a Nodegroup,
    rules: &'a Rules,
    /// Its record, with earlier attempts; `None` if they do not matter, or there are none.
    record: Option<&'a NodegroupRecord>,
    family: Family,
    /// Its Kubernetes version, and the release it runs.
    version: &'a str,
    current: &'a str,
}

impl<'a> Candidate<'a> {
    pub(crate) fn of(
        input: &'a PlanInput<'a>,
        nodegroup: &'a Nodegroup,
        rules: &'a Rules,
        record: Option<&'a NodegroupRecord>,
    ) -> Result<Self, Reason> {
        // A custom AMI has no track for any version, so a node group for which EKS returns no version still gets its real reason.
        let version = nodegroup.kubernetes_version.as_deref();
        let track = ReleaseTrack::of(&nodegroup.ami_type, version.unwrap_or_default());
        let track = track.map_err(|no_track| match no_track {
            NoTrack::Custom => Reason::CustomAmi,
            NoTrack::Unknown => Reason::UnknownAmiType { ami_type: nodegroup.ami_type.as_str().to_owned() },
        })?;
        let missing =
            |field: &str| Reason::Unreadable(Unreadable(format!("EKS described the node group without {field}")));
        Ok(Self {
            input,
            nodegroup,
            rules,
            record,
            family: track.family,
            version: version.ok_or_else(|| missing("version"))?,
            current: nodegroup.release_version.as_deref().ok_or_else(|| missing("releaseVersion"))?,
        })
    }

    pub(crate) fn intent(&self, version: &str, release: &ReleaseVersion) -> Intent {
        let stuck_after = self.rules.stuck_after.map(Box::new);
        Intent { stuck_after, ..Intent::new(version, &self.nodegroup.ami_type, self.current, release.as_str()) }
    }

    /// A release of a track, as the input of the rules.
    pub(crate) fn case(self, track: &'a TrackKey, release: &'a Release) -> Case<'a> {
        let Self { input, nodegroup, rules, record, .. } = self;
        Case { input, nodegroup, rules, record, track, target: &release.version, known: Some(release) }
    }

    /// The input of the plan.
    pub(crate) fn input(&self) -> &'a PlanInput<'a> {
        self.input
    }

    /// Its Kubernetes version.
    pub(crate) fn version(&self) -> &'a str {
        self.version
    }

    /// Its possible tracks: that of its cluster's Kubernetes version, if it follows the cluster, and its own.
    pub(crate) fn tracks(&self) -> Vec<TrackKey> {
        let step = self.step().ok().flatten();
        step.iter().map(String::as_str).chain([self.version]).map(|version| self.track(version)).collect()
    }

    fn track(&self, version: &str) -> TrackKey {
        TrackKey::new(version, &self.nodegroup.ami_type)
    }

    /// Its active hold.
    pub(crate) fn hold(&self) -> Option<&'a Hold> {
        self.record.and_then(|record| record.hold())
    }

    /// Checks that its hold does not block a release of a track.
    ///
    /// # Errors
    /// When the hold blocks it.
    pub(crate) fn not_held_from(&self, track: &TrackKey, release: &Release) -> Result<(), Reason> {
        let Some(hold) = self.hold() else { return Ok(()) };
        if !hold.confirmed || track.version != self.version {
            return Err(held(hold));
        }
        not_held(vec![release], Some(hold)).map(|_| ())
    }

    /// Whether a release of a track is an upgrade: newer than the current one or, for another Kubernetes version, not older.
    pub(crate) fn would_go_forward(&self, track: &TrackKey, release: &Release) -> bool {
        let Ok(running) = ReleaseVersion::parse(self.family, self.current) else { return false };
        if track.version == self.version {
            return release.is_newer_than(&running);
        }
        release.version.compare(&running) != Ok(Ordering::Less)
    }

    /// Checks that the step to the cluster's Kubernetes version is due: AWS can roll back a cluster upgrade within seven days,
    /// but not once node groups have followed it.
    ///
    /// # Errors
    /// When it is not due.
    pub(crate) fn may_step(&self, step: &str) -> Result<(), Reason> {
        let Self { input, rules, record, .. } = self;
        let seen = record.and_then(|record| record.cluster_version.as_ref());
        let since = seen.filter(|seen| seen.version == step).map_or(input.now, |seen| seen.since);
        let until = since.saturating_add(rules.follow_cluster_after).unwrap_or(Timestamp::MAX);
        if until > input.now {
            return Err(Reason::ClusterUpgradedRecently { version: step.to_owned(), until });
        }
        let back_off = record.and_then(|record| record.back_off());
        let refused = back_off.filter(|back_off| back_off.version.as_deref() == Some(step));
        let until = refused.map(|back_off| input.settings.retry_after.again(back_off.times, back_off.last));
        match (refused, until.filter(|until| *until > input.now)) {
            (Some(refused), Some(until)) => Err(refused.reason(until)),
            _ => Ok(()),
        }
    }

    /// The Kubernetes version of its cluster, if it follows the cluster and is behind.
    ///
    /// # Errors
    /// When that cannot be read.
    pub(crate) fn step(&self) -> Result<Option<String>, Reason> {
        version_step(self.nodegroup, self.rules, &self.input.fleet.clusters).map_err(Reason::Unreadable)
    }
}

/// The update to the newest release that the rules allow, or the reason against the latest release.
pub(crate) fn release(candidate: Candidate<'_>, gates: &mut Gates) -> Result<Intent, Reason> {
    let Candidate { input, version, current, family, rules, .. } = candidate;
    let hold = candidate.hold();
    if let Some(hold) = hold.filter(|hold| !hold.confirmed) {
        return Err(held(hold));
    }
    if let Some(pin) = &rules.pin {
        if let Some(hold) = hold.filter(|hold| !hold.ends_with_pin(pin)) {
            return Err(held(hold));
        }
        let target = pinned(candidate, gates, pin)?;
        return Ok(candidate.intent(version, &target));
    }
    let mut ahead = None;
    if let Some(step) = candidate.step()? {
        let track = candidate.track(&step);
        let target = hold
            .map_or(Ok(()), |hold| Err(held(hold)))
            .and_then(|()| candidate.may_step(&step))
            .and_then(|()| offered(input, &track))
            .and_then(|releases| not_older(releases, family, current))
            .and_then(|releases| newest_allowed(candidate, gates, &track, &releases));
        match target {
            Ok(target) => return Ok(candidate.intent(&step, &target)),
            // Until then, releases of its own version are still installed.
            Err(reason) => ahead = Some(reason),
        }
    }
    let track = candidate.track(version);
    let target = offered(input, &track)
        .and_then(|releases| newer(candidate, releases))
        .and_then(|releases| not_held(releases, hold))
        .and_then(|releases| newest_allowed(candidate, gates, &track, &releases));
    target.map(|target| candidate.intent(version, &target)).map_err(|own| deciding(ended(candidate, own), ahead))
}

/// If AWS no longer names a release: whether support of the Kubernetes version has ended.
fn ended(candidate: Candidate<'_>, own: Reason) -> Reason {
    match (own, end_of_support(candidate)) {
        (Reason::NoRelease { .. }, Some(end)) => end,
        (own, _) => own,
    }
}

fn end_of_support(candidate: Candidate<'_>) -> Option<Reason> {
    let (current, version) = (candidate.current.to_owned(), candidate.version);
    if candidate.family == Family::AmazonLinux2 {
        return Some(Reason::EndOfSupport {
            current,
            what: "Amazon Linux 2".to_owned(),
            since: "2025-11-26".to_owned(),
        });
    }
    match candidate.input.fleet.supports.get(version)?.ended(candidate.input.now)? {
        (Ended::AllSupport, at) => {
            let since = at.strftime("%Y-%m-%d").to_string();
            Some(Reason::EndOfSupport { current, what: format!("Kubernetes {version}"), since })
        }
        (Ended::StandardSupport, _) => None,
    }
}

/// Which of two reasons decides: if its own version has no newer release, the reason against the next version, unless AWS has
/// no release for that either.
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

/// The available releases of a track, newest first: recommended and not withdrawn.
pub(crate) fn offered<'a>(input: &PlanInput<'a>, track: &TrackKey) -> Result<Vec<&'a Release>, Reason> {
    match input.releases.on(track) {
        Some(Available::Releases(releases)) => Ok(releases.iter().filter(|release| !release.withdrawn).collect()),
        Some(Available::Unreadable(error)) => Err(Reason::Unreadable(error.clone())),
        Some(Available::NotPublished) | None => {
            Err(Reason::NoRelease { version: track.version.clone(), ami_type: track.ami_type.as_str().to_owned() })
        }
    }
}

/// The releases newer than the current one, newest first; or why there is none.
fn newer<'a>(candidate: Candidate<'_>, releases: Vec<&'a Release>) -> Result<Vec<&'a Release>, Reason> {
    let Candidate { family, current, .. } = candidate;
    let Some(first) = releases.first() else { return Ok(Vec::new()) };
    let latest = &first.version;
    let own = || current.to_owned();
    let not_comparable = |error| Reason::NotComparable { current: own(), target: latest.clone(), error };
    let running = ReleaseVersion::parse(family, current).map_err(not_comparable)?;
    match latest.compare(&running).map_err(not_comparable)? {
        Ordering::Greater => {}
        Ordering::Equal => return Err(up_to_date(candidate, first)),
        Ordering::Less => return Err(Reason::RunsWithdrawnRelease { current: own(), latest: latest.clone() }),
    }
    Ok(releases.into_iter().filter(|release| release.is_newer_than(&running)).collect())
}

/// Whether no newer release is to be expected.
fn up_to_date(candidate: Candidate<'_>, latest: &Release) -> Reason {
    if let Some(end) = end_of_support(candidate) {
        return end;
    }
    let Candidate { input, rules, .. } = candidate;
    let current = candidate.current.to_owned();
    let since = latest.published_at;
    let is_old = rules.stale_after.is_some_and(|after| input.now.duration_since(since) >= after);
    if is_old { Reason::NoNewReleases { current, since } } else { Reason::UpToDate { current } }
}

fn held(hold: &Hold) -> Reason {
    Reason::Downgraded(Box::new(hold.clone()))
}

/// A downgraded node group stays until there is a release newer than the one it left; with a downgraded Kubernetes version,
/// releases of that version are still installed.
fn not_held<'a>(releases: Vec<&'a Release>, hold: Option<&Hold>) -> Result<Vec<&'a Release>, Reason> {
    let Some(hold) = hold.filter(|hold| !hold.is_of_version()) else { return Ok(releases) };
    let is_newer = |release: &&Release| release.version.is_newer_than(&hold.from.release_version);
    let newer: Vec<&Release> = releases.into_iter().filter(|it| hold.ends_with_newer() && is_newer(it)).collect();
    if newer.is_empty() { Err(held(hold)) } else { Ok(newer) }
}

/// The releases of another Kubernetes version, newest first, without those older than the current one. Only Bottlerocket's
/// releases have an order across Kubernetes versions.
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

/// The newest allowed release; or the reason against the newest of all, with the earliest time at which any is old enough.
fn newest_allowed(
    candidate: Candidate<'_>,
    gates: &mut Gates,
    track: &TrackKey,
    releases: &[&Release],
) -> Result<ReleaseVersion, Reason> {
    let mut first_reason = None;
    let mut last_resort = None;
    for release in releases {
        let is_passed_over =
            release.refusal.as_ref().is_some_and(|refusal| refusal.is_passed_over(candidate.input.now));
        match candidate.case(track, release).allowed(gates) {
            // Only node groups without another release retry a refused one; otherwise every run would retry it for all.
            Ok(()) if is_passed_over => {
                last_resort.get_or_insert(&release.version);
            }
            Ok(()) => return Ok(release.version.clone()),
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
    last_resort.cloned().ok_or_else(|| first_reason.unwrap_or_else(none))
}

/// Whether no older release is installed meanwhile, because the node group could be rotated twice within hours.
fn is_asked_again_soon(reason: &Reason) -> bool {
    matches!(reason, Reason::FailedBefore { until: Some(_), .. } | Reason::ReleaseRefused { passed_over: false, .. })
}

/// Whether the node group is the cause of all failures: then an older release would fail, too, at the cost of another rotation.
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

/// The release of a pin. A release that is not in the history might be older than the history: EKS decides about it.
fn pinned(candidate: Candidate<'_>, gates: &mut Gates, pin: &str) -> Result<ReleaseVersion, Reason> {
    let Candidate { input, nodegroup, rules, record, family, version, current } = candidate;
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
    let case = Case { input, nodegroup, rules, record, track: &track, target: &target, known };
    case.allowed_by(&FOR_PINS, gates)?;
    Ok(target)
}
