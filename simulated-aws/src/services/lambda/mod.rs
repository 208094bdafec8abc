//! Lambda: invoking functions, and their configuration.
//!
//! See [Invoke](https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html).

mod invoke;
mod route;
mod target;

pub(crate) use route::route;

use serde_json::{Value, json};

use crate::state::State;
use crate::state::lambda::Function;
use crate::wire::answer::Answer;
use crate::wire::call::Call;
use crate::wire::error::ApiError;
use target::Target;

/// IAM needs the ARN with the alias or version, whether it is part of the name or separate.
pub(crate) fn resources(state: &State, call: &Call) -> Vec<String> {
    Target::of(&state.arns, &call.input).map(|target| target.arn()).into_iter().collect()
}

pub(crate) fn answer(state: &mut State, call: &Call) -> Result<Answer, ApiError> {
    let target = Target::of(&state.arns, &call.input)?;
    let function = target.find(state)?;
    match call.operation.as_str() {
        "Invoke" => invoke::invoke(function, target.arn(), call),
        "GetFunctionConfiguration" => Ok(Answer::Json(configuration(function, &target.arn()))),
        _ => Err(call.unknown()),
    }
}

fn configuration(function: &Function, arn: &str) -> Value {
    json!({
        "FunctionName": function.name,
        "FunctionArn": arn,
        "Timeout": function.timeout.as_secs(),
        "MemorySize": function.memory_mb,
        "Version": "$LATEST",
        "State": "Active",
        "Environment": { "Variables": function.environment },
    })
}
