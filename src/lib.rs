//! Keeps Amazon EKS managed node groups on current AMI releases.

pub mod aws;
pub mod config;
pub mod discover;
pub mod event;
pub mod model;
pub mod plan;
pub mod record;
pub mod resolve;
pub mod submit;
