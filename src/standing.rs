//! Nothing goes stale in silence: whether a node group is kept current, since when it is not, and why.

use aws_sdk_eks::types::NodegroupStatus;
use jiff::{SignedDuration, Timestamp};

use crate::model::attempt::Intent;
use crate::model::decision::attention::Reported;
use crate::model::decision::reason::{Freeze, Reason};
use crate::model::decision::{Decision, DecisionKind};
use crate::model::nodegroup::Nodegroup;
use crate::model::nodegroup::policy::{Mode, Policy};
use crate::model::notice::stale::{Obstacle, Stale};
use crate::model::observed::fleet::Discovered;
use crate::model::observed::releases::{Available, Release};
use crate::model::record::nodegroup::NodegroupRecord;
use crate::model::release::track::{ReleaseTrack, TrackKey};
use crate::model::release::version::ReleaseVersion;
use crate::model::rules::Rules;
use crate::model::unknown::Unknown;
use crate::plan::PlanInput;
use crate::plan::release_rules::not_denied;
use crate::plan::versions::version_step;

/// After how long a state that should never last is reported.
const OBSTACLE_AFTER: SignedDuration = SignedDuration::from_hours(24);
/// After a freeze of at least this length, the fleet gets time to catch up.
const LONG_FREEZE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The standing of a node group.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// It is kept current.
    Current,
    /// It is not kept current on purpose, or the cause is reported by another notice.
    Deliberate,
    /// It is not kept current, but not for too long yet; with its obstacle, if any.
    Waiting(Option<Obstacle>),
    /// It has not been kept current for too long; with its obstacle, if any.
    Stale(Stale, Option<Obstacle>),
    /// Unknown in this run: it is being updated, or no updates are expected now.
    Unknown,
}

/// How far a node group is behind.
struct Behind<'a> {
    /// The oldest newer release.
    oldest: &'a Release,
    /// Since when this counts.
    since: Timestamp,
}

impl Behind<'_> {
    /// How many days ago that release was published.
    fn days(&self, now: Timestamp) -> i64 {
        now.duration_since(self.oldest.published_at).as_hours() / 24
    }
}

/// The standing of a node group with this decision. Only for runs that cover the whole fleet.
#[must_use]
pub fn standing(input: &PlanInput<'_>, discovered: &Discovered, decision: &Decision) -> Standing {
    let policy = discovered.nodegroup().map(|nodegroup| &nodegroup.policy);
    if matches!(policy, Some(Policy::OptedIn(Mode::Notify, _))) {
        return Standing::Deliberate;
    }
    let record = input.fleet.records.nodegroup(&discovered.id).ok().flatten();
    let tried_before = match decision {
        Decision::Start(intent) | Decision::Next(intent, _) => tried_before(input, intent, record),
        Decision::Skip(_) => None,
    };
    let reason = match decision {
        // It starts, or another update is in progress: a later run sees whether it is current then.
        Decision::Start(_) if tried_before.is_none() => return Standing::Unknown,
        Decision::Skip(Reason::InProgress { .. }) => return Standing::Unknown,
        Decision::Start(_) | Decision::Next(..) => tried_before.as_ref(),
        Decision::Skip(Reason::Pinned { .. }) => return Standing::Current,
        Decision::Skip(reason) if reason.reported() == Reported::Never => return Standing::Deliberate,
        Decision::Skip(reason) => Some(reason),
    };
    let rules = discovered.nodegroup().and_then(rules_of).unwrap_or(&input.settings.defaults);
    let obstacle = reason.filter(|reason| is_obstacle(reason) && !is_reported_of_fleet(input, reason));
    let obstacle = obstacle.map(|reason| {
        let kind = DecisionKind::Skip(reason.kind());
        let known = record.and_then(|record| record.obstacle()).filter(|obstacle| obstacle.reason == kind);
        Obstacle::new(kind, known.map_or(input.now, |obstacle| obstacle.since))
    });
    let behind = discovered.nodegroup().and_then(|nodegroup| behind(input, nodegroup, rules, record));
    if behind.is_none() && obstacle.is_none() {
        return Standing::Current;
    }
    let stale = |since, behind: Option<&Behind<'_>>| Stale {
        since,
        oldest: behind.map(|behind| behind.oldest.version.to_string()),
        days_behind: behind.map(|behind| behind.days(input.now)),
        reason: reason.map_or_else(|| decision.kind(), |reason| DecisionKind::Skip(reason.kind())),
        detail: reason.map_or_else(|| decision.to_string(), Reason::to_string),
        cause: reason.map_or_else(|| decision.code().to_owned(), cause),
        unknown: Unknown::default(),
    };
    if reason.is_some_and(|reason| reason.reported() == Reported::AfterADay)
        && let Some(obstacle) = obstacle.as_ref().filter(|it| input.now.duration_since(it.since) >= OBSTACLE_AFTER)
        && rules.stale_after.is_some()
    {
        return Standing::Stale(stale(obstacle.since, behind.as_ref()), Some(obstacle.clone()));
    }
    let since = [obstacle.as_ref().map(|obstacle| obstacle.since), behind.as_ref().map(|behind| behind.since)];
    match since.into_iter().flatten().min().filter(|since| is_due(input, *since, rules.stale_after)) {
        Some(_) if is_excused(input, rules) => Standing::Unknown,
        Some(since) => Standing::Stale(stale(since, behind.as_ref()), obstacle),
        None => Standing::Waiting(obstacle),
    }
}

/// Why it did not start before. If runs are so rare that each wait has ended, every decision is a start.
fn tried_before(input: &PlanInput<'_>, intent: &Intent, record: Option<&NodegroupRecord>) -> Option<Reason> {
    if let Some(back_off) = record.and_then(|record| record.back_off()).filter(|it| it.stops(intent)) {
        return Some(back_off.reason(input.now));
    }
    let Intent { version, release_version, .. } = intent;
    let failures = || record.into_iter().flat_map(|record| record.failures(version, release_version));
    if let Some(last) = failures().last() {
        let (target, failures) = (release_version.clone(), failures().count());
        return Some(Reason::FailedBefore { target, failures, status: last.failure(), until: Some(input.now) });
    }
    let release = input.releases.named(&intent.track(), release_version)?;
    let refusal = release.refusal.as_ref()?;
    Some(Reason::ReleaseRefused {
        target: release.version.clone(),
        since: refusal.since,
        until: input.now,
        passed_over: refusal.is_passed_over(input.now),
    })
}

fn rules_of(nodegroup: &Nodegroup) -> Option<&Rules> {
    match &nodegroup.policy {
        Policy::OptedIn(_, rules) => Some(rules),
        Policy::NotOptedIn | Policy::OptedOut | Policy::Invalid { .. } => None,
    }
}

/// Whether it blocks updates regardless of known newer releases.
fn is_obstacle(reason: &Reason) -> bool {
    matches!(reason.reported(), Reported::Always | Reported::AfterADay)
}

/// A missing permission of the function is reported once, for all node groups.
fn is_reported_of_fleet(input: &PlanInput<'_>, reason: &Reason) -> bool {
    let fleet = input.fleet.record().ok().flatten();
    matches!(reason, Reason::BackingOff { access_denied: true, .. })
        && fleet.is_some_and(|record| record.access_denied.is_some())
}

fn is_due(input: &PlanInput<'_>, since: Timestamp, stale_after: Option<SignedDuration>) -> bool {
    stale_after.is_some_and(|after| input.now.duration_since(since) >= after)
}

/// Whether no updates are expected: during a freeze with a known end, and after a long one until the fleet has had time to
/// catch up.
fn is_excused(input: &PlanInput<'_>, rules: &Rules) -> bool {
    if matches!(input.fleet.freeze, Some(Freeze::CalendarClosed { until: Some(_) })) {
        return true;
    }
    let freeze = input.fleet.record().ok().flatten().and_then(|record| record.freeze.as_ref());
    freeze.is_some_and(|freeze| {
        // This run might be the first to see its end.
        let end = freeze.ended_at.unwrap_or(input.now);
        end.duration_since(freeze.since) >= LONG_FREEZE && !is_due(input, end, rules.stale_after)
    })
}

/// A shared cause of many node groups, so that one message can name them all.
fn cause(reason: &Reason) -> String {
    let code = reason.code();
    match reason {
        Reason::Frozen(freeze) => format!("{code}: {freeze}"),
        Reason::WaitingForRing { nodegroup, .. } => format!("{code}: {nodegroup}"),
        reason => match reason.target() {
            Some(target) => format!("{code}: {target}"),
            None => code.to_owned(),
        },
    }
}

/// How many days ago the oldest release newer than the node group's was published.
pub(super) fn days_behind(input: &PlanInput<'_>, nodegroup: &Nodegroup) -> Option<i64> {
    behind_by_its_rules(input, nodegroup).map(|behind| behind.days(input.now))
}

/// When the oldest release newer than the node group's was published. A node group that is being updated is not behind.
#[must_use]
pub fn newer_published_at(input: &PlanInput<'_>, nodegroup: &Nodegroup) -> Option<Timestamp> {
    behind_by_its_rules(input, nodegroup).map(|behind| behind.oldest.published_at)
}

fn behind_by_its_rules<'a>(input: &PlanInput<'a>, nodegroup: &Nodegroup) -> Option<Behind<'a>> {
    let rules = rules_of(nodegroup).unwrap_or(&input.settings.defaults);
    let record = input.fleet.records.nodegroup(&nodegroup.id).ok().flatten();
    behind(input, nodegroup, rules, record)
}

/// The oldest newer release, and since when a node group is behind it. After an update it is only behind the next release, so a
/// fleet that follows with its minimum age is never stale.
fn behind<'a>(
    input: &PlanInput<'a>,
    nodegroup: &Nodegroup,
    rules: &Rules,
    record: Option<&NodegroupRecord>,
) -> Option<Behind<'a>> {
    if nodegroup.status == NodegroupStatus::Updating {
        return None;
    }
    let version = nodegroup.kubernetes_version.as_deref()?;
    let track = TrackKey::new(version, &nodegroup.ami_type);
    let family = ReleaseTrack::of(&nodegroup.ami_type, version).ok()?.family;
    let running = ReleaseVersion::parse(family, nodegroup.release_version.as_deref()?).ok()?;
    let own = oldest(input, &track, |release| release.is_newer_than(&running));
    let step = || version_step(nodegroup, rules, &input.fleet.clusters).ok().flatten();
    let (oldest, may_since) = match own {
        Some(oldest) => (oldest, None),
        None => {
            let step = step()?;
            let seen = record?.cluster_version.as_ref().filter(|seen| seen.version == step)?;
            let may_since = seen.since.saturating_add(rules.follow_cluster_after).unwrap_or(Timestamp::MAX);
            (oldest(input, &TrackKey::new(&step, &nodegroup.ami_type), |_| true)?, Some(may_since))
        }
    };
    let old_enough = oldest.published_at.saturating_add(rules.min_age).unwrap_or(Timestamp::MAX);
    let rested = record.and_then(|record| record.last_success()).map(|at| at.saturating_add(rules.min_interval));
    let opted_in = record.and_then(|record| record.opted_in_since()).unwrap_or(input.now);
    let since = [may_since, rested.and_then(Result::ok), Some(opted_in)].into_iter().flatten();
    Some(Behind { oldest, since: since.fold(oldest.first_seen_at.max(old_enough), Timestamp::max) })
}

fn oldest<'a>(input: &PlanInput<'a>, track: &TrackKey, counts: impl Fn(&Release) -> bool) -> Option<&'a Release> {
    let Some(Available::Releases(releases)) = input.releases.on(track) else { return None };
    let allowed = |release: &Release| !release.withdrawn && not_denied(input, track, &release.version).is_ok();
    releases.iter().rev().find(|release| allowed(release) && counts(release))
}
