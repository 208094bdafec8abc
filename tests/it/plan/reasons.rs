//! Every reason why no update starts, and its sentence. The plan is pure, so these need no AWS.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_eks::types::{AmiTypes, NodegroupIssueCode, NodegroupStatus};
use eks_nodegroup_updater::model::attempt::hold::{DowngradedBy, Hold, Rollback, Running, StepBack};
use eks_nodegroup_updater::model::attempt::outcome::OutcomeKind;
use eks_nodegroup_updater::model::attempt::{Intent, StartedBy, Status};
use eks_nodegroup_updater::model::decision::attention::Attention;
use eks_nodegroup_updater::model::decision::reason::{Freeze, Reason, RingWait, RollbackBlock};
use eks_nodegroup_updater::model::decision::request::StartRequest;
use eks_nodegroup_updater::model::decision::{Decision, Planned, Target};
use eks_nodegroup_updater::model::id::Subject;
use eks_nodegroup_updater::model::nodegroup::policy::{InvalidTag, Mode, Policy};
use eks_nodegroup_updater::model::nodegroup::{HealthIssue, Nodegroup};
use eks_nodegroup_updater::model::observed::fleet::NodegroupState;
use eks_nodegroup_updater::model::observed::releases::{Available, Release};
use eks_nodegroup_updater::model::problem::UnreadHistory;
use eks_nodegroup_updater::model::record::fleet::Quarantine;
use eks_nodegroup_updater::model::record::nodegroup::{NodegroupRecord, NotTaken, Proof};
use eks_nodegroup_updater::model::record::track::Refusal;
use eks_nodegroup_updater::model::release::track::{Family, TrackKey};
use eks_nodegroup_updater::model::release::version::ReleaseVersion;
use eks_nodegroup_updater::model::rules::window::Windows;
use eks_nodegroup_updater::model::rules::{Force, Rules, VersionPolicy};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use testing::{
    CURRENT, Fleet, History, NEWER, assert_documented, at, auto, cluster, days, eviction, fleet_record, hours, id,
    intent, names, now, offers, quarantine, record, selector, unreadable,
};

const AL2023: AmiTypes = AmiTypes::Al2023X8664Standard;

fn later() -> Timestamp {
    now() + SignedDuration::from_hours(5)
}

fn hold(change: impl FnOnce(&mut Hold)) -> Reason {
    let runs = |release: &str| Running::new("1.33", release);
    let mut hold = Hold::new(&runs(NEWER), &runs(CURRENT), DowngradedBy::External, now());
    change(&mut hold);
    Reason::Downgraded(Box::new(hold))
}

/// Each reason, with everything in it that changes what it asks of people.
pub fn every_reason() -> Vec<(Reason, Attention)> {
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

/// What is decided for the only node group of a fleet.
trait Alone {
    /// Code, sentence and time of the reason why it is skipped.
    fn reason(&self) -> (&'static str, String, Option<Timestamp>);

    /// The release that it goes to.
    fn goes_to(&self) -> String;

    fn waits(&self, code: &'static str, sentence: &str) {
        assert_eq!(self.reason(), (code, sentence.to_owned(), None));
    }

    fn waits_until(&self, code: &'static str, sentence: &str, until: &str) {
        assert_eq!(self.reason(), (code, sentence.to_owned(), Some(at(until))));
    }
}

impl Alone for Fleet {
    fn reason(&self) -> (&'static str, String, Option<Timestamp>) {
        match alone(self) {
            Decision::Skip(reason) => {
                assert_documented(reason.code());
                (reason.code(), reason.to_string(), reason.until())
            }
            decision => panic!("not skipped: {decision}"),
        }
    }

    fn goes_to(&self) -> String {
        match alone(self) {
            Decision::Start(intent) => intent.release_version,
            decision => panic!("does not start: {decision}"),
        }
    }
}

fn alone(fleet: &Fleet) -> Decision {
    let [planned] = <[Planned; 1]>::try_from(fleet.plan()).unwrap();
    planned.decision
}

fn paths<const N: usize>(paths: [&str; N]) -> BTreeSet<String> {
    paths.map(str::to_owned).into()
}

#[test]
fn a_healthy_node_group_starts_with_its_own_kubernetes_version_and_the_newest_release() {
    let target = Target::Nodegroup(id("prod/blue"));
    assert_eq!(Fleet::blue().plan(), [Planned { target, decision: Decision::Start(intent(NEWER)) }]);
}

#[test]
fn excluded_by_the_events_filter() {
    let event = json!({"nodegroups": ["prod/green"], "clusters": ["dev"], "retry": ["prod/bleu"]});
    let fleet = Fleet::blue().event(&event);
    let codes: Vec<_> =
        fleet.plan().iter().map(|planned| (planned.subject().to_string(), planned.decision.to_string())).collect();
    let not_found = "no node group with the tag ami-update has this name; check name, tag and region";
    let expected =
        [("prod/blue", "the event asks for other node groups"), ("prod/bleu", not_found), ("prod/green", not_found)];
    assert_eq!(codes, expected.map(|(path, reason)| (path.to_owned(), reason.to_owned())));
}

#[test]
fn described_no_longer() {
    Fleet::blue().observed_as(NodegroupState::Deleted).waits("Deleted", "it was deleted; the tag index still lists it");
}

#[test]
fn not_reached_in_time() {
    let sentence = "AWS throttled this run before it reached this node group; the next run starts with it";
    Fleet::blue().observed_as(NodegroupState::NotReached).waits("NotReached", sentence);
}

#[test]
fn unreadable_node_groups_releases_and_records() {
    let error = "AccessDeniedException: no";
    let sentence = "could not be read: AccessDeniedException: no";
    Fleet::blue().observed_as(NodegroupState::Unreadable(unreadable(error))).waits("Unreadable", sentence);

    let mut fleet = Fleet::blue();
    *fleet.offer() = Available::Unreadable(unreadable(error));
    fleet.waits("Unreadable", sentence);

    let mut fleet = Fleet::blue();
    fleet.unreadable_record("prod/blue", error);
    fleet.waits("Unreadable", sentence);

    let fleet = Fleet::blue().with(|nodegroup| nodegroup.release_version = None);
    fleet.waits("Unreadable", "could not be read: EKS described the node group without releaseVersion");
    let fleet = Fleet::blue().with(|nodegroup| nodegroup.kubernetes_version = None);
    fleet.waits("Unreadable", "could not be read: EKS described the node group without version");
}

#[test]
fn not_opted_in() {
    let fleet = Fleet::blue().with(|nodegroup| nodegroup.policy = Policy::NotOptedIn);
    fleet.waits("NotOptedIn", "it no longer has the tag ami-update");
}

#[test]
fn invalid_tag() {
    let tags = |key: &str, value: &str| {
        let tags = [("ami-update", "auto"), (key, value)].map(|(key, value)| (key.to_owned(), value.to_owned()));
        let policy = Policy::from_tags(&tags.into(), &Rules::default());
        Fleet::blue().with(|nodegroup| nodegroup.policy = policy)
    };
    let sentence = r#"its tag ami-update has the value "Auto"; expected auto, notify or off"#;
    tags("ami-update", "Auto").waits("InvalidTag", sentence);
    let sentence = r#"its tag ami-update/windw has the value "Sat"; this version has no such rule"#;
    tags("ami-update/windw", "Sat").waits("InvalidTag", sentence);
}

#[test]
fn update_already_in_progress() {
    let fleet = Fleet::blue().with(|nodegroup| nodegroup.status = NodegroupStatus::Updating);
    fleet.waits("InProgress", "an external update is in progress");
    let fleet = Fleet::blue().after(|record| record.intended(NEWER, now()));
    fleet.waits("InProgress", "an update has been in progress since 2026-07-20T09:00:00Z");
}

#[test]
fn custom_ami() {
    let custom = |nodegroup: &mut Nodegroup| {
        nodegroup.ami_type = AmiTypes::Custom;
        nodegroup.release_version = Some("ami-0c099795affa953de".into());
    };
    let sentence = "it runs a custom AMI, for which AWS publishes no releases";
    Fleet::blue().with(custom).waits("CustomAmi", sentence);
    Fleet::blue().with(custom).with(|nodegroup| nodegroup.kubernetes_version = None).waits("CustomAmi", sentence);
}

#[test]
fn unknown_ami_type() {
    let fleet = Fleet::blue().with(|nodegroup| nodegroup.ami_type = AmiTypes::from("AL2026_x86_64_STANDARD"));
    let sentence = "this version does not recognise its AMI type AL2026_x86_64_STANDARD";
    fleet.waits("UnknownAmiType", sentence);
}

#[test]
fn no_release_published_for_this_ami_type_and_kubernetes_version() {
    let fleet = Fleet::blue().running(AL2023, CURRENT, Available::NotPublished);
    fleet.waits("NoRelease", "AWS publishes no release of AL2023_x86_64_STANDARD for Kubernetes 1.33");
    let fleet = Fleet::blue().running(AmiTypes::Al2X8664, CURRENT, Available::NotPublished);
    let sentence =
        "it runs 1.33.1-20260610, the last release of Amazon Linux 2, which AWS has not supported since 2025-11-26";
    fleet.waits("EndOfSupport", sentence);
}

#[test]
fn the_al2_track_has_ended() {
    let last = "1.33.9-20251120";
    let fleet = Fleet::blue().running(AmiTypes::Al2X8664, last, offers(&AmiTypes::Al2X8664, [last]));
    let sentence =
        "it runs 1.33.9-20251120, the last release of Amazon Linux 2, which AWS has not supported since 2025-11-26";
    fleet.waits("EndOfSupport", sentence);
}

#[test]
fn up_to_date() {
    Fleet::blue()
        .running(AL2023, NEWER, offers(&AL2023, [NEWER]))
        .waits("UpToDate", "it runs 1.33.2-20260710, the latest release");
}

#[test]
fn running_a_release_newer_than_aws_offers() {
    let fleet = Fleet::blue().running(AL2023, NEWER, offers(&AL2023, [CURRENT]));
    let sentence =
        "it runs 1.33.2-20260710, which is newer than 1.33.1-20260610, the latest release that AWS recommends";
    fleet.waits("RunsWithdrawnRelease", sentence);
}

#[test]
fn not_comparable() {
    let fleet = Fleet::blue().running(AL2023, "1.32.9-20260610", offers(&AL2023, [NEWER]));
    let sentence = "cannot tell whether 1.33.2-20260710 is newer than 1.32.9-20260610: 1.33.2-20260710 and 1.32.9-20260610 cannot be ordered";
    fleet.waits("NotComparable", sentence);
    let fleet = Fleet::blue().running(AL2023, "latest", offers(&AL2023, [NEWER]));
    let sentence = r#"cannot tell whether 1.33.2-20260710 is newer than latest: "latest" is not a release version of Amazon Linux 2023"#;
    fleet.waits("NotComparable", sentence);
}

#[test]
fn report_only() {
    let fleet = Fleet::blue().with(|nodegroup| nodegroup.policy = Policy::OptedIn(Mode::Notify, Rules::default()));
    let sentence = "1.33.2-20260710 (Kubernetes 1.33) is available; the tag ami-update=notify only reports it";
    fleet.waits("ReportOnly", sentence);
}

#[test]
fn not_active() {
    for status in ["CREATING", "DELETING", "CREATE_FAILED", "DELETE_FAILED", "DEGRADED", "HIBERNATING"] {
        let fleet = Fleet::blue().with(|nodegroup| nodegroup.status = NodegroupStatus::from(status));
        let sentence = format!("its status is {status}; EKS updates only active node groups");
        fleet.waits("NotActive", &sentence);
    }
}

#[test]
fn health_issues_that_eks_refuses() {
    let issue = |code: &str| HealthIssue { code: NodegroupIssueCode::from(code), message: "text".into() };
    let codes = ["NodeCreationFailure", "AsgInstanceLaunchFailures", "AccessDenied"];
    let sentence =
        "EKS does not update a node group with these health issues: NodeCreationFailure (text); AccessDenied (text)";
    for status in [NodegroupStatus::Active, NodegroupStatus::Degraded] {
        let fleet = Fleet::blue().with(|nodegroup| {
            nodegroup.status = status;
            nodegroup.health = codes.map(issue).into();
        });
        fleet.waits("Unhealthy", sentence);
    }
}

#[test]
fn the_four_health_issues_that_eks_tolerates_pass() {
    let tolerated =
        ["AsgInstanceLaunchFailures", "InstanceLimitExceeded", "InsufficientFreeAddresses", "ClusterUnreachable"];
    for code in tolerated {
        let fleet = Fleet::blue().with(|nodegroup| {
            nodegroup.status = NodegroupStatus::Degraded;
            nodegroup.health = vec![HealthIssue { code: NodegroupIssueCode::from(code), message: String::new() }];
        });
        assert_eq!(fleet.starts(), paths(["prod/blue"]), "{code}");
    }
}

#[test]
fn failed_before_on_this_target() {
    let once = Fleet::blue().after(|record| record.failed(NEWER, at("2026-07-20T08:30:00Z")));
    let until = at("2026-07-20T09:30:00Z");
    let sentence = "the update failed to reach 1.33.2-20260710 once; it is retried from 2026-07-20T09:30:00Z";
    assert_eq!(once.reason(), ("FailedBefore", sentence.to_owned(), Some(until)));

    let waited = Fleet::blue().after(|record| record.failed(NEWER, at("2026-07-20T08:00:00Z")));
    assert_eq!(waited.starts().len(), 1);

    let four = Fleet::blue()
        .after(|record| (0..4).fold(record, |record, _| record.refused(NEWER, at("2026-07-01T08:00:00Z"))));
    let sentence = "EKS refused 1.33.2-20260710 4 times; no retry before a newer release";
    four.waits("FailedBefore", sentence);

    let given_up = |fail: fn(NodegroupRecord, &str, Timestamp) -> NodegroupRecord| {
        let four = |record| (0..4).fold(record, |record, _| fail(record, "1.33.2-20260719", now()));
        Fleet::blue().rules(Rules::default(), ["1.33.2-20260719", NEWER]).after(four)
    };
    let broken = given_up(NodegroupRecord::broken);
    assert_eq!(broken.goes_to(), NEWER, "once it is given up, an older one is taken");
    let budgets = given_up(NodegroupRecord::evicted).reason();
    assert_eq!((budgets.0, budgets.2), ("FailedBefore", None), "unless that would fail, too");
    let waiting = Fleet::blue().rules(Rules::default(), ["1.33.2-20260719", NEWER]);
    let waiting = waiting.after(|record| record.failed("1.33.2-20260719", now()));
    assert_eq!(waiting.reason().0, "FailedBefore", "but not while it is tried again");

    let of_another_release = Fleet::blue().after(|record| record.failed("1.33.1-20260620", at("2026-07-20T08:59:00Z")));
    assert_eq!(of_another_release.starts().len(), 1);
}

/// What comes next under a limit, in words.
fn next_of(fleet: &Fleet, path: &str) -> String {
    match fleet.decision(path) {
        decision @ Decision::Next(..) => decision.to_string(),
        decision => panic!("not next: {decision}"),
    }
}

#[test]
fn over_the_limit_of_the_cluster() {
    let fleet = Fleet::of(["dev/a", "prod/blue", "prod/green"]);
    assert_eq!(fleet.starts(), paths(["dev/a", "prod/blue"]));
    let sentence = "the cluster's update limit of 1 is reached by prod/blue (MAX_UPDATES_PER_CLUSTER); \
                    next is from 1.33.1-20260610 to 1.33.2-20260710 (Kubernetes 1.33)";
    assert_eq!(next_of(&fleet, "prod/green"), sentence);
}

#[test]
fn updates_in_progress_count_against_the_limit_of_the_cluster() {
    let mut fleet = Fleet::of(["prod/blue", "prod/green"]).with(|blue| blue.status = NodegroupStatus::Updating);
    assert_eq!(fleet.starts(), paths([]));
    fleet.config.settings.limits.updates_per_cluster = 2;
    assert_eq!(fleet.starts(), paths(["prod/green"]));

    let fleet = Fleet::of(["prod/blue", "prod/green"])
        .after(|record| record.intended(NEWER, now()))
        .event(&json!({"nodegroups": ["prod/green"]}));
    assert_eq!(fleet.starts(), paths([]), "an excluded node group's update counts too");
}

#[test]
fn over_the_limit_of_the_run() {
    let mut fleet = Fleet::of(["a/x", "b/x", "c/x"]);
    fleet.config.settings.limits.starts_per_run = 2;
    assert_eq!(fleet.starts(), paths(["a/x", "b/x"]));
    let sentence = "the run's start limit of 2 is reached (MAX_STARTS_PER_RUN); \
                    next is from 1.33.1-20260610 to 1.33.2-20260710 (Kubernetes 1.33)";
    assert_eq!(next_of(&fleet, "c/x"), sentence);
}

/// Newest first; the last is older than what runs.
const OFFERED: [&str; 4] = ["1.33.2-20260719", "1.33.2-20260716", NEWER, "1.33.1-20260601"];

#[test]
fn too_young_takes_the_newest_that_is_old_enough() {
    let rules = |age: i64| Rules { min_age: days(age), ..Rules::default() };
    assert_eq!(Fleet::blue().rules(rules(0), OFFERED).goes_to(), "1.33.2-20260719");
    assert_eq!(Fleet::blue().rules(rules(1), OFFERED).goes_to(), "1.33.2-20260719");
    assert_eq!(Fleet::blue().rules(rules(2), OFFERED).goes_to(), "1.33.2-20260716");
    assert_eq!(Fleet::blue().rules(rules(7), OFFERED).goes_to(), NEWER);
    let sentence = "1.33.2-20260719 has not reached its minimum age, and there is no other newer release; eligible \
                    from 2026-07-24T09:00:00Z";
    Fleet::blue().rules(rules(14), OFFERED).waits_until("MinAgeNotReached", sentence, "2026-07-24T09:00:00Z");
}

/// The newest release that is offered.
fn newest(fleet: &mut Fleet) -> &mut Release {
    let Available::Releases(releases) = fleet.offer() else { panic!("nothing is offered") };
    &mut releases[0]
}

#[test]
fn what_aws_took_back_is_no_candidate() {
    let mut fleet = Fleet::blue().rules(Rules::default(), OFFERED);
    newest(&mut fleet).withdrawn = true;
    assert_eq!(fleet.goes_to(), "1.33.2-20260716");
}

/// EKS has refused the newest release so often, first and last so many hours ago.
fn refused(times: usize, since: i64, last: i64) -> Fleet {
    let mut fleet = Fleet::blue().rules(Rules::default(), OFFERED);
    let (since, last) = (now() - hours(since), now() - hours(last));
    newest(&mut fleet).refusal = Some(Refusal::new(since, last, times, "not valid"));
    fleet
}

#[test]
fn a_release_that_eks_refuses_is_asked_for_again_after_a_wait_and_passed_over_after_a_day() {
    let sentence =
        "EKS has refused 1.33.2-20260719 as invalid since 2026-07-20T07:00:00Z; next attempt from 2026-07-20T11:00:00Z";
    refused(2, 2, 2).waits_until("ReleaseRefused", sentence, "2026-07-20T11:00:00Z");
    assert_eq!(refused(1, 1, 1).goes_to(), "1.33.2-20260719", "one hour after the first time");
    assert_eq!(refused(9, 23, 12).goes_to(), "1.33.2-20260719", "then twelve hours after each further time");
    assert_eq!(refused(9, 23, 11).reason().0, "ReleaseRefused");
    assert_eq!(refused(9, 24, 11).goes_to(), "1.33.2-20260716", "not earlier, or it is rotated twice within hours");
}

#[test]
fn denied_takes_the_newest_that_is_not() {
    let mut fleet = Fleet::blue().rules(Rules::default(), OFFERED);
    fleet.config.settings.denied = vec![selector("*-20260719")];
    assert_eq!(fleet.goes_to(), "1.33.2-20260716");
    fleet.config.settings.denied.extend([selector("AL2023_x86_64_STANDARD/1.33.2-20260716"), selector(NEWER)]);
    let of_others = ["AL2023_x86_64_NVIDIA/1.33.2-20260716", "1.34/AL2023_x86_64_STANDARD/1.33.2-20260716"];
    fleet.config.settings.denied.extend(of_others.map(selector));
    fleet.waits("Denied", "1.33.2-20260719 is denied, and there is no other newer release");
}

#[test]
fn pinned() {
    let pin = |release: &str| Rules { pin: Some(release.into()), ..Rules::default() };
    assert_eq!(Fleet::blue().rules(pin("1.33.2-20260716"), OFFERED).goes_to(), "1.33.2-20260716");
    Fleet::blue().rules(pin(CURRENT), OFFERED).waits("Pinned", "its tag ami-update/pin keeps it on 1.33.1-20260610");
    let young = Rules { min_age: hours(10_000), ring: 3, ..pin(NEWER) };
    assert_eq!(Fleet::blue().rules(young, OFFERED).goes_to(), NEWER, "a pin is a choice");
    let mut denied = Fleet::blue().rules(pin(NEWER), OFFERED);
    denied.config.settings.denied = vec![selector(NEWER)];
    assert_eq!(denied.reason().0, "Denied", "but what is known to be bad is not");
    let failed = Fleet::blue().rules(pin(NEWER), OFFERED).after(|record| record.failed(NEWER, now()));
    assert_eq!(failed.reason().0, "FailedBefore", "nor tried without end");
}

#[test]
fn pinned_older_than_what_runs() {
    let rules = Rules { pin: Some("1.33.1-20260601".into()), ..Rules::default() };
    let sentence =
        "its tag ami-update/pin names 1.33.1-20260601, which is older than 1.33.1-20260610, the release it runs";
    Fleet::blue().rules(rules, OFFERED).waits("PinIsDowngrade", sentence);
}

#[test]
fn pinned_to_what_is_no_release_of_its_kind() {
    for pin in ["1.34.0-20260719", "1.46.1-9d20f4ae", "latest"] {
        let rules = Rules { pin: Some(pin.into()), ..Rules::default() };
        let sentence = format!(
            "its tag ami-update/pin names {pin}, which is not a release of its AMI type and Kubernetes version"
        );
        Fleet::blue().rules(rules, OFFERED).waits("PinUnknown", &sentence);
    }
}

#[test]
fn pinned_to_what_the_history_does_not_hold_lets_eks_judge() {
    let pin = || Rules { pin: Some("1.33.2-20260701".into()), ..Rules::default() };
    assert_eq!(Fleet::blue().rules(pin(), OFFERED).goes_to(), "1.33.2-20260701");
    let mut fleet = Fleet::blue().rules(pin(), OFFERED);
    *fleet.offer() = Available::NotPublished;
    assert_eq!(fleet.goes_to(), "1.33.2-20260701", "even where AWS names none");
    *fleet.offer() = Available::Unreadable(unreadable("throttled"));
    assert_eq!(fleet.reason().0, "Unreadable", "but not where it is not known what AWS took back");
}

#[test]
fn pinned_to_what_aws_took_back() {
    let mut fleet = Fleet::blue().rules(Rules { pin: Some(OFFERED[0].into()), ..Rules::default() }, OFFERED);
    newest(&mut fleet).withdrawn = true;
    fleet.waits("PinWithdrawn", "its tag ami-update/pin names 1.33.2-20260719, which AWS has withdrawn");
}

#[test]
fn quarantined() {
    let release = "1.33.2-20260719";
    let mut fleet = Fleet::blue().rules(Rules::default(), OFFERED);
    let in_all = quarantine(release, names(["dev/a", "qa/b"]), now());
    fleet.change_fleet_record(|record| record.quarantine(&in_all));
    assert_eq!(fleet.goes_to(), "1.33.2-20260716", "the older one is eligible");
    let mut only = fleet;
    *only.offer() = offers(&AL2023, [release]);
    let sentence = "1.33.2-20260719 has been quarantined in all clusters since 2026-07-20T09:00:00Z, because it failed on several node groups";
    only.waits("Quarantined", sentence);
    only.change_fleet_record(|record| record.lift_quarantine(&selector(release), now()));
    assert_eq!(only.goes_to(), release);
}

#[test]
fn quarantined_in_one_cluster() {
    let held = |cluster: &str| {
        let mut fleet = Fleet::blue();
        let quarantine = quarantine(NEWER, names(["prod/green", "prod/red"]), now());
        let quarantine = Quarantine { cluster: Some(testing::cluster(cluster)), ..quarantine };
        fleet.change_fleet_record(|record| record.quarantine(&quarantine));
        fleet
    };
    let sentence = "1.33.2-20260710 has been quarantined in the cluster prod since 2026-07-20T09:00:00Z, because it failed on several node groups";
    held("prod").waits("Quarantined", sentence);
    assert_eq!(held("dev").goes_to(), NEWER, "that of another cluster is no reason here");
}

#[test]
fn without_the_fleets_record_nothing_starts_since_it_is_not_known_what_is_quarantined() {
    let mut fleet = Fleet::blue();
    fleet.observed.records.insert_fleet(fleet_record().id, Err(unreadable("malformed")));
    let sentence = "cannot read whether updates are stopped, so none is started: the fleet's quarantines: malformed";
    fleet.waits("Frozen", sentence);
}

#[test]
fn force_is_sent_once_after_an_eviction_failure_and_only_where_a_tag_allows_it() {
    let rules = Rules { force: Force::AfterEvictionFailure, ..Rules::default() };
    let force = |fleet: Fleet| {
        let intent = fleet.intent_of("prod/blue");
        (intent.force, intent.may_force)
    };
    let long_ago = at("2026-07-18T09:00:00Z");
    let failed = |fleet: Fleet| fleet.after(|record| record.evicted(NEWER, long_ago));
    assert_eq!(force(Fleet::blue().rules(rules.clone(), [NEWER])), (false, true));
    assert_eq!(force(failed(Fleet::blue().rules(rules.clone(), [NEWER]))), (true, true));
    assert_eq!(force(failed(Fleet::blue().rules(Rules::default(), [NEWER]))), (false, false));
    let forced = Fleet::blue().rules(rules.clone(), [NEWER]).after(|record| {
        let forced = Intent { force: true, may_force: true, ..intent(NEWER) };
        record.evicted(NEWER, long_ago).ended(&forced, Status::Failed, vec![eviction()], long_ago)
    });
    assert_eq!(force(forced), (false, true), "once");
    let creation = Fleet::blue().rules(rules, [NEWER]).after(|record| record.broken(NEWER, long_ago));
    assert_eq!(force(creation), (false, true), "it does not help there");
}

#[test]
fn too_soon_after_the_last_update() {
    let rules = Rules { min_interval: days(14), ..Rules::default() };
    let fleet = Fleet::blue().rules(rules, OFFERED).after(|record| record.updated(CURRENT, at("2026-07-10T10:00:00Z")));
    let sentence = "its last update is too recent for ami-update/min-interval, or for EKS to show its result; next \
                    update from 2026-07-24T10:00:00Z";
    fleet.waits_until("MinIntervalNotReached", sentence, "2026-07-24T10:00:00Z");
}

#[test]
fn a_description_from_before_the_last_update_is_not_believed() {
    let ended_at = |ended: &str| Fleet::blue().after(|record| record.updated(NEWER, at(ended)));
    assert_eq!(ended_at("2026-07-20T08:40:01Z").reason().0, "MinIntervalNotReached");
    assert_eq!(ended_at("2026-07-20T08:40:00Z").goes_to(), NEWER);
}

#[test]
fn frozen() {
    let mut fleet = Fleet::blue();
    fleet.observed.freeze = Some(Freeze::Stopped { parameter: "/updater/switch".into() });
    fleet.waits("Frozen", "the stop switch /updater/switch is set to stopped");
    let until = "2027-01-02T00:00:00Z";
    fleet.observed.freeze = Some(Freeze::CalendarClosed { until: until.parse().ok() });
    fleet.waits_until("Frozen", "a change calendar is closed until 2027-01-02T00:00:00Z", until);
    fleet.observed.freeze = Some(Freeze::Unreadable(unreadable("AccessDeniedException: no")));
    fleet.waits("Frozen", "cannot read whether updates are stopped, so none is started: AccessDeniedException: no");
}

#[test]
fn outside_its_window() {
    let window = |text: &str| Rules { window: text.parse::<Windows>().unwrap(), ..Rules::default() };
    // It is Monday, nine o'clock in London's winter and eleven in Berlin's summer.
    assert_eq!(Fleet::blue().rules(window("Mon 10:00-12:00 Europe/Berlin"), OFFERED).starts().len(), 1);
    let sentence = "updates may start Sat-Sun 02:00-06:00 Europe/Berlin; next at 2026-07-25T00:00:00Z";
    Fleet::blue().rules(window("Sat-Sun 02:00-06:00 Europe/Berlin"), OFFERED).waits_until(
        "OutsideWindow",
        sentence,
        "2026-07-25T00:00:00Z",
    );
    let sentence = "updates may start Mon 10:00-11:30 Europe/Berlin; next at 2026-07-27T08:00:00Z";
    Fleet::blue().rules(window("Mon 10:00-11:30 Europe/Berlin"), OFFERED).waits_until(
        "OutsideWindow",
        sentence,
        "2026-07-27T08:00:00Z",
    );
    let sentence = "updates may start Mon 10:00-10:20 UTC; no window in the next two weeks is long enough";
    Fleet::blue().rules(window("Mon 10:00-10:20 UTC"), OFFERED).waits("OutsideWindow", sentence);
}

mod rings {
    use super::*;

    const RELEASE: &str = "1.33.2-20260716";

    /// `dev/a` in ring 0 and `prod/blue` in ring 1; AWS offers one release.
    fn two_rings(
        change: impl FnOnce(&mut Nodegroup),
        history: impl FnOnce(NodegroupRecord) -> NodegroupRecord,
    ) -> Fleet {
        let mut fleet = Fleet::of(["dev/a", "prod/blue"]).rules(Rules::default(), [RELEASE]);
        fleet.nodegroup("prod/blue").policy = auto(Rules { ring: 1, ..Rules::default() });
        fleet.with(change).after(history)
    }

    fn updated(ended: &str) -> impl FnOnce(NodegroupRecord) -> NodegroupRecord {
        move |record| record.updated(RELEASE, at(ended))
    }

    fn no_history(record: NodegroupRecord) -> NodegroupRecord {
        record
    }

    fn runs(release: &'static str) -> impl FnOnce(&mut Nodegroup) {
        move |nodegroup| nodegroup.release_version = Some(release.into())
    }

    fn blue(fleet: &Fleet) -> Result<String, String> {
        match fleet.decision("prod/blue") {
            Decision::Start(intent) => Ok(intent.release_version),
            decision => {
                assert_eq!(decision.code(), "WaitingForRing");
                Err(decision.to_string())
            }
        }
    }

    #[test]
    fn a_ring_waits_until_the_lower_one_has_run_the_release_for_the_soak_time() {
        let waits = |rest: &str| Err(format!("waiting for a lower ring: dev/a {rest}"));
        assert_eq!(blue(&two_rings(|_| (), no_history)), waits(&format!("does not run {RELEASE} yet")));
        let soaking = two_rings(runs(RELEASE), updated("2026-07-19T09:00:01Z"));
        assert_eq!(blue(&soaking), waits(&format!("is soaking {RELEASE} until 2026-07-20T09:00:01Z")));
        let soaked = two_rings(runs(RELEASE), updated("2026-07-19T09:00:00Z"));
        assert_eq!(blue(&soaked), Ok(RELEASE.into()));
    }

    #[test]
    fn a_failure_in_a_lower_ring_holds_the_release_up() {
        let failed = two_rings(|_| (), |record| record.failed(RELEASE, at("2026-07-01T09:00:00Z")));
        let sentence = format!("waiting for a lower ring: dev/a failed to update to {RELEASE}");
        assert_eq!(blue(&failed), Err(sentence));
    }

    #[test]
    fn a_newer_release_of_the_track_proves_an_older_one() {
        let newer = two_rings(runs("1.33.2-20260719"), updated("2026-07-17T09:00:00Z"));
        assert_eq!(blue(&newer), Ok(RELEASE.into()));
    }

    #[test]
    fn a_node_group_that_came_to_the_release_without_us_counts_from_its_last_change() {
        let modified = |modified_at: &'static str| {
            move |nodegroup: &mut Nodegroup| {
                nodegroup.release_version = Some(RELEASE.into());
                nodegroup.modified_at = Some(at(modified_at));
            }
        };
        assert_eq!(blue(&two_rings(modified("2026-07-19T09:00:00Z"), no_history)), Ok(RELEASE.into()));
        assert!(blue(&two_rings(modified("2026-07-19T09:00:01Z"), no_history)).is_err());
    }

    #[test]
    fn node_groups_that_can_never_get_the_release_hold_no_ring_up() {
        let passed =
            |change: &dyn Fn(&mut Nodegroup)| assert_eq!(blue(&two_rings(change, no_history)), Ok(RELEASE.into()));
        passed(&|nodegroup| nodegroup.ami_type = AmiTypes::Custom);
        passed(&|nodegroup| nodegroup.ami_type = AmiTypes::Al2023Arm64Standard);
        passed(&|nodegroup| nodegroup.kubernetes_version = Some("1.32".into()));
        passed(&|nodegroup| nodegroup.policy = auto(Rules { pin: Some(CURRENT.into()), ..Rules::default() }));
        passed(&|nodegroup| nodegroup.policy = Policy::OptedIn(Mode::Notify, Rules::default()));
        passed(&|nodegroup| nodegroup.policy = auto(Rules { ring: 1, ..Rules::default() }));
        passed(&|nodegroup| nodegroup.policy = Policy::NotOptedIn);
    }

    #[test]
    fn a_node_group_that_cannot_be_read_proves_nothing() {
        let mut fleet = two_rings(|_| (), no_history);
        fleet.at("dev/a").state = NodegroupState::Unreadable(unreadable("AccessDeniedException: no"));
        let sentence = format!("waiting for a lower ring: dev/a cannot be read, so it does not prove {RELEASE}");
        assert_eq!(blue(&fleet), Err(sentence.clone()));
        let mut fleet = two_rings(runs(RELEASE), no_history);
        fleet.unreadable_record("dev/a", "malformed");
        assert_eq!(blue(&fleet), Err(sentence));
    }

    #[test]
    fn a_node_group_with_an_invalid_tag_proves_nothing() {
        let tags = |tags: &[(&str, &str)]| {
            let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            let policy = Policy::from_tags(&tags, &Rules::default());
            blue(&two_rings(|nodegroup| nodegroup.policy = policy, no_history))
        };
        let sentence = format!("waiting for a lower ring: dev/a has an invalid tag, so it does not prove {RELEASE}");
        assert_eq!(tags(&[("ami-update", "auto"), ("ami-update/ring", "zero")]), Err(sentence.clone()));
        assert_eq!(tags(&[("ami-update", "auto"), ("ami-update/windw", "Sat")]), Err(sentence.clone()));
        assert_eq!(tags(&[("ami-update", "yes")]), Err(sentence));
        assert_eq!(tags(&[("ami-update", "yes"), ("ami-update/ring", "1")]), Ok(RELEASE.into()));
    }

    #[test]
    fn the_node_group_that_holds_the_ring_up_longest_is_named() {
        let mut fleet = Fleet::of(["dev/a", "dev/b", "dev/c", "prod/blue"]).rules(Rules::default(), [RELEASE]);
        fleet.nodegroup("prod/blue").policy = auto(Rules { ring: 1, ..Rules::default() });
        let arrivals =
            [("dev/a", "2026-07-19T10:00:00Z"), ("dev/b", "2026-07-20T08:00:00Z"), ("dev/c", "2026-07-19T12:00:00Z")];
        for (path, arrived) in arrivals {
            fleet.nodegroup(path).release_version = Some(RELEASE.into());
            fleet.nodegroup(path).modified_at = Some(at(arrived));
        }
        let reason = |fleet: &Fleet| {
            let reason = fleet.reason_of("prod/blue");
            (reason.to_string(), reason.until())
        };
        let sentence = format!("waiting for a lower ring: dev/b is soaking {RELEASE} until 2026-07-21T08:00:00Z");
        assert_eq!(reason(&fleet), (sentence, Some(at("2026-07-21T08:00:00Z"))));
        fleet.nodegroup("dev/c").release_version = Some(CURRENT.into());
        let sentence = format!("waiting for a lower ring: dev/c does not run {RELEASE} yet");
        assert_eq!(reason(&fleet), (sentence, None));
    }

    fn proof(release: &str) -> Proof {
        Proof::new("1.33", release, now())
    }

    /// The canary has proved the release, and was then changed so.
    fn proved_and_then(change: impl FnOnce(&mut Nodegroup)) -> Fleet {
        let mut fleet = two_rings(change, no_history);
        fleet.change_record("dev/a", |record| record.prove(&proof(RELEASE)));
        fleet
    }

    #[test]
    fn what_was_proved_stays_so_when_the_canary_scales_down_but_not_when_it_falls_ill() {
        assert_eq!(blue(&proved_and_then(|canary| canary.desired_size = Some(0))), Ok(RELEASE.into()));
        let sentence = format!("waiting for a lower ring: dev/a is unhealthy, so it does not prove {RELEASE}");
        assert_eq!(blue(&proved_and_then(|canary| canary.status = NodegroupStatus::Degraded)), Err(sentence.clone()));
        let ill = |code: &str| {
            let issue = HealthIssue { code: NodegroupIssueCode::from(code), message: String::new() };
            blue(&proved_and_then(|canary| canary.health = vec![issue]))
        };
        assert_eq!(ill("Ec2SubnetNotFound"), Err(sentence));
        assert_eq!(ill("AsgInstanceLaunchFailures"), Ok(RELEASE.into()), "want of capacity is no illness");
    }

    #[test]
    fn a_canary_without_nodes_neither_proves_nor_holds_unless_all_are() {
        let empty = |canary: &mut Nodegroup| {
            canary.release_version = Some(RELEASE.into());
            canary.modified_at = Some(at("2026-07-01T09:00:00Z"));
            canary.desired_size = Some(0);
        };
        let mut fleet = two_rings(empty, no_history);
        let sentence = format!(
            "waiting for a lower ring: dev/a has no nodes, and no other node group of the lower rings proves {RELEASE}"
        );
        assert_eq!(blue(&fleet), Err(sentence));
        fleet.observed.nodegroups.extend(Fleet::of(["dev/b"]).observed.nodegroups);
        empty(fleet.nodegroup("dev/b"));
        fleet.nodegroup("dev/b").desired_size = Some(1);
        assert_eq!(blue(&fleet), Ok(RELEASE.into()), "the other one proves it");
        fleet.nodegroup("dev/b").release_version = Some(CURRENT.into());
        assert_eq!(blue(&fleet), Err(format!("waiting for a lower ring: dev/b does not run {RELEASE} yet")));
    }

    #[test]
    fn a_release_that_is_quarantined_in_the_canarys_cluster_is_not_proved() {
        let mut fleet = two_rings(runs(RELEASE), updated("2026-07-01T09:00:00Z"));
        let held =
            Quarantine { cluster: Some(cluster("dev")), ..quarantine(RELEASE, names(["dev/b", "dev/c"]), now()) };
        fleet.change_fleet_record(|record| record.quarantine(&held));
        let sentence = format!("waiting for a lower ring: dev/a is in a cluster where {RELEASE} is quarantined");
        assert_eq!(blue(&fleet), Err(sentence));
    }

    #[test]
    fn a_newer_release_that_was_withdrawn_or_quarantined_proves_nothing() {
        let newer = "1.33.2-20260719";
        let ran_on_to_newer = || two_rings(runs(newer), |record| record.updated(newer, at("2026-07-17T09:00:00Z")));
        let not_there = Err(format!("waiting for a lower ring: dev/a does not run {RELEASE} yet"));
        let mut fleet = ran_on_to_newer();
        *fleet.offer() = offers(&AL2023, [newer, RELEASE]);
        newest(&mut fleet).withdrawn = true;
        assert_eq!(blue(&fleet), not_there);
        let mut fleet = ran_on_to_newer();
        fleet.change_fleet_record(|record| record.quarantine(&quarantine(newer, names([]), now())));
        assert_eq!(blue(&fleet), not_there);
        fleet.change_record("dev/a", |record| record.prove(&proof(RELEASE)));
        assert_eq!(blue(&fleet), Ok(RELEASE.into()), "what it ran before counts by its record");
    }

    #[test]
    fn an_older_release_that_the_ring_has_proved_is_taken_meanwhile() {
        let mut fleet = two_rings(runs(NEWER), |record| record.updated(NEWER, at("2026-07-12T09:00:00Z")));
        *fleet.offer() = offers(&AL2023, [RELEASE, NEWER]);
        assert_eq!(blue(&fleet), Ok(NEWER.into()));
    }
}

mod following_the_cluster {
    use super::*;

    const NEXT: &str = "1.34.0-20260701";

    fn follow() -> Rules {
        let (kubernetes_version, follow_cluster_after) = (VersionPolicy::FollowCluster, days(7));
        Rules { kubernetes_version, follow_cluster_after, ..Rules::default() }
    }

    /// `prod/blue` follows its cluster, which came to this version so many days ago.
    fn following_since(control_plane: &str, ago: i64) -> Fleet {
        let mut fleet = Fleet::blue().rules(follow(), [CURRENT]);
        fleet.observed.clusters.insert(cluster("prod"), Ok(control_plane.parse().unwrap()));
        for version in ["1.34", "1.36"] {
            let release = format!("{version}.0-20260701");
            fleet.releases.push((TrackKey::new(version, &AL2023), offers(&AL2023, [release.as_str()])));
        }
        fleet.change_record("prod/blue", |record| record.see_cluster(control_plane, now() - days(ago)));
        fleet
    }

    /// Its cluster came there a week ago.
    fn following(control_plane: &str) -> Fleet {
        following_since(control_plane, 7)
    }

    /// A reason, and what brings it about.
    type Held = (&'static str, fn(&mut Fleet));

    /// To go from [`CURRENT`] to the next Kubernetes version.
    fn step() -> Intent {
        Intent { version: "1.34".into(), ..intent(NEXT) }
    }

    #[test]
    fn in_one_step_and_never_beyond_the_control_plane() {
        assert_eq!(following("1.34").intent_of("prod/blue"), step());
        let far = Intent { version: "1.36".into(), ..intent("1.36.0-20260701") };
        assert_eq!(following("1.36").intent_of("prod/blue"), far);
        for control_plane in ["1.33", "1.32"] {
            assert_eq!(following(control_plane).reason().0, "UpToDate");
        }
    }

    #[test]
    fn not_before_its_cluster_has_run_that_version_for_a_week() {
        let lately = following_since("1.34", 6);
        let sentence = "its cluster runs Kubernetes 1.34; ami-update/follow-cluster-after lets it follow from 2026-07-21T09:00:00Z";
        lately.waits_until("ClusterUpgradedRecently", sentence, "2026-07-21T09:00:00Z");
        let mut unseen = following("1.34");
        unseen.remember(record("prod/blue"));
        assert_eq!(unseen.reason().2, Some(at("2026-07-27T09:00:00Z")), "a week from now");
        let mut seen_elsewhere = following("1.34");
        seen_elsewhere.change_record("prod/blue", |record| record.see_cluster("1.36", now() - days(30)));
        assert_eq!(seen_elsewhere.reason().2, Some(at("2026-07-27T09:00:00Z")), "it was another version that it saw");
    }

    #[test]
    fn until_then_its_own_version_goes_on() {
        let mut fleet = following_since("1.34", 6);
        *fleet.offer() = offers(&AL2023, [NEWER]);
        assert_eq!(fleet.intent_of("prod/blue"), intent(NEWER));
    }

    #[test]
    fn while_the_step_is_given_up_or_refused_its_own_version_goes_on() {
        let failed = |fleet: &mut Fleet| {
            fleet.change_record("prod/blue", |record| {
                let failed = |record: NodegroupRecord, _| record.ended(&step(), Status::Failed, vec![], now());
                *record = (0..4).fold(record.clone(), failed);
            });
        };
        let refused = |fleet: &mut Fleet| {
            let error = "Nodegroup Kubernetes version should be equal to Cluster kubernetes version 1.33";
            fleet.change_record("prod/blue", |record| {
                record.start_back_off(OutcomeKind::VersionNotReady, error, NotTaken::Version("1.34"), now())
            });
        };
        let denied = |fleet: &mut Fleet| fleet.config.settings.denied = vec![selector(NEXT)];
        let ahead: [Held; 3] = [("FailedBefore", failed), ("BackingOff", refused), ("Denied", denied)];
        for (reason, hold) in ahead {
            let mut fleet = following("1.34");
            hold(&mut fleet);
            assert_eq!(fleet.reason().0, reason, "where its own has nothing more to give");
            *fleet.offer() = offers(&AL2023, [NEWER]);
            assert_eq!(fleet.intent_of("prod/blue"), intent(NEWER), "{reason}");
        }
    }

    #[test]
    fn without_the_tag_a_node_group_stays_where_it_is() {
        let mut fleet = following("1.36").with(|nodegroup| nodegroup.policy = auto(Rules::default()));
        fleet.observed.clusters.clear();
        assert_eq!(fleet.reason().0, "UpToDate");
    }

    #[test]
    fn while_the_next_version_offers_nothing_its_own_goes_on() {
        let mut fleet = following("1.34");
        fleet.releases = vec![(TrackKey::new("1.33", &AL2023), offers(&AL2023, [NEWER]))];
        assert_eq!(fleet.goes_to(), NEWER);
    }

    #[test]
    fn what_holds_the_next_version_up_is_the_reason_where_its_own_has_nothing_more_to_give() {
        let young = Rules { min_age: days(30), ..follow() };
        let fleet = following("1.34").with(|nodegroup| nodegroup.policy = auto(young));
        let (code, _, until) = fleet.reason();
        assert_eq!((code, until), ("MinAgeNotReached", Some(at("2026-07-31T09:00:00Z"))));
    }

    #[test]
    fn what_holds_its_own_version_up_is_the_reason_where_that_has_more_to_give_or_the_next_has_nothing() {
        let mut fleet = following("1.34");
        fleet.releases.truncate(1);
        assert_eq!(fleet.reason().0, "UpToDate");
        let mut fleet = following("1.34");
        fleet.config.settings.denied = [NEWER, NEXT].map(selector).into();
        *fleet.offer() = offers(&AL2023, [NEWER]);
        let (code, sentence, _) = fleet.reason();
        assert!(code == "Denied" && sentence.contains(NEWER), "{sentence}");
    }

    #[test]
    fn a_pinned_node_group_stays_on_its_kubernetes_version_and_holds_up_no_ring_that_goes_on() {
        let (bottlerocket, same) = (AmiTypes::BottlerocketX8664, "1.46.1-9d20f4ae");
        let at_once = || Rules { follow_cluster_after: SignedDuration::ZERO, ..follow() };
        let mut fleet = Fleet::of(["dev/a", "prod/blue"]);
        let rules = [Rules { pin: Some(same.into()), ..at_once() }, Rules { ring: 1, ..at_once() }];
        for (path, rules) in ["dev/a", "prod/blue"].into_iter().zip(rules) {
            let nodegroup = fleet.nodegroup(path);
            (nodegroup.ami_type, nodegroup.release_version) = (bottlerocket.clone(), Some(same.into()));
            nodegroup.policy = auto(rules);
        }
        fleet.observed.clusters = ["dev", "prod"].map(|name| (cluster(name), Ok("1.34".parse().unwrap()))).into();
        let offer = offers(&bottlerocket, [same]);
        fleet.releases = ["1.33", "1.34"].map(|version| (TrackKey::new(version, &bottlerocket), offer.clone())).into();
        assert_eq!(fleet.reason_of("dev/a"), Reason::Pinned { release: same.into() });
        let ami_type = bottlerocket.as_str().into();
        let intent = Intent { ami_type, previous_release_version: same.into(), release_version: same.into(), ..step() };
        assert_eq!(fleet.intent_of("prod/blue"), intent);
    }

    #[test]
    fn a_ring_waits_for_a_node_group_whose_cluster_cannot_be_read_where_it_may_follow_it_there() {
        let mut fleet = following("1.34");
        fleet.observed.nodegroups.extend(Fleet::of(["dev/a"]).observed.nodegroups);
        fleet.nodegroup("prod/blue").policy = auto(Rules { ring: 1, ..follow() });
        fleet.nodegroup("dev/a").policy = auto(follow());
        fleet.observed.clusters.insert(cluster("dev"), Err(unreadable("AccessDeniedException: no")));
        let target = ReleaseVersion::parse(Family::AmazonLinux2023, NEXT).unwrap();
        let waits = Reason::WaitingForRing {
            target,
            nodegroup: Subject::Nodegroup("dev/a".parse().unwrap()),
            wait: RingWait::Unreadable,
        };
        for behind in ["1.33", "1.32"] {
            fleet.nodegroup("dev/a").kubernetes_version = Some(behind.into());
            assert_eq!(fleet.reason_of("prod/blue"), waits);
        }
        fleet.nodegroup("dev/a").kubernetes_version = Some("1.35".into());
        assert!(matches!(fleet.decision("prod/blue"), Decision::Start(_)), "it is beyond");
    }

    #[test]
    fn a_cluster_that_cannot_be_read_is_a_reason() {
        let mut fleet = following("1.34");
        fleet.observed.clusters.insert(cluster("prod"), Err(unreadable("AccessDeniedException: no")));
        fleet.waits("Unreadable", "could not be read: its cluster's version: AccessDeniedException: no");
        fleet.nodegroup("prod/blue").kubernetes_version = Some("new".into());
        fleet.observed.clusters.insert(cluster("prod"), Ok("1.34".parse().unwrap()));
        let sentence = "could not be read: its cluster's version: \"new\" is not a Kubernetes version such as 1.33";
        fleet.waits("Unreadable", sentence);
    }
}

#[test]
fn the_node_group_that_has_waited_longest_goes_first() {
    let mut fleet = Fleet::of(["prod/a", "prod/b", "prod/c"]);
    for (path, ended) in
        [("prod/a", "2026-07-10T10:00:00Z"), ("prod/b", "2026-07-03T10:00:00Z"), ("prod/c", "2026-07-06T10:00:00Z")]
    {
        fleet.remember(record(path).updated(CURRENT, at(ended)));
    }
    assert_eq!(fleet.starts(), paths(["prod/b"]));
    fleet.remember(record("prod/c"));
    assert_eq!(fleet.starts(), paths(["prod/c"]), "before all, one that never was updated");
}

#[test]
fn its_update_history_is_not_known() {
    let mut fleet = Fleet::blue();
    let mut unread = |listed, error: &str| {
        let unread = UnreadHistory { read: 3, listed, error: error.into() };
        fleet.observed.unread_histories = [(id("prod/blue"), unread)].into();
        fleet.reason()
    };
    assert_eq!(
        unread(Some(700), "the run had no time left"),
        (
            "UpdateHistoryUnread",
            "3 of its 700 earlier updates could be read: the run had no time left; its last update might have been a \
             downgrade, so no update starts until all are read"
                .to_owned(),
            None
        )
    );
    assert_eq!(
        unread(None, "AccessDeniedException: no").1,
        "its earlier updates could not be listed: AccessDeniedException: no; its last update might have been a \
         downgrade, so no update starts until all are read"
    );
}

#[test]
fn over_the_limit_of_the_fleet() {
    let mut fleet = Fleet::of(["a/x", "b/x", "c/x"]).with(|nodegroup| nodegroup.status = NodegroupStatus::Updating);
    fleet.config.settings.limits.updates_in_progress = 2;
    assert_eq!(fleet.starts(), paths(["b/x"]), "an external update counts");
    let sentence = "the fleet's update limit of 2 is reached by a/x, b/x (MAX_UPDATES_IN_PROGRESS); \
                    next is from 1.33.1-20260610 to 1.33.2-20260710 (Kubernetes 1.33)";
    assert_eq!(next_of(&fleet, "c/x"), sentence);
}

/// Everything speaks against a node group; then one thing after another is fixed, and the next reason appears.
#[test]
fn the_rules_are_evaluated_in_the_documented_order() {
    let release = "1.33.2-20260719";
    let window = "Sun 02:00-06:00 UTC".parse::<Windows>().unwrap();
    let week = days(7);
    let rules = Rules { ring: 1, min_age: week, min_interval: week, window, ..Rules::default() };
    let mut fleet = Fleet::of(["prod/blue", "prod/canary"]).rules(rules.clone(), [release]);
    fleet.request.clusters = vec!["dev".into()];
    fleet.config.settings.limits.updates_per_cluster = 0;
    fleet.observed.freeze = Some(Freeze::CalendarClosed { until: None });
    fleet.config.settings.denied = vec![selector(release)];
    let exists = std::mem::replace(&mut fleet.at("prod/blue").state, NodegroupState::Deleted);
    let mut fleet = fleet.after(|record| {
        let past = record.failed(release, at("2026-07-20T08:30:00Z")).updated(CURRENT, at("2026-07-20T08:00:00Z"));
        past.intended(release, now())
    });
    fleet.change_fleet_record(|record| record.quarantine(&quarantine(release, names([]), now())));
    fn blue(fleet: &mut Fleet) -> &mut Nodegroup {
        fleet.nodegroup("prod/blue")
    }
    fn rules_of(fleet: &mut Fleet) -> &mut Rules {
        let Policy::OptedIn(_, rules) = &mut blue(fleet).policy else { unreachable!() };
        rules
    }
    fn mode_of(fleet: &mut Fleet) -> &mut Mode {
        let Policy::OptedIn(mode, _) = &mut blue(fleet).policy else { unreachable!() };
        mode
    }
    let bad_tag = Policy::from_tags(&HashMap::from([("ami-update".to_owned(), "yes".to_owned())]), &Rules::default());
    let mut codes = vec![first_code(&fleet)];
    let mut fix = |change: &mut dyn FnMut(&mut Fleet)| {
        change(&mut fleet);
        codes.push(first_code(&fleet));
    };
    fix(&mut |fleet| fleet.request = StartRequest::default());
    fix(&mut |fleet| fleet.at("prod/blue").state = NodegroupState::NotReached);
    fix(&mut |fleet| fleet.at("prod/blue").state = NodegroupState::Unreadable(unreadable("error")));
    fix(&mut |fleet| {
        fleet.at("prod/blue").state = exists.clone();
        blue(fleet).policy = Policy::NotOptedIn;
    });
    fix(&mut |fleet| blue(fleet).policy = Policy::OptedOut);
    fix(&mut |fleet| blue(fleet).policy = bad_tag.clone());
    fix(&mut |fleet| {
        blue(fleet).policy = Policy::OptedIn(Mode::Notify, rules.clone());
        blue(fleet).ami_type = AmiTypes::Custom;
    });
    let rollback = Rollback::new(CURRENT, now(), "run");
    fix(&mut |fleet| {
        fleet.change_record("prod/blue", |record| {
            record.withdraw();
            record.request_rollback(&rollback);
        });
    });
    fix(&mut |fleet| fleet.change_record("prod/blue", |record| record.downgrade.rollback = None));
    fix(&mut |fleet| blue(fleet).ami_type = AmiTypes::from("NEW"));
    fix(&mut |fleet| {
        blue(fleet).ami_type = AL2023;
        rules_of(fleet).pin = Some("1.33.1-20200101".into());
    });
    fix(&mut |fleet| rules_of(fleet).pin = Some("latest".into()));
    fix(&mut |fleet| {
        rules_of(fleet).pin = Some(release.into());
        newest(fleet).withdrawn = true;
    });
    fix(&mut |fleet| {
        rules_of(fleet).pin = None;
        *fleet.offer() = Available::NotPublished;
    });
    fix(&mut |fleet| *fleet.offer() = offers(&AL2023, [CURRENT]));
    fix(&mut |fleet| rules_of(fleet).stale_after = Some(week));
    fix(&mut |fleet| *fleet.offer() = offers(&AL2023, ["1.33.1-20260101"]));
    fix(&mut |fleet| {
        *fleet.offer() = offers(&AL2023, [release]);
        *mode_of(fleet) = Mode::Auto;
        let runs = |release: &str| Running::new("1.33", release);
        fleet.change_record("prod/blue", |record| {
            record.read_update_history(Some(&StepBack { from: runs(release), to: runs(CURRENT) }), now())
        });
    });
    fix(&mut |fleet| {
        *mode_of(fleet) = Mode::Notify;
        fleet.change_record("prod/blue", |record| record.downgrade.hold = None);
    });
    fix(&mut |fleet| fleet.config.settings.denied.clear());
    fix(&mut |fleet| rules_of(fleet).min_age = SignedDuration::ZERO);
    fix(&mut |fleet| {
        fleet.change_fleet_record(|record| record.lift_quarantine(&selector(release), now()));
        let refusal = Refusal::new(now(), now(), 1, "no");
        newest(fleet).refusal = Some(refusal);
    });
    fix(&mut |fleet| {
        newest(fleet).refusal = None;
        *mode_of(fleet) = Mode::Auto;
    });
    fix(&mut |fleet| {
        fleet.change_record("prod/blue", |record| {
            record.allow_retry(now());
            record.start_back_off(OutcomeKind::InUse, "text", NotTaken::Update, now());
        });
    });
    fix(&mut |fleet| {
        rules_of(fleet).ring = 0;
        *mode_of(fleet) = Mode::Notify;
    });
    fix(&mut |fleet| {
        blue(fleet).status = NodegroupStatus::CreateFailed;
        *mode_of(fleet) = Mode::Auto;
    });
    fix(&mut |fleet| blue(fleet).status = NodegroupStatus::Active);
    fix(&mut |fleet| fleet.change_record("prod/blue", |record| record.attempts.back_off = None));
    fix(&mut |fleet| rules_of(fleet).min_interval = SignedDuration::ZERO);
    fix(&mut |fleet| fleet.observed.freeze = None);
    let unread = UnreadHistory { read: 3, listed: Some(700), error: "the run had no time left".into() };
    fix(&mut |fleet| {
        rules_of(fleet).window = Windows::default();
        fleet.observed.unread_histories = [(id("prod/blue"), unread.clone())].into();
    });
    fix(&mut |fleet| fleet.observed.unread_histories.clear());
    fix(&mut |fleet| fleet.config.settings.limits.updates_per_cluster = 2);

    let page = testing::page("decisions.md");
    let table = page.split("\nA node group that is not listed at all").next().unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`').map(|(code, _)| code));
    // Those that stand beside another at the same place of the order.
    let beside = ["NotFound", "Pinned", "EndOfSupport", "ClusterUpgradedRecently", "NotComparable", "Unhealthy"];
    let rows: Vec<&str> = rows.filter(|code| !beside.contains(code)).collect();
    assert_eq!(codes, rows);
}

fn first_code(fleet: &Fleet) -> &'static str {
    fleet.decision("prod/blue").code()
}
