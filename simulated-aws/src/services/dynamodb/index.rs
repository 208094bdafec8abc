//! Queries on global secondary indexes.

use serde_json::{Map, Value, json};

use super::keys::{key_names, only};
use super::tables::{Answered, Tables, succeeded};
use super::validate::validation;
use crate::wire::call::text;
use crate::wire::error::ApiError;

/// A query on a global secondary index: in the order of the index's and then the table's keys, projected, page by
/// page.
pub(super) fn query(tables: &Tables, input: &Value, index: &str) -> Result<Answered, ApiError> {
    let table = tables.describe(input)?;
    let indexes = table.get("GlobalSecondaryIndexes").and_then(Value::as_array).into_iter().flatten();
    let index = indexes
        .into_iter()
        .find(|candidate| text(candidate, "IndexName") == Some(index))
        .ok_or_else(|| validation(&format!("The table does not have the specified index: {index}")))?;
    if input.get("ConsistentRead").and_then(Value::as_bool) == Some(true) {
        return Err(validation("Consistent reads are not supported on global secondary indexes"));
    }
    let condition = text(input, "KeyConditionExpression")
        .ok_or_else(|| validation("Either the KeyConditions or KeyConditionExpression parameter must be specified"))?;
    let index_keys = key_names(index);
    check_hash_key(input, condition, &index_keys)?;

    let mut key = index_keys;
    key.extend(key_names(&table));
    let mut items = scan(tables, input, condition)?;
    items.retain(|item| key.iter().all(|name| item.get(name).is_some()));
    items.sort_by_cached_key(|item| sort_key(item, &key));
    if input.get("ScanIndexForward").and_then(Value::as_bool) == Some(false) {
        items.reverse();
    }
    let (page, last) = page(items, input, &key);
    let scanned = page.len();
    let kept = filtered(tables, input, condition, page, &key)?;
    let items: Vec<Value> = kept.iter().map(|item| projected(item, input, index, &key)).collect();

    let mut output = json!({ "Count": items.len(), "ScannedCount": scanned });
    if text(input, "Select") != Some("COUNT") {
        output["Items"] = Value::Array(items);
    }
    if let Some(last) = last {
        output["LastEvaluatedKey"] = last;
    }
    Ok((200, output))
}

fn check_hash_key(input: &Value, condition: &str, index_keys: &[String]) -> Result<(), ApiError> {
    let Some(hash_key) = index_keys.first() else { return Ok(()) };
    let names = input.get("ExpressionAttributeNames");
    let mentioned = condition.split(|c: char| !(c.is_alphanumeric() || "#:_-.".contains(c))).any(|token| {
        token == hash_key || names.and_then(|names| names.get(token)).and_then(Value::as_str) == Some(hash_key)
    });
    if mentioned { Ok(()) } else { Err(validation(&format!("Query condition missed key schema element: {hash_key}"))) }
}

/// Every item that satisfies the expression.
fn scan(tables: &Tables, input: &Value, expression: &str) -> Result<Vec<Value>, ApiError> {
    let mut request = json!({ "TableName": input["TableName"], "FilterExpression": expression });
    for member in ["ExpressionAttributeNames", "ExpressionAttributeValues"] {
        if let Some(placeholders) = input.get(member) {
            request[member] = placeholders.clone();
        }
    }
    let mut body = succeeded(tables.ask("Scan", &request))?;
    match body.get_mut("Items").map(Value::take) {
        Some(Value::Array(items)) => Ok(items),
        _ => Ok(Vec::new()),
    }
}

/// The items after `ExclusiveStartKey`, up to `Limit`, and the key to continue from.
fn page(items: Vec<Value>, input: &Value, key: &[String]) -> (Vec<Value>, Option<Value>) {
    let backward = input.get("ScanIndexForward").and_then(Value::as_bool) == Some(false);
    let start = input.get("ExclusiveStartKey").map(|start| sort_key(start, key));
    let mut rest: Vec<Value> = match start {
        None => items,
        Some(start) => items
            .into_iter()
            .filter(|item| if backward { sort_key(item, key) < start } else { sort_key(item, key) > start })
            .collect(),
    };
    let limit = input.get("Limit").and_then(Value::as_u64).and_then(|limit| usize::try_from(limit).ok());
    let Some(limit) = limit.filter(|&limit| limit > 0 && limit <= rest.len()) else { return (rest, None) };
    // Like DynamoDB: a full page has a key to continue from, even if nothing follows.
    rest.truncate(limit);
    let last = rest.last().map(|item| only(item, key));
    (rest, last)
}

/// The items of a page that satisfy the request's filter.
fn filtered(
    tables: &Tables,
    input: &Value,
    condition: &str,
    page: Vec<Value>,
    key: &[String],
) -> Result<Vec<Value>, ApiError> {
    let Some(filter) = text(input, "FilterExpression") else { return Ok(page) };
    let matching = scan(tables, input, &format!("({condition}) AND ({filter})"))?;
    let matching: Vec<Vec<String>> = matching.iter().map(|item| sort_key(item, key)).collect();
    Ok(page.into_iter().filter(|item| matching.contains(&sort_key(item, key))).collect())
}

/// The attributes of an item in the index, limited to those that the request projects. Paths into attributes are not supported.
fn projected(item: &Value, input: &Value, index: &Value, key: &[String]) -> Value {
    let projection = &index["Projection"];
    let mut held = match text(projection, "ProjectionType") {
        Some("ALL") => item.clone(),
        _ => only(item, key),
    };
    for name in projection.get("NonKeyAttributes").and_then(Value::as_array).into_iter().flatten() {
        if let Some((name, value)) = name.as_str().and_then(|name| Some((name, item.get(name)?))) {
            held[name] = value.clone();
        }
    }
    let Some(wanted) = text(input, "ProjectionExpression") else { return held };
    let names = input.get("ExpressionAttributeNames");
    let wanted: Map<String, Value> = wanted
        .split(',')
        .map(str::trim)
        .map(|token| names.and_then(|names| names.get(token)).and_then(Value::as_str).unwrap_or(token))
        .filter_map(|name| Some((name.to_owned(), held.get(name)?.clone())))
        .collect();
    Value::Object(wanted)
}

/// Orders items within an index. Numbers would order as text, but no key in use is one.
fn sort_key(item: &Value, key: &[String]) -> Vec<String> {
    key.iter().map(|name| item.get(name).map(Value::to_string).unwrap_or_default()).collect()
}
