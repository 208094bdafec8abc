//! DynamoDB: `winterbaume-dynamodb`, with additions for its gaps.
//!
//! Tables, expressions and updates are the crate's (module `tables`). What it lacks is added here:
//! * a failed condition does not return the item (`ReturnValuesOnConditionCheckFailure`), and one on a table that
//!   does not exist fails as a condition;
//! * checking a condition and writing are two steps, so that two writers could both win: the lock on the state
//!   makes requests take turns;
//! * a query on an index answers in no fixed order, whole items whatever the projection, and the same first page
//!   forever when the index has no sort key (module `index`);
//! * unused placeholders, which DynamoDB refuses, pass; so do a batch of more than 100 keys and an item of more than
//!   400 KB (module `validate`);
//! * it copies all its tables after every request (module `store`).
//!
//! Items never expire: DynamoDB itself may take days.

mod index;
mod keys;
mod store;
mod tables;
mod validate;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::state::State;
use crate::wire::answer::{Answer, response};
use crate::wire::call::{Call, text};
use crate::wire::error::ApiError;
use keys::{key_names, only};
use tables::{Answered, Tables, succeeded};
use validate::{check_item_size, check_placeholders, validation};

/// If the crate panics on a request, the answer has status 500.
pub(crate) fn answer(state: &mut State, call: &Call) -> Result<Answer, ApiError> {
    let page_cap = state.quirks.page_cap;
    let tables = tables(state);
    let answered = catch_unwind(AssertUnwindSafe(|| perform(tables, &call.operation, call.input.clone(), page_cap)));
    let (status, body) =
        answered.map_err(|_| ApiError::new(500, "InternalServerError", "The request could not be processed"))??;
    Ok(Answer::Raw(response(status, "application/x-amz-json-1.0", Bytes::from(body.to_string()))))
}

pub(crate) fn resources(state: &State, call: &Call) -> Vec<String> {
    let arns = &state.arns;
    if let Some(tables) = call.input.get("RequestItems").and_then(Value::as_object) {
        return tables.keys().map(|table| arns.table(table)).collect();
    }
    match (text(&call.input, "TableName"), text(&call.input, "IndexName")) {
        (Some(table), Some(index)) => vec![format!("{}/index/{index}", arns.table(table))],
        (Some(table), None) => vec![arns.table(table)],
        _ => Vec::new(),
    }
}

/// Creates a table from the properties of CloudFormation's `AWS::DynamoDB::Table`, unless it exists. Members without effect
/// here, for instance `SSESpecification`, are ignored.
pub(crate) fn create_table(state: &mut State, definition: &Value) -> Result<(), ApiError> {
    const MEMBERS: [&str; 7] = [
        "TableName",
        "KeySchema",
        "AttributeDefinitions",
        "BillingMode",
        "ProvisionedThroughput",
        "GlobalSecondaryIndexes",
        "LocalSecondaryIndexes",
    ];
    let members = MEMBERS.iter().filter_map(|&member| Some((member.to_owned(), definition.get(member)?.clone())));
    let tables = tables(state);
    match succeeded(tables.ask("CreateTable", &Value::Object(members.collect()))) {
        Err(error) if error.code == "ResourceInUseException" => return Ok(()),
        created => created?,
    };
    if let Some(expiry) = definition.get("TimeToLiveSpecification") {
        let request = json!({ "TableName": definition["TableName"], "TimeToLiveSpecification": expiry });
        succeeded(tables.ask("UpdateTimeToLive", &request))?;
    }
    Ok(())
}

fn tables(state: &mut State) -> &Tables {
    let region = &state.arns.region;
    state.extensions.get_or_insert_with(|| Tables::in_region(region))
}

fn perform(tables: &Tables, operation: &str, mut input: Value, page_cap: Option<usize>) -> Result<Answered, ApiError> {
    check_placeholders(&input)?;
    match operation {
        "PutItem" => check_item_size(&input)?,
        "BatchGetItem" => return batch_get(tables, input, page_cap),
        "Query" | "Scan" => {
            cap_limit(&mut input, page_cap);
            if let ("Query", Some(index)) = (operation, text(&input, "IndexName")) {
                return index::query(tables, &input, index);
            }
        }
        _ => {}
    }
    let (status, mut body) = tables.ask(operation, &input);
    let failed = text(&body, "__type").is_some_and(|kind| kind.ends_with("#ConditionalCheckFailedException"));
    if failed {
        let table = tables.describe(&input)?;
        if text(&input, "ReturnValuesOnConditionCheckFailure") == Some("ALL_OLD")
            && let Some(item) = existing(tables, &input, &table)
        {
            body["Item"] = item;
        }
    }
    Ok((status, body))
}

/// The item because of which a write's condition failed.
fn existing(tables: &Tables, input: &Value, table: &Value) -> Option<Value> {
    let key = match input.get("Key") {
        Some(key) => key.clone(),
        None => only(input.get("Item")?, &key_names(table)),
    };
    let get = json!({ "TableName": input["TableName"], "Key": key, "ConsistentRead": true });
    let (_, body) = tables.ask("GetItem", &get);
    body.get("Item").filter(|item| item.as_object().is_some_and(|item| !item.is_empty())).cloned()
}

/// At most `page_cap` keys; the others come back, as they do from DynamoDB when it is busy.
fn batch_get(tables: &Tables, mut input: Value, page_cap: Option<usize>) -> Result<Answered, ApiError> {
    let requested = input.get_mut("RequestItems").and_then(Value::as_object_mut);
    let requested =
        requested.ok_or_else(|| validation("1 validation error detected: RequestItems must not be null"))?;
    let count: usize = requested.values().map(|table| keys(table).len()).sum();
    if count == 0 || count > 100 || requested.values().any(|table| keys(table).is_empty()) {
        return Err(validation("Too many items requested for the BatchGetItem call, or none"));
    }
    for table in requested.values() {
        let distinct: BTreeSet<String> = keys(table).iter().map(Value::to_string).collect();
        if distinct.len() < keys(table).len() {
            return Err(validation("Provided list of item keys contains duplicates"));
        }
    }
    let mut left = page_cap.unwrap_or(usize::MAX);
    let mut unprocessed = Map::new();
    for (name, table) in requested.iter_mut() {
        let mut later = table.clone();
        let Some(Value::Array(keys)) = table.get_mut("Keys") else { continue };
        let rest = keys.split_off(left.min(keys.len()));
        left -= keys.len();
        if !rest.is_empty() {
            later["Keys"] = Value::Array(rest);
            unprocessed.insert(name.clone(), later);
        }
    }
    requested.retain(|_, table| !keys(table).is_empty());
    let (status, mut body) = tables.ask("BatchGetItem", &input);
    if status == 200 {
        body["UnprocessedKeys"] = Value::Object(unprocessed);
    }
    Ok((status, body))
}

fn cap_limit(input: &mut Value, page_cap: Option<usize>) {
    let Some(cap) = page_cap else { return };
    let limit = input.get("Limit").and_then(Value::as_u64).and_then(|limit| usize::try_from(limit).ok());
    input["Limit"] = json!(limit.map_or(cap, |limit| limit.min(cap)));
}

fn keys(table: &Value) -> &[Value] {
    table.get("Keys").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
