//! The commands that look at an account, and those that steer the updater there.

pub mod doctor;
pub mod explain;
pub mod plan;
