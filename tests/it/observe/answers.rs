//! Answers of AWS that lack something or are broken start nothing, and are said in a few words.

use serde_json::json;
use simulated_aws::Fault;
use testing::{TestEnv, errors};

use crate::UPDATE;

#[tokio::test(start_paused = true)]
async fn a_description_without_fields_starts_nothing() {
    for (body, reason) in [
        ("{}", "could not be read: EKS described no node group"),
        (r#"{"nodegroup":{}}"#, "could not be read: EKS described the node group without nodegroupArn"),
    ] {
        let env = TestEnv::with_blue().await;
        env.world.on_request(move |request| match request.action.as_str() {
            "eks:DescribeNodegroup" => Fault::Body { status: 200, body: body.into() },
            _ => Fault::None,
        });
        let line = env.start().await.decisions.remove(0);
        assert_eq!((line.decision, line.reason.as_str()), ("Unreadable", reason));
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_its_list_is_not_taken_for_an_empty_list() {
    let without = |action: &'static str| {
        move |request: &simulated_aws::Request| match request.action.as_str() {
            seen if seen == action => Fault::Body { status: 200, body: "{}".into() },
            _ => Fault::None,
        }
    };
    let env = TestEnv::with_blue().await;
    env.world.on_request(without("tag:GetResources"));
    let error = env.try_start(&json!({})).await.unwrap_err().to_string();
    assert_eq!(error, "finding tagged node groups: the answer has no ResourceTagMappingList");
    env.world.on_request(without("dynamodb:BatchGetItem"));
    let line = env.start().await.decisions.remove(0);
    assert_eq!(line.reason, "could not be read: reading its record: DynamoDB's answer has no Responses");
    env.world.on_request(without("dynamodb:Query"));
    let error = env.try_check(&json!({})).await.unwrap_err().to_string();
    assert_eq!(error, "reading pending records: DynamoDB's answer has no Items");

    // An update whose id was lost would be given up.
    env.world.on_request(without(UPDATE));
    env.start().await;
    env.world.on_request(without("eks:ListUpdates"));
    env.advance(25);
    assert_eq!(errors(&env.check().await.errors), ["prod/blue: EKS listed updates without updateIds"]);
    env.world.clear_faults();
    assert_eq!(env.check().await.updates[0].status, "Successful");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_awss_is_quoted_in_short() {
    let env = TestEnv::with_blue().await;
    let page = "<html>".repeat(10_000);
    env.world.on_request(move |request| match request.action.as_str() {
        "eks:DescribeNodegroup" => Fault::Body { status: 407, body: page.clone().into() },
        _ => Fault::None,
    });
    let line = env.start().await.decisions.remove(0);
    let begin = "could not be read: HTTP status 407 with a body that is not AWS's: \"<html><html>";
    assert!(line.reason.starts_with(begin) && line.reason.len() < 300, "{}", line.reason);
}

#[tokio::test(start_paused = true)]
async fn a_broken_connection_is_said_in_a_few_words() {
    let env = TestEnv::with_blue().await;
    env.world.on_request(|request| match request.action.as_str() {
        "eks:DescribeNodegroup" => Fault::LostBefore,
        _ => Fault::None,
    });
    let line = env.start().await.decisions.remove(0);
    assert!(line.reason.starts_with("could not be read: dispatch failure: "), "{}", line.reason);
    assert!(line.reason.len() < 200 && !line.reason.contains('{'), "{}", line.reason);
}
