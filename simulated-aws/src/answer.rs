use std::fmt;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::request::{Call, Protocol};
use crate::xml;

/// An error as an AWS service answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// The exception's name, for instance `ResourceInUseException`.
    pub code: String,
    /// What the service says for people.
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

    /// The caller lacks the right to `action`, for instance `eks:UpdateNodegroupVersion`, in that service's words.
    pub fn access_denied(action: &str) -> Self {
        let (status, code) = match action.split(':').next() {
            Some("eks") => (403, "AccessDeniedException"),
            Some("sns") => (403, "AuthorizationError"),
            Some("sts") => (403, "AccessDenied"),
            _ => (400, "AccessDeniedException"),
        };
        let message = format!(
            "User: {} is not authorized to perform: {action} because no identity-based policy allows the {action} action",
            crate::sts::caller_arn()
        );
        Self::new(status, code, message)
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

/// What an operation has to say, before a protocol gives it its form.
pub(crate) enum Answer {
    /// Members of the operation's output.
    Json(Value),
    /// The content of the operation's result element.
    Xml(String),
    /// A whole answer of a service that speaks for itself.
    Raw(Response<Bytes>),
}

impl Answer {
    /// The same without one of its members; XML as it is.
    pub(crate) fn without_member(self, number: usize) -> Self {
        match self {
            Self::Json(mut answer) => {
                remove_member(&mut answer, usize::MAX, number);
                Self::Json(answer)
            }
            // What lies deeper are the items of a table, which are not the service's to lose.
            Self::Raw(response) => Self::Raw(response.map(|body| {
                let Ok(mut answer) = serde_json::from_slice(&body) else { return body };
                remove_member(&mut answer, 1, number);
                Bytes::from(answer.to_string())
            })),
            Self::Xml(_) => self,
        }
    }
}

fn remove_member(answer: &mut Value, depth: usize, number: usize) {
    let mut members = Vec::new();
    find_members(answer, "", depth, &mut members);
    let Some((parent, name)) = number.checked_rem(members.len()).map(|index| &members[index]) else { return };
    if let Some(parent) = answer.pointer_mut(parent).and_then(Value::as_object_mut) {
        parent.remove(name);
    }
}

/// All members in `value`: the JSON pointer to the object, and the name.
fn find_members(value: &Value, pointer: &str, depth: usize, members: &mut Vec<(String, String)>) {
    match value {
        Value::Object(object) if depth > 0 => {
            for (name, value) in object.iter().filter(|(name, _)| !name.to_lowercase().ends_with("token")) {
                members.push((pointer.to_owned(), name.clone()));
                let depth = if name == "tags" { 0 } else { depth - 1 };
                find_members(value, &format!("{pointer}/{name}"), depth, members);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                find_members(item, &format!("{pointer}/{index}"), depth, members);
            }
        }
        _ => {}
    }
}

/// The HTTP response for an outcome.
pub(crate) fn render(call: &Call, request_id: &str, outcome: Result<Answer, ApiError>) -> Response<Bytes> {
    let mut response = match outcome {
        Ok(Answer::Json(value)) if call.protocol == Protocol::Cbor => cbor(200, &value),
        Ok(Answer::Json(value)) => json_body(200, call.protocol, &value),
        Ok(Answer::Xml(result)) => success_xml(call, request_id, &result),
        Ok(Answer::Raw(response)) => response,
        Err(error) => render_error(call.protocol, request_id, &error),
    };
    set(&mut response, "x-amzn-requestid", request_id);
    response
}

/// The HTTP response for an error, in the protocol of the service that was asked.
pub(crate) fn render_error(protocol: Protocol, request_id: &str, error: &ApiError) -> Response<Bytes> {
    match protocol {
        Protocol::Query => error_xml(error, request_id),
        Protocol::RestJson => {
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
    let mut members = json!({ "message": error.message });
    if let Some(kind) = kind {
        members["__type"] = json!(kind);
    }
    for (name, value) in &error.members {
        members[name.as_str()] = json!(value);
    }
    members
}

fn success_xml(call: &Call, request_id: &str, result: &str) -> Response<Bytes> {
    let operation = &call.operation;
    let namespace = call.service.xml_namespace();
    let body = format!(
        "<{operation}Response xmlns=\"{namespace}\"><{operation}Result>{result}</{operation}Result>\
         <ResponseMetadata>{}</ResponseMetadata></{operation}Response>",
        xml::element("RequestId", request_id)
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
