//! Updates that somebody else started are watched and reported like those of the updater.

use serde_json::{Value, json};
use testing::{NEWER, TestEnv, eviction_failure, opted_in};

use crate::decide;

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
