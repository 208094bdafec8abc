//! Whether updates are stopped everywhere: by the stop switch, or by a change calendar.
//!
//! See [GetCalendarState](https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetCalendarState.html).

use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::CalendarState;
use jiff::Timestamp;

use crate::aws::describe;
use crate::model::problem::Unreadable;
use crate::model::reason::Freeze;
use crate::model::settings::Settings;

/// Reads both, once a run. What cannot be read counts as a freeze.
pub async fn freeze(ssm: &Client, settings: &Settings) -> Option<Freeze> {
    let (switch, calendars) = futures_util::join!(stop_switch(ssm, settings), change_calendars(ssm, settings));
    switch.or(calendars)
}

async fn stop_switch(ssm: &Client, settings: &Settings) -> Option<Freeze> {
    let parameter = settings.stop_switch.as_ref()?;
    let unreadable = |error: String| unreadable(&format!("the stop switch {parameter}"), &error);
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

async fn change_calendars(ssm: &Client, settings: &Settings) -> Option<Freeze> {
    if settings.change_calendars.is_empty() {
        return None;
    }
    let names = settings.change_calendars.clone();
    let answer = match ssm.get_calendar_state().set_calendar_names(Some(names)).send().await {
        Ok(answer) => answer,
        Err(error) => return unreadable("the change calendars", &describe(&error)),
    };
    match answer.state() {
        Some(CalendarState::Open) => None,
        Some(CalendarState::Closed) => {
            let until = answer.next_transition_time().and_then(|at| at.parse::<Timestamp>().ok());
            Some(Freeze::CalendarClosed { until })
        }
        state => unreadable("the change calendars", &format!("their state is {state:?}")),
    }
}

fn unreadable(what: &str, error: &str) -> Option<Freeze> {
    Some(Freeze::Unreadable(Unreadable(format!("{what}: {error}"))))
}
