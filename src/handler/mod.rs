//! The two handlers. Only here are the steps composed.

mod check;
mod outbox;
mod start;

pub use check::check;
pub use start::start;
