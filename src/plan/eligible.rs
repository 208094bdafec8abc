//! Which release a node group may go to: the newest that satisfies every rule, not "the latest or nothing".

use std::cmp::Ordering;

use jiff::Timestamp;

use super::input::PlanInput;
use super::quarantine::not_quarantined;
use super::rings::{Gate, Gates};
use super::versions::next_version;
use crate::model::ami_type::{Family, NoTrack, ReleaseTrack};
use crate::model::attempt::Intent;
use crate::model::nodegroup::Nodegroup;
use crate::model::policy::Rules;
use crate::model::problem::Unreadable;
use crate::model::reason::Reason;
use crate::model::release_version::ReleaseVersion;
use crate::model::releases::{Available, Release, TrackKey};

/// A node group whose release is looked for.
#[derive(Clone, Copy)]
struct Candidate<'a> {
    nodegroup: &'a Nodegroup,
    family: Family,
    /// Its Kubernetes version, and the release it runs.
    version: &'a str,
    current: &'a str,
}

impl<'a> Candidate<'a> {
    fn of(nodegroup: &'a Nodegroup) -> Result<Self, Reason> {
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
            family: track.family,
            version: version.ok_or_else(|| missing("version"))?,
            current: nodegroup.release_version.as_deref().ok_or_else(|| missing("releaseVersion"))?,
        })
    }

    fn intent(&self, version: &str, release: &ReleaseVersion) -> Intent {
        Intent {
            version: version.to_owned(),
            release_version: release.to_string(),
            previous_release_version: self.current.to_owned(),
            force: false,
            may_force: false,
            start_before: None,
        }
    }

    fn track(&self, version: &str) -> TrackKey {
        TrackKey::new(version, &self.nodegroup.ami_type)
    }
}

/// The update to the newest release that the rules allow, or the reason against the latest one.
pub(super) fn release(
    input: &PlanInput<'_>,
    gates: &mut Gates,
    nodegroup: &Nodegroup,
    rules: &Rules,
) -> Result<Intent, Reason> {
    let candidate = Candidate::of(nodegroup)?;
    let Candidate { version, current, family, .. } = candidate;
    if let Some(pin) = &rules.pin {
        let target = pinned(input, candidate, pin)?;
        return Ok(candidate.intent(version, &target));
    }
    let mut ahead = None;
    let next = next_version(nodegroup, rules, &input.fleet.clusters).map_err(Reason::Unreadable)?;
    if let Some(next) = next {
        let track = candidate.track(&next);
        let target = offered(input, &track, family)
            .and_then(|releases| not_older(releases, family, current))
            .and_then(|releases| newest_allowed(input, gates, rules, &track, &releases));
        match target {
            Ok(target) => return Ok(candidate.intent(&next, target)),
            // Until it comes, the own version goes on.
            Err(reason) => ahead = Some(reason),
        }
    }
    let track = candidate.track(version);
    let target = offered(input, &track, family)
        .and_then(|releases| newer(releases, family, current))
        .and_then(|releases| newest_allowed(input, gates, rules, &track, &releases));
    target.map(|target| candidate.intent(version, target)).map_err(|own| deciding(own, ahead))
}

/// Which of two reasons decides: where the own version has nothing more to offer, why the next one does not come, unless AWS
/// has nothing for that either.
fn deciding(own: Reason, ahead: Option<Reason>) -> Reason {
    let own_is_done = matches!(
        own,
        Reason::UpToDate { .. }
            | Reason::EndOfSupport { .. }
            | Reason::NoRelease { .. }
            | Reason::RunsWithdrawnRelease { .. }
            | Reason::NotComparable { .. }
    );
    let comes = |reason: &Reason| !matches!(reason, Reason::NoRelease { .. });
    ahead.filter(|reason| own_is_done && comes(reason)).unwrap_or(own)
}

/// What AWS offers on a track, newest first, and never nothing.
fn offered<'a>(input: &PlanInput<'a>, track: &TrackKey, family: Family) -> Result<&'a [Release], Reason> {
    match input.releases.on(track) {
        Some(Available::Releases(releases)) => Ok(releases),
        Some(Available::Unreadable(error)) => Err(Reason::Unreadable(error.clone())),
        Some(Available::NotPublished) | None => Err(Reason::NoRelease {
            version: track.version.clone(),
            ami_type: track.ami_type.as_str().to_owned(),
            ended: family == Family::AmazonLinux2,
        }),
    }
}

/// Those that are newer than the one that runs, newest first; or why there is none.
fn newer<'a>(releases: &'a [Release], family: Family, current: &str) -> Result<Vec<&'a Release>, Reason> {
    let Some(latest) = releases.first().map(|release| &release.version) else { return Ok(Vec::new()) };
    let own = || current.to_owned();
    let not_comparable = |error| Reason::NotComparable { current: own(), target: latest.clone(), error };
    let running = ReleaseVersion::parse(family, current).map_err(not_comparable)?;
    match latest.compare(&running).map_err(not_comparable)? {
        Ordering::Greater => {}
        Ordering::Equal if family == Family::AmazonLinux2 => return Err(Reason::EndOfSupport { current: own() }),
        Ordering::Equal => return Err(Reason::UpToDate { current: own() }),
        Ordering::Less => return Err(Reason::RunsWithdrawnRelease { current: own(), latest: latest.clone() }),
    }
    let is_newer = |release: &&Release| release.version.compare(&running) == Ok(Ordering::Greater);
    Ok(releases.iter().filter(is_newer).collect())
}

/// Those of another Kubernetes version, newest first, but for those older than the one that runs. Only Bottlerocket's have an
/// order across Kubernetes versions.
fn not_older<'a>(releases: &'a [Release], family: Family, current: &str) -> Result<Vec<&'a Release>, Reason> {
    let Some(latest) = releases.first().map(|release| release.version.clone()) else { return Ok(Vec::new()) };
    let running = match ReleaseVersion::parse(family, current) {
        Ok(running) => running,
        Err(error) => return Err(Reason::NotComparable { current: current.to_owned(), target: latest, error }),
    };
    if latest.compare(&running) == Ok(Ordering::Less) {
        return Err(Reason::RunsWithdrawnRelease { current: current.to_owned(), latest });
    }
    let is_not_older = |release: &&Release| release.version.compare(&running) != Ok(Ordering::Less);
    Ok(releases.iter().filter(is_not_older).collect())
}

/// The newest that is allowed; or the reason against the newest of all, with the earliest time at which any is old enough.
fn newest_allowed<'a>(
    input: &PlanInput<'_>,
    gates: &mut Gates,
    rules: &Rules,
    track: &TrackKey,
    releases: &[&'a Release],
) -> Result<&'a ReleaseVersion, Reason> {
    let mut first_reason = None;
    for release in releases {
        match allowed(input, gates, rules, track, release) {
            Ok(()) => return Ok(&release.version),
            Err(reason) => first_reason = Some(earlier(first_reason, reason)),
        }
    }
    Err(first_reason.unwrap_or_else(|| Reason::Unreadable(Unreadable("AWS offers no release".to_owned()))))
}

fn earlier(first: Option<Reason>, later: Reason) -> Reason {
    match (first, later) {
        (None, later) => later,
        (
            Some(Reason::MinAgeNotReached { target, until: Some(until) }),
            Reason::MinAgeNotReached { until: Some(sooner), .. },
        ) => Reason::MinAgeNotReached { target, until: Some(until.min(sooner)) },
        (Some(first), _) => first,
    }
}

fn allowed(
    input: &PlanInput<'_>,
    gates: &mut Gates,
    rules: &Rules,
    track: &TrackKey,
    release: &Release,
) -> Result<(), Reason> {
    let target = &release.version;
    not_denied(input, target)?;
    old_enough(input, rules, release)?;
    not_quarantined(input.fleet.records.fleet().ok().flatten(), target)?;
    gates.passed(input, Gate { ring: rules.ring, track, target })
}

fn not_denied(input: &PlanInput<'_>, release: &ReleaseVersion) -> Result<(), Reason> {
    let denied = input.settings.denied.iter().any(|denied| denied.denies(release.as_str()));
    if denied { Err(Reason::Denied { target: release.clone() }) } else { Ok(()) }
}

fn old_enough(input: &PlanInput<'_>, rules: &Rules, release: &Release) -> Result<(), Reason> {
    if rules.min_age.is_zero() {
        return Ok(());
    }
    let until = release.published_at.map(|at| at.saturating_add(rules.min_age).unwrap_or(Timestamp::MAX));
    if until.is_some_and(|until| until <= input.now) {
        return Ok(());
    }
    Err(Reason::MinAgeNotReached { target: release.version.clone(), until })
}

/// A pin ignores minimum age and rings, but not what is known to be bad.
fn pinned(input: &PlanInput<'_>, candidate: Candidate<'_>, pin: &str) -> Result<ReleaseVersion, Reason> {
    let Candidate { family, version, current, .. } = candidate;
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
    let offered = offered(input, &candidate.track(version), family)?;
    if !offered.iter().any(|release| release.version == target) {
        return Err(unknown());
    }
    not_denied(input, &target)?;
    not_quarantined(input.fleet.records.fleet().ok().flatten(), &target)?;
    Ok(target)
}
