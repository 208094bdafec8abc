//! Every reason why no update starts, and the order of the rules. The plan is pure, so these need no AWS.

use std::collections::HashMap;

use aws_sdk_eks::types::{AmiTypes, NodegroupStatus};
use eks_nodegroup_updater::model::attempt::hold::{DowngradedBy, Hold, Rollback, Running, StepBack};
use eks_nodegroup_updater::model::attempt::outcome::OutcomeKind;
use eks_nodegroup_updater::model::attempt::{StartedBy, Status};
use eks_nodegroup_updater::model::decision::attention::Attention;
use eks_nodegroup_updater::model::decision::reason::{Freeze, Reason, RingWait, RollbackBlock};
use eks_nodegroup_updater::model::decision::request::StartRequest;
use eks_nodegroup_updater::model::id::Subject;
use eks_nodegroup_updater::model::nodegroup::Nodegroup;
use eks_nodegroup_updater::model::nodegroup::policy::{InvalidTag, Mode, Policy};
use eks_nodegroup_updater::model::observed::fleet::NodegroupState;
use eks_nodegroup_updater::model::observed::releases::Available;
use eks_nodegroup_updater::model::problem::UnreadHistory;
use eks_nodegroup_updater::model::record::nodegroup::NotTaken;
use eks_nodegroup_updater::model::record::track::Refusal;
use eks_nodegroup_updater::model::release::track::Family;
use eks_nodegroup_updater::model::release::version::ReleaseVersion;
use eks_nodegroup_updater::model::rules::Rules;
use eks_nodegroup_updater::model::rules::window::Windows;
use jiff::{SignedDuration, Timestamp};
use testing::{CURRENT, Fleet, History, NEWER, at, days, id, names, now, offers, quarantine, selector, unreadable};

use super::{STANDARD, newest};

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
pub(crate) fn every_reason() -> Vec<(Reason, Attention)> {
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
        blue(fleet).ami_type = STANDARD;
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
    fix(&mut |fleet| *fleet.offer() = offers(&STANDARD, [CURRENT]));
    fix(&mut |fleet| rules_of(fleet).stale_after = Some(week));
    fix(&mut |fleet| *fleet.offer() = offers(&STANDARD, ["1.33.1-20260101"]));
    fix(&mut |fleet| {
        *fleet.offer() = offers(&STANDARD, [release]);
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
