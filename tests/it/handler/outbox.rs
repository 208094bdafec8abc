//! What is published where, whatever refuses it.

use serde_json::{Value, json};
use simulated_aws::{ApiError, Fault, UpdateScript};
use testing::{AL2023, NEWER, TestEnv, check_config, errors, minutes, opted_in, start_config};

use crate::schema::assert_is_event;

/// Every event so far, such as `EKS Nodegroup Update Failed of blue`; each is what the schema says.
fn event_names(env: &TestEnv) -> Vec<String> {
    let name = |event: &Value| {
        assert_is_event(event);
        let about = event["detail"]["data"]["nodegroup"].as_str().or(event["detail"]["data"]["track"].as_str());
        format!("{} of {}", event["detail-type"].as_str().unwrap(), about.unwrap())
    };
    env.events().iter().map(name).collect()
}

fn ids(env: &TestEnv) -> Vec<String> {
    env.events().iter().map(|event| event["detail"]["metadata"]["id"].as_str().unwrap().to_owned()).collect()
}

/// An hourly `start`, with two runs of `check`.
async fn hours(env: &TestEnv, hours: usize) {
    for _ in 0..hours {
        env.start().await;
        for _ in 0..2 {
            env.advance(30);
            env.check().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_release_and_an_update_are_heard_from_beginning_to_end() {
    let env = TestEnv::with_blue().await;
    hours(&env, 2).await;
    let expected = [
        "EKS Release Available of 1.33/AL2023_x86_64_STANDARD",
        "EKS Nodegroup Update Started of blue",
        "EKS Nodegroup Update Succeeded of blue",
    ];
    let mut names = event_names(&env);
    names.sort();
    let mut sorted = expected;
    sorted.sort_unstable();
    assert_eq!(names, sorted, "each once");
    assert_eq!(env.messages(), Vec::<Value>::new(), "nobody has to read that");
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_a_message_and_an_event_with_one_id_and_one_key() {
    let env = TestEnv::with_blue().await;
    env.world.script_next_update("prod", "blue", fails());
    hours(&env, 1).await;
    let message = env.messages().remove(0);
    assert_eq!(message["updateIds"], json!([message["updateId"]]));
    let events = env.events();
    let event = events.iter().find(|event| event["detail-type"] == "EKS Nodegroup Update Failed").unwrap();
    let metadata = json!({"id": message["id"], "version": "1", "dedupKey": message["dedupKey"], "status": "firing"});
    assert_eq!(event["detail"]["metadata"], metadata);
    assert_eq!(event["detail"]["data"]["reason"], "NodeCreationFailure");
    assert_eq!(event["resources"], json!([message["nodegroupArn"]]));
}

#[tokio::test(start_paused = true)]
async fn what_a_bus_refuses_stays_pending_alone_and_fails_no_run() {
    let env = TestEnv::with_blue().await;
    env.world.script_next_update("prod", "blue", fails());
    env.world.refuse_events(Some(2));
    env.start().await;
    env.advance(30);
    let summary = env.check().await;
    assert_eq!(
        errors(&summary.errors),
        ["putting an event on default: InternalFailure: Unexpected error, please retry"]
    );
    assert_eq!((summary.events, summary.published.len()), (2, 1), "of the release, the start and the failure");
    assert!(summary.into_response().is_ok());
    env.world.refuse_events(None);
    assert_eq!(env.check().await.events, 1);
    let mut all = ids(&env);
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 3, "each once: {:?}", event_names(&env));
    assert_eq!(env.messages().len(), 1, "nor is a message published again");
}

#[tokio::test(start_paused = true)]
async fn a_bus_that_cannot_be_reached_keeps_no_message_back_and_costs_one_error() {
    for fault in [Fault::Error(ApiError::access_denied("events:PutEvents")), Fault::LostBefore] {
        let env = TestEnv::with([opted_in("prod", "blue"), opted_in("dev", "red")]).await;
        env.world.script_next_update("prod", "blue", fails());
        env.world.on_request(move |request| match request.action.as_str() {
            "events:PutEvents" => fault.clone(),
            _ => Fault::None,
        });
        env.start().await;
        env.advance(30);
        let summary = env.check().await;
        let [error] = &errors(&summary.errors)[..] else { panic!("{:?}", summary.errors) };
        assert!(error.starts_with("putting events on default: "), "{error}");
        assert_eq!(env.message_events(), ["UpdateFailed of blue"]);
        let first = |action: &str| env.world.requests().iter().position(|request| request.action == action).unwrap();
        assert!(first("sns:Publish") < first("events:PutEvents"), "a network without a way to it may take its time");
        assert!(summary.into_response().is_ok());
        env.world.clear_faults();
        env.check().await;
        assert_eq!(ids(&env).len(), 5, "{:?}", event_names(&env));
        assert_eq!(env.message_events().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_refuses_keeps_no_event_back() {
    let env = TestEnv::with_blue().await;
    env.world.script_next_update("prod", "blue", fails());
    env.world.fail_next("sns:Publish", 5, ApiError::new(403, "AuthorizationError", "not authorized"));
    env.start().await;
    env.advance(30);
    assert!(env.check().await.into_response().is_err(), "nobody was notified");
    assert_eq!(ids(&env).len(), 3);
    env.world.clear_faults();
    env.check().await;
    assert_eq!((ids(&env).len(), env.messages().len()), (3, 1), "what was published is not published again");
    assert_eq!(env.calls("events:PutEvents"), 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_put_but_not_marked_is_put_again_with_the_same_id() {
    let env = TestEnv::with_blue().await;
    env.start().await;
    let mut put = false;
    env.world.on_request(move |request| {
        put |= request.action == "events:PutEvents";
        if put && request.action == "dynamodb:PutItem" { Fault::LostBefore } else { Fault::None }
    });
    env.check().await;
    env.world.clear_faults();
    env.check().await;
    env.check().await;
    let all = ids(&env);
    assert_eq!((all.len(), &all[..2]), (4, &all[2..]), "{:?}", event_names(&env));
}

#[tokio::test(start_paused = true)]
async fn events_are_put_ten_at_a_time() {
    let names: Vec<String> = (0..12).map(|number| format!("n-{number:02}")).collect();
    let env = TestEnv::with(std::array::from_fn::<_, 12, _>(|index| opted_in(&names[index], &names[index]))).await;
    env.start().await;
    env.world.clear_requests();
    env.check().await;
    assert_eq!((ids(&env).len(), env.calls("events:PutEvents")), (11, 2), "ten may be in progress; and the release");
}

#[tokio::test(start_paused = true)]
async fn without_a_bus_an_update_costs_what_it_did() {
    let mut env = TestEnv::with_blue().await;
    let arn = env.check_config.notification_topic_arn.clone();
    env.start_config = start_config(&[("UPDATES_TABLE", "updates")]);
    env.check_config = check_config(&[("UPDATES_TABLE", "updates"), ("NOTIFICATION_TOPIC_ARN", &arn)]);
    hours(&env, 1).await;
    assert_eq!((env.calls("events:PutEvents"), env.events()), (0, vec![]));
    // The track's release; that it was seen, that its past was read; the intent, the id and the end.
    assert_eq!(env.calls("dynamodb:PutItem"), 6);
}

#[tokio::test(start_paused = true)]
async fn a_setting_chooses_what_there_are_messages_of() {
    let mut env = TestEnv::with_blue().await;
    let arn = env.check_config.notification_topic_arn.clone();
    let kinds = ("NOTIFICATION_KINDS", "UpdateSucceeded -UpdateFailed");
    let bus = ("EVENT_BUS_NAME", "default");
    env.start_config = start_config(&[("UPDATES_TABLE", "updates"), kinds, bus]);
    env.check_config = check_config(&[("UPDATES_TABLE", "updates"), ("NOTIFICATION_TOPIC_ARN", &arn), kinds, bus]);
    env.world.script_next_update("prod", "blue", fails());
    hours(&env, 4).await;
    assert_eq!(env.message_events(), ["UpdateSucceeded of blue", "UpdateRecovered of blue"]);
    assert!(
        event_names(&env).contains(&"EKS Nodegroup Update Failed of blue".to_owned()),
        "it is an event all the same"
    );
    let record = env.record("prod", "blue").await.unwrap();
    assert_eq!((record.pending_notices(), record.is_pending()), (&[][..], false));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_longer_to_be_published_anywhere_is_forgotten() {
    let mut env = TestEnv::with_blue().await;
    env.start().await;
    let arn = env.check_config.notification_topic_arn.clone();
    env.check_config = check_config(&[("UPDATES_TABLE", "updates"), ("NOTIFICATION_TOPIC_ARN", &arn)]);
    env.check().await;
    assert_eq!(env.events(), Vec::<Value>::new());
    assert_eq!(env.record("prod", "blue").await.unwrap().pending_notices(), []);
    assert!(!env.track_record().await.is_pending());
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_reported_trouble_is_reported_under_its_key() {
    let env = TestEnv::with_blue().await;
    env.world.script_next_update("prod", "blue", fails());
    hours(&env, 4).await;
    assert_eq!(env.message_events(), ["UpdateFailed of blue", "UpdateRecovered of blue"]);
    let messages = env.messages();
    assert_eq!(messages[0]["dedupKey"], messages[1]["dedupKey"]);
    assert_eq!((&messages[1]["status"], &messages[1]["severity"]), (&json!("resolved"), &json!("info")));
    hours(&env, 48).await;
    assert_eq!(env.messages().len(), 2, "once");
}

#[tokio::test(start_paused = true)]
async fn a_newer_release_ends_the_trouble_with_an_older_one() {
    let env = given_up().await;
    env.world.publish_release(AL2023, "1.33", "1.33.2-20260720");
    hours(&env, 2).await;
    assert_eq!(env.message_events()[4..], ["UpdateRecovered of blue"]);
    let recovered = env.messages().remove(4);
    assert_eq!((&recovered["releaseVersion"], &recovered["runs"]), (&json!(NEWER), &json!("1.33.2-20260720")));
    assert_eq!(recovered["dedupKey"], env.messages()[0]["dedupKey"]);
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_hand_ends_a_trouble_as_well() {
    let env = given_up().await;
    env.world.start_update("prod", "blue", "1.33", NEWER).unwrap();
    env.advance(40);
    hours(&env, 2).await;
    assert_eq!(env.message_events()[4..], ["UpdateRecovered of blue"]);
}

#[tokio::test(start_paused = true)]
async fn an_update_that_hung_and_went_well_has_recovered() {
    let env = TestEnv::with_blue().await;
    env.world.script_next_update("prod", "blue", UpdateScript::Succeed { after: minutes(8 * 60) });
    hours(&env, 10).await;
    assert_eq!(env.message_events(), ["UpdateStuck of blue", "UpdateRecovered of blue"]);
}

/// A release has failed on a node group as often as it is tried.
async fn given_up() -> TestEnv {
    let env = TestEnv::with_blue().await;
    for _ in 0..4 {
        env.world.script_next_update("prod", "blue", fails());
    }
    hours(&env, 24).await;
    env
}

/// Two node groups of a cluster are being updated, two more follow, and nothing comes up on any.
async fn bad_release() -> TestEnv {
    let mut env = TestEnv::with(["a", "b", "c", "d"].map(|name| opted_in("prod", name))).await;
    env.start_config = start_config(&[
        ("UPDATES_TABLE", "updates"),
        ("EVENT_BUS_NAME", "default"),
        ("MAX_UPDATES_PER_CLUSTER", "4"),
        ("MAX_STARTS_PER_RUN", "2"),
    ]);
    for name in ["a", "b", "c", "d"] {
        env.world.script_next_update("prod", name, fails());
    }
    env.start().await;
    env.advance(5);
    env.start().await;
    env
}

#[tokio::test(start_paused = true)]
async fn failures_that_are_pending_when_their_release_is_quarantined_go_into_that_message() {
    let env = bad_release().await;
    env.advance(12);
    env.world.fail_next("sns:Publish", 10, ApiError::new(403, "AuthorizationError", "not authorized"));
    env.check().await;
    env.start().await;
    assert_eq!(env.messages(), Vec::<Value>::new());
    env.world.clear_faults();
    env.check().await;
    let [quarantine] = &env.messages()[..] else { panic!("{:?}", env.message_events()) };
    assert_eq!((&quarantine["kind"], quarantine["ids"].as_array().unwrap().len()), (&json!("ReleaseQuarantined"), 3));
    assert_eq!(quarantine["updateIds"].as_array().unwrap().len(), 2);
    let email = env.world.published()[0].delivered_as("email");
    assert!(email.contains("Included   the failed updates of prod/a, prod/b\n"), "{email}");
    let failed = event_names(&env).into_iter().filter(|name| name.starts_with("EKS Nodegroup Update Failed")).count();
    assert_eq!(failed, 2, "an event is an event");
    for name in ["a", "b"] {
        assert_eq!(env.record("prod", name).await.unwrap().pending_notices(), []);
    }
}

#[tokio::test(start_paused = true)]
async fn later_failures_of_a_quarantined_release_are_one_message_and_not_dropped() {
    let env = bad_release().await;
    env.advance(12);
    env.check().await;
    env.start().await;
    env.check().await;
    assert_eq!(env.messages().len(), 3, "two failures, and the quarantine");
    env.advance(30);
    env.check().await;
    let [.., last] = &env.messages()[..] else { panic!("no message") };
    assert_eq!((&last["kind"], &last["nodegroups"]["names"]), (&json!("UpdateFailed"), &json!(["prod/c", "prod/d"])));
    assert_eq!(env.messages().len(), 4);
}

/// Nodes do not come up.
fn fails() -> UpdateScript {
    UpdateScript::node_creation_failure(minutes(15), "blue")
}
