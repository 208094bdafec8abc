//! Keeps Amazon EKS managed node groups on current AMI releases.
//!
//! Two stories, in [`handler`]: `start` finds the node groups that opted in, plans, and starts updates; `check` follows each
//! update to its end and tells people what they must know. Nouns are in [`model`]; every other module is one step or one
//! edge.

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod adopt;
pub mod aws;
pub mod check;
pub mod config;
pub mod discover;
pub mod event;
pub mod freeze;
pub mod handler;
pub mod logging;
pub mod message;
pub mod model;
pub mod notify;
pub mod plan;
pub mod record;
pub mod remember;
pub mod resolve;
pub mod submit;
pub mod summary;
