//! Which release a node group may go to: the newest that its rules allow, not "the latest or nothing".

use std::cmp::Ordering;

use super::ring::Gate;
use super::{Facts, Overview};
use crate::discover::{Clusters, Found, Seen};
use crate::model::ami_type::{Family, Line, NoLine};
use crate::model::nodegroup::Nodegroup;
use crate::model::policy::{KubernetesVersion, Policy, Rules};
use crate::model::reason::Reason;
use crate::model::record::Intent;
use crate::model::release_version::ReleaseVersion;
use crate::resolve::{LineKey, Offer, Published};
use jiff::Timestamp;

/// The lines that matter for what was found: that of its own Kubernetes version, and that of the next one if it follows its
/// cluster there.
#[must_use]
pub fn lines(found: &Found, clusters: &Clusters) -> Vec<LineKey> {
    let Seen::Nodegroup(nodegroup) = &found.now else { return Vec::new() };
    let Policy::OptedIn(_, rules) = &nodegroup.policy else { return Vec::new() };
    let versions =
        nodegroup.kubernetes_version.iter().cloned().chain(next_version(nodegroup, rules, clusters).ok().flatten());
    versions.map(|version| LineKey::new(&version, &nodegroup.ami_type)).collect()
}

/// The Kubernetes version that a node group goes to next, where it follows its cluster and lags it: one minor version on, and
/// never beyond the control plane. A pinned one stays where its pin is.
pub(super) fn next_version(
    nodegroup: &Nodegroup,
    rules: &Rules,
    clusters: &Clusters,
) -> Result<Option<String>, Reason> {
    let (KubernetesVersion::FollowCluster, None, Some(own)) =
        (rules.kubernetes_version, &rules.pin, &nodegroup.kubernetes_version)
    else {
        return Ok(None);
    };
    let unreadable = |error: &str| Reason::CouldNotBeRead { error: format!("the version of its cluster: {error}") };
    let cluster = match clusters.get(&nodegroup.id.cluster) {
        Some(Ok(version)) => version,
        Some(Err(error)) => return Err(unreadable(error)),
        None => return Err(unreadable("it was not asked for")),
    };
    let (Some(next), Some(control_plane)) = (after(own), minor_version(cluster)) else {
        return Err(unreadable(&format!("{own} and {cluster} are no Kubernetes versions")));
    };
    Ok((next <= control_plane).then(|| format!("{}.{}", next.0, next.1)))
}

/// The minor version after this one.
pub(super) fn after(version: &str) -> Option<(u32, u32)> {
    minor_version(version).map(|(major, minor)| (major, minor.saturating_add(1)))
}

pub(super) fn minor_version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// The update to the newest release that the rules allow, or the reason against the newest one.
pub(super) fn release(overview: &mut Overview<'_>, nodegroup: &Nodegroup, rules: &Rules) -> Result<Intent, Reason> {
    let facts = overview.facts;
    // A custom AMI has no line whatever the version, so that a group for which EKS names none still gets its real reason.
    let version = nodegroup.kubernetes_version.as_deref();
    let line = Line::of(&nodegroup.ami_type, version.unwrap_or_default()).map_err(|no_line| match no_line {
        NoLine::Custom => Reason::CustomAmi,
        NoLine::Unknown => Reason::UnknownAmiType { ami_type: nodegroup.ami_type.as_str().to_owned() },
    })?;
    let missing =
        |field: &str| Reason::CouldNotBeRead { error: format!("EKS described the node group without {field}") };
    let version = version.ok_or_else(|| missing("version"))?;
    let current = nodegroup.release_version.as_deref().ok_or_else(|| missing("releaseVersion"))?;
    let intent = |version: &str, release: &ReleaseVersion| Intent {
        version: version.to_owned(),
        release_version: release.to_string(),
        previous_release_version: current.to_owned(),
        force: false,
        may_force: false,
    };
    if let Some(pin) = &rules.pin {
        let target = pinned(overview, nodegroup, &line, version, current, pin)?;
        return Ok(intent(version, &target));
    }
    let mut ahead = None;
    if let Some(next) = next_version(nodegroup, rules, facts.clusters)? {
        let target = offered(facts, nodegroup, line.family, &next)
            .and_then(|releases| not_older(releases, &line, current))
            .and_then(|releases| newest_allowed(overview, nodegroup, rules, &next, releases.into_iter()));
        match target {
            Ok(target) => return Ok(intent(&next, target)),
            // Until it comes, the own version goes on.
            Err(reason) => ahead = Some(reason),
        }
    }
    let target = offered(facts, nodegroup, line.family, version)
        .and_then(|releases| newer(releases, &line, current))
        .and_then(|newer| newest_allowed(overview, nodegroup, rules, version, newer.into_iter()));
    target.map(|target| intent(version, target)).map_err(|own| telling(own, ahead))
}

/// Which of two reasons to tell: where the own version has nothing more to give, why the next one does not come, unless AWS
/// has nothing for that either.
fn telling(own: Reason, ahead: Option<Reason>) -> Reason {
    let own_is_done = matches!(
        own,
        Reason::UpToDate { .. }
            | Reason::LineEnded { .. }
            | Reason::NoRelease { .. }
            | Reason::NewerThanOffered { .. }
            | Reason::NotComparable { .. }
    );
    let comes = |reason: &Reason| !matches!(reason, Reason::NoRelease { .. });
    ahead.filter(|reason| own_is_done && comes(reason)).unwrap_or(own)
}

/// What AWS offers for a node group at a Kubernetes version, newest first, and never nothing.
fn offered<'a>(
    facts: &Facts<'a>,
    nodegroup: &Nodegroup,
    family: Family,
    version: &str,
) -> Result<&'a [Published], Reason> {
    match facts.releases.offer(&LineKey::new(version, &nodegroup.ami_type)) {
        Some(Offer::Releases(releases)) => Ok(releases),
        Some(Offer::Unreadable(error)) => Err(Reason::CouldNotBeRead { error: error.clone() }),
        Some(Offer::NotPublished) | None => Err(Reason::NoRelease {
            version: version.to_owned(),
            ami_type: nodegroup.ami_type.as_str().to_owned(),
            ended: family == Family::AmazonLinux2,
        }),
    }
}

/// Those that are newer than the one that runs, newest first; or why there is none.
fn newer<'a>(releases: &'a [Published], line: &Line, current: &str) -> Result<Vec<&'a Published>, Reason> {
    let Some(newest) = releases.first().map(|published| &published.release) else { return Ok(Vec::new()) };
    let own = || current.to_owned();
    let not_comparable = |error| Reason::NotComparable { current: own(), target: newest.clone(), error };
    let running = ReleaseVersion::parse(line.family, current).map_err(not_comparable)?;
    match newest.compare(&running).map_err(not_comparable)? {
        Ordering::Greater => {}
        Ordering::Equal if line.family == Family::AmazonLinux2 => return Err(Reason::LineEnded { current: own() }),
        Ordering::Equal => return Err(Reason::UpToDate { current: own() }),
        Ordering::Less => return Err(Reason::NewerThanOffered { current: own(), target: newest.clone() }),
    }
    let is_newer = |published: &&Published| published.release.compare(&running) == Ok(Ordering::Greater);
    Ok(releases.iter().filter(is_newer).collect())
}

/// Those of another Kubernetes version, newest first, but for those older than the one that runs. Only Bottlerocket's have an
/// order across Kubernetes versions.
fn not_older<'a>(releases: &'a [Published], line: &Line, current: &str) -> Result<Vec<&'a Published>, Reason> {
    let Some(newest) = releases.first().map(|published| &published.release) else { return Ok(Vec::new()) };
    let (current, target) = (current.to_owned(), newest.clone());
    let running = match ReleaseVersion::parse(line.family, &current) {
        Ok(running) => running,
        Err(error) => return Err(Reason::NotComparable { current, target, error }),
    };
    if newest.compare(&running) == Ok(Ordering::Less) {
        return Err(Reason::NewerThanOffered { current, target });
    }
    Ok(releases.iter().filter(|published| published.release.compare(&running) != Ok(Ordering::Less)).collect())
}

/// The newest that is allowed; or the reason against the newest of all, with the earliest time at which any is old enough.
fn newest_allowed<'a>(
    overview: &mut Overview<'_>,
    nodegroup: &Nodegroup,
    rules: &Rules,
    version: &str,
    releases: impl Iterator<Item = &'a Published>,
) -> Result<&'a ReleaseVersion, Reason> {
    let mut first_reason = None;
    for published in releases {
        match allowed(overview, nodegroup, rules, version, published) {
            Ok(()) => return Ok(&published.release),
            Err(reason) => first_reason = Some(earlier(first_reason, reason)),
        }
    }
    Err(first_reason.unwrap_or_else(|| Reason::CouldNotBeRead { error: "AWS offers no release".to_owned() }))
}

fn earlier(first: Option<Reason>, later: Reason) -> Reason {
    match (first, later) {
        (None, later) => later,
        (Some(Reason::TooYoung { target, until: Some(until) }), Reason::TooYoung { until: Some(sooner), .. }) => {
            Reason::TooYoung { target, until: Some(until.min(sooner)) }
        }
        (Some(first), _) => first,
    }
}

fn allowed(
    overview: &mut Overview<'_>,
    nodegroup: &Nodegroup,
    rules: &Rules,
    version: &str,
    published: &Published,
) -> Result<(), Reason> {
    let Overview { facts, quarantined, gates } = overview;
    not_denied(facts, &published.release)?;
    old_enough(facts, rules, published)?;
    quarantined.allows(&published.release)?;
    let target = &published.release;
    gates.passed(facts, Gate { ring: rules.ring, ami_type: &nodegroup.ami_type, version, target })
}

fn not_denied(facts: &Facts<'_>, release: &ReleaseVersion) -> Result<(), Reason> {
    let denied = facts.fleet.denied.iter().any(|denied| denied.denies(release.as_str()));
    if denied { Err(Reason::Denied { target: release.clone() }) } else { Ok(()) }
}

fn old_enough(facts: &Facts<'_>, rules: &Rules, published: &Published) -> Result<(), Reason> {
    if rules.min_age.is_zero() {
        return Ok(());
    }
    let until = published.at.map(|at| at.saturating_add(rules.min_age).unwrap_or(Timestamp::MAX));
    if until.is_some_and(|until| until <= facts.now) {
        return Ok(());
    }
    Err(Reason::TooYoung { target: published.release.clone(), until })
}

/// A pin is somebody's choice: neither age nor rings hold it up, but what is known to be bad does.
fn pinned(
    overview: &Overview<'_>,
    nodegroup: &Nodegroup,
    line: &Line,
    version: &str,
    current: &str,
    pin: &str,
) -> Result<ReleaseVersion, Reason> {
    if pin == current {
        return Err(Reason::Pinned { release: pin.to_owned() });
    }
    let unknown = || Reason::PinUnknown { pin: pin.to_owned() };
    let target = ReleaseVersion::parse(line.family, pin).map_err(|_| unknown())?;
    let running = ReleaseVersion::parse(line.family, current).map_err(|error| Reason::NotComparable {
        current: current.to_owned(),
        target: target.clone(),
        error,
    })?;
    match target.compare(&running) {
        Ok(Ordering::Greater) => {}
        Ok(_) => return Err(Reason::PinnedOlder { pin: pin.to_owned(), current: current.to_owned() }),
        Err(_) => return Err(unknown()),
    }
    let offered = offered(overview.facts, nodegroup, line.family, version)?;
    if !offered.iter().any(|published| published.release == target) {
        return Err(unknown());
    }
    not_denied(overview.facts, &target)?;
    overview.quarantined.allows(&target)?;
    Ok(target)
}
