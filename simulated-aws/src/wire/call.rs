//! A request as a service sees it.

use serde_json::Value;

use crate::wire::error::ApiError;
use crate::wire::protocol::Protocol;

/// A request that was understood as far as service, operation and input.
pub(crate) struct Call {
    /// Lambda gives it to the function, too.
    pub(crate) request_id: String,
    /// The service's name.
    pub(crate) service: &'static str,
    pub(crate) protocol: Protocol,
    pub(crate) operation: String,
    pub(crate) input: Value,
    pub(crate) access_key_id: String,
}

impl Call {
    /// The error for an operation that this simulation does not have.
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
