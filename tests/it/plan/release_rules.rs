//! The rules about a release: it is not denied, old enough, accepted by EKS, and has not failed before.

use eks_nodegroup_updater::model::record::nodegroup::NodegroupRecord;
use eks_nodegroup_updater::model::record::track::Refusal;
use eks_nodegroup_updater::model::rules::Rules;
use jiff::Timestamp;
use serde_json::json;
use testing::{
    AL2023, BOTTLEROCKET, Fleet, History, NEWER, TestEnv, at, days, decisions, eviction_failure, hours, now, opted_in,
    selector, tagged,
};

use super::{Alone, OFFERED, message, newest, targets};
use crate::{DAY, HOUR, decide};

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

/// Hour and release of each call for a node group.
fn asked(env: &TestEnv, name: &str) -> Vec<(i64, String)> {
    let calls = env
        .world
        .requests()
        .into_iter()
        .filter(|request| request.action == "eks:UpdateNodegroupVersion" && request.body["nodegroupName"] == name);
    let hour = |at: Timestamp| at.duration_since(now()).as_hours();
    calls.map(|call| (hour(call.at), call.body["releaseVersion"].as_str().unwrap().to_owned())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_release_that_eks_refuses_costs_no_other_its_place_and_is_passed_over_after_a_day() {
    const REFUSED: &str = "1.33.2-20260720";
    let other = opted_in("prod", "other").ami_type(BOTTLEROCKET).release("1.40.0-1a2b3c01");
    let mut env = TestEnv::with([opted_in("prod", "a"), opted_in("prod", "alike"), other]).await;
    env.start_config.parameters.stop_switch = Some("/switch".into());
    env.world.put_parameter("/switch", "stopped");
    env.start().await;
    env.world.put_parameter("/switch", "running");
    env.world.publish_release(BOTTLEROCKET, "1.33", "1.41.0-1a2b3c02");
    env.world.ssm_ahead_of_eks(true);
    env.world.publish_release(AL2023, "1.33", REFUSED);
    let first = ["prod/a: Start, NotReady", "prod/alike: Next, NotAsked", "prod/other: Next, Accepted"];
    assert_eq!(decisions(&env.start().await), first, "in the same run");
    for hour in 1..48 {
        env.advance(30);
        env.check().await;
        env.advance(30);
        env.world.ssm_ahead_of_eks(hour < 30);
        env.start().await;
    }
    let expected = [(0, REFUSED), (1, REFUSED), (5, REFUSED), (17, REFUSED), (24, NEWER), (29, REFUSED), (41, REFUSED)];
    assert_eq!(asked(&env, "a"), expected.map(|(hour, release)| (hour, release.to_owned())));
    assert_eq!(env.world.nodegroup("prod", "a").unwrap().release, REFUSED);
    let message = message(&env, "ReleaseRefused");
    let track = "1.33/AL2023_x86_64_STANDARD";
    assert_eq!((&message["releaseVersion"], &message["track"]), (&json!(REFUSED), &json!(track)));
    assert_eq!(env.messages().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_release_that_eks_never_knows_is_passed_over_where_a_run_comes_only_when_each_wait_is_over() {
    let mut env = TestEnv::with([opted_in("dev", "a"), opted_in("prod", "b")]).await;
    env.start_config.parameters.stop_switch = Some("/switch".into());
    env.world.put_parameter("/switch", "stopped");
    env.start().await;
    env.world.put_parameter("/switch", "running");
    env.world.publish_release_unknown_to_eks(AL2023, "1.33", "1.33.2-20260720");
    let refused = ["dev/a: Start, NotReady", "prod/b: Start, NotAsked"];
    assert_eq!(decisions(&env.start().await), refused);
    env.advance(DAY);
    assert_eq!(decisions(&env.start().await), ["dev/a: Start, Accepted", "prod/b: Start, Accepted"]);
    env.advance(HOUR);
    env.check().await;
    env.advance(DAY);
    assert_eq!(decisions(&env.start().await), refused, "which now have nothing else");
    let releases = ["dev/a", "prod/b"].map(|path| path.split_once('/').unwrap());
    let releases = releases.map(|(cluster, name)| env.world.nodegroup(cluster, name).unwrap().release);
    assert_eq!(releases, [NEWER, NEWER]);
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
