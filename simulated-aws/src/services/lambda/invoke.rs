//! `Invoke`.

use bytes::Bytes;
use http::{HeaderValue, Response};
use serde_json::{Value, json};

use crate::state::lambda::{Function, FunctionError, Invocation};
use crate::wire::answer::{Answer, response};
use crate::wire::call::{Call, text};
use crate::wire::error::ApiError;

/// The maximum size of a result, in bytes: a hundred more than of an event, although AWS documents 6 MB for both.
const LARGEST_RESPONSE: usize = 6_291_556;

/// Runs the function, unless the request is Lambda's own dry run. The handler starts only when its answer is awaited, that is,
/// without the lock.
pub(super) fn invoke(function: &Function, function_arn: String, call: &Call) -> Result<Answer, ApiError> {
    let kind = text(&call.input, "InvocationType").unwrap_or("RequestResponse");
    let is_event = match kind {
        "RequestResponse" => false,
        "Event" => true,
        "DryRun" => return Ok(Answer::Raw(response(204, "application/json", Bytes::new()))),
        _ => {
            let message = format!(
                "1 validation error detected: Value '{kind}' at 'invocationType' failed to satisfy constraint: \
                 Member must satisfy enum value set: [Event, RequestResponse, DryRun]"
            );
            return Err(ApiError::new(400, "InvalidParameterValueException", message));
        }
    };
    let handler = function.handler.clone();
    let payload = call.input["Payload"].clone();
    let invocation = Invocation { function_arn, request_id: call.request_id.clone(), payload };
    Ok(Answer::Later(Box::pin(async move {
        let result = handler(invocation).await;
        if is_event { response(202, "application/json", Bytes::new()) } else { answer(result) }
    })))
}

fn answer(result: Result<Value, FunctionError>) -> Response<Bytes> {
    let result = result.map(|value| value.to_string()).and_then(|body| match body.len() > LARGEST_RESPONSE {
        true => Err(FunctionError {
            error_type: "Function.ResponseSizeTooLarge".to_owned(),
            error_message: format!(
                "Response payload size exceeded maximum allowed payload size ({LARGEST_RESPONSE} bytes)."
            ),
        }),
        false => Ok(body),
    });
    let failed = result.is_err();
    let body = result.unwrap_or_else(|error| {
        json!({ "errorType": error.error_type, "errorMessage": error.error_message }).to_string()
    });
    let mut response = response(200, "application/json", Bytes::from(body));
    response.headers_mut().insert("x-amz-executed-version", HeaderValue::from_static("$LATEST"));
    if failed {
        response.headers_mut().insert("x-amz-function-error", HeaderValue::from_static("Unhandled"));
    }
    response
}
