//! The protocols, and how each encodes the operation and its input.

use bytes::Bytes;
use http::HeaderMap;
use http::request::Parts;
use serde_json::{Map, Value};

use crate::wire::error::ApiError;

/// An operation and its input.
pub(crate) type Routed = Result<(String, Value), ApiError>;

/// The protocol of a service.
#[derive(Clone, Copy)]
pub(crate) enum Protocol {
    /// REST with JSON bodies; method and path determine the operation, which the service parses.
    RestJson { route: fn(&Parts, &Bytes) -> Routed },
    /// `awsJson1_0` and `awsJson1_1`; a header names the operation.
    Json { content_type: &'static str, namespace: &'static str, or_cbor: bool },
    /// `rpcv2Cbor`, which newer clients prefer if the service supports it.
    Cbor,
    /// A form in, XML out.
    Query { xml_namespace: &'static str },
}

impl Protocol {
    /// For an answer without a service.
    pub(crate) const NO_SERVICE: Self = Self::RestJson { route: |_, _| Err(ApiError::serialization("no service")) };

    /// The protocol of this request, among the service's protocols.
    pub(crate) fn of_request(self, headers: &HeaderMap) -> Self {
        match self {
            Self::Json { or_cbor: true, .. } if headers.contains_key("smithy-protocol") => Self::Cbor,
            other => other,
        }
    }

    /// Determines the operation and the input of a request.
    pub(crate) fn read(self, parts: &Parts, body: &Bytes) -> Routed {
        match self {
            Self::RestJson { route } => route(parts, body),
            Self::Json { .. } => json_rpc(parts, body),
            Self::Cbor => cbor_rpc(parts, body),
            Self::Query { .. } => form(body),
        }
    }
}

fn json_rpc(parts: &Parts, body: &Bytes) -> Routed {
    let target = parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok());
    let operation = target.and_then(|target| target.rsplit('.').next()).unwrap_or_default();
    if operation.is_empty() {
        return Err(ApiError::new(400, "UnknownOperationException", "The header X-Amz-Target names no operation"));
    }
    Ok((operation.to_owned(), json_object(body)?))
}

fn cbor_rpc(parts: &Parts, body: &Bytes) -> Routed {
    let operation = parts.uri.path().rsplit_once("/operation/").map(|(_, operation)| operation);
    let operation = operation.unwrap_or_default().to_owned();
    if body.is_empty() {
        return Ok((operation, Value::Object(Map::new())));
    }
    match ciborium::from_reader(body.as_ref()) {
        Ok(input @ Value::Object(_)) => Ok((operation, input)),
        Ok(_) => Err(ApiError::serialization("The body is not a map")),
        Err(error) => Err(ApiError::serialization(error)),
    }
}

fn form(body: &Bytes) -> Routed {
    let mut members: Map<String, Value> = form_urlencoded::parse(body)
        .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
        .collect();
    members.remove("Version");
    match members.remove("Action") {
        Some(Value::String(operation)) if !operation.is_empty() => Ok((operation, Value::Object(members))),
        _ => Err(ApiError::new(400, "MissingAction", "The request names no Action")),
    }
}

/// A body that is a JSON object, or empty.
pub(crate) fn json_object(body: &Bytes) -> Result<Value, ApiError> {
    if body.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    match serde_json::from_slice(body) {
        Ok(input @ Value::Object(_)) => Ok(input),
        Ok(_) => Err(ApiError::serialization("The body is not an object")),
        Err(error) => Err(ApiError::serialization(error)),
    }
}
