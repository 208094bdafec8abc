use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use crate::{ApiError, Request, World};

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Verdict {
    /// It is answered as AWS would.
    #[default]
    Answer,
    /// It is refused before it had any effect.
    Error(ApiError),
    /// The connection breaks before it had any effect.
    LostBefore,
    /// It takes effect; the connection breaks before the answer arrives.
    LostAfter,
    /// It takes effect; an error is answered all the same.
    ErrorAfter(ApiError),
    /// It takes effect; this is answered instead, for instance a proxy's error page.
    Body {
        /// The HTTP status.
        status: u16,
        /// The whole body.
        body: Bytes,
    },
    /// It takes effect; the second half of the answer's body is missing.
    Truncated,
    /// It takes effect; one member of the JSON answer is missing, the one with this number. Which there are, and in which
    /// order, depends on the answer, so a number goes round. Members named for a token, and single tags, stay, since without
    /// them an answer would be another good one. Of what DynamoDB answers only the outermost members can be missing.
    WithoutMember(usize),
    /// It is under way for long, by tokio's clock; in between it fares as `then` says. Whoever gave up meanwhile is not
    /// asked: it takes effect all the same.
    Slow {
        /// From the client to its effect.
        before: Duration,
        /// From there back to the client.
        after: Duration,
        /// What becomes of it.
        then: Box<Self>,
    },
}

type Hook = Box<dyn FnMut(&Request) -> Verdict + Send>;

struct Failure {
    action: String,
    times: usize,
    error: ApiError,
}

/// The faults that were asked for.
#[derive(Default)]
pub(crate) struct Faults {
    next: Mutex<Vec<Failure>>,
    hook: Mutex<Option<Hook>>,
}

impl Faults {
    /// What becomes of `request`: a failure asked for by name comes before the hook.
    pub(crate) fn verdict(&self, request: &Request) -> Verdict {
        if let Some(error) = self.take_next(&request.action) {
            return Verdict::Error(error);
        }
        let mut hook = self.hook.lock().unwrap_or_else(PoisonError::into_inner);
        hook.as_mut().map_or(Verdict::Answer, |hook| hook(request))
    }

    fn take_next(&self, action: &str) -> Option<ApiError> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let failure = next.iter_mut().find(|failure| failure.action == action && failure.times > 0)?;
        failure.times -= 1;
        let error = failure.error.clone();
        next.retain(|failure| failure.times > 0);
        Some(error)
    }
}

impl World {
    /// Lets `hook` decide about every request from now on; it replaces the hook set before. The hook may use the
    /// world (to move time in the middle of a run, or to change a node group between two calls), but may not set
    /// another hook.
    pub fn on_request(&self, hook: impl FnMut(&Request) -> Verdict + Send + 'static) {
        *self.faults().hook.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(hook));
    }

    /// Refuses the next `times` requests for `action`, for instance `eks:DescribeNodegroup`, with `error`. Mind that
    /// the SDK retries what it takes for transient, and each try counts.
    pub fn fail_next(&self, action: &str, times: usize, error: ApiError) {
        let failure = Failure { action: action.to_owned(), times, error };
        self.faults().next.lock().unwrap_or_else(PoisonError::into_inner).push(failure);
    }

    /// Ends every fault: the hook, and what is left of [`World::fail_next`].
    pub fn clear_faults(&self) {
        *self.faults().hook.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.faults().next.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
