//! The clients: which hosts they call, and at which pace.

mod endpoints;
mod throttling;
