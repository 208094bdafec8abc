//! Each rule as a story: the real handlers through the real SDK, with tags and settings as people write them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use simulated_aws::{ApiError, Fault, Nodegroup, UpdateScript};
use testing::{
    AL2023, BOTTLEROCKET, CURRENT, NEWER, TestEnv, decisions, errors, eviction_failure, minutes, node_creation_failure,
    opted_in, tagged,
};

/// A release that Kubernetes 1.33 and 1.34 share.
const SAME: &str = "1.46.1-9d20f4ae";
const HOUR: i64 = 60;
const DAY: i64 = 24 * HOUR;

/// Decision and reason of a node group in a new run.
async fn decide(env: &TestEnv, path: &str) -> (&'static str, String) {
    let summary = env.start().await;
    let line = summary.decisions.into_iter().find(|line| line.nodegroup == path).unwrap();
    (line.decision, line.reason)
}

/// The releases that a node group was asked to go to, in order.
fn targets(env: &TestEnv, cluster: &str, name: &str) -> Vec<String> {
    env.world.updates(cluster, name).into_iter().map(|update| update.release.unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn the_newest_release_that_is_old_enough_is_taken() {
    let env = TestEnv::with([tagged("prod", "blue", &[("min-age", "7d")])]).await;
    assert_eq!(decide(&env, "prod/blue").await.0, "MinAgeNotReached");
    env.advance(3 * DAY);
    env.world.publish_release(AL2023, "1.33", "1.33.2-20260723");
    assert_eq!(decide(&env, "prod/blue").await.0, "MinAgeNotReached");
    env.advance(4 * DAY);
    assert_eq!(decide(&env, "prod/blue").await.0, "Start");
    assert_eq!(targets(&env, "prod", "blue"), [NEWER], "not the latest, and not nothing");
}

#[tokio::test(start_paused = true)]
async fn a_pin_goes_there_and_stays() {
    let env = TestEnv::with([tagged("prod", "blue", &[("pin", NEWER)])]).await;
    env.world.publish_release(AL2023, "1.33", "1.33.2-20260720");
    env.start().await;
    env.advance(15);
    env.check().await;
    assert_eq!(targets(&env, "prod", "blue"), [NEWER]);
    assert_eq!(decide(&env, "prod/blue").await.0, "Pinned");
    let pin = |release: &'static str| {
        move |nodegroup: &mut Nodegroup| {
            nodegroup.tags.insert("ami-update/pin".into(), release.into());
        }
    };
    env.world.edit_nodegroup("prod", "blue", pin(CURRENT));
    assert_eq!(decide(&env, "prod/blue").await.0, "PinIsDowngrade");
    env.world.edit_nodegroup("prod", "blue", pin("latest"));
    assert_eq!(decide(&env, "prod/blue").await.0, "PinUnknown");
    assert_eq!(env.world.updates("prod", "blue").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_pin_that_nobody_knows_is_judged_by_eks_which_is_asked_ever_more_rarely() {
    let env = TestEnv::with([tagged("prod", "blue", &[("pin", "1.33.2-20260701")])]).await;
    assert_eq!(decisions(&env.start().await), ["prod/blue: Start, NotReady"]);
    let mut hours = vec![0];
    for hour in 1..54 {
        env.advance(HOUR);
        hours.extend((decisions(&env.start().await) == ["prod/blue: Start, NotReady"]).then_some(hour));
    }
    assert_eq!(hours, [0, 1, 5, 17, 29, 41, 53], "the waits of RETRY_AFTER, the last of which repeats");
    env.world.eks_learns(AL2023, "1.33", "1.33.2-20260701");
    assert_eq!(decide(&env, "prod/blue").await.0, "BackingOff");
    env.try_start(&json!({"retry": ["prod/blue"]})).await.unwrap();
    assert_eq!(targets(&env, "prod", "blue"), ["1.33.2-20260701"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_starts_outside_a_window() {
    // It is Monday, nine o'clock in UTC.
    let env = TestEnv::with([tagged("prod", "blue", &[("window", "Sat-Sun 02:00-06:00 Europe/Berlin")])]).await;
    let summary = env.start().await;
    let opens: Timestamp = "2026-07-25T00:00:00Z".parse().unwrap();
    assert_eq!((summary.decisions[0].decision, summary.decisions[0].until), ("OutsideWindow", Some(opens)));
    env.world.advance(opens.duration_since(env.world.now()) - minutes(1));
    assert_eq!(decide(&env, "prod/blue").await.0, "OutsideWindow");
    env.advance(1);
    assert_eq!(decide(&env, "prod/blue").await.0, "Start");
}

#[tokio::test(start_paused = true)]
async fn nothing_starts_in_a_window_that_closes_during_the_run() {
    let mut env =
        TestEnv::with(["a", "b", "c"].map(|name| tagged(name, "ng", &[("window", "Mon 09:00-09:01 UTC")]))).await;
    env.start_config.settings.window_margin = minutes(0);
    // Each answer takes four seconds, so that the window closes while the first update is recorded.
    env.world.advance(SignedDuration::from_secs(24));
    let (before, after) = (Duration::from_secs(2), Duration::from_secs(2));
    env.world.on_request(move |_| Fault::Slow { before, after, then: Box::new(Fault::None) });
    let summary = env.start().await;
    let decisions = summary.decisions.iter().map(|line| (line.decision, line.outcome)).collect::<Vec<_>>();
    let starts = ["Accepted", "WindowClosed", "WindowClosed"].map(|outcome| ("Start", Some(outcome)));
    assert_eq!(decisions, starts);
    assert_eq!(env.world.updates("b", "ng").len() + env.world.updates("c", "ng").len(), 0);
    assert!(summary.errors.is_empty(), "{:?}", summary.errors);
}

#[tokio::test(start_paused = true)]
async fn a_release_passes_from_ring_to_ring_across_clusters() {
    let env = TestEnv::with([
        tagged("dev", "canary", &[("ring", "0")]),
        tagged("staging", "blue", &[("ring", "1")]),
        tagged("prod", "blue", &[("ring", "2")]),
        tagged("prod", "legacy", &[("ring", "0"), ("pin", CURRENT)]),
    ])
    .await;
    let mut order = Vec::new();
    for _ in 0..4 * 24 {
        for line in env.start().await.decisions {
            if line.decision == "Start" {
                order.push((line.nodegroup, env.world.now().to_string()));
            }
        }
        env.advance(30);
        env.check().await;
        env.advance(30);
    }
    let expected = [
        ("dev/canary", "2026-07-20T09:00:00Z"),
        ("staging/blue", "2026-07-21T10:00:00Z"),
        ("prod/blue", "2026-07-22T11:00:00Z"),
    ];
    assert_eq!(order, expected.map(|(name, at)| (name.to_owned(), at.to_owned())));
}

#[tokio::test(start_paused = true)]
async fn a_release_that_fails_on_two_node_groups_is_quarantined_and_reported_once() {
    let names = ["a", "b", "c", "d"];
    let mut env = TestEnv::with(names.map(|name| opted_in(name, "ng"))).await;
    env.start_config.settings.limits.starts_per_run = 1;
    for name in names {
        env.world.script_next_update(name, "ng", node_creation_failure("ng"));
    }
    for _ in 0..6 {
        env.start().await;
        env.advance(30);
        env.check().await;
    }
    assert_eq!(decide(&env, "c/ng").await.0, "Quarantined");
    let updates = names.map(|name| env.world.updates(name, "ng").len());
    assert_eq!(updates, [1, 1, 0, 0], "the others were saved");
    let critical: Vec<Value> = env.messages().into_iter().filter(|message| message["severity"] == "critical").collect();
    let [message] = &critical[..] else { panic!("{critical:?}") };
    assert_eq!(
        (&message["kind"], &message["failedOn"]),
        (&json!("ReleaseQuarantined"), &json!({"names": ["a/ng", "b/ng"], "count": 2}))
    );

    env.start_config.settings.limits.starts_per_run = 10;
    let lift = json!({"liftQuarantine": [NEWER]});
    let dry = json!({"liftQuarantine": [NEWER], "dryRun": true});
    let line = env.try_start(&dry).await.unwrap().decisions.remove(2);
    assert_eq!((line.decision, env.world.updates("c", "ng").len()), ("Start", 0));
    env.try_start(&lift).await.unwrap();
    assert_eq!(env.world.updates("c", "ng").len(), 1);
    assert!(env.fleet_record().await.quarantines[0].lifted_at.is_some(), "it is recorded");
    let problems = env.try_start(&json!({"liftQuarantine": ["1.33.2-20260701"]})).await.unwrap().errors;
    assert_eq!(errors(&problems), ["the release 1.33.2-20260701 is not quarantined, so nothing is lifted"]);
    env.try_start(&json!({"liftQuarantine": ["1.33.2"]})).await.unwrap_err();
}

/// The release failed on two node groups for its own fault, and on a third for that of its budgets.
async fn quarantined() -> TestEnv {
    let env = TestEnv::with(["a", "b", "c"].map(|name| opted_in(name, "ng"))).await;
    for name in ["a", "b"] {
        env.world.script_next_update(name, "ng", node_creation_failure("ng"));
    }
    env.world.script_next_update("c", "ng", eviction_failure("ng"));
    env.start().await;
    env.advance(30);
    env.check().await;
    env
}

#[tokio::test(start_paused = true)]
async fn a_quarantine_outlives_the_node_groups_that_the_release_failed_on() {
    let env = quarantined().await;
    assert_eq!(decide(&env, "c/ng").await.0, "Quarantined");
    env.world.remove_nodegroup("b", "ng");
    env.world.edit_nodegroup("a", "ng", |nodegroup| nodegroup.tags.clear());
    env.advance(2 * DAY);
    assert_eq!(decide(&env, "c/ng").await.0, "Quarantined");
}

#[tokio::test(start_paused = true)]
async fn a_newer_release_is_taken_in_spite_of_a_quarantine_which_records_it() {
    let env = quarantined().await;
    env.start().await;
    env.world.publish_release(AL2023, "1.33", "1.33.2-20260727");
    assert_eq!(decide(&env, "c/ng").await.0, "Start");
    assert_eq!(targets(&env, "c", "ng"), [NEWER, "1.33.2-20260727"]);
    let held = env.fleet_record().await.quarantines.clone();
    assert_eq!(held[0].superseded_by.as_deref(), Some("1.33.2-20260727"));
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

#[tokio::test(start_paused = true)]
async fn an_explicit_retry_does_not_wait() {
    let env = TestEnv::with_blue().await;
    env.world.script_next_update("prod", "blue", eviction_failure("blue"));
    env.start().await;
    env.advance(30);
    env.check().await;
    assert_eq!(decide(&env, "prod/blue").await.0, "FailedBefore");
    env.try_start(&json!({"retry": ["prod/blue"]})).await.unwrap();
    assert_eq!(env.world.updates("prod", "blue").len(), 2);
    let requested = env.record("prod", "blue").await.unwrap().attempts.ended[0].retry_requested_at;
    assert_eq!(requested, Some(env.world.now()), "it is recorded");
    env.try_start(&json!({"retry": ["blue"]})).await.unwrap_err();
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

#[tokio::test(start_paused = true)]
async fn an_external_update_is_adopted_watched_and_reported() {
    let env = TestEnv::with_blue().await;
    env.world.script_next_update("prod", "blue", eviction_failure("blue"));
    let id = env.world.start_update("prod", "blue", "1.33", NEWER).unwrap();
    let (decision, reason) = decide(&env, "prod/blue").await;
    assert_eq!(
        (decision, reason.as_str()),
        ("InProgress", "an external update has been in progress since 2026-07-20T09:00:00Z")
    );
    assert_eq!(env.record("prod", "blue").await.unwrap().open().unwrap().update_id, Some(id));
    env.advance(17);
    env.check().await;
    let message = env.messages().remove(0);
    assert_eq!((&message["kind"], &message["startedBy"]), (&json!("UpdateFailed"), &json!("External")));
    assert_eq!(decide(&env, "prod/blue").await.0, "FailedBefore");
}

#[tokio::test(start_paused = true)]
async fn a_successful_external_update_is_adopted_in_silence() {
    let env = TestEnv::with_blue().await;
    env.world.start_update("prod", "blue", "1.33", NEWER).unwrap();
    env.start().await;
    env.advance(17);
    assert_eq!(env.check().await.updates[0].status, "Successful");
    assert_eq!((decide(&env, "prod/blue").await.0, env.messages().len()), ("UpToDate", 0));
}

#[tokio::test(start_paused = true)]
async fn a_node_group_follows_its_cluster_in_one_step_a_week_after_it_went_ahead() {
    let groups = ["blue", "keeps"];
    let follow = tagged("prod", "blue", &[("kubernetes-version", "follow-cluster")]);
    let env = TestEnv::with([follow, opted_in("prod", "keeps")]).await;
    env.world.add_cluster("prod", "1.35");
    env.world.publish_release(AL2023, "1.34", "1.34.1-20260710");
    env.world.publish_release(AL2023, "1.35", "1.35.0-20260710");
    let asked = async || {
        for _ in 0..12 {
            env.start().await;
            env.advance(30);
            env.check().await;
        }
        groups.map(|name| {
            let updates = env.world.updates("prod", name).into_iter();
            updates.map(|update| (update.version.unwrap(), update.release.unwrap())).collect::<Vec<_>>()
        })
    };
    let pair = |version: &str, release: &str| (version.to_owned(), release.to_owned());
    let own = pair("1.33", NEWER);
    assert_eq!(asked().await, [vec![own.clone()], vec![own.clone()]], "each keeps its own version up to date");
    let (decision, reason) = decide(&env, "prod/blue").await;
    let sentence =
        "its cluster runs Kubernetes 1.35; ami-update/follow-cluster-after lets it follow from 2026-07-27T09:00:00Z";
    assert_eq!((decision, reason.as_str()), ("ClusterUpgradedRecently", sentence));
    env.advance(7 * DAY);
    assert_eq!(asked().await, [vec![own.clone(), pair("1.35", "1.35.0-20260710")], vec![own]]);
}

/// A group on Bottlerocket, whose releases are the same for every Kubernetes version, in a cluster that has gone ahead.
async fn bottlerocket_behind_its_clusters<const N: usize>(groups: [(&str, &[(&str, &str)]); N]) -> TestEnv {
    let mut env = TestEnv::with(groups.map(|(cluster, rules)| {
        let nodegroup = tagged(cluster, "ng", rules).tag("ami-update/kubernetes-version", "follow-cluster");
        nodegroup.ami_type(BOTTLEROCKET).release(SAME)
    }))
    .await;
    env.start_config.settings.defaults.follow_cluster_after = SignedDuration::ZERO;
    for (cluster, _) in groups {
        env.world.add_cluster(cluster, "1.34");
    }
    for version in ["1.33", "1.34"] {
        env.world.publish_release(BOTTLEROCKET, version, SAME);
    }
    env
}

#[tokio::test(start_paused = true)]
async fn a_ring_proves_a_release_at_the_kubernetes_version_that_the_next_ring_goes_to() {
    let env = bottlerocket_behind_its_clusters([("dev", &[]), ("prod", &[("ring", "1")])]).await;
    env.advance(2 * DAY);
    let (decision, reason) = decide(&env, "prod/ng").await;
    assert_eq!(decision, "WaitingForRing", "dev runs the release, but not with Kubernetes 1.34: {reason}");
    env.advance(15);
    env.check().await;
    assert_eq!(env.world.nodegroup("dev", "ng").unwrap().version, "1.34");
    assert_eq!(decide(&env, "prod/ng").await.0, "WaitingForRing", "it has not run it long enough");
    env.advance(DAY);
    assert_eq!(decide(&env, "prod/ng").await.0, "Start");
}

#[tokio::test(start_paused = true)]
async fn an_update_that_leaves_the_kubernetes_version_as_it_was_is_without_effect() {
    let env = bottlerocket_behind_its_clusters([("prod", &[])]).await;
    env.world.script_next_update("prod", "ng", UpdateScript::SucceedWithoutEffect { after: minutes(10) });
    env.start().await;
    for _ in 0..3 {
        env.advance(15);
        env.check().await;
    }
    let message = env.messages().remove(0);
    assert_eq!((&message["kind"], &message["kubernetesVersion"]), (&json!("UpdateUnverified"), &json!("1.34")));
    let error = "EKS reports the update as successful, but the node group runs 1.46.1-9d20f4ae (Kubernetes 1.33)";
    assert_eq!(message["errors"][0]["errorMessage"], error);
}

#[tokio::test(start_paused = true)]
async fn a_node_group_does_not_follow_its_cluster_to_an_older_release() {
    let env = bottlerocket_behind_its_clusters([("prod", &[])]).await;
    env.world.withdraw_release(BOTTLEROCKET, "1.34");
    env.world.publish_release(BOTTLEROCKET, "1.34", "1.45.0-1e6a7c0b");
    let (decision, reason) = decide(&env, "prod/ng").await;
    let sentence =
        "it runs 1.46.1-9d20f4ae, which is newer than 1.45.0-1e6a7c0b, the latest release that AWS recommends";
    assert_eq!((decision, reason.as_str()), ("RunsWithdrawnRelease", sentence));
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

#[tokio::test(start_paused = true)]
async fn an_invalid_rule_is_reported_once_and_starts_nothing() {
    let env = TestEnv::with([tagged("prod", "blue", &[("window", "Saturday night")])]).await;
    for _ in 0..3 {
        assert_eq!(decide(&env, "prod/blue").await.0, "InvalidTag");
        env.check().await;
    }
    let [message] = &env.messages()[..] else { panic!("one message") };
    assert_eq!((&message["kind"], &message["tag"]["value"]), (&json!("TagInvalid"), &json!("Saturday night")));
    assert_eq!(env.world.updates("prod", "blue"), []);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_shows_everything_and_writes_nothing() {
    let env = TestEnv::with([tagged("prod", "blue", &[("window", "Saturday night")]), opted_in("qa", "green")]).await;
    env.world.start_update("qa", "green", "1.33", NEWER).unwrap();
    let event = json!({"dryRun": true, "retry": ["prod/blue"], "liftQuarantine": [NEWER]});
    let codes: Vec<_> = env.try_start(&event).await.unwrap().decisions.iter().map(|line| line.decision).collect();
    assert_eq!(codes, ["InvalidTag", "InProgress"]);
    assert_eq!(env.calls("dynamodb:PutItem"), 0);
}

#[tokio::test(start_paused = true)]
async fn an_update_of_somebody_elses_launch_template_names_the_template_and_promises_nothing() {
    let env = TestEnv::with([opted_in("prod", "blue").release(NEWER).launch_template("workers", "7")]).await;
    env.world.script_next_update("prod", "blue", eviction_failure("blue"));
    env.world.start_launch_template_update("prod", "blue", "8").unwrap();
    assert_eq!(decide(&env, "prod/blue").await.0, "InProgress");
    env.advance(20);
    env.check().await;
    let [message] = <[Value; 1]>::try_from(env.messages()).unwrap();
    let said = ["kind", "startedBy", "launchTemplate", "nextAction"].map(|key| message[key].as_str().unwrap());
    let nothing = "Nothing: the updater did not start this update. It keeps following the node group's tags.";
    assert_eq!(said, ["UpdateFailed", "External", "workers version 8", nothing]);
    assert_eq!((&message["releaseVersion"], &message["nextTry"]), (&Value::Null, &Value::Null));
    assert_eq!(decide(&env, "prod/blue").await.0, "UpToDate");
}

/// The items of the table that two runs must leave the same, whoever is first.
async fn left_by(env: &TestEnv) -> Vec<(String, String)> {
    let mut left = Vec::new();
    for name in ["a", "b", "c", "d", "e"] {
        let record = env.record(name, "ng").await.unwrap();
        let open = record.open().map(|attempt| attempt.intent.release_version.clone()).unwrap_or_default();
        left.push((name.to_owned(), open));
    }
    left
}

#[tokio::test(start_paused = true)]
async fn two_runs_at_once_in_which_five_tracks_get_a_release_leave_what_one_leaves() {
    let types = [
        ("a", AL2023, "1.33.2-20260722"),
        ("b", "AL2023_ARM_64_STANDARD", "1.33.2-20260722"),
        ("c", "AL2023_x86_64_NVIDIA", "1.33.2-20260722"),
        ("d", "BOTTLEROCKET_x86_64", "1.46.1-9d20f4ae"),
        ("e", "BOTTLEROCKET_ARM_64", "1.46.1-9d20f4ae"),
    ];
    let fleet = || async {
        let nodegroups = types.map(|(name, ami_type, _)| {
            let runs = if ami_type.starts_with("BOTTLEROCKET") { "1.45.0-1e6a7c0b" } else { CURRENT };
            opted_in(name, "ng").ami_type(ami_type).release(runs)
        });
        let env = TestEnv::with(nodegroups).await;
        for (_, ami_type, release) in types {
            env.world.publish_release(ami_type, "1.33", release);
        }
        env
    };
    let (one, two) = (fleet().await, fleet().await);
    one.start().await;
    let event = json!({});
    let (first, second) = tokio::join!(two.try_start(&event), two.try_start(&event));
    for summary in [first.unwrap(), second.unwrap()] {
        assert_eq!((summary.failure, summary.errors), (None, vec![]));
    }
    assert_eq!(left_by(&two).await, left_by(&one).await);
    assert_eq!(left_by(&one).await, types.map(|(name, _, release)| (name.to_owned(), release.to_owned())));
    for (name, ..) in types {
        assert_eq!(two.world.updates(name, "ng").len(), 1);
    }
}
