//! The targets of cargo-fuzz. They are the functions that the test `hostile` runs.

#![forbid(unsafe_code)]

#[path = "../../tests/support/hostile.rs"]
pub mod hostile;
#[path = "../../tests/support/mod.rs"]
mod support;
