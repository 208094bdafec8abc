//! Why an update of a node group starts or does not: the result of every rule, not only of the first that fails.
//!
//! The plan's own rules are evaluated, each once. Those about a release are evaluated for the chosen release or, without one,
//! for the newest that the node group could be updated to.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use strum::VariantArray as _;

use crate::model::attempt::Intent;
use crate::model::decision::explanation::{
    Condition, ConditionStatus, ConsideredRelease, Description, Explanation, Objection,
};
use crate::model::decision::reason::Reason;
use crate::model::decision::rule::{Rule, Step};
use crate::model::decision::{Decision, DecisionKind, Planned};
use crate::model::id::Subject;
use crate::model::nodegroup::Nodegroup;
use crate::model::nodegroup::owner::Owner;
use crate::model::nodegroup::policy::{Mode, Policy};
use crate::model::observed::fleet::Discovered;
use crate::model::observed::releases::{Available, Release};
use crate::model::record::nodegroup::NodegroupRecord;
use crate::model::release::track::TrackKey;
use crate::model::rules::{RuleName, Rules, VersionPolicy};
use crate::plan::eligible::{self, Candidate};
use crate::plan::rings::Gates;
use crate::plan::rules::{START_RULES, healthy, not_frozen, requested_rollback};
use crate::plan::selected::{Selected, opted_in};
use crate::plan::{Plan, PlanInput};
use crate::standing;

/// The maximum number of releases in an explanation.
const RELEASES: usize = 20;
/// The reasons of a satisfied rule and of a rule that was not evaluated.
const SATISFIED: &str = "Satisfied";
const NOT_EVALUATED: &str = "NotEvaluated";

/// What a dry run shows in addition to the decisions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// What is shown of each node group, in the order of the decisions.
    pub nodegroups: Vec<Shown>,
    /// The requested explanations.
    pub explanations: Vec<Explanation>,
}

/// What a dry run shows of a node group; nothing if it could not be described.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// What it runs.
    pub runs: Option<Description>,
    /// The ring that applies to it, if it has opted in.
    pub ring: Option<u32>,
    /// The tool that might manage it, if its tags show one.
    pub owner: Option<Owner>,
}

impl View {
    /// The view of a plan in a dry run. It is empty for other runs, because nobody reads their answers.
    #[must_use]
    pub fn of(input: &PlanInput<'_>, plan: &Plan) -> Self {
        if !input.request.dry_run {
            return Self::default();
        }
        // The first decisions of a plan are those of the discovered node groups, in their order.
        let discovered = input.fleet.nodegroups.iter().map(Some).chain(std::iter::repeat(None));
        let planned = || discovered.clone().zip(&plan.decisions);
        let nodegroup = |discovered: Option<&Discovered>| Some(Shown::of(input, discovered?.nodegroup()?));
        let is_asked_for = |planned: &Planned| match planned.subject() {
            Subject::Nodegroup(name) => input.request.explain.contains(&name),
            Subject::Fleet | Subject::Track(_) | Subject::Entry(_) => false,
        };
        let asked_for = planned().filter(|(_, planned)| is_asked_for(planned));
        Self {
            nodegroups: planned().map(|(discovered, _)| nodegroup(discovered).unwrap_or_default()).collect(),
            explanations: asked_for.map(|(discovered, planned)| explain(input, discovered, planned)).collect(),
        }
    }
}

impl Shown {
    fn of(input: &PlanInput<'_>, nodegroup: &Nodegroup) -> Self {
        let ring = opted_in(nodegroup).ok().map(|(_, rules)| rules.ring);
        Self { runs: Some(description(input, nodegroup)), ring, owner: nodegroup.owner }
    }
}

/// The result of every rule for a node group with this decision. If it was not discovered, only the decision is known.
fn explain(input: &PlanInput<'_>, discovered: Option<&Discovered>, planned: &Planned) -> Explanation {
    let mut evaluated = Evaluated::default();
    if let Some(discovered) = discovered {
        evaluated.evaluate(input, discovered);
    }
    if let Decision::Skip(reason) = &planned.decision {
        evaluated.results.insert(rule_of(reason), Err(reason.clone()));
    }
    let nodegroup = discovered.and_then(Discovered::nodegroup);
    let subject = About { input, nodegroup, evaluated: &evaluated, decision: &planned.decision };
    let conditions = Rule::VARIANTS.iter().filter(|rule| subject.concerns(**rule)).map(|rule| subject.condition(*rule));
    Explanation {
        nodegroup: planned.subject().to_string(),
        decision: planned.decision.kind(),
        attention: planned.decision.attention(),
        reason: planned.decision.to_string(),
        runs: nodegroup.map(|nodegroup| description(input, nodegroup)),
        target: evaluated.intent.as_ref().map(|intent| intent.release_version.clone()),
        starts_at: starts_at(input, &evaluated, &planned.decision),
        conditions: conditions.collect(),
        releases: nodegroup.map(|nodegroup| considered(input, nodegroup)).unwrap_or_default(),
    }
}

fn rule_of(reason: &Reason) -> Rule {
    reason.kind().guide().rule
}

/// What a node group runs.
fn description(input: &PlanInput<'_>, nodegroup: &Nodegroup) -> Description {
    Description {
        release_version: nodegroup.release_version.clone(),
        kubernetes_version: nodegroup.kubernetes_version.clone(),
        ami_type: nodegroup.ami_type.as_str().to_owned(),
        days_behind: standing::days_behind(input, nodegroup),
    }
}

/// The result of each rule that could be evaluated; and the update that would start if all were satisfied.
#[derive(Default)]
struct Evaluated {
    results: BTreeMap<Rule, Result<(), Reason>>,
    intent: Option<Intent>,
}

impl Evaluated {
    fn evaluate(&mut self, input: &PlanInput<'_>, discovered: &Discovered) {
        let selected = match Selected::of(input, discovered) {
            Ok(selected) => selected,
            Err(reason) => {
                self.fails(reason);
                return self.evaluate_unselected(input, discovered);
            }
        };
        self.satisfied([Rule::Selected, Rule::Readable, Rule::OptedIn]);
        self.results.insert(Rule::NoUpdateInProgress, selected.not_in_progress());
        match requested_rollback(selected) {
            Some(Ok(intent)) => {
                self.satisfied(Rule::VARIANTS.iter().copied());
                self.results.insert(Rule::NotFrozen, not_frozen(input));
                self.intent = Some(intent);
                return;
            }
            Some(Err(reason)) => self.fails(reason),
            None => self.satisfied([Rule::RollbackAllowed]),
        }
        match selected.candidate() {
            Ok(candidate) => {
                self.satisfied([Rule::ManagedAmi]);
                self.evaluate_release(candidate);
            }
            Err(reason) => self.fails(reason),
        }
        for (rule, check) in START_RULES {
            self.results.extend(check(selected, self.intent.as_ref()).map(|result| (rule, result)));
        }
    }

    /// Evaluates the rules that need neither tags nor a release.
    fn evaluate_unselected(&mut self, input: &PlanInput<'_>, discovered: &Discovered) {
        self.results.insert(Rule::NotFrozen, not_frozen(input));
        let Some(nodegroup) = discovered.nodegroup() else { return };
        self.satisfied([Rule::Readable]);
        self.results.insert(Rule::Healthy, healthy(nodegroup));
        let opted_in = opted_in(nodegroup);
        if let (Ok((mode, rules)), Ok(record)) = (&opted_in, input.fleet.records.nodegroup(&discovered.id)) {
            let selected = Selected { input, nodegroup, mode: *mode, rules, record };
            self.results.insert(Rule::NoUpdateInProgress, selected.not_in_progress());
            for (rule, check) in START_RULES {
                self.results.extend(check(selected, None).map(|result| (rule, result)));
            }
        }
        self.results.insert(Rule::OptedIn, opted_in.map(|_| ()));
    }

    fn evaluate_release(&mut self, candidate: Candidate<'_>) {
        let mut gates = Gates::default();
        let about_release = Rule::VARIANTS.iter().copied().filter(|rule| rule.step() == Step::Release);
        match eligible::release(candidate, &mut gates) {
            Ok(intent) => {
                self.satisfied(about_release);
                self.intent = Some(intent);
            }
            Err(reason) => {
                if let Some((track, release)) = newest(candidate) {
                    self.satisfied([Rule::Pin, Rule::NewerRelease]);
                    self.results.insert(Rule::NotDowngraded, candidate.not_held_from(&track, release));
                    let is_step = candidate.step() == Ok(Some(track.version.clone()));
                    let may_step = if is_step { candidate.may_step(&track.version) } else { Ok(()) };
                    self.results.insert(Rule::FollowClusterAfter, may_step);
                    self.results.extend(candidate.case(&track, release).all(&mut gates));
                    self.intent = Some(candidate.intent(&track.version, &release.version));
                }
                self.fails(reason);
            }
        }
    }

    /// Marks these rules as satisfied, except those that have failed.
    fn satisfied(&mut self, rules: impl IntoIterator<Item = Rule>) {
        for rule in rules {
            self.results.entry(rule).or_insert(Ok(()));
        }
    }

    fn fails(&mut self, reason: Reason) {
        self.results.insert(rule_of(&reason), Err(reason));
    }

    fn reasons(&self) -> impl Iterator<Item = &Reason> {
        self.results.values().filter_map(|result| result.as_ref().err())
    }
}

/// The newest release that a node group could be updated to, regardless of other rules: of its cluster's Kubernetes version if
/// it follows the cluster, otherwise of its own.
fn newest(candidate: Candidate<'_>) -> Option<(TrackKey, &Release)> {
    candidate.tracks().into_iter().find_map(|track| {
        let offered = eligible::offered(candidate.input(), &track).ok()?;
        let release = offered.into_iter().find(|release| candidate.would_go_forward(&track, release))?;
        Some((track, release))
    })
}

/// When the last reason against an update ends, if all of them end with time alone.
fn starts_at(input: &PlanInput<'_>, evaluated: &Evaluated, decision: &Decision) -> Option<Timestamp> {
    let until = |reason: &Reason| reason.until().filter(|until| *until > input.now);
    let ends: Option<Vec<Timestamp>> = evaluated.reasons().map(until).collect();
    let waits = matches!(decision, Decision::Skip(_)) && evaluated.intent.is_some();
    ends.filter(|_| waits)?.into_iter().max()
}

/// A node group, and its evaluated rules.
struct About<'a> {
    input: &'a PlanInput<'a>,
    nodegroup: Option<&'a Nodegroup>,
    evaluated: &'a Evaluated,
    decision: &'a Decision,
}

impl About<'_> {
    fn reason(&self, rule: Rule) -> Option<&Reason> {
        self.evaluated.results.get(&rule)?.as_ref().err()
    }

    fn rules(&self) -> Option<&Rules> {
        match &self.nodegroup?.policy {
            Policy::OptedIn(_, rules) => Some(rules),
            Policy::NotOptedIn | Policy::OptedOut | Policy::Invalid { .. } => None,
        }
    }

    fn record(&self) -> Option<&NodegroupRecord> {
        self.input.fleet.records.nodegroup(&self.nodegroup?.id).ok().flatten()
    }

    /// Whether a rule applies to this node group.
    fn concerns(&self, rule: Rule) -> bool {
        self.reason(rule).is_some()
            || match rule {
                Rule::Selected => false,
                Rule::RollbackAllowed => self.record().is_some_and(|record| record.rollback().is_some()),
                Rule::Pin => self.rules().is_some_and(|rules| rules.pin.is_some()),
                Rule::FollowClusterAfter => {
                    self.rules().is_some_and(|rules| rules.kubernetes_version == VersionPolicy::FollowCluster)
                }
                _ => true,
            }
    }

    fn condition(&self, rule: Rule) -> Condition {
        if let (Rule::Limits, Decision::Next(_, limit)) = (rule, self.decision) {
            let against = Against { code: "Next", message: limit.to_string(), until: None, since: None };
            return self.unsatisfied(rule, against, true);
        }
        if rule == Rule::Limits && matches!(self.decision, Decision::Start(_)) {
            return self.satisfied(rule);
        }
        match self.evaluated.results.get(&rule).filter(|_| rule != Rule::Limits) {
            Some(Ok(())) => self.satisfied(rule),
            Some(Err(reason)) => {
                let decides = matches!(self.decision, Decision::Skip(decisive) if decisive == reason);
                self.unsatisfied(rule, self.against(reason), decides)
            }
            None => {
                let message = "not evaluated: an earlier rule left nothing to evaluate".to_owned();
                self.plain(rule, ConditionStatus::Unknown, NOT_EVALUATED, message)
            }
        }
    }

    fn against(&self, reason: &Reason) -> Against {
        let obstacle = self.record().and_then(|record| record.obstacle());
        let seen = obstacle
            .filter(|obstacle| obstacle.reason == DecisionKind::Skip(reason.kind()))
            .map(|obstacle| obstacle.since);
        Against {
            code: reason.code(),
            message: reason.to_string(),
            until: reason.until(),
            since: reason.since().or(seen),
        }
    }

    fn unsatisfied(&self, rule: Rule, against: Against, decides: bool) -> Condition {
        let Against { code, message, until, since } = against;
        let condition = self.plain(rule, ConditionStatus::False, code, message);
        Condition { decides, until, last_transition_time: since, ..condition }
    }

    fn satisfied(&self, rule: Rule) -> Condition {
        self.plain(rule, ConditionStatus::True, SATISFIED, self.message(rule))
    }

    fn plain(&self, rule: Rule, status: ConditionStatus, reason: &str, message: String) -> Condition {
        Condition {
            rule,
            status,
            reason: reason.to_owned(),
            message,
            source: self.source(rule),
            decides: false,
            until: None,
            last_transition_time: None,
        }
    }

    /// The source of a rule.
    fn source(&self, rule: Rule) -> String {
        let set_by = |rule: RuleName| {
            let is_tagged = self.rules().is_some_and(|rules| rules.tagged.contains(&rule));
            let setting = rule.row().setting.filter(|_| !is_tagged);
            match setting {
                Some(setting) => format!("setting {}", setting.parameter),
                None => format!("tag ami-update/{}", rule.name()),
            }
        };
        match rule {
            Rule::Selected => "event".to_owned(),
            Rule::Readable | Rule::ManagedAmi | Rule::Healthy => "EKS".to_owned(),
            Rule::OptedIn | Rule::UpdatesAllowed => "tag ami-update".to_owned(),
            Rule::NoUpdateInProgress
            | Rule::RollbackAllowed
            | Rule::NotDowngraded
            | Rule::NotQuarantined
            | Rule::ReleaseAccepted
            | Rule::NotFailedBefore
            | Rule::NotBackingOff
            | Rule::UpdateHistory => "record".to_owned(),
            Rule::Pin => set_by(RuleName::Pin),
            Rule::NewerRelease | Rule::NotFrozen => "SSM".to_owned(),
            Rule::FollowClusterAfter => set_by(RuleName::FollowClusterAfter),
            Rule::NotDenied => "setting DeniedReleases".to_owned(),
            Rule::MinAge => set_by(RuleName::MinAge),
            Rule::Ring => set_by(RuleName::Ring),
            Rule::MinInterval => set_by(RuleName::MinInterval),
            Rule::Window => set_by(RuleName::Window),
            Rule::Limits => "settings Max…".to_owned(),
        }
    }

    /// The message of a satisfied rule.
    fn message(&self, rule: Rule) -> String {
        let rules = self.rules();
        let target = self.evaluated.intent.as_ref().map_or("the release", |intent| &intent.release_version);
        let value = |text: fn(&Rules) -> String| rules.map(text).unwrap_or_default();
        match rule {
            Rule::Selected => "the event asks for it".to_owned(),
            Rule::Readable => "EKS, SSM and the table could be read".to_owned(),
            Rule::OptedIn => match self.nodegroup.map(|nodegroup| &nodegroup.policy) {
                Some(Policy::OptedIn(Mode::Notify, _)) => "ami-update=notify".to_owned(),
                _ => "ami-update=auto".to_owned(),
            },
            Rule::NoUpdateInProgress => "no update of it is in progress".to_owned(),
            Rule::RollbackAllowed => "the requested rollback can start".to_owned(),
            Rule::ManagedAmi => {
                let ami_type = self.nodegroup.map_or("its AMI type", |nodegroup| nodegroup.ami_type.as_str());
                format!("AWS publishes releases of {ami_type}")
            }
            Rule::NotDowngraded => "it was not downgraded".to_owned(),
            Rule::Pin => format!("ami-update/pin={}", value(|rules| rules.pin.clone().unwrap_or_default())),
            Rule::NewerRelease => format!("{target} is newer than the release it runs"),
            Rule::FollowClusterAfter => value(|rules| days(rules.follow_cluster_after)),
            Rule::NotDenied => format!("{target} is not denied"),
            Rule::MinAge => match rules.map(|rules| rules.min_age).filter(|min_age| !min_age.is_zero()) {
                Some(min_age) => format!("{target} is older than {}", days(min_age)),
                None => "a release may be of any age".to_owned(),
            },
            Rule::NotQuarantined => format!("{target} is not quarantined"),
            Rule::ReleaseAccepted => format!("EKS has not refused {target}"),
            Rule::NotFailedBefore => format!("{target} has not failed on it, or can be retried"),
            Rule::Ring => match rules.map_or(0, |rules| rules.ring) {
                0 => "ring 0 does not wait for another ring".to_owned(),
                ring => format!("ring {ring}: the lower rings have proved {target}"),
            },
            Rule::UpdatesAllowed => "ami-update=auto".to_owned(),
            Rule::Healthy => {
                let status = self.nodegroup.map_or("ACTIVE", |nodegroup| nodegroup.status.as_str());
                format!("{status}, with no health issue that makes EKS refuse updates")
            }
            Rule::NotBackingOff => "EKS has not rejected an update of it recently".to_owned(),
            Rule::MinInterval => match rules.map(|rules| rules.min_interval).filter(|interval| !interval.is_zero()) {
                Some(interval) => format!("its last update is older than {}", days(interval)),
                None => "its last update is old enough".to_owned(),
            },
            Rule::NotFrozen => "neither the stop switch nor a change calendar stops updates".to_owned(),
            Rule::Window => format!("updates may start {}", value(|rules| rules.window.to_string())),
            Rule::UpdateHistory => match self.record().is_some_and(|record| record.knows_update_history()) {
                true => "its earlier updates are known".to_owned(),
                false => "its earlier updates are read before the updater's first update".to_owned(),
            },
            Rule::Limits => "the limits allow another update".to_owned(),
        }
    }
}

/// A reason against an update.
struct Against {
    code: &'static str,
    message: String,
    until: Option<Timestamp>,
    since: Option<Timestamp>,
}

fn days(duration: SignedDuration) -> String {
    let hours = duration.as_hours();
    if hours > 0 && hours % 24 == 0 && duration == SignedDuration::from_hours(hours) {
        return format!("{}d", hours / 24);
    }
    format!("{duration:#}")
}

/// The newer releases of the node group's possible tracks, newest first, with all objections to each.
fn considered(input: &PlanInput<'_>, nodegroup: &Nodegroup) -> Vec<ConsideredRelease> {
    let Policy::OptedIn(mode, rules) = &nodegroup.policy else { return Vec::new() };
    let record = input.fleet.records.nodegroup(&nodegroup.id).ok().flatten().filter(|_| *mode == Mode::Auto);
    let Ok(candidate) = Candidate::of(input, nodegroup, rules, record) else { return Vec::new() };
    let mut gates = Gates::default();
    let mut considered = Vec::new();
    for track in candidate.tracks() {
        let Some(Available::Releases(releases)) = input.releases.on(&track) else { continue };
        for release in releases.iter().filter(|release| candidate.would_go_forward(&track, release)).take(RELEASES) {
            let mut against: Vec<Objection> = Vec::new();
            if release.withdrawn {
                against.push(Objection {
                    reason: "Withdrawn".to_owned(),
                    message: "AWS has withdrawn it".to_owned(),
                    until: None,
                });
            }
            if let Some(pin) = rules.pin.as_ref().filter(|pin| *pin != release.version.as_str()) {
                let message = format!("the tag ami-update/pin names {pin}");
                against.push(Objection { reason: "NotPinned".to_owned(), message, until: None });
            }
            let may_step =
                if track.version == candidate.version() { Ok(()) } else { candidate.may_step(&track.version) };
            let rules = candidate.case(&track, release).all(&mut gates).into_iter().map(|(_, result)| result);
            let all = [candidate.not_held_from(&track, release), may_step].into_iter().chain(rules);
            against.extend(all.filter_map(Result::err).map(|reason| Objection {
                reason: reason.code().to_owned(),
                message: reason.to_string(),
                until: reason.until(),
            }));
            considered.push(ConsideredRelease {
                release_version: release.version.to_string(),
                kubernetes_version: track.version.clone(),
                published_at: release.published_at,
                against,
            });
        }
    }
    considered
}
