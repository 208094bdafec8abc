//! Checks of DynamoDB that `winterbaume-dynamodb` lacks.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::wire::call::text;
use crate::wire::error::ApiError;

/// The bytes of the largest item, counted here by its JSON, which is a little longer than what DynamoDB counts.
const LARGEST_ITEM: usize = 400 * 1024;

/// Refuses an item of more than 400 KB.
pub(super) fn check_item_size(input: &Value) -> Result<(), ApiError> {
    if input.get("Item").is_some_and(|item| item.to_string().len() > LARGEST_ITEM) {
        return Err(validation("Item size has exceeded the maximum allowed size"));
    }
    Ok(())
}

/// Refuses placeholders that no expression uses, as DynamoDB does.
pub(super) fn check_placeholders(input: &Value) -> Result<(), ApiError> {
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

pub(super) fn validation(message: &str) -> ApiError {
    ApiError::new(400, "ValidationException", message)
}
