use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, ReturnValue, ReturnValuesOnConditionCheckFailure};
use serde_json::{Value, json};
use simulated_aws::World;

use crate::sdk::{clients, refusal, world};

/// A table with a sparse index and expiry, as a CloudFormation template has it.
pub fn updates_table() -> Value {
    let key = |name: &str| json!([{ "AttributeName": name, "KeyType": "HASH" }]);
    json!({
        "TableName": "updates",
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": key("nodegroupArn"),
        "AttributeDefinitions": [
            { "AttributeName": "nodegroupArn", "AttributeType": "S" },
            { "AttributeName": "pending", "AttributeType": "S" },
        ],
        "GlobalSecondaryIndexes": [{
            "IndexName": "pending-index",
            "KeySchema": key("pending"),
            "Projection": { "ProjectionType": "KEYS_ONLY" },
        }],
        "TimeToLiveSpecification": { "AttributeName": "expiresAt", "Enabled": true },
        "PointInTimeRecoverySpecification": { "PointInTimeRecoveryEnabled": true },
        "SSESpecification": { "SSEEnabled": true },
    })
}

async fn with_table() -> (World, Client) {
    let world = world();
    world.create_table(&updates_table());
    let client = clients(&world).await.dynamodb;
    (world, client)
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn key(arn: &str) -> HashMap<String, AttributeValue> {
    HashMap::from([("nodegroupArn".to_owned(), text(arn))])
}

async fn put(client: &Client, arn: &str, pending: Option<&str>) -> anyhow::Result<()> {
    let mut item = key(arn);
    item.insert("release".to_owned(), text("1"));
    if let Some(pending) = pending {
        item.insert("pending".to_owned(), text(pending));
    }
    client.put_item().table_name("updates").set_item(Some(item)).send().await?;
    Ok(())
}

#[tokio::test]
async fn a_failed_condition_hands_over_the_item_that_won() -> anyhow::Result<()> {
    let (_, client) = with_table().await;
    let claim = |owner: &str| {
        client
            .put_item()
            .table_name("updates")
            .item("nodegroupArn", text("blue"))
            .item("owner", text(owner))
            .condition_expression("attribute_not_exists(#key)")
            .expression_attribute_names("#key", "nodegroupArn")
    };
    claim("first").send().await?;
    let lost = claim("second").return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    let error = lost.send().await.unwrap_err().into_service_error();
    let aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(error) = error else {
        panic!("{error:?}")
    };
    assert_eq!(error.message(), Some("The conditional request failed"));
    assert_eq!(error.item().unwrap()["owner"], text("first"));
    let error = claim("third").send().await.unwrap_err().into_service_error();
    assert!(error.is_conditional_check_failed_exception());
    Ok(())
}

#[tokio::test]
async fn an_update_is_conditional_too() -> anyhow::Result<()> {
    let (_, client) = with_table().await;
    put(&client, "blue", Some("open")).await?;
    let update = || {
        client
            .update_item()
            .table_name("updates")
            .set_key(Some(key("blue")))
            .condition_expression("release = :seen")
            .expression_attribute_values(":seen", text("1"))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    };
    let settled = update()
        .update_expression("SET release = :next, tries = if_not_exists(tries, :zero) + :one REMOVE pending")
        .expression_attribute_values(":next", text("2"))
        .expression_attribute_values(":zero", AttributeValue::N("0".to_owned()))
        .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
        .return_values(ReturnValue::AllNew)
        .send()
        .await?;
    let item = settled.attributes().unwrap();
    assert_eq!((&item["release"], &item["tries"]), (&text("2"), &AttributeValue::N("1".to_owned())));
    assert!(!item.contains_key("pending"));

    let again = update().update_expression("SET other = :seen").send().await.unwrap_err().into_service_error();
    let aws_sdk_dynamodb::operation::update_item::UpdateItemError::ConditionalCheckFailedException(error) = again
    else {
        panic!("{again:?}")
    };
    assert_eq!(error.item().unwrap()["release"], text("2"));
    Ok(())
}

#[tokio::test]
async fn of_many_writers_at_once_one_wins() -> anyhow::Result<()> {
    let (_, client) = with_table().await;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..16 {
        let claim = client
            .put_item()
            .table_name("updates")
            .item("nodegroupArn", text("blue"))
            .item("owner", text(&writer.to_string()))
            .condition_expression("attribute_not_exists(nodegroupArn)");
        writers.spawn(async move { claim.send().await.is_ok() });
    }
    let won = writers.join_all().await.into_iter().filter(|&won| won).count();
    assert_eq!(won, 1);
    Ok(())
}

#[tokio::test]
async fn a_batch_reads_many_items_consistently_and_perhaps_not_all_at_once() -> anyhow::Result<()> {
    let (world, client) = with_table().await;
    for name in ["a", "b", "c"] {
        put(&client, name, None).await?;
    }
    let keys = |names: &[&str]| {
        let keys = names.iter().map(|name| key(name)).collect();
        KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build()
    };
    let get = |names: &[&str]| anyhow::Ok(client.batch_get_item().request_items("updates", keys(names)?));
    let output = get(&["a", "b", "c", "none"])?.send().await?;
    assert_eq!(output.responses().unwrap()["updates"].len(), 3);
    assert!(output.unprocessed_keys().is_none_or(HashMap::is_empty));

    world.page_size(2);
    let output = get(&["a", "b", "c", "none"])?.send().await?;
    assert_eq!(output.responses().unwrap()["updates"].len(), 2);
    let rest = output.unprocessed_keys.unwrap();
    assert_eq!(rest["updates"].keys(), [key("c"), key("none")]);
    assert_eq!(rest["updates"].consistent_read(), Some(true));
    assert_eq!(refusal(get(&["a", "a"])?.send().await).0, "ValidationException");

    let names: Vec<String> = (0..101).map(|name| name.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(refusal(get(&names)?.send().await).0, "ValidationException");
    Ok(())
}

#[tokio::test]
async fn the_sparse_index_pages_through_keys_only() -> anyhow::Result<()> {
    let (_, client) = with_table().await;
    for number in 0..7 {
        put(&client, &format!("open-{number}"), Some("open")).await?;
        put(&client, &format!("done-{number}"), None).await?;
    }
    put(&client, "untold", Some("untold")).await?;
    let query = client
        .query()
        .table_name("updates")
        .index_name("pending-index")
        .key_condition_expression("#pending = :open")
        .expression_attribute_names("#pending", "pending")
        .expression_attribute_values(":open", text("open"));

    let first = query.clone().limit(3).send().await?;
    assert_eq!(first.count(), 3);
    let last = first.last_evaluated_key().unwrap();
    assert_eq!(last.keys().map(String::as_str).collect::<BTreeSet<_>>(), BTreeSet::from(["nodegroupArn", "pending"]));
    let pages = query.clone().limit(3).into_paginator().items().send();
    let items = pages.collect::<Result<Vec<_>, _>>().await?;
    let arns: Vec<_> = items.iter().map(|item| item["nodegroupArn"].as_s().unwrap().as_str()).collect();
    assert_eq!(arns, ["open-0", "open-1", "open-2", "open-3", "open-4", "open-5", "open-6"]);
    assert!(items.iter().all(|item| item.len() == 2), "keys only");

    let filtered = query.clone().filter_expression("nodegroupArn > :from");
    let filtered = filtered.expression_attribute_values(":from", text("open-4")).send().await?;
    assert_eq!((filtered.count(), filtered.scanned_count()), (2, 7));
    assert_eq!(refusal(query.clone().consistent_read(true).send().await).0, "ValidationException");
    assert_eq!(refusal(query.clone().index_name("other").send().await).0, "ValidationException");
    let other = query.clone().key_condition_expression("#pending > :open AND nodegroupArn = :open");
    assert_eq!(refusal(other.table_name("none").send().await).0, "ResourceNotFoundException");
    Ok(())
}

#[tokio::test]
async fn the_cap_on_pages_holds_for_queries_and_scans() -> anyhow::Result<()> {
    let (world, client) = with_table().await;
    for number in 0..5 {
        put(&client, &format!("open-{number}"), Some("open")).await?;
    }
    world.page_size(2);
    let scanned = client.scan().table_name("updates").into_paginator().items().send();
    assert_eq!(scanned.collect::<Result<Vec<_>, _>>().await?.len(), 5);
    assert_eq!(world.requests().iter().filter(|request| request.operation == "Scan").count(), 3);
    let query = client.query().table_name("updates").index_name("pending-index");
    let query = query.key_condition_expression("pending = :open").expression_attribute_values(":open", text("open"));
    assert_eq!(query.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await?.len(), 5);
    Ok(())
}

#[tokio::test]
async fn what_the_table_refuses() -> anyhow::Result<()> {
    let (world, client) = with_table().await;
    let put = || client.put_item().table_name("updates").item("nodegroupArn", text("blue"));
    let unused = put().condition_expression("attribute_not_exists(nodegroupArn)");
    let unused = unused.expression_attribute_values(":unused", text("x")).send().await;
    assert_eq!(refusal(unused).1, "Value provided in ExpressionAttributeValues unused in expressions: keys: {:unused}");
    assert_eq!(refusal(put().table_name("none").send().await).0, "ResourceNotFoundException");
    let conditional = put().table_name("none").condition_expression("attribute_exists(nodegroupArn)");
    assert_eq!(refusal(conditional.send().await).0, "ResourceNotFoundException");
    let keyless = client.put_item().table_name("updates").item("other", text("x"));
    assert_eq!(refusal(keyless.send().await).0, "ValidationException");

    world.clear_requests();
    let query = client.query().table_name("updates").index_name("pending-index");
    let _ = query.key_condition_expression("other = :x").expression_attribute_values(":x", text("x")).send().await;
    let table = "arn:aws:dynamodb:eu-central-1:123456789012:table/updates";
    assert_eq!(world.requests()[0].resources, [format!("{table}/index/pending-index")]);
    Ok(())
}

#[tokio::test]
async fn the_table_is_described_as_it_was_made() -> anyhow::Result<()> {
    let (world, client) = with_table().await;
    world.create_table(&updates_table());
    let table = client.describe_table().table_name("updates").send().await?.table.unwrap();
    let [index] = table.global_secondary_indexes() else { panic!("one index") };
    assert_eq!(index.index_name(), Some("pending-index"));
    assert_eq!(table.billing_mode_summary().unwrap().billing_mode().unwrap().as_str(), "PAY_PER_REQUEST");
    let expiry = client.describe_time_to_live().table_name("updates").send().await?;
    assert_eq!(expiry.time_to_live_description().unwrap().attribute_name(), Some("expiresAt"));
    Ok(())
}

#[tokio::test]
async fn creating_a_table_that_exists_changes_nothing_and_is_no_request() -> anyhow::Result<()> {
    let (world, client) = with_table().await;
    put(&client, "blue", None).await?;
    world.clear_requests();
    let mut other = updates_table();
    other["TimeToLiveSpecification"]["AttributeName"] = json!("other");
    world.create_table(&other);
    assert_eq!(world.requests(), []);
    let item = client.get_item().table_name("updates").set_key(Some(key("blue"))).send().await?;
    assert!(item.item().is_some());
    let expiry = client.describe_time_to_live().table_name("updates").send().await?;
    assert_eq!(expiry.time_to_live_description().unwrap().attribute_name(), Some("expiresAt"));
    Ok(())
}

#[tokio::test]
async fn a_table_without_expiry_has_none() -> anyhow::Result<()> {
    let world = world();
    let mut table = updates_table();
    table.as_object_mut().unwrap().remove("TimeToLiveSpecification");
    world.create_table(&table);
    let dynamodb = clients(&world).await.dynamodb;
    let expiry = dynamodb.describe_time_to_live().table_name("updates").send().await?;
    assert_eq!(expiry.time_to_live_description().unwrap().time_to_live_status().unwrap().as_str(), "DISABLED");
    Ok(())
}

#[tokio::test]
#[should_panic(expected = "cannot create the table \"updates\"")]
async fn a_definition_that_dynamodb_refuses_is_a_mistake_in_the_test() {
    world().create_table(&json!({ "TableName": "updates" }));
}
