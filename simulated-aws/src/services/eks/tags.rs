//! Tags of node groups.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::state::State;
use crate::state::nodegroup::Key;
use crate::wire::call::text;
use crate::wire::error::ApiError;

const RESERVED: &str = "Tags that begin with aws: are reserved";

pub(super) fn tag_resource(state: &mut State, input: &Value) -> Result<Value, ApiError> {
    let key = nodegroup_of(state, input)?;
    let tags: BTreeMap<String, String> = serde_json::from_value(input.get("tags").cloned().unwrap_or_default())
        .map_err(|_| bad_request("tags must be a map of text to text"))?;
    tags.iter().try_for_each(|(key, value)| check(key, value))?;
    let count = state.nodegroups.get(&key).map_or(0, |nodegroup| {
        let all: BTreeSet<_> = nodegroup.tags.keys().chain(tags.keys()).collect();
        all.into_iter().filter(|key| !is_reserved(key)).count()
    });
    if count > 50 {
        return Err(bad_request("A resource has at most 50 tags"));
    }
    state.change(&key, |nodegroup| nodegroup.tags.extend(tags));
    Ok(json!({}))
}

pub(super) fn untag_resource(state: &mut State, input: &Value) -> Result<Value, ApiError> {
    let key = nodegroup_of(state, input)?;
    let keys = input.get("tagKeys").and_then(Value::as_array).cloned().unwrap_or_default();
    if keys.iter().filter_map(Value::as_str).any(is_reserved) {
        return Err(bad_request(RESERVED));
    }
    state.change(&key, |nodegroup| {
        nodegroup.tags.retain(|tag, _| !keys.iter().any(|key| key.as_str() == Some(tag)));
    });
    Ok(json!({}))
}

pub(super) fn list_tags(state: &State, input: &Value) -> Result<Value, ApiError> {
    let key = nodegroup_of(state, input)?;
    let tags = state.nodegroups.get(&key).map(|nodegroup| &nodegroup.tags);
    Ok(json!({ "tags": tags }))
}

/// Checks a tag against AWS's tag restrictions.
fn check(key: &str, value: &str) -> Result<(), ApiError> {
    if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 {
        return Err(bad_request("A tag key has 1 to 128 characters, a tag value at most 256"));
    }
    if is_reserved(key) || is_reserved(value) {
        return Err(bad_request(RESERVED));
    }
    let is_allowed = |character: char| character.is_alphanumeric() || " _.:/=+-@".contains(character);
    match key.chars().chain(value.chars()).all(is_allowed) {
        true => Ok(()),
        false => Err(bad_request("A tag has letters, numbers, spaces and _ . : / = + - @ only")),
    }
}

fn is_reserved(text: &str) -> bool {
    text.to_lowercase().starts_with("aws:")
}

fn nodegroup_of(state: &State, input: &Value) -> Result<Key, ApiError> {
    let arn = text(input, "resourceArn").unwrap_or_default();
    let found = state.nodegroups.iter().find(|(_, nodegroup)| nodegroup.arn == arn);
    found
        .map(|(key, _)| key.clone())
        .ok_or_else(|| ApiError::new(404, "NotFoundException", format!("No resource found for ARN: {arn}")))
}

fn bad_request(message: &str) -> ApiError {
    ApiError::new(400, "BadRequestException", message)
}
