//! What is recorded before a plan, and because of it.

mod changes;
mod stale;
