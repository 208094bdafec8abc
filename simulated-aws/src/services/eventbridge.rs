//! EventBridge: putting events on a bus.

use serde_json::{Value, json};

use crate::state::State;
use crate::state::eventbridge::PutEvent;
use crate::wire::answer::Answer;
use crate::wire::call::{Call, text};
use crate::wire::error::ApiError;

/// The maximum number of entries in a call.
const ENTRIES: usize = 10;
/// The maximum total size of the entries, which was AWS's limit for years. It is 1 MB now, so a client that respects this limit
/// also respects the new one.
const LARGEST_CALL: usize = 256 * 1024;

pub(crate) fn answer(state: &mut State, call: &Call) -> Result<Answer, ApiError> {
    match call.operation.as_str() {
        "PutEvents" => put_events(state, &call.input),
        "DescribeEventBus" => describe_event_bus(state, &call.input),
        _ => Err(call.unknown()),
    }
    .map(Answer::Json)
}

pub(crate) fn resources(state: &State, call: &Call) -> Vec<String> {
    let entries = call.input.get("Entries").and_then(Value::as_array).into_iter().flatten();
    let of_entries = entries.map(|entry| text(entry, "EventBusName").unwrap_or("default"));
    let buses = of_entries.chain(text(&call.input, "Name"));
    let mut arns: Vec<String> = buses.map(|bus| state.arns.event_bus(bus_name(bus))).collect();
    arns.sort();
    arns.dedup();
    arns
}

/// A bus is named by its name or its ARN.
fn bus_name(bus: &str) -> &str {
    bus.rsplit_once(":event-bus/").map_or(bus, |(_, name)| name)
}

fn put_events(state: &mut State, input: &Value) -> Result<Value, ApiError> {
    let entries = input.get("Entries").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if entries.is_empty() || entries.len() > ENTRIES {
        return Err(invalid("'entries' failed to satisfy constraint: Member must have length between 1 and 10"));
    }
    if entries.iter().map(size).sum::<usize>() >= LARGEST_CALL {
        return Err(invalid("Total size of the entries in the request is over the limit."));
    }
    let answers: Vec<Value> = entries.iter().map(|entry| put_event(state, entry)).collect();
    let failed = answers.iter().filter(|answer| answer.get("ErrorCode").is_some()).count();
    Ok(json!({ "FailedEntryCount": failed, "Entries": answers }))
}

/// Each entry is accepted or refused separately.
fn put_event(state: &mut State, entry: &Value) -> Value {
    state.buses.entries += 1;
    if state.buses.refuse_every.is_some_and(|every| state.buses.entries.is_multiple_of(every)) {
        return refused("InternalFailure", "Unexpected error, please retry");
    }
    let (Some(source), Some(detail_type), Some(detail)) =
        (text(entry, "Source"), text(entry, "DetailType"), text(entry, "Detail"))
    else {
        return refused("InvalidArgument", "Source, DetailType and Detail are mandatory arguments");
    };
    if source.starts_with("aws.") {
        return refused("NotAuthorizedForSourceException", "Not authorized for the source.");
    }
    if detail_type.chars().count() > 128 {
        return refused("InvalidArgument", "DetailType is too long");
    }
    if !serde_json::from_str::<Value>(detail).is_ok_and(|detail| detail.is_object()) {
        return refused("MalformedDetail", "Detail is malformed.");
    }
    let bus = bus_name(text(entry, "EventBusName").unwrap_or("default")).to_owned();
    let resources = entry.get("Resources").and_then(Value::as_array).into_iter().flatten();
    let event = PutEvent {
        id: state.next_id("event"),
        bus,
        source: source.to_owned(),
        detail_type: detail_type.to_owned(),
        resources: resources.filter_map(Value::as_str).map(str::to_owned).collect(),
        detail: detail.to_owned(),
        #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970")]
        time: entry.get("Time").and_then(Value::as_f64).map_or(state.now.as_second(), |time| time as i64),
        at: state.now,
    };
    let id = event.id.clone();
    // Entries for a bus that does not exist are accepted and lost.
    if state.buses.names.contains(&event.bus) {
        state.buses.events.push(event);
    }
    json!({ "EventId": id })
}

fn describe_event_bus(state: &State, input: &Value) -> Result<Value, ApiError> {
    let name = bus_name(text(input, "Name").unwrap_or("default"));
    if !state.buses.names.contains(name) {
        let message = format!("Event bus {name} does not exist.");
        return Err(ApiError::new(400, "ResourceNotFoundException", message));
    }
    Ok(json!({ "Name": name, "Arn": state.arns.event_bus(name) }))
}

/// An entry's size, as AWS counts it.
fn size(entry: &Value) -> usize {
    let texts = ["Source", "DetailType", "Detail"].map(|name| text(entry, name).map_or(0, str::len));
    let resources = entry.get("Resources").and_then(Value::as_array).into_iter().flatten();
    let resources: usize = resources.filter_map(Value::as_str).map(str::len).sum();
    let time = if entry.get("Time").is_some() { 14 } else { 0 };
    texts.into_iter().sum::<usize>() + resources + time
}

fn refused(code: &str, message: &str) -> Value {
    json!({ "ErrorCode": code, "ErrorMessage": message })
}

fn invalid(message: &str) -> ApiError {
    ApiError::new(400, "ValidationException", message)
}
