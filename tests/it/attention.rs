//! What a decision asks of people is the same wherever it is shown: in metrics, in the answer, and in the weekly digest. And
//! `docs/decisions.md` is written from it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use aws_sdk_eks::types::NodegroupStatus;
use eks_nodegroup_updater::aws::pace::Throttling;
use eks_nodegroup_updater::execute::Execution;
use eks_nodegroup_updater::metrics::{Metric, Metrics};
use eks_nodegroup_updater::model::ami_type::Family;
use eks_nodegroup_updater::model::attempt::{StartedBy, Status};
use eks_nodegroup_updater::model::attention::Attention;
use eks_nodegroup_updater::model::decision::{Decision, DecisionKind};
use eks_nodegroup_updater::model::hold::{DowngradedBy, Hold, Running};
use eks_nodegroup_updater::model::notice::Digest;
use eks_nodegroup_updater::model::policy::InvalidTag;
use eks_nodegroup_updater::model::problem::UnreadHistory;
use eks_nodegroup_updater::model::reason::{Freeze, Reason, ReasonKind, RingWait, RollbackBlock};
use eks_nodegroup_updater::model::release_version::ReleaseVersion;
use eks_nodegroup_updater::model::rule::{Rule, Step};
use eks_nodegroup_updater::model::stale::Stale;
use eks_nodegroup_updater::model::subject::Subject;
use eks_nodegroup_updater::model::window::Windows;
use eks_nodegroup_updater::plan::{View, plan};
use eks_nodegroup_updater::reconcile::{FleetChange, reports};
use eks_nodegroup_updater::summary::StartSummary;
use jiff::{SignedDuration, Timestamp};
use strum::VariantArray as _;
use testing::{CURRENT, DECISIONS, Fleet, NEWER, days, now, unreadable};

/// What is written from the code stands between these in `docs/decisions.md`.
const BEGIN: &str = "<!-- What follows is written by `just snapshots` from src/model/guide.rs. -->\n";
const END: &str = "<!-- End of what is written. -->\n";

fn later() -> Timestamp {
    now() + SignedDuration::from_hours(5)
}

fn hold(change: impl FnOnce(&mut Hold)) -> Reason {
    let runs = |release: &str| Running { version: "1.33".into(), release_version: release.into() };
    let mut hold = Hold {
        from: runs(NEWER),
        to: runs(CURRENT),
        since: now(),
        by: DowngradedBy::External,
        confirmed: true,
        times: 1,
        ended_at: None,
        cluster_version: None,
    };
    change(&mut hold);
    Reason::Downgraded(Box::new(hold))
}

/// Each reason, with everything in it that changes what it asks of people.
fn reasons() -> Vec<(Reason, Attention)> {
    use Attention::{Current, Deliberate, Moving, NeedsYou, Waits};
    let target = || ReleaseVersion::parse(Family::AmazonLinux2023, NEWER).unwrap();
    let text = || NEWER.to_owned();
    let current = || CURRENT.to_owned();
    let failed = |until| Reason::FailedBefore { target: text(), failures: 1, status: Status::Failed, until };
    let backing_off = |access_denied| Reason::BackingOff { error: "no".into(), until: later(), access_denied };
    let outside = |opens| Reason::OutsideWindow { window: Windows::default(), opens };
    let not_active = |status| Reason::NotActive { status };
    let ring = |wait| Reason::WaitingForRing {
        target: target(),
        nodegroup: Subject::Nodegroup("dev/a".parse().unwrap()),
        wait,
    };
    let tag = InvalidTag { key: "ami-update".into(), value: "yes".into(), expected: "expected auto".into() };
    let history = UnreadHistory { read: 3, listed: Some(7), error: "no time".into() };
    vec![
        (Reason::Excluded, Deliberate),
        (Reason::NotFound, NeedsYou),
        (Reason::Deleted, Deliberate),
        (Reason::NotReached, Waits),
        (Reason::Unreadable(unreadable("no")), NeedsYou),
        (Reason::NotOptedIn, Deliberate),
        (Reason::OptedOut, Deliberate),
        (Reason::InvalidTag(tag), NeedsYou),
        (Reason::InProgress { since: None, started_by: StartedBy::External }, Moving),
        (Reason::RollbackBlocked { target: text(), why: RollbackBlock::Withdrawn }, NeedsYou),
        (Reason::CustomAmi, NeedsYou),
        (Reason::UnknownAmiType { ami_type: "NEW".into() }, NeedsYou),
        (hold(|_| {}), Waits),
        (hold(|hold| hold.times = 2), NeedsYou),
        (hold(|hold| (hold.times, hold.confirmed) = (2, false)), Waits),
        (hold(|hold| (hold.times, hold.to.version) = (2, "1.32".into())), Waits),
        (Reason::Pinned { release: current() }, Current),
        (Reason::PinIsDowngrade { pin: current(), current: text() }, NeedsYou),
        (Reason::PinUnknown { pin: "latest".into() }, NeedsYou),
        (Reason::PinWithdrawn { pin: text() }, NeedsYou),
        (Reason::NoRelease { version: "1.33".into(), ami_type: "NEW".into() }, NeedsYou),
        (
            Reason::EndOfSupport { current: current(), what: "Kubernetes 1.30".into(), since: "2026-07-23".into() },
            NeedsYou,
        ),
        (Reason::UpToDate { current: text() }, Current),
        (Reason::NoNewReleases { current: text(), since: now() }, Current),
        (Reason::RunsWithdrawnRelease { current: text(), latest: target() }, Waits),
        (
            Reason::NotComparable {
                current: "v1".into(),
                error: ReleaseVersion::parse(Family::AmazonLinux2023, "v1").unwrap_err(),
                target: target(),
            },
            NeedsYou,
        ),
        (Reason::ClusterUpgradedRecently { version: "1.34".into(), until: later() }, Waits),
        (Reason::Denied { target: target() }, Waits),
        (Reason::MinAgeNotReached { target: target(), until: later() }, Waits),
        (Reason::Quarantined { target: target(), since: now(), cluster: None }, NeedsYou),
        (Reason::ReleaseRefused { target: target(), since: now(), until: later(), passed_over: false }, Waits),
        (failed(Some(later())), Waits),
        (failed(None), NeedsYou),
        (ring(RingWait::NotThere), Waits),
        (ring(RingWait::Soaking(later())), Waits),
        (ring(RingWait::Downgraded), Waits),
        (ring(RingWait::Failed), NeedsYou),
        (ring(RingWait::Unreadable), NeedsYou),
        (ring(RingWait::InvalidTag), NeedsYou),
        (ring(RingWait::Unhealthy), NeedsYou),
        (ring(RingWait::NoNodes), NeedsYou),
        (ring(RingWait::Quarantined), NeedsYou),
        (Reason::ReportOnly { version: "1.33".into(), target: text() }, Deliberate),
        (Reason::Unhealthy { issues: vec![] }, NeedsYou),
        (not_active(NodegroupStatus::Creating), Waits),
        (not_active(NodegroupStatus::Deleting), Waits),
        (not_active(NodegroupStatus::CreateFailed), NeedsYou),
        (backing_off(false), Waits),
        (backing_off(true), NeedsYou),
        (Reason::MinIntervalNotReached { until: later() }, Waits),
        (Reason::Frozen(Freeze::CalendarClosed { until: Some(later()) }), Waits),
        (Reason::Frozen(Freeze::CalendarClosed { until: None }), NeedsYou),
        (Reason::Frozen(Freeze::Stopped { parameter: "/stop".into() }), NeedsYou),
        (Reason::Frozen(Freeze::Unreadable(unreadable("no"))), NeedsYou),
        (outside(Some(later())), Waits),
        (outside(None), NeedsYou),
        (Reason::UpdateHistoryUnread(history), Waits),
    ]
}

#[test]
fn every_reason_is_listed_with_what_it_asks_of_people() {
    let reasons = reasons();
    let listed: BTreeSet<ReasonKind> = reasons.iter().map(|(reason, _)| reason.kind()).collect();
    assert_eq!(listed, ReasonKind::VARIANTS.iter().copied().collect());
    for (reason, attention) in reasons {
        assert_eq!(reason.attention(), attention, "{reason}");
    }
}

#[test]
fn what_needs_somebody_says_what_to_do() {
    for (reason, _) in reasons().iter().filter(|(_, attention)| *attention == Attention::NeedsYou) {
        assert!(reason.kind().guide().todo.is_some(), "{reason}");
    }
}

/// What a run says of a node group with this decision: the metric that counts it, the attention in the answer, and the half of the
/// digest that lists it.
fn shown(decision: Decision) -> (Option<Metric>, Attention, Option<bool>) {
    let mut fleet = Fleet::blue();
    fleet.change_record("prod/blue", |record| {
        let stale = Stale {
            since: now() - days(40),
            oldest: None,
            days_behind: None,
            reason: decision.kind(),
            detail: decision.to_string(),
            cause: decision.code().to_owned(),
        };
        record.report_stale(&stale, None, now() - days(30));
    });
    fleet.change_fleet_record(|record| record.report_digest(None, now() - days(8)));
    let offered = fleet.offered();
    let input = fleet.input(&offered);
    let mut plan = plan(&input);
    plan.decisions[0].decision = decision;
    let metrics = Metrics::of_fleet(&input, &plan, &BTreeMap::new(), Throttling::default()).unwrap();
    let counts = |metric: &Metric| metrics.values(*metric) == [1];
    let counted = Attention::VARIANTS.iter().filter_map(|attention| Metric::of(*attention)).find(counts);
    let answer = StartSummary::new(input.request, &plan, View::default(), &Execution::default(), vec![]);
    let digest = reports(&input, &plan).fleet.into_iter().flat_map(|(_, changes)| changes).find_map(|change| {
        let FleetChange::Digest(digest, _) = change else { return None };
        digest
    });
    let needs_you = digest.map(|Digest { needs_you, waits, .. }| {
        assert_eq!(needs_you.len() + waits.len(), 1);
        !needs_you.is_empty()
    });
    (counted, answer.decisions[0].attention, needs_you)
}

#[test]
fn metrics_the_answer_and_the_digest_agree_on_every_decision() {
    let uncounted = [ReasonKind::Excluded, ReasonKind::Deleted, ReasonKind::NotOptedIn, ReasonKind::OptedOut];
    for (reason, attention) in reasons() {
        let kind = reason.kind();
        let counted = Metric::of(attention).filter(|_| !uncounted.contains(&kind) && kind != ReasonKind::NotFound);
        let shown = shown(Decision::Skip(reason));
        assert_eq!(shown, (counted, attention, Some(attention == Attention::NeedsYou)), "{kind:?}");
    }
}

#[test]
fn the_page_of_decisions_is_written_from_the_code() {
    let mut asks: BTreeMap<ReasonKind, BTreeSet<Attention>> = BTreeMap::new();
    for (reason, attention) in reasons() {
        asks.entry(reason.kind()).or_default().insert(attention);
    }
    let mut written = String::new();
    for step in Step::VARIANTS {
        let (heading, question) = match step {
            Step::Selection => ("Selection", "Is the node group to be kept current, and known?"),
            Step::Nodegroup => ("Node group", "Can it be updated at all?"),
            Step::Release => ("Release", "Which release may it go to?"),
            Step::Start => ("Start", "May its update start now?"),
        };
        let _ = write!(written, "\n### {heading}\n\n{question}\n\n");
        written.push_str("| decision | attention | why | what to do |\n|---|---|---|---|\n");
        let mut kinds: Vec<&ReasonKind> = ReasonKind::VARIANTS.iter().collect();
        kinds.retain(|kind| kind.guide().rule.step() == *step);
        kinds.sort_by_key(|kind| kind.guide().rule);
        for kind in kinds {
            let asks: Vec<&str> = asks[kind].iter().map(|attention| attention.words()).collect();
            row(&mut written, &DecisionKind::Skip(*kind), &asks.join(", or "));
        }
        if *step == Rule::Limits.step() {
            row(&mut written, &DecisionKind::Next, Attention::Waits.words());
            row(&mut written, &DecisionKind::Start, Attention::Moving.words());
        }
    }
    written.push('\n');
    let (before, rest) = DECISIONS.split_once(BEGIN).unwrap();
    let (stands, after) = rest.split_once(END).unwrap();
    if std::env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/decisions.md");
        std::fs::write(page, format!("{before}{BEGIN}{written}{END}{after}")).unwrap();
    } else {
        assert_eq!(stands, written, "`just snapshots` writes it anew");
    }
}

fn row(page: &mut String, decision: &DecisionKind, asks: &str) {
    let guide = decision.guide().unwrap();
    let code = "eks-nodegroup-updater";
    let todo = guide.todo.map(|todo| match todo.split_once(code) {
        Some((what, command)) => format!("{what}`{code}{command}`"),
        None => todo.to_owned(),
    });
    let see = guide.see.map(|see| format!("[more]({see})"));
    let todo: Vec<String> = todo.into_iter().chain(see).collect();
    let todo = format!(" {}", todo.join("; ")).trim_end().to_owned();
    let _ = writeln!(page, "| `{decision}` | {asks} | {} |{todo} |", guide.why);
}
