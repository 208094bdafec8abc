//! The fast stories: what every change is tried against.

mod answers;
mod docs;
mod events;
mod imports;
mod invariants;
mod messages;
mod promises;
mod reasons;
mod reconciling;
mod rules;
mod settling;
mod windows;
