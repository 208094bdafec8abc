//! The world: the state under one lock, a clock, and faults. Each file adds the test operations of one service.

mod account;
mod announcement;
mod clock;
mod cloudformation;
mod clusters;
mod dynamodb;
mod eks;
mod eventbridge;
mod exchange;
pub(crate) mod fault;
mod http;
mod lambda;
mod quirks;
pub(crate) mod regions;
mod releases;
mod requests;
mod sns;
mod ssm;
mod tagging;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::state::State;
use crate::state::arns::REGION;
use crate::state::regions::RegionOptStatus;
use crate::world::clock::Clock;
use crate::world::fault::Faults;

/// A simulated AWS account, in one region. A clone is another handle to the same world.
#[derive(Clone)]
pub struct World {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Clock,
    state: Mutex<State>,
    faults: Faults,
}

impl World {
    /// An empty world whose time is `start` until [`World::advance`] moves it.
    pub fn new(start: Timestamp) -> Self {
        Self::with_clock(move || start)
    }

    /// An empty world with the time of `clock`, for instance one in which a second is a minute. The clock must not use the world.
    pub fn with_clock(clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        let mut state = State::default();
        state.regions.insert(REGION.to_owned(), RegionOptStatus::EnabledByDefault);
        let inner = Inner { clock: Clock::new(clock), state: Mutex::new(state), faults: Faults::default() };
        Self { inner: Arc::new(inner) }
    }

    /// The world's time.
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Moves the world's time.
    pub fn advance(&self, by: SignedDuration) {
        self.inner.clock.advance(by);
    }

    /// The state as of now, with every update finished that is due.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        let now = self.now();
        let mut state = self.inner.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.now = now;
        state.finish_due_updates();
        state
    }

    pub(crate) fn faults(&self) -> &Faults {
        &self.inner.faults
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("now", &self.now()).finish_non_exhaustive()
    }
}
