//! Before its first update by the updater, a node group's earlier updates are read, all of them: the last one may have been a
//! downgrade.

use std::time::Duration;

use eks_nodegroup_updater::summary::StartSummary;
use jiff::Timestamp;
use serde_json::json;
use simulated_aws::{ApiError, EarlierUpdate, Fault, World};
use testing::{AL2023, CURRENT, NEWER, TestEnv, decisions, minutes, now, opted_in};

const LATER: &str = "1.33.2-20260722";

/// An update of one type, so many minutes ago.
fn update(ago: i64, update_type: &str, release: Option<&str>) -> EarlierUpdate {
    EarlierUpdate {
        created_at: now() - minutes(ago),
        update_type: update_type.to_owned(),
        status: "Successful".to_owned(),
        installed: release.map(|release| ("1.33".to_owned(), release.to_owned())),
    }
}

/// So many updates of which most changed the size; the last two of the others went to [`NEWER`] and back.
fn history(updates: usize) -> Vec<EarlierUpdate> {
    let ago = |index: usize| 10_000 - i64::try_from(index).unwrap();
    let mut history: Vec<EarlierUpdate> = (2..updates).map(|index| update(ago(index), "ConfigUpdate", None)).collect();
    history.push(update(60, "VersionUpdate", Some(NEWER)));
    history.push(update(30, "VersionUpdate", Some(CURRENT)));
    history
}

async fn with_history(updates: usize) -> TestEnv {
    let env = TestEnv::with_blue().await;
    env.world.add_earlier_updates("prod", "blue", history(updates));
    env
}

/// How EKS answers when it is slow.
fn slow(world: &World, each: Duration) {
    world.on_request(move |request| match request.action.as_str() {
        "eks:DescribeUpdate" => Fault::Slow { before: each, after: Duration::ZERO, then: Box::new(Fault::None) },
        _ => Fault::None,
    });
}

fn reason(summary: &StartSummary) -> (&'static str, &str) {
    let [line] = &summary.decisions[..] else { panic!("{:?}", summary.decisions) };
    (line.decision, line.reason.as_str())
}

#[tokio::test(start_paused = true)]
async fn a_downgrade_is_seen_among_however_many_updates_in_whatever_order() {
    for updates in [2, 40, 101, 700] {
        let env = with_history(updates).await;
        assert_eq!(decisions(&env.start().await), ["prod/blue: Downgraded"], "{updates}");
        assert_eq!(env.calls("eks:DescribeUpdate"), updates);
        assert_eq!(env.calls("eks:ListUpdates"), updates.div_ceil(100));
        env.check().await;
        assert_eq!(env.message_events(), ["NodegroupDowngraded of blue"]);
        env.world.publish_release(AL2023, "1.33", LATER);
        env.advance(60);
        assert_eq!(
            decisions(&env.start().await),
            ["prod/blue: Start, Accepted"],
            "newer than the release that it left"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn updates_of_a_second_are_in_order_too() {
    let env = TestEnv::with_blue().await;
    let moment = now() - minutes(30);
    let at = |nanoseconds: i32, release| EarlierUpdate {
        created_at: Timestamp::new(moment.as_second(), nanoseconds).unwrap(),
        ..update(0, "VersionUpdate", Some(release))
    };
    env.world.add_earlier_updates("prod", "blue", vec![at(600_000_000, CURRENT), at(200_000_000, NEWER)]);
    assert_eq!(decisions(&env.start().await), ["prod/blue: Downgraded"]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_whole_in_time_starts_nothing_and_is_read_anew_by_the_next_run() {
    let env = with_history(700).await;
    slow(&env.world, Duration::from_secs(9));
    let summary = env.start().await;
    let (decision, sentence) = reason(&summary);
    assert_eq!(decision, "UpdateHistoryUnread");
    assert!(sentence.contains(" of its 700 earlier updates could be read: the run had no time left; "), "{sentence}");
    assert_eq!(env.calls("eks:UpdateNodegroupVersion"), 0);

    env.world.clear_faults();
    env.world.clear_requests();
    env.advance(60);
    assert_eq!(decisions(&env.start().await), ["prod/blue: Downgraded"]);
    assert_eq!(env.calls("eks:DescribeUpdate"), 700);
}

#[tokio::test(start_paused = true)]
async fn one_long_history_costs_no_other_node_group_its_start() {
    let blue = opted_in("prod", "blue");
    let env = TestEnv::with([blue, opted_in("dev", "green"), opted_in("qa", "red")]).await;
    env.world.add_earlier_updates("prod", "blue", history(700));
    slow(&env.world, Duration::from_secs(9));
    let expected = ["dev/green: Start, Accepted", "prod/blue: UpdateHistoryUnread", "qa/red: Start, Accepted"];
    assert_eq!(decisions(&env.start().await), expected);

    // The next run begins with it, and still comes to others.
    env.world.add_nodegroup(opted_in("stage", "grey"));
    env.advance(60);
    let summary = env.start().await;
    let [.., blue, _, grey] = &decisions(&summary)[..] else { panic!("{summary:?}") };
    assert_eq!([blue, grey], ["prod/blue: UpdateHistoryUnread", "stage/grey: Start, Accepted"]);
}

#[tokio::test(start_paused = true)]
async fn one_update_that_cannot_be_read_is_the_reason() {
    let env = with_history(40).await;
    let mut calls = 0;
    env.world.on_request(move |request| {
        calls += usize::from(request.action == "eks:DescribeUpdate");
        match request.action.as_str() {
            "eks:DescribeUpdate" if calls == 7 => Fault::Error(ApiError::new(403, "AccessDeniedException", "no")),
            _ => Fault::None,
        }
    });
    let summary = env.start().await;
    let (decision, sentence) = reason(&summary);
    assert_eq!(decision, "UpdateHistoryUnread");
    assert!(sentence.contains("of its 40 earlier updates could be read: AccessDeniedException: no; "), "{sentence}");
}

#[tokio::test(start_paused = true)]
async fn a_list_whose_next_page_is_the_same_page_is_not_read_for_ever() {
    let env = with_history(12).await;
    env.world.on_request(|request| match request.action.as_str() {
        "eks:ListUpdates" => {
            Fault::Body { status: 200, body: r#"{"updateIds": ["one"], "nextToken": "again"}"#.to_owned().into() }
        }
        _ => Fault::None,
    });
    let summary = env.start().await;
    let (decision, sentence) = reason(&summary);
    assert_eq!(decision, "UpdateHistoryUnread");
    assert!(sentence.contains("EKS listed updates with the same nextToken twice"), "{sentence}");
}

#[tokio::test(start_paused = true)]
async fn what_this_version_does_not_know_of_an_update_may_hide_a_downgrade() {
    for (update_type, status, what) in [
        ("SomethingNew", "Successful", "as SomethingNew, which this version does not know"),
        ("VersionUpdate", "Undone", "as Undone, which this version does not know"),
        ("VersionUpdate", "Successful", "without its version and release"),
    ] {
        let env = with_history(12).await;
        let unclear = EarlierUpdate { status: status.to_owned(), ..update(20, update_type, None) };
        let id = env.world.add_earlier_updates("prod", "blue", vec![unclear]).remove(0);
        let summary = env.start().await;
        let (decision, sentence) = reason(&summary);
        assert_eq!(decision, "UpdateHistoryUnread");
        assert!(sentence.contains(&format!("EKS described the update {id} {what}; ")), "{sentence}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_history_that_stays_unread_is_reported_after_a_day_and_a_retry_starts_without_it() {
    let env = with_history(40).await;
    env.world.on_request(|request| match request.action.as_str() {
        "eks:ListUpdates" => Fault::Error(ApiError::new(403, "AccessDeniedException", "no")),
        _ => Fault::None,
    });
    for _ in 0..26 {
        env.start().await;
        env.check().await;
        env.advance(60);
    }
    assert_eq!(env.message_events(), ["NodegroupStale of blue"]);
    let message = &env.messages()[0];
    assert_eq!(message["stale"]["reason"], "UpdateHistoryUnread");
    assert!(message["nextSteps"][2].as_str().unwrap().ends_with("# starts it without its update history"), "{message}");

    let retry = json!({"retry": ["prod/blue"], "nodegroups": ["prod/blue"], "dryRun": true});
    let preview = env.try_start(&retry).await.unwrap();
    let sentence = "from 1.33.1-20260610 to 1.33.2-20260710 (Kubernetes 1.33), without its update history: its last \
                    update might have been a downgrade";
    assert_eq!(reason(&preview), ("Start", sentence));
    assert_eq!(reason(&env.start().await).0, "UpdateHistoryUnread", "a preview writes nothing");

    let started = env.try_start(&json!({"retry": ["prod/blue"]})).await.unwrap();
    assert_eq!(decisions(&started), ["prod/blue: Start, Accepted"]);
    assert_eq!(reason(&started).1, sentence);
    env.advance(15);
    env.check().await;
    env.advance(60);
    assert_eq!(decisions(&env.start().await), ["prod/blue: UpToDate"]);
}

#[tokio::test(start_paused = true)]
async fn who_moves_up_because_others_stay_back_has_its_history_read_too() {
    let names = ["a", "b", "c", "d"];
    let mut env = TestEnv::with(names.map(|name| opted_in(name, "blue"))).await;
    env.start_config.settings.limits.starts_per_run = 1;
    for name in names {
        env.world.add_earlier_updates(name, "blue", history(3));
    }
    assert_eq!(decisions(&env.start().await), names.map(|name| format!("{name}/blue: Downgraded")));
    assert_eq!((env.calls("eks:DescribeUpdate"), env.calls("eks:UpdateNodegroupVersion")), (12, 0));
}
