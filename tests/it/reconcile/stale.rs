//! Nothing goes stale in silence.

use serde_json::{Value, json};
use simulated_aws::{ApiError, Fault};
use testing::{AL2023, CURRENT, NEWER, TestEnv, decisions, minutes, node_creation_failure, opted_in, tagged};

use super::{days, said, unhealthy};

#[tokio::test(start_paused = true)]
async fn a_node_group_that_is_unhealthy_for_two_weeks_is_reported_once_and_when_it_is_over() {
    let env = TestEnv::with_blue().await;
    env.world.edit_nodegroup("prod", "blue", unhealthy);
    env.start().await;
    days(&env, 13).await;
    assert!(said(&env).is_empty(), "{:?}", said(&env));
    days(&env, 2).await;
    assert_eq!(said(&env), ["NodegroupStale of blue: Unhealthy"]);
    let message = &env.messages()[0];
    assert_eq!((&message["stale"]["oldest"], &message["stale"]["daysBehind"]), (&json!(NEWER), &json!(14)));

    days(&env, 3).await;
    env.world.edit_nodegroup("prod", "blue", |nodegroup| {
        nodegroup.status = "ACTIVE".to_owned();
        nodegroup.health.clear();
    });
    days(&env, 1).await;
    assert_eq!(said(&env), ["NodegroupStale of blue: Unhealthy", "NodegroupCurrent of blue: Unhealthy"]);
}

#[tokio::test(start_paused = true)]
async fn a_fleet_that_follows_weekly_releases_at_a_distance_is_never_stale() {
    let env =
        TestEnv::with([tagged("prod", "blue", &[("min-age", "14d"), ("window", "Sat-Sun 02:00-09:00 UTC")])]).await;
    for week in 1..16 {
        days(&env, 7).await;
        env.world.publish_release(AL2023, "1.33", &format!("1.33.{}-20260801", week + 2));
    }
    assert!(said(&env).is_empty(), "{:?}", said(&env));
    assert!(env.world.updates("prod", "blue").len() > 10);
}

#[tokio::test(start_paused = true)]
async fn one_that_cannot_be_described_is_reported_after_a_day() {
    let env = TestEnv::with([opted_in("prod", "blue"), opted_in("dev", "green").release(NEWER)]).await;
    env.world.on_request(|request| {
        let is_blue = request.action == "eks:DescribeNodegroup" && request.body["nodegroupName"] == "blue";
        if is_blue { Fault::Error(ApiError::access_denied(&request.action)) } else { Fault::None }
    });
    let summary = env.start().await;
    assert_eq!((summary.failure, summary.errors.len()), (None, 1), "one unreadable node group fails no run");
    days(&env, 2).await;
    assert_eq!(said(&env), ["NodegroupStale of blue: Unreadable"]);
    env.world.clear_faults();
    days(&env, 1).await;
    assert_eq!(said(&env), ["NodegroupStale of blue: Unreadable", "NodegroupCurrent of blue: Unreadable"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_every_run_tries_in_vain_is_reported_after_a_day() {
    let env = TestEnv::with_blue().await;
    env.world.on_request(|request| match request.action.as_str() {
        "eks:UpdateNodegroupVersion" => {
            Fault::Error(ApiError::new(409, "ResourceInUseException", "Nodegroup cannot be updated"))
        }
        _ => Fault::None,
    });
    for day in 0..3 {
        assert_eq!(decisions(&env.start().await), ["prod/blue: Start, InUse"], "day {day}");
        env.check().await;
        env.advance(24 * 60);
    }
    assert_eq!(said(&env), ["NodegroupStale of blue: BackingOff"]);
    let detail = "EKS rejected its last update: ResourceInUseException: Nodegroup cannot be updated; next attempt from 2026-07-22T09:00:00Z";
    assert_eq!(env.messages()[0]["stale"]["detail"], detail);
}

#[tokio::test(start_paused = true)]
async fn what_always_fails_is_not_tried_without_end_however_many_releases_there_are() {
    let env = TestEnv::with_blue().await;
    for _ in 0..100 {
        env.world.script_next_update("prod", "blue", node_creation_failure("blue"));
    }
    for release in ["1.33.3-20260801", "1.33.4-20260901", "1.33.5-20261001", "1.33.6-20261101"] {
        env.world.publish_release(AL2023, "1.33", release);
        env.start().await;
        env.check().await;
    }
    days(&env, 60).await;
    // Four releases, each tried once and three times again.
    assert_eq!(env.world.updates("prod", "blue").len(), 16);
}

#[tokio::test(start_paused = true)]
async fn a_custom_ami_is_reported_after_two_weeks_and_never_where_the_tag_says_so() {
    let custom =
        |name| opted_in("prod", name).ami_type("CUSTOM").release("ami-0c099795affa953de").launch_template("t", "7");
    let quiet = custom("quiet").tag("ami-update/stale-after", "never");
    let env = TestEnv::with([custom("blue"), quiet, custom("pinned").tag("ami-update", "off")]).await;
    days(&env, 20).await;
    assert_eq!(said(&env), ["NodegroupStale of blue: CustomAmi"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_stale_during_a_freeze_whose_end_is_known_nor_while_a_fleet_catches_up_after_a_long_one() {
    let mut env = TestEnv::with_blue().await;
    let now = env.world.now();
    env.world.close_calendar("freeze", now, now + minutes(24 * 24 * 60));
    env.start_config.settings.change_calendars = vec!["freeze".to_owned()];
    days(&env, 23).await;
    assert!(said(&env).is_empty(), "{:?}", said(&env));
    // After it, the node group is unhealthy.
    env.world.edit_nodegroup("prod", "blue", unhealthy);
    days(&env, 13).await;
    assert!(said(&env).is_empty(), "{:?}", said(&env));
    days(&env, 3).await;
    assert_eq!(said(&env), ["NodegroupStale of blue: Unhealthy"]);
}

#[tokio::test(start_paused = true)]
async fn the_stop_switch_that_is_forgotten_is_one_message_for_all() {
    let names = ["a", "b", "c", "d", "e"];
    let mut env = TestEnv::with(names.map(|name| opted_in(name, "ng"))).await;
    env.world.put_parameter("/stop", "stopped");
    env.start_config.parameters.stop_switch = Some("/stop".to_owned());
    env.start().await;
    days(&env, 16).await;
    let [message] = <[Value; 1]>::try_from(env.messages()).unwrap();
    assert_eq!((&message["kind"], &message["nodegroup"]), (&json!("NodegroupStale"), &Value::Null));
    assert_eq!(message["nodegroups"]["count"], 5);
    assert_eq!(message["ids"].as_array().unwrap().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_and_a_filtered_run_judge_nothing() {
    let env = TestEnv::with([opted_in("prod", "blue").release(CURRENT)]).await;
    env.world.edit_nodegroup("prod", "blue", unhealthy);
    env.start().await;
    for _ in 0..20 {
        env.advance(24 * 60);
        env.try_start(&json!({"dryRun": true})).await.unwrap();
        env.try_start(&json!({"clusters": ["prod"]})).await.unwrap();
        env.check().await;
    }
    assert!(said(&env).is_empty(), "{:?}", said(&env));
}
