//! The rules about a start: updates are allowed, the node group is healthy, its last update long enough ago, nothing is stopped, and
//! its history is known. And whether a start overrides disruption budgets.

use aws_sdk_eks::types::{NodegroupIssueCode, NodegroupStatus};
use eks_nodegroup_updater::model::attempt::{Intent, Status};
use eks_nodegroup_updater::model::decision::reason::Freeze;
use eks_nodegroup_updater::model::nodegroup::HealthIssue;
use eks_nodegroup_updater::model::nodegroup::policy::{Mode, Policy};
use eks_nodegroup_updater::model::problem::UnreadHistory;
use eks_nodegroup_updater::model::rules::{Force, Rules};
use jiff::Timestamp;
use simulated_aws::{ApiError, Fault};
use testing::{
    AL2023, CURRENT, Fleet, History, NEWER, TestEnv, at, days, eviction, eviction_failure, fleet_record, id, intent,
    tagged, unreadable,
};

use super::{Alone, OFFERED, bottlerocket_behind_its_clusters, paths};
use crate::{DAY, HOUR, decide};

#[test]
fn report_only() {
    let fleet = Fleet::blue().with(|nodegroup| nodegroup.policy = Policy::OptedIn(Mode::Notify, Rules::default()));
    let sentence = "1.33.2-20260710 (Kubernetes 1.33) is available; the tag ami-update=notify only reports it";
    fleet.waits("ReportOnly", sentence);
}

#[tokio::test(start_paused = true)]
async fn a_release_that_is_only_reported_is_reported_with_its_kubernetes_version_and_once_for_each() {
    let env = bottlerocket_behind_its_clusters([("prod", &[])]).await;
    env.world.edit_nodegroup("prod", "ng", |nodegroup| {
        nodegroup.tags.insert("ami-update".into(), "notify".into());
        nodegroup.release = "1.45.0-1e6a7c0b".into();
    });
    env.world.add_cluster("prod", "1.33");
    for version in ["1.33", "1.34"] {
        env.world.add_cluster("prod", version);
        for _ in 0..2 {
            assert_eq!(decide(&env, "prod/ng").await.0, "ReportOnly");
            env.check().await;
        }
    }
    let reported: Vec<_> =
        env.messages().iter().map(|message| message["nextSteps"][2].as_str().unwrap().to_owned()).collect();
    let command = "aws eks update-nodegroup-version --region eu-central-1 --cluster-name prod --nodegroup-name ng";
    let expected = ["1.33", "1.34"].map(|version| {
        format!("{command} --kubernetes-version {version} --release-version 1.46.1-9d20f4ae   # updates it once")
    });
    assert_eq!(reported, expected);
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

#[tokio::test(start_paused = true)]
async fn there_is_an_interval_between_the_updates_of_one_node_group() {
    let env = TestEnv::with([tagged("prod", "blue", &[("min-interval", "7d")])]).await;
    env.start().await;
    env.advance(30);
    env.check().await;
    env.world.publish_release(AL2023, "1.33", "1.33.2-20260721");
    assert_eq!(decide(&env, "prod/blue").await.0, "MinIntervalNotReached");
    env.advance(7 * DAY - 1);
    assert_eq!(decide(&env, "prod/blue").await.0, "MinIntervalNotReached");
    env.advance(1);
    assert_eq!(decide(&env, "prod/blue").await.0, "Start");
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
fn without_the_fleets_record_nothing_starts_since_it_is_not_known_what_is_quarantined() {
    let mut fleet = Fleet::blue();
    fleet.observed.records.insert_fleet(fleet_record().id, Err(unreadable("malformed")));
    let sentence = "cannot read whether updates are stopped, so none is started: the fleet's quarantines: malformed";
    fleet.waits("Frozen", sentence);
}

#[tokio::test(start_paused = true)]
async fn the_stop_switch_stops_everything_at_once() {
    let mut env = TestEnv::with_blue().await;
    env.start_config.parameters.stop_switch = Some("/updater/switch".into());
    for (value, decision) in
        [(None, "Frozen"), (Some("stopped"), "Frozen"), (Some("off"), "Frozen"), (Some("running"), "Start")]
    {
        if let Some(value) = value {
            env.world.put_parameter("/updater/switch", value);
        }
        assert_eq!(decide(&env, "prod/blue").await.0, decision, "{value:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_switch_or_a_calendar_that_cannot_be_read_means_stop() {
    let mut env = TestEnv::with_blue().await;
    env.start_config.parameters.stop_switch = Some("/updater/switch".into());
    env.world.put_parameter("/updater/switch", "running");
    env.world.on_request(|request| {
        let switch = request.body["Names"][0] == "/updater/switch";
        if switch { Fault::Error(ApiError::access_denied("ssm:GetParameters")) } else { Fault::None }
    });
    // The run fails and raises the alarm: a mistyped calendar must not stop a fleet in silence.
    let frozen_since = async |env: &TestEnv, what: &str| {
        let summary = env.start().await;
        assert_eq!(summary.decisions[0].decision, "Frozen");
        let error = summary.into_response().unwrap_err().to_string();
        assert!(error.starts_with(&format!("no updates were started: {what}: ")), "{error}");
    };
    frozen_since(&env, "the stop switch /updater/switch").await;
    env.world.clear_faults();
    env.start_config.settings.change_calendars = vec!["no-such-calendar".into()];
    frozen_since(&env, "the change calendars").await;
    assert_eq!(env.world.updates("prod", "blue"), []);
}

#[tokio::test(start_paused = true)]
async fn a_closed_calendar_says_when_it_opens() {
    let mut env = TestEnv::with_blue().await;
    env.start_config.settings.change_calendars = vec!["freeze".into()];
    let until: Timestamp = "2026-07-22T00:00:00Z".parse().unwrap();
    env.world.close_calendar("freeze", env.world.now(), until);
    let line = env.start().await.decisions.remove(0);
    assert_eq!((line.decision, line.until), ("Frozen", Some(until)));
    env.world.advance(until.duration_since(env.world.now()));
    assert_eq!(decide(&env, "prod/blue").await.0, "Start");
    assert_eq!(env.calls("ssm:GetCalendarState"), 2, "once a run");
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

#[tokio::test(start_paused = true)]
async fn force_is_sent_once_and_said_before_and_after() {
    let env = TestEnv::with([tagged("prod", "blue", &[("force", "after-eviction-failure")])]).await;
    env.world.script_next_update("prod", "blue", eviction_failure("blue"));
    env.start().await;
    env.advance(30);
    env.check().await;
    let before = env.messages().remove(0);
    assert!(before["nextAction"].as_str().unwrap().contains("once all rules allow it, with force"), "{before}");
    env.advance(2 * HOUR);
    let (decision, reason) = decide(&env, "prod/blue").await;
    assert_eq!(decision, "Start");
    assert!(reason.ends_with("overriding disruption budgets, which made it fail before"), "{reason}");
    let forced: Vec<bool> = env.world.updates("prod", "blue").into_iter().map(|update| update.force).collect();
    assert_eq!(forced, [false, true]);
    env.advance(30);
    env.check().await;
    assert_eq!(env.message_events(), ["UpdateFailed of blue", "UpdateForced of blue"]);
}
