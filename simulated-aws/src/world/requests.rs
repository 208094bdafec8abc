//! Requests: those that arrived, and their faults.

use crate::state::request::Request;
use crate::wire::error::ApiError;
use crate::world::World;
use crate::world::fault::Fault;

impl World {
    /// Every request so far, in order, whatever its result.
    pub fn requests(&self) -> Vec<Request> {
        self.state().requests.clone()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.state().requests.clear();
    }

    /// Lets `hook` choose the fault of every request from now on; it replaces the hook set before. The hook may use
    /// the world (to move time in the middle of a run, or to change a node group between two calls), but must not set another
    /// hook.
    pub fn on_request(&self, hook: impl FnMut(&Request) -> Fault + Send + 'static) {
        self.faults().hook(hook);
    }

    /// Refuses the next `times` requests for `action`, for instance `eks:DescribeNodegroup`, with `error`. Note that the SDK
    /// retries errors that it considers transient, and each attempt counts.
    pub fn fail_next(&self, action: &str, times: usize, error: ApiError) {
        self.faults().fail_next(action, times, error);
    }

    /// Ends every fault: the hook, and what is left of [`World::fail_next`].
    pub fn clear_faults(&self) {
        self.faults().clear();
    }
}
