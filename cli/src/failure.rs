//! How a command ends, and its message if it failed.

use std::fmt;
use std::process::ExitCode;

use aws_sdk_eks::config::http::HttpResponse;
use aws_sdk_eks::error::{ProvideErrorMetadata, SdkError};
use eks_nodegroup_updater::aws::describe;
use serde::Serialize;

use terminal::message::Message;

/// How a command ends: the same for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Success.
    Done,
    /// Failure.
    Failed,
    /// With `--exit-code`: there is something to see.
    Found,
    /// No credentials, or missing permissions.
    Denied,
    /// The updater is not deployed there.
    NotDeployed,
    /// Wrong usage.
    Usage,
    /// Ctrl-C.
    Interrupted,
}

/// Why a command failed, and what to do.
#[derive(Clone, Debug)]
pub struct Failure {
    /// How it ends.
    pub exit: Exit,
    /// AWS's error code, if AWS refused something.
    pub code: Option<String>,
    /// What could not be done, and why.
    pub message: String,
    /// What to do about it.
    pub hint: Option<Message>,
    /// Whether its cause lasts until somebody changes what is there.
    pub is_lasting: bool,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

impl Exit {
    /// The exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Found => 2,
            Self::Denied => 3,
            Self::NotDeployed => 4,
            Self::Usage => 64,
            Self::Interrupted => 130,
        }
    }
}

/// A failure for programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    error: Error<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Error<'a> {
    exit_code: u8,
    /// AWS's error code.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<&'a Message>,
}

impl Failure {
    /// It could not be done.
    pub fn new(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Failed, code: None, message: message.to_string(), hint: None, is_lasting: false }
    }

    /// The updater is not deployed in a region.
    pub fn not_deployed(message: impl fmt::Display) -> Self {
        Self { exit: Exit::NotDeployed, ..Self::new(message) }
    }

    /// The same as a JSON document.
    pub fn document(&self) -> impl Serialize {
        let Self { exit, code, message, hint, is_lasting: _ } = self;
        let error = Error { exit_code: exit.code(), code: code.as_deref(), message, remedy: hint.as_ref() };
        Document { error }
    }

    /// Wrong usage.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Usage, ..Self::new(message) }
    }

    /// There are no credentials, or they are missing a permission.
    pub fn denied(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Denied, ..Self::new(message) }
    }

    /// EKS has no such cluster or node group.
    pub fn not_found(message: impl fmt::Display) -> Self {
        Self { code: Some(NOT_FOUND.to_owned()), ..Self::new(message) }
    }

    /// The same, of a cause that lasts.
    #[must_use]
    pub fn lasting(self) -> Self {
        Self { is_lasting: true, ..self }
    }

    /// Whether it lasts until somebody changes a policy, the command, or what is there. Everything else can pass: a throttled
    /// call, a network that is gone, credentials that have expired.
    pub fn lasts(&self) -> bool {
        let is_of_rights = self.code.as_deref().is_some_and(is_want_of_rights);
        self.is_lasting || is_of_rights || matches!(self.exit, Exit::Usage | Exit::NotDeployed)
    }

    /// Whether credentials that are loaded again might help: AWS refused these, or gave no answer at all.
    pub fn might_be_of_credentials(&self) -> bool {
        self.code.as_deref().is_none_or(is_bad_credentials)
    }

    /// Whether AWS has no such thing.
    pub fn is_not_found(&self) -> bool {
        self.code.as_deref() == Some(NOT_FOUND)
    }

    /// The names that might be meant; without any, how to see all.
    #[must_use]
    pub fn did_you_mean(self, near: &[&str], options: &str) -> Self {
        match near {
            [] => self.hint(format!("See them all: eks-nodegroup-updater nodegroups{options}")),
            near => self.hint(format!("Did you mean {}?", near.join(" or "))),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(self, hint: impl Into<Message>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// AWS refused what was being done.
    pub fn of_call<E>(doing: &str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        Self::of_code(error.code(), format!("{doing}: {}", describe(error)))
    }

    /// AWS refused something, in the words of [`describe`], which start with its code.
    pub fn of_text(text: &str) -> Self {
        Self::of_code(text.split(':').next(), text.to_owned())
    }

    fn of_code(code: Option<&str>, message: String) -> Self {
        let failure = match code {
            // A service control policy, for instance, which no policy of the account can overrule.
            Some(code) if is_want_of_rights(code) && message.contains(EXPLICIT_DENY) => Self::denied(message)
                .hint("A policy denies this explicitly, whatever else allows it. Leave the region out, or ask whoever manages that policy."),
            Some(code) if is_want_of_rights(code) => Self::denied(message).hint(
                "The stack's outputs ViewerPolicyArn and OperatorPolicyArn are policies with read-only and \
                       operator permissions.",
            ),
            Some(code) if is_bad_credentials(code) => {
                Self::denied(message).hint("Sign in again, for example: aws sso login")
            }
            Some(code) if is_of_throttling(code) => Self::new(message)
                .hint("AWS throttles this account. Try again later, or read less with --filter or a single cluster's pattern."),
            _ => Self::new(message),
        };
        Self { code: code.map(str::to_owned), ..failure }
    }
}

/// EKS's error for a cluster or node group that does not exist.
pub const NOT_FOUND: &str = "ResourceNotFoundException";

/// How AWS ends a refusal by an explicit deny, such as one of a service control policy.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>
const EXPLICIT_DENY: &str = "with an explicit deny";

/// Whether an error is about the account's request rate.
fn is_of_throttling(code: &str) -> bool {
    code.contains("Throttl") || code.contains("TooMany")
}

/// Whether an error is about missing permissions.
pub fn is_want_of_rights(code: &str) -> bool {
    matches!(code, "AccessDenied" | "AccessDeniedException" | "AuthorizationError" | "UnauthorizedOperation")
        || code.ends_with("AccessDenied")
}

fn is_bad_credentials(code: &str) -> bool {
    const CODES: [&str; 9] = [
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    ];
    CODES.contains(&code)
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Message::from(self).fmt(f)
    }
}

impl From<&Failure> for Message {
    fn from(failure: &Failure) -> Self {
        let message = Self::new(format!("error: {}", failure.message));
        match &failure.hint {
            Some(hint) => hint.lines().fold(message.line(""), Self::line),
            None => message,
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::new(format!("{error:#}"))
    }
}
