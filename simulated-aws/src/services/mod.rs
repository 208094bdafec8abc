//! The services: one row and one file or folder each.
//!
//! A service answers calls from the state, and names the ARNs of a call. It does not depend on another service; its private
//! state is in the state's `extensions`.

mod account;
mod cloudformation;
mod dynamodb;
mod eks;
mod eventbridge;
mod lambda;
mod sns;
mod ssm;
mod sts;
mod tagging;

use bytes::Bytes;
use http::request::Parts;

pub(crate) use dynamodb::create_table;
pub(crate) use eks::{start_launch_template_update, start_update};

use crate::state::State;
use crate::state::arns::caller_arn;
use crate::state::request::Request;
use crate::wire::answer::Answer;
use crate::wire::call::Call;
use crate::wire::error::ApiError;
use crate::wire::protocol::Protocol;
use crate::wire::signature;

/// An AWS service.
pub(crate) struct Service {
    /// Its name in a signature's scope.
    name: &'static str,
    /// The prefix of its IAM actions.
    action_prefix: &'static str,
    protocol: Protocol,
    /// Whether it answers for all regions. Others answer in each region that is enabled for the account.
    global: bool,
    /// Status and code for a caller without permission.
    denied: (u16, &'static str),
    answer: fn(&mut State, &Call) -> Result<Answer, ApiError>,
    /// The ARNs against which IAM checks a call; none if the action has no resource.
    resources: fn(&State, &Call) -> Vec<String>,
}

/// Every service of the world. A new one is a row here and the file that the row names.
const SERVICES: &[Service] = &[
    Service {
        name: "eks",
        action_prefix: "eks",
        protocol: Protocol::RestJson { route: eks::route },
        global: false,
        denied: (403, "AccessDeniedException"),
        answer: eks::answer,
        resources: eks::resources,
    },
    Service {
        name: "ssm",
        action_prefix: "ssm",
        protocol: Protocol::Json { content_type: "application/x-amz-json-1.1", namespace: "", or_cbor: false },
        global: false,
        denied: (400, "AccessDeniedException"),
        answer: ssm::answer,
        resources: ssm::resources,
    },
    Service {
        name: "sns",
        action_prefix: "sns",
        protocol: Protocol::Query { xml_namespace: "http://sns.amazonaws.com/doc/2010-03-31/" },
        global: false,
        denied: (403, "AuthorizationError"),
        answer: sns::answer,
        resources: sns::resources,
    },
    Service {
        name: "events",
        action_prefix: "events",
        protocol: Protocol::Json { content_type: "application/x-amz-json-1.1", namespace: "", or_cbor: false },
        global: false,
        denied: (400, "AccessDeniedException"),
        answer: eventbridge::answer,
        resources: eventbridge::resources,
    },
    Service {
        name: "tagging",
        action_prefix: "tag",
        protocol: Protocol::Json { content_type: "application/x-amz-json-1.1", namespace: "", or_cbor: true },
        global: false,
        denied: (400, "AccessDeniedException"),
        answer: tagging::answer,
        resources: tagging::resources,
    },
    Service {
        name: "dynamodb",
        action_prefix: "dynamodb",
        protocol: Protocol::Json {
            content_type: "application/x-amz-json-1.0",
            namespace: "com.amazonaws.dynamodb.v20120810#",
            or_cbor: false,
        },
        global: false,
        denied: (400, "AccessDeniedException"),
        answer: dynamodb::answer,
        resources: dynamodb::resources,
    },
    Service {
        name: "sts",
        action_prefix: "sts",
        protocol: Protocol::Query { xml_namespace: "https://sts.amazonaws.com/doc/2011-06-15/" },
        global: false,
        denied: (403, "AccessDenied"),
        answer: sts::answer,
        resources: sts::resources,
    },
    Service {
        name: "cloudformation",
        action_prefix: "cloudformation",
        protocol: Protocol::Query { xml_namespace: "http://cloudformation.amazonaws.com/doc/2010-05-15/" },
        global: false,
        denied: (403, "AccessDenied"),
        answer: cloudformation::answer,
        resources: cloudformation::resources,
    },
    Service {
        name: "lambda",
        action_prefix: "lambda",
        protocol: Protocol::RestJson { route: lambda::route },
        global: false,
        denied: (403, "AccessDeniedException"),
        answer: lambda::answer,
        resources: lambda::resources,
    },
    Service {
        name: "account",
        action_prefix: "account",
        protocol: Protocol::RestJson { route: account::route },
        global: true,
        denied: (403, "AccessDeniedException"),
        answer: account::answer,
        resources: account::resources,
    },
];

/// Reads a request to this region; an error comes with the protocol in which to answer it.
pub(crate) fn parse(
    parts: &Parts,
    body: &Bytes,
    request_id: &str,
    region: &str,
) -> Result<(&'static Service, Call), (Protocol, ApiError)> {
    let name = signature::service(parts);
    let Some(service) = SERVICES.iter().find(|service| service.name == name) else {
        let error = if name.is_empty() {
            ApiError::new(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
        } else {
            ApiError::new(404, "UnknownServiceException", format!("This simulation has no service {name:?}"))
        };
        return Err((Protocol::NO_SERVICE, error));
    };
    let protocol = service.protocol.of_request(&parts.headers);
    if !service.global && signature::region(&parts.headers).is_some_and(|signed_for| signed_for != region) {
        return Err((protocol, not_enabled(protocol)));
    }
    let (operation, input) = protocol.read(parts, body).map_err(|error| (protocol, error))?;
    let access_key_id = signature::access_key_id(&parts.headers).to_owned();
    let request_id = request_id.to_owned();
    Ok((service, Call { request_id, service: service.name, protocol, operation, input, access_key_id }))
}

/// The refusal of a request that is signed for a region which is not enabled for the account: there its credentials are unknown.
fn not_enabled(protocol: Protocol) -> ApiError {
    let (status, code) = match protocol {
        Protocol::Query { .. } => (403, "InvalidClientTokenId"),
        Protocol::RestJson { .. } => (403, "UnrecognizedClientException"),
        Protocol::Json { .. } | Protocol::Cbor => (400, "UnrecognizedClientException"),
    };
    ApiError::new(status, code, "The security token included in the request is invalid")
}

impl Service {
    pub(crate) fn answer(&self, state: &mut State, call: &Call) -> Result<Answer, ApiError> {
        (self.answer)(state, call)
    }

    /// The call as [`World::requests`](crate::World::requests) shows it.
    pub(crate) fn record(&self, state: &State, call: &Call) -> Request {
        let mut resources = (self.resources)(state, call);
        if resources.is_empty() {
            resources.push("*".to_owned());
        }
        Request {
            service: self.name,
            operation: call.operation.clone(),
            action: self.action(&call.operation),
            resources,
            access_key_id: call.access_key_id.clone(),
            body: call.input.clone(),
            at: state.now,
        }
    }

    /// The IAM action for an operation. All but one have the operation's name.
    fn action(&self, operation: &str) -> String {
        match (self.action_prefix, operation) {
            ("lambda", "Invoke") => "lambda:InvokeFunction".to_owned(),
            (prefix, _) => format!("{prefix}:{operation}"),
        }
    }
}

impl ApiError {
    /// The error that the caller is not allowed to perform `action`, for instance `eks:UpdateNodegroupVersion`, in that
    /// service's words.
    pub fn access_denied(action: &str) -> Self {
        let prefix = action.split(':').next();
        let service = SERVICES.iter().find(|service| Some(service.action_prefix) == prefix);
        let (status, code) = service.map_or((400, "AccessDeniedException"), |service| service.denied);
        let message = format!(
            "User: {} is not authorized to perform: {action} because no identity-based policy allows the {action} action",
            caller_arn()
        );
        Self::new(status, code, message)
    }
}
