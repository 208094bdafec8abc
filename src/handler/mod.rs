//! The handlers. The steps are composed only here.

mod check;
mod outbox;
mod preview;
mod stages;
mod start;

pub use check::check;
pub use preview::preview;
pub use start::start;
