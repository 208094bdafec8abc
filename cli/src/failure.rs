//! How a command ends, and its message if it failed.

use std::fmt;
use std::process::ExitCode;

use aws_sdk_eks::config::http::HttpResponse;
use aws_sdk_eks::error::{ProvideErrorMetadata, SdkError};
use eks_nodegroup_updater::aws::describe;

use terminal::text::safe;

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
    /// Wrong usage.
    Usage,
    /// Ctrl-C.
    Interrupted,
}

/// Why a command failed, and what to do.
#[derive(Debug)]
pub struct Failure {
    /// How it ends.
    pub exit: Exit,
    /// What could not be done, and why.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Found => 2,
            Exit::Denied => 3,
            Exit::Usage => 64,
            Exit::Interrupted => 130,
        })
    }
}

impl Failure {
    /// It could not be done.
    pub fn new(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Failed, message: message.to_string(), hint: None }
    }

    /// Wrong usage.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Usage, ..Self::new(message) }
    }

    /// There are no credentials, or they are missing a permission.
    pub fn denied(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Denied, ..Self::new(message) }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(self, hint: impl fmt::Display) -> Self {
        Self { hint: Some(hint.to_string()), ..self }
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
        match code {
            Some(code) if is_want_of_rights(code) => Self::denied(message).hint(
                "The stack's outputs ViewerPolicyArn and OperatorPolicyArn are policies with read-only and \
                       operator permissions.",
            ),
            Some(code) if is_bad_credentials(code) => {
                Self::denied(message).hint("Sign in again, for example: aws sso login")
            }
            _ => Self::new(message),
        }
    }
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
        write!(f, "error: {}", safe(&self.message))?;
        match &self.hint {
            Some(hint) => write!(f, "\n\n{hint}"),
            None => Ok(()),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::new(format!("{error:#}"))
    }
}
