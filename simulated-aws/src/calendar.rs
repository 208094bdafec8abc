//! Systems Manager's Change Calendar: whether changes are allowed at a time, and when that changes next.
//!
//! See [GetCalendarState](https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetCalendarState.html).

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::world::State;
use crate::{ACCOUNT, ApiError, REGION, World};

impl World {
    /// Adds a change calendar, if there is none of this name. It is open but for what [`World::close_calendar`] says.
    pub fn add_calendar(&self, name: &str) {
        self.state().calendars.entry(name.to_owned()).or_default();
    }

    /// Closes a change calendar from an instant until just before another; a missing calendar is added. Spans add up, and may
    /// overlap.
    pub fn close_calendar(&self, name: &str, from: Timestamp, until: Timestamp) {
        self.state().calendars.entry(name.to_owned()).or_default().push((from, until));
    }
}

/// The ARNs that IAM checks.
pub(crate) fn resources(input: &Value) -> Vec<String> {
    let arn = |name: &str| match name.starts_with("arn:") {
        true => name.to_owned(),
        false => format!("arn:aws:ssm:{REGION}:{ACCOUNT}:document/{name}"),
    };
    names(input).map(arn).collect()
}

/// Open only if all the calendars are; it changes when that does, not whenever one of them changes.
pub(crate) fn get_calendar_state(state: &State, input: &Value) -> Result<Value, ApiError> {
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
        let closed = state.calendars.get(name).ok_or_else(|| {
            ApiError::new(400, "InvalidDocument", format!("The specified SSM document {name} doesn't exist."))
        })?;
        spans.extend(closed);
    }
    let closed = |at: Timestamp| spans.iter().any(|(from, until)| *from <= at && at < *until);
    let mut edges: Vec<Timestamp> = spans.iter().flat_map(|(from, until)| [*from, *until]).collect();
    edges.sort_unstable();
    let next = edges.into_iter().find(|edge| *edge > at && closed(*edge) != closed(at));
    // AWS writes whole seconds.
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
