//! Keeps Amazon EKS managed node groups on current AMI releases.

pub mod aws;
pub mod config;
pub mod event;
pub mod model;
