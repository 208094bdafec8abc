//! Reads whether anything may start at all: the stop switch, and the change calendars.
//!
//! See [GetCalendarState](https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetCalendarState.html).

use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::CalendarState;
use jiff::Timestamp;

use crate::aws::describe;
use crate::config::Fleet;
use crate::model::reason::Freeze;

/// Reads both, once a run. What cannot be read counts as a freeze.
pub async fn freeze(ssm: &Client, fleet: &Fleet) -> Option<Freeze> {
    let (switch, calendars) = futures_util::join!(stop_switch(ssm, fleet), change_calendars(ssm, fleet));
    switch.or(calendars)
}

async fn stop_switch(ssm: &Client, fleet: &Fleet) -> Option<Freeze> {
    let parameter = fleet.stop_switch.as_ref()?;
    let unreadable =
        |error: String| Some(Freeze::Unreadable { error: format!("the stop switch {parameter}: {error}") });
    let answer = match ssm.get_parameters().names(parameter).send().await {
        Ok(answer) => answer,
        Err(error) => return unreadable(describe(&error)),
    };
    match answer.parameters().first().and_then(|parameter| parameter.value()) {
        Some("running") => None,
        Some("stopped") => Some(Freeze::Stopped { parameter: parameter.clone() }),
        Some(value) => unreadable(format!("its value is {value:?}; expected running or stopped")),
        None => unreadable("there is no such parameter".to_owned()),
    }
}

async fn change_calendars(ssm: &Client, fleet: &Fleet) -> Option<Freeze> {
    if fleet.change_calendars.is_empty() {
        return None;
    }
    let names = fleet.change_calendars.clone();
    let answer = match ssm.get_calendar_state().set_calendar_names(Some(names)).send().await {
        Ok(answer) => answer,
        Err(error) => return Some(Freeze::Unreadable { error: format!("the change calendars: {}", describe(&error)) }),
    };
    match answer.state() {
        Some(CalendarState::Open) => None,
        Some(CalendarState::Closed) => {
            let until = answer.next_transition_time().and_then(|at| at.parse::<Timestamp>().ok());
            Some(Freeze::CalendarClosed { until })
        }
        state => Some(Freeze::Unreadable { error: format!("the change calendars: their state is {state:?}") }),
    }
}
