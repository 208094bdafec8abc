//! What explains a failure.

use simulated_aws::HealthIssue;
use testing::{TestEnv, node_creation_failure, opted_in};

/// The texts of a failure while the node group's health had this issue.
async fn failed_while(issue: &str) -> serde_json::Value {
    let env = TestEnv::with([opted_in("prod", "blue")]).await;
    env.world.script_next_update("prod", "blue", node_creation_failure("blue"));
    env.start().await;
    env.world.edit_nodegroup("prod", "blue", |nodegroup| {
        let (code, message) = (issue.to_owned(), "text".to_owned());
        nodegroup.health = vec![HealthIssue { code, message, resource_ids: vec![] }];
    });
    env.advance(17);
    env.check().await;
    env.messages().remove(0)
}

#[tokio::test(start_paused = true)]
async fn a_message_names_what_explains_a_failure_and_the_step_for_it() {
    let message = failed_while("InstanceLimitExceeded").await;
    let meaning = "An account quota is used up, so the new nodes could not be created.";
    assert_eq!((&message["cause"], &message["meaning"]), (&"Quota".into(), &meaning.into()));
    assert_eq!(message["health"], serde_json::json!(["InstanceLimitExceeded"]));
    assert!(message["nextSteps"].to_string().contains("service-quotas"), "{message}");
    let message = failed_while("PodEvictionFailure").await;
    assert_eq!(message["cause"], serde_json::Value::Null);
}

#[tokio::test(start_paused = true)]
async fn a_message_names_a_code_that_this_version_does_not_know() {
    let env = TestEnv::with([opted_in("prod", "blue")]).await;
    env.world.script_next_update("prod", "blue", node_creation_failure("blue"));
    env.start().await;
    env.world.edit_nodegroup("prod", "blue", |nodegroup| {
        let (code, message) = ("SomethingNew".to_owned(), "text".to_owned());
        nodegroup.health = vec![HealthIssue { code, message, resource_ids: vec![] }];
    });
    env.advance(17);
    env.check().await;
    let mail = env.world.published()[0].delivered_as("email").to_owned();
    let mail = mail.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(mail.contains("SomethingNew: this version does not know the code"), "{mail}");
}
