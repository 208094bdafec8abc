//! Change Calendar: whether changes are allowed at a time, and when that changes next.
//!
//! See [GetCalendarState](https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetCalendarState.html).

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::state::State;
use crate::state::arns::Arns;
use crate::wire::error::ApiError;

/// The ARNs of the calendars that a request names.
pub(super) fn resources(arns: &Arns, input: &Value) -> Vec<String> {
    let arn = |name: &str| match name.starts_with("arn:") {
        true => name.to_owned(),
        false => arns.document(name),
    };
    names(input).map(arn).collect()
}

/// Open only if all calendars are open; the next transition is that of the combined state, not of a single calendar.
pub(super) fn get_calendar_state(state: &State, input: &Value) -> Result<Value, ApiError> {
    if names(input).next().is_none() {
        return Err(ApiError::new(400, "ValidationException", "CalendarNames must not be empty"));
    }
    let at = match input.get("AtTime").and_then(Value::as_str) {
        None => state.now,
        Some(text) => {
            text.parse().map_err(|_| ApiError::new(400, "ValidationException", "AtTime is no ISO 8601 time"))?
        }
    };
    let mut spans = Vec::new();
    for name in names(input) {
        let name = name.rsplit('/').next().unwrap_or(name);
        let calendar = state.calendars.get(name).ok_or_else(|| {
            ApiError::new(400, "InvalidDocument", format!("The specified SSM document {name} doesn't exist."))
        })?;
        spans.extend(&calendar.closed);
    }
    let closed = |at: Timestamp| spans.iter().any(|(from, until)| *from <= at && at < *until);
    let mut edges: Vec<Timestamp> = spans.iter().flat_map(|(from, until)| [*from, *until]).collect();
    edges.sort_unstable();
    let next = edges.into_iter().find(|edge| *edge > at && closed(*edge) != closed(at));
    // AWS returns whole seconds.
    let text = |at: Timestamp| format!("{at:.0}");
    let mut answer = json!({ "State": if closed(at) { "CLOSED" } else { "OPEN" }, "AtTime": text(at) });
    if let Some(next) = next {
        answer["NextTransitionTime"] = json!(text(next));
    }
    Ok(answer)
}

fn names(input: &Value) -> impl Iterator<Item = &str> {
    input.get("CalendarNames").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}
