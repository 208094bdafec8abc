use std::collections::BTreeMap;

use serde_json::{Value, json};
use simulated_aws::{Account, Nodegroup, Stack};
use tokio::net::TcpListener;

use crate::dynamodb::updates_table;
use crate::http::{Answer, signed_for};
use crate::sdk::world;

/// An account with eu-central-1 and us-east-1, and where it is served.
async fn two_regions() -> anyhow::Result<(Account, String)> {
    let account = Account::new(world(), [world().in_region("us-east-1")]);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    tokio::spawn(account.clone().serve(listener));
    Ok((account, endpoint))
}

async fn clusters(endpoint: &str, region: &str) -> anyhow::Result<Value> {
    let answer = signed_for(endpoint, &format!("{region}/eks"), "GET /clusters HTTP/1.1", "", b"").await?;
    Ok(serde_json::from_str::<Value>(&answer.body)?["clusters"].take())
}

#[tokio::test]
async fn a_request_goes_to_the_region_that_it_is_signed_for() -> anyhow::Result<()> {
    let (account, endpoint) = two_regions().await?;
    for world in account.worlds() {
        world.add_cluster(&format!("in-{}", world.region()), "1.33");
    }
    for region in ["eu-central-1", "us-east-1"] {
        assert_eq!(clusters(&endpoint, region).await?, json!([format!("in-{region}")]));
    }
    Ok(())
}

#[tokio::test]
async fn every_arn_names_the_region() -> anyhow::Result<()> {
    let world = world().in_region("us-east-1");
    let nodegroup = world.add_nodegroup(Nodegroup::new("prod", "blue"));
    assert!(nodegroup.starts_with("arn:aws:eks:us-east-1:123456789012:nodegroup/prod/blue/"), "{nodegroup}");
    let stack = world.add_stack(Stack::new("updater"));
    assert!(stack.starts_with("arn:aws:cloudformation:us-east-1:123456789012:stack/updater/"), "{stack}");
    assert_eq!(world.create_topic("updates"), "arn:aws:sns:us-east-1:123456789012:updates");
    world.create_table(&updates_table());
    world.put_parameter("/own", "value");
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    tokio::spawn(world.clone().serve(listener));
    let arn = async |service: &str, start: &str, target: &str, body: &str, pointer: &str| {
        let headers = format!("x-amz-target: X.{target}\r\n");
        let scope = format!("us-east-1/{service}");
        let answer = signed_for(&endpoint, &scope, &format!("{start} HTTP/1.1"), &headers, body.as_bytes()).await?;
        let body: Value = serde_json::from_str(&answer.body)?;
        anyhow::Ok(body.pointer(pointer).cloned().unwrap_or_default())
    };
    let of_cluster = arn("eks", "GET /clusters/prod", "", "", "/cluster/arn").await?;
    assert_eq!(of_cluster, "arn:aws:eks:us-east-1:123456789012:cluster/prod");
    let of_table = arn("dynamodb", "POST /", "DescribeTable", r#"{"TableName": "updates"}"#, "/Table/TableArn").await?;
    assert_eq!(of_table, "arn:aws:dynamodb:us-east-1:123456789012:table/updates");
    let of_parameter = arn("ssm", "POST /", "GetParameter", r#"{"Name": "/own"}"#, "/Parameter/ARN").await?;
    assert_eq!(of_parameter, "arn:aws:ssm:us-east-1:123456789012:parameter/own");
    let resources: BTreeMap<String, String> =
        world.requests().iter().map(|request| (request.action.clone(), request.resources.concat())).collect();
    assert_eq!(resources["dynamodb:DescribeTable"], "arn:aws:dynamodb:us-east-1:123456789012:table/updates");
    Ok(())
}

#[tokio::test]
async fn a_region_that_is_not_enabled_does_not_know_the_credentials() -> anyhow::Result<()> {
    let (account, endpoint) = two_regions().await?;
    let message = "The security token included in the request is invalid";
    let json = |members: Value| members.to_string();
    let xml = |code: &str| format!("<Code>{code}</Code><Message>{message}</Message>");
    let unrecognized = "UnrecognizedClientException";
    for (service, start, target, status, body) in [
        ("eks", "GET /clusters", "", 403, json(json!({ "message": message }))),
        ("lambda", "GET /2015-03-31/functions/f/configuration", "", 403, json(json!({ "message": message }))),
        ("ssm", "POST /", "GetParameters", 400, json(json!({ "message": message, "__type": unrecognized }))),
        ("tagging", "POST /", "GetResources", 400, json(json!({ "message": message, "__type": unrecognized }))),
        ("dynamodb", "POST /", "Query", 400, unrecognized.to_owned()),
        ("sts", "POST /", "", 403, xml("InvalidClientTokenId")),
        ("cloudformation", "POST /", "", 403, xml("InvalidClientTokenId")),
    ] {
        let scope = format!("af-south-1/{service}");
        let headers = format!("x-amz-target: X.{target}\r\n");
        let answer = signed_for(&endpoint, &scope, &format!("{start} HTTP/1.1"), &headers, b"{}").await?;
        assert_eq!(answer.status, status, "{service}");
        assert!(answer.body.contains(&body), "{service}: {}", answer.body);
    }
    let refused = signed_for(&endpoint, "af-south-1/eks", "GET /clusters HTTP/1.1", "", b"").await?;
    let expected = Answer::new(403, &[("x-amzn-errortype", unrecognized)], &json(json!({ "message": message })));
    assert_eq!(refused, expected);
    for world in account.worlds() {
        assert_eq!(world.requests(), []);
    }
    Ok(())
}

#[tokio::test]
async fn the_account_lists_its_regions_whatever_the_region_of_the_request() -> anyhow::Result<()> {
    let (_, endpoint) = two_regions().await?;
    for region in ["eu-central-1", "us-east-1", "af-south-1"] {
        let scope = format!("{region}/account");
        let answer = signed_for(&endpoint, &scope, "POST /listRegions HTTP/1.1", "", b"{}").await?;
        let body: Value = serde_json::from_str(&answer.body)?;
        let names: Vec<&Value> = body["Regions"].as_array().into_iter().flatten().map(|it| &it["RegionName"]).collect();
        assert_eq!(names, ["eu-central-1", "us-east-1"], "{region}");
    }
    Ok(())
}
