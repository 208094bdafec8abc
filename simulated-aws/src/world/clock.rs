//! The world's time.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// A source of time, plus a manual offset.
pub(crate) struct Clock {
    source: Box<dyn Fn() -> Timestamp + Send + Sync>,
    added: Mutex<SignedDuration>,
}

impl Clock {
    pub(crate) fn new(source: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { source: Box::new(source), added: Mutex::new(SignedDuration::ZERO) }
    }

    pub(crate) fn now(&self) -> Timestamp {
        let added = *self.added.lock().unwrap_or_else(PoisonError::into_inner);
        (self.source)().saturating_add(added).unwrap_or(Timestamp::MAX)
    }

    pub(crate) fn advance(&self, by: SignedDuration) {
        let mut added = self.added.lock().unwrap_or_else(PoisonError::into_inner);
        *added = added.saturating_add(by);
    }
}
