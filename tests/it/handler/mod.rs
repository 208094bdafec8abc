//! Whole runs of `start` and `check`.

mod events;
mod frugal;
mod outbox;
mod runs;
