//! A parsed request, for a service.

use serde_json::Value;

use crate::wire::error::ApiError;
use crate::wire::protocol::Protocol;

/// A request with its service, operation and input.
pub(crate) struct Call {
    /// Lambda also passes it to the function.
    pub(crate) request_id: String,
    /// The service's name.
    pub(crate) service: &'static str,
    pub(crate) protocol: Protocol,
    pub(crate) operation: String,
    pub(crate) input: Value,
    pub(crate) access_key_id: String,
}

impl Call {
    /// The error for an operation that this simulation does not implement.
    pub(crate) fn unknown(&self) -> ApiError {
        let code = match self.protocol {
            Protocol::Query { .. } => "InvalidAction",
            _ => "UnknownOperationException",
        };
        ApiError::new(400, code, format!("This simulation has no operation {}:{}", self.service, self.operation))
    }
}

/// A member of the input that is text and not empty.
pub(crate) fn text<'a>(input: &'a Value, name: &str) -> Option<&'a str> {
    input.get(name)?.as_str().filter(|text| !text.is_empty())
}
