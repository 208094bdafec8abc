use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, header};
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::world::State;
use crate::{ApiError, dynamodb, eks, sns, ssm};

/// A request that reached the world.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The service's name as a signature scopes it: `eks`, `ssm`, `sns`, `tagging`, `dynamodb` or `sts`.
    pub service: &'static str,
    /// For instance `DescribeNodegroup`.
    pub operation: String,
    /// The IAM action, for instance `eks:DescribeNodegroup`.
    pub action: String,
    /// The ARNs against which IAM checks the action; `*` where AWS knows no resource.
    pub resources: Vec<String>,
    /// The access key id that signed it, empty when none did.
    pub access_key_id: String,
    /// The members of the operation's input under AWS's names, including those that travel in the path.
    pub body: Value,
    /// When it came.
    pub at: Timestamp,
}

/// The services of the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Eks,
    Ssm,
    Sns,
    Tagging,
    DynamoDb,
    Sts,
}

/// The form in which a service speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    RestJson,
    Json { content_type: &'static str, namespace: &'static str },
    Cbor,
    Query,
}

/// A request that was understood as far as service, operation and input.
pub(crate) struct Call {
    pub(crate) service: Service,
    pub(crate) protocol: Protocol,
    pub(crate) operation: String,
    pub(crate) input: Value,
    access_key_id: String,
}

impl Service {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "eks" => Self::Eks,
            "ssm" => Self::Ssm,
            "sns" => Self::Sns,
            "tagging" => Self::Tagging,
            "dynamodb" => Self::DynamoDb,
            "sts" => Self::Sts,
            _ => return None,
        })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Eks => "eks",
            Self::Ssm => "ssm",
            Self::Sns => "sns",
            Self::Tagging => "tagging",
            Self::DynamoDb => "dynamodb",
            Self::Sts => "sts",
        }
    }

    pub(crate) fn xml_namespace(self) -> &'static str {
        match self {
            Self::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
            _ => "http://sns.amazonaws.com/doc/2010-03-31/",
        }
    }

    /// The prefix of the service's IAM actions.
    fn action_prefix(self) -> &'static str {
        match self {
            Self::Tagging => "tag",
            other => other.name(),
        }
    }

    fn protocol(self, headers: &HeaderMap) -> Protocol {
        match self {
            Self::Eks => Protocol::RestJson,
            Self::Sns | Self::Sts => Protocol::Query,
            // Newer clients prefer CBOR for this service.
            Self::Tagging if headers.contains_key("smithy-protocol") => Protocol::Cbor,
            Self::Ssm | Self::Tagging => Protocol::Json { content_type: "application/x-amz-json-1.1", namespace: "" },
            Self::DynamoDb => Protocol::Json {
                content_type: "application/x-amz-json-1.0",
                namespace: "com.amazonaws.dynamodb.v20120810#",
            },
        }
    }
}

impl Call {
    /// Reads a request; an error comes with the protocol in which to answer it.
    pub(crate) fn parse(parts: &Parts, body: &Bytes) -> Result<Self, (Protocol, ApiError)> {
        let scope = Scope::of(&parts.headers);
        let name = scope.service.or_else(|| first_label(parts)).unwrap_or_default();
        let Some(service) = Service::named(name) else {
            let error = if name.is_empty() {
                ApiError::new(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
            } else {
                ApiError::new(404, "UnknownServiceException", format!("This simulation has no service {name:?}"))
            };
            return Err((Protocol::RestJson, error));
        };
        let protocol = service.protocol(&parts.headers);
        let (operation, input) = match protocol {
            Protocol::RestJson => eks::parse(parts, body),
            Protocol::Query => form(body),
            Protocol::Json { .. } => json_rpc(parts, body),
            Protocol::Cbor => cbor_rpc(parts, body),
        }
        .map_err(|error| (protocol, error))?;
        Ok(Self { service, protocol, operation, input, access_key_id: scope.access_key_id.to_owned() })
    }

    /// The call as [`World::requests`](crate::World::requests) shows it.
    pub(crate) fn record(&self, state: &State) -> Request {
        let resources = match self.service {
            Service::Eks => eks::resources(state, &self.operation, &self.input),
            Service::Ssm => ssm::resources(&self.input),
            Service::Sns => sns::resources(&self.input),
            Service::DynamoDb => dynamodb::resources(&self.input),
            Service::Tagging | Service::Sts => vec!["*".to_owned()],
        };
        Request {
            service: self.service.name(),
            operation: self.operation.clone(),
            action: format!("{}:{}", self.service.action_prefix(), self.operation),
            resources,
            access_key_id: self.access_key_id.clone(),
            body: self.input.clone(),
            at: state.now,
        }
    }

    /// The error for an operation that this simulation does not have.
    pub(crate) fn unknown(&self) -> ApiError {
        let code = match self.protocol {
            Protocol::Query => "InvalidAction",
            _ => "UnknownOperationException",
        };
        ApiError::new(400, code, format!("This simulation has no operation {}:{}", self.service.name(), self.operation))
    }
}

/// What a signature is good for. It is not checked.
#[derive(Default)]
struct Scope<'a> {
    access_key_id: &'a str,
    service: Option<&'a str>,
}

impl<'a> Scope<'a> {
    fn of(headers: &'a HeaderMap) -> Self {
        Self::read(headers).unwrap_or_default()
    }

    /// `AWS4-HMAC-SHA256 Credential=AKID/20260701/eu-central-1/eks/aws4_request, SignedHeaders=…`
    fn read(headers: &'a HeaderMap) -> Option<Self> {
        let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (_, credential) = value.split_once("Credential=")?;
        let mut parts = credential.split([',', ' ']).next()?.split('/');
        Some(Self { access_key_id: parts.next()?, service: parts.nth(2) })
    }
}

/// The first label of the host, which is the service's name in AWS's own endpoints.
fn first_label(parts: &Parts) -> Option<&str> {
    let header = || parts.headers.get(header::HOST)?.to_str().ok();
    let host = parts.uri.host().or_else(header)?;
    let (label, rest) = host.split_once('.')?;
    rest.contains("amazonaws").then_some(label)
}

fn json_rpc(parts: &Parts, body: &Bytes) -> Result<(String, Value), ApiError> {
    let target = parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok());
    let operation = target.and_then(|target| target.rsplit('.').next()).unwrap_or_default();
    if operation.is_empty() {
        return Err(ApiError::new(400, "UnknownOperationException", "The header X-Amz-Target names no operation"));
    }
    Ok((operation.to_owned(), json_object(body)?))
}

fn cbor_rpc(parts: &Parts, body: &Bytes) -> Result<(String, Value), ApiError> {
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

fn form(body: &Bytes) -> Result<(String, Value), ApiError> {
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

/// A member of the input that is text and not empty.
pub(crate) fn text<'a>(input: &'a Value, name: &str) -> Option<&'a str> {
    input.get(name)?.as_str().filter(|text| !text.is_empty())
}
