//! The answer of an operation, and its HTTP response in a protocol.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::wire::call::Call;
use crate::wire::error::ApiError;
use crate::wire::protocol::Protocol;
use crate::wire::{members, xml};

/// The outcome of an operation, independent of the protocol.
pub(crate) enum Answer {
    /// Members of the operation's output.
    Json(Value),
    /// The content of the operation's result element.
    Xml(String),
    /// A complete answer of a service with its own format.
    Raw(Response<Bytes>),
    /// A slow answer, which is awaited without the lock on the state.
    Later(Later),
}

/// An answer in the making.
pub(crate) type Later = Pin<Box<dyn Future<Output = Response<Bytes>> + Send>>;

impl Answer {
    /// The same without one of its members; XML as it is.
    pub(crate) fn without_member(self, number: usize) -> Self {
        match self {
            Self::Json(mut answer) => {
                members::remove(&mut answer, usize::MAX, number);
                Self::Json(answer)
            }
            // Deeper members are the items of a table, which the service does not lose.
            Self::Raw(response) => Self::Raw(response.map(|body| {
                let Ok(mut answer) = serde_json::from_slice(&body) else { return body };
                members::remove(&mut answer, 1, number);
                Bytes::from(answer.to_string())
            })),
            Self::Xml(_) | Self::Later(_) => self,
        }
    }
}

/// The HTTP response for a complete outcome.
pub(crate) fn render(call: &Call, outcome: Result<Answer, ApiError>) -> Response<Bytes> {
    let request_id = &call.request_id;
    let mut response = match outcome {
        Ok(Answer::Json(value)) if matches!(call.protocol, Protocol::Cbor) => cbor(200, &value),
        Ok(Answer::Json(value)) => json_body(200, call.protocol, &value),
        Ok(Answer::Xml(result)) => success_xml(call, &result),
        Ok(Answer::Raw(response)) => response,
        Ok(Answer::Later(_)) => render_error(call.protocol, request_id, &ApiError::server()),
        Err(error) => render_error(call.protocol, request_id, &error),
    };
    set(&mut response, "x-amzn-requestid", request_id);
    response
}

/// The HTTP response for an error, in the protocol of the requested service.
pub(crate) fn render_error(protocol: Protocol, request_id: &str, error: &ApiError) -> Response<Bytes> {
    match protocol {
        Protocol::Query { .. } => error_xml(error, request_id),
        Protocol::RestJson { .. } => {
            let mut response = json_body(error.status, protocol, &error_members(error, None));
            set(&mut response, "x-amzn-errortype", &error.code);
            response
        }
        Protocol::Json { namespace, .. } => {
            let kind = format!("{namespace}{}", error.code);
            json_body(error.status, protocol, &error_members(error, Some(&kind)))
        }
        Protocol::Cbor => cbor(error.status, &error_members(error, Some(&error.code))),
    }
}

/// A response with any status, body and content type.
pub(crate) fn response(status: u16, content_type: &'static str, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn set(response: &mut Response<Bytes>, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn json_body(status: u16, protocol: Protocol, value: &Value) -> Response<Bytes> {
    let content_type = match protocol {
        Protocol::Json { content_type, .. } => content_type,
        _ => "application/json",
    };
    response(status, content_type, Bytes::from(value.to_string()))
}

fn cbor(status: u16, value: &Value) -> Response<Bytes> {
    let mut body = Vec::new();
    let written = ciborium::into_writer(value, &mut body);
    let status = if written.is_ok() { status } else { 500 };
    let mut response = response(status, "application/cbor", Bytes::from(body));
    set(&mut response, "smithy-protocol", "rpc-v2-cbor");
    response
}

fn error_members(error: &ApiError, kind: Option<&str>) -> Value {
    // Some exceptions spell it differently, and include it.
    let has_own = error.members.iter().any(|(name, _)| name == "Message");
    let mut members = if has_own { json!({}) } else { json!({ "message": error.message }) };
    if let Some(kind) = kind {
        members["__type"] = json!(kind);
    }
    for (name, value) in &error.members {
        members[name.as_str()] = json!(value);
    }
    members
}

fn success_xml(call: &Call, result: &str) -> Response<Bytes> {
    let operation = &call.operation;
    let namespace = match call.protocol {
        Protocol::Query { xml_namespace } => xml_namespace,
        _ => "",
    };
    let body = format!(
        "<{operation}Response xmlns=\"{namespace}\"><{operation}Result>{result}</{operation}Result>\
         <ResponseMetadata>{}</ResponseMetadata></{operation}Response>",
        xml::element("RequestId", &call.request_id)
    );
    response(200, "text/xml", Bytes::from(body))
}

fn error_xml(error: &ApiError, request_id: &str) -> Response<Bytes> {
    let kind = if error.status < 500 { "Sender" } else { "Receiver" };
    let body = format!(
        "<ErrorResponse><Error>{}{}{}</Error>{}</ErrorResponse>",
        xml::element("Type", kind),
        xml::element("Code", &error.code),
        xml::element("Message", &error.message),
        xml::element("RequestId", request_id)
    );
    response(error.status, "text/xml", Bytes::from(body))
}
