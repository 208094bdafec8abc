//! Whole runs of `start` and `check`.

mod events;
mod frugal;
mod narrow;
mod outbox;
mod runs;
