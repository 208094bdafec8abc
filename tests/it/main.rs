//! The fast stories: what every change is tried against.

mod answers;
mod blame;
mod chat;
mod docs;
mod events;
mod frugal;
mod imports;
mod invariants;
mod lowered;
mod messages;
mod metrics;
mod outbox;
mod phones;
mod promises;
mod published_events;
mod reasons;
mod reconciling;
mod releases;
mod rollback;
mod rules;
mod runs;
mod schema;
mod settling;
mod stale;
mod throttling;
mod windows;
