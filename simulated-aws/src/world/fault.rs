//! Faults that a test injects.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use crate::state::request::Request;
use crate::wire::error::ApiError;

/// The fault of a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Fault {
    /// No fault: AWS's answer arrives.
    #[default]
    None,
    /// It is refused before it has any effect.
    Error(ApiError),
    /// The connection breaks before it has any effect.
    LostBefore,
    /// It takes effect; the connection breaks before the answer arrives.
    LostAfter,
    /// It takes effect, but the answer is an error.
    ErrorAfter(ApiError),
    /// It takes effect, but the answer is this, for instance a proxy's error page.
    Body {
        /// The HTTP status.
        status: u16,
        /// The whole body.
        body: Bytes,
    },
    /// It takes effect; the second half of the answer's body is missing.
    Truncated,
    /// It takes effect; the member of the JSON answer with this number is missing. Numbers go round, since answers
    /// differ in their members. Members named for a token, and single tags, stay, since without them the answer would
    /// be another valid one. Of DynamoDB's answers only the outermost members can be missing.
    WithoutMember(usize),
    /// It is slow, by tokio's clock; in between, `then` applies. It takes effect even if the client has given up
    /// meanwhile.
    Slow {
        /// From the client to its effect.
        before: Duration,
        /// From there back to the client.
        after: Duration,
        /// A further fault.
        then: Box<Self>,
    },
}

type Hook = Box<dyn FnMut(&Request) -> Fault + Send>;

struct Failure {
    action: String,
    times: usize,
    error: ApiError,
}

/// The faults that a test requested.
#[derive(Default)]
pub(crate) struct Faults {
    next: Mutex<Vec<Failure>>,
    hook: Mutex<Option<Hook>>,
}

impl Faults {
    /// The fault for `request`: a fault for its action takes precedence over the hook.
    pub(crate) fn fault(&self, request: &Request) -> Fault {
        if let Some(error) = self.take_next(&request.action) {
            return Fault::Error(error);
        }
        let mut hook = self.hook.lock().unwrap_or_else(PoisonError::into_inner);
        hook.as_mut().map_or(Fault::None, |hook| hook(request))
    }

    fn take_next(&self, action: &str) -> Option<ApiError> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let failure = next.iter_mut().find(|failure| failure.action == action && failure.times > 0)?;
        failure.times -= 1;
        let error = failure.error.clone();
        next.retain(|failure| failure.times > 0);
        Some(error)
    }

    pub(crate) fn hook(&self, hook: impl FnMut(&Request) -> Fault + Send + 'static) {
        *self.hook.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(hook));
    }

    pub(crate) fn fail_next(&self, action: &str, times: usize, error: ApiError) {
        let failure = Failure { action: action.to_owned(), times, error };
        self.next.lock().unwrap_or_else(PoisonError::into_inner).push(failure);
    }

    pub(crate) fn clear(&self) {
        *self.hook.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.next.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
