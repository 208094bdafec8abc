//! Keeps Amazon EKS managed node groups on current AMI releases.
//!
//! Two Lambda functions, each with a handler in [`handler`]:
//!
//! ```text
//! start   event ─► observe ─► reconcile ─► plan ─► execute ─► summary
//!                  (AWS)      (pure)       (pure)  (intent, call, id)
//! check   event ─► observe ─► settle ─► store ─► notify ─► summary
//! ```
//!
//! | module | content |
//! |---|---|
//! | [`handler`] | the two handlers, which compose the steps |
//! | [`event`], [`config`], [`run`] | the edge: the event, the settings, the time |
//! | [`observe`] | every read of AWS |
//! | [`reconcile`] | the changes to record before the plan and because of it: pure |
//! | [`plan`] | one decision for each node group: pure |
//! | [`explain`], [`standing`], [`settle`] | every rule's answer; whether a node group is kept current; what became of an attempt: pure |
//! | [`execute`] | starts the planned updates |
//! | [`store`] | the table of records |
//! | [`notify`] | messages, and publishing them |
//! | [`model`] | the nouns: values without I/O and without a clock |
//! | [`summary`], [`logging`], [`metrics`], [`aws`] | answers, logs, metrics, clients |
//!
//! The pure modules import nothing that does I/O: `model` imports only itself, `plan` and `settle` only `model`, and `standing`,
//! `explain` and `reconcile` those and `plan`. A test holds them to it.

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod aws;
pub mod config;
pub mod event;
pub mod execute;
pub mod explain;
pub mod handler;
pub mod logging;
pub mod metrics;
pub mod model;
pub mod notify;
pub mod observe;
pub mod plan;
pub mod reconcile;
pub mod run;
pub mod settle;
pub mod standing;
pub mod store;
pub mod summary;
