//! DynamoDB: `winterbaume-dynamodb`, made whole where it falls short.
//!
//! Its tables, expressions and updates are right. What it lacks and what is added here:
//! * a failed condition does not return the item (`ReturnValuesOnConditionCheckFailure`), and one on a table that
//!   does not exist fails as a condition;
//! * checking a condition and writing are two steps, so that two writers can both win: requests take turns here;
//! * a query on an index answers in no fixed order, whole items whatever the projection, and the same first page
//!   for ever when the index has no sort key (module `index`);
//! * unused placeholders, which DynamoDB refuses, pass; so do a batch of more than 100 keys and an item of more than 400 KB.
//!
//! Items never expire: DynamoDB itself may take days.

mod index;

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};
use serde_json::{Map, Value, json};
use winterbaume_core::{MockRequest, MockService};
use winterbaume_dynamodb::DynamoDbService;

use crate::request::text;
use crate::{ACCOUNT, ApiError, REGION, World, answer};

/// The bytes of the largest item, counted here by its JSON, which is a little longer than what DynamoDB counts.
const LARGEST_ITEM: usize = 400 * 1024;

/// A status and the members of a body.
type Answered = (u16, Value);

#[derive(Default, Clone)]
pub(crate) struct DynamoDb {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    service: DynamoDbService,
    turn: tokio::sync::Mutex<()>,
}

impl DynamoDb {
    /// Answers a request, in a task of its own: it takes effect even if the client gives up, and should the crate
    /// panic over a request, that is an answer with status 500.
    pub(crate) async fn answer(
        &self,
        operation: &str,
        input: &Value,
        page_cap: Option<usize>,
    ) -> Result<Response<Bytes>, ApiError> {
        let (inner, operation, input) = (Arc::clone(&self.inner), operation.to_owned(), input.clone());
        let task = tokio::spawn(async move {
            let _turn = inner.turn.lock().await;
            inner.answer(&operation, input, page_cap).await
        });
        let (status, body) = task
            .await
            .map_err(|_| ApiError::new(500, "InternalServerError", "The request could not be processed"))??;
        Ok(answer::response(status, "application/x-amz-json-1.0", Bytes::from(body.to_string())))
    }
}

impl Inner {
    async fn answer(&self, operation: &str, mut input: Value, page_cap: Option<usize>) -> Result<Answered, ApiError> {
        check_placeholders(&input)?;
        match operation {
            "PutItem" if input.get("Item").is_some_and(|item| item.to_string().len() > LARGEST_ITEM) => {
                return Err(validation("Item size has exceeded the maximum allowed size"));
            }
            "BatchGetItem" => return self.batch_get(input, page_cap).await,
            "Query" | "Scan" => {
                cap_limit(&mut input, page_cap);
                if let ("Query", Some(index)) = (operation, text(&input, "IndexName")) {
                    return index::query(self, &input, index).await;
                }
            }
            _ => {}
        }
        let (status, mut body) = self.ask(operation, &input).await;
        let failed = text(&body, "__type").is_some_and(|kind| kind.ends_with("#ConditionalCheckFailedException"));
        if failed {
            let table = self.table(&input).await?;
            if text(&input, "ReturnValuesOnConditionCheckFailure") == Some("ALL_OLD")
                && let Some(item) = self.existing(&input, &table).await
            {
                body["Item"] = item;
            }
        }
        Ok((status, body))
    }

    /// The item that a write found in its way.
    async fn existing(&self, input: &Value, table: &Value) -> Option<Value> {
        let key = match input.get("Key") {
            Some(key) => key.clone(),
            None => only(input.get("Item")?, &key_names(table)),
        };
        let get = json!({ "TableName": input["TableName"], "Key": key, "ConsistentRead": true });
        let (_, body) = self.ask("GetItem", &get).await;
        body.get("Item").filter(|item| item.as_object().is_some_and(|item| !item.is_empty())).cloned()
    }

    /// At most `page_cap` keys; the others come back, as they do from DynamoDB when it is busy.
    async fn batch_get(&self, mut input: Value, page_cap: Option<usize>) -> Result<Answered, ApiError> {
        let tables = input.get_mut("RequestItems").and_then(Value::as_object_mut);
        let tables = tables.ok_or_else(|| validation("1 validation error detected: RequestItems must not be null"))?;
        let count: usize = tables.values().map(|table| keys(table).len()).sum();
        if count == 0 || count > 100 || tables.values().any(|table| keys(table).is_empty()) {
            return Err(validation("Too many items requested for the BatchGetItem call, or none"));
        }
        for table in tables.values() {
            let distinct: BTreeSet<String> = keys(table).iter().map(Value::to_string).collect();
            if distinct.len() < keys(table).len() {
                return Err(validation("Provided list of item keys contains duplicates"));
            }
        }
        let mut left = page_cap.unwrap_or(usize::MAX);
        let mut unprocessed = Map::new();
        for (name, table) in tables.iter_mut() {
            let mut later = table.clone();
            let Some(Value::Array(keys)) = table.get_mut("Keys") else { continue };
            let rest = keys.split_off(left.min(keys.len()));
            left -= keys.len();
            if !rest.is_empty() {
                later["Keys"] = Value::Array(rest);
                unprocessed.insert(name.clone(), later);
            }
        }
        tables.retain(|_, table| !keys(table).is_empty());
        let (status, mut body) = self.ask("BatchGetItem", &input).await;
        if status == 200 {
            body["UnprocessedKeys"] = Value::Object(unprocessed);
        }
        Ok((status, body))
    }

    /// The table that a request names, as `DescribeTable` shows it.
    async fn table(&self, input: &Value) -> Result<Value, ApiError> {
        let (_, mut body) = self.ask("DescribeTable", &json!({ "TableName": input["TableName"] })).await;
        match body.get_mut("Table") {
            Some(table) => Ok(table.take()),
            None => Err(ApiError::new(400, "ResourceNotFoundException", "Requested resource not found")),
        }
    }

    async fn ask(&self, operation: &str, input: &Value) -> Answered {
        let mut headers = HeaderMap::new();
        if let Ok(target) = HeaderValue::from_str(&format!("DynamoDB_20120810.{operation}")) {
            headers.insert("x-amz-target", target);
        }
        // Tables live in one region, wherever the client believes itself to be.
        let request = MockRequest {
            method: "POST".to_owned(),
            uri: format!("https://dynamodb.{REGION}.amazonaws.com/"),
            headers,
            body: Bytes::from(input.to_string()),
        };
        let response = self.service.handle(request).await;
        (response.status, serde_json::from_slice(&response.body).unwrap_or_default())
    }
}

impl World {
    /// Creates the table in which the updater keeps its records: hash key `nodegroupArn`, a sparse index
    /// `pending-index` on `pending` that holds the keys only, expiry by `expiresAt`. One that exists stays.
    pub async fn create_updates_table(&self, name: &str) {
        let key = |name: &str| json!([{ "AttributeName": name, "KeyType": "HASH" }]);
        let table = json!({
            "TableName": name,
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
        });
        let expiry = json!({
            "TableName": name,
            "TimeToLiveSpecification": { "AttributeName": "expiresAt", "Enabled": true },
        });
        let inner = &self.dynamodb().inner;
        let _turn = inner.turn.lock().await;
        inner.ask("CreateTable", &table).await;
        inner.ask("UpdateTimeToLive", &expiry).await;
    }
}

/// The ARNs that IAM checks.
pub(crate) fn resources(input: &Value) -> Vec<String> {
    let arn = |table: &str| format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}");
    if let Some(tables) = input.get("RequestItems").and_then(Value::as_object) {
        return tables.keys().map(|table| arn(table)).collect();
    }
    match (text(input, "TableName"), text(input, "IndexName")) {
        (Some(table), Some(index)) => vec![format!("{}/index/{index}", arn(table))],
        (Some(table), None) => vec![arn(table)],
        _ => vec!["*".to_owned()],
    }
}

/// Refuses placeholders that no expression uses, as DynamoDB does.
fn check_placeholders(input: &Value) -> Result<(), ApiError> {
    const EXPRESSIONS: [&str; 5] = [
        "ConditionExpression",
        "UpdateExpression",
        "KeyConditionExpression",
        "FilterExpression",
        "ProjectionExpression",
    ];
    let used: BTreeSet<&str> = EXPRESSIONS
        .iter()
        .filter_map(|name| text(input, name))
        .flat_map(|expression| expression.split(|c: char| !(c.is_alphanumeric() || "#:_".contains(c))))
        .collect();
    for member in ["ExpressionAttributeNames", "ExpressionAttributeValues"] {
        let Some(placeholders) = input.get(member).and_then(Value::as_object) else { continue };
        if placeholders.is_empty() {
            return Err(validation(&format!("{member} must not be empty")));
        }
        if let Some(unused) = placeholders.keys().find(|placeholder| !used.contains(placeholder.as_str())) {
            return Err(validation(&format!("Value provided in {member} unused in expressions: keys: {{{unused}}}")));
        }
    }
    Ok(())
}

fn cap_limit(input: &mut Value, page_cap: Option<usize>) {
    let Some(cap) = page_cap else { return };
    let limit = input.get("Limit").and_then(Value::as_u64).and_then(|limit| usize::try_from(limit).ok());
    input["Limit"] = json!(limit.map_or(cap, |limit| limit.min(cap)));
}

fn keys(table: &Value) -> &[Value] {
    table.get("Keys").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The attribute names of a key schema's owner, hash key first.
fn key_names(owner: &Value) -> Vec<String> {
    let schema = owner.get("KeySchema").and_then(Value::as_array).into_iter().flatten();
    let mut names: Vec<(&str, &str)> =
        schema.filter_map(|element| Some((text(element, "KeyType")?, text(element, "AttributeName")?))).collect();
    names.sort_unstable();
    names.into_iter().map(|(_, name)| name.to_owned()).collect()
}

/// The named attributes of an item.
fn only(item: &Value, names: &[String]) -> Value {
    let attributes = names.iter().filter_map(|name| Some((name.clone(), item.get(name)?.clone())));
    Value::Object(attributes.collect())
}

fn validation(message: &str) -> ApiError {
    ApiError::new(400, "ValidationException", message)
}
