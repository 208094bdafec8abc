//! Whether a change calendar stops updates everywhere.
//!
//! See [GetCalendarState](https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetCalendarState.html).

use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::CalendarState;
use jiff::Timestamp;

use crate::aws::describe;
use crate::model::decision::reason::Freeze;
use crate::model::problem::Unreadable;

/// Reads the state of these calendars. An unreadable state counts as a freeze.
pub async fn change_calendars(ssm: &Client, calendars: &[String]) -> Option<Freeze> {
    if calendars.is_empty() {
        return None;
    }
    let answer = match ssm.get_calendar_state().set_calendar_names(Some(calendars.to_vec())).send().await {
        Ok(answer) => answer,
        Err(error) => return unreadable(&describe(&error)),
    };
    match answer.state() {
        Some(CalendarState::Open) => None,
        Some(CalendarState::Closed) => {
            let until = answer.next_transition_time().and_then(|at| at.parse::<Timestamp>().ok());
            Some(Freeze::CalendarClosed { until })
        }
        state => unreadable(&format!("their state is {state:?}")),
    }
}

fn unreadable(error: &str) -> Option<Freeze> {
    Some(Freeze::Unreadable(Unreadable(format!("the change calendars: {error}"))))
}
