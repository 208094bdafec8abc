//! Lambda's paths.

use bytes::Bytes;
use http::Method;
use http::request::Parts;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::wire::error::ApiError;
use crate::wire::protocol::Routed;

/// The maximum size of a synchronous invocation's event, in bytes.
const LARGEST_REQUEST: usize = 6 * 1024 * 1024;

/// Determines the operation from method and path, and collects its input from path, query, headers and body.
pub(crate) fn route(parts: &Parts, body: &Bytes) -> Routed {
    let path = parts.uri.path();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let (operation, name) = match (&parts.method, &segments[..]) {
        (&Method::POST, ["2015-03-31", "functions", name, "invocations"]) => ("Invoke", name),
        (&Method::GET, ["2015-03-31", "functions", name, "configuration"]) => ("GetFunctionConfiguration", name),
        (method, _) => {
            let message = format!("This simulation has no Lambda operation {method} {path}");
            return Err(ApiError::new(404, "UnknownOperationException", message));
        }
    };
    let mut input = json!({ "FunctionName": percent_decode_str(name).decode_utf8_lossy() });
    let query = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
    for (name, value) in query {
        input[name.as_ref()] = json!(value);
    }
    if operation == "Invoke" {
        if let Some(kind) = parts.headers.get("x-amz-invocation-type") {
            input["InvocationType"] = json!(String::from_utf8_lossy(kind.as_bytes()));
        }
        input["Payload"] = payload(body)?;
    }
    Ok((operation.to_owned(), input))
}

/// The event; without one the function gets an empty one.
fn payload(body: &Bytes) -> Result<Value, ApiError> {
    if body.len() > LARGEST_REQUEST {
        // AWS's service model has `RequestTooLargeException`; clients see this one.
        let message = format!("Request must be smaller than {LARGEST_REQUEST} bytes for the InvokeFunction operation");
        return Err(ApiError::new(413, "RequestEntityTooLargeException", message));
    }
    if body.is_empty() {
        return Ok(json!({}));
    }
    serde_json::from_slice(body).map_err(|error| {
        let message = format!("Could not parse request body into json: {error}");
        ApiError::new(400, "InvalidRequestContentException", message)
    })
}
