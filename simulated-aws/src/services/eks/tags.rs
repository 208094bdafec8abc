//! Tags of node groups.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::state::State;
use crate::state::nodegroup::Key;
use crate::wire::call::text;
use crate::wire::error::ApiError;

pub(super) fn tag_resource(state: &mut State, input: &Value) -> Result<Value, ApiError> {
    let key = nodegroup_of(state, input)?;
    let tags: BTreeMap<String, String> = serde_json::from_value(input.get("tags").cloned().unwrap_or_default())
        .map_err(|_| bad_request("tags must be a map of text to text"))?;
    let too_long =
        |(key, value): (&String, &String)| key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256;
    if tags.iter().any(too_long) {
        return Err(bad_request("A tag key has 1 to 128 characters, a tag value at most 256"));
    }
    let count = state
        .nodegroups
        .get(&key)
        .map_or(0, |nodegroup| nodegroup.tags.keys().chain(tags.keys()).collect::<BTreeSet<_>>().len());
    if count > 50 {
        return Err(bad_request("A resource has at most 50 tags"));
    }
    state.change(&key, |nodegroup| nodegroup.tags.extend(tags));
    Ok(json!({}))
}

pub(super) fn untag_resource(state: &mut State, input: &Value) -> Result<Value, ApiError> {
    let key = nodegroup_of(state, input)?;
    let keys = input.get("tagKeys").and_then(Value::as_array).cloned().unwrap_or_default();
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
