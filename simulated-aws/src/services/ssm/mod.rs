//! Systems Manager: Parameter Store and Change Calendar.

mod calendar;
mod parameters;
mod write;

use crate::state::State;
use crate::wire::answer::Answer;
use crate::wire::call::Call;
use crate::wire::error::ApiError;

pub(crate) fn answer(state: &mut State, call: &Call) -> Result<Answer, ApiError> {
    let input = &call.input;
    match call.operation.as_str() {
        "GetParameter" => parameters::get_parameter(state, input),
        "GetParameters" => parameters::get_parameters(state, input),
        "GetParametersByPath" => parameters::get_parameters_by_path(state, input),
        "GetParameterHistory" => parameters::get_parameter_history(state, input),
        "PutParameter" => write::put_parameter(state, input),
        "GetCalendarState" => calendar::get_calendar_state(state, input),
        _ => Err(call.unknown()),
    }
    .map(Answer::Json)
}

pub(crate) fn resources(state: &State, call: &Call) -> Vec<String> {
    let of_calendars = call.input.get("CalendarNames").is_some();
    let resources = if of_calendars { calendar::resources } else { parameters::resources };
    resources(&state.arns, &call.input)
}
