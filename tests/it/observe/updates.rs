//! What the descriptions of updates say of an open attempt.

use serde_json::json;
use simulated_aws::Fault;
use testing::{NEWER, TestEnv, errors};

use crate::UPDATE;

#[tokio::test(start_paused = true)]
async fn an_intent_is_given_up_only_where_every_update_is_known_to_be_another() {
    let release = json!([{"type": "ReleaseVersion", "value": NEWER}]);
    let other = json!([{"type": "ReleaseVersion", "value": "1.33.9-20270101"}]);
    let no_date = "EKS described the update 923adfe0-118c-56f4-9030-47b2a2a5286f without its date";
    for (r#type, dated, params, status, problem) in [
        ("Unheard", false, &release, "Intent", Some(no_date)),
        ("VersionUpdate", false, &release, "Intent", Some(no_date)),
        ("Unheard", true, &release, "InProgress", None),
        ("VersionUpdate", true, &release, "InProgress", None),
        ("VersionUpdate", true, &json!([]), "InProgress", None),
        ("VersionUpdate", true, &other, "NotAccepted", None),
        ("Unheard", true, &other, "NotAccepted", None),
        ("Unheard", true, &json!([]), "NotAccepted", None),
        ("ConfigUpdate", true, &json!([]), "NotAccepted", None),
    ] {
        let env = TestEnv::with_blue().await;
        env.world.on_request(|request| match request.action.as_str() {
            UPDATE => Fault::LostAfter,
            _ => Fault::None,
        });
        env.start().await;
        let mut update = json!({"type": r#type, "status": "InProgress", "params": params});
        if dated {
            update["createdAt"] = env.world.now().as_second().into();
        }
        let described = json!({"update": update}).to_string();
        env.world.on_request(move |request| match request.action.as_str() {
            "eks:DescribeUpdate" => Fault::Body { status: 200, body: described.clone().into() },
            _ => Fault::None,
        });
        env.advance(25);
        let summary = env.check().await;
        let problems: Vec<String> = problem.iter().map(|problem| format!("prod/blue: {problem}")).collect();
        assert_eq!((summary.updates[0].status, errors(&summary.errors)), (status, problems), "{type} {dated} {params}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_with_an_unknown_status_is_still_watched() {
    let env = TestEnv::with_blue().await;
    env.start().await;
    env.world.on_request(|request| match request.action.as_str() {
        "eks:DescribeUpdate" => Fault::Body { status: 200, body: r#"{"update":{"status":"Paused"}}"#.into() },
        _ => Fault::None,
    });
    assert_eq!(env.check().await.updates[0].status, "InProgress");
}

#[tokio::test(start_paused = true)]
async fn why_an_update_was_cancelled_is_reported_in_awss_words() {
    let env = TestEnv::with_blue().await;
    env.start().await;
    env.world.on_request(|request| match request.action.as_str() {
        "eks:DescribeUpdate" => {
            let body = r#"{"update":{"status":"Cancelled","cancellation":{"reason":"Cancelled by the service"}}}"#;
            Fault::Body { status: 200, body: body.into() }
        }
        _ => Fault::None,
    });
    assert_eq!(env.check().await.updates[0].status, "Cancelled");
    let [message] = &env.messages()[..] else { panic!("one message") };
    let error = json!([{"errorCode": "Cancelled", "errorMessage": "Cancelled by the service"}]);
    assert_eq!((&message["kind"], &message["errors"]), (&json!("UpdateCancelled"), &error));
}
