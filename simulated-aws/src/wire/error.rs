//! Errors of AWS services.

use std::fmt;

/// An error of an AWS service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// The exception's name, for instance `ResourceInUseException`.
    pub code: String,
    /// The message.
    pub message: String,
    /// Other members of the exception, for instance `("nodegroupName", "blue")`.
    pub members: Vec<(String, String)>,
}

impl ApiError {
    /// An error with any status, code and message.
    pub fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), members: Vec::new() }
    }

    /// `ThrottlingException`: too many requests. The SDK retries it.
    pub fn throttling() -> Self {
        Self::new(429, "ThrottlingException", "Rate exceeded")
    }

    /// `ServerException` with status 500. The SDK retries it.
    pub fn server() -> Self {
        Self::new(500, "ServerException", "An internal error occurred")
    }

    /// `ServiceUnavailableException` with status 503. The SDK retries it.
    pub fn service_unavailable() -> Self {
        Self::new(503, "ServiceUnavailableException", "Service is temporarily unavailable")
    }

    pub(crate) fn member(mut self, name: &str, value: &str) -> Self {
        self.members.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A body or parameter that cannot be read.
    pub(crate) fn serialization(what: impl fmt::Display) -> Self {
        Self::new(400, "SerializationException", what.to_string())
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for ApiError {}
