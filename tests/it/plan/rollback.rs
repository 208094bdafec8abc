//! Going back, because somebody asked for it.

use serde_json::json;
use simulated_aws::{Downgrade, Nodegroup, UpdateScript};
use testing::{AL2023, CURRENT, NEWER, TestEnv, decisions, errors, minutes, tagged};

/// A node group on [`NEWER`], from which somebody wants to go back to [`CURRENT`].
async fn on_newer(rules: &[(&str, &str)]) -> TestEnv {
    let env = TestEnv::with([tagged("prod", "blue", rules).release(NEWER)]).await;
    env.world.downgrade(Downgrade::Accepted);
    env.world.eks_learns(AL2023, "1.33", CURRENT);
    env.start().await;
    env
}

fn ask(release: &str) -> serde_json::Value {
    json!({"rollback": {"prod/*": release}})
}

async fn goes_back(env: &TestEnv) {
    env.advance(15);
    env.check().await;
    assert_eq!(env.world.nodegroup("prod", "blue").unwrap().release, CURRENT);
}

#[tokio::test(start_paused = true)]
async fn a_rollback_goes_back_is_reported_twice_and_stays_back_until_something_newer_than_what_it_left() {
    let env = on_newer(&[]).await;
    let summary = env.start_as("action", &ask(CURRENT)).await.unwrap();
    assert_eq!(decisions(&summary), ["prod/blue: Start, Accepted"]);
    let words = format!("back from {NEWER} to {CURRENT} (Kubernetes 1.33)");
    assert_eq!(summary.decisions[0].reason, words);
    goes_back(&env).await;
    assert_eq!(env.message_events(), ["RollbackStarted of blue", "RolledBack of blue"]);
    let messages = env.messages();
    for message in &messages {
        assert_eq!((&message["rollback"], &message["releaseVersion"]), (&json!("action"), &json!(CURRENT)));
        assert_eq!(message["previousReleaseVersion"], NEWER);
    }
    let next = format!("It stays on {CURRENT} until there is a release newer than {NEWER}.");
    assert_eq!(messages[1]["nextAction"], next);

    env.advance(60);
    assert_eq!(decisions(&env.start().await), ["prod/blue: Downgraded"]);
    env.world.publish_release(AL2023, "1.33", "1.33.2-20260722");
    assert_eq!(decisions(&env.start().await), ["prod/blue: Start, Accepted"]);
}

#[tokio::test(start_paused = true)]
async fn the_same_event_again_changes_nothing_and_another_one_asks_again() {
    let env = on_newer(&[]).await;
    env.start_as("action", &ask(CURRENT)).await.unwrap();
    goes_back(&env).await;
    env.world.edit_nodegroup("prod", "blue", |nodegroup| nodegroup.release = NEWER.to_owned());
    env.advance(60);
    assert_eq!(decisions(&env.start_as("action", &ask(CURRENT)).await.unwrap()), ["prod/blue: UpToDate"]);
    assert_eq!(decisions(&env.start_as("another", &ask(CURRENT)).await.unwrap()), ["prod/blue: Start, Accepted"]);
}

#[tokio::test(start_paused = true)]
async fn a_rollback_passes_rings_age_interval_and_window_but_not_the_limits() {
    let rules = [("window", "Sat 02:00-06:00 UTC"), ("min-age", "30d"), ("min-interval", "30d"), ("ring", "1")];
    let env = on_newer(&rules).await;
    env.world.add_nodegroup(Nodegroup::new("prod", "busy").release(CURRENT).tag("ami-update", "auto"));
    env.world.start_update("prod", "busy", "1.33", NEWER).unwrap();
    let summary = env.start_as("action", &json!({"rollback": {"prod/blue": CURRENT}})).await.unwrap();
    assert_eq!(decisions(&summary), ["prod/blue: Next", "prod/busy: InProgress"]);
    assert!(summary.decisions[0].reason.starts_with("MAX_UPDATES_PER_CLUSTER is 1, reached by prod/busy"));
    env.advance(15);
    env.check().await;
    assert_eq!(decisions(&env.start().await)[0], "prod/blue: Start, Accepted");
}

#[tokio::test(start_paused = true)]
async fn what_stops_a_rollback_is_said() {
    for (tag, release, why) in [
        (("ami-update/pin", NEWER), CURRENT, format!("its tag ami-update/pin names {NEWER}; move the pin")),
        (("ami-update", "notify"), CURRENT, "its tag ami-update=notify allows no update".to_owned()),
        (("team", "a"), NEWER, format!("it runs {NEWER}, which is not newer")),
        (("team", "a"), "1.32.1-20260101", "no such release for its AMI type and Kubernetes version".to_owned()),
    ] {
        let env = on_newer(&[]).await;
        env.world.edit_nodegroup("prod", "blue", |nodegroup| {
            nodegroup.tags.insert(tag.0.to_owned(), tag.1.to_owned());
        });
        let summary = env.try_start(&ask(release)).await.unwrap();
        assert_eq!(decisions(&summary), ["prod/blue: RollbackBlocked"]);
        let sentence = format!("the requested rollback to {release} cannot start: {why}");
        assert_eq!(summary.decisions[0].reason, sentence);
    }
}

#[tokio::test(start_paused = true)]
async fn a_rollback_that_found_no_place_expires_after_a_day_and_that_is_said() {
    let env = on_newer(&[("pin", NEWER)]).await;
    env.try_start(&ask(CURRENT)).await.unwrap();
    for _ in 0..25 {
        env.advance(60);
        env.start().await;
    }
    env.check().await;
    assert_eq!(env.message_events(), ["RollbackExpired of blue"]);
    env.world.edit_nodegroup("prod", "blue", |nodegroup| nodegroup.tags.retain(|key, _| key == "ami-update"));
    assert_eq!(decisions(&env.start().await), ["prod/blue: UpToDate"]);
}

#[tokio::test(start_paused = true)]
async fn what_eks_refuses_is_reported_in_its_words_and_not_tried_again() {
    let env = on_newer(&[]).await;
    env.world.downgrade(Downgrade::Refused);
    let summary = env.try_start(&ask(CURRENT)).await.unwrap();
    assert_eq!(errors(&summary.errors).len(), 1);
    env.check().await;
    let [message] = <[_; 1]>::try_from(env.messages()).unwrap();
    let said = message["errors"][0]["errorMessage"].as_str().unwrap();
    assert!(said.contains("Allowed release version is"), "{said}");
    assert_eq!(message["kind"], "UpdateRefused");
    assert_eq!(message["nextAction"], format!("{CURRENT} was requested once, and is not retried."));
    env.advance(60);
    assert_eq!(decisions(&env.start().await), ["prod/blue: UpToDate"]);
}

#[tokio::test(start_paused = true)]
async fn a_rollback_that_fails_is_not_tried_again() {
    let env = on_newer(&[]).await;
    let failure = UpdateScript::pod_eviction_failure(minutes(5), "blue", &[]);
    env.world.script_next_update("prod", "blue", failure);
    env.try_start(&ask(CURRENT)).await.unwrap();
    env.advance(15);
    env.check().await;
    assert_eq!(env.message_events(), ["RollbackStarted of blue", "UpdateFailed of blue"]);
    for _ in 0..24 {
        env.advance(60);
        assert_eq!(decisions(&env.start().await), ["prod/blue: UpToDate"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_pattern_that_matches_nothing_is_an_error() {
    let env = on_newer(&[]).await;
    let summary = env.try_start(&json!({"rollback": {"qa/*": CURRENT}})).await.unwrap();
    let expected = "no node group with the tag ami-update is named qa/*, so nothing is rolled back";
    assert_eq!(errors(&summary.errors), [expected]);
}
