//! AWS's errors in words.

use aws_sdk_eks::config::http::HttpResponse;
use aws_sdk_eks::error::{ProvideErrorMetadata, SdkError};

/// How much of an answer from something other than AWS is quoted.
const BODY_CHARACTERS: usize = 200;

/// Whether AWS throttled a call.
pub fn is_throttled<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    error.code().is_some_and(|code| code.contains("Throttl") || code.contains("TooMany"))
        || error.raw_response().is_some_and(|response| response.status().as_u16() == 429)
}

/// An error of AWS as `Code: message`. The SDK's `Display` is only "service error", and its `Debug` has whole answers; for an
/// answer from something other than AWS, such as a proxy's page, the status and the beginning are enough.
pub fn describe<E>(error: &SdkError<E, HttpResponse>) -> String
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    match (error.code(), error.message(), error.raw_response()) {
        (Some(code), Some(message), _) => format!("{code}: {message}"),
        (Some(code), None, _) => code.to_owned(),
        (None, _, Some(response)) => {
            let body = response.body().bytes().map(String::from_utf8_lossy).unwrap_or_default();
            let begin: String = body.chars().take(BODY_CHARACTERS).collect();
            format!("HTTP status {} with a body that is not AWS's: {begin:?}", response.status().as_u16())
        }
        // No answer at all: the sources have the cause.
        (None, _, None) => {
            let sources = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
            sources.map(ToString::to_string).collect::<Vec<_>>().join(": ")
        }
    }
}
