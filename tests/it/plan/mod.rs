//! The plan: what is decided about each node group, and why.

mod downgraded;
mod invariants;
mod quarantine;
pub(crate) mod reasons;
mod rollback;
mod rules;
mod windows;
