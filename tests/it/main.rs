//! The fast tests, which every change is tried against. They are laid out as `src` is.

mod attention;
mod aws;
mod docs;
mod execute;
mod handler;
mod imports;
mod metrics;
mod notify;
mod observe;
mod plan;
mod promises;
mod reconcile;
mod schema;
mod settle;
mod store;
